//! Bodies that have much memory, many threads or many points; each in two: one that forgets a block on one error path, and one that
//! never does.

use std::cell::RefCell;
use std::collections::TryReserveError;
use std::fs;
use std::hint::black_box;
use std::mem::forget;
use std::path::Path;
use std::sync::{Arc, Barrier, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use oomsweep::exempt;

/// What a body asks for and may run short of.
pub(crate) type Asked = Result<(), TryReserveError>;

/// Names the folder in which a trial says that it stands still, and who watches says that it was looked at.
pub(crate) const WATCHED: &str = "LARGE_WATCHED";
/// The file by which it says so.
pub(crate) const STANDS: &str = "stands";
/// The file by which the other does.
pub(crate) const LOOKED_AT: &str = "looked_at";

/// For a trial that has all its memory: stands still until it was looked at. Of all trials the first that come here do.
fn be_looked_at() {
    exempt(|| {
        let Some(folder) = std::env::var_os(WATCHED) else { return };
        let (stands, looked_at) = (Path::new(&folder).join(STANDS), Path::new(&folder).join(LOOKED_AT));
        if looked_at.exists() {
            return;
        }
        fs::write(stands, "").expect("the folder is there");
        while !looked_at.exists() {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Two requests a round. In the round that `forgets` names the first block is lost if there is no second.
#[inline(never)]
pub(crate) fn rounds(count: usize, forgets: Option<usize>) -> Asked {
    for round in 0..black_box(count) {
        let (mut first, mut second) = (Vec::<u8>::new(), Vec::<u8>::new());
        black_box(&mut first).try_reserve_exact(48).inspect_err(|_| be_looked_at())?;
        let refused = black_box(&mut second).try_reserve_exact(100).inspect_err(|_| be_looked_at());
        if refused.is_err() && forgets == Some(round) {
            forget(black_box(first));
            return refused;
        }
        refused?;
    }
    Ok(())
}

/// So many bytes, each of them written.
fn written(bytes: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut block = Vec::<u8>::new();
    block.try_reserve_exact(bytes)?;
    // SAFETY: so many bytes were reserved, and all of them are written.
    unsafe {
        block.as_mut_ptr().write_bytes(0xa5, bytes);
        block.set_len(bytes);
    }
    Ok(black_box(block))
}

/// The rounds, beside so many bytes of the run itself: every run writes them.
pub(crate) fn beside_much(bytes: usize, count: usize, forgets: Option<usize>) -> Asked {
    let kept = written(bytes)?;
    rounds(count, forgets)?;
    drop(black_box(kept));
    Ok(())
}

/// The rounds, beside so many bytes that the first run has made and every other finds.
pub(crate) fn beside_what_is_kept(bytes: usize, count: usize, forgets: Option<usize>) -> Asked {
    static KEPT: OnceLock<Vec<u8>> = OnceLock::new();
    black_box(exempt(|| KEPT.get_or_init(|| written(bytes).expect("nothing fails in here"))));
    rounds(count, forgets)
}

/// What each thread has of its own.
struct Own([u8; 64 << 10]);

impl Drop for Own {
    fn drop(&mut self) {
        black_box(&self.0);
    }
}

thread_local! {
    static OWN: RefCell<Own> = const { RefCell::new(Own([0; 64 << 10])) };
}

/// Runs `meanwhile` while so many threads wait, each of which has written what is its own. They are no part of what is swept.
fn among<T>(threads: usize, meanwhile: impl FnOnce() -> T) -> T {
    let (over, alive) = exempt(|| {
        let (ready, over) = (Arc::new(Barrier::new(threads + 1)), Arc::new(Barrier::new(threads + 1)));
        let start = |_| {
            let (ready, over) = (Arc::clone(&ready), Arc::clone(&over));
            let live = move || {
                OWN.with_borrow_mut(|own| black_box(own).0.fill(0xa5));
                ready.wait();
                over.wait();
            };
            thread::Builder::new().stack_size(64 << 10).spawn(live).expect("a thread")
        };
        let alive: Vec<JoinHandle<()>> = (0..threads).map(start).collect();
        ready.wait();
        (over, alive)
    });
    let came = meanwhile();
    exempt(|| {
        over.wait();
        alive.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
        drop(over);
    });
    came
}

/// The rounds, after so many threads have lived and ended.
pub(crate) fn after_threads(threads: usize, count: usize, forgets: Option<usize>) -> Asked {
    among(threads, || ());
    rounds(count, forgets)
}

/// The rounds, while so many threads live.
pub(crate) fn among_threads(threads: usize, count: usize, forgets: Option<usize>) -> Asked {
    among(threads, || rounds(count, forgets))
}

/// The rounds, for who tries few of their points.
pub(crate) fn few_of_many(count: usize, forgets: Option<usize>) -> Asked {
    rounds(count, forgets)
}
