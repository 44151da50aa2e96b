use oomsweep::{TestAlloc, alloc_test};

#[alloc_test]
fn arguments(_text: &str, _number: u32) {}

#[alloc_test]
async fn asynchronous() {}

#[alloc_test]
fn generic<T>() {}

#[alloc_test]
fn sized<const N: usize>() {}

#[alloc_test]
unsafe fn unsafe_one() {}

#[alloc_test]
const fn const_one() {}

#[alloc_test]
extern "C" fn extern_one() {}

#[alloc_test]
fn nameless(_: impl Allocator + Copy, global: TestAlloc) {}

#[alloc_test]
fn beside(alloc: TestAlloc, text: &str) {}

#[alloc_test(global = "swept")]
fn without() {}

trait Allocator {}

struct Tester;

impl Tester {
    #[alloc_test]
    fn method(&self) {}
}

fn main() {}
