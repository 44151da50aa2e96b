//! Bodies that are called with allocators of their own: what is a point, which errors are found under which name, and what is none.
//!
//! Every body that is a row is ignored, for half of them must fail. The rows start this binary again for one body after the other.
#![cfg(all(target_os = "linux", not(oomsweep_portable)))]

#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod common;

mod arguments;
mod bad;
mod good;
mod hard;
mod kit;
mod spaces;

use common::{Row, Run, clean, failing, want};
use oomsweep::{EngineChoice, Faults, Rule, Shrink, Sweep};
use rstest::rstest;

/// Holds a row against the file of its module.
#[track_caller]
fn hold(row: &Row) {
    let text = match row.module() {
        "bad" => include_str!("bad.rs"),
        "good" => include_str!("good.rs"),
        "hard" => include_str!("hard.rs"),
        "spaces" => include_str!("spaces.rs"),
        other => panic!("no source of `{other}`"),
    };
    row.check(&format!("tests/handles/{}.rs", row.module()), text);
}

/// A memory error with a block, noticed at a call.
fn at_call(code: &'static str, name: &'static str) -> common::Want {
    let kept = |what: &str| -> &'static str { format!("{name} {what}").leak() };
    want(code, "none", 1).born(kept("born")).line("/memory/stack", kept("call"))
}

#[rstest]
#[case::to_another(at_call("mixed-allocators", "to_another").has("/blocks/0/allocator", "b").has("/memory/allocator", "a")
    .says("/message", "from `b` was given to `a`"))]
#[case::to_the_global_one(at_call("mixed-allocators", "to_the_global_one").has("/blocks/0/allocator", "a")
    .says("/message", "from `a` was given to the global allocator"))]
#[case::from_the_global_one(at_call("mixed-allocators", "from_the_global_one").has("/memory/allocator", "a")
    .says("/message", "from the global allocator was given to `a`"))]
#[case::grown_by_another(at_call("mixed-allocators", "grown_by_another").has("/memory/allocator", "b").has("/memory/new_size", 80))]
#[case::resized_by_the_global_one(at_call("mixed-allocators", "resized_by_the_global_one").has("/blocks/0/allocator", "a")
    .has("/memory/noticed", "realloc"))]
#[case::box_into_global(at_call("mixed-allocators", "box_into_global").has("/blocks/0/allocator", "a"))]
#[case::double_free(at_call("double-free", "double_free").has("/blocks/0/allocator", "a").has("/memory/allocator", "a")
    .line("/blocks/0/freed", "double_free freed"))]
#[case::wrong_size(at_call("wrong-layout", "wrong_size").has("/memory/given/size", 39))]
#[case::no_size(at_call("wrong-layout", "no_size").has("/memory/given/size", 0))]
#[case::grown_from_no_size(at_call("wrong-layout", "grown_from_no_size").has("/memory/given/size", 0))]
#[case::wrong_align(at_call("wrong-layout", "wrong_align").has("/memory/given/align", 4))]
#[case::grown_with_a_wrong_size(at_call("wrong-layout", "grown_with_a_wrong_size").has("/memory/given/size", 41))]
#[case::inside(at_call("invalid-free", "inside").has("/memory/offset", 8))]
#[case::overflow(at_call("overflow", "overflow").has("/memory/damage/at", 40))]
#[case::underflow(at_call("underflow", "underflow").has("/memory/damage/at", -1))]
fn errors_at_a_call(#[case] want: common::Want) {
    let name = std::thread::current().name().unwrap_or_default().rsplit("::").next().unwrap_or_default().to_owned();
    let body =
        name.split_once('_').and_then(|(_, rest)| rest.split_once('_')).map(|(_, body)| body).unwrap_or_default();
    let path: &'static str = format!("bad::{body}").leak();
    hold(&failing(path).not_swept().finds(want.clone()));
    hold(&failing(path).not_swept().finds(want).env("OOMSWEEP_ENGINE", "in-process"));
}

