//! What the attribute's expansion names: a door of ours, not of anybody's, that may change in every release.

pub use crate::builder::TestReturn;

use crate::builder::Sweep;
use crate::harness;
use crate::heap::TestAlloc;

/// The allocator with this place, from 0, among those that the body is called with.
pub fn handle(place: u8) -> TestAlloc {
    TestAlloc::of_this_run(place.saturating_add(1))
}

/// Where a test stands, as the compiler tells it; see `harness::Site`.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// `concat!(module_path!(), "::", name)`.
    pub path: &'static str,
    /// `env!("CARGO_PKG_NAME")`.
    pub package: &'static str,
    /// `env!("CARGO_CRATE_NAME")`.
    pub target: &'static str,
    /// `env!("CARGO_MANIFEST_DIR")`.
    pub manifest_dir: &'static str,
    /// `file!()`.
    pub file: &'static str,
    /// `line!()`.
    pub line: u32,
}

/// The sweep of the test at `site`, with the default options.
pub fn test(site: Site) -> Sweep {
    Sweep::at(harness::Site {
        path: site.path.to_owned(),
        package: site.package.to_owned(),
        target: site.target.to_owned(),
        manifest_dir: site.manifest_dir.to_owned(),
        file: site.file.to_owned(),
        line: site.line,
        command: None,
    })
    .captures_nothing()
}
