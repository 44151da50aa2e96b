//! dhat with its heap profiler on, as in a test.

#[path = "../work.rs"]
mod work;

#[global_allocator]
static GLOBAL: dhat::Alloc = dhat::Alloc;

struct Dhat;

impl work::Peer for Dhat {
    fn test(&self, body: &mut dyn FnMut()) {
        let _profiler = dhat::Profiler::builder().testing().build();
        body();
    }
}

fn main() {
    work::main(&Dhat);
}
