//! A block whose every call is held against what happened in the allocator inside.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::mem;
use std::ptr;

use crate::counting::{ALLOC, Calls, DEALLOC, LAST, Last, NONE, REALLOC, ZEROED, counted};

/// Where a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the allocator inside.
    Inside,
    /// In the testing allocator's own place, of which the allocator inside knows nothing.
    Store,
}

impl Home {
    /// What a call comes to inside that is about a block which stands here.
    fn calls(self, one: Calls) -> Calls {
        match self {
            Home::Inside => one,
            Home::Store => NONE,
        }
    }

    /// The call inside was that one.
    #[track_caller]
    fn assert_last(self, last: Last) {
        if self == Home::Inside {
            assert_eq!(LAST.get(), Some(last));
        }
    }
}

/// A request that came back empty-handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The allocator inside was not called: the sweep refused it, or there is no room in the store.
    Unasked,
    /// By the allocator inside, which was called once.
    Inside,
}

/// A null, by what was called inside for it.
#[track_caller]
fn refusal(home: Home, calls: Calls, one: Calls) -> Refused {
    if calls == NONE {
        return Refused::Unasked;
    }
    assert_eq!(calls, home.calls(one), "a refused request is one call inside, or none");
    assert_eq!(
        LAST.get().map(|last| last.answer),
        Some(ptr::null_mut()),
        "what the allocator gave out was thrown away"
    );
    Refused::Inside
}

/// A block of one repeated byte. Every call that it is made of is held against what happened inside.
pub(crate) struct Block {
    at: *mut u8,
    pub(crate) layout: Layout,
    byte: u8,
    pub(crate) home: Home,
}

// SAFETY: nobody else knows the block.
unsafe impl Send for Block {}

impl Block {
    /// Uninitialised memory, filled.
    pub(crate) fn filled(home: Home, layout: Layout, byte: u8) -> Result<Block, Refused> {
        // SAFETY: the layouts here have sizes.
        let (at, calls) = counted(|| black_box(unsafe { alloc(layout) }));
        let mut block = Block::taken(home, at, layout, calls, ALLOC)?;
        block.fill(byte);
        Ok(block)
    }

    /// Zeroed memory, seen to be zero.
    pub(crate) fn zeroed(home: Home, layout: Layout) -> Result<Block, Refused> {
        // SAFETY: as above.
        let (at, calls) = counted(|| black_box(unsafe { alloc_zeroed(layout) }));
        let block = Block::taken(home, at, layout, calls, ZEROED)?;
        block.assert_kept(layout.size());
        Ok(block)
    }

    fn taken(home: Home, at: *mut u8, layout: Layout, calls: Calls, one: Calls) -> Result<Block, Refused> {
        if at.is_null() {
            return Err(refusal(home, calls, one));
        }
        assert_eq!(calls, home.calls(one), "{layout:?}");
        home.assert_last(Last { layout, block: ptr::null_mut(), new_size: 0, answer: at });
        assert_eq!(at as usize % layout.align(), 0, "{layout:?}");
        Ok(Block { at, layout, byte: 0, home })
    }

    /// Makes it larger or smaller where it stands; a failure changes nothing.
    pub(crate) fn resize(&mut self, new_size: usize) -> Result<(), Refused> {
        let (at, layout) = (self.at, self.layout);
        let (moved, calls) = self.resized(new_size);
        if moved.is_null() {
            self.assert_kept(layout.size());
            return Err(refusal(self.home, calls, REALLOC));
        }
        assert_eq!(calls, self.home.calls(REALLOC), "{layout:?} to {new_size}");
        self.home.assert_last(Last { layout, block: at, new_size, answer: moved });
        self.stands_at(moved, new_size);
        Ok(())
    }

    /// The same outside a run for a block of one, which moves to the allocator inside.
    pub(crate) fn move_inside(&mut self, new_size: usize) -> Result<(), Refused> {
        assert_eq!(self.home, Home::Store);
        let (moved, calls) = self.resized(new_size);
        if moved.is_null() {
            self.assert_kept(self.layout.size());
            return Err(refusal(Home::Inside, calls, ALLOC));
        }
        self.home = Home::Inside;
        assert_eq!(calls, ALLOC, "{:?} to {new_size}", self.layout);
        let layout = of(new_size, self.layout.align());
        self.home.assert_last(Last { layout, block: ptr::null_mut(), new_size: 0, answer: moved });
        self.stands_at(moved, new_size);
        Ok(())
    }

    fn resized(&self, new_size: usize) -> (*mut u8, Calls) {
        let (at, layout) = (self.at, self.layout);
        // SAFETY: the block is live with this layout; the sizes here are above zero and none is too large for the alignment.
        counted(|| black_box(unsafe { realloc(black_box(at), layout, new_size) }))
    }

    fn stands_at(&mut self, at: *mut u8, new_size: usize) {
        let align = self.layout.align();
        let old = mem::replace(&mut self.layout, of(new_size, align));
        assert_eq!(at as usize % align, 0, "{old:?}");
        self.at = at;
        self.assert_kept(usize::min(old.size(), new_size));
        self.fill(self.byte.wrapping_add(1));
    }

    fn fill(&mut self, byte: u8) {
        // SAFETY: the block is live, ours and as long as its layout says.
        unsafe { self.at.write_bytes(byte, self.layout.size()) };
        self.byte = byte;
    }

    /// Its first bytes are as they were.
    #[track_caller]
    pub(crate) fn assert_kept(&self, len: usize) {
        // SAFETY: as above; every byte of it is initialised.
        let bytes = unsafe { std::slice::from_raw_parts(self.at, len) };
        // Two comparisons of memory, which cost the same with and without optimisation.
        let kept = bytes.first() == Some(&self.byte) && bytes[1..] == bytes[..len - 1];
        assert!(kept, "{:?}: not {len} times {}", self.layout, self.byte);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let (at, layout) = (self.at, self.layout);
        // SAFETY: the block is live with this layout, and nobody uses it any more.
        let ((), calls) = counted(|| unsafe { dealloc(black_box(at), layout) });
        assert_eq!(calls, self.home.calls(DEALLOC), "{layout:?}");
        self.home.assert_last(Last { layout, block: at, new_size: 0, answer: ptr::null_mut() });
    }
}

pub(crate) fn of(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a size and an alignment that go together")
}

/// How many requests [`all_calls`] makes.
pub(crate) const REQUESTS: usize = 5;

/// Every method of the allocator, in every direction.
pub(crate) fn all_calls(home: Home, layout: Layout) -> Result<(), Refused> {
    // So that zeroed memory is not zero by chance.
    drop(Block::filled(home, layout, 0xA5)?);
    let mut block = Block::zeroed(home, layout)?;
    block.resize(layout.size() + layout.size() / 2 + 1)?;
    block.resize(block.layout.size())?;
    block.resize(usize::max(1, layout.size() / 3))
}

/// Every alignment up to a page's.
fn alignments() -> impl Iterator<Item = usize> {
    (0..=12).map(|power| 1 << power)
}

/// Sizes from 1 to 100,000, with every alignment among them.
pub(crate) fn many() -> impl Iterator<Item = Layout> {
    let sizes = (1..=64).chain((65..=100_000).step_by(131)).chain([4095, 4096, 4097, 65_535, 65_536, 99_999, 100_000]);
    sizes.zip(alignments().collect::<Vec<_>>().into_iter().cycle()).map(|(size, align)| of(size, align))
}

/// The corners.
pub(crate) fn few() -> impl Iterator<Item = Layout> {
    [1, 24, 4097, 100_000].into_iter().flat_map(|size| alignments().map(move |align| of(size, align)))
}
