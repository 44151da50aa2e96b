mod memory;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::model::code::Verdict;
use crate::model::hash::fnv1a64;
use crate::model::samples::{bare, frame, raw, user};
use crate::model::trial::{Block, Divergence, OpenFd};

const TARGET: Target<'static> = Target { package: "words", test: "index::adds", command: None };

/// Addresses: 1 reserve (std), 2 `add` line 3, 3 `add` line 4, 4 `get`, 5 `body`, 6 the glue of a destructor, 7 a symbol only.
fn resolver() -> Resolver {
    let mut resolver = Resolver::new("/ws");
    resolver.seed(1, vec![frame("reserve<u8>", "/rustc/0/library/alloc/src/vec/mod.rs", 1)]);
    resolver.seed(2, vec![user("words::add", "/ws/src/index.rs", 3)]);
    resolver.seed(3, vec![user("words::add", "/ws/src/index.rs", 4)]);
    resolver.seed(4, vec![user("words::get", "/ws/src/index.rs", 9)]);
    resolver.seed(5, vec![user("words::body", "/ws/src/body.rs", 20)]);
    resolver.seed(6, vec![frame("core::ptr::drop_in_place<words::Map>", "/rustc/0/library/core/src/ptr/mod.rs", 805)]);
    resolver.seed(7, vec![bare("sqlite3_step")]);
    resolver
}

fn recorded(ips: &[usize], index: u64) -> Recorded {
    let request = Request { size: 100, old_size: 0, align: 1, index, kind: Kind::Alloc, benign: false, allocator: 0 };
    Recorded { request, stack: raw(ips), injected: true }
}

fn block(ips: &[usize], size: usize) -> Block {
    Block {
        size,
        align: 8,
        ordinal: 0,
        thread: None,
        allocator: 0,
        born: raw(ips),
        indirect_count: 0,
        indirect_bytes: 0,
    }
}

fn failed(ips: &[usize], index: u64) -> Detail {
    Detail { failed: Some(recorded(ips, index)), ..Detail::default() }
}

fn trial(fault: Fault, codes: &[Code], detail: Detail) -> Judged {
    let verdict = codes.first().map_or(Verdict::Error, |code| {
        *Verdict::ALL.iter().find(|v| v.finding() == Some(*code)).unwrap_or(&Verdict::Leak)
    });
    Judged { fault, space: None, verdict, codes: codes.to_vec(), drifted: false, detail: Some(Box::new(detail)) }
}

fn folded(trials: &[Judged]) -> Vec<Finding> {
    fold(trials, TARGET, &mut resolver(), &|_, _| None, &|_| None)
}

#[test]
fn a_finding_in_full() {
    let leak = Detail {
        leaks: vec![block(&[1, 3, 5], 48), block(&[1, 3, 5], 48)],
        error: Some("TryReserveError".to_owned()),
        notes: vec!["note".to_owned()],
        output: "printed\n".to_owned(),
        ..failed(&[1, 2, 5], 7)
    };
    let good = Judged { detail: None, ..trial(Fault::Once(6), &[], Detail::default()) };
    let trials =
        [good, trial(Fault::Once(7), &[Code::Leak], leak.clone()), trial(Fault::Persistent(7), &[Code::Leak], leak)];
    let findings =
        fold(&trials, TARGET, &mut resolver(), &|_, index| (index == 7).then_some((0x1f3a_9c02_d4e5_f607, 2)), &|_| {
            None
        });
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.code, finding.count, finding.message.as_str()), (Code::Leak, 2, ""));
    assert_eq!(finding.id, format!("{:016x}", fnv1a64(b"leak/add@index.rs")));
    assert_eq!(finding.fault.as_deref(), Some("once@7"));
    assert_eq!(finding.also, ["persistent@7"]);
    assert_eq!(finding.key.as_deref(), Some("1f3a9c02d4e5f607.2"));
    let line = "OOMSWEEP_REPLAY=once@7#1f3a9c02d4e5f607.2 cargo test -p words -- --exact index::adds --nocapture --test-threads=1";
    assert_eq!(finding.replay.as_deref(), Some(line));
    let request = finding.failed_request.as_ref().unwrap();
    assert_eq!((request.size, request.align, request.index, request.old_size), (100, 1, Some(7), None));
    assert!(!request.injected && !request.in_drop && !request.benign);
    assert_eq!(request.stack.iter().map(|f| f.line).collect::<Vec<_>>(), [Some(1), Some(3), Some(20)]);
    let [blocks] = &finding.blocks[..] else { panic!("{:?}", finding.blocks) };
    assert_eq!((blocks.size, blocks.count, blocks.bytes, blocks.indirect_count), (48, 2, 96, None));
    assert_eq!(finding.error.as_deref(), Some("TryReserveError"));
    assert_eq!(finding.notes, ["note"]);
    assert_eq!(finding.output.as_deref(), Some("printed\n"));
    assert!(finding.other_requests.is_empty() && finding.culprit.is_none());
}

