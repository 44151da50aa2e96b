//! The bodies under the crate `mockalloc`.

use std::alloc::System;

use mockalloc::Mockalloc;

#[global_allocator]
static GLOBAL: Mockalloc<System> = Mockalloc(System);

fn main() {
    oomsweep_advisories::main_of(|body| {
        let said = mockalloc::record_allocs(body).result();
        println!("says: {}", said.err().map_or(String::new(), |error| format!("{error:?}")));
    });
}
