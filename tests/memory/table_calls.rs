//! The rows of calls that break the contract of allocation.

use rstest::rstest;

use crate::seed::{Seed, hold_clean, seed};

#[rstest]
#[case::simple(seed("double_free::simple", "double-free").block(40, 1).freed().at("free").given(40, 1))]
#[case::long_after(seed("double_free::long_after", "double-free").block(200, 1).freed().at("free"))]
#[case::on_another_thread(seed("double_free::on_another_thread", "double-free").block(40, 1).freed().at("free")
    .present("/memory/thread"))]
#[case::first_on_another_thread(seed("double_free::first_on_another_thread", "double-free").block(41, 1).freed().at("free")
    .present("/memory/freed_by"))]
#[case::old_pointer(seed("double_free::old_pointer", "double-free").block(40, 1).freed().at("free").has("/memory/moved", true))]
#[case::old_pointer_resized(seed("double_free::old_pointer_resized", "double-free").block(40, 1).freed().at("realloc")
    .has("/memory/moved", true).has("/memory/new_size", 50))]
#[case::freed_then_resized(seed("double_free::freed_then_resized", "double-free").block(40, 1).freed().at("realloc")
    .has("/memory/new_size", 41))]
#[case::large(seed("double_free::large", "double-free").block(1_000_000, 1).freed().at("free"))]
#[case::aligned(seed("double_free::aligned", "double-free").block(100, 4096).freed().at("free"))]
fn double_free(#[case] seed: Seed) {
    seed.hold();
    seed.hold_in_process();
}

#[rstest]
#[case("once")]
#[case("once_on_another_thread")]
#[case("new_pointer")]
#[case("after_reuse")]
fn single_free(#[case] name: &str) {
    hold_clean(&format!("double_free::{name}"));
}

#[rstest]
#[case::inside(seed("invalid_free::inside", "invalid-free").block(40, 1).at("free").place("inside", Some(8)).given(40, 1))]
#[case::one_past_the_end(seed("invalid_free::one_past_the_end", "invalid-free").block(40, 1).at("free")
    .place("inside", Some(40)))]
#[case::before(seed("invalid_free::before", "invalid-free").block(40, 1).at("free").place("before", Some(-8)))]
#[case::never_given_out(seed("invalid_free::never_given_out", "invalid-free").no_block().at("free").place("no-block", None))]
#[case::inside_freed(seed("invalid_free::inside_freed", "invalid-free").block(40, 1).freed().at("free")
    .place("inside", Some(16)))]
#[case::resized_inside(seed("invalid_free::resized_inside", "invalid-free").block(40, 1).at("realloc")
    .place("inside", Some(1)).given(39, 1).has("/memory/new_size", 80))]
#[case::stack(seed("invalid_free::stack", "invalid-free").no_block().at("free").place("stack", None))]
#[case::static_variable(seed("invalid_free::static_variable", "invalid-free").no_block().at("free").place("static", None))]
#[case::constant(seed("invalid_free::constant", "invalid-free").no_block().at("free").place("static", None))]
#[case::thread_local(seed("invalid_free::thread_local", "invalid-free").no_block().at("free").place("thread-local", None))]
#[case::near_null(seed("invalid_free::near_null", "invalid-free").no_block().at("free").place("near-null", Some(24)))]
#[case::null(seed("invalid_free::null", "invalid-free").no_block().at("free").place("null", None))]
#[case::of_malloc(seed("invalid_free::of_malloc", "invalid-free").no_block().at("free").place("foreign", None).contained())]
#[case::of_mmap(seed("invalid_free::of_mmap", "invalid-free").no_block().at("free").place("foreign", None).contained())]
#[case::of_munmap(seed("invalid_free::of_munmap", "invalid-free").no_block().at("free").place("unmapped", None))]
#[case::never_set(seed("invalid_free::never_set", "invalid-free").no_block().at("free").place("of-unwritten", None).given(24, 1))]
#[case::read_after_free(seed("invalid_free::read_after_free", "invalid-free").no_block().at("free").place("of-freed", None))]
#[case::read_beside(seed("invalid_free::read_beside", "invalid-free").no_block().at("realloc").place("of-zone", None)
    .has("/memory/new_size", 48))]
fn invalid_free(#[case] seed: Seed) {
    seed.hold();
    seed.hold_in_process();
}

#[rstest]
#[case("begins")]
#[case("taken_from_the_end")]
#[case("malloc_and_free")]
#[case("map_and_unmap")]
#[case("set_and_read")]
fn valid_free(#[case] name: &str) {
    hold_clean(&format!("invalid_free::{name}"));
}

/// The largest integer that every reader of a report can hold.
const LARGEST: u64 = (1 << 53) - 1;

#[rstest]
#[case::size_of_free(seed("wrong_layout::size_of_free", "wrong-layout").block(40, 1).at("free").given(39, 1))]
#[case::align_of_free(seed("wrong_layout::align_of_free", "wrong-layout").block(40, 8).at("free").given(40, 16))]
#[case::old_size_of_realloc(seed("wrong_layout::old_size_of_realloc", "wrong-layout").block(40, 1).at("realloc").given(41, 1)
    .has("/memory/new_size", 80))]
#[case::old_align_of_realloc(seed("wrong_layout::old_align_of_realloc", "wrong-layout").block(40, 4).at("realloc")
    .given(40, 1))]
#[case::length_for_capacity(seed("wrong_layout::length_for_capacity", "wrong-layout").block(80, 8).at("free").given(8, 8))]
#[case::born_size_after_realloc(seed("wrong_layout::born_size_after_realloc", "wrong-layout").block(44, 1).at("free")
    .given(40, 1).has("/memory/born_size", 40))]
#[case::zero_size(seed("wrong_layout::zero_size", "wrong-layout").no_block().at("alloc").given(0, 8))]
#[case::zero_size_realloc(seed("wrong_layout::zero_size_realloc", "wrong-layout").at("realloc").given(40, 1)
    .has("/memory/new_size", 0))]
#[case::absurd_align(seed("wrong_layout::absurd_align", "wrong-layout").no_block().at("alloc").given(40, 3))]
// In a debug build the program itself is stopped on its way to the allocator: the standard library has a look first.
#[cfg_attr(not(debug_assertions), case::too_large(seed("wrong_layout::too_large", "wrong-layout").no_block().at("alloc").given(LARGEST, 1)))]
#[case::too_large_realloc(seed("wrong_layout::too_large_realloc", "wrong-layout").at("realloc").given(40, 16)
    .has("/memory/new_size", LARGEST))]
fn wrong_layout(#[case] seed: Seed) {
    seed.hold();
    seed.hold_in_process();
}

#[rstest]
#[case("as_born")]
#[case("as_resized")]
#[case("one_byte")]
#[case("largest_align")]
#[case("almost_too_large")]
fn right_layout(#[case] name: &str) {
    hold_clean(&format!("wrong_layout::{name}"));
}
