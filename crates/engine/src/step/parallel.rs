//! Work on several threads whose results keep the order of what it was done to.
//!
//! Item after item goes to the threads in turn, and one result after the other is taken back from them in the same
//! turn: which thread is faster makes no difference to what comes out. A few items a thread are on their way at once.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::Poll;
use std::thread::{self, ScopedJoinHandle};
use windvane_core::error::Error;

/// Items that a thread has, with the one that it works on.
const AHEAD: usize = 2;

const MAX_THREADS: usize = 4;

/// How many threads there are for work that can be done anywhere.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS))
}

/// One thread, and the way to it and back.
struct Worker<'scope, T, V> {
    give: SyncSender<T>,
    results: Receiver<V>,
    thread: ScopedJoinHandle<'scope, ()>,
}

/// Why a thread ended before its work did: its panic goes on here, with its own words.
fn gone<T, V>(worker: Worker<'_, T, V>) -> Error {
    let Worker { give, results, thread } = worker;
    drop((give, results));
    match thread.join() {
        Err(cause) => std::panic::resume_unwind(cause),
        Ok(()) => Error::internal("a thread that did the steps is gone"),
    }
}

/// Does `work` to everything that `next` gives, and hands it on to `take`, both on this thread. `next` is told whether
/// it may wait: results that are on their way come first. An error of `next` counts where it stands; one of `take` ends
/// all at once.
pub fn in_order<T: Send, V: Send, E: From<Error>>(
    threads: usize,
    mut next: impl FnMut(bool) -> Poll<Option<Result<T, E>>>,
    work: impl Fn(T) -> V + Sync,
    mut take: impl FnMut(V) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let mut workers: Vec<Worker<'_, T, V>> = Vec::new();
        // A single thread is this one.
        for _ in 0..if threads > 1 { threads } else { 0 } {
            let (give, items) = sync_channel(AHEAD);
            let (done, results) = sync_channel(AHEAD);
            let work = &work;
            let worker = move || {
                for item in items {
                    if done.send(work(item)).is_err() {
                        // Nobody wants its results any more.
                        break;
                    }
                }
            };
            // With fewer threads it takes longer.
            let spawned = thread::Builder::new().name("windvane-steps".to_owned()).spawn_scoped(scope, worker);
            let Ok(thread) = spawned else { break };
            workers.push(Worker { give, results, thread });
        }
        let (mut given, mut taken) = (0, 0);
        let mut ended = None;
        loop {
            let waiting = given - taken;
            if ended.is_none() && (workers.is_empty() || waiting < workers.len() * AHEAD) {
                match next(waiting == 0) {
                    Poll::Ready(Some(Ok(item))) => {
                        let at = given % workers.len().max(1);
                        match workers.get(at) {
                            Some(worker) => {
                                if worker.give.send(item).is_err() {
                                    return Err(gone(workers.swap_remove(at)).into());
                                }
                                given += 1;
                            }
                            None => take(work(item))?,
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => ended = Some(Err(error)),
                    Poll::Ready(None) => ended = Some(Ok(())),
                    Poll::Pending => {}
                }
            }
            if given > taken {
                let at = taken % workers.len().max(1);
                let Ok(result) = workers[at].results.recv() else { return Err(gone(workers.swap_remove(at)).into()) };
                taken += 1;
                take(result)?;
            } else if let Some(ended) = ended {
                return ended;
            }
        }
    })
}
