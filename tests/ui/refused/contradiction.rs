use oomsweep::alloc_test;

#[alloc_test(leaks_only, faults(once))]
fn no_faults() {}

#[alloc_test(error = std::fmt::Error, error_if = |_| true)]
fn two_errors() -> Result<(), std::fmt::Error> {
    Ok(())
}

fn main() {}
