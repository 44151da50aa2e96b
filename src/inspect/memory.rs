//! A memory error as reports show it, and the places by which it is told from others.

use crate::model::code::Code;
use crate::model::memory::{Damage, MemoryError, Noticed, Place};
use crate::model::report::{DamageReport, LayoutReport, MemoryReport};
use crate::model::stack::{RawStack, Stack};

use super::fold::Names;
use super::stacks::{Site, Stacks};

/// Readers may hold numbers as floats.
const LARGEST: i64 = (1 << 53) - 1;

/// Where the block was born, and the place of the bad call; where only the damage was seen, and nobody knows who did it, of the
/// free.
pub(crate) fn sites(error: &MemoryError, stacks: &mut Stacks<'_>) -> [Option<Site>; 2] {
    let block = error.block.as_ref();
    let born = block.and_then(|block| stacks.site(&block.born));
    let freed = block.filter(|block| block.is_freed).map(|block| &block.freed);
    let call = Some(&error.stack).filter(|stack| !is_late(error.noticed) && !stack.ips().is_empty());
    [born, call.or(freed).and_then(|stack| stacks.site(stack))]
}

/// The error, without its block.
pub(crate) fn report(error: &MemoryError, stacks: &mut Stacks<'_>, names: Names<'_>) -> MemoryReport {
    let block = error.block.as_ref();
    let place = has_place(error).then_some(error.place);
    let counted = |place| matches!(place, Place::Inside | Place::Before | Place::Behind | Place::NearNull);
    // Whoever evicts a block, or ends the run, has nothing to do with it.
    let by_chance = matches!(error.noticed, Noticed::Eviction | Noticed::End);
    MemoryReport {
        noticed: error.noticed,
        place,
        offset: place.filter(|place| counted(*place)).map(|_| error.offset.clamp(-LARGEST, LARGEST)),
        given: error.given.map(|(size, align)| LayoutReport { size: size as u64, align: align as u64 }),
        new_size: error.new_size.map(|size| size as u64),
        born_size: block.filter(|block| block.born_size != block.size).map(|block| block.born_size as u64),
        moved: block.is_some_and(|block| block.is_freed && block.moved),
        older: block.is_some_and(|block| block.older),
        freed_by: block.filter(|block| block.is_freed).and_then(|block| other_thread(block.freed_by)),
        thread: other_thread(error.thread).filter(|_| !by_chance),
        allocator: name(error.allocator, names),
        damage: error.damage.as_ref().map(damage),
        stack: shown(&error.stack, stacks).filter(|_| !by_chance),
    }
}

/// The name of an explicit allocator; the global one has none.
pub(crate) fn name(number: u32, names: Names<'_>) -> Option<String> {
    (number != 0).then(|| names(number).unwrap_or_else(|| format!("allocator {number}")))
}

/// The frames of a stack, if it was recorded.
pub(crate) fn shown(stack: &RawStack, stacks: &mut Stacks<'_>) -> Option<Stack> {
    (!stack.ips().is_empty()).then(|| stacks.know(stack).frames.clone())
}

/// A thread that is not the body's own.
pub(crate) fn other_thread(number: u32) -> Option<u32> {
    Some(number).filter(|number| *number != 0)
}

/// It was noticed by looking for it, long after it was done.
fn is_late(noticed: Noticed) -> bool {
    match noticed {
        Noticed::Eviction | Noticed::End | Noticed::Demand => true,
        Noticed::Alloc | Noticed::Free | Noticed::Realloc | Noticed::Read | Noticed::Write | Noticed::Access => false,
    }
}

/// There was a pointer to tell about: damage has its own place, and a request for a new block has none.
fn has_place(error: &MemoryError) -> bool {
    error.damage.is_none() && (error.block.is_some() || error.code != Code::WrongLayout)
}

fn damage(damage: &Damage) -> DamageReport {
    let known = usize::try_from(damage.span).unwrap_or(usize::MAX).min(damage.found.len());
    let found: Vec<String> = damage.found.iter().take(known).map(|byte| format!("{byte:02x}")).collect();
    DamageReport {
        at: damage.at,
        span: damage.span,
        count: damage.count,
        found: found.join(" "),
        expected: format!("{:02x}", damage.expected),
    }
}
