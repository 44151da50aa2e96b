//! Memory errors: what was done, to which block, and what that tells its reader.

use crate::model::code::Code;
use crate::model::memory::{Noticed, Place};
use crate::model::report::{BlockReport, DamageReport, Finding, LayoutReport, MemoryReport};

use super::labels::born_here;
use super::words::bytes;

/// What a headline says of a memory error: a clause.
pub(super) fn told(finding: &Finding) -> String {
    let block = a_block(finding.blocks.first());
    let Some(error) = &finding.memory else { return told_without_facts(finding.code, &block) };
    match finding.code {
        Code::DoubleFree => match error.noticed {
            Noticed::Realloc => format!("{block} was given to {} after it had been freed", resize(error)),
            _ if error.moved => {
                format!("the old pointer to {block} was freed after {} had moved the block", mover(error))
            }
            _ => format!("{block} was freed twice"),
        },
        Code::InvalidFree => format!("{} was {}", pointer(error, finding), given_back(error)),
        Code::WrongLayout => wrong_layout(error, finding),
        Code::MixedAllocators => {
            let from = if has_allocator(finding) { "" } else { " from the global allocator" };
            let earlier = if is_namesake(error, finding) { ", as it was in an earlier run," } else { "" };
            format!("{block}{from}{earlier} was given to {}", allocator(error))
        }
        Code::Overflow | Code::Underflow => beside(error, finding),
        _ if error.moved => {
            format!("{block} was {} through its old pointer after {} had moved it", used(error), mover(error))
        }
        _ => format!("{block} was {} after it had been freed", used(error)),
    }
}

/// The clause for a report of which only code and block are known.
fn told_without_facts(code: Code, block: &str) -> String {
    match code {
        Code::DoubleFree => format!("{block} was freed twice"),
        Code::InvalidFree => "a pointer was freed that no allocation gave out".to_owned(),
        Code::WrongLayout => format!("{block} was freed or resized with another layout than it was born with"),
        Code::MixedAllocators => format!("{block} was given to another allocator than it came from"),
        Code::Overflow => format!("bytes behind {block} were written"),
        Code::Underflow => format!("bytes before {block} were written"),
        _ => format!("{block} was used after it had been freed"),
    }
}

fn a_block(block: Option<&BlockReport>) -> String {
    match block {
        Some(BlockReport { size, allocator: Some(name), .. }) => format!("a block of {} from `{name}`", bytes(*size)),
        Some(block) => format!("a block of {}", bytes(block.size)),
        None => "a block".to_owned(),
    }
}

fn has_allocator(finding: &Finding) -> bool {
    finding.blocks.first().is_some_and(|block| block.allocator.is_some())
}

/// The block came from an allocator of the same name, which lived in an earlier run.
fn is_namesake(error: &MemoryReport, finding: &Finding) -> bool {
    error.older && finding.blocks.first().is_some_and(|block| block.allocator == error.allocator)
}

fn size_of(finding: &Finding) -> i64 {
    finding.blocks.first().and_then(|block| i64::try_from(block.size).ok()).unwrap_or(0)
}

fn allocator(error: &MemoryReport) -> String {
    error.allocator.as_ref().map_or_else(|| "the global allocator".to_owned(), |name| format!("`{name}`"))
}

/// The call that was to change the size of a block.
fn resize(error: &MemoryReport) -> &'static str {
    match (&error.allocator, error.given, error.new_size) {
        (None, ..) => "`realloc`",
        (Some(_), Some(given), Some(new)) if new < given.size => "`shrink`",
        (Some(_), ..) => "`grow`",
    }
}

/// The call that moved a block.
fn mover(error: &MemoryReport) -> &'static str {
    if error.allocator.is_some() { "`grow` or `shrink`" } else { "`realloc`" }
}

fn given_back(error: &MemoryReport) -> String {
    if error.noticed == Noticed::Realloc { format!("given to {}", resize(error)) } else { "freed".to_owned() }
}

/// What was done to memory that was not to be touched.
fn used(error: &MemoryReport) -> String {
    let what = match error.noticed {
        Noticed::Read => "read",
        Noticed::Write => "written to",
        _ if error.damage.is_some() => "written to",
        Noticed::Realloc => return given_back(error),
        _ => "used",
    };
    what.to_owned()
}

