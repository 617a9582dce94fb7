//! Last words to the outside after a call was stopped: what a dropped future cannot await itself.

use super::patience;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// How many are still being said.
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// Tasks that end with a stopped call do so a moment later.
const MOMENT: Duration = Duration::from_millis(20);

struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says it beside everything else; nothing happens where no runtime is left to say it.
pub fn say(words: impl Future<Output = ()> + Send + 'static) {
    let Ok(runtime) = Handle::try_current() else { return };
    OPEN.fetch_add(1, Ordering::Relaxed);
    let open = Open;
    runtime.spawn(async move {
        let _open = open;
        // Whoever does not hear it finds out by itself.
        drop(tokio::time::timeout(patience::connect(), words).await);
    });
}

/// Until all is said.
pub async fn said() {
    loop {
        tokio::time::sleep(MOMENT).await;
        if OPEN.load(Ordering::Relaxed) == 0 {
            return;
        }
    }
}
