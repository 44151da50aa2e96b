//! Blocks with one birth are one entry of a report.

use std::collections::HashMap;
use std::rc::Rc;

use crate::model::code::Code;
use crate::model::memory::MemoryError;
use crate::model::report::BlockReport;
use crate::model::trial::Block;

use super::fold::Names;
use super::memory;
use super::stacks::{Known, Stacks};

/// The blocks, those together that have the same stack of birth, size, alignment, thread and allocator, in the order of the first of each.
pub(crate) fn group(blocks: &[&Block], stacks: &mut Stacks<'_>, names: Names<'_>) -> Vec<BlockReport> {
    let mut reports: Vec<BlockReport> = Vec::new();
    let mut places = HashMap::new();
    for block in blocks {
        let born = stacks.know(&block.born);
        let same = (born.number, block.size, block.align, block.thread, block.allocator);
        let place = *places.entry(same).or_insert(reports.len());
        if place == reports.len() {
            reports.push(empty(block, &born, names));
        }
        if let Some(report) = reports.get_mut(place) {
            add(report, block);
        }
    }
    reports
}

/// The block that a memory error is about, if one is known.
pub(crate) fn accused(error: &MemoryError, stacks: &mut Stacks<'_>, names: Names<'_>) -> Option<BlockReport> {
    let block = error.block.as_ref()?;
    let freed_again = (error.code == Code::DoubleFree).then(|| memory::shown(&error.stack, stacks)).flatten();
    Some(BlockReport {
        size: block.size as u64,
        align: block.align as u64,
        count: 1,
        bytes: block.size as u64,
        indirect_count: None,
        indirect_bytes: None,
        thread: memory::other_thread(block.thread),
        allocator: memory::name(block.allocator, names),
        born: stacks.know(&block.born).frames.clone(),
        freed: memory::shown(&block.freed, stacks).filter(|_| block.is_freed),
        freed_again,
    })
}

fn empty(block: &Block, born: &Rc<Known>, names: Names<'_>) -> BlockReport {
    BlockReport {
        size: block.size as u64,
        align: block.align as u64,
        count: 0,
        bytes: 0,
        indirect_count: None,
        indirect_bytes: None,
        thread: block.thread,
        allocator: memory::name(block.allocator, names),
        born: born.frames.clone(),
        freed: None,
        freed_again: None,
    }
}

fn add(report: &mut BlockReport, block: &Block) {
    report.count = report.count.saturating_add(1);
    report.bytes = report.bytes.saturating_add(block.size as u64);
    if block.indirect_count > 0 {
        report.indirect_count = Some(report.indirect_count.unwrap_or(0).saturating_add(block.indirect_count));
        report.indirect_bytes = Some(report.indirect_bytes.unwrap_or(0).saturating_add(block.indirect_bytes));
    }
}
