//! Where events go.

use super::AllocEvent;

/// Takes the events of a [`LoggingAllocator`](super::LoggingAllocator). Every `Fn(&AllocEvent)` is one.
pub trait Sink {
    /// Takes one event.
    fn tell(&self, event: &AllocEvent);
}

impl<F: Fn(&AllocEvent)> Sink for F {
    fn tell(&self, event: &AllocEvent) {
        self(event);
    }
}

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// `error`.
    Error,
    /// `warn`.
    Warn,
    /// `info`.
    Info,
    /// `debug`.
    Debug,
    /// `trace`.
    Trace,
}

/// The program's loggers: that of the crate `log` (feature `log`) and that of `tracing` (feature `tracing`), both if both features are on.
///
/// The target of every event is `oomsweep::heap`. What succeeded is told at [`LogLevel::Debug`], what failed at [`LogLevel::Warn`], unless
/// `Loggers::levels` chooses others. To `log` an event is its [text](AllocEvent); to `tracing` it has the fields
/// `call`, `size`, `align`, `address`, `old_size` and `old_address` besides, as far as it has them.
///
/// With neither feature there is nobody to tell, so there is no way to make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Loggers {
    success: LogLevel,
    failure: LogLevel,
}

#[cfg(any(feature = "log", feature = "tracing"))]
impl Loggers {
    /// With the usual levels.
    pub const fn new() -> Loggers {
        Loggers::levels(LogLevel::Debug, LogLevel::Warn)
    }

    /// With these levels, for calls that succeeded and for calls that failed.
    ///
    /// ```
    /// use oomsweep::heap::{LogLevel, Loggers, LoggingAllocator, adapt::Global};
    ///
    /// let logging = LoggingAllocator::with(Global, Loggers::levels(LogLevel::Trace, LogLevel::Error));
    /// # drop(logging);
    /// ```
    pub const fn levels(success: LogLevel, failure: LogLevel) -> Loggers {
        Loggers { success, failure }
    }
}

#[cfg(any(feature = "log", feature = "tracing"))]
impl Default for Loggers {
    fn default() -> Loggers {
        Loggers::new()
    }
}

impl Sink for Loggers {
    fn tell(&self, event: &AllocEvent) {
        let level = if event.is_failure() { self.failure } else { self.success };
        to_log(level, event);
        to_tracing(level, event);
    }
}

#[cfg(feature = "log")]
fn to_log(level: LogLevel, event: &AllocEvent) {
    let level = match level {
        LogLevel::Error => log::Level::Error,
        LogLevel::Warn => log::Level::Warn,
        LogLevel::Info => log::Level::Info,
        LogLevel::Debug => log::Level::Debug,
        LogLevel::Trace => log::Level::Trace,
    };
    log::log!(target: super::TARGET, level, "{event}");
}

#[cfg(not(feature = "log"))]
fn to_log(_level: LogLevel, _event: &AllocEvent) {}

#[cfg(feature = "tracing")]
fn to_tracing(level: LogLevel, event: &AllocEvent) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: super::TARGET,
                tracing::Level::$level,
                call = event.call.as_str(),
                size = event.size,
                align = event.align,
                address = event.address,
                old_size = event.old.map(|old| old.size),
                old_address = event.old.map(|old| old.address),
                "{event}"
            )
        };
    }
    match level {
        LogLevel::Error => event!(ERROR),
        LogLevel::Warn => event!(WARN),
        LogLevel::Info => event!(INFO),
        LogLevel::Debug => event!(DEBUG),
        LogLevel::Trace => event!(TRACE),
    }
}

#[cfg(not(feature = "tracing"))]
fn to_tracing(_level: LogLevel, _event: &AllocEvent) {}
