//! What each trial of a program must come to, from the program's text alone: no memory, no processes, no second tries.

use std::collections::{BTreeMap, BTreeSet};

use oomsweep::model::code::{Code, Verdict};
use oomsweep::model::fault::Fault;

use crate::program::{OnFail, Op, Region, Rules, SLOTS};

/// Every trial in sweep order with its verdict and its findings.
pub(crate) fn sweep(program: &[Op], rules: Rules) -> Vec<(Fault, Verdict, Vec<Code>)> {
    let mut baseline = Trial::new(Fault::None, rules);
    let end = baseline.steps(program, Place::default());
    assert!(end.is_ok(), "a plain run is refused nothing");
    let points = baseline.made;
    let mut faults: Vec<Fault> = (0..points).map(Fault::Once).collect();
    faults.extend((0..points).map(Fault::Persistent));
    faults.extend((0..points).map(|at| Fault::Window { at, len: rules.window }));
    let mut budgets = Vec::new();
    for demand in baseline.demands {
        if !budgets.contains(&(demand - 1)) {
            budgets.push(demand - 1);
        }
    }
    faults.extend(budgets.into_iter().map(Fault::Budget));
    let judged = |fault| {
        let mut trial = Trial::new(fault, rules);
        let end = trial.steps(program, Place::default());
        if trial.descriptor {
            // What only the first of two tries in one process leaves open is there to stay.
            let mut again = Trial { failed_before: true, ..Trial::new(fault, rules) };
            let ends = matches!(again.steps(program, Place::default()), Err(Stop::Abort | Stop::Exit | Stop::Crash));
            trial.descriptor = again.descriptor || ends;
        }
        let (verdict, codes) = trial.judge(end);
        (fault, verdict, codes)
    };
    faults.into_iter().map(judged).collect()
}

/// The trials in which each code is found.
pub(crate) fn by_code(trials: &[(Fault, Verdict, Vec<Code>)]) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut faults: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (fault, _, codes) in trials {
        for code in codes {
            faults.entry(code.as_str()).or_default().insert(fault.to_string());
        }
    }
    faults
}

/// How a run ends before its last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Error,
    WrongError,
    Panic,
    Abort,
    Exit,
    Crash,
}

#[derive(Clone, Copy, Default)]
struct Place {
    exempt: bool,
    benign: bool,
    untracked: bool,
}

#[derive(Clone, Copy)]
struct Block {
    size: u64,
    untracked: bool,
}

struct Trial {
    fault: Fault,
    rules: Rules,
    made: u64,
    demands: Vec<u64>,
    slots: [Option<Block>; SLOTS],
    /// Bytes of a block that a static keeps.
    kept: u64,
    /// A request has failed in this process before the trial.
    failed_before: bool,
    failed: u64,
    failed_outside_benign: u64,
    leak: bool,
    descriptor: bool,
}

impl Trial {
    fn new(fault: Fault, rules: Rules) -> Trial {
        Trial {
            fault,
            rules,
            made: 0,
            demands: Vec::new(),
            slots: [None; SLOTS],
            kept: 0,
            failed_before: false,
            failed: 0,
            failed_outside_benign: 0,
            leak: false,
            descriptor: false,
        }
    }

    /// Whether a request is refused.
    fn refuses(&mut self, place: Place, old: u64, new: u64) -> bool {
        if place.exempt || (self.rules.shrink_skip && new < old) {
            return false;
        }
        let index = self.made;
        self.made += 1;
        let live = self.kept + self.slots.iter().flatten().map(|block| block.size).sum::<u64>();
        let demand = if new > old { live + new - old } else { 0 };
        if demand > 0 {
            self.demands.push(demand);
        }
        let refused = match self.fault {
            Fault::Once(at) => index == at,
            Fault::Persistent(at) => index >= at,
            Fault::Window { at, len } => (at..at + len).contains(&index),
            Fault::Budget(most) => demand > most,
            Fault::None | Fault::Pair(..) => false,
        };
        if refused {
            self.failed += 1;
            self.failed_outside_benign += u64::from(!place.benign);
        }
        refused
    }

    fn steps(&mut self, ops: &[Op], place: Place) -> Result<(), Stop> {
        ops.iter().try_for_each(|op| self.step(op, place))
    }

