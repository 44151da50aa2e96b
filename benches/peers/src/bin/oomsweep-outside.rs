//! oomsweep's allocator while no test is open.

#[path = "../work.rs"]
mod work;

// Links the crate, which installs its allocator.
use oomsweep as _;

struct Outside;

impl work::Peer for Outside {}

fn main() {
    work::main(&Outside);
}
