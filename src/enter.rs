//! The doorway: the only place that releases the GIL, owns a runtime, guards against forks and catches panics.
//!
//! The runtime is built on first use and belongs to one process id; a forked child forgets its parent's and builds its
//! own. No other thread outlives a call.

use super::logging;
use futures::future::BoxFuture;
use pyo3::prelude::*;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;
use tokio::runtime::Runtime;
use windvane_core::error::{Error, Result};
use windvane_core::resilience::{cleanup, clock::Stopwatch, progress::Progress};

static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
/// How often a running call looks whether the user or the scheduler wants it to stop.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);
/// Of a thread, in bytes; only what is used takes memory. The future of a whole run is a large one.
const STACK: usize = 16 << 20;
/// Seconds between two looks at how far a call is.
const SHOW_EVERY: f64 = 1.0;
/// How long a stopped call may take to let go of what it holds: a scheduler that asks us to stop is answered within 5 s.
const STOP_WAIT: Duration = Duration::from_secs(4);

/// Runs pure work without the GIL; a panic becomes an internal error.
pub(super) fn compute<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let done = py.detach(|| with_stack(|| guarded(work)));
    logging::hand_over(py);
    done.map_err(|error| super::errors::to_python(py, &error))
}

/// On a stack whose size is known: parsers go as deep as texts are nested, and a caller's thread may have little of it.
fn with_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| match std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work) {
        Ok(thread) => thread.join().unwrap_or_else(|_| Err(panicked("a computing thread"))),
        Err(error) => Err(Error::internal("no thread could be started").caused_by(&error)),
    })
}

/// Runs a future without the GIL, on this process's runtime. KeyboardInterrupt and the exceptions of Python signal
/// handlers (Airflow's SIGTERM) end it: the future is dropped, which closes its connections and files.
pub(super) fn block_on<T, F>(py: Python<'_>, future: F) -> PyResult<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    wait(py, &Progress::default(), None, Box::pin(future))
}

/// The same, and calls `show` now and then with how far it is. What `show` raises ends the call.
pub(super) fn block_on_showing<T, F>(
    py: Python<'_>,
    progress: &Progress,
    show: Option<&Bound<'_, PyAny>>,
    future: F,
) -> PyResult<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    wait(py, progress, show, Box::pin(future))
}

/// Compiled once for what the calls give, not once for each call.
fn wait<T: Send + 'static>(
    py: Python<'_>,
    progress: &Progress,
    show: Option<&Bound<'_, PyAny>>,
    future: BoxFuture<'static, Result<T>>,
) -> PyResult<T> {
    let mut shown = Stopwatch::start();
    let runtime = runtime().map_err(|error| super::errors::to_python(py, &error))?;
    let mut task = runtime.spawn(future);
    loop {
        let waited = py.detach(|| runtime.block_on(async { tokio::time::timeout(SIGNAL_CHECK, &mut task).await.ok() }));
        logging::hand_over(py);
        match waited {
            Some(Ok(done)) => return done.map_err(|error| super::errors::to_python(py, &error)),
            Some(Err(failure)) => return Err(super::errors::to_python(py, &panicked(&failure.to_string()))),
            None => {}
        }
        let stopped = py.check_signals().and_then(|()| match show {
            Some(show) if shown.seconds() >= SHOW_EVERY => {
                shown = Stopwatch::start();
                tell(progress, show)
            }
            _ => Ok(()),
        });
        if let Err(signal) = stopped {
            progress.stop();
            task.abort();
            // Until the future is gone, so that nothing is half-written when Python goes on.
            let gone = async {
                drop(task.await);
                cleanup::finished().await;
            };
            py.detach(|| runtime.block_on(async { tokio::time::timeout(STOP_WAIT, gone).await.ok() }));
            logging::hand_over(py);
            return Err(signal);
        }
    }
}

/// Hands how far the call is to Python, as JSON.
fn tell(progress: &Progress, show: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(snapshot) = progress.snapshot() else { return Ok(()) };
    let text = serde_json::to_string(&snapshot).unwrap_or_default();
    show.call1((text,)).map(drop)
}

fn runtime() -> Result<&'static Runtime> {
    let me = std::process::id();
    let mut slot = RUNTIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match *slot {
        Some((owner, runtime)) if owner == me => Ok(runtime),
        // A parent's runtime is forgotten, not dropped: its threads do not exist here and dropping would wait for them.
        _ => {
            #[expect(clippy::disallowed_methods, reason = "this is its one home")]
            let built = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_stack_size(STACK)
                .enable_all()
                .build();
            let runtime = built.map_err(|error| Error::internal("no runtime could be started").caused_by(&error))?;
            let runtime: &'static Runtime = Box::leak(Box::new(runtime));
            *slot = Some((me, runtime));
            Ok(runtime)
        }
    }
}

fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        Err(panicked(&text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()))
    })
}

fn panicked(what: &str) -> Error {
    Error::internal(format!("windvane panicked: {what}"))
}
