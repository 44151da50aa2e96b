use oomsweep::alloc_test;

#[alloc_test]
struct Test;

#[alloc_test]
mod tests {}

trait Tests {
    #[alloc_test]
    fn without_body();
}

fn main() {
    let _: Test;
}
