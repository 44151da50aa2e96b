//! The order of the sweep: which faults there are, which of them are tried here, and in which order.

use std::collections::{HashMap, HashSet};

use crate::hook::points::Logged;
use crate::model::fault::Fault;
use crate::model::options::{Options, Pattern, Selection};
use crate::model::report::Distinct;

/// What is to be tried.
pub(crate) struct Plan {
    /// The faults, in sweep order: pattern by pattern as written, then by place.
    pub(crate) faults: Vec<Fault>,
    /// Trials that belong to the sweep and are not tried because of `max_points`.
    pub(crate) cut: u64,
    /// How many call stacks there are, if they are what is chosen by.
    pub(crate) distinct: Option<Distinct>,
}

/// The faults of a sweep over these points. `stacks`: a number for each point's stack, as far as they are known, if the options
/// choose by them.
pub(crate) fn plan(points: &[Logged], stacks: &[usize], options: &Options) -> Plan {
    let mut eligible: Vec<u64> = (0_u64..)
        .zip(points)
        .filter(|(_, point)| options.min_size.is_none_or(|least| point.size >= least))
        .map(|(index, _)| index)
        .collect();
    let mut distinct = None;
    if let Selection::Stacks(each) = options.selection {
        let count = eligible.len() as u64;
        let groups = by_stack(&eligible, stacks);
        distinct = Some(Distinct { stacks: groups.len() as u64, points: count, each });
        eligible = groups.iter().flat_map(|group| spread(group, each)).collect();
        eligible.sort_unstable();
    }
    let chosen = match options.max_points {
        Some(most) if (eligible.len() as u64) > most => stratified(&eligible, most, options.seed),
        Some(_) | None => eligible.clone(),
    };
    let mut all = sweep_over(points, options, &eligible);
    if let Some(shard) = options.shard {
        let mine = shard.k.saturating_sub(1);
        let mut number = 0_u64;
        all.retain(|_| {
            let keep = number % shard.n.max(1) == mine;
            number = number.wrapping_add(1);
            keep
        });
    }
    if chosen.len() == eligible.len() {
        return Plan { faults: all, cut: 0, distinct };
    }
    let wanted: HashSet<Fault> = sweep_over(points, options, &chosen).into_iter().collect();
    let whole = all.len() as u64;
    all.retain(|fault| wanted.contains(fault));
    let cut = whole.saturating_sub(all.len() as u64);
    Plan { faults: all, cut, distinct }
}

