//! The rows of what a test may ask for: regions, policies, limits, and what the whole test is judged by.

use rstest::rstest;
use serde_json::Value::Null;

use crate::common::{Row, clean, failing, want};
use crate::hold;

#[rstest]
#[case::fewer(failing("not_reached::fewer").trials("error not-reached error not-reached")
    .finds(want("not-reached", "once@1", 2).has("/diverges/index", 1).has("/diverges/baseline/size", 80)
        .has("/diverges/trial", Null).line("/diverges/baseline/stack", "missing")))]
#[case::error(failing("not_reached::error_although_nothing_failed").trials("not-reached*2")
    .finds(want("not-reached", "once@0", 2).says("/message", "an error although nothing failed")))]
#[case::twin(clean("not_reached::another_size").trials("error*4").has("/trials/0/drifted", Null)
    .has("/trials/1/drifted", true).has("/trials/2/drifted", Null).has("/trials/3/drifted", true))]
#[case::no_points(failing("no_points::none").not_swept().has("/points/total", 0).finds(want("no-points", "", 1)))]
#[case::only_first(failing("no_points::only_in_the_first_run").not_swept().has("/points/first_use", 1)
    .finds(want("no-points", "", 1).says("/message", "run to run")))]
#[case::no_points_allowed(clean("no_points::allowed").not_swept().has("/points/total", 0))]
#[case::no_points_twin(clean("no_points::one").trials("error*2").has("/points/total", 1))]
fn points(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::error(failing("baseline::error").finds(want("baseline", "", 1).has("/error", "Oom")))]
#[case::panic(failing("baseline::panics").finds(want("baseline", "", 1).line("/panic/line", "panic")
    .has("/panic/message", "the plain run panics")))]
#[case::abort(failing("baseline::aborts").finds(want("baseline", "", 1).culprit("absurd")))]
#[case::crash(failing("baseline::crashes").finds(want("baseline", "", 1).has("/signal/name", "SIGTERM")))]
#[case::exit(failing("baseline::exits").finds(want("baseline", "", 1).has("/exit_status", 0)))]
#[case::hang(failing("baseline::hangs").finds(want("baseline", "", 1)))]
#[case::unstable(failing("baseline::never_settles").finds(want("baseline", "", 1).has("/diverges/index", 1)))]
#[case::no_panic(failing("should_panic::never_panics").finds(want("baseline", "", 1)))]
#[case::other_panic(failing("should_panic::panics_otherwise").finds(want("baseline", "", 1)))]
fn plain_runs(#[case] row: Row) {
    hold(&row.not_swept());
}

#[rstest]
#[case::sizes_vary(clean("baseline::sizes_vary").trials("error*4").notes("sizes vary"))]
#[case::settles_late(clean("baseline::settles_late").trials("error*2").has("/points/total", 1))]
#[case::planned_panic(clean("should_panic::planned").trials("tolerated*2"))]
#[case::any_panic(clean("should_panic::any_panic").trials("tolerated*2"))]
#[case::another_panic(failing("should_panic::another_panic").trials("panic*2")
    .finds(want("panic", "once@0", 2).line("/panic/line", "unplanned")))]
#[case::panic_and_leak(failing("should_panic::leaks").trials("tolerated leak tolerated leak")
    .finds(want("leak", "once@1", 2).asked("failed").born("birth").block(61, 1)))]
fn baselines(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::by_points(failing("incomplete::by_points").cut().has("/coverage/planned", 10).has("/coverage/error", 4)
    .has("/coverage/left", 6).finds(want("incomplete", "", 1)))]
#[case::by_time(failing("incomplete::by_time").cut().has("/coverage/planned", 80).finds(want("incomplete", "", 1)))]
#[case::by_variable(failing("incomplete::unlimited").env("OOMSWEEP_MAX_POINTS", "2").cut().has("/coverage/left", 6)
    .finds(want("incomplete", "", 1)))]
#[case::allowed(clean("incomplete::allowed").cut().has("/coverage/left", 6))]
#[case::allowed_by_variable(clean("incomplete::unlimited").env("OOMSWEEP_MAX_POINTS", "2")
    .env("OOMSWEEP_INCOMPLETE", "allow").cut().has("/coverage/left", 6))]
#[case::just_enough(clean("incomplete::just_enough").trials("error*10"))]
#[case::unlimited(clean("incomplete::unlimited").trials("error*10"))]
fn limits(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::leaks_only(failing("leaks_only::forgets").not_swept().has("/mode", "leaks")
    .finds(want("leak", "none", 1).born("birth").block(72, 1)))]
#[case::leaks_only_twin(clean("leaks_only::blind_to_error_paths").not_swept().has("/mode", "leaks"))]
#[case::by_path(clean("benign::by_path").trials("error tolerated error tolerated"))]
#[case::by_half_a_name(failing("benign::by_half_a_name").trials("error swallowed error swallowed")
    .finds(want("swallowed", "once@1", 2).asked("other")))]
