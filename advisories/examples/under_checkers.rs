//! The bodies under the crate `checkers`.

use std::collections::BTreeSet;

use checkers::Violation;

#[global_allocator]
static GLOBAL: checkers::Allocator = checkers::Allocator::system();

fn main() {
    oomsweep_advisories::main_of(|body| {
        let snapshot = checkers::with(body);
        let mut violations = Vec::new();
        snapshot.validate(&mut violations);
        let kinds: BTreeSet<&str> = violations.iter().map(kind).collect();
        println!("says: {}", Vec::from_iter(kinds).join(", "));
    });
}

fn kind(violation: &Violation) -> &'static str {
    match violation {
        Violation::ConflictingAlloc { .. } => "conflicting alloc",
        Violation::NonZeroedAlloc { .. } => "alloc not zeroed",
        Violation::NonCopiedRealloc { .. } => "realloc not copied",
        Violation::ReallocNull { .. } => "realloc of null",
        Violation::MisalignedAlloc { .. } => "misaligned alloc",
        Violation::IncompleteFree { .. } => "incomplete free",
        Violation::MisalignedFree { .. } => "misaligned free",
        Violation::MissingFree { .. } => "freed region missing",
        Violation::Leaked { .. } => "leaked",
        _ => "another violation",
    }
}
