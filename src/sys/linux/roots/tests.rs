//! Each kind of place, with a word in it that is nowhere else: everywhere else it is kept complemented.

use std::cell::Cell;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::sys::linux::world::stop_others;
use crate::sys::stacks;
use crate::sys::words;

const LIMIT: Duration = Duration::from_secs(20);

/// A word, complemented, that nobody else has.
fn new_word() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// Writes the word.
#[inline(never)]
fn put(at: usize, hidden: usize) {
    // SAFETY: the tests give the address of a word of theirs.
    unsafe { (at as *mut usize).write_volatile(!hidden) };
}

/// How often the word is found near and far.
#[inline(never)]
fn find(entry: usize, hidden: usize, without: &[Range]) -> (usize, usize) {
    let (mut near, mut far) = (0, 0);
    let mut world = stop_others(LIMIT);
    let stood = world.running().count() == 0;
    let listed = world.near(entry, &mut |root| near += count(root, hidden))
        && world.far(entry, without, &mut |root| far += count(root, hidden));
    drop(world);
    assert!(stood && listed);
    (near, far)
}

fn count(root: Root, hidden: usize) -> usize {
    match root {
        Root::Word(word) => usize::from(!word == hidden),
        Root::Memory(range) => {
            let (mut at, mut count) = (range.from.next_multiple_of(8), 0);
            while at + 8 <= range.end() {
                // SAFETY: a root can be read.
                count += usize::from(!unsafe { words::read(at) } == hidden);
                at += 8;
            }
            count
        }
    }
}

/// Asserts that the word at this address is found as often as `expected`, and once it is gone not at all.
#[track_caller]
fn assert_found(at: usize, expected: (usize, usize)) {
    let entry = stacks::pointer();
    let hidden = new_word();
    put(at, hidden);
    assert_eq!(find(entry, hidden, &[]), expected);
    put(at, !0);
    assert_eq!(find(entry, hidden, &[]), (0, 0));
}

static VARIABLE: AtomicUsize = AtomicUsize::new(0);
static WITH_VALUE: AtomicUsize = AtomicUsize::new(1);

#[test]
fn statics_are_near() {
    assert_found(VARIABLE.as_ptr() as usize, (1, 0));
    assert_found(WITH_VALUE.as_ptr() as usize, (1, 0));
}

#[test]
fn statics_of_the_c_library_are_near() {
    unsafe extern "C" {
        static mut signgam: i32;
    }
    // Two words lie somewhere in it; only that it is searched is looked at, for writing would disturb others.
    let wanted = &raw const signgam as usize;
    assert!(covered(wanted).0);
}

/// Whether the address lies in a near root, and in a far one.
fn covered(address: usize) -> (bool, bool) {
    let entry = stacks::pointer();
    let (mut near, mut far) = (false, false);
    let holds = |root: Root| matches!(root, Root::Memory(range) if range.holds(address));
    let mut world = stop_others(LIMIT);
    world.near(entry, &mut |root| near |= holds(root));
    world.far(entry, &[], &mut |root| far |= holds(root));
    drop(world);
    (near, far)
}

thread_local! {
    static PLAIN: Cell<usize> = const { Cell::new(0) };
    static DROPPED: Dropped = const { Dropped(Cell::new(0)) };
}

