//! Bodies with real memory errors, out of published crates, and bodies without any; what is expected of each; and how one is run
//! by its name.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub mod advisories;
pub mod bodies;
pub mod controls;

pub use advisories::{ADVISORIES, Advisory};
pub use controls::{CONTROLS, Control};

/// The body with this name, whether it has a bug or not.
pub fn body(name: &str) -> Option<fn()> {
    let with_a_bug = ADVISORIES.iter().map(|advisory| (advisory.name, advisory.body));
    let without = CONTROLS.iter().map(|control| (control.name, control.body));
    with_a_bug.chain(without).find(|(other, _)| *other == name).map(|(_, body)| body)
}

/// Runs the body that the first argument names in the way that a program is about: `watch` is handed the body. Without an
/// argument all of them are printed: those with a bug first, and with what is expected of them.
///
/// # Panics
///
/// If there is no body with that name.
pub fn main_of(watch: impl FnOnce(fn())) {
    let Some(name) = std::env::args().nth(1) else {
        for advisory in ADVISORIES {
            let said = [advisory.expected, advisory.with_pages, advisory.memcheck].map(|says| says.unwrap_or("-"));
            println!("{}|{}|{}|{}", advisory.name, advisory.id, advisory.package, said.join("|"));
        }
        for control in CONTROLS {
            println!("{}", control.name);
        }
        return;
    };
    match body(&name) {
        Some(body) => watch(body),
        None => panic!("there is no body `{name}`"),
    }
}

/// Runs a piece of a body that panics, and goes on behind it.
pub(crate) fn caught(piece: impl FnOnce()) {
    let caught = catch_unwind(AssertUnwindSafe(piece));
    assert!(caught.is_err(), "this piece is here because it panics");
}

/// A panic that prints nothing and asks for no memory, so that it is no part of what is compared.
pub(crate) fn give_up() -> ! {
    resume_unwind(Box::new(()))
}
