//! Findings of an allocator that belongs to no run: no fault, no id, no line to type.

use std::collections::HashMap;

use crate::model::code::Code;
use crate::model::memory::MemoryError;
use crate::model::report::{BlockReport, Finding};
use crate::model::trial::Block;

use super::fold::{self, Names};
use super::stacks::{Site, Stacks};
use super::{blocks, memory};

/// Blocks that are alike.
#[derive(Debug, Clone)]
pub(crate) struct Alike {
    /// One of them.
    pub(crate) block: Block,
    /// How many there are.
    pub(crate) count: u64,
}

/// A finding for each place at which leaked blocks were born; those together in one entry that have the same stack of birth, size,
/// alignment and thread.
pub(crate) fn leaks(leaked: &[Alike], stacks: &mut Stacks<'_>, names: Names<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut sites: HashMap<Option<Site>, usize> = HashMap::new();
    let mut entries: HashMap<(usize, usize, usize, Option<u32>), usize> = HashMap::new();
    for alike in leaked {
        let born = stacks.know(&alike.block.born);
        let at = *sites.entry(born.site.clone()).or_insert(findings.len());
        if at == findings.len() {
            findings.push(blank(Code::Leak));
        }
        let Some(finding) = findings.get_mut(at) else { continue };
        let key = (born.number, alike.block.size, alike.block.align, alike.block.thread);
        let entry = *entries.entry(key).or_insert(finding.blocks.len());
        if entry == finding.blocks.len() {
            let first = blocks::group(&[&alike.block], stacks, names).into_iter();
            let empty = |block| BlockReport { count: 0, bytes: 0, ..block };
            finding.blocks.extend(first.map(empty));
        }
        if let Some(report) = finding.blocks.get_mut(entry) {
            report.count = report.count.saturating_add(alike.count);
            report.bytes = report.bytes.saturating_add(report.size.saturating_mul(alike.count));
        }
    }
    findings
}

/// The finding that a memory error is.
pub(crate) fn error(error: &MemoryError, stacks: &mut Stacks<'_>, names: Names<'_>) -> Finding {
    let block = blocks::accused(error, stacks, names);
    Finding {
        blocks: block.into_iter().collect(),
        memory: Some(memory::report(error, stacks, names)),
        ..blank(error.code)
    }
}

/// A finding of which nothing but the code is known.
pub(crate) fn blank(code: Code) -> Finding {
    Finding { id: String::new(), ..fold::of_the_test(code) }
}
