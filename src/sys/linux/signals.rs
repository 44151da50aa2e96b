//! Fatal signals: seen once, told to whoever asked, and then left to what would have happened without us.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::actions::{self, Handler};
use super::pages::{self, Share};
use super::state::Range;
use crate::model::memory::Noticed;

/// What a fatal signal brought along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fatal {
    /// The signal's number.
    pub(crate) number: i32,
    /// The faulting address, for signals that have one.
    pub(crate) address: Option<usize>,
    /// The stack pointer of the interrupted code; 0 if unknown.
    pub(crate) sp: usize,
    /// The interrupted instruction; 0 if unknown.
    pub(crate) pc: usize,
    /// What the instruction did there: `Read`, `Write`, or `Access` if that is not known.
    pub(crate) access: Noticed,
    /// The address is none that this machine has; which one it was, the system does not say.
    pub(crate) is_no_address: bool,
    /// What the registers held that may have made up the address, where it is none; 0 where there are fewer, or they are not
    /// known.
    pub(crate) general: [usize; GENERAL],
}

/// How many general registers are looked at.
pub(crate) const GENERAL: usize = 31;
/// `si_code` of a signal that the kernel raises for a reason of its own: here, an address that is none.
const BY_KERNEL: i32 = 128;

/// Is told of a fatal signal, on the stack of the handler: it must not allocate, lock or unwind. If it returns, what was
/// installed before gets the signal.
pub(crate) type Witness = fn(&Fatal);

const WATCHED: [i32; 7] =
    [libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS];
const STACK: usize = 256 * 1024;

static WITNESS: AtomicUsize = AtomicUsize::new(0);

struct Previous(UnsafeCell<[MaybeUninit<libc::sigaction>; WATCHED.len()]>);
// SAFETY: written by `watch`, on one thread, while no handler that reads it is in place; the handlers only read.
unsafe impl Sync for Previous {}
static PREVIOUS: Previous = Previous(UnsafeCell::new([const { MaybeUninit::uninit() }; WATCHED.len()]));

/// Tells `witness` of every fatal signal of this process from now on; calling it again puts handlers that were replaced in
/// place again.
pub(crate) fn watch(witness: Witness) {
    let first = WITNESS.swap(witness as usize, Ordering::SeqCst) == 0;
    if first {
        // SAFETY: one thread watches, and no handler is in place yet.
        let previous = unsafe { &mut *PREVIOUS.0.get() };
        for (place, &number) in previous.iter_mut().zip(&WATCHED) {
            place.write(actions::action(number));
        }
    }
    for number in WATCHED {
        let flags = libc::SA_ONSTACK | libc::SA_NODEFER;
        actions::handle(number, Handler::Told(on_signal), flags, actions::none());
    }
}

/// Puts back what stood before the first [`watch`].
pub(crate) fn unwatch() {
    if WITNESS.swap(0, Ordering::SeqCst) == 0 {
        return;
    }
    for &number in &WATCHED {
        restore(number);
    }
}

/// Gives the calling thread a signal stack that is large enough for a walk of the stack.
pub(crate) fn own_stack() {
    if present_stack().len >= STACK {
        // Inherited from the process that this one was forked from, or set before.
        return;
    }
    let Some(at) = pages::map(STACK, Share::Private) else { return };
    let stack = libc::stack_t { ss_sp: at.as_ptr().cast(), ss_flags: 0, ss_size: STACK };
    // SAFETY: the pages are ours, stay mapped, and are used for nothing else.
    unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
}

/// The stack that the calling thread's signal handlers run on; empty if they run on its own.
pub(super) fn present_stack() -> Range {
    let mut stack = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: only reads what is set; `stack` is ours to be written.
    unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
    range_of(&stack)
}

/// Where a signal stack lies; empty if it is none.
pub(super) fn range_of(stack: &libc::stack_t) -> Range {
    let is_set = stack.ss_flags & libc::SS_DISABLE == 0 && stack.ss_size != usize::MAX;
    Range { from: stack.ss_sp as usize, len: if is_set { stack.ss_size } else { 0 } }
}

