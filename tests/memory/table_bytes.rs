//! The rows of bytes that nobody may write, or that were read before anybody wrote them.

use rstest::rstest;

use crate::common::{failing, want};
use crate::hold;
use crate::seed::{Seed, hold_clean, seed};

#[rstest]
#[case::at_free(seed("overflow::at_free", "overflow").block(40, 1).at("free").damage(40, 1, "41", "fb"))]
#[case::at_realloc(seed("overflow::at_realloc", "overflow").block(40, 1).at("realloc").damage(40, 1, "41", "fb")
    .has("/memory/new_size", 80))]
#[case::at_the_end(seed("overflow::at_the_end", "overflow").block(40, 1).late("end").damage(40, 1, "41", "fb"))]
#[case::far(seed("overflow::far", "overflow").block(40, 1).at("free").damage(55, 1, "41", "fb"))]
#[case::run_of_bytes(seed("overflow::run_of_bytes", "overflow").block(40, 1).at("free")
    .damage(40, 8, "41 41 41 41 41 41 41 41", "fb"))]
#[case::large(seed("overflow::large", "overflow").block(20_000, 1).at("free").damage(20_000, 1, "41", "fb"))]
#[case::huge(seed("overflow::huge", "overflow").block(3_000_001, 1).at("free").damage(3_000_001, 1, "41", "fb"))]
#[case::aligned(seed("overflow::aligned", "overflow").block(100, 64).at("free").damage(100, 1, "41", "fb"))]
#[case::aligned_to_a_page(seed("overflow::aligned_to_a_page", "overflow").block(5000, 4096).at("free")
    .damage(5000, 1, "41", "fb"))]
#[case::zeroed(seed("overflow::zeroed", "overflow").block(40, 1).at("free").damage(40, 1, "41", "fb"))]
#[case::resized(seed("overflow::resized", "overflow").block(39, 1).at("free").damage(39, 1, "41", "fb")
    .has("/memory/born_size", 40))]
#[case::off_by_one(seed("overflow::off_by_one", "overflow").block(20, 4).at("free").damage(20, 4, "41 41 41 41", "fb"))]
#[case::on_another_thread(seed("overflow::on_another_thread", "overflow").block(40, 1).at("free").damage(40, 1, "41", "fb"))]
#[case::both_sides(seed("overflow::both_sides", "overflow").block(40, 1).at("free").damage(40, 1, "41", "fb"))]
#[case::in_the_padding(seed("overflow::in_the_padding", "overflow").block(41, 16).at("free").damage(47, 1, "41", "fb"))]
fn overflow(#[case] seed: Seed) {
    seed.hold();
    seed.hold_in_process();
}

#[rstest]
#[case("to_the_last_byte")]
#[case("to_the_last_byte_at_realloc")]
#[case("to_the_last_byte_at_the_end")]
#[case("to_the_last_byte_large")]
#[case("to_the_last_byte_resized")]
fn no_overflow(#[case] name: &str) {
    hold_clean(&format!("overflow::{name}"));
}

#[rstest]
#[case::at_free(seed("underflow::at_free", "underflow").block(40, 1).at("free").damage(-1, 1, "41", "fa"))]
#[case::at_realloc(seed("underflow::at_realloc", "underflow").block(40, 1).at("realloc").damage(-1, 1, "41", "fa"))]
#[case::at_the_end(seed("underflow::at_the_end", "underflow").block(40, 1).late("end").damage(-1, 1, "41", "fa"))]
#[case::far(seed("underflow::far", "underflow").block(40, 1).at("free").damage(-16, 1, "41", "fa"))]
#[case::run_of_bytes(seed("underflow::run_of_bytes", "underflow").block(40, 1).at("free")
    .damage(-8, 8, "41 41 41 41 41 41 41 41", "fa"))]
#[case::large(seed("underflow::large", "underflow").block(20_000, 1).at("free").damage(-1, 1, "41", "fa"))]
#[case::huge(seed("underflow::huge", "underflow").block(3_000_001, 1).at("free").damage(-1, 1, "41", "fa"))]
#[case::aligned(seed("underflow::aligned", "underflow").block(100, 64).at("free").damage(-64, 1, "41", "fa"))]
#[case::aligned_to_a_page(seed("underflow::aligned_to_a_page", "underflow").block(5000, 4096).at("free")
    .damage(-1, 1, "41", "fa"))]
#[case::resized(seed("underflow::resized", "underflow").block(39, 1).at("free").damage(-1, 1, "41", "fa"))]
fn underflow(#[case] seed: Seed) {
    seed.hold();
    seed.hold_in_process();
}

