//! checkers inside a test. It keeps every event, so its list is emptied before each repetition.

#[path = "../work.rs"]
mod work;

#[global_allocator]
static GLOBAL: checkers::Allocator = checkers::Allocator::system();

struct Checkers;

impl work::Peer for Checkers {
    fn test(&self, body: &mut dyn FnMut()) {
        drop(checkers::with(body));
    }

    fn thread(&self, work: &mut dyn FnMut()) {
        checkers::with_unmuted(work);
    }

    fn between(&self) {
        checkers::with_muted(|| checkers::with_state(|state| state.borrow_mut().clear()));
    }
}

fn main() {
    work::main(&Checkers);
}