struct Dropped(Cell<usize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

#[test]
fn own_thread_locals_are_near_and_those_of_others_far() {
    assert_found(PLAIN.with(Cell::as_ptr) as usize, (1, 0));
    assert_found(DROPPED.with(|local| local.0.as_ptr()) as usize, (1, 0));
    let (plain, other) = waiting(|| PLAIN.with(Cell::as_ptr) as usize);
    let (dropped, another) = waiting(|| DROPPED.with(|local| local.0.as_ptr()) as usize);
    assert_found(plain, (0, 1));
    assert_found(dropped, (0, 1));
    other();
    another();
}

/// A thread that says one number and then waits for a message; and what ends it.
fn waiting(say: impl FnOnce() -> usize + Send + 'static) -> (usize, impl FnOnce()) {
    let ((up, said), (go, waits)) = (channel(), channel::<()>());
    let thread = thread::spawn(move || {
        let _ = up.send(say());
        let _ = waits.recv();
    });
    let number = said.recv().expect("it says");
    (number, move || end(go, thread))
}

fn end(go: Sender<()>, thread: JoinHandle<()>) {
    drop(go);
    thread.join().expect("it ends");
}

#[test]
fn locals_of_a_library_that_was_loaded_later_are_near() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("late.c"), folder.path().join("late.so"));
    let text = "static __thread long words[40]; long *late(void) { return words; }";
    std::fs::write(&source, text).expect("the source is written");
    let done = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(done.expect("the linker of these tests compiles C as well").success());
    let path = std::ffi::CString::new(library.to_str().expect("a plain name")).expect("no zero");
    // SAFETY: the library has no constructors, and `late` has this type.
    let late = unsafe {
        let loaded = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!loaded.is_null());
        std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> usize>(libc::dlsym(loaded, c"late".as_ptr()))
    };
    let (entry, hidden) = (stacks::pointer(), new_word());
    let before = locals::thread_pointer();
    let at = late() + 320 - 8;
    assert!(!(before - 4096..before).contains(&at), "not among the static ones");
    put(at, hidden);
    let (near, _) = find(entry, hidden, &[]);
    assert_eq!(near, 1);
    let (other, end) = waiting(move || late());
    let hidden = new_word();
    put(other, hidden);
    let (near, far) = find(entry, hidden, &[]);
    end();
    assert!(near == 0 && far >= 1);
}

/// A key with at least this number.
fn key_from(least: u32) -> libc::pthread_key_t {
    loop {
        let mut key = 0;
        // SAFETY: `key` is ours to be written; there is no destructor.
        assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, None) }, 0);
        if key >= least {
            return key;
        }
    }
}

#[inline(never)]
fn set_key(key: libc::pthread_key_t, hidden: usize) {
    // SAFETY: the key was made, and nobody uses its value.
    unsafe { libc::pthread_setspecific(key, !hidden as *const libc::c_void) };
}

#[test]
fn values_of_keys_are_found_wherever_the_c_library_has_them() {
    // Values of the first 32 keys lie in the thread's record, the others in a block of C's.
    for key in [key_from(1), key_from(40)] {
        let (entry, hidden) = (stacks::pointer(), new_word());
        set_key(key, hidden);
        assert_eq!(find(entry, hidden, &[]).0, 1, "{key}");
        set_key(key, !0);
        let (_, end) = waiting(move || {
            set_key(key, hidden);
            0
        });
        let (near, far) = find(entry, hidden, &[]);
        end();
        assert!(near == 0 && far >= 1, "{key}");
        assert_eq!(find(entry, hidden, &[]).0, 0, "{key}");
    }
}

#[test]
fn the_own_stack_counts_from_the_named_frame_outwards() {
    let outer = 0_usize;
    put(&raw const outer as usize, !0);
    let entry = stacks::pointer();
    inner(entry, &raw const outer as usize);
}

#[inline(never)]
fn inner(entry: usize, outer: usize) {
    let here = 0_usize;
    let hidden = new_word();
    put(&raw const here as usize, hidden);
    assert_eq!(find(entry, hidden, &[]), (0, 0));
    assert!(find(stacks::pointer(), hidden, &[]).0 >= 1);
    put(outer, hidden);
    assert_eq!(find(entry, hidden, &[]), (1, 0));
}

/// Starts a thread that keeps the word in its frame while it waits; gives what ends the wait.
type Waiting = fn(usize, Arc<Barrier>) -> Box<dyn FnOnce()>;

