//! Two blocks are lost at two places: two findings, however many requests uncover each.

use oomsweep::alloc_test;

use super::kit::{Oom, give, take};

#[inline(never)]
fn head() -> Result<*mut u8, Oom> {
    let head = take!(11); // HERE: head
    if head.is_null() { Err(Oom) } else { Ok(head) }
}

#[inline(never)]
fn tail() -> Result<*mut u8, Oom> {
    let tail = take!(22); // HERE: tail
    if tail.is_null() { Err(Oom) } else { Ok(tail) }
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn both() -> Result<(), Oom> {
    let head = head()?;
    let tail = tail()?; // uncovers the head
    let last = take!(33); // uncovers both
    if last.is_null() {
        return Err(Oom);
    }
    give!(last, 33);
    give!(tail, 22);
    give!(head, 11);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn neither() -> Result<(), Oom> {
    let head = head()?;
    let rest = tail().and_then(|tail| {
        let last = take!(33);
        give!(tail, 22);
        if last.is_null() { Err(Oom) } else { Ok(last) }
    });
    give!(head, 11);
    give!(rest?, 33);
    Ok(())
}
