//! A seeded memory error: what the report must say of it, in the plain run and on an error path alike.

use serde_json::Value;

use crate::common::{Row, Want, clean, failing, want};
use crate::hold;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    body: &'static str,
    code: &'static str,
    facts: Vec<(&'static str, Value)>,
    present: Vec<&'static str>,
    stacks: Vec<(&'static str, &'static str)>,
    contained: bool,
}

/// The body `MODULE::NAME` ends in an error with this code. On the lines that the body marks, `NAME born` and so on, stand the
/// stacks that the seed names.
pub(crate) fn seed(body: &'static str, code: &'static str) -> Seed {
    Seed { body, code, facts: Vec::new(), present: Vec::new(), stacks: Vec::new(), contained: false }
}

impl Seed {
    /// The block: its size and alignment, and where it was born.
    pub(crate) fn block(self, size: u64, align: u64) -> Seed {
        self.has("/blocks/0/size", size)
            .has("/blocks/0/align", align)
            .has("/blocks/0/count", 1)
            .has("/blocks/1", Value::Null)
            .stack("/blocks/0/born", "born")
    }

    /// There is no block to tell about.
    pub(crate) fn no_block(self) -> Seed {
        self.has("/blocks", Value::Null)
    }

    /// Where the block was freed, the first time.
    pub(crate) fn freed(self) -> Seed {
        self.stack("/blocks/0/freed", "freed")
    }

    /// The call at which it was noticed: `alloc`, `free` or `realloc`.
    pub(crate) fn at(self, noticed: &'static str) -> Seed {
        self.has("/memory/noticed", noticed).stack("/memory/stack", "call")
    }

    /// It was noticed by looking, and no call has anything to do with it.
    pub(crate) fn late(self, noticed: &'static str) -> Seed {
        self.has("/memory/noticed", noticed).has("/memory/stack", Value::Null)
    }

    /// What the pointer is.
    pub(crate) fn place(self, place: &'static str, offset: Option<i64>) -> Seed {
        self.has("/memory/place", place).has("/memory/offset", offset)
    }

    /// The layout of the bad call.
    pub(crate) fn given(self, size: u64, align: u64) -> Seed {
        self.has("/memory/given/size", size).has("/memory/given/align", align)
    }

    /// The damage: where it begins, how many bytes it spans, and what its first bytes became and had been.
    pub(crate) fn damage(self, at: i64, span: u64, found: &str, expected: &str) -> Seed {
        self.has("/memory/damage/at", at)
            .has("/memory/damage/span", span)
            .has("/memory/damage/count", span)
            .has("/memory/damage/found", found)
            .has("/memory/damage/expected", expected)
    }

    /// It is held against processes only that are there for one trial alone: elsewhere the instruction itself ends the process, or the
    /// pointer may be one that was given out before anybody looked.
    pub(crate) fn contained(mut self) -> Seed {
        self.contained = true;
        self
    }

    /// The member of the finding at this place has this value.
    pub(crate) fn has(mut self, pointer: &'static str, value: impl Into<Value>) -> Seed {
        self.facts.push((pointer, value.into()));
        self
    }

    /// There is a member of the finding at this place.
    pub(crate) fn present(mut self, pointer: &'static str) -> Seed {
        self.present.push(pointer);
        self
    }

    fn stack(mut self, pointer: &'static str, what: &'static str) -> Seed {
        self.stacks.push((pointer, what));
        self
    }

    fn want(&self, fault: &'static str, count: u64) -> Want {
        let name = self.body.rsplit("::").next().unwrap_or(self.body);
        let mut want = want(self.code, fault, count);
        for (pointer, value) in &self.facts {
            want = want.has(pointer, value.clone());
        }
        for pointer in &self.present {
            want = want.present(pointer);
        }
        for (pointer, what) in &self.stacks {
            want = want.line(pointer, kept(format!("{name} {what}"))).in_function(pointer, self.body);
        }
        want
    }

    fn on_the_error_path(&self) -> Row {
        let found = self.want("once@1", 2).has("/failed_request/index", 1).has("/failed_request/size", 32);
        let trials = format!("error {0} error {0}", self.code);
        failing(kept(format!("{}::on_the_error_path", self.body))).trials(&trials).finds(found)
    }

    /// Runs both tests of the body.
    #[track_caller]
    pub(crate) fn hold(&self) {
        let found = self.want("none", 1).has("/failed_request", Value::Null);
        hold(&failing(kept(format!("{}::plain", self.body))).not_swept().finds(found));
        hold(&self.on_the_error_path());
    }

    /// The same, but that no process is there for one trial alone: the bad call is passed over, and the body goes on.
    #[track_caller]
    pub(crate) fn hold_in_process(&self) {
        if !self.contained {
            hold(&self.on_the_error_path().env("OOMSWEEP_ENGINE", "in-process"));
        }
    }
}

/// Both tests of a body without a bug.
#[track_caller]
pub(crate) fn hold_clean(body: &str) {
    hold(&clean(kept(format!("{body}::plain"))).trials("error*2"));
    hold(&clean(kept(format!("{body}::on_the_error_path"))).trials("error*4"));
}

/// Rows are made of what lives for ever.
fn kept(text: String) -> &'static str {
    text.leak()
}
