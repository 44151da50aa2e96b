//! The first look: `cargo run --example quickstart`.
//!
//! A small library notes on which lines of a text each word stands. It is written to survive an empty memory: whatever it
//! asks for, it asks by an API that can say no, and passes the answer on as [`OutOfMemory`]. One of its two ways to add a word
//! has a mistake that no ordinary test can see, because it shows only when memory runs out at one of six places.
//!
//! `main` lets oomsweep look for it. The body is run once plainly; then once for every allocation that it made, with just that
//! one failing, and once more with that one and all later ones failing. Each run must come back with an error and leave nothing
//! behind. The second way to add a word is the first one repaired, and its sweep is clean.
//!
//! The text is the Gettysburg Address (Abraham Lincoln, 1863, the Bliss copy), which is in the public domain.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::alloc::{Layout, alloc};
use std::collections::{HashMap, TryReserveError};
use std::process::ExitCode;
use std::ptr::NonNull;

use oomsweep::Sweep;

const ADDRESS: &str = include_str!("data/address.txt");

fn main() -> ExitCode {
    println!("First, an index with a mistake on one of its error paths:\n");
    let forgetful = Sweep::new("index_that_forgets").run(|| index_the_opening(Index::add_forgetful));
    println!("{forgetful}\n");

    println!("Then the same with two lines exchanged, `Index::add` in place of `Index::add_forgetful`:\n");
    let repaired = Sweep::new("index_repaired").run(|| index_the_opening(Index::add));
    println!("{repaired}\n");

    // What this example promises: the first sweep finds the leak and nothing else, the second finds nothing.
    let found_the_leak = matches!(forgetful.findings(), [only] if only.code.as_str() == "leak");
    if found_the_leak && repaired.is_clean() {
        println!("In a test of your own it is one line: `#[alloc_test]` above the function.");
        ExitCode::SUCCESS
    } else {
        println!("This did not go as told: one leak in the first sweep and none in the second were expected.");
        ExitCode::FAILURE
    }
}

/// The body of both sweeps: an ordinary test that returns its error instead of unwrapping it.
fn index_the_opening(add: Add<'static>) -> Result<(), OutOfMemory> {
    let mut index = Index::new();
    for (line, number) in opening().zip(1..) {
        for word in words(line) {
            add(&mut index, word, number)?;
        }
    }
    assert_eq!(index.lines_of("nation"), [2, 5, 6, 8]);
    Ok(())
}

/// The first two of the speech's three paragraphs; 102 words are enough to look at.
fn opening() -> impl Iterator<Item = &'static str> {
    ADDRESS.lines().take(9)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphabetic() && c != '-').filter(|word| word.contains(char::is_alphabetic))
}

// ---- The library ------------------------------------------------------------------------------------------------------------

/// There was no memory; the index is as it was, or has the word without this line.
#[derive(Debug)]
struct OutOfMemory;

impl From<TryReserveError> for OutOfMemory {
    fn from(_: TryReserveError) -> Self {
        OutOfMemory
    }
}

/// A word and the lines on which it stands. The entries form a list, newest first.
///
/// `Box::new` ends the process when there is no memory, and `Box::try_new` is not stable, so an entry is allocated by hand.
struct Entry<'t> {
    word: &'t str,
    lines: Vec<u32>,
    older: Option<NonNull<Entry<'t>>>,
}

impl<'t> Entry<'t> {
    fn allocate(word: &'t str) -> Result<NonNull<Self>, OutOfMemory> {
        // SAFETY: the layout of an entry is not of size zero.
        let place = unsafe { alloc(Layout::new::<Self>()) };
        let entry = NonNull::new(place.cast::<Self>()).ok_or(OutOfMemory)?;
        // SAFETY: freshly allocated with the layout of an entry, and nobody else knows it.
        unsafe { entry.write(Entry { word, lines: Vec::new(), older: None }) };
        Ok(entry)
    }
}

/// The words of a text. The list owns the entries, the map finds them.
#[derive(Default)]
struct Index<'t> {
    newest: Option<NonNull<Entry<'t>>>,
    by_word: HashMap<&'t str, NonNull<Entry<'t>>>,
}

