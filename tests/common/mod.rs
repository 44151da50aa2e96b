//! What the targets that run themselves share: starting a test of the same binary, and holding its report against a row.

mod process;
mod session;
mod table;

pub(crate) use process::{Ran, Run, Running, report_name, run_self};
pub(crate) use session::Process;
pub(crate) use table::{Row, Want, clean, failing, want};
