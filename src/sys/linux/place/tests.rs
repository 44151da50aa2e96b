use std::cell::Cell;
use std::ptr;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;
use std::thread;

use super::*;
use crate::sys::linux::world;
use crate::sys::stacks;

fn place(address: usize) -> Place {
    place_of(address, stacks::pointer())
}

static ZEROED: [AtomicUsize; 4096] = [const { AtomicUsize::new(0) }; 4096];
static VALUED: AtomicUsize = AtomicUsize::new(7);

thread_local! {
    static LOCAL: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn every_kind_of_place_is_told() {
    world::learn();
    let local = 0_u8;
    assert_eq!(place(0), Place::Null);
    assert_eq!(place(1), Place::NearNull);
    assert_eq!(place(65535), Place::NearNull);
    assert_eq!(place(65536), Place::Unmapped);
    assert_eq!(place(usize::MAX), Place::Unmapped);
    assert_eq!(place(&raw const local as usize), Place::Stack);
    assert_eq!(place(stacks::pointer() - 40_000), Place::Stack);
    assert_eq!(place(&raw const VALUED as usize), Place::Static);
    assert_eq!(place(&raw const ZEROED[4000] as usize), Place::Static);
    assert_eq!(place("constant".as_ptr() as usize), Place::Static);
    assert_eq!(place(place as *const () as usize), Place::Static);
    assert_eq!(place(libc::getpid as *const () as usize), Place::Static);
    assert_eq!(place(LOCAL.with(Cell::as_ptr) as usize), Place::ThreadLocal);
    // SAFETY: the blocks are ours from here to the end.
    unsafe {
        let (small, large) = (libc::malloc(40), libc::malloc(1 << 22));
        assert_eq!((place(small as usize), place(large as usize)), (Place::Foreign, Place::Foreign));
        libc::free(small);
        libc::free(large);
    }
}

#[test]
fn pages_without_access_are_as_if_not_mapped() {
    let how = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping where the system likes.
    let at = unsafe { libc::mmap(ptr::null_mut(), 8192, libc::PROT_READ | libc::PROT_WRITE, how, -1, 0) };
    assert_eq!(place(at as usize + 4096), Place::Foreign);
    // SAFETY: mapped above.
    unsafe { libc::mprotect(at.byte_add(4096), 4096, libc::PROT_NONE) };
    assert_eq!(place(at as usize), Place::Foreign);
    assert_eq!(place(at as usize + 4096), Place::Unmapped);
}

#[test]
fn stacks_of_other_threads_are_told_once_the_threads_were_noted() {
    let ((up, told), (go, waits)) = (channel(), channel::<()>());
    let thread = thread::spawn(move || {
        let here = 0_u8;
        let own = place(&raw const here as usize);
        up.send((&raw const here as usize, own, locals::thread_pointer())).expect("somebody listens");
        let _ = waits.recv();
    });
    let (frame, own, pointer) = told.recv().expect("it tells");
    seen::note_thread(pointer);
    let noted = place(frame);
    drop(go);
    thread.join().expect("it ends");
    assert_eq!((own, noted), (Place::Stack, Place::Stack));
}

#[test]
fn errno_stays_as_it_is() {
    super::super::set_errno(77);
    let _ = place(0x5000_0000_0000);
    assert_eq!(super::super::errno(), 77);
}