fn layout(layout: LayoutReport) -> String {
    format!("{}, align {}", bytes(layout.size), layout.align)
}

/// What the pointer of an invalid free is.
fn pointer(error: &MemoryReport, finding: &Finding) -> String {
    let block = a_block(finding.blocks.first());
    let offset = error.offset.unwrap_or(0);
    let behind = offset.saturating_sub(size_of(finding));
    let what = match error.place {
        Some(Place::Inside) if behind == 0 => return format!("a pointer one past the end of {block}"),
        Some(Place::Inside) => return format!("a pointer {} into {block}", bytes(offset.unsigned_abs())),
        Some(Place::Before) => return format!("a pointer {} before {block}", bytes(offset.unsigned_abs())),
        Some(Place::Behind) => return format!("a pointer {} behind the end of {block}", bytes(behind.unsigned_abs())),
        Some(Place::NearNull) => return format!("a pointer {} from null", bytes(offset.unsigned_abs())),
        Some(Place::Null) => "a null pointer",
        Some(Place::Stack) => "a pointer to a thread's stack",
        Some(Place::Static) => "a pointer to a static, a constant or code",
        Some(Place::ThreadLocal) => "a pointer to a thread-local",
        Some(Place::Foreign) => "memory of another allocator, such as C's `malloc`,",
        Some(Place::NoBlock) => "a pointer to where no block ever stood",
        Some(Place::Unmapped) => "a pointer to memory that is not mapped",
        Some(Place::OfUnwritten) => "a pointer read from memory that was never written (0xAA…)",
        Some(Place::OfFreed) => "a pointer read from freed memory (0xDD…)",
        Some(Place::OfZone) => "a pointer read from beside a block (0xFA… or 0xFB…)",
        Some(Place::Start) | None => "a pointer that no allocation gave out",
    };
    what.to_owned()
}

fn wrong_layout(error: &MemoryReport, finding: &Finding) -> String {
    let call = if error.noticed == Noticed::Realloc { resize(error) } else { "`alloc`" };
    match (breach(error, finding), finding.blocks.first(), error.given) {
        (Some(Breach::Zero), ..) => format!("{call} was asked for zero bytes"),
        (Some(Breach::Align), _, Some(given)) => {
            format!("{call} was asked for an alignment of {}, which is no power of two", given.align)
        }
        (Some(_), ..) => format!("{call} was asked for more bytes than any block can have"),
        (None, Some(block), Some(given)) => {
            let born = LayoutReport { size: block.size, align: block.align };
            let from = block.allocator.as_ref().map(|name| format!(" from `{name}`")).unwrap_or_default();
            format!("a block of {}{from}, was {} as one of {}", layout(born), given_back(error), layout(given))
        }
        (None, None, Some(given)) => format!("{call} was called with an impossible layout: {}", layout(given)),
        (None, _, None) => told_without_facts(finding.code, &a_block(finding.blocks.first())),
    }
}

/// What is wrong with a layout, whatever block it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breach {
    Zero,
    Align,
    TooLarge,
}

/// What is wrong with the layout that was asked for; `None`: it is merely not the block's.
fn breach(error: &MemoryReport, finding: &Finding) -> Option<Breach> {
    // A file holds no size that is larger.
    const LARGEST: u64 = (1 << 53) - 1;
    let given = error.given?;
    let is_the_blocks = |block: &BlockReport| block.size == given.size && block.align == given.align;
    if !finding.blocks.first().is_none_or(is_the_blocks) {
        return None;
    }
    let size = error.new_size.unwrap_or(given.size);
    let room = LARGEST.min(isize::MAX as u64).saturating_sub(given.align.saturating_sub(1));
    if !given.align.is_power_of_two() {
        Some(Breach::Align)
    } else if size == 0 {
        Some(Breach::Zero)
    } else {
        (size > room || size == LARGEST).then_some(Breach::TooLarge)
    }
}

