//! The stacks of a run's points, in the order of the points: each in full where it is met first, and one word wherever it comes again. So
//! a million points of a loop take eight megabytes.

use super::pages_vec::PagesVec;
use crate::model::stack::RawStack;

/// How many words one log may take. The points after that have no stack.
const MOST_WORDS: usize = (64 << 20) / size_of::<usize>();
/// In a word that says where a stack was met first, in place of the number of its addresses.
const AGAIN: usize = 1 << (usize::BITS - 1);

/// See the module.
pub(crate) struct StackLog {
    words: PagesVec<usize>,
    /// An open hash table of the places in `words` where stacks stand in full: the hash, and the place plus one; 0: free. Its length is a
    /// power of two.
    table: PagesVec<(u64, usize)>,
    stacks: usize,
}

impl StackLog {
    /// An empty one; maps nothing.
    pub(crate) const fn new() -> StackLog {
        StackLog { words: PagesVec::new(), table: PagesVec::new(), stacks: 0 }
    }

    /// The log, for [`places`].
    pub(crate) fn words(&self) -> &[usize] {
        self.words.as_slice()
    }

    /// Forgets all stacks and keeps the pages.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.table.clear();
        self.stacks = 0;
    }

    /// Adds the stack of the next point, if there is room.
    pub(crate) fn put(&mut self, stack: &RawStack) {
        if self.words.len() >= MOST_WORDS {
            return;
        }
        let hash = stack.hash();
        if let Some(place) = self.find(hash, stack.ips()) {
            self.words.push(place | AGAIN);
            return;
        }
        let place = self.words.len();
        let mut whole = self.words.push(stack.ips().len());
        for &ip in stack.ips() {
            whole = whole && self.words.push(ip);
        }
        // Without room for it in the table it is written out again when it comes again.
        if whole && (self.stacks.saturating_mul(2) < self.table.len() || self.widen()) {
            self.enter(hash, place);
            self.stacks = self.stacks.saturating_add(1);
        }
    }

    fn find(&self, hash: u64, ips: &[usize]) -> Option<usize> {
        let table = self.table.as_slice();
        slots(hash, table.len())
            .map_while(|slot| table.get(slot).filter(|(_, place)| *place != 0))
            .find(|(other, place)| *other == hash && stack_at(self.words(), place.wrapping_sub(1)) == ips)
            .map(|(_, place)| place.wrapping_sub(1))
    }

    fn enter(&mut self, hash: u64, place: usize) {
        let table = self.table.as_mut_slice();
        let free = slots(hash, table.len()).find(|&slot| table.get(slot).is_some_and(|(_, place)| *place == 0));
        if let Some(slot) = free.and_then(|slot| table.get_mut(slot)) {
            *slot = (hash, place.wrapping_add(1));
        }
    }

    /// Makes the table twice as large; false if the system has no pages left.
    #[cold]
    fn widen(&mut self) -> bool {
        let mut wider = PagesVec::new();
        for _ in 0..self.table.len().saturating_mul(2).max(1024) {
            if !wider.push((0, 0)) {
                return false;
            }
        }
        let old = std::mem::replace(&mut self.table, wider);
        for &(hash, place) in old.as_slice().iter().filter(|(_, place)| *place != 0) {
            self.enter(hash, place.wrapping_sub(1));
        }
        true
    }
}

/// The slots of a table, from the one of this hash on, each once.
fn slots(hash: u64, len: usize) -> impl Iterator<Item = usize> {
    (0..len).map(move |step| (hash as usize).wrapping_add(step) & len.wrapping_sub(1))
}

/// Where the stack of each point stands in full: two points have the same stack if they have the same place.
pub(crate) fn places(words: &[usize]) -> impl Iterator<Item = usize> {
    let mut next = 0_usize;
    std::iter::from_fn(move || {
        let (here, &word) = (next, words.get(next)?);
        let again = word & AGAIN != 0;
        next = here.saturating_add(if again { 1 } else { word.saturating_add(1) });
        (next <= words.len()).then_some(if again { word & !AGAIN } else { here })
    })
}

/// The addresses of the stack that stands there.
pub(crate) fn stack_at(words: &[usize], place: usize) -> &[usize] {
    let from = place.saturating_add(1);
    let len = words.get(place).copied().unwrap_or(0);
    words.get(from..from.saturating_add(len)).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn logged(log: &StackLog) -> Vec<Vec<usize>> {
        places(log.words()).map(|place| stack_at(log.words(), place).to_vec()).collect()
    }

    fn put(log: &mut StackLog, stacks: &[Vec<usize>]) {
        stacks.iter().for_each(|ips| log.put(&RawStack::from_ips(ips)));
    }

    #[test]
    fn a_stack_that_comes_again_is_one_word() {
        let mut log = StackLog::new();
        put(&mut log, &[vec![7, 8, 9], vec![7, 8]]);
        let first = log.words().len();
        put(&mut log, &vec![vec![7, 8, 9]; 1000]);
        assert_eq!((first, log.words().len()), (7, 1007));
        assert_eq!(logged(&log)[1001], [7, 8, 9]);
    }

    #[test]
    fn more_stacks_than_the_first_table_holds() {
        let stacks: Vec<Vec<usize>> = (0..5000).map(|ip| vec![ip, 1]).collect();
        let mut log = StackLog::new();
        put(&mut log, &stacks);
        let once = log.words().len();
        put(&mut log, &stacks);
        assert_eq!(log.words().len() - once, 5000);
        assert_eq!(logged(&log), [stacks.clone(), stacks].concat());
    }

    #[test]
    fn what_is_forgotten_is_not_referred_to() {
        let mut log = StackLog::new();
        put(&mut log, &[vec![1], vec![2]]);
        log.clear();
        put(&mut log, &[vec![2], vec![2]]);
        assert_eq!(logged(&log), [[2], [2]]);
    }

    #[test]
    fn a_log_that_is_cut_short_ends_where_it_is_whole() {
        assert_eq!(places(&[2, 7, 8, 3, 9]).collect::<Vec<_>>(), [0]);
        assert_eq!(places(&[0, 0, AGAIN]).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(places(&[]).count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(stacks in prop::collection::vec(prop::collection::vec(0_usize..3, 0..4), 0..200)) {
            let mut log = StackLog::new();
            put(&mut log, &stacks);
            prop_assert_eq!(logged(&log), stacks);
        }
    }
}
