//! What kind of memory an address lies in.

use super::locals;
use super::maps::{self, Mapping, Of};
use super::modules;
use super::seen;
use super::state::Range;
use crate::model::memory::Place;

/// Below this address nothing is ever mapped.
const NEAR_NULL: usize = 1 << 16;

/// The kind of memory that an address lies in; `sp` is a stack pointer of the calling thread. Never one of the places that are
/// told from a block. Takes no lock, allocates nothing, and may be called inside the allocator call and in a signal handler.
///
/// Thread-locals and variables without a first value are told apart from other memory only after
/// [`learn`](super::world::learn), and stacks of other threads only if these were noted. A file that is mapped like a library
/// counts as one.
pub(crate) fn place_of(address: usize, sp: usize) -> Place {
    if address == 0 {
        return Place::Null;
    }
    if address < NEAR_NULL {
        return Place::NearNull;
    }
    let saved = super::errno();
    let pointer = locals::thread_pointer();
    let mut near = Near { target: None, stack: None, thread: None };
    let mut room = [0_u8; 1024];
    maps::each(&mut room, |mapping| {
        let keep = |wanted: usize, place: &mut Option<Mapping>| {
            if mapping.readable && mapping.range.holds(wanted) {
                *place = Some(mapping);
            }
        };
        keep(address, &mut near.target);
        keep(sp, &mut near.stack);
        keep(pointer, &mut near.thread);
    });
    let place = near.place(address, pointer);
    super::set_errno(saved);
    place
}

/// The mappings that matter.
struct Near {
    /// Holds the address.
    target: Option<Mapping>,
    /// Holds the stack pointer.
    stack: Option<Mapping>,
    /// Holds the thread pointer.
    thread: Option<Mapping>,
}

impl Near {
    fn place(&self, address: usize, pointer: usize) -> Place {
        let Some(target) = self.target else { return Place::Unmapped };
        if self.is_local(address, pointer) {
            return Place::ThreadLocal;
        }
        if modules::segments().any(|(range, _)| range.holds(address)) {
            return Place::Static;
        }
        if target.of == Of::FirstStack || self.is_own_stack(address, pointer) {
            return Place::Stack;
        }
        let readable = |range: Range| inside(range, target.range);
        let homes = seen::threads().filter(|&pointer| target.range.holds(pointer));
        if homes.filter_map(|pointer| locals::block(pointer, &readable)).any(|block| block.holds(address)) {
            return Place::Stack;
        }
        match target.of {
            Of::File => Place::Static,
            Of::FirstStack => Place::Stack,
            Of::Memory | Of::Device => Place::Foreign,
        }
    }

    fn is_local(&self, address: usize, pointer: usize) -> bool {
        if locals::fixed(pointer).holds(address) {
            return true;
        }
        let mut found = false;
        // The calling thread's own list can be read, and what it names is only compared.
        locals::dynamic(pointer, &|_| true, &mut |range| found |= range.holds(address));
        found
    }

    fn is_own_stack(&self, address: usize, pointer: usize) -> bool {
        let record = self.thread.map_or(Range { from: 0, len: 0 }, |mapping| mapping.range);
        match locals::block(pointer, &|range| inside(range, record)) {
            Some(block) => block.holds(address),
            None => self.stack.is_some_and(|stack| stack.range.holds(address) && !stack.range.holds(pointer)),
        }
    }
}

/// Whether one range lies in the other.
fn inside(inner: Range, outer: Range) -> bool {
    inner.from >= outer.from && inner.end() <= outer.end()
}

#[cfg(test)]
mod tests;
