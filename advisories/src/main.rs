//! The bodies with nothing between them and the system's allocator: what memcheck is run on.

fn main() {
    oomsweep_advisories::main_of(|body| body());
}
