//! What is expected of each body with a bug.

use crate::bodies::{after_free, duplicated, layout, overflow, panicking, uninitialised};

/// A body that sets off the bug of an advisory.
#[derive(Debug, Clone, Copy)]
pub struct Advisory {
    /// The body's name.
    pub name: &'static str,
    /// The number of the advisory.
    pub id: &'static str,
    /// The crate, with its version.
    pub package: &'static str,
    /// The body.
    pub body: fn(),
    /// The code of the first finding; `None` where nothing comes to the allocator: freed memory is read, and no more.
    pub expected: Option<&'static str>,
    /// The same with guard pages round every block, which stop reads, too.
    pub with_pages: Option<&'static str>,
    /// How memcheck's first complaint begins; `None` if it has none.
    pub memcheck: Option<&'static str>,
}

macro_rules! advisories {
    ($($module:ident::$name:ident, $id:literal, $package:literal, $expected:expr, $with_pages:expr, $memcheck:expr;)*) => {
        /// All of them.
        pub const ADVISORIES: &[Advisory] = &[$(Advisory {
            name: stringify!($name),
            id: $id,
            package: $package,
            body: $module::$name,
            expected: $expected,
            with_pages: $with_pages,
            memcheck: $memcheck,
        },)*];
    };
}

const DOUBLE_FREE: Option<&str> = Some("double-free");
const INVALID_FREE: Option<&str> = Some("invalid-free");
const LEAK: Option<&str> = Some("leak");
const OVERFLOW: Option<&str> = Some("overflow");
const USE_AFTER_FREE: Option<&str> = Some("use-after-free");
const WRONG_LAYOUT: Option<&str> = Some("wrong-layout");

const INVALID_FREE_SEEN: Option<&str> = Some("Invalid free()");
const UNINITIALISED_SEEN: Option<&str> = Some("Conditional jump");
const READ_SEEN: Option<&str> = Some("Invalid read");
const WRITE_SEEN: Option<&str> = Some("Invalid write");

advisories! {
    panicking::arenavec_2021_0040, "RUSTSEC-2021-0040", "arenavec 0.1.1",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::endian_trait_2021_0039, "RUSTSEC-2021-0039", "endian_trait 0.6.0",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::id_map_2021_0052, "RUSTSEC-2021-0052", "id-map 0.2.1",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::insert_many_2021_0042, "RUSTSEC-2021-0042", "insert_many 0.1.1",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::ordnung_2020_0038, "RUSTSEC-2020-0038", "ordnung 0.0.1",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::qwutils_2021_0018, "RUSTSEC-2021-0018", "qwutils 0.3.0",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::sized_chunks_2020_0041, "RUSTSEC-2020-0041", "sized-chunks 0.6.2",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::slice_deque_2021_0047, "RUSTSEC-2021-0047", "slice-deque 0.3.0",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::stack_dst_2021_0033, "RUSTSEC-2021-0033", "stack_dst 0.6.0",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::thin_vec_2026_0103, "RUSTSEC-2026-0103", "thin-vec 0.2.13",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    panicking::toodee_2021_0028, "RUSTSEC-2021-0028", "toodee 0.2.1",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    duplicated::algorithmica_2021_0053, "RUSTSEC-2021-0053", "algorithmica 0.1.8",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    duplicated::arenavec_split_2025_0053, "RUSTSEC-2025-0053", "arenavec 0.1.1",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    duplicated::crossbeam_2018_0009, "RUSTSEC-2018-0009", "crossbeam 0.4.0",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    duplicated::http_2019_0034, "RUSTSEC-2019-0034", "http 0.1.19",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    duplicated::slice_ring_buffer_2025_0044, "RUSTSEC-2025-0044", "slice-ring-buffer 0.3.4",
        DOUBLE_FREE, DOUBLE_FREE, INVALID_FREE_SEEN;
    uninitialised::array_queue_2020_0047, "RUSTSEC-2020-0047", "array-queue 0.3.3",
        INVALID_FREE, INVALID_FREE, INVALID_FREE_SEEN;
    uninitialised::id_map_2025_0050, "RUSTSEC-2025-0050", "id-map 0.2.1",
        INVALID_FREE, INVALID_FREE, UNINITIALISED_SEEN;
    layout::eyre_2024_0021, "RUSTSEC-2024-0021", "eyre 0.6.11",
        WRONG_LAYOUT, WRONG_LAYOUT, None;
    layout::maligned_2023_0017, "RUSTSEC-2023-0017", "maligned 0.2.1",
        WRONG_LAYOUT, WRONG_LAYOUT, None;
    overflow::arenavec_push_2025_0053, "RUSTSEC-2025-0053", "arenavec 0.1.1",
        OVERFLOW, OVERFLOW, WRITE_SEEN;
    overflow::smallvec_2021_0003, "RUSTSEC-2021-0003", "smallvec 1.6.0",
        OVERFLOW, OVERFLOW, WRITE_SEEN;
    after_free::lru_2026_0253, "RUSTSEC-2026-0253", "lru 0.16.1",
        USE_AFTER_FREE, USE_AFTER_FREE, WRITE_SEEN;
    after_free::owning_ref_2022_0040, "RUSTSEC-2022-0040", "owning_ref 0.4.1",
        USE_AFTER_FREE, USE_AFTER_FREE, WRITE_SEEN;
    after_free::bumpalo_2022_0078, "RUSTSEC-2022-0078", "bumpalo 3.11.0",
        None, USE_AFTER_FREE, READ_SEEN;
    after_free::heapless_2020_0145, "RUSTSEC-2020-0145", "heapless 0.6.0",
        LEAK, USE_AFTER_FREE, READ_SEEN;
    after_free::lru_2021_0130, "RUSTSEC-2021-0130", "lru 0.6.6",
        None, USE_AFTER_FREE, READ_SEEN;
}
