//! Two nodes hold each other, and the error path returns before the knot is cut.

use std::cell::RefCell;
use std::collections::TryReserveError;
use std::hint::black_box;
use std::rc::Rc;

use oomsweep::{alloc_test, exempt};

use super::kit::bytes;

struct Node {
    other: RefCell<Option<Rc<Node>>>,
}

#[inline(never)]
fn node() -> Rc<Node> {
    black_box(Rc::new(Node { other: RefCell::new(None) })) // HERE: birth
}

fn knot() -> Rc<Node> {
    exempt(|| {
        let (one, other) = (node(), node());
        *one.other.borrow_mut() = Some(Rc::clone(&other));
        *other.other.borrow_mut() = Some(Rc::clone(&one));
        one
    })
}

fn cut(node: &Node) {
    drop(node.other.borrow_mut().take());
}

#[alloc_test]
#[ignore = "seeded bug: run by the table"]
fn tied() -> Result<(), TryReserveError> {
    let knot = knot();
    let room = bytes!(16)?; // HERE: failed
    drop(room);
    cut(&knot);
    Ok(())
}

#[alloc_test]
#[ignore = "clean twin: run by the table"]
fn untied() -> Result<(), TryReserveError> {
    let knot = knot();
    let room = bytes!(16);
    cut(&knot);
    room.map(drop)
}
