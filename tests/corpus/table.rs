//! The rows of what is lost, and of how a run ends.

use rstest::rstest;
use serde_json::Value::Null;

use crate::common::{Row, clean, failing, want};
use crate::hold;

#[rstest]
#[case::errdefer(failing("leak_errdefer::leaky").trials("error leak error leak").has("/points/total", 2)
    .finds(want("leak", "once@1", 2).asked("second").born("first").block(100, 1)
        .has("/also/0", "persistent@1").has("/failed_request/index", 1).has("/failed_request/size", 100)
        .has("/failed_request/kind", "alloc").has("/blocks/0/align", 1).says("/replay", "OOMSWEEP_REPLAY=once@1#")
        .says("/replay", "leak_errdefer::leaky")))]
#[case::errdefer_twin(clean("leak_errdefer::safe").trials("error*4"))]
#[case::plain(failing("leak_plain::forgotten").not_swept()
    .finds(want("leak", "none", 1).born("birth").block(48, 1).has("/failed_request", Null)))]
#[case::plain_twin(clean("leak_plain::dropped").trials("error*4"))]
#[case::owner(failing("leak_owner::lost").trials("error leak error leak").has("/points/exempt", 3)
    .finds(want("leak", "once@1", 2).asked("failed").born("birth").block(24, 1)
        .has("/blocks/0/indirect_count", 3).has("/blocks/0/indirect_bytes", 120).has("/blocks/1", Null)))]
#[case::owner_twin(clean("leak_owner::kept").trials("error*4"))]
#[case::second_path(failing("leak_second_path::forgets").trials("error*2 leak error*2 leak")
    .finds(want("leak", "once@2", 2).asked("third").born("first").block(10, 1)))]
#[case::second_path_twin(clean("leak_second_path::remembers").trials("error*6"))]
#[case::two_places(failing("leak_two_places::both").trials("error leak*2 error leak*2")
    .finds(want("leak", "once@1", 4).asked("tail").born("head").block(11, 1))
    .finds(want("leak", "once@2", 2).born("tail").block(22, 1)))]
#[case::two_places_twin(clean("leak_two_places::neither").trials("error*6"))]
#[case::cycle(failing("leak_cycle::tied").trials("leak*2")
    .finds(want("leak", "once@0", 2).asked("failed").born("birth").block(32, 1).has("/blocks/0/indirect_count", 1)))]
#[case::cycle_twin(clean("leak_cycle::untied").trials("error*2"))]
fn leaks(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::in_a_static("leak_sticky::in_a_static")]
#[case::in_a_thread_local("leak_sticky::in_a_thread_local")]
#[case::on_the_heap("leak_sticky::on_the_heap")]
#[case::in_the_environment("leak_sticky::in_the_environment")]
#[case::in_the_kernel("leak_sticky::in_the_kernel")]
#[case::only_in_the_third_run("leak_sticky::only_in_the_third_run")]
#[case::fewer_points_afterwards("leak_sticky::fewer_points_afterwards")]
#[case::an_error_afterwards("leak_sticky::an_error_afterwards")]
fn sticky(#[case] path: &'static str) {
    let leak = want("leak", "once@1", 2).asked("failed").born("birth").block(64, 1);
    hold(&failing(path).trials("error leak error leak").finds(leak));
}

#[test]
fn sticky_twin() {
    hold(&clean("leak_sticky::harmless").trials("error*4"));
}

#[rstest]
#[case::on_the_error_path(failing("fd_leak::on_the_error_path").trials("fd-leak*2")
    .finds(want("fd-leak", "once@0", 2).asked("failed").has("/fds/0/target", "/dev/null").has("/fds/1", Null)))]
#[case::in_the_plain_run(failing("fd_leak::in_the_plain_run").not_swept()
    .finds(want("fd-leak", "none", 1).has("/fds/0/target", "/dev/null")))]
#[case::twin(clean("fd_leak::closed").trials("error*2"))]
#[case::first_use(clean("fd_leak::first_use").trials("error*2"))]
fn descriptors(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::ignored(failing("swallowed::ignored").trials("error swallowed error swallowed")
    .finds(want("swallowed", "once@1", 2).asked("failed")))]
#[case::fallback(failing("swallowed::fallback").trials("swallowed error")
    .finds(want("swallowed", "once@0", 1).asked("fallback")))]
#[case::allowed(clean("swallowed::allowed").trials("error tolerated error tolerated"))]
#[case::twin(clean("swallowed::passed_on").trials("error*4"))]
#[case::benign_twin(clean("swallowed::benign_fallback").trials("tolerated error"))]
#[case::wrong_by_pattern(failing("wrong_error::by_pattern").trials("error wrong-error error wrong-error")
    .finds(want("wrong-error", "once@1", 2).asked("failed").says("/error", "Syntax")))]
#[case::wrong_by_function(failing("wrong_error::by_function").trials("error wrong-error error wrong-error")
    .finds(want("wrong-error", "once@1", 2).asked("failed").says("/error", "Syntax")))]
#[case::right_by_pattern(clean("wrong_error::right_by_pattern").trials("error*4"))]
#[case::right_by_function(clean("wrong_error::right_by_function").trials("error*4"))]
#[case::nothing_promised(clean("wrong_error::nothing_promised").trials("error*4"))]
fn answers(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::unwrap(failing("panic_unwrap::unwraps").trials("error panic error panic")
    .finds(want("panic", "once@1", 2).asked("panic").line("/panic/line", "panic").has("/panic/unwound", true)
        .has("/failed_request/kind", "grow").has("/failed_request/old_size", 64)))]
