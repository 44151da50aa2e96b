//! Where a pointer can be that keeps a block reachable, apart from other blocks.
//!
//! Not searched, because what lies there is old or nobody's: what a stack held below the frame that is named; the C library's
//! record of a thread, which keeps what the thread was started with; the stacks of ended threads, which are kept for later ones;
//! the stacks that signal handlers run on; and pages of our own.

use super::locals;
use super::maps::{self, Mapping, Of};
use super::modules;
use super::pages;
use super::resident::Pages;
use super::seen;
use super::signals;
use super::state::Range;
use super::world::{Slot, Stopped};

/// Something that can hold pointers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// Readable memory, not always aligned.
    Memory(Range),
    /// One word, which lies in no memory.
    Word(usize),
}

/// What code may use below its stack pointer.
const RED_ZONE: usize = 128;

const MAPPINGS: usize = 1 << 17;
const CUTS: usize = 1 << 16;

/// Room for a search; zeros are a valid one.
pub(super) struct Search {
    mappings: [Mapping; MAPPINGS],
    mapping_count: usize,
    cuts: [Range; CUTS],
    cut_count: usize,
    room: [u8; 4096],
}

/// Where a thread's stack and what belongs to it lies.
struct Home {
    memory: Range,
    stack_end: usize,
}

impl Stopped {
    /// The roots that cost little: the variables of the program and all libraries, and of the calling thread its locals, its
    /// pthread keys, and its stack from the frame at `entry` outwards. Allocates nothing. False if something could not be listed.
    ///
    /// What it names stays readable as long as no thread unmaps it, which can happen only by threads that run on.
    pub(crate) fn near(&mut self, entry: usize, each: &mut dyn FnMut(Root)) -> bool {
        // SAFETY: the board is mapped, and this part of it belongs to who holds it: `self`, which is borrowed for as long.
        let Some(search) = (unsafe { self.search().as_mut() }) else { return false };
        let complete = search.read_mappings();
        for (range, _) in modules::segments().filter(|(_, writable)| *writable) {
            search.each_readable(range, &mut |part| each(Root::Memory(part)));
        }
        let pointer = locals::thread_pointer();
        search.each_local(pointer, each);
        locals::each_key(|value| each(Root::Word(value)));
        let end = match search.home(pointer, entry) {
            Some(home) if home.memory.holds(entry) => home.stack_end,
            _ => search.holding(entry).map_or(entry, |mapping| mapping.range.end()),
        };
        search.each_readable(between(entry, end), &mut |part| each(Root::Memory(part)));
        complete
    }

    /// All other roots: of each stopped thread its registers, its stack, its locals and its keys; and every other memory that can
    /// be read and written, but for devices and for the ranges `without`. `entry` is the one of [`Stopped::near`]. Allocates
    /// nothing. False if something could not be listed.
    ///
    /// Of a thread that runs on ([`Stopped::running`]) the registers are not known, and of its stack all counts unless it was
    /// noted and waits for the kernel.
    pub(crate) fn far(&mut self, entry: usize, without: &[Range], each: &mut dyn FnMut(Root)) -> bool {
        // SAFETY: as in `near`.
        let Some(search) = (unsafe { self.search().as_mut() }) else { return false };
        let mut complete = search.read_mappings() && self.saw_all();
        search.cut_count = 0;
        search.cut_ours(without);
        search.own_thread(entry, each);
        for slot in self.slots() {
            search.stopped_thread(slot, each);
        }
        search.other_threads(self, each);
        complete &= search.cut_count < CUTS;
        search.each_other(each);
        complete
    }
}

impl Search {
    fn read_mappings(&mut self) -> bool {
        let Search { mappings, mapping_count, room, .. } = self;
        *mapping_count = 0;
        let mut complete = true;
        let done = maps::each(room, |mapping| {
            if mapping.readable {
                match mappings.get_mut(*mapping_count) {
                    Some(place) => {
                        *place = mapping;
                        *mapping_count += 1;
                    }
                    None => complete = false,
                }
            }
        });
        done && complete
    }

    fn mappings(&self) -> &[Mapping] {
        self.mappings.get(..self.mapping_count).unwrap_or(&[])
    }

    fn holding(&self, address: usize) -> Option<&Mapping> {
        let after = self.mappings().partition_point(|mapping| mapping.range.from <= address);
        let mapping = self.mappings().get(after.checked_sub(1)?)?;
        mapping.range.holds(address).then_some(mapping)
    }

    /// Whether all of a range can be read.
    fn is_readable(&self, range: Range) -> bool {
        let mut at = range.from;
        while at < range.end() {
            let Some(mapping) = self.holding(at) else { return false };
            at = mapping.range.end();
        }
        range.len == 0 || range.end() > range.from
    }

    /// The parts of a range that can be read.
    fn each_readable(&self, range: Range, each: &mut dyn FnMut(Range)) {
        let first = self.mappings().partition_point(|mapping| mapping.range.end() <= range.from);
        for mapping in self.mappings().get(first..).unwrap_or(&[]) {
            if mapping.range.from >= range.end() {
                return;
            }
            let part = between(range.from.max(mapping.range.from), range.end().min(mapping.range.end()));
            if part.len != 0 {
                each(part);
            }
        }
    }

    /// Where the thread with this pointer lives; `None` if that is not known, for instance because its stack pointer `sp` is that
    /// of no stack of the system's.
    fn home(&self, pointer: usize, sp: usize) -> Option<Home> {
        let stack_end = locals::stack_end(pointer);
        if let Some(memory) = self.block(pointer) {
            return Some(Home { memory, stack_end });
        }
        let mapping = self.holding(sp)?;
        if mapping.of == Of::FirstStack {
            return Some(Home { memory: mapping.range, stack_end: mapping.range.end() });
        }
        let beside = pointer > sp && mapping.range.holds(pointer);
        let end = locals::record(pointer).end().next_multiple_of(4096).min(mapping.range.end());
        beside.then_some(Home { memory: between(mapping.range.from, end), stack_end })
    }

