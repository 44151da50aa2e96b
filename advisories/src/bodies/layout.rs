//! A block is given back as another than it is.

use eyre::{Report, WrapErr};
use maligned::{A64, align_first_boxed_default};

/// An error of 16 bytes comes out of a report in which a message of 24 bytes was put before it; the report is freed as if both
/// had 16.
pub fn eyre_2024_0021() {
    let bytes = std::hint::black_box([b'a', 0xff]);
    let report: Report = std::str::from_utf8(&bytes).wrap_err("no text".to_owned()).expect_err("0xff is no text");
    let error = report.downcast::<std::str::Utf8Error>().expect("it was made of one");
    assert_eq!(error.valid_up_to(), 1);
}

/// The bytes are born on an address that 64 divides, in a box that knows nothing of it.
pub fn maligned_2023_0017() {
    let bytes = align_first_boxed_default::<u8, A64>(100);
    assert_eq!(bytes.as_ptr() as usize % 64, 0);
}
