//! The smallest pieces of a sentence.

/// `1 block`, `3 blocks`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `1 byte`, `48 bytes`.
pub(crate) fn bytes(count: u64) -> String {
    plural(count, "byte")
}

/// `1 block (48 bytes)`, `3 blocks (144 bytes)`.
pub(crate) fn blocks(count: u64, size: u64) -> String {
    format!("{} ({})", plural(count, "block"), bytes(size))
}

/// The first line of a text, cut to `limit` characters; an ellipsis stands for what was left out.
pub(crate) fn first_line(text: &str, limit: usize) -> String {
    let text = text.trim();
    let line = text.lines().next().unwrap_or("").trim_end();
    let mut short: String = line.chars().take(limit).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
