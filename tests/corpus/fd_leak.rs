//! A descriptor stays open.

use std::fs::File;
use std::mem;

use oomsweep::{alloc_test, exempt};

use super::kit::bytes;

fn null() -> std::io::Result<File> {
    exempt(|| File::open("/dev/null"))
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn on_the_error_path() -> std::io::Result<()> {
    let file = null()?;
    let buffer = bytes!(512); // HERE: failed
    match buffer {
        Ok(buffer) => drop(buffer),
        Err(error) => {
            mem::forget(file);
            return Err(error.into());
        }
    }
    drop(file);
    Ok(())
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn in_the_plain_run() -> std::io::Result<()> {
    let file = null()?;
    let buffer = bytes!(512)?;
    drop(buffer);
    mem::forget(file);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn closed() -> std::io::Result<()> {
    let file = null()?;
    let buffer = bytes!(512)?;
    drop((file, buffer));
    Ok(())
}

/// Opened once and for ever.
#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn first_use() -> std::io::Result<()> {
    use std::sync::OnceLock;
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let buffer = bytes!(512);
    let file = FILE.get_or_init(|| null().ok());
    assert!(file.is_some(), "there is always a /dev/null");
    buffer?;
    Ok(())
}