/// A way to add that a word stands on a line.
type Add<'t> = fn(&mut Index<'t>, &'t str, u32) -> Result<(), OutOfMemory>;

impl<'t> Index<'t> {
    fn new() -> Self {
        Index::default()
    }

    /// Adds that `word` stands on `line`; loses an entry when the map is full and cannot grow.
    fn add_forgetful(&mut self, word: &'t str, line: u32) -> Result<(), OutOfMemory> {
        let entry = match self.by_word.get(word) {
            Some(&entry) => entry,
            None => {
                let entry = Entry::allocate(word)?;
                self.by_word.try_reserve(1)?; // The mistake: this `?` leaves with an entry that nobody will free.
                self.link(entry)
            }
        };
        Self::add_line(entry, line)
    }

    /// Adds that `word` stands on `line`.
    fn add(&mut self, word: &'t str, line: u32) -> Result<(), OutOfMemory> {
        let entry = match self.by_word.get(word) {
            Some(&entry) => entry,
            None => {
                self.by_word.try_reserve(1)?; // Make room first: when this fails there is nothing to undo yet.
                let entry = Entry::allocate(word)?;
                self.link(entry)
            }
        };
        Self::add_line(entry, line)
    }

    /// Takes a new entry over. The map has room for it, so nothing can fail here.
    fn link(&mut self, mut entry: NonNull<Entry<'t>>) -> NonNull<Entry<'t>> {
        // SAFETY: the entry is alive, and only the caller knows it.
        let new = unsafe { entry.as_mut() };
        new.older = self.newest.replace(entry);
        self.by_word.insert(new.word, entry);
        entry
    }

    fn add_line(mut entry: NonNull<Entry<'t>>, line: u32) -> Result<(), OutOfMemory> {
        // SAFETY: the entry is in the index, which the caller borrows mutably.
        let lines = unsafe { &mut entry.as_mut().lines };
        if lines.last() != Some(&line) {
            lines.try_reserve(1)?;
            lines.push(line);
        }
        Ok(())
    }

    /// The lines on which `word` stands, in order.
    fn lines_of(&self, word: &str) -> &[u32] {
        match self.by_word.get(word) {
            // SAFETY: the entries in the map live as long as the index, and are changed only through `&mut self`.
            Some(entry) => unsafe { &entry.as_ref().lines },
            None => &[],
        }
    }
}

impl Drop for Index<'_> {
    fn drop(&mut self) {
        while let Some(entry) = self.newest {
            // SAFETY: `Box` frees with the layout that `Entry::allocate` used, and the list holds each entry once.
            let entry = unsafe { Box::from_raw(entry.as_ptr()) };
            self.newest = entry.older;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index_of(text: &'static str, add: Add<'static>) -> Index<'static> {
        let mut index = Index::new();
        for (line, number) in text.lines().zip(1..) {
            words(line).for_each(|word| add(&mut index, word, number).unwrap());
        }
        index
    }

    #[test]
    fn both_ways_to_add_build_the_same_index() {
        for add in [Index::add_forgetful, Index::add] {
            let index = index_of(ADDRESS, add);
            assert_eq!(index.by_word.len(), 142);
            assert_eq!(index.lines_of("nation"), [2, 5, 6, 8, 21]);
            assert_eq!(index.lines_of("battle-field"), [7]);
            assert_eq!(index.lines_of("people"), [22]); // thrice on one line
            assert!(index.lines_of("--").is_empty());
            assert!(index.lines_of("oom").is_empty());
        }
    }

    #[test]
    fn the_list_holds_every_entry_newest_first() {
        let index = index_of("one two one\nthree", Index::add);
        let mut next = index.newest;
        let mut seen = Vec::new();
        while let Some(entry) = next {
            // SAFETY: the entries of a list live as long as the index.
            let entry = unsafe { entry.as_ref() };
            seen.push((entry.word, entry.lines.clone()));
            next = entry.older;
        }
        assert_eq!(seen, [("three", vec![2]), ("two", vec![1]), ("one", vec![1])]);
    }

    #[test]
    fn the_opening_is_what_its_comment_says() {
        assert_eq!(opening().flat_map(words).count(), 102);
        index_the_opening(Index::add_forgetful).unwrap();
        index_the_opening(Index::add).unwrap();
    }
}
