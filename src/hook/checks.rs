//! Looking at every block: when a run is over, and when the body asks.

use std::ptr;
use std::sync::atomic::Ordering;

use super::accuse;
use super::blocks::meta::{LIVE, QUARANTINED};
use super::blocks::store::{Family, Store};
use super::core::Core;
use super::gate;
use crate::model::memory::Noticed;

/// Looks at what the open run has freed and at what is still live, when it is over.
pub(crate) fn when_over(core: &Core) {
    let own = gate::local(|local| local.shard.get());
    let tell = |written| {
        // SAFETY: the core and this thread's place are valid; the meta is of a freed block that is in no other thread's hands.
        gate::local(|local| unsafe { accuse::written_after_free(ptr::from_ref(core), local, written, Noticed::End) });
    };
    let ends = core.is_copy();
    for shard in core.store.shards() {
        // SAFETY: the shard is one of the store's; the one that is flushed is this thread's, or its thread has ended.
        unsafe {
            // A thread that was joined may still be there for the system.
            if shard == own || (shard != core.store.common() && Store::is_left(shard, !ends)) {
                let written = if ends { core.store.look_at_freed(shard) } else { core.store.flush(shard) };
                if !written.is_null() {
                    tell(written);
                }
            } else {
                core.store.look_at_quarantine(shard, core.session_number(), tell);
            }
        }
    }
    if core.holds_blocks() {
        look_at_live(core, Noticed::End);
    }
}

/// Between runs: what this thread has freed since the last one leaves the quarantine. In every copy of the process that ends with its
/// run all of it would be looked at again.
#[cfg_attr(not(all(target_os = "linux", not(oomsweep_portable))), allow(dead_code, reason = "no process is copied"))]
pub(crate) fn let_go(core: &Core) {
    let own = gate::local(|local| local.shard.get());
    if !own.is_null() && own != core.store.common() {
        // SAFETY: the shard is this thread's. No run is open, so a block that was written is nobody's finding.
        unsafe { core.store.flush(own) };
    }
}

/// Looks at every live block that a session has made.
fn look_at_live(core: &Core, noticed: Noticed) {
    for meta in core.store.slots(Family::Bodies) {
        // SAFETY: a meta of the store's; a live block whose threads have ended, or stand still, is nobody else's now.
        unsafe {
            if (*meta).state.load(Ordering::Acquire) == LIVE && (*meta).session != 0 && !core.store.is_intact(meta) {
                gate::local(|local| accuse::damaged(core, local, meta, noticed));
            }
        }
    }
}

/// Looks at every block now, freed ones too; for when no other thread of the body runs.
pub(crate) fn now(core: &Core) {
    for meta in core.store.slots(Family::Bodies) {
        // SAFETY: as above; a block in quarantine is nobody's.
        unsafe {
            if (*meta).state.load(Ordering::Acquire) == QUARANTINED && !core.store.is_untouched(meta) {
                gate::local(|local| accuse::written_after_free(ptr::from_ref(core), local, meta, Noticed::Demand));
            }
        }
    }
    look_at_live(core, Noticed::Demand);
}