#[test]
fn stacks_of_waiting_threads_are_far() {
    let kinds: [Waiting; 3] = [
        |hidden, ready| {
            let (go, waits) = channel::<()>();
            let thread = thread::spawn(move || held_while(hidden, &ready, &|| assert!(waits.recv().is_err())));
            Box::new(move || end(go, thread))
        },
        |hidden, ready| {
            let pair = Arc::new((Mutex::new(false), Condvar::new()));
            let theirs = Arc::clone(&pair);
            let wait = move || {
                let mut done = theirs.0.lock().expect("nobody panics");
                while !*done {
                    done = theirs.1.wait(done).expect("nobody panics");
                }
            };
            let thread = thread::spawn(move || held_while(hidden, &ready, &wait));
            Box::new(move || {
                *pair.0.lock().expect("nobody panics") = true;
                pair.1.notify_all();
                thread.join().expect("it ends");
            })
        },
        |hidden, ready| {
            let over = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&over);
            let wait = move || {
                while !theirs.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
            };
            let thread = thread::spawn(move || held_while(hidden, &ready, &wait));
            Box::new(move || {
                over.store(true, Ordering::Relaxed);
                thread.join().expect("it ends");
            })
        },
    ];
    for kind in kinds {
        let (entry, hidden, ready) = (stacks::pointer(), new_word(), Arc::new(Barrier::new(2)));
        let end = kind(hidden, Arc::clone(&ready));
        ready.wait();
        let (near, far) = find(entry, hidden, &[]);
        end();
        assert!(near == 0 && far >= 1);
    }
}

#[inline(never)]
fn held_while(hidden: usize, ready: &Barrier, wait: &dyn Fn()) {
    let held = 0_usize;
    put(&raw const held as usize, hidden);
    ready.wait();
    wait();
    put(&raw const held as usize, !0);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn registers_of_running_threads_are_far() {
    static UP: AtomicU32 = AtomicU32::new(0);
    static OVER: AtomicU32 = AtomicU32::new(0);
    let (entry, hidden) = (stacks::pointer(), new_word());
    let thread = thread::spawn(move || {
        // SAFETY: reads one static and writes another until somebody writes the first.
        unsafe {
            std::arch::asm!(
                "not {word}", "mov dword ptr [{up}], 1",
                "2:", "pause", "cmp dword ptr [{over}], 0", "je 2b",
                "not {word}",
                word = inout(reg) hidden => _, up = in(reg) UP.as_ptr(), over = in(reg) OVER.as_ptr(),
                options(nostack)
            );
        }
    });
    while UP.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    let found = find(entry, hidden, &[]);
    OVER.store(1, Ordering::SeqCst);
    thread.join().expect("it ends");
    assert_eq!(found, (0, 1));
}

#[test]
fn memory_of_c_is_far() {
    // SAFETY: the block is ours from here to the end.
    unsafe {
        let block = libc::malloc(4000);
        assert_found(block as usize + 800, (0, 1));
        libc::free(block);
    }
}

/// Maps pages without this crate's knowing.
fn map(bytes: usize, how: i32, file: i32) -> usize {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping where the system likes.
    let at = unsafe { libc::mmap(ptr::null_mut(), bytes, access, how, file, 0) };
    assert_ne!(at, libc::MAP_FAILED);
    at as usize
}

#[test]
fn mappings_are_far_however_they_were_made() {
    for how in [libc::MAP_PRIVATE, libc::MAP_SHARED] {
        let at = map(3 * 4096, how | libc::MAP_ANONYMOUS, -1);
        assert_found(at + 4096 + 16, (0, 1));
        let (entry, hidden) = (stacks::pointer(), new_word());
        put(at + 8192, hidden);
        assert_eq!(find(entry, hidden, &[]), (0, 1));
        assert_eq!(find(entry, hidden, &[Range { from: at + 8192, len: 8 }]), (0, 0));
        assert_eq!(find(entry, hidden, &[Range { from: at + 8200, len: 8 }]), (0, 1));
        let file = tempfile::tempfile().expect("a file");
        file.set_len(5000).expect("it grows");
        // Behind the second page there is no file: who reads there is killed.
        let at = map(64 * 4096, how, std::os::fd::AsRawFd::as_raw_fd(&file));
        assert_found(at + 4096 + 16, (0, 1));
    }
}

#[test]
fn what_was_never_touched_is_not_read() {
    // Reading all of it would take for ever.
    const ALL: usize = 1 << 43;
    let at = map(ALL, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, -1);
    assert_found(at + ALL / 2, (0, 1));
    // SAFETY: mapped above, and not used any more.
    unsafe { libc::munmap(at as *mut libc::c_void, ALL) };
}

#[test]
fn our_own_pages_are_no_roots() {
    let at = pages::map(4096, pages::Share::Private).expect("a page").as_ptr() as usize;
    assert_found(at + 8, (0, 0));
}

#[cfg(target_env = "gnu")]
mod quiet;
