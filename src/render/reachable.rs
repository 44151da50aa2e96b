//! The blocks that the plain run has left where something still reaches them, by the places that made them.

use crate::model::names;
use crate::model::report::BlockReport;

use super::settings::Settings;
use super::{frames, wording};

/// How many places are shown; the report file has them all.
const PLACES: usize = 20;

/// A title, and a line for each place; nothing if there are no such blocks.
pub(crate) fn lines(blocks: &[BlockReport], settings: &Settings) -> Vec<String> {
    let mut places: Vec<(String, u64, u64)> = Vec::new();
    for block in blocks {
        let made = made_at(block, settings);
        match places.iter_mut().find(|(place, _, _)| *place == made) {
            Some((_, count, bytes)) => {
                *count = count.saturating_add(block.count);
                *bytes = bytes.saturating_add(block.bytes);
            }
            None => places.push((made, block.count, block.bytes)),
        }
    }
    let mut lines = Vec::new();
    if !places.is_empty() {
        let sum = |number: fn(&BlockReport) -> u64| blocks.iter().map(number).fold(0, u64::saturating_add);
        lines.push(wording::still_reachable(sum(|block| block.count), sum(|block| block.bytes)));
    }
    // The largest first; of two that are as large, the one that was made first.
    places.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
    let shown = places.iter().take(PLACES);
    lines.extend(shown.map(|(place, count, bytes)| format!("  {}", wording::made_there(*count, *bytes, place))));
    if let Some(more) = places.len().checked_sub(PLACES).filter(|more| *more > 0) {
        lines.push(format!("  {}", wording::more_places(more)));
    }
    lines
}

/// Where a birth is shown to a reader, in words.
fn made_at(block: &BlockReport, settings: &Settings) -> String {
    let frame = frames::shown(&block.born);
    let place = frame.and_then(|frame| Some(settings.place(frame.file.as_deref()?, frame.line, frame.column)));
    wording::made_at(place.as_deref(), frame.map(|frame| names::without_hash(&frame.function)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::examples;

    #[test]
    fn blocks_of_one_place_are_one_line_and_the_largest_comes_first() {
        let block = examples::reachable();
        let elsewhere = |line: u32, bytes: u64| {
            let mut block = BlockReport { size: bytes, bytes, ..block.clone() };
            block.born.iter_mut().for_each(|frame| frame.line = Some(line));
            block
        };
        let blocks = [block.clone(), elsewhere(9, 1000), BlockReport { size: 8, bytes: 8, ..block.clone() }];
        let expected = [
            "still reachable: 3 blocks (1056 bytes) of the plain run, in statics, thread-locals or older blocks",
            "  1 block (1000 bytes) made at src/index.rs:9:20",
            "  2 blocks (56 bytes) made at src/index.rs:5:20",
        ];
        assert_eq!(lines(&blocks, &examples::settings()), expected);
    }

    #[test]
    fn many_places_are_cut_and_none_are_nothing() {
        assert_eq!(lines(&[], &examples::settings()), Vec::<String>::new());
        let blocks: Vec<BlockReport> = (1..=23)
            .map(|line| {
                let mut block = examples::reachable();
                block.born.iter_mut().for_each(|frame| frame.line = Some(line));
                block
            })
            .collect();
        let lines = lines(&blocks, &examples::settings());
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (22, Some("  and 3 places more")));
    }

    #[test]
    fn without_lines_the_function_is_named_and_without_a_stack_nothing_is_made_up() {
        let mut block = examples::reachable();
        block.born.iter_mut().for_each(|frame| (frame.file, frame.line, frame.own) = (None, None, false));
        let unknown = BlockReport { born: Vec::new(), ..block.clone() };
        let lines = lines(&[block, unknown], &examples::settings());
        assert_eq!(
            lines[1..],
            [
                "  1 block (48 bytes) made in `words::index::Index::build`",
                "  1 block (48 bytes) made at a place that is not known",
            ]
        );
    }
}