#[test]
fn a_stack_address_is_no_block_of_a_handle() {
    let found = want("invalid-free", "none", 1).has("/memory/allocator", "a").has("/memory/place", "stack");
    hold(&failing("bad::stack").not_swept().finds(found.line("/memory/stack", "stack call")));
}

#[test]
fn a_write_after_the_free_is_found_at_the_end() {
    let found = want("use-after-free", "none", 1).has("/blocks/0/allocator", "a").born("written_after_free born");
    hold(
        &failing("bad::written_after_free")
            .not_swept()
            .finds(found.line("/blocks/0/freed", "written_after_free freed")),
    );
}

#[test]
fn a_read_after_the_free_is_found_between_guard_pages() {
    let found = want("use-after-free", "none", 1).has("/blocks/0/allocator", "a").line("/memory/stack", "read call");
    hold(&failing("bad::read").env("OOMSWEEP_GUARD", "pages").not_swept().finds(found));
}

#[test]
fn what_outlives_its_arena_is_found() {
    let found = want("use-after-free", "none", 1).has("/blocks/0/allocator", "a").born("outlives born");
    hold(&failing("bad::outlives").not_swept().finds(found.line("/blocks/0/freed", "outlives freed")));
}

#[test]
fn a_block_of_an_earlier_run_is_another_allocators() {
    let found = want("mixed-allocators", "none", 1).has("/memory/allocator", "a").line("/memory/stack", "kept call");
    let found = found.says("/message", "from `a`, as it was in an earlier run, was given to `a`");
    hold(&failing("bad::kept").not_swept().finds(found));
}

#[test]
fn a_leak_is_told_with_its_allocator() {
    let found = want("leak", "none", 1).block(24, 2).born("leak born").has("/blocks/0/allocator", "a");
    hold(&failing("bad::leak").not_swept().finds(found));
}

#[test]
fn a_leak_on_the_error_path_is_joined_with_the_request_that_failed() {
    let found = want("leak", "once@1", 2)
        .block(40, 1)
        .born("error_path born")
        .asked("error_path asked")
        .has("/blocks/0/allocator", "alloc")
        .has("/failed_request/allocator", "alloc")
        .has("/failed_request/size", 8)
        .says("/message", "allocation 1 of 2 failed, and 1 block (40 bytes) was never freed")
        .says("/replay", "OOMSWEEP_REPLAY=once@1#");
    hold(&failing("bad::error_path").trials("error leak error leak").finds(found.clone()));
    hold(&failing("bad::error_path").trials("error leak error leak").finds(found).env("OOMSWEEP_ENGINE", "in-process"));
}

#[test]
fn an_infallible_call_on_a_handle_is_an_abort() {
    let found = want("abort", "once@0", 2).culprit("infallible call").has("/culprit/allocator", "alloc");
    hold(&failing("bad::infallible").trials("abort abort").finds(found));
}

#[test]
fn a_swallowed_failure_is_found() {
    let found = want("swallowed", "once@0", 2).asked("swallowed asked");
    hold(&failing("bad::swallowed").trials("swallowed swallowed").finds(found));
}

#[rstest]
#[case("good::vectors", "error*14")]
#[case("good::zeros", "error*8")]
#[case("good::no_bytes", "error*2")]
#[case("good::aligned", "error*6")]
#[case("good::resized", "error*8")]
#[case("good::threads", "error*2")]
#[case("good::exempted", "error*2")]
#[case("good::fallback", "tolerated error")]
#[case("good::untracked_blocks", "error*2")]
#[case("good::an_old_handle", "error*2")]
#[case("good::forks", "error*2")]
#[case("good::held_by_a_static", "error*2")]
#[case("hard::dropped_with_the_thread", "error*2")]
#[case("hard::dropped_with_a_joined_thread", "error*2")]
#[case("hard::far_too_large", "error*2")]
#[case("hard::far_aligned", "error*8")]
#[case("hard::while_panicking", "error error tolerated error error tolerated")]
#[case("hard::slots_change_hands", "error*2")]
fn nothing_is_found(#[case] path: &'static str, #[case] trials: &'static str) {
    hold(&clean(path).trials(trials));
    hold(&clean(path).trials(trials).env("OOMSWEEP_GUARD", "pages"));
    hold(&clean(path).trials(trials).env("OOMSWEEP_ENGINE", "in-process"));
}