#[test]
fn a_leak_is_told_by_its_birth_and_lists_the_failed_requests() {
    let with = |ips: &[usize], index| Detail { leaks: vec![block(&[1, 3, 5], 48)], ..failed(ips, index) };
    let sites: [&[usize]; 6] = [&[1, 2, 5], &[1, 2, 5], &[1, 4, 5], &[1, 2, 4, 5], &[7, 5], &[1, 5]];
    let trials: Vec<Judged> =
        sites.iter().zip(0..).map(|(ips, i)| trial(Fault::Once(i), &[Code::Leak], with(ips, i))).collect();
    let findings = folded(&trials);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.count, 6);
    assert_eq!(finding.also, ["once@1", "once@2", "once@3", "once@4", "once@5"]);
    let indices: Vec<Option<u64>> = finding.other_requests.iter().map(|r| r.index).collect();
    assert_eq!(indices, [Some(2), Some(4)]);
}

#[test]
fn one_trial_leaks_from_two_places() {
    let leaks = vec![block(&[1, 3, 5], 48), block(&[1, 4, 5], 8), block(&[1, 3, 4, 5], 48), block(&[1, 3, 5], 16)];
    let findings = folded(&[trial(Fault::Once(0), &[Code::Leak], Detail { leaks, ..failed(&[1, 2, 5], 0) })]);
    let shape: Vec<Vec<(u64, u64)>> =
        findings.iter().map(|f| f.blocks.iter().map(|b| (b.size, b.count)).collect()).collect();
    assert_eq!(shape, [vec![(48, 1), (48, 1), (16, 1)], vec![(8, 1)]]);
    assert!(findings.iter().all(|f| f.count == 1 && f.also.is_empty()));
    assert_ne!(findings[0].id, findings[1].id);
}

#[test]
fn blocks_add_up() {
    let indirect = |count, bytes| Block { indirect_count: count, indirect_bytes: bytes, ..block(&[2], 8) };
    let other_thread = Block { thread: Some(3), ..block(&[2], 8) };
    let leaks = vec![indirect(2, 20), indirect(0, 0), other_thread, indirect(1, 5)];
    let findings = folded(&[trial(Fault::None, &[Code::Leak], Detail { leaks, ..Detail::default() })]);
    let [all, other] = &findings[0].blocks[..] else { panic!("{findings:?}") };
    assert_eq!((all.count, all.bytes, all.indirect_count, all.indirect_bytes), (3, 24, Some(3), Some(25)));
    assert_eq!((other.count, other.thread), (1, Some(3)));
}

#[test]
fn a_plain_run_has_no_fault_to_replay() {
    let leaks = vec![block(&[1, 3, 5], 48)];
    let findings = folded(&[trial(Fault::None, &[Code::Leak], Detail { leaks, ..Detail::default() })]);
    assert_eq!(findings[0].fault.as_deref(), Some("none"));
    assert_eq!(findings[0].key, None);
    let line = "cargo test -p words -- --exact index::adds --nocapture --test-threads=1";
    assert_eq!(findings[0].replay.as_deref(), Some(line));
}

#[test]
fn codes_of_one_trial_keep_their_order() {
    let panic =
        PanicInfo { message: "boom".to_owned(), file: Some("src/index.rs".to_owned()), line: Some(5), unwound: true };
    let detail = Detail { leaks: vec![block(&[3], 8)], panic: Some(panic), ..failed(&[1, 2, 5], 0) };
    let trials = [
        trial(Fault::Once(0), &[Code::Panic, Code::Leak], detail.clone()),
        trial(Fault::Once(1), &[Code::Swallowed], failed(&[1, 4, 5], 1)),
        trial(Fault::Persistent(0), &[Code::Leak, Code::Panic], detail),
    ];
    let findings = folded(&trials);
    let codes: Vec<(Code, u64)> = findings.iter().map(|f| (f.code, f.count)).collect();
    assert_eq!(codes, [(Code::Panic, 2), (Code::Leak, 2), (Code::Swallowed, 1)]);
    assert_eq!(findings[0].id, format!("{:016x}", fnv1a64(b"panic/@index.rs")));
}

