//! oomsweep's allocator inside a test.

#[path = "../work.rs"]
mod work;

use oomsweep::Sweep;

struct Inside;

impl work::Peer for Inside {
    fn test(&self, body: &mut dyn FnMut()) {
        let report = Sweep::new("work").leaks_only().run(body);
        assert!(report.is_clean(), "{report}");
    }
}

fn main() {
    work::main(&Inside);
}
