// `#[rustfmt::test]` does nothing, and stands for an attribute that registers the test: without it the function would be
// gone before its names are looked at, as this file is no test target.
use oomsweep::alloc_test;

#[derive(Debug)]
enum ReadError {
    OutOfMemory,
    Io(Kind),
}

#[derive(Debug)]
enum Kind {
    Full,
}

use Kind::Full;
use ReadError::{Io, OutOfMemory};

fn out_of_memory() {}

#[alloc_test(error = OutOfMemry)]
#[rustfmt::test]
fn variant() -> Result<(), ReadError> {
    Err(OutOfMemory)
}

#[alloc_test(error = Io(_) | OutOfMemry)]
#[rustfmt::test]
fn alternative() -> Result<(), ReadError> {
    Err(OutOfMemory)
}

#[alloc_test(error = Io(Ful))]
#[rustfmt::test]
fn inside() -> Result<(), ReadError> {
    Err(Io(Full))
}

#[alloc_test(error = anything)]
#[rustfmt::test]
fn binding() -> Result<(), ReadError> {
    Ok(())
}

#[alloc_test(error = out_of_memory)]
#[rustfmt::test]
fn function() -> Result<(), ReadError> {
    Ok(())
}

fn main() {
    variant();
    alternative();
    inside();
    binding();
    function();
}
