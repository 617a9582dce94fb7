//! What the engine tells beside its answers: its warnings wait here until a call that holds the GIL hands them to Python's
//! `logging`, logger `windvane`; where no logging is set up, Python shows warnings on stderr.
//!
//! Invariants: a thread of the engine never waits for the GIL; nobody waits for the queue (a forked child may find it locked
//! for ever), so a message may get lost; a child does not repeat its parent's.

use pyo3::prelude::*;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// More than this in one call is a defect; the first ones are kept.
const MOST: usize = 1_000;
/// So often a thread looks whether another one is just done with the queue.
const TRIES: usize = 50;

static QUEUE: Mutex<VecDeque<LogRecord>> = Mutex::new(VecDeque::new());

struct LogRecord {
    process: u32,
    /// As Python counts.
    level: u8,
    text: String,
}

/// From now on what this crate tells is heard. Somebody else's listener stays.
pub(super) fn install() {
    tracing::subscriber::set_global_default(Ear).ok();
}

/// Hands what was told to Python. What a handler of logging does wrong is no fault of the call.
pub(super) fn hand_over(py: Python<'_>) {
    let Ok(mut queue) = QUEUE.try_lock() else { return };
    let all = std::mem::take(&mut *queue);
    // Python may fork or call us again.
    drop(queue);
    let me = std::process::id();
    for told in all.into_iter().filter(|told| told.process == me) {
        let said = || -> PyResult<()> {
            let logger = py.import("logging")?.call_method1("getLogger", ("windvane",))?;
            logger.call_method1("log", (told.level, "%s", &told.text)).map(drop)
        };
        drop(said());
    }
}

struct Ear;

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Other people's crates tell of every packet.
        let ours = ["windvane_", env!("CARGO_CRATE_NAME")];
        metadata.is_event()
            && ours.iter().any(|crates| metadata.target().starts_with(crates))
            && *metadata.level() <= Level::DEBUG
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            Level::DEBUG | Level::TRACE => 10,
        };
        let told = LogRecord { process: std::process::id(), level, text: format!("{}{}", text.message, text.fields) };
        for _ in 0..TRIES {
            if let Ok(mut queue) = QUEUE.try_lock() {
                if queue.len() < MOST {
                    queue.push_back(told);
                }
                return;
            }
            std::thread::yield_now();
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message, and the fields behind it in brackets.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " ({} {value:?})", field.name())
        };
    }
}