#[test]
fn spaces_are_swept_one_after_the_other() {
    let row = clean("spaces::two").trials("error*4 tolerated*4").has("/points/total", 4).has("/points/global", 1);
    hold(
        &row.has("/spaces/0/name", "left")
            .has("/spaces/0/points", 2)
            .has("/spaces/1/name", "right")
            .has("/trials/0/fault", "once@left:0")
            .has("/trials/3/fault", "persistent@left:1")
            .has("/trials/4/fault", "once@right:0")
            .has("/trials/7/fault", "persistent@right:1"),
    );
}

#[test]
fn the_global_one_is_a_space_if_that_is_asked_for() {
    let row = clean("spaces::with_the_global_one").trials("error*4").has("/points/total", 2).has("/points/global", ());
    hold(
        &row.has("/trials/0/fault", "once@alloc:0")
            .has("/spaces/1/name", "global")
            .has("/trials/2/fault", "once@global:0"),
    );
}

#[test]
fn a_finding_of_one_space_names_it() {
    let found =
        want("leak", "once@b:1", 2).says("/message", "allocation 1 of 2 of `b` failed").has("/blocks/0/allocator", "a");
    let found = found.has("/failed_request/allocator", "b").says("/replay", "OOMSWEEP_REPLAY=once@b:1#");
    hold(&failing("spaces::leaks_a_when_b_fails").trials("error*3 leak error leak").finds(found));
}

#[test]
fn other_threads_make_points_if_that_is_asked_for() {
    hold(&clean("spaces::of_all_threads").trials("error*4").has("/points/total", 2));
}

/// Whoever takes an allocator has its crate on every stack: that it swallowed nothing.
#[test]
fn no_fallback_is_guessed_at_where_an_allocator_was_passed() {
    hold(&failing("bad::swallowed_by_its_own").trials("swallowed swallowed").finds(want("swallowed", "once@0", 2)));
    let output = Run::new("bad::swallowed_by_its_own").go().output();
    assert!(!output.contains("a fallback?"), "{output}");
}

#[test]
fn an_allocator_of_an_earlier_run_is_told() {
    let found = want("baseline", "none", 1).says("/notes/0", "1 request went to an allocator of an earlier run");
    hold(&failing("bad::kept_handle").not_swept().finds(found));
}

#[test]
fn an_allocator_that_is_not_used_is_told() {
    hold(&clean("spaces::one_of_two").trials("error*2").notes("`_other` was asked for nothing that could fail"));
}

#[test]
fn only_requests_to_the_global_one_are_no_points() {
    let found = want("no-points", "", 1).says("/message", "of the global allocator");
    hold(&failing("spaces::unused").trials("").finds(found));
}

#[rstest]
#[case("once@b:1", "leak")]
#[case("once@a:0", "error")]
#[case("persistent@b:0", "error")]
fn a_replay_names_its_space(#[case] fault: &str, #[case] verdict: &str) {
    let ran = Run::new("spaces::leaks_a_when_b_fails").env("OOMSWEEP_REPLAY", fault).go();
    let report = ran.expect_report();
    assert_eq!(report.pointer("/trials/0/fault"), Some(&fault.into()), "{}", ran.output());
    assert_eq!(report.pointer("/trials/0/verdict"), Some(&verdict.into()), "{}", ran.output());
    assert_eq!(ran.passed(), verdict == "error");
}

