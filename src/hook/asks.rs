//! What a body may ask of the checker while it runs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::blocks::meta::{LIVE, UNTRACKED};
use super::blocks::store::Store;
use super::checks;
use super::core::{self, Core};
use super::gate::{self, State};
use crate::sys::world;

/// How long other threads may take to stand still.
pub(crate) const STANDING: Duration = Duration::from_millis(100);
/// How often they are asked to, while one of them is inside the allocator.
const TRIES: u32 = 100;

/// Looks at every block of the run now: at the guarded bytes round those that are live, and at what was freed and is still watched.
///
/// What was written where nobody may write is a finding (`overflow`, `underflow`, `use-after-free`), and ends the trial at this
/// call. The same is looked at when a block is freed or resized, and at the end of the run; calls of this function between two
/// steps of a body tell which of them did the damage. Other threads stand still meanwhile; a `poll` of theirs ends with `EINTR`.
/// Outside a run it does nothing. Between guard pages damage is seen when it is done, and there is little left to look for.
///
/// # Examples
/// ```
/// let mut bytes = vec![0_u8; 16];
/// bytes.fill(1);
/// oomsweep::check_memory();
/// ```
pub fn check_memory() {
    let Some(core) = core::core().filter(|_| gate::state() == State::Session as u32) else { return };
    let _harness = gate::harness();
    for _ in 0..TRIES {
        let world = world::stop_others(STANDING);
        if world.running().next().is_none() && !is_busy(core) {
            checks::now(core);
            return;
        }
        drop(world);
        std::thread::yield_now();
    }
}

/// Whether another thread is inside the store.
fn is_busy(core: &Core) -> bool {
    let own = gate::local(|local| local.shard.get());
    // SAFETY: shards of the store; what is asked is one word, and its thread stands still.
    core.store.shards().any(|shard| shard != own && unsafe { (*shard).busy != 0 && !Store::is_left(shard, false) })
}

/// Declares that the block in which this address lies is held, for the rest of its life: by something that no search for pointers
/// can see, such as a pointer that is stored encoded. The block is no leak, and nothing that it leads to is one.
///
/// Such forms are: a pointer that is shifted, XORed with something or tagged in its high bits (low tag bits do no harm); one at
/// an address that is no multiple of eight; one that lies in another process or in a file.
///
/// For one block, and for one that `realloc` makes of it; [`untracked`](crate::untracked) is for all that a call makes. The block
/// is checked for memory errors as any other. An address that lies in no block of the test is left alone.
///
/// # Examples
/// ```
/// # const MASK: usize = 0x5A5A;
/// let block = Box::into_raw(Box::new(7));
/// oomsweep::keep(block);
/// let encoded = block as usize ^ MASK; // No search would find this.
/// # // SAFETY: decoded again, once.
/// # unsafe { drop(Box::from_raw((encoded ^ MASK) as *mut i32)) };
/// ```
pub fn keep<T: ?Sized>(address: *const T) {
    let address = address.cast::<()>() as usize;
    let Some(core) = core::core().filter(|core| core.store.contains(address)) else { return };
    let meta = core.store.slot_of(address);
    // SAFETY: a meta of the store's; the block is the caller's, who holds it.
    unsafe {
        let is_live = !meta.is_null() && (*meta).state.load(Ordering::Acquire) == LIVE;
        if is_live && address.wrapping_sub((*meta).address) <= (*meta).size {
            (*meta).marks |= UNTRACKED;
        }
    }
}