fn restore(number: i32) {
    let place = WATCHED.iter().position(|&watched| watched == number).unwrap_or(0);
    // SAFETY: `watch` has filled every entry before a handler or `unwatch` can come here.
    unsafe {
        if let Some(previous) = (*PREVIOUS.0.get()).get(place) {
            libc::sigaction(number, previous.as_ptr(), ptr::null_mut());
        }
    }
}

extern "C" fn on_signal(number: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let saved = super::errno();
    let witness = WITNESS.load(Ordering::SeqCst);
    // SAFETY: the kernel hands a valid siginfo to an SA_SIGINFO handler; the address is read only for the signals that have one.
    let (code, address) = unsafe {
        let has_address = matches!(number, libc::SIGSEGV | libc::SIGBUS) && (*info).si_code > 0;
        ((*info).si_code, if has_address { Some((*info).si_addr() as usize) } else { None })
    };
    if witness != 0 {
        // SAFETY: only `watch` stores here, and it stores a `Witness`.
        let witness: Witness = unsafe { std::mem::transmute::<usize, Witness>(witness) };
        let is_no_address = number == libc::SIGSEGV && code == BY_KERNEL;
        let address = address.filter(|_| !is_no_address);
        let access = Noticed::Access;
        let mut fatal = Fatal { number, address, sp: 0, pc: 0, access, is_no_address, general: [0; GENERAL] };
        // SAFETY: the kernel hands a valid context to an SA_SIGINFO handler.
        unsafe { read_registers(context.cast(), &mut fatal) };
        witness(&fatal);
    }
    restore(number);
    super::set_errno(saved);
    if code <= 0 {
        // SAFETY: the signal was sent, not raised by an instruction: send it again to what is installed now.
        unsafe { libc::raise(number) };
    }
}

/// Reads what the interrupted code was about.
///
/// # Safety
/// `context` is the third argument of an SA_SIGINFO handler.
#[cfg(target_arch = "x86_64")]
unsafe fn read_registers(context: *const libc::ucontext_t, into: &mut Fatal) {
    // SAFETY: by the obligation of this function.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    let read = |number: i32| registers.get(number as usize).map_or(0, |&value| value as usize);
    into.sp = read(libc::REG_RSP);
    into.pc = read(libc::REG_RIP);
    // As the instruction set counts them.
    const NAMED: [i32; 8] = [
        libc::REG_RAX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RBX,
        libc::REG_RSP,
        libc::REG_RBP,
        libc::REG_RSI,
        libc::REG_RDI,
    ];
    if into.is_no_address && into.pc != 0 {
        // SAFETY: the processor has just read the instruction that is interrupted; what lies behind it is not looked at where its
        // page ends.
        let code = unsafe { std::slice::from_raw_parts(into.pc as *const u8, usize::min(15, 4096 - into.pc % 4096)) };
        let used = super::operand::registers(code);
        for (place, number) in into.general.iter_mut().zip(used.into_iter().flatten()) {
            let of_the_new = || libc::REG_R8.saturating_add(i32::from(number)).saturating_sub(8);
            *place = read(NAMED.get(usize::from(number)).copied().unwrap_or_else(of_the_new));
        }
    }
    // The processor's error code of a page fault: bit 1 says that it was a write.
    if into.number == libc::SIGSEGV && into.address.is_some() {
        into.access = if read(libc::REG_ERR) & 2 != 0 { Noticed::Write } else { Noticed::Read };
    }
}

/// Reads what the interrupted code was about.
///
/// # Safety
/// `context` is the third argument of an SA_SIGINFO handler.
#[cfg(target_arch = "aarch64")]
unsafe fn read_registers(context: *const libc::ucontext_t, into: &mut Fatal) {
    // SAFETY: by the obligation of this function.
    let registers = unsafe { &(*context).uc_mcontext };
    into.sp = registers.sp as usize;
    into.pc = registers.pc as usize;
    for (place, &value) in into.general.iter_mut().zip(&registers.regs) {
        *place = value as usize;
    }
}

/// Not known on this architecture.
///
/// # Safety
/// None: nothing is read.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn read_registers(_context: *const libc::ucontext_t, _into: &mut Fatal) {}
