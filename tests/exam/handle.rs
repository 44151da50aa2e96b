//! The handle that a test is called with sits the exam in such a test.

use oomsweep::{TestAlloc, alloc_test};

use crate::reach::{Candidate, Reach};
use crate::sits::every_question;

/// As in every body, each block is looked at when it goes, and at the end.
#[alloc_test(leaks_only)]
fn a_handle(alloc: TestAlloc) {
    every_question(Candidate { fresh: &|exam| exam(&alloc), reach: Reach::ALL });
}
