//! Faults: a pattern and its place.

use std::fmt;
use std::str::FromStr;

/// What one trial fails. Places are numbers of points, counted from 0 in the order in which the run makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing fails: a plain run.
    None,
    /// Fails one point.
    Once(u64),
    /// Fails a point and every later one.
    Persistent(u64),
    /// Fails `len` points in a row, from `at`.
    Window {
        /// The first point that fails.
        at: u64,
        /// How many fail.
        len: u64,
    },
    /// Fails two points; the second is counted in the run in which the first failed.
    Pair(u64, u64),
    /// Fails every point that would lift the live bytes of the session above this number.
    Budget(u64),
}

impl Fault {
    /// The number of the first point that this fault fails, if it is told by a number.
    pub fn place(self) -> Option<u64> {
        match self {
            Fault::Once(i) | Fault::Persistent(i) | Fault::Window { at: i, .. } | Fault::Pair(i, _) => Some(i),
            Fault::None | Fault::Budget(_) => None,
        }
    }

    /// The same pattern at another place.
    #[must_use]
    pub fn moved_to(self, place: u64) -> Fault {
        match self {
            Fault::Once(_) => Fault::Once(place),
            Fault::Persistent(_) => Fault::Persistent(place),
            Fault::Window { len, .. } => Fault::Window { at: place, len },
            Fault::Pair(i, j) => Fault::Pair(place, place.saturating_add(j.saturating_sub(i))),
            Fault::None | Fault::Budget(_) => self,
        }
    }
}

impl Fault {
    /// As it is written where there are several spaces, each with points of its own: `once@a:7`.
    pub fn text_in(self, space: Option<&str>) -> String {
        let text = self.to_string();
        match (space, text.split_once('@')) {
            (Some(space), Some((pattern, place))) => format!("{pattern}@{space}:{place}"),
            _ => text,
        }
    }

    /// Reads what [`text_in`](Fault::text_in) writes: the fault, and the space if one is named.
    ///
    /// # Errors
    ///
    /// If the text is no fault, or what stands before the colon is no name.
    ///
    /// ```
    /// use oomsweep::model::fault::Fault;
    ///
    /// assert_eq!(Fault::read_in("once@cache:7"), Ok((Fault::Once(7), Some("cache"))));
    /// assert_eq!(Fault::read_in("once@7"), Ok((Fault::Once(7), None)));
    /// assert!(Fault::read_in("once@:7").is_err());
    /// ```
    pub fn read_in(text: &str) -> Result<(Fault, Option<&str>), NotAFault> {
        let Some((head, place)) = text.split_once(':') else { return Ok((text.parse()?, None)) };
        let (pattern, space) = head.split_once('@').ok_or(NotAFault)?;
        let is_name = |c: char| c == '_' || c.is_alphanumeric();
        if space.is_empty() || !space.chars().all(is_name) {
            return Err(NotAFault);
        }
        Ok((format!("{pattern}@{place}").parse()?, Some(space)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::None => f.write_str("none"),
            Fault::Once(i) => write!(f, "once@{i}"),
            Fault::Persistent(i) => write!(f, "persistent@{i}"),
            Fault::Window { at, len } => write!(f, "window@{at}+{len}"),
            Fault::Pair(i, j) => write!(f, "pair@{i},{j}"),
            Fault::Budget(b) => write!(f, "budget@{b}"),
        }
    }
}

/// The text is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAFault;

impl FromStr for Fault {
    type Err = NotAFault;

    fn from_str(text: &str) -> Result<Fault, NotAFault> {
        fn number(text: &str) -> Result<u64, NotAFault> {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                return Err(NotAFault);
            }
            text.parse().map_err(|_| NotAFault)
        }
        if text == "none" {
            return Ok(Fault::None);
        }
        let (pattern, place) = text.split_once('@').ok_or(NotAFault)?;
        match pattern {
            "once" => Ok(Fault::Once(number(place)?)),
            "persistent" => Ok(Fault::Persistent(number(place)?)),
            "budget" => Ok(Fault::Budget(number(place)?)),
            "window" => {
                let (at, len) = place.split_once('+').ok_or(NotAFault)?;
                let len = number(len)?;
                if len == 0 { Err(NotAFault) } else { Ok(Fault::Window { at: number(at)?, len }) }
            }
            "pair" => {
                let (i, j) = place.split_once(',').ok_or(NotAFault)?;
                let (i, j) = (number(i)?, number(j)?);
                if i < j { Ok(Fault::Pair(i, j)) } else { Err(NotAFault) }
            }
            _ => Err(NotAFault),
        }
    }
}