/// Two trials and whether they fold, a row of the table at a time. `culprit`, `panic` and `crash` are the stack or place of
/// the second trial; the first has stack 2, line 5 and signal 11.
#[rstest]
#[case(Code::Swallowed, &[1, 2, 5], true)]
#[case(Code::Swallowed, &[2, 4], true)]
#[case(Code::Swallowed, &[3], false)]
#[case(Code::WrongError, &[3], false)]
#[case(Code::Exit, &[3], false)]
#[case(Code::Hang, &[3], false)]
#[case(Code::FdLeak, &[3], false)]
#[case(Code::ThreadLeak, &[3], false)]
#[case(Code::Contract, &[3], false)]
#[case(Code::DoubleFree, &[3], false)]
#[case(Code::Crash, &[3], false)]
#[case(Code::Abort, &[3], false)]
#[case(Code::Panic, &[3], false)]
#[case(Code::NotReached, &[3], true)]
#[case(Code::Baseline, &[3], true)]
fn the_site_of_the_failed_request(#[case] code: Code, #[case] second: &[usize], #[case] same: bool) {
    let trials =
        [trial(Fault::Once(0), &[code], failed(&[2], 0)), trial(Fault::Persistent(0), &[code], failed(second, 0))];
    assert_eq!(folded(&trials).len(), if same { 1 } else { 2 });
}

#[rstest]
#[case(&[2], true)]
#[case(&[1, 2, 5], true)]
#[case(&[4], false)]
fn aborts_fold_by_their_culprit(#[case] second: &[usize], #[case] same: bool) {
    let with = |ips: &[usize], failed_at| Detail { culprit: Some(recorded(ips, 1)), ..failed(failed_at, 0) };
    let trials = [
        trial(Fault::Once(0), &[Code::Abort], with(&[2], &[3])),
        trial(Fault::Once(1), &[Code::Abort], with(second, &[5])),
    ];
    let findings = folded(&trials);
    assert_eq!(findings.len(), if same { 1 } else { 2 });
    let culprit = findings[0].culprit.as_ref().unwrap();
    assert!(culprit.injected && culprit.index == Some(1));
    assert_eq!(findings[0].id, format!("{:016x}", fnv1a64(b"abort/add@index.rs")));
}

#[rstest]
#[case("src/index.rs", 5, true)]
#[case("src/index.rs", 6, false)]
#[case("src/body.rs", 5, false)]
fn panics_fold_by_their_place(#[case] file: &str, #[case] line: u32, #[case] same: bool) {
    let with = |file: &str, line, index| Detail {
        panic: Some(PanicInfo { file: Some(file.to_owned()), line: Some(line), ..PanicInfo::default() }),
        ..failed(&[usize::try_from(index).unwrap() + 2], index)
    };
    let first = trial(Fault::Once(0), &[Code::Panic], with("src/index.rs", 5, 0));
    let second = trial(Fault::Once(1), &[Code::Panic], with(file, line, 1));
    assert_eq!(folded(&[first, second]).len(), if same { 1 } else { 2 });
}

#[rstest]
#[case(11, Some(2), true)]
#[case(11, Some(4), false)]
#[case(7, Some(2), false)]
#[case(11, None, false)]
fn crashes_fold_by_signal_and_instruction(#[case] number: i32, #[case] ip: Option<usize>, #[case] same: bool) {
    let with = |number, ip: Option<usize>| Detail {
        signal: Some(SignalInfo { number, explained: None, stack: ip.map(|ip| raw(&[ip])) }),
        ..failed(&[3], 0)
    };
    let first = trial(Fault::Once(0), &[Code::Crash], with(11, Some(2)));
    let findings = folded(&[first, trial(Fault::Once(1), &[Code::Crash], with(number, ip))]);
    assert_eq!(findings.len(), if same { 1 } else { 2 });
    let signal = findings[0].signal.as_ref().unwrap();
    assert_eq!((signal.name.as_str(), signal.stack.as_ref().map(Vec::len)), ("SIGSEGV", Some(1)));
}