#[rstest]
#[case("once@1", "say which, as in `once@a:1`; there are `a`, `b`")]
#[case("once@c:1", "no allocator `c` is swept in this test; there are `a`, `b`")]
#[case("once@b:7", "there is no allocation 7 of `b`")]
fn a_replay_that_fits_no_space_says_so(#[case] fault: &str, #[case] said: &str) {
    let ran = Run::new("spaces::leaks_a_when_b_fails").env("OOMSWEEP_REPLAY", fault).go();
    assert!(ran.failed());
    assert!(ran.output().contains(said), "{}", ran.output());
}

#[test]
fn where_there_is_one_space_its_name_may_be_given_or_left_out() {
    for fault in ["once@1", "once@alloc:1"] {
        let report = Run::new("bad::error_path").env("OOMSWEEP_REPLAY", fault).go().expect_report();
        assert_eq!(report.pointer("/trials/0/fault"), Some(&"once@1".into()));
        assert_eq!(report.pointer("/trials/0/verdict"), Some(&"leak".into()));
    }
}

#[test]
fn what_is_switched_off_still_runs() {
    let ran = Run::new("good::vectors").env("OOMSWEEP", "off").go();
    assert!(ran.passed(), "{}", ran.output());
    let ran = Run::new("good::forks").env("OOMSWEEP", "off").go();
    assert!(ran.passed(), "{}", ran.output());
}

#[test]
fn a_leak_check_looks_at_handles_too() {
    let found = want("leak", "none", 1).block(24, 2).has("/blocks/0/allocator", "a");
    hold(&failing("bad::leak").env("OOMSWEEP", "leaks").not_swept().finds(found));
    let ran = Run::new("good::vectors").env("OOMSWEEP", "leaks").go();
    assert!(ran.passed(), "{}", ran.output());
}

#[test]
fn an_allocation_of_every_engine_is_the_same() {
    for path in ["spaces::two", "spaces::leaks_a_when_b_fails", "good::resized"] {
        let trials = |engine| Run::new(path).env("OOMSWEEP_ENGINE", engine).go().expect_report()["trials"].take();
        assert_eq!(trials("replay"), trials("in-process"), "{path}");
    }
}

#[test]
fn the_global_allocator_is_given_a_block_of_a_handle_on_its_short_way() {
    let found = want("mixed-allocators", "none", 1).has("/blocks/0/allocator", "a").born("many born");
    hold(&failing("hard::to_the_global_one_after_many").not_swept().finds(found.line("/memory/stack", "many call")));
}

#[test]
fn requests_of_the_global_one_are_counted_whoever_makes_the_points() {
    hold(&clean("hard::all_threads_beside").trials("error*2").has("/points/total", 1).has("/points/global", 1));
    hold(&clean("hard::among_many").trials("error*16").has("/points/total", 8).has("/points/global", 209));
}

/// One program under every engine: the same trials, the same points, and nothing found.
#[test]
fn engines_agree_about_made_up_programs() {
    for seed in 0..24_u64 {
        let [replay, brute, here] =
            [EngineChoice::Replay, EngineChoice::BruteForce, EngineChoice::InProcess].map(|engine| {
                let faults = Faults::ONCE | Faults::PERSISTENT | Faults::BUDGET;
                let mut sweep = Sweep::new("made_up").engine(engine).no_points(Rule::Allow).faults(faults);
                sweep = if seed % 2 == 0 { sweep.global_swept() } else { sweep };
                sweep = if seed % 3 == 0 { sweep.shrink(Shrink::Skip) } else { sweep };
                sweep = if seed % 5 == 0 { sweep.realloc_moves() } else { sweep };
                sweep = if seed % 7 == 0 { sweep.guard_pages() } else { sweep };
                let report = sweep.run_alloc(["a", "b"], move |both| hard::program(seed, both));
                report.assert_clean();
                (report.trials().to_vec(), report.spaces.clone(), report.points)
            });
        assert!(!brute.0.is_empty(), "program {seed} asks for nothing");
        assert_eq!(replay, brute, "program {seed}");
        assert_eq!(here, brute, "program {seed}");
    }
}