/// What was done beside a block.
fn beside(error: &MemoryReport, finding: &Finding) -> String {
    let block = a_block(finding.blocks.first());
    if let Some(damage) = &error.damage {
        let were = if damage.count == 1 { "was" } else { "were" };
        return format!("{} {were} written {} {block}", bytes(damage.count), side(damage_at(damage, finding)));
    }
    let touched = match error.noticed {
        Noticed::Read => "read",
        Noticed::Write => "written",
        _ => "touched",
    };
    let side = match error.offset {
        Some(offset) if offset < 0 => side(offset),
        Some(offset) => side(offset.saturating_sub(size_of(finding))),
        None if finding.code == Code::Underflow => "before".to_owned(),
        None => "behind".to_owned(),
    };
    format!("memory {side} {block} was {touched}")
}

/// How far the damage is from the block: what lies before it is negative, and a byte that touches it is at 0.
fn damage_at(damage: &DamageReport, finding: &Finding) -> i64 {
    if damage.at >= 0 {
        return damage.at.saturating_sub(size_of(finding));
    }
    let next_to_it = damage.at.unsigned_abs() == damage.span;
    if next_to_it { -1 } else { damage.at }
}

fn side(distance: i64) -> String {
    match distance {
        0 => "directly behind".to_owned(),
        -1 => "directly before".to_owned(),
        behind if behind > 0 => format!("{} behind the end of", bytes(behind.unsigned_abs())),
        before => format!("{} before the start of", bytes(before.unsigned_abs())),
    }
}

/// Beside the birth of the block: as large as it was then.
pub(crate) fn accused_born_here(finding: &Finding, block: &BlockReport) -> String {
    let Some(size) = finding.memory.as_ref().and_then(|error| error.born_size) else {
        return born_here(block, false);
    };
    let born = born_here(&BlockReport { size, bytes: size, ..block.clone() }, false);
    let what = if size < block.size { "grown" } else { "shrunk" };
    format!("{born}, and {what} to {} since", bytes(block.size))
}

/// Beside the free of a block that an error came after.
pub(crate) fn freed_here(finding: &Finding) -> String {
    let error = finding.memory.as_ref();
    let what = match error {
        Some(error) if error.moved => format!("moved by {} here, which freed this place", mover(error)),
        _ => "freed here".to_owned(),
    };
    by_thread(&what, error.and_then(|error| error.freed_by))
}

/// Beside the bad call, or the call or instruction at which an error was noticed.
pub(crate) fn bad_call_here(finding: &Finding) -> String {
    let Some(error) = &finding.memory else { return "the bad call is made here".to_owned() };
    let resized = error.noticed == Noticed::Realloc;
    let what = match (finding.code, error.noticed) {
        (_, Noticed::Read) => "read here".to_owned(),
        (_, Noticed::Write) => "written here".to_owned(),
        (_, Noticed::Access) => "touched here".to_owned(),
        (_, Noticed::Demand) => "checked here, where the damage was seen".to_owned(),
        (Code::DoubleFree, _) if error.moved && !resized => "the old pointer is freed here".to_owned(),
        (Code::DoubleFree, _) if !resized => "freed again here".to_owned(),
        (Code::MixedAllocators, _) => format!("given to {} here", allocator(error)),
        (Code::WrongLayout, _) => match (breach(error, finding), error.given) {
            (None, Some(given)) if !finding.blocks.is_empty() => {
                format!("{} here as {}", given_back(error), layout(given))
            }
            (_, Some(_)) => "asked for here".to_owned(),
            (_, None) => "given back here with another layout".to_owned(),
        },
        (Code::Overflow | Code::Underflow, _) => format!("{} here, where the damage was seen", given_back(error)),
        _ => format!("{} here", given_back(error)),
    };
    by_thread(&what, error.thread)
}

fn by_thread(what: &str, thread: Option<u32>) -> String {
    match thread {
        Some(thread) => format!("{what}, by thread {thread}"),
        None => what.to_owned(),
    }
}

/// In front of the calls that lead to a bad call.
pub(crate) fn bad_call(finding: &Finding) -> &'static str {
    match finding.code {
        Code::DoubleFree => "the second free is made",
        Code::InvalidFree => "the pointer is given back",
        Code::Overflow | Code::Underflow | Code::UseAfterFree => "it was noticed",
        _ => "the bad call is made",
    }
}

