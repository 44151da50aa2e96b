//! What is wrong with a setting, in one sentence that says how to put it right.

use std::fmt;

/// A setting that can't be used. Its `Display` names the variable or option, the value, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    name: String,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    NotUnderstood { value: String, takes: &'static str },
    NotUtf8 { value: String, takes: &'static str },
    Empty { takes: &'static str },
    Unknown { nearest: Option<&'static str>, known: Vec<&'static str> },
}

impl ConfigError {
    /// The value is none that `name` takes. `takes` goes behind "it takes".
    pub(super) fn not_understood(name: &str, value: &str, takes: &'static str) -> ConfigError {
        ConfigError { name: name.to_owned(), problem: Problem::NotUnderstood { value: value.to_owned(), takes } }
    }

    /// The value is no UTF-8; it is handed over with replacement characters.
    pub(super) fn not_utf8(name: &str, lossy: &str, takes: &'static str) -> ConfigError {
        ConfigError { name: name.to_owned(), problem: Problem::NotUtf8 { value: lossy.to_owned(), takes } }
    }

    /// The variable is set, to nothing.
    pub(super) fn empty(name: &str, takes: &'static str) -> ConfigError {
        ConfigError { name: name.to_owned(), problem: Problem::Empty { takes } }
    }

    /// There is no variable of that name; `known` are those that there are.
    pub(super) fn unknown(name: &str, known: Vec<&'static str>) -> ConfigError {
        let nearest = known
            .iter()
            .map(|&candidate| (strsim::osa_distance(name, candidate), candidate))
            .min()
            .filter(|&(distance, _)| distance <= 3)
            .map(|(_, candidate)| candidate);
        ConfigError { name: name.to_owned(), problem: Problem::Unknown { nearest, known } }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.escape_debug();
        match &self.problem {
            Problem::NotUnderstood { value, takes } => {
                write!(f, "{name}=`{}` can't be understood: it takes {takes}", value.escape_debug())
            }
            Problem::NotUtf8 { value, takes } => {
                write!(f, "{name}=`{}` is not UTF-8: it takes {takes}", value.escape_debug())
            }
            Problem::Empty { takes } => write!(f, "{name} is empty: it takes {takes}; or unset it"),
            Problem::Unknown { nearest: Some(nearest), .. } => {
                write!(f, "there is no variable {name}: did you mean {nearest}?")
            }
            Problem::Unknown { nearest: None, known } => {
                write!(f, "there is no variable {name}: there are {}", known.join(", "))
            }
        }
    }
}

impl std::error::Error for ConfigError {}
