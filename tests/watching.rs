//! The allocators that watch another, as a user has them: in swept bodies, under the program's loggers, with stacks that can be read.

use std::alloc::Layout;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oomsweep::Sweep;
use oomsweep::heap::adapt::Global;
use oomsweep::heap::{
    AllocError, AllocEvent, Allocator, CountingAllocator, FailPlan, FailingAllocator, LimitAllocator, LogLevel,
    Loggers, LoggingAllocator,
};
use oomsweep::model::fault::Fault;

/// Held by a test that reads debug information, which is done behind a lock: who is forked off while another thread has that would
/// wait for it for ever.
static READS_DEBUG_INFORMATION: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    READS_DEBUG_INFORMATION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A block that grows, and goes back whatever happens: two requests.
fn grows(heap: &impl Allocator) -> Result<(), AllocError> {
    let (small, large) = (Layout::new::<u8>(), Layout::new::<[u8; 100]>());
    let block = heap.allocate(small)?;
    // SAFETY: each call has the layout that the block has then.
    unsafe {
        let grown = heap.grow(block.cast(), small, large).inspect_err(|_| heap.deallocate(block.cast(), small))?;
        heap.deallocate(grown.cast(), large);
    }
    Ok(())
}

/// Every point is the global allocator's own: none of ours asks it for anything besides.
#[test]
fn in_a_swept_body_they_ask_for_nothing_themselves() {
    let _alone = alone();
    let sweep = || Sweep::new("in_a_swept_body_they_ask_for_nothing_themselves");
    let reports = [
        sweep().run(|| grows(&CountingAllocator::new(Global))),
        sweep().run(|| grows(&LimitAllocator::new(Global, 1000))),
        sweep().run(|| grows(&LoggingAllocator::new(Global))),
        sweep().run(|| grows(&LoggingAllocator::with(Global, |event: &AllocEvent| drop(event.to_string())))),
        sweep().run(|| {
            let failing = FailingAllocator::fail_index(Global, 1);
            grows(&failing)?;
            assert!(failing.allocate(Layout::new::<u8>()).is_err());
            assert!(failing.induced_failure().is_some_and(|failure| !failure.stack().is_empty()));
            Ok::<(), AllocError>(())
        }),
    ];
    for report in reports {
        report.assert_clean();
        assert_eq!(report.points.total, 2, "{report}");
    }
}

#[inline(never)]
fn builds_a_table(heap: &dyn Allocator) -> Result<NonNull<[u8]>, AllocError> {
    std::hint::black_box(heap.allocate(Layout::new::<[u32; 6]>()))
}

#[test]
fn an_induced_failure_shows_where_the_request_was_made() {
    let _alone = alone();
    let failing = FailingAllocator::with_plan(Global, FailPlan::new().requests(Fault::Once(0)));
    assert!(builds_a_table(&failing).is_err());
    let failure = failing.induced_failure().unwrap();
    let text = failure.to_string();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("request 0 (24 bytes, alignment 4) was made to fail by once@0"));
    assert!(lines.next().is_some_and(|line| line.starts_with("  watching::builds_a_table")), "{text}");
    let own = failure.stack().into_iter().find(|frame| frame.own).expect("a frame of this file");
    assert!(own.function.ends_with("builds_a_table") && own.file.unwrap().ends_with("tests/watching.rs"));
}

thread_local! {
    /// What this thread's events came to, in `log` and in `tracing`.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn keep(line: String) {
    TOLD.with_borrow_mut(|told| told.push(line));
}

struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(format!("log {} {} {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

struct Tracing;

struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

impl tracing::Subscriber for Tracing {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        keep(format!("tracing {} {}{}", event.metadata().level(), event.metadata().target(), fields.0));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn the_program_s_loggers_are_told() {
    log::set_logger(&Log).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(Tracing).unwrap();
    let failing = FailingAllocator::with_plan(Global, FailPlan::new().allocations(Fault::Once(0)));
    let layout = Layout::new::<u32>();
    for loggers in [Loggers::new(), Loggers::levels(LogLevel::Trace, LogLevel::Error)] {
        failing.reset(failing.plan());
        let logging = LoggingAllocator::with(&failing, loggers);
        assert!(logging.allocate(layout).is_err());
        let block = logging.allocate(layout).unwrap().cast::<u8>();
        // SAFETY: each call has the layout that the block has then.
        let grown = unsafe { logging.grow(block, layout, Layout::new::<u64>()) }.unwrap().cast::<u8>();
        let told = TOLD.take();
        let (ok, failed) = if loggers == Loggers::new() { ("DEBUG", "WARN") } else { ("TRACE", "ERROR") };
        let (at, from) = (grown.addr(), block.addr());
        let grow = format!("grow: 4 bytes, alignment 4, at {from:#x}, to 8 bytes, alignment 8, at {at:#x}");
        let expected = [
            format!("log {failed} oomsweep::heap allocate: 4 bytes, alignment 4: failed"),
            format!(
                "tracing {failed} oomsweep::heap message=allocate: 4 bytes, alignment 4: failed call=\"allocate\" size=4 align=4"
            ),
            format!("log {ok} oomsweep::heap allocate: 4 bytes, alignment 4, at {from:#x}"),
            format!(
                "tracing {ok} oomsweep::heap message=allocate: 4 bytes, alignment 4, at {from:#x} call=\"allocate\" size=4 align=4 address={from}"
            ),
            format!("log {ok} oomsweep::heap {grow}"),
            format!(
                "tracing {ok} oomsweep::heap message={grow} call=\"grow\" size=8 align=8 address={at} old_size=4 old_address={from}"
            ),
        ];
        assert_eq!(told, expected);
        // SAFETY: as above.
        unsafe { logging.deallocate(grown, Layout::new::<u64>()) };
        assert_eq!(TOLD.take().len(), 2);
    }
}