/// By the very instruction, so its stack is what there is to see.
pub(crate) fn is_by_instruction(error: &MemoryReport) -> bool {
    matches!(error.noticed, Noticed::Read | Noticed::Write | Noticed::Access)
}

/// Who watches the blocks, and so what its reader can do to learn more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watcher {
    /// A run under the testing allocator.
    Run,
    /// The same with guard pages.
    GuardPages,
    /// An allocator that belongs to no run.
    Allocator,
}

/// What is worth saying of a memory error beside its headline.
pub(crate) fn notes(finding: &Finding, watcher: Watcher) -> Vec<String> {
    let Some(error) = &finding.memory else { return Vec::new() };
    let mut notes = Vec::new();
    if let Some(damage) = &error.damage {
        notes.push(written(finding.code, damage));
        notes.extend(noticed(error, watcher).map(|when| unknown_writer(&when, watcher)));
    } else if let Some(offset) = error.offset.filter(|offset| finding.code == Code::UseAfterFree && *offset != 0) {
        notes.push(format!("the access is {} into the block", bytes(offset.unsigned_abs())));
    }
    if error.moved {
        let rule = if error.allocator.is_some() {
            "`grow` and `shrink` free the old place when they move a block: only the pointer that they return is good"
        } else {
            "`realloc` frees the old place when it moves a block: only the pointer that it returns is good"
        };
        notes.push(rule.to_owned());
    }
    match finding.code {
        Code::InvalidFree => notes.extend(error.place.and_then(|place| invalid_free(place, error)).map(str::to_owned)),
        Code::WrongLayout => wrong_layout_notes(error, finding, &mut notes),
        Code::MixedAllocators => {
            notes.push("a block must go back to the allocator that gave it out".to_owned());
            if is_namesake(error, finding) {
                notes.push("every run has allocators of its own, which are gone when it ends".to_owned());
            }
        }
        _ => {}
    }
    if error.older {
        notes.push("the block is older than this run: set-up or an earlier run allocated it".to_owned());
    }
    if let Some(block) = finding.blocks.first() {
        notes.extend(stacks_missing(finding.code, error, block));
    }
    notes
}

/// For a block whose stacks are not on record, as when an error comes once and never again.
fn stacks_missing(code: Code, error: &MemoryReport, block: &BlockReport) -> Option<String> {
    let born = block.born.is_empty() && !error.older;
    let freed = block.freed.is_none() && matches!(code, Code::DoubleFree | Code::UseAfterFree);
    let what = match (born, freed) {
        (true, true) => "where the block was allocated and freed is not known: the stacks were",
        (true, false) => "where the block was allocated is not known: the stack was",
        (false, true) => "where the block was freed is not known: the stack was",
        (false, false) => return None,
    };
    Some(format!("{what} not recorded"))
}

/// Which bytes were found where others had been.
fn written(code: Code, damage: &DamageReport) -> String {
    let shown: Vec<u8> = damage.found.split(' ').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    let mut text = String::from("written");
    if code == Code::UseAfterFree {
        text.push_str(&format!(" at offset {} of the freed block", damage.at));
    }
    text.push_str(", in hex");
    if damage.span > shown.len() as u64 {
        text.push_str(&format!(", the first {} of {} bytes", shown.len(), damage.span));
    }
    text.push_str(&format!(": {}", damage.found));
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    if !shown.is_empty() && shown.iter().all(printable) {
        text.push_str(&format!(" (\"{}\")", String::from_utf8_lossy(&shown)));
    }
    let each = if damage.span == 1 { "it" } else { "each byte" };
    text.push_str(&format!(", where {each} had been {}", damage.expected));
    if damage.count < damage.span {
        text.push_str(&format!("; {} of the {} have changed", damage.count, damage.span));
    }
    text
}

