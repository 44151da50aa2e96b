//! Memory errors: one of each code, and the ways in which a code can differ.

use super::*;
use crate::model::memory::{Noticed, Place};

/// The picture of a code.
pub(super) fn of(code: Code) -> Report {
    report(vec![match code {
        Code::DoubleFree => double_free(),
        Code::InvalidFree => inside(),
        Code::WrongLayout => wrong_layout(),
        Code::MixedAllocators => mixed(),
        Code::Overflow => overflow(),
        Code::Underflow => underflow(),
        _ => use_after_free(),
    }])
}

/// Errors whose sentences differ from those of [`of`].
pub(crate) fn others() -> Vec<Finding> {
    let mut findings = calls();
    findings.extend(pointers());
    findings.extend(layouts());
    findings.extend(accesses());
    findings
}

/// Bad calls about blocks that are, or were, one.
fn calls() -> Vec<Finding> {
    let mut realloc = of_error(Code::DoubleFree, error(Noticed::Realloc));
    realloc.blocks[0].freed = Some(drop_at(12));
    let mut to_b = mixed();
    to_b.blocks[0].allocator = None;
    to_b.memory = Some(MemoryReport { allocator: Some("b".to_owned()), ..error(Noticed::Realloc) });
    vec![
        moved(Code::DoubleFree, Noticed::Free),
        realloc,
        older(),
        to_b,
        moved(Code::UseAfterFree, Noticed::Write),
        moved(Code::UseAfterFree, Noticed::Realloc),
    ]
}

/// Pointers that are no block's.
fn pointers() -> Vec<Finding> {
    let places = [
        (Place::Inside, Some(48)),
        (Place::Inside, Some(1)),
        (Place::Before, Some(-16)),
        (Place::Behind, Some(64)),
        (Place::Null, None),
        (Place::NearNull, Some(16)),
        (Place::Stack, None),
        (Place::Static, None),
        (Place::ThreadLocal, None),
        (Place::Foreign, None),
        (Place::NoBlock, None),
        (Place::Unmapped, None),
        (Place::OfUnwritten, None),
        (Place::OfFreed, None),
        (Place::OfZone, None),
        (Place::Start, None),
    ];
    let invalid = |(place, offset)| {
        let error = MemoryReport { place: Some(place), offset, ..error(Noticed::Free) };
        let mut finding = of_error(Code::InvalidFree, error);
        if !matches!(place, Place::Inside | Place::Before | Place::Behind) {
            finding.blocks.clear();
        }
        finding
    };
    places.map(invalid).to_vec()
}

/// Layouts that no block can have, and one that a block does not have.
fn layouts() -> Vec<Finding> {
    let asked = |noticed, size, align, new_size| {
        let given = Some(LayoutReport { size, align });
        let error = MemoryReport { given, new_size, place: None, ..error(noticed) };
        Finding { blocks: Vec::new(), ..of_error(Code::WrongLayout, error) }
    };
    vec![
        asked(Noticed::Alloc, 0, 8, None),
        asked(Noticed::Realloc, 48, 8, Some(0)),
        asked(Noticed::Alloc, 48, 3, None),
        asked(Noticed::Alloc, (1 << 53) - 1, 8, None),
        asked(Noticed::Realloc, 48, 8, Some((1 << 53) - 1)),
        resized(),
    ]
}

/// Reads and writes where there is no block, or none any more.
fn accesses() -> Vec<Finding> {
    let touched = |code, noticed, offset| {
        of_error(code, MemoryReport { place: Some(Place::Behind), offset: Some(offset), ..error(noticed) })
    };
    let damaged = |code, noticed, at, span, count, found| {
        of_error(code, MemoryReport { damage: Some(damage(at, span, count, found)), place: None, ..error(noticed) })
    };
    let freed = |mut finding: Finding| {
        finding.blocks[0].freed = Some(drop_at(12));
        finding
    };
    let mut unknown = overflow();
    unknown.blocks[0].born.clear();
    let late = "61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61";
    vec![
        damaged(Code::Overflow, Noticed::Realloc, 52, 1, 1, "00"),
        damaged(Code::Overflow, Noticed::Demand, 48, 16, 2, "00 fa fa fa fa fa fa fa fa fa fa fa fa fa fa 01"),
        damaged(Code::Underflow, Noticed::End, -8, 8, 8, "01 00 00 00 00 00 00 00"),
        damaged(Code::Underflow, Noticed::Free, -16, 4, 4, "61 62 63 64"),
        freed(damaged(Code::UseAfterFree, Noticed::End, 0, 40, 40, late)),
        touched(Code::Overflow, Noticed::Read, 48),
        touched(Code::Overflow, Noticed::Access, 53),
        touched(Code::Underflow, Noticed::Read, -4),
        freed(touched(Code::UseAfterFree, Noticed::Read, 8)),
        touched(Code::UseAfterFree, Noticed::Access, 0),
        unknown,
        Finding { memory: None, ..overflow() },
    ]
}