#[case::unwrap_allowed(clean("panic_unwrap::allowed").trials("error*2"))]
#[case::unwrap_twin(clean("panic_unwrap::asks").trials("error*4"))]
#[case::explicit(failing("panic_explicit::gives_up").trials("panic*2")
    .finds(want("panic", "once@0", 2).asked("failed").line("/panic/line", "panic").has("/panic/unwound", true)
        .has("/panic/message", "no memory for the index of 3 words")))]
#[case::explicit_twin(clean("panic_explicit::reports").trials("error*2"))]
#[case::in_drop(failing("panic_in_drop::alone").trials("error panic*3")
    .finds(want("panic", "once@1", 3).asked("in drop").line("/panic/line", "drop panics").has("/panic/unwound", true)))]
#[case::in_drop_while_unwinding(failing("panic_in_drop::while_unwinding").trials("panic*2")
    .finds(want("panic", "once@0", 2).line("/panic/line", "first panic").has("/panic/unwound", false)))]
#[case::out_of_c(failing("panic_in_drop::out_of_c").trials("panic*2")
    .finds(want("panic", "once@0", 2).line("/panic/line", "in c").has("/panic/unwound", false)))]
#[case::in_drop_twin(clean("panic_in_drop::handled").trials("error tolerated error tolerated"))]
#[case::and_leak(failing("panic_leak::loses").trials("error panic error panic")
    .finds(want("panic", "once@1", 2).asked("panic").line("/panic/line", "panic"))
    .finds(want("leak", "once@1", 2).asked("panic").born("birth").block(56, 1)))]
#[case::allowed_and_leak(failing("panic_leak::loses_even_where_panics_are_allowed").trials("error leak error leak")
    .finds(want("leak", "once@1", 2).born("allowed birth").block(57, 1)))]
#[case::and_leak_twin(clean("panic_leak::keeps").trials("error*4"))]
fn panics(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::push(failing("abort_push::pushes").trials("abort*2")
    .finds(want("abort", "once@0", 2).asked("push").culprit("push").has("/culprit/injected", true)
        .has("/culprit/size", 32)))]
#[case::push_skipped(clean("abort_push::skipped").trials("skipped*2"))]
#[case::push_twin(clean("abort_push::reserves").trials("error*2"))]
#[case::format(failing("abort_format::formats").trials("error abort error abort")
    .finds(want("abort", "once@1", 2).asked("format").culprit("format")))]
#[case::format_twin(clean("abort_format::writes").trials("error*4"))]
#[case::benign(failing("abort_benign::pushes").trials("abort*2")
    .finds(want("abort", "once@0", 2).culprit("push").has("/culprit/benign", true)))]
#[case::benign_twin(clean("abort_benign::tries").trials("tolerated*2"))]
#[case::later(failing("abort_later::falls_back_on_push").trials("tolerated abort")
    .finds(want("abort", "persistent@0", 1).asked("failed").culprit("push")))]
#[case::later_twin(clean("abort_later::falls_back_on_try").trials("tolerated error"))]
#[case::absurd(failing("abort_absurd::asks_for_everything").trials("abort*2")
    .finds(want("abort", "once@0", 2).asked("failed").culprit("absurd").has("/culprit/injected", Null)))]
#[case::absurd_twin(clean("abort_absurd::asks_politely").trials("error*2"))]
fn aborts(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::null(failing("crash_null::fills").trials("crash*2")
    .finds(want("crash", "once@0", 2).asked("failed").has("/signal/name", "SIGSEGV").has("/signal/number", 11)))]
#[case::null_twin(clean("crash_null::looks").trials("error*2"))]
#[case::overflow(failing("crash_overflow::recurses").trials("crash*2")
    .finds(want("crash", "once@0", 2).asked("failed")))]
#[case::overflow_twin(clean("crash_overflow::ends").trials("error*2"))]
#[case::raise(failing("crash_signal::raise_sigterm").trials("crash*2")
    .finds(want("crash", "once@0", 2).asked("failed").has("/signal/name", "SIGTERM").has("/signal/number", 15)))]
#[case::group(failing("crash_signal::kill_the_group").trials("crash*2")
    .finds(want("crash", "once@0", 2).asked("failed").has("/signal/name", "SIGTERM")))]
#[case::plain_abort(failing("crash_signal::plain_abort").trials("crash*2")
    .finds(want("crash", "once@0", 2).asked("failed").has("/signal/name", "SIGABRT").has("/culprit", Null)))]
#[case::signal_twin(clean("crash_signal::raise_sigurg").trials("error*2"))]
#[case::exit_zero(failing("exit::with_success").trials("exit*2")
    .finds(want("exit", "once@0", 2).asked("zero").has("/exit_status", 0)))]
#[case::exit_three(failing("exit::with_three").trials("exit*2")
    .finds(want("exit", "once@0", 2).asked("three").has("/exit_status", 3)))]
#[case::exit_raw(failing("exit::without_handlers").trials("exit*2")
    .finds(want("exit", "once@0", 2).asked("raw").has("/exit_status", 0)))]
#[case::exit_twin(clean("exit::returns").trials("error*2"))]
fn deaths(#[case] row: Row) {
    hold(&row);
}

#[rstest]
#[case::spin(failing("hang::spins").trials("hang*2").finds(want("hang", "once@0", 2).asked("spin")))]
#[case::sleep(failing("hang::sleeps").trials("hang*2").finds(want("hang", "once@0", 2).asked("sleep")))]
#[case::lock(failing("hang::locks_twice").trials("hang*2").finds(want("hang", "once@0", 2).asked("lock")))]
#[case::twin(clean("hang::dawdles").trials("error*2"))]
fn hangs(#[case] row: Row) {
    hold(&row);
}