#[rstest]
#[case("from_the_first_byte")]
#[case("from_the_first_byte_at_the_end")]
fn no_underflow(#[case] name: &str) {
    hold_clean(&format!("underflow::{name}"));
}

#[rstest]
#[case::at_the_end(seed("use_after_free::at_the_end", "use-after-free").block(40, 1).freed().late("end")
    .damage(3, 1, "41", "dd"))]
#[case::on_eviction(seed("use_after_free::on_eviction", "use-after-free").block(40, 1).freed().late("eviction")
    .damage(3, 1, "41", "dd"))]
#[case::old_pointer(seed("use_after_free::old_pointer", "use-after-free").block(40, 1).freed().late("end")
    .damage(0, 8, "41 41 41 41 41 41 41 41", "dd").has("/memory/moved", true))]
#[case::freed_by_another_thread(seed("use_after_free::freed_by_another_thread", "use-after-free").block(43, 1).freed()
    .late("end").damage(39, 1, "41", "dd").present("/memory/freed_by"))]
#[case::freed_by_a_thread_that_goes_on(seed("use_after_free::freed_by_a_thread_that_goes_on", "use-after-free").block(44, 1)
    .freed().late("end").damage(40, 1, "41", "dd").present("/memory/freed_by"))]
#[case::last_byte(seed("use_after_free::last_byte", "use-after-free").block(40, 1).freed().late("end")
    .damage(39, 1, "41", "dd"))]
#[case::all_of_it(seed("use_after_free::all_of_it", "use-after-free").block(3, 1).freed().late("end")
    .damage(0, 3, "41 41 41", "dd"))]
#[case::large(seed("use_after_free::large", "use-after-free").block(20_000, 1).freed().late("end")
    .damage(10_000, 1, "41", "dd"))]
#[case::long_large(seed("use_after_free::long_large", "use-after-free").block(20_000, 1).freed().late("eviction")
    .damage(19_999, 1, "41", "dd"))]
// A block so large is out of reach at once, and the instruction that touches it is the call that is told.
#[case::huge(seed("use_after_free::huge", "use-after-free").block(1_000_000, 1).freed().at("write")
    .place("inside", Some(500_000)).contained())]
#[case::huge_read(seed("use_after_free::huge_read", "use-after-free").block(1_000_000, 1).freed().at("read")
    .place("inside", Some(500_000)).contained())]
fn use_after_free(#[case] seed: Seed) {
    seed.hold();
    seed.hold_in_process();
}

#[rstest]
#[case("before_the_free")]
#[case("new_pointer")]
#[case("before_the_free_elsewhere")]
#[case("before_the_free_large")]
fn use_before_free(#[case] name: &str) {
    hold_clean(&format!("use_after_free::{name}"));
}

#[rstest]
#[case::behind(seed("on_demand::behind", "overflow").block(40, 1).at("demand").damage(40, 2, "41 41", "fb"))]
#[case::before(seed("on_demand::before", "underflow").block(40, 1).at("demand").damage(-2, 2, "41 41", "fa"))]
#[case::after_the_free(seed("on_demand::after_the_free", "use-after-free").block(40, 1).freed().at("demand")
    .damage(5, 2, "41 41", "dd"))]
#[case::after_a_free_elsewhere(seed("on_demand::after_a_free_elsewhere", "use-after-free").block(42, 1).freed().at("demand")
    .damage(5, 2, "41 41", "dd"))]
fn on_demand(#[case] seed: Seed) {
    seed.hold();
    seed.hold_in_process();
}

#[rstest]
#[case("between_steps")]
#[case("without_a_block")]
fn nothing_on_demand(#[case] name: &str) {
    hold_clean(&format!("on_demand::{name}"));
}

/// What was never written is no zero, so that a body which counts on zeros answers wrongly in every run.
#[test]
fn never_written() {
    let seen = |found| {
        want(if found == "none" { "baseline" } else { "panic" }, found, if found == "none" { 1 } else { 2 })
            .line("/panic/line", "wrong answer")
            .says("/panic/message", "left: 2863311531")
    };
    hold(&failing("never_written::counter_without_a_start::plain").not_swept().finds(seen("none")));
    let row = failing("never_written::counter_without_a_start::on_the_error_path").trials("error panic error panic");
    hold(&row.finds(seen("once@1").has("/failed_request/index", 1)));
}

#[rstest]
#[case("counter_from_zero")]
#[case("zeroed_is_zero")]
#[case("new_shows_its_pattern")]
fn first_reads(#[case] name: &str) {
    hold_clean(&format!("never_written::{name}"));
}
