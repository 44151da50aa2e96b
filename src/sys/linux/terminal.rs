//! The last lines of the terminal that the standard error is, kept free of everything else that is written there.
//!
//! A terminal scrolls only what stands between its margins (DECSTBM, VT100 User Guide, chapter 3). With the lower one above the
//! last lines, whatever is written, by whomever, stands and scrolls above them; each drawing leaves the cursor where it was.

use std::fmt::Write;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// How many lines can be kept at most.
pub(crate) const MOST: usize = 8;

/// How many lines are kept.
static KEPT: AtomicUsize = AtomicUsize::new(0);
/// The process that keeps them: its children have copies of these words, and must let the terminal be.
static KEEPER: AtomicI32 = AtomicI32::new(0);

/// How large a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Lines.
    pub(crate) rows: u16,
    /// Characters in a line.
    pub(crate) columns: u16,
}

/// The size of the terminal that the standard error is; `None` if it is none, does not know its size, or belongs to another
/// job than this process.
pub(crate) fn size() -> Option<Size> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: `size` is ours to be written; the other calls have no effects.
    let (found, foreground, group) =
        unsafe { (libc::ioctl(2, libc::TIOCGWINSZ, &raw mut size) == 0, libc::tcgetpgrp(2), libc::getpgrp()) };
    let is_ours = foreground <= 0 || foreground == group;
    (found && is_ours && size.ws_row > 0 && size.ws_col > 0).then_some(Size { rows: size.ws_row, columns: size.ws_col })
}

/// Keeps `lines` lines, at most [`MOST`], at the bottom of a terminal of this size, in place of those that were kept so far.
pub(crate) fn keep(size: Size, lines: usize) {
    let (before, lines) = (KEPT.load(Ordering::Acquire), lines.min(MOST));
    let margin = usize::from(size.rows).saturating_sub(lines);
    if lines == before || margin == 0 {
        return;
    }
    if lines == 0 {
        return give_back();
    }
    let mut text = String::new();
    if lines > before {
        // Room below the cursor, which stays in its line and column: a vertical tab scrolls at the bottom, and goes down elsewhere.
        let more = lines - before;
        text.push_str(&"\x0b".repeat(more));
        let _ = write!(text, "\x1b[{more}A");
    }
    let _ = write!(text, "\x1b7\x1b[1;{margin}r");
    for row in usize::from(size.rows).saturating_sub(before)..margin {
        let _ = write!(text, "\x1b[{};1H\x1b[2K", row + 1);
    }
    text.push_str("\x1b8");
    KEEPER.store(super::process::pid(), Ordering::Release);
    KEPT.store(lines, Ordering::Release);
    super::write_error(text.as_bytes());
}

/// Writes these texts into the lines that are kept, each cut where the terminal ends.
pub(crate) fn draw(size: Size, texts: &[&str]) {
    let kept = KEPT.load(Ordering::Acquire);
    let first = usize::from(size.rows).saturating_sub(kept) + 1;
    let mut drawn = String::from("\x1b7\x1b[?7l");
    for (row, text) in (first..).zip(texts.iter().take(kept)) {
        let text: String = text.chars().filter(|c| !c.is_control()).take(size.columns.into()).collect();
        let _ = write!(drawn, "\x1b[{row};1H\x1b[2K{text}");
    }
    drawn.push_str("\x1b[?7h\x1b8");
    super::write_error(drawn.as_bytes());
}

/// Gives all lines back, wiped. Allocates nothing and takes no lock: for signal handlers, too.
pub(crate) extern "C" fn give_back() {
    if KEEPER.load(Ordering::Acquire) != super::process::pid() {
        return;
    }
    let kept = KEPT.swap(0, Ordering::AcqRel);
    if kept == 0 {
        return;
    }
    // The whole screen scrolls again; then from its last line upwards.
    let (begin, above, end) = (&b"\x1b7\x1b[r\x1b[9999;1H\x1b[2K"[..], &b"\x1b[A\x1b[2K"[..], &b"\x1b8"[..]);
    let mut text = [0_u8; 20 + 7 * MOST + 2];
    let mut len = 0;
    for part in std::iter::once(begin).chain(std::iter::repeat_n(above, kept - 1)).chain(std::iter::once(end)) {
        if let Some(room) = text.get_mut(len..len + part.len()) {
            room.copy_from_slice(part);
            len += part.len();
        }
    }
    super::write_error(&text[..len]);
}