#[case::nothing_named(failing("benign::nothing_named").trials("swallowed*2")
    .finds(want("swallowed", "once@0", 2).asked("cache")))]
#[case::beside_the_region(failing("benign::beside_the_region").trials("tolerated swallowed*3")
    .finds(want("swallowed", "once@1", 2).asked("outside"))
    .finds(want("swallowed", "persistent@0", 1).asked("cache").has("/failed_request/benign", true)))]
#[case::nested(clean("benign::nested").trials("error tolerated*2 error tolerated*2"))]
#[case::set_up(clean("exempt::set_up").trials("error*2").has("/points/exempt", 3))]
#[case::wins(clean("exempt::wins").trials("error*2").has("/points/exempt", 2))]
#[case::ends_by_unwinding(failing("exempt::ends_by_unwinding").trials("swallowed*2")
    .finds(want("swallowed", "once@0", 2).asked("failed")))]
#[case::leaks_all_the_same(failing("exempt::leaks_all_the_same").trials("leak*2")
    .finds(want("leak", "once@0", 2).born("birth").block(77, 1)))]
#[case::thread_in_exempt(clean("exempt::nothing_but_exempt_and_a_point").trials("error*2"))]
#[case::lost_on_purpose(clean("untracked::lost_on_purpose").trials("error*4"))]
#[case::grown_outside(clean("untracked::grown_outside").trials("error*4"))]
#[case::grown_inside(failing("untracked::grown_inside").trials("error leak error leak")
    .finds(want("leak", "once@1", 2).asked("failed").born("birth").block(91, 1)))]
fn regions(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::shrink(failing("shrink::fits").trials("error abort error abort")
    .finds(want("abort", "once@1", 2).culprit("shrink").has("/culprit/kind", "shrink").has("/culprit/old_size", 400)
        .has("/culprit/size", 3)))]
#[case::shrink_skipped(clean("shrink::skipped").trials("error*2"))]
#[case::unit(clean("unit::swallows").trials("tolerated*2").notes("this body returns nothing"))]
#[case::unit_leak(failing("unit::leaks").trials("tolerated leak tolerated leak")
    .finds(want("leak", "once@1", 2).asked("failed").born("birth").block(31, 1)))]
#[case::below_few(clean("fixtures::below::case_1_few").trials("error*2"))]
#[case::below_many(clean("fixtures::below::case_2_many").trials("error*6"))]
#[case::above_few(clean("fixtures::above::case_1_few").trials("error*2"))]
#[case::above_many(clean("fixtures::above::case_2_many").trials("error*6"))]
#[case::honest(clean("fixtures::one_of_two::case_1_honest").trials("error*2"))]
#[case::silent(failing("fixtures::one_of_two::case_2_silent").trials("swallowed*2")
    .finds(want("swallowed", "once@0", 2).asked("failed")))]
fn shapes(#[case] row: Row) {
    hold(&row);
}

/// An id holds a file's name, which only a build with line tables knows.
#[cfg(debug_assertions)]
#[rstest]
#[case::unlisted(failing("known::unlisted").finds(want("leak", "once@1", 2).born("birth").has("/id", "e87e1be63fbb1851")))]
#[case::accepted(clean("known::accepted"))]
#[case::gone(clean("known::gone").still_fails())]
fn known(#[case] row: Row) {
    let words = if row.path().ends_with("gone") { "error*4" } else { "error leak error leak" };
    hold(&row.trials(words));
}

/// What is accepted comes from the variable where the attribute says nothing, and from the attribute where it does.
#[rstest]
#[case::infallible(clean("abort_push::pushes").env("OOMSWEEP_INFALLIBLE", "skip").trials("skipped*2"))]
#[case::infallible_attribute(clean("abort_push::skipped").env("OOMSWEEP_INFALLIBLE", "deny").trials("skipped*2"))]
#[case::swallowed(clean("swallowed::ignored").env("OOMSWEEP_SWALLOWED", "allow")
    .trials("error tolerated error tolerated"))]
#[case::swallowed_attribute(clean("swallowed::allowed").env("OOMSWEEP_SWALLOWED", "deny")
    .trials("error tolerated error tolerated"))]
#[case::panics(clean("panic_explicit::gives_up").env("OOMSWEEP_PANICS", "allow").trials("error*2"))]
#[case::panics_attribute(clean("panic_unwrap::allowed").env("OOMSWEEP_PANICS", "deny").trials("error*2"))]
#[case::leaks(clean("leak_errdefer::leaky").env("OOMSWEEP", "leaks").not_swept().has("/mode", "leaks"))]
#[case::leaks_found(failing("leak_plain::forgotten").env("OOMSWEEP", "leaks").not_swept().has("/mode", "leaks")
    .finds(want("leak", "none", 1).born("birth")))]
fn variables(#[case] row: Row) {
    hold(&row);
}