/// The points of each stack, in their order. A point whose stack is not known has one of its own.
fn by_stack(indexes: &[u64], stacks: &[usize]) -> Vec<Vec<u64>> {
    let mut groups: Vec<Vec<u64>> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for &index in indexes {
        let stack = usize::try_from(index).ok().and_then(|place| stacks.get(place));
        let place = stack.map_or(groups.len(), |&stack| *places.entry(stack).or_insert(groups.len()));
        match groups.get_mut(place) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// `most` of these: the first, and from two on also the last and what lies evenly between them.
fn spread(indexes: &[u64], most: u64) -> impl Iterator<Item = u64> {
    let count = indexes.len() as u64;
    let taken = most.min(count);
    let (last, steps) = (u128::from(count.saturating_sub(1)), u128::from(taken.saturating_sub(1).max(1)));
    (0..taken).filter_map(move |step| {
        let place = u128::from(step) * last / steps;
        indexes.get(usize::try_from(place).ok()?).copied()
    })
}

/// Every fault over these points, pattern by pattern.
fn sweep_over(points: &[Logged], options: &Options, indexes: &[u64]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for pattern in &options.patterns {
        match *pattern {
            Pattern::Once => faults.extend(indexes.iter().map(|&at| Fault::Once(at))),
            Pattern::Persistent => faults.extend(indexes.iter().map(|&at| Fault::Persistent(at))),
            Pattern::Window(len) => faults.extend(indexes.iter().map(|&at| Fault::Window { at, len })),
            Pattern::Budget => faults.extend(budgets(points, indexes).into_iter().map(Fault::Budget)),
        }
    }
    faults
}

/// The budgets worth trying: one byte less than each point needs, each once, in the order of the points.
fn budgets(points: &[Logged], indexes: &[u64]) -> Vec<u64> {
    let mut seen = HashSet::new();
    indexes
        .iter()
        .filter_map(|&index| points.get(usize::try_from(index).ok()?))
        .filter(|point| point.demand > 0)
        .map(|point| point.demand.saturating_sub(1))
        .filter(|&budget| seen.insert(budget))
        .collect()
}

/// One of each of `most` equal parts, chosen by the seed.
fn stratified(indexes: &[u64], most: u64, seed: u64) -> Vec<u64> {
    let all = indexes.len() as u128;
    let mut random = SplitMix(seed);
    (0..u128::from(most))
        .filter_map(|part| {
            let from = part * all / u128::from(most);
            let to = (part + 1) * all / u128::from(most);
            let width = to.saturating_sub(from).max(1);
            indexes.get(usize::try_from(from + u128::from(random.next()) % width).ok()?).copied()
        })
        .collect()
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Kind;
    use crate::model::options::Shard;
    use proptest::prelude::*;

    fn points(sizes: &[usize]) -> Vec<Logged> {
        let mut live = 0;
        sizes
            .iter()
            .map(|&size| {
                live += size as u64;
                Logged { size, align: 1, kind: Kind::Alloc, demand: live }
            })
            .collect()
    }

    fn told(options: &Options, sizes: &[usize]) -> (String, u64) {
        let plan = plan(&points(sizes), &[], options);
        (plan.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), plan.cut)
    }

    #[test]
    fn pattern_by_pattern_then_place() {
        let (faults, cut) = told(&Options::default(), &[1, 2]);
        assert_eq!(faults, "once@0 once@1 persistent@0 persistent@1");
        assert_eq!(cut, 0);
    }

    #[test]
    fn a_filter_is_a_choice_and_a_limit_is_a_cut() {
        let filtered = Options { min_size: Some(10), patterns: vec![Pattern::Once], ..Options::default() };
        assert_eq!(told(&filtered, &[1, 10, 2, 30]), (String::from("once@1 once@3"), 0));
        let cut = Options { max_points: Some(1), ..Options::default() };
        assert_eq!(told(&cut, &[1, 10, 2, 30]).1, 6);
    }

    #[test]
    fn a_limit_within_a_part_cuts_that_part_only() {
        let options = Options { max_points: Some(2), shard: Some(Shard { k: 1, n: 2 }), ..Options::default() };
        let plan = plan(&points(&[1; 10]), &[], &options);
        assert_eq!(plan.faults.len() as u64 + plan.cut, 10, "half of twenty trials");
    }

    #[test]
    fn budgets_are_one_byte_short_of_each_demand() {
        let options = Options { patterns: vec![Pattern::Budget], ..Options::default() };
        assert_eq!(told(&options, &[8, 16]).0, "budget@7 budget@23");
    }

    fn choosing(each: u64) -> Options {
        Options { selection: Selection::Stacks(each), patterns: vec![Pattern::Once], ..Options::default() }
    }

    fn places(stacks: &[usize], count: usize, options: &Options) -> (Vec<u64>, Plan) {
        let plan = plan(&points(&vec![1; count]), stacks, options);
        (plan.faults.iter().filter_map(|fault| fault.place()).collect(), plan)
    }

    #[test]
    fn of_each_stack_the_first_point_fails() {
        let (chosen, plan) = places(&[7, 7, 8, 7, 9, 8], 6, &choosing(1));
        assert_eq!(chosen, [0, 2, 4]);
        assert_eq!((plan.distinct, plan.cut), (Some(Distinct { stacks: 3, points: 6, each: 1 }), 0));
    }

    #[test]
    fn more_of_a_stack_are_its_first_its_last_and_what_lies_between() {
        for (each, expected) in [
            (2, vec![0, 10]),
            (3, vec![0, 5, 10]),
            (4, vec![0, 3, 6, 10]),
            (10, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 10]),
            (11, (0..11).collect()),
            (u64::MAX, (0..11).collect()),
        ] {
            assert_eq!(places(&[5; 11], 11, &choosing(each)).0, expected, "{each}");
        }
    }

    #[test]
    fn a_point_without_a_known_stack_has_one_of_its_own() {
        let (chosen, plan) = places(&[7, 7], 4, &choosing(1));
        assert_eq!(chosen, [0, 2, 3]);
        assert_eq!(plan.distinct, Some(Distinct { stacks: 3, points: 4, each: 1 }));
        assert_eq!(places(&[7, 7, 8, 9], 2, &choosing(1)).0, [0], "a stack without a point is none");
    }

    #[test]
    fn a_size_is_looked_at_before_the_stacks() {
        let options = Options { min_size: Some(10), ..choosing(1) };
        let plan = plan(&points(&[1, 10, 10, 1, 10]), &[7, 7, 7, 8, 9], &options);
        assert_eq!(plan.faults, [Fault::Once(1), Fault::Once(4)]);
        assert_eq!(plan.distinct, Some(Distinct { stacks: 2, points: 3, each: 1 }));
    }

    #[test]
    fn a_limit_cuts_what_the_stacks_have_chosen() {
        let options = Options { max_points: Some(2), ..choosing(1) };
        let (chosen, plan) = places(&[1, 1, 2, 2, 3, 3, 4, 4], 8, &options);
        assert_eq!((chosen.len(), plan.cut), (2, 2));
        assert!(chosen.iter().all(|place| place % 2 == 0), "{chosen:?}");
    }

    #[test]
    fn every_pattern_begins_at_the_chosen_points() {
        let patterns = vec![Pattern::Once, Pattern::Persistent, Pattern::Window(2), Pattern::Budget];
        let options = Options { patterns, ..choosing(1) };
        let plan = plan(&points(&[8; 4]), &[1, 1, 2, 2], &options);
        let told: Vec<String> = plan.faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.join(" "), "once@0 once@2 persistent@0 persistent@2 window@0+2 window@2+2 budget@7 budget@23");
    }

    proptest! {
        #[test]
        fn every_stack_fails_as_often_as_it_may(
            stacks in prop::collection::vec(0_usize..9, 0..120),
            each in 1_u64..7,
        ) {
            let (chosen, plan) = places(&stacks, stacks.len(), &choosing(each));
            prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
            let mut kinds = 0;
            for stack in 0..9 {
                let all: Vec<u64> = (0..).zip(&stacks).filter(|(_, of)| **of == stack).map(|(at, _)| at).collect();
                let some: Vec<u64> = chosen.iter().copied().filter(|at| all.contains(at)).collect();
                prop_assert_eq!(some.len() as u64, each.min(all.len() as u64));
                prop_assert_eq!(some.first(), all.first());
                if each > 1 {
                    prop_assert_eq!(some.last(), all.last());
                }
                kinds += u64::from(!all.is_empty());
            }
            prop_assert_eq!(plan.distinct, Some(Distinct { stacks: kinds, points: stacks.len() as u64, each }));
        }

        #[test]
        fn parts_of_what_the_stacks_choose_are_disjoint_and_complete(
            stacks in prop::collection::vec(0_usize..9, 0..60),
            each in 1_u64..4,
            n in 1_u64..9,
        ) {
            let whole = places(&stacks, stacks.len(), &choosing(each)).0;
            let mut parts: Vec<u64> = (1..=n)
                .flat_map(|k| places(&stacks, stacks.len(), &Options { shard: Some(Shard { k, n }), ..choosing(each) }).0)
                .collect();
            parts.sort_unstable();
            prop_assert_eq!(parts, whole);
        }

        #[test]
        fn shards_are_disjoint_and_complete(count in 0_usize..60, n in 1_u64..9) {
            let sizes = vec![1; count];
            let whole = plan(&points(&sizes), &[], &Options::default()).faults;
            let mut parts = Vec::new();
            for k in 1..=n {
                parts.extend(plan(&points(&sizes), &[], &Options { shard: Some(Shard { k, n }), ..Options::default() }).faults);
            }
            prop_assert_eq!(parts.len(), whole.len());
            for fault in whole {
                prop_assert!(parts.contains(&fault));
            }
        }

        #[test]
        fn a_choice_has_its_number_and_its_order(count in 1_usize..200, most in 1_u64..50, seed: u64) {
            let options = Options { max_points: Some(most), seed, patterns: vec![Pattern::Once], ..Options::default() };
            let faults = plan(&points(&vec![1; count]), &[], &options).faults;
            prop_assert_eq!(faults.len() as u64, most.min(count as u64));
            prop_assert!(faults.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
