//! Loggers, which are set up once and for ever.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use oomsweep::alloc_test;
use tracing::{Level, info, info_span, instrument};

/// What was logged last.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        logged.clear();
        logged.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn logged() {
    static SET_UP: Once = Once::new();
    SET_UP.call_once(|| {
        let target = env_logger::Target::Pipe(Box::new(Sink));
        env_logger::Builder::new().filter_level(log::LevelFilter::Debug).target(target).init();
    });
    for number in 0..100 {
        log::info!("line {number} of {}", "words ".repeat(number % 9));
        log::debug!(target: "elsewhere", "{:?}", vec![number; 5]);
        log::trace!("nobody sees {}", "this".repeat(number));
    }
}

#[instrument]
fn counted_down(number: usize, name: &str) -> usize {
    info!(left = number, "still going");
    if number == 0 { 0 } else { 1 + counted_down(number - 1, name) }
}

#[alloc_test(leaks_only)]
#[ignore = "innocent: run by the table"]
fn traced() {
    static SET_UP: Once = Once::new();
    SET_UP.call_once(|| {
        tracing_subscriber::fmt().with_max_level(Level::INFO).without_time().with_writer(|| Sink).init();
    });
    for number in 0..10 {
        let span = info_span!("outer", number, text = %"word ".repeat(number));
        let _inside = span.enter();
        assert_eq!(counted_down(number, "numbers"), number);
    }
}