    /// The thread-locals of the thread with this pointer.
    fn each_local(&self, pointer: usize, each: &mut dyn FnMut(Root)) {
        self.each_readable(locals::fixed(pointer), &mut |part| each(Root::Memory(part)));
        let readable = |range| self.is_readable(range);
        locals::dynamic(pointer, &readable, &mut |part| each(Root::Memory(part)));
    }

    fn cut(&mut self, range: Range) {
        if let Some(place) = self.cuts.get_mut(self.cut_count)
            && range.len != 0
        {
            *place = range;
            self.cut_count += 1;
        }
    }

    /// Cuts out what is ours, what was named, and what [`Stopped::near`] has named.
    fn cut_ours(&mut self, without: &[Range]) {
        pages::ours().for_each(|range| self.cut(range));
        without.iter().for_each(|&range| self.cut(range));
        for (range, _) in modules::segments().filter(|(_, writable)| *writable) {
            self.cut(range);
        }
    }

    fn cut_thread(&mut self, pointer: usize, signal_stack: Range, sp: usize) {
        self.cut(locals::fixed(pointer));
        self.cut(locals::record(pointer));
        if !signal_stack.holds(sp) {
            self.cut(signal_stack);
        }
    }

    /// Cuts out the calling thread's memory.
    fn own_thread(&mut self, entry: usize, each: &mut dyn FnMut(Root)) {
        let pointer = locals::thread_pointer();
        let home = self.home(pointer, entry);
        if let Some(home) = &home {
            self.cut(home.memory);
        }
        match home {
            Some(home) if home.memory.holds(entry) => {}
            // The frame is on a stack of the program's own making.
            other => {
                if let Some(mapping) = self.holding(entry).copied() {
                    self.cut(mapping.range);
                }
                if let Some(home) = other {
                    let stack = between(home.memory.from, home.stack_end);
                    self.each_readable(stack, &mut |part| each(Root::Memory(part)));
                }
            }
        }
        self.cut_thread(pointer, signals::present_stack(), entry);
    }

    fn stopped_thread(&mut self, slot: &Slot, each: &mut dyn FnMut(Root)) {
        slot.words().iter().for_each(|&word| each(Root::Word(word)));
        self.each_local(slot.pointer, each);
        if let Some(home) = self.home(slot.pointer, slot.sp) {
            let stack = if home.memory.holds(slot.sp) {
                between(slot.sp.saturating_sub(RED_ZONE).max(home.memory.from), home.stack_end)
            } else {
                // It runs on a stack of the program's own making, which counts like any memory.
                between(home.memory.from, home.stack_end)
            };
            self.each_readable(stack, &mut |part| each(Root::Memory(part)));
            self.cut(home.memory);
        }
        self.cut_thread(slot.pointer, slot.signal_stack, slot.sp);
    }

    /// Threads that run on, and threads that have ended. Memory of which nobody can say whose it is counts like any other.
    fn other_threads(&mut self, stopped: &Stopped, each: &mut dyn FnMut(Root)) {
        // While there is a thread of which nothing is known, each of those that were noted may be it.
        let mut all_known = stopped.saw_all();
        for thread in stopped.running() {
            let home = thread.sp.and_then(|sp| {
                let mut homes = seen::threads().filter_map(|pointer| Some((pointer, self.block(pointer)?)));
                homes.find(|(_, block)| block.holds(sp)).map(|(pointer, block)| (pointer, block, sp))
            });
            let Some((pointer, block, sp)) = home else {
                all_known = false;
                continue;
            };
            // Its keys can't be asked for: they are in its record, or lead from there.
            let from = sp.saturating_sub(RED_ZONE).max(block.from);
            self.each_readable(between(from, block.end()), &mut |part| each(Root::Memory(part)));
            self.each_local(pointer, each);
            self.cut(block);
        }
        if all_known {
            let own = locals::thread_pointer();
            for pointer in seen::threads() {
                let lives = pointer == own || stopped.slots().any(|slot| slot.pointer == pointer);
                if !lives && let Some(block) = self.block(pointer) {
                    self.cut(block);
                }
            }
        }
    }

    fn block(&self, pointer: usize) -> Option<Range> {
        locals::block(pointer, &|range| self.is_readable(range))
    }

    /// Everything else that can be read and written.
    fn each_other(&mut self, each: &mut dyn FnMut(Root)) {
        let cuts = self.cuts.get_mut(..self.cut_count).unwrap_or(&mut []);
        cuts.sort_unstable_by_key(|cut| cut.from);
        let pages = Pages::open();
        let mut first = 0;
        for mapping in self.mappings().iter().filter(|mapping| mapping.writable && mapping.of != Of::Device) {
            let mut part = |from: usize, to: usize| {
                if from < to {
                    pages.each(mapping, between(from, to), &mut |held| each(Root::Memory(held)));
                }
            };
            let mut at = mapping.range.from;
            let cuts = self.cuts.get(first..self.cut_count).unwrap_or(&[]);
            for cut in cuts {
                if cut.from >= mapping.range.end() {
                    break;
                }
                part(at, cut.from);
                at = at.max(cut.end());
            }
            part(at, mapping.range.end());
            // Cuts that end before this mapping does are done with, as far as they stand first.
            first += cuts.iter().take_while(|cut| cut.end() <= mapping.range.end()).count();
        }
    }
}

/// What lies from one address to another.
fn between(from: usize, to: usize) -> Range {
    Range { from, len: to.saturating_sub(from) }
}

#[cfg(test)]
mod tests;
