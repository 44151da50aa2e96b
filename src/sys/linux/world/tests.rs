use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use super::*;
use crate::sys::linux::alone::is_alone;

const LIMIT: Duration = Duration::from_secs(20);

/// Threads that do nothing but work, each of which counts.
struct Busy {
    counts: Arc<Vec<AtomicUsize>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    fn start() -> Busy {
        let work: [fn(usize); 4] = [
            |round| drop(std::hint::black_box(vec![round as u8; round % 5000])),
            |_| drop(write!(std::io::stderr().lock(), "")),
            |_| thread::sleep(Duration::from_micros(50)),
            |_| drop(thread::spawn(|| {}).join()),
        ];
        let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..8).map(|_| AtomicUsize::new(0)).collect());
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..8)
            .map(|number| {
                let (counts, over, work) = (Arc::clone(&counts), Arc::clone(&over), work[number % work.len()]);
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let count = counts[number].fetch_add(1, Ordering::Relaxed);
                        work(count);
                        // Who sleeps now and then gets a processor soon after a signal, also where there are few.
                        if count.is_multiple_of(20) {
                            thread::sleep(Duration::from_micros(100));
                        }
                    }
                })
            })
            .collect();
        Busy { counts, over, threads }
    }

    fn sum(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("it ends");
        }
    }
}

#[test]
fn busy_threads_stop_and_go_on() {
    if !is_alone(module_path!(), "busy_threads_stop_and_go_on") {
        return;
    }
    let busy = Busy::start();
    while busy.counts.iter().any(|count| count.load(Ordering::SeqCst) == 0) {
        thread::yield_now();
    }
    let start = busy.sum();
    for round in 0..1000 {
        let stopped = stop_others(LIMIT);
        let (running, slots, before) = (stopped.running().count(), stopped.slots().count(), busy.sum());
        if round % 100 == 0 {
            nap(Duration::from_millis(2));
        }
        let after = busy.sum();
        drop(stopped);
        assert!(running == 0 && slots >= 8, "{running} run, {slots} stand");
        assert_eq!(before, after);
    }
    let stopped = busy.sum();
    while busy.sum() == stopped {
        thread::yield_now();
    }
    assert!(stopped > start);
    busy.end();
}

#[test]
fn several_can_want_the_world_at_once() {
    if !is_alone(module_path!(), "several_can_want_the_world_at_once") {
        return;
    }
    let busy = Busy::start();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..100 {
                    let stopped = stop_others(LIMIT);
                    let running = stopped.running().count();
                    drop(stopped);
                    assert_eq!(running, 0);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("it ends");
    }
    busy.end();
}

#[test]
fn what_a_thread_tells_of_itself_is_true() {
    let ((up, told), (go, waits)) = (channel(), channel::<()>());
    let thread = thread::spawn(move || {
        let here = 0_u8;
        up.send((threads::id(), locals::thread_pointer(), &raw const here as usize)).expect("somebody listens");
        let _ = waits.recv();
    });
    let (id, pointer, frame) = told.recv().expect("it tells");
    let stopped = stop_others(LIMIT);
    let slot = stopped.slots().find(|slot| slot.id == id).map(|slot| (slot.pointer, slot.sp, slot.words().len()));
    drop(stopped);
    drop(go);
    thread.join().expect("it ends");
    let (seen, sp, words) = slot.expect("it stood");
    assert_eq!(seen, pointer);
    assert!(sp < frame && frame - sp < 1 << 16 && words > 8);
}

#[test]
fn a_thread_that_blocks_the_signal_is_told_and_left_alone() {
    // Other tests would wait for it, and keep this one from ending it.
    if !is_alone(module_path!(), "a_thread_that_blocks_the_signal_is_told_and_left_alone") {
        return;
    }
    let ((up, told), (go, waits)) = (channel(), channel::<()>());
    let thread = thread::spawn(move || {
        let here = 0_u8;
        block(libc::SIG_BLOCK);
        up.send((threads::id(), &raw const here as usize)).expect("somebody listens");
        let _ = waits.recv();
        // What was sent comes now, when nobody waits for it any more.
        block(libc::SIG_UNBLOCK);
        threads::id()
    });
    let (id, frame) = told.recv().expect("it tells");
    for _ in 0..3 {
        // The thread may still be on its way to its wait, where its stack is not known.
        let sp = loop {
            let stopped = stop_others(Duration::from_millis(30));
            let running = stopped.running().find(|thread| thread.id == id);
            drop(stopped);
            if let Some(sp) = running.expect("it does not stand").sp {
                break sp;
            }
        };
        assert!(sp < frame && frame - sp < 1 << 16);
    }
    drop(go);
    assert_eq!(thread.join().expect("it goes on"), id);
}

fn block(how: i32) {
    // SAFETY: a zeroed set is a valid one; the call changes the calling thread's mask alone.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, signal());
        libc::pthread_sigmask(how, &raw const set, ptr::null_mut());
    }
}

#[test]
fn the_child_of_a_fork_can_stop_its_world_whoever_stopped_that_of_its_parent() {
    if !is_alone(module_path!(), "the_child_of_a_fork_can_stop_its_world_whoever_stopped_that_of_its_parent") {
        return;
    }
    let stopped = stop_others(LIMIT);
    // SAFETY: no other thread does anything here.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // The marks that the parent's thread has left say that the world stands.
        std::mem::forget(stopped);
        let alone = stop_others(LIMIT);
        let good = alone.slots().count() == 0 && alone.running().count() == 0 && INSIDE.load(Ordering::SeqCst) == 0;
        drop(alone);
        let good = good && ROUND.load(Ordering::SeqCst).is_multiple_of(2) && HOLDER.load(Ordering::SeqCst) == 0;
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    drop(stopped);
    let mut status = -1;
    // SAFETY: `status` is ours to be written.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0);
}

#[test]
fn alone_there_is_nobody_to_stop() {
    if !is_alone(module_path!(), "alone_there_is_nobody_to_stop") {
        return;
    }
    // SAFETY: no other thread does anything here.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let stopped = stop_others(LIMIT);
        let good = stopped.saw_all() && stopped.round.is_none() && stopped.slots().count() == 0;
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    let mut status = -1;
    // SAFETY: `status` is ours to be written.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0);
}
