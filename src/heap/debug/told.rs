//! From what was noticed to what people read. Stacks are resolved here, and nowhere else.

use std::path::PathBuf;

use super::noted::{ITSELF, Noted};
use super::say;
use super::threads::First;
use super::watch::Watch;
use crate::hook::gate;
use crate::inspect::alone;
use crate::inspect::stacks::Stacks;
use crate::inspect::symbols::Resolver;
use crate::model::code::Code;
use crate::model::memory::MemoryError;
use crate::model::report::{ContractReport, Finding};
use crate::model::stack::Frame;
use crate::model::{names, place};
use crate::render;
use crate::render::settings::Settings;
use crate::render::wording;

/// A resolver for the package that is being run, or else for the current folder.
pub(super) fn resolver() -> Resolver {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| std::env::current_dir().ok());
    Resolver::new(&folder.unwrap_or_default().to_string_lossy())
}

/// How reports look up the name of the allocator.
pub(super) fn named(name: &str) -> impl Fn(u32) -> Option<String> {
    move |number| (number == ITSELF).then(|| name.to_owned())
}

/// The findings that memory errors are; those that say the same are one.
pub(super) fn findings(errors: &[MemoryError], name: &str, stacks: &mut Stacks<'_>) -> Vec<Finding> {
    let names = named(name);
    let mut findings: Vec<Finding> = Vec::new();
    for error in errors {
        let mut finding = alone::error(error, stacks, &names);
        wording::speak_alone(&mut finding);
        match findings.iter_mut().find(|known| says_the_same(known, &finding)) {
            Some(known) => known.count += 1,
            None => findings.push(finding),
        }
    }
    for finding in findings.iter_mut().filter(|finding| finding.count > 1) {
        finding.notes.push(wording::times(finding.count));
    }
    findings
}

fn says_the_same(one: &Finding, other: &Finding) -> bool {
    (&one.message, &one.notes, &one.blocks, &one.memory) == (&other.message, &other.notes, &other.blocks, &other.memory)
}

/// What is wrong when a thread calls that may not.
pub(super) fn of_threads(first: &First, second: &First, name: &str, stacks: &mut Stacks<'_>) -> Finding {
    let shown = |stack: &[Frame]| {
        place::own_frame(stack).or_else(|| place::site(stack)).map(|frame| match (&frame.file, frame.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => names::without_hash(&frame.function).to_owned(),
        })
    };
    let (one, two) = (shown(&stacks.know(&first.stack).frames), shown(&stacks.know(&second.stack).frames));
    let contract = ContractReport {
        check: String::from("thread_safe(false)"),
        place: two.unwrap_or_default(),
        before: None,
        after: None,
    };
    Finding {
        message: wording::called_by_two(name, &first.name(), &second.name()),
        contract: Some(contract),
        notes: one.map(|place| wording::first_call(&first.name(), &place)).into_iter().collect(),
        ..alone::blank(Code::Contract)
    }
}

/// A title, and findings below it.
pub(super) fn page(title: &str, findings: &[Finding], lost: usize) -> String {
    let text = render::alone::text(findings, &Settings::new(false));
    let more = if lost == 0 { String::new() } else { format!("\n{}", wording::and_more(lost)) };
    format!("{title}\n\n{text}{more}\n")
}

/// A text that nobody may miss: a panic; on a thread that panics already, it is printed, and the caller goes on.
pub(super) fn loudly(text: &str) {
    if std::thread::panicking() {
        say::error(text);
    } else {
        let _harness = gate::harness();
        panic!("{text}");
    }
}

impl Watch {
    /// Tells what was noticed, if anything was.
    ///
    /// # Panics
    /// If anything was, unless the thread panics already.
    #[cold]
    pub(super) fn tell_all(&self, noted: &Noted) {
        let text = {
            let _harness = gate::harness();
            let mut resolver = resolver();
            let findings = findings(noted.errors(), self.options.name, &mut Stacks::new(&mut resolver));
            let all = noted.errors().len() + noted.lost();
            page(&wording::memory_errors(self.options.name, all), &findings, noted.lost())
        };
        loudly(&text);
    }

    /// The same.
    ///
    /// # Panics
    /// As there.
    pub(super) fn tell(&self, noted: &Noted) {
        if !noted.is_empty() {
            self.tell_all(noted);
        }
    }

    /// Tells that a thread calls which may not.
    ///
    /// # Panics
    /// Unless the thread panics already.
    #[cold]
    pub(super) fn tell_of_threads(&self, here: &First) {
        let text = {
            let _harness = gate::harness();
            let first = self.ledger.hold().first;
            let first = first.unwrap_or(*here);
            let mut resolver = resolver();
            let finding = of_threads(&first, here, self.options.name, &mut Stacks::new(&mut resolver));
            page(&wording::misused(self.options.name), &[finding], 0)
        };
        loudly(&text);
    }
}