fn moved(code: Code, noticed: Noticed) -> Finding {
    let mut finding = of_error(code, MemoryReport { moved: true, ..error(noticed) });
    finding.blocks[0].freed = Some(drop_at(12));
    finding
}

fn error(noticed: Noticed) -> MemoryReport {
    MemoryReport {
        noticed,
        place: Some(Place::Start),
        offset: None,
        given: None,
        new_size: None,
        born_size: None,
        moved: false,
        older: false,
        freed_by: None,
        thread: None,
        allocator: None,
        damage: None,
        stack: Some(drop_at(13)),
    }
}

fn damage(at: i64, span: u64, count: u64, found: &str) -> DamageReport {
    DamageReport { at, span, count, found: found.to_owned(), expected: "fa".to_owned() }
}

fn of_error(code: Code, error: MemoryReport) -> Finding {
    Finding { blocks: vec![block()], memory: Some(error), ..finding(code) }
}

fn drop_at(line: u32) -> Stack {
    stack(line, 18, "core::ptr::drop_in_place", "../../core/src/ptr/mod.rs")
}

fn double_free() -> Finding {
    let again = Some(drop_at(13));
    let blocks = vec![BlockReport { freed: Some(drop_at(12)), freed_again: again, ..block() }];
    Finding { blocks, ..of_error(Code::DoubleFree, error(Noticed::Free)) }
}

fn inside() -> Finding {
    let error = MemoryReport { place: Some(Place::Inside), offset: Some(16), ..error(Noticed::Free) };
    of_error(Code::InvalidFree, error)
}

fn wrong_layout() -> Finding {
    let given = Some(LayoutReport { size: 24, align: 8 });
    of_error(Code::WrongLayout, MemoryReport { given, born_size: Some(24), ..error(Noticed::Free) })
}

fn resized() -> Finding {
    let given = Some(LayoutReport { size: 48, align: 1 });
    of_error(Code::WrongLayout, MemoryReport { given, new_size: Some(96), ..error(Noticed::Realloc) })
}

fn mixed() -> Finding {
    let blocks = vec![BlockReport { allocator: Some("a".to_owned()), ..block() }];
    Finding { blocks, ..of_error(Code::MixedAllocators, error(Noticed::Free)) }
}

fn overflow() -> Finding {
    let error = MemoryReport {
        damage: Some(damage(48, 4, 4, "74 65 78 74")),
        place: None,
        stack: Some(drop_at(12)),
        ..error(Noticed::Free)
    };
    of_error(Code::Overflow, error)
}

/// Seen by a guard page.
fn underflow() -> Finding {
    let mut store = drop_at(12);
    store.insert(
        2,
        frame("rawlist::Node::set", "/home/user/.cargo/registry/src/i-0123/rawlist-1.0.0/src/lib.rs", 52, 9),
    );
    let error = MemoryReport {
        place: Some(Place::Before),
        offset: Some(-8),
        stack: Some(store.clone()),
        ..error(Noticed::Write)
    };
    let signal = SignalReport { name: "SIGSEGV".to_owned(), number: 11, explained: None, stack: Some(store) };
    Finding { signal: Some(signal), ..of_error(Code::Underflow, error) }
}

fn use_after_free() -> Finding {
    let damage = DamageReport { expected: "dd".to_owned(), ..damage(8, 8, 8, "01 00 00 00 00 00 00 00") };
    let error =
        MemoryReport { damage: Some(damage), place: None, stack: None, freed_by: Some(2), ..error(Noticed::Eviction) };
    let blocks = vec![BlockReport { freed: Some(drop_at(12)), ..block() }];
    Finding { blocks, ..of_error(Code::UseAfterFree, error) }
}

fn older() -> Finding {
    let blocks = vec![BlockReport { born: Vec::new(), freed: Some(drop_at(12)), ..block() }];
    let error = MemoryReport { older: true, thread: Some(2), ..error(Noticed::Free) };
    Finding { blocks, ..of_error(Code::DoubleFree, error) }
}
