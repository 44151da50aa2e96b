//! The rows of what outlives a run.

use rstest::rstest;
use serde_json::Value::Null;

use crate::common::{Row, Want, clean, failing, want};
use crate::hold;

#[rstest]
#[case("once_lock")]
#[case("lazy_lock")]
#[case("map_of_vecs")]
#[case("in_a_mutex")]
#[case("in_a_lock_of_vecs")]
#[case("leaked_into_a_static")]
#[case("behind_a_list")]
#[case("thread_local_with_drop")]
#[case("thread_local_lazy")]
#[case("thread_local_without_drop")]
#[case("thread_local_raw_pointer")]
#[case("standard_streams")]
#[case("end_of_the_block")]
#[case("middle_of_the_block")]
#[case("low_tag_bits")]
#[case("kept_by_declaration")]
#[case("captured_backtrace")]
#[case("caught_panic")]
#[case("panic_hook")]
#[case("scopes")]
#[case("unread_messages")]
fn held(#[case] name: &str) {
    hold(&innocent(&format!("held::{name}")));
}

#[rstest]
#[case("in_a_mapping")]
#[case("in_a_shared_mapping")]
#[case("in_memory_of_c")]
#[case("in_large_memory_of_c")]
#[case("under_a_first_key")]
#[case("under_a_late_key")]
#[case("on_a_stack")]
#[case("in_another_threads_local")]
#[case("in_a_register")]
#[case("behind_a_receiver")]
#[case("behind_a_condition")]
#[case("named_thread")]
fn held_elsewhere(#[case] name: &str) {
    hold(&innocent(&format!("held_elsewhere::{name}")));
}

#[test]
fn held_by_the_frame_outside() {
    let ran = crate::common::run_self("held_elsewhere::by_the_frame_outside", &[]);
    assert!(ran.passed(), "{}", ran.output());
}

fn innocent(path: &str) -> Row {
    clean(path.to_owned().leak()).not_swept()
}

/// The one finding of `lost::NAME`: a block of this size, and what it leads to.
fn lost(name: &'static str, size: u64, align: u64) -> Want {
    want("leak", "none", 1)
        .block(size, 1)
        .has("/blocks/0/align", align)
        .has("/blocks/1", Null)
        .born(name)
        .in_function("/blocks/0/born", format!("lost::{name}").leak())
}

fn with(want: Want, count: u64, bytes: u64) -> Want {
    want.has("/blocks/0/indirect_count", count).has("/blocks/0/indirect_bytes", bytes)
}

fn alone(want: Want) -> Want {
    want.has("/blocks/0/indirect_count", Null).has("/blocks/0/indirect_bytes", Null)
}

fn by_a_thread(want: Want) -> Want {
    want.present("/blocks/0/thread")
}

#[rstest]
#[case::boxed("boxed", alone(lost("boxed", 32, 8)))]
#[case::small("small", alone(lost("small", 24, 8)))]
#[case::vec("vec", alone(lost("vec", 400, 4)))]
#[case::large("large", alone(lost("large", 3_000_000, 1)))]
#[case::aligned("aligned", alone(lost("aligned", 100, 4096)))]
#[case::resized("resized", alone(lost("resized", 30_000, 1)))]
#[case::cycle_of_two("cycle_of_two", with(lost("cycle_of_two", 48, 8), 1, 48))]
#[case::cycle_with_a_tail("cycle_with_a_tail", with(lost("cycle_with_a_tail", 48, 8), 4, 112))]
#[case::vec_of_boxes("vec_of_boxes", with(lost("vec_of_boxes", 80, 8), 10, 80))]
#[case::list("list", with(lost("list", 16, 8), 9, 144))]
#[case::map("map", with(lost("map", 64 * 16 + 64 + 16, 16), 40, 320))]
#[case::in_a_joined_thread("in_a_joined_thread", by_a_thread(alone(lost("in_a_joined_thread", 56, 8))))]
#[case::in_a_detached_thread("in_a_detached_thread", by_a_thread(alone(lost("in_a_detached_thread", 64, 8))))]
#[case::in_a_dead_threads_local("in_a_dead_threads_local", by_a_thread(alone(lost("in_a_dead_threads_local", 85, 1))))]
#[case::in_dead_frames("in_dead_frames", alone(lost("in_dead_frames", 86, 1)))]
#[case::static_then_cleared("static_then_cleared", alone(lost("static_then_cleared", 87, 1)))]
#[case::channel("channel", with(lost("channel", 512, 128), 6, 544))]
#[case::to_itself("to_itself", alone(lost("to_itself", 88, 8)))]
#[case::in_a_local_destructor("in_a_local_destructor", by_a_thread(alone(lost("in_a_local_destructor", 72, 8))))]
#[case::during_a_caught_panic("during_a_caught_panic", alone(lost("during_a_caught_panic", 89, 1)))]
#[case::printed("printed", alone(lost("printed", 91, 1)))]
#[case::one_of_two("one_of_two", alone(lost("one_of_two", 92, 1)))]
fn one_root(#[case] name: &str, #[case] want: Want) {
    hold(&failing(format!("lost::{name}::alone").leak()).not_swept().finds(want));
}

#[test]
fn fifty_frames_deep() {
    let want = want("leak", "none", 1).block(48, 1).born("deep").in_function("/blocks/0/born", "lost::deep_down");
    hold(&failing("lost::deep::alone").not_swept().finds(alone(want)));
}

#[test]
fn three_at_one_place() {
    let want = want("leak", "none", 1).block(93, 3).born("three_times").has("/blocks/1", Null);
    hold(&failing("lost::three_times::alone").not_swept().finds(alone(want)));
}

#[test]
fn two_roots_share_a_block() {
    let one = alone(want("leak", "none", 1).block(8, 1).born("shared_by_two one"));
    let other = with(want("leak", "none", 1).block(16, 1).born("shared_by_two other"), 1, 24);
    hold(&failing("lost::shared_by_two::alone").not_swept().finds(one).finds(other));
}

#[rstest]
#[case("boxed_twin")]
#[case("cycle_of_two_twin")]
#[case("in_a_joined_thread_twin")]
#[case("static_then_cleared_twin")]
fn not_lost(#[case] name: &str) {
    hold(&innocent(&format!("lost::{name}::alone")));
}
