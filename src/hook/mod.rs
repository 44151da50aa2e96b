//! Inside the allocator call.
