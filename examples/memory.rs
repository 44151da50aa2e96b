//! What the checker of memory says: `cargo run --example memory`.
//!
//! Eight small mistakes, each of a kind that compiles, passes its test, and is found in production. `main` sweeps one after the
//! other and prints what oomsweep says of it; then the same work done rightly, of which there is nothing to say.
//!
//! Most of them show in a plain run, so `leaks_only` is enough: nothing is made to fail. The double free waits on an error path,
//! and only a sweep comes there. The read needs guard pages, for nothing can be seen afterwards of what was only read.

#![allow(clippy::print_stdout, reason = "an example is there to be watched")]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::ptr::NonNull;
use std::rc::Rc;

use oomsweep::{Report, Sweep, check_memory};

fn main() -> ExitCode {
    let shown = [
        ("overflow", plain("ends_its_text_with_a_zero", ends_its_text_with_a_zero)),
        ("underflow", plain("pads_to_the_left", pads_to_the_left)),
        ("use-after-free", plain("keeps_a_pointer_while_it_grows", keeps_a_pointer_while_it_grows)),
        ("wrong-layout", plain("takes_the_length_for_the_capacity", takes_the_length_for_the_capacity)),
        ("invalid-free", plain("frees_what_it_has_advanced", frees_what_it_has_advanced)),
        ("leak", plain("links_both_ways", links_both_ways)),
        ("double-free", Sweep::new("cleans_up_twice").run(|| Pair::new(Pair::clean_up_twice).map(drop))),
        ("use-after-free", Sweep::new("looks_back").leaks_only().guard_pages().run(looks_back)),
    ];
    let mut as_told = true;
    for (code, report) in &shown {
        println!("{report}");
        as_told &= is_only(report, code);
    }

    println!("And the pair that cleans up once, with nothing to say of it:\n");
    let repaired = Sweep::new("cleans_up_once").guard_pages().run(|| Pair::new(Pair::clean_up_once).map(drop));
    println!("{repaired}");

    if as_told && repaired.is_clean() {
        ExitCode::SUCCESS
    } else {
        println!("This did not go as told: one finding was expected in each of the first eight, and none in the last.");
        ExitCode::FAILURE
    }
}

#[track_caller]
fn plain(name: &str, body: fn()) -> Report {
    Sweep::new(name).leaks_only().run(body)
}

fn is_only(report: &Report, code: &str) -> bool {
    matches!(report.findings(), [only] if only.code.as_str() == code)
}

/// A copy of a text for C. The zero at its end has no room. Seen when the block is freed.
fn ends_its_text_with_a_zero() {
    let text = "to be or not to be";
    let layout = Layout::for_value(text);
    // SAFETY: none: the last byte that is written lies behind the block.
    unsafe {
        let copy = black_box(alloc(layout));
        copy.copy_from(text.as_ptr(), text.len());
        copy.add(text.len()).write(0);
        dealloc(copy, layout);
    }
}

/// Right-aligns numbers in a column. The widest has one digit too many. `check_memory` tells which call it was.
fn pads_to_the_left() {
    let mut column = vec![b' '; 4];
    for number in [7, 1234, 56789] {
        right_align(&mut column, number);
        check_memory();
    }
}

fn right_align(column: &mut [u8], mut number: u32) {
    let mut place = column.as_mut_ptr_range().end;
    while number > 0 {
        place = place.wrapping_sub(1);
        // SAFETY: none: nobody has counted the digits.
        unsafe { black_box(place).write(b'0' + (number % 10) as u8) };
        number /= 10;
    }
}

/// Counts into the first element of a list that grows meanwhile, through a pointer from before. Seen when the run is over.
fn keeps_a_pointer_while_it_grows() {
    let mut counts = vec![0_u64];
    let total = black_box(counts.as_mut_ptr());
    for number in 1..=3 {
        counts.push(number);
        // SAFETY: none: the list may have moved.
        unsafe { *total += number };
    }
}

/// Hands a list to C and takes it back, but not what it was. Seen when it is freed.
fn takes_the_length_for_the_capacity() {
    let mut list = Vec::with_capacity(8);
    list.extend([1_u32, 2, 3]);
    let mut handed_over = ManuallyDrop::new(list);
    let (first, length) = (handed_over.as_mut_ptr(), handed_over.len());
    // SAFETY: none: the capacity is 8.
    drop(unsafe { Vec::from_raw_parts(black_box(first), length, length) });
}

/// Skips a header, and frees what is left.
fn frees_what_it_has_advanced() {
    let packet: &mut [u8] = Box::leak(Box::from([0_u8; 24]));
    let payload = &raw mut packet[8..];
    // SAFETY: none: the block begins with the header.
    drop(unsafe { Box::from_raw(black_box(payload)) });
}

#[derive(Default)]
struct Node {
    neighbour: RefCell<Option<Rc<Node>>>,
    name: String,
}

/// Two nodes that hold each other: the first is the root of what is lost, and its name and the second with its own go with it.
fn links_both_ways() {
    let [one, other] = ["one", "other"].map(|name| Rc::new(Node { name: name.to_owned(), ..Node::default() }));
    *one.neighbour.borrow_mut() = Some(other.clone());
    *other.neighbour.borrow_mut() = Some(one.clone());
    assert_ne!(one.name, other.name);
}

/// Reads the longest line again after the list of lines is gone.
fn looks_back() {
    let lines: Vec<String> = ["short", "longer", "long"].map(str::to_owned).into();
    let longest = lines.iter().max_by_key(|line| line.len()).map(|line| &raw const line.as_bytes()[0]);
    drop(lines);
    // SAFETY: none: the line is freed.
    black_box(longest.map(|first| unsafe { black_box(first).read() }));
}

// ---- An error path ----------------------------------------------------------------------------------------------------------

#[derive(Debug)]
struct OutOfMemory;

/// Two blocks that are made together or not at all.
struct Pair {
    blocks: [Option<NonNull<u64>>; 2],
}

impl Pair {
    /// `clean_up` is called where the first block is there, and there is no memory for the second.
    fn new(clean_up: fn(&mut Pair)) -> Result<Pair, OutOfMemory> {
        let mut pair = Pair { blocks: [None; 2] };
        for place in 0..2 {
            // SAFETY: the layout is not empty.
            let block = NonNull::new(unsafe { alloc(Layout::new::<u64>()) }.cast());
            if block.is_none() {
                clean_up(&mut pair);
                return Err(OutOfMemory);
            }
            pair.blocks[place] = block;
        }
        Ok(pair)
    }

    /// The mistake: the destructor comes as well, and still finds the first block.
    fn clean_up_twice(&mut self) {
        self.blocks.iter().flatten().for_each(free);
    }

    fn clean_up_once(&mut self) {
        self.blocks.iter_mut().filter_map(Option::take).for_each(|block| free(&block));
    }
}

fn free(block: &NonNull<u64>) {
    // SAFETY: made by `Pair::new` with this layout. That it is not freed yet is for the caller to know.
    unsafe { dealloc(block.as_ptr().cast(), Layout::new::<u64>()) };
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.clean_up_once();
    }
}
