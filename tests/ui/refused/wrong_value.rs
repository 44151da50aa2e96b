use oomsweep::alloc_test;

#[alloc_test(swallowed = "alow")]
fn word() {}

#[alloc_test(guard = "page")]
fn guard() {}

#[alloc_test(threads = all)]
fn threads() {}

#[alloc_test(realloc = "move")]
fn realloc() {}

#[alloc_test(reachable)]
fn reachable() {}

#[alloc_test(intended = "words::intern")]
fn intended() {}

#[alloc_test(intended("words::intern", ""))]
fn all_intended() {}

#[alloc_test(infallible = skip)]
fn no_string() {}

#[alloc_test(panics)]
fn missing() {}

#[alloc_test(leaks_only = true)]
fn too_much() {}

#[alloc_test(timeout = "5")]
fn no_unit() {}

#[alloc_test(max_time = 5)]
fn no_time() {}

#[alloc_test(points = "stack")]
fn which() {}

#[alloc_test(points = "stacks:0")]
fn none_of_each() {}

#[alloc_test(max_points = 0)]
fn none() {}

#[alloc_test(jobs = 0)]
fn no_process() {}

#[alloc_test(jobs = "4")]
fn no_number() {}

#[alloc_test(shard = "5/4")]
fn outside() {}

#[alloc_test(faults(window))]
fn no_width() {}

#[alloc_test(faults(size(0)))]
fn no_size() {}

#[alloc_test(faults)]
fn no_patterns() {}

#[alloc_test(benign = "indexmap::")]
fn no_list() {}

#[alloc_test(benign(""))]
fn fits_all() {}

#[alloc_test(known("17"))]
fn no_id() {}

#[alloc_test("leaks")]
fn no_name() {}

#[alloc_test(error = )]
fn no_pattern() -> Result<(), u8> {
    Ok(())
}

#[alloc_test(error = code if code > 1)]
fn guarded() -> Result<(), u8> {
    Ok(())
}

#[alloc_test(seed = 1 shard = "1/2")]
fn no_comma() {}

fn main() {}