#[test]
fn where_runs_part_and_what_stays_open() {
    let at = Divergence { index: 4, baseline: Some(recorded(&[2], 4)), trial: None };
    let fds = vec![OpenFd { fd: 7, target: "/dev/null".to_owned() }];
    let detail = Detail { diverges: Some(at), fds, ..Detail::default() };
    let findings = fold(
        &[trial(Fault::Once(9), &[Code::NotReached, Code::FdLeak], detail)],
        TARGET,
        &mut resolver(),
        &|_, _| Some((1, 0)),
        &|_| None,
    );
    let diverges = findings[0].diverges.as_ref().unwrap();
    assert_eq!((diverges.index, diverges.trial.is_none()), (4, true));
    assert_eq!(diverges.baseline.as_ref().map(|r| r.stack.len()), Some(1));
    assert!(findings[0].fds.is_empty() && findings[1].diverges.is_none());
    assert_eq!(findings[1].fds.len(), 1);
    // Nothing failed: the fault's own place tells the key.
    assert_eq!(findings[0].key.as_deref(), Some("0000000000000001.0"));
    assert_eq!(findings[0].id, format!("{:016x}", fnv1a64(b"not-reached")));
    assert_eq!(findings[0].id, of_the_test(Code::NotReached).id);
}

#[test]
fn kinds_of_requests() {
    let mut made = recorded(&[1, 2, 6, 5], Request::NO_POINT);
    made.request = Request { kind: Kind::Grow, old_size: 50, benign: true, ..made.request };
    let findings =
        folded(&[trial(Fault::Budget(700), &[Code::Swallowed], Detail { failed: Some(made), ..Detail::default() })]);
    let request = findings[0].failed_request.as_ref().unwrap();
    assert_eq!((request.old_size, request.index, request.benign, request.in_drop), (Some(50), None, true, true));
    assert_eq!(findings[0].key.as_deref(), Some(format!("{:016x}.0", fnv1a64(b"add@index.rs/body@body.rs")).as_str()));
    assert!(findings[0].replay.as_ref().unwrap().starts_with("OOMSWEEP_REPLAY=budget@700 cargo"));
}

#[test]
fn a_trial_without_detail_is_still_told() {
    let bare =
        Judged { detail: None, ..trial(Fault::Once(3), &[Code::Leak, Code::Panic, Code::Abort], Detail::default()) };
    let findings = folded(&[bare]);
    assert_eq!(findings.len(), 3);
    assert!(findings[0].replay.as_ref().unwrap().starts_with("OOMSWEEP_REPLAY=once@3 cargo"));
}

#[cfg(unix)]
#[test]
fn many_trials_take_linear_time() {
    let details: Vec<Detail> = [2, 3, 4]
        .iter()
        .map(|ip| Detail { leaks: vec![block(&[1, 3, 5], 8), block(&[1, 4, 5], 8)], ..failed(&[1, *ip, 5], 0) })
        .collect();
    let trials: Vec<Judged> = (0..10_000_u64)
        .zip(details.iter().cycle())
        .map(|(i, detail)| trial(Fault::Once(i), &[Code::Swallowed, Code::Leak], detail.clone()))
        .collect();
    let before = processor_seconds();
    let findings = folded(&trials);
    let took = processor_seconds() - before;
    let counts: Vec<u64> = findings.iter().map(|f| f.count).collect();
    assert_eq!(counts, [3334, 10_000, 10_000, 3333, 3333]);
    assert!(took < 5, "{took} s");
}

/// What the calling thread has had, whoever else wants a core.
#[cfg(unix)]
fn processor_seconds() -> libc::time_t {
    let mut had = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `had` is ours to be written.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut had) }, 0);
    had.tv_sec
}

proptest! {
    #[test]
    fn every_trial_is_counted_once_for_each_code(plan in proptest::collection::vec((0..3_usize, 2..5_usize), 0..40)) {
        const CODES: [Code; 3] = [Code::Swallowed, Code::Panic, Code::NotReached];
        let trials: Vec<Judged> = (0_u64..)
            .zip(&plan)
            .map(|(i, (codes, ip))| trial(Fault::Once(i), &CODES[..=*codes], failed(&[1, *ip, 5], i)))
            .collect();
        let findings = folded(&trials);
        for (nth, code) in CODES.iter().enumerate() {
            let expected = plan.iter().filter(|(codes, _)| *codes >= nth).count();
            let of_code: Vec<&Finding> = findings.iter().filter(|f| f.code == *code).collect();
            let counted: u64 = of_code.iter().map(|f| f.count).sum();
            prop_assert_eq!(counted, expected as u64);
            let mut faults: Vec<&String> = of_code.iter().flat_map(|f| f.fault.iter().chain(&f.also)).collect();
            faults.sort();
            faults.dedup();
            prop_assert_eq!(faults.len(), expected);
        }
        let places: Vec<u64> = findings.iter().map(|f| f.fault.as_ref().unwrap()[5..].parse().unwrap()).collect();
        prop_assert!(places.is_sorted());
        prop_assert!(findings.iter().all(|f| f.count == f.also.len() as u64 + 1 && f.other_requests.len() <= 2));
    }
}