/// When damage was seen, if that was long after it was done.
fn noticed(error: &MemoryReport, watcher: Watcher) -> Option<String> {
    let alone = watcher == Watcher::Allocator;
    let when = match error.noticed {
        Noticed::Free => "when the block was freed",
        Noticed::Realloc => return Some(format!("when the block was {}", given_back(error))),
        Noticed::Eviction if alone => "when the freed block left the quarantine",
        Noticed::Eviction => "when the memory of the freed block was to be used again",
        Noticed::End if alone => "when the allocator came to its end",
        Noticed::End => "when the run was over",
        Noticed::Demand if alone => "by a call of `check`",
        Noticed::Demand => "by the check that the body asked for",
        Noticed::Alloc | Noticed::Read | Noticed::Write | Noticed::Access => return None,
    };
    Some(when.to_owned())
}

/// Where there are guard pages, this is what they do not see: what lies between a block and its page's end, and blocks for which
/// there were none.
fn unknown_writer(when: &str, watcher: Watcher) -> String {
    let advice = match watcher {
        Watcher::Run => {
            ": `#[alloc_test(guard = \"pages\")]` or `OOMSWEEP_GUARD=pages` stops at the very instruction, and `check_memory()` \
             between two steps of the body tells which of them it was"
        }
        Watcher::GuardPages => "",
        Watcher::Allocator => ": calls of `check` between the steps of the program tell which of them it was",
    };
    format!("noticed {when}, so who wrote is not known{advice}")
}

fn invalid_free(place: Place, error: &MemoryReport) -> Option<&'static str> {
    let explicit = error.allocator.is_some();
    match place {
        Place::Inside | Place::Before | Place::Behind if explicit => Some(
            "`deallocate`, `grow` and `shrink` take the pointer that the allocation gave: the first byte of the block",
        ),
        Place::NearNull if explicit => Some(
            "the address of a field or an element behind a null pointer, perhaps, or one that stands for a value of no bytes",
        ),
        Place::Foreign if explicit => Some(
            "memory must go back to the allocator that gave it out; or the block was freed so long ago that nothing is known of \
             it any more",
        ),
        Place::Inside | Place::Before | Place::Behind => {
            Some("`dealloc` and `realloc` take the pointer that the allocation gave: the first byte of the block")
        }
        Place::Null => Some("unlike C's `free`, `dealloc` must not be given null"),
        Place::NearNull => Some("the address of a field or an element behind a null pointer, perhaps"),
        Place::Stack | Place::Static | Place::ThreadLocal => {
            Some("nobody allocated that: no `Box`, `Vec` or `Rc` may be made of a pointer to it")
        }
        Place::Foreign => {
            Some("memory must go back to the allocator that gave it out: what C's `malloc` gave, to `free`")
        }
        Place::NoBlock | Place::Unmapped => {
            Some("the pointer was never a block's: computed wrongly, overwritten, or never set")
        }
        Place::OfUnwritten => Some("new memory is filled with 0xAA, so that a pointer which was never set shows"),
        Place::OfFreed => Some("freed memory is filled with 0xDD, so that a pointer which is read from it shows"),
        Place::OfZone => Some(
            "0xFA fills the bytes before a block and 0xFB those behind it, so that a pointer which is read there shows",
        ),
        Place::Start => None,
    }
}

fn wrong_layout_notes(error: &MemoryReport, finding: &Finding, notes: &mut Vec<String>) {
    let rule = match breach(error, finding) {
        Some(Breach::Zero) => {
            "the contract of `GlobalAlloc` asks for a size above zero: what has no bytes needs no memory"
        }
        Some(Breach::Align) => "the contract of `Layout` asks for an alignment that is a power of two",
        Some(Breach::TooLarge) => {
            "the contract of `Layout` asks for a size that, rounded up to the alignment, is at most `isize::MAX`"
        }
        None if finding.blocks.is_empty() => return,
        None if error.allocator.is_some() => {
            "a block goes back with the layout that it was allocated with, after `grow` or `shrink` with the new one; \
             `Vec::from_raw_parts` with another capacity or type breaks this, and so does `Box::from_raw` of another type"
        }
        None => {
            "a block goes back with the layout that it was allocated with, after a `realloc` with its new size; \
             `Vec::from_raw_parts` with another capacity or type breaks this, and so does `Box::from_raw` of another type"
        }
    };
    notes.push(rule.to_owned());
}