    fn step(&mut self, op: &Op, place: Place) -> Result<(), Stop> {
        match op {
            &Op::Alloc { slot, size, fails, .. } => {
                self.slots[slot] = None;
                if self.refuses(place, 0, size as u64) {
                    return self.refused(fails);
                }
                self.slots[slot] = Some(Block { size: size as u64, untracked: place.untracked });
            }
            &Op::Resize { slot, size, fails } => {
                let Some(block) = self.slots[slot] else { return Ok(()) };
                if self.refuses(place, block.size, size as u64) {
                    return self.refused(fails);
                }
                self.slots[slot] = Some(Block { size: size as u64, ..block });
            }
            Op::Free { slot } => self.slots[*slot] = None,
            // The plain runs before have made it.
            Op::First => {}
            Op::In(Region::Exempt, ops) => return self.steps(ops, Place { exempt: true, ..place }),
            Op::In(Region::Benign, ops) => return self.steps(ops, Place { benign: true, ..place }),
            Op::In(Region::Untracked, ops) => return self.steps(ops, Place { untracked: true, ..place }),
            Op::Call(ops) => return self.steps(ops, place),
            Op::Loop(times, ops) => return (0..*times).try_for_each(|_| self.steps(ops, place)),
        }
        Ok(())
    }

    fn refused(&mut self, fails: OnFail) -> Result<(), Stop> {
        let again = self.failed_before || self.failed > 1;
        match fails {
            OnFail::Clean => Err(Stop::Error),
            OnFail::WrongError => Err(Stop::WrongError),
            OnFail::Swallow => Ok(()),
            OnFail::SwallowOnce => {
                if again {
                    Err(Stop::Error)
                } else {
                    Ok(())
                }
            }
            OnFail::SwallowAndLeak => {
                self.leak = true;
                Ok(())
            }
            OnFail::Panic => Err(Stop::Panic),
            OnFail::PanicAndLeak => {
                self.leak = true;
                Err(Stop::Panic)
            }
            OnFail::Abort => Err(Stop::Abort),
            OnFail::Leak => {
                self.leak = true;
                Err(Stop::Error)
            }
            OnFail::LeakOnce => {
                self.leak |= !again;
                Err(Stop::Error)
            }
            OnFail::Keep => {
                self.kept = self.slots.iter_mut().find_map(Option::take).map_or(0, |block| block.size);
                Err(Stop::Error)
            }
            OnFail::Descriptor => {
                self.descriptor = true;
                Err(Stop::Error)
            }
            OnFail::Exit => Err(Stop::Exit),
            OnFail::Crash => Err(Stop::Crash),
        }
    }

    fn judge(&self, end: Result<(), Stop>) -> (Verdict, Vec<Code>) {
        match end {
            Err(Stop::Abort) if self.rules.infallible_skip => return (Verdict::Skipped, Vec::new()),
            Err(Stop::Abort) => return (Verdict::Abort, vec![Code::Abort]),
            Err(Stop::Exit) => return (Verdict::Exit, vec![Code::Exit]),
            Err(Stop::Crash) => return (Verdict::Crash, vec![Code::Crash]),
            Ok(()) | Err(Stop::Error | Stop::WrongError | Stop::Panic) => {}
        }
        let is_error = self.rules.is_result && matches!(end, Err(Stop::Error | Stop::WrongError));
        let panicked = end == Err(Stop::Panic);
        let swallowed =
            end.is_ok() && self.rules.is_result && self.failed_outside_benign > 0 && !self.rules.swallowed_allow;
        let left = self.leak && self.slots.iter().flatten().any(|block| !block.untracked);
        let rows = [
            (panicked && !self.rules.panics_allow, Verdict::Panic, Code::Panic),
            (self.rules.is_result && end == Err(Stop::WrongError), Verdict::WrongError, Code::WrongError),
            (swallowed, Verdict::Swallowed, Code::Swallowed),
            (left, Verdict::Leak, Code::Leak),
            (self.descriptor, Verdict::FdLeak, Code::FdLeak),
        ];
        assert!(self.failed > 0, "{} reaches its point", self.fault);
        let good = if is_error || panicked { Verdict::Error } else { Verdict::Tolerated };
        let mut found = rows.iter().filter(|row| row.0);
        let verdict = found.clone().next().map_or(good, |row| row.1);
        (verdict, found.by_ref().map(|row| row.2).collect())
    }
}
