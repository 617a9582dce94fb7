//! Clean-up at the outside after a call was stopped: what a dropped future cannot await itself.

use super::timeouts;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// How many are still at work, in the lower half, and by which process in the upper: a child that was forked meanwhile
/// has the number but not the tasks that take it down.
static OPEN: AtomicU64 = AtomicU64::new(0);
/// Tasks that end with a stopped call do so a moment later.
const MOMENT: Duration = Duration::from_millis(20);

const LOWER: u64 = u32::MAX as u64;

struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        change(|open| open.saturating_sub(1));
    }
}

/// Changes the number of this process; gives what it is then.
fn change(to: impl Fn(u32) -> u32) -> u32 {
    let own = u64::from(std::process::id()) << 32;
    let next = |packed: u64| {
        let open = if packed & !LOWER == own { u32::try_from(packed & LOWER).unwrap_or(0) } else { 0 };
        to(open)
    };
    let update = |packed| Some(own | u64::from(next(packed)));
    let (Ok(before) | Err(before)) = OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    next(before)
}

/// Does it beside everything else; nothing happens where no runtime is left to do it.
pub fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    let Ok(runtime) = Handle::try_current() else { return };
    change(|open| open.saturating_add(1));
    let open = Open;
    runtime.spawn(async move {
        let _open = open;
        // Where it does not get through, the other end finds out by itself.
        drop(tokio::time::timeout(timeouts::connect(), work).await);
    });
}

/// Until all is done.
pub async fn finished() {
    loop {
        tokio::time::sleep(MOMENT).await;
        if change(|open| open) == 0 {
            return;
        }
    }
}
