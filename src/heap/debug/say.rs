//! The one place where a debug allocator speaks by itself: of every call, if that is wanted, and of errors where no panic can.

use std::alloc::Layout;
use std::cell::Cell;

use crate::hook::gate;

thread_local! {
    /// The thread is being spoken for: what a logger asks for meanwhile is not said.
    static SPEAKS: Cell<bool> = const { Cell::new(false) };
}

/// Where `verbose_log` goes in `log` and `tracing`.
#[cfg(any(feature = "log", feature = "tracing"))]
const TARGET: &str = "oomsweep::debug";

/// A call and what came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// The name of the call.
    pub(super) call: &'static str,
    /// The block that it was about.
    pub(super) block: Option<usize>,
    /// Its layout.
    pub(super) layout: Layout,
    /// What it was to become.
    pub(super) new: Option<Layout>,
    /// Where it is now; `Err`: the call came back empty-handed.
    pub(super) got: Option<Result<usize, ()>>,
}

/// Says a call of the allocator with this name.
#[cold]
pub(super) fn call(name: &str, said: &Said) {
    if SPEAKS.with(|speaks| speaks.replace(true)) {
        return;
    }
    let _harness = gate::harness();
    let text = text(name, said);
    if !logged(&text) {
        #[allow(clippy::print_stderr, reason = "the user has asked for it, and there is no logger")]
        {
            eprintln!("{text}");
        }
    }
    SPEAKS.with(|speaks| speaks.set(false));
}

/// Says an error on a thread that panics already.
#[cold]
pub(super) fn error(text: &str) {
    let _harness = gate::harness();
    #[allow(clippy::print_stderr, reason = "a second panic would end the process, and silence would hide the error")]
    {
        eprintln!("\n{text}");
    }
}

fn text(name: &str, said: &Said) -> String {
    let layout = |layout: Layout| format!("{} bytes, align {}", layout.size(), layout.align());
    let block = said.block.map(|block| format!("{block:#x}, ")).unwrap_or_default();
    let new = said.new.map(|new| format!(" to {}", layout(new))).unwrap_or_default();
    let got = match said.got {
        Some(Ok(block)) => format!(" -> {block:#x}"),
        Some(Err(())) => String::from(" -> no memory"),
        None => String::new(),
    };
    format!("{name}: {}({block}{}{new}){got}", said.call, layout(said.layout))
}

/// Hands a line to whoever the program has set to hear it. False: nobody is set.
fn logged(text: &str) -> bool {
    let mut heard = false;
    #[cfg(feature = "tracing")]
    if tracing::dispatcher::has_been_set() {
        tracing::debug!(target: TARGET, "{text}");
        heard = true;
    }
    #[cfg(feature = "log")]
    if log::max_level() != log::LevelFilter::Off {
        log::debug!(target: TARGET, "{text}");
        heard = true;
    }
    #[cfg(not(any(feature = "log", feature = "tracing")))]
    {
        heard |= text.is_empty();
    }
    heard
}
