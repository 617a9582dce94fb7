//! A load is not waited for without end.
//!
//! When neither rows came from the source nor the load ended for a while, a second session asks what the server's process
//! does. At work on a statement, or further in its COPY than at the last look: we wait on. Waiting for us, or gone, or not
//! to be asked: what we sent, or its answer, is lost.

use super::connect::{Access, in_time, open, silent};
use super::failure::translate;
use super::statement::{BEGIN, execute};
use futures::StreamExt;
use sqlx::postgres::PgConnection;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::task::Poll;
use windvane_connect::{RowStream, Rows};
use windvane_core::error::Result;
use windvane_core::resilience::timeouts;

/// Servers before 14 do not tell how far a COPY is.
const TELLS_PROGRESS: u32 = 140_000;

/// What a load tells of itself; clones are of the same load.
#[derive(Clone, Default)]
pub(super) struct Watchdog(Arc<Activity>);

#[derive(Default)]
struct Activity {
    /// The server's process of the transaction; 0 before there is one.
    process: AtomicI32,
    /// Batches that came from the source.
    batches: AtomicU64,
    /// It is the source that is waited for.
    waits_for_rows: AtomicBool,
}

impl Watchdog {
    /// In the transaction: a pooler may give each one another process.
    pub(super) async fn learn(&self, session: &mut PgConnection) -> Result<()> {
        let process = sqlx::query_scalar("SELECT pg_backend_pid()").persistent(false).fetch_one(session).await;
        self.0.process.store(process.map_err(|error| translate(&error))?, Ordering::Relaxed);
        Ok(())
    }

    /// The rows, each time with an eye on them.
    pub(super) fn over(&self, rows: Rows) -> Rows {
        let watchdog = self.clone();
        rows.through(move |rows| watchdog.rows(rows))
    }

    fn rows(&self, mut rows: RowStream) -> RowStream {
        let watchdog = self.clone();
        let counted = futures::stream::poll_fn(move |context| {
            let next = rows.poll_next_unpin(context);
            watchdog.0.waits_for_rows.store(next.is_pending(), Ordering::Relaxed);
            if let Poll::Ready(Some(_)) = next {
                watchdog.0.batches.fetch_add(1, Ordering::Relaxed);
            }
            next
        });
        counted.boxed()
    }
}

/// Waits for a load that is given its watchdog, which should be over its rows.
pub(super) async fn watched<Loading, Done>(access: &Access, loading: impl FnOnce(Watchdog) -> Loading) -> Result<Done>
where
    Loading: Future<Output = Result<Done>>,
{
    let watchdog = Watchdog::default();
    let mut loading = pin!(loading(watchdog.clone()));
    let mut seen = (0, None);
    loop {
        if let Ok(loaded) = tokio::time::timeout(timeouts::idle(), &mut loading).await {
            return loaded;
        }
        let batches = watchdog.0.batches.load(Ordering::Relaxed);
        if watchdog.0.waits_for_rows.load(Ordering::Relaxed) || batches != seen.0 {
            seen.0 = batches;
            continue;
        }
        let Some(sign) = in_time(&access.options, look(access, watchdog.0.process.load(Ordering::Relaxed))).await?
        else {
            return Err(silent(&access.options));
        };
        if !sign.at_work && seen.1 == Some(sign.copied) {
            return Err(silent(&access.options));
        }
        seen.1 = Some(sign.copied);
    }
}

/// What another session sees of a process.
struct Sign {
    at_work: bool,
    /// Bytes of a COPY.
    copied: i64,
}

/// Nothing when there is no such process.
async fn look(access: &Access, process: i32) -> Result<Option<Sign>> {
    let mut session = open(&access.options).await?;
    execute(&mut session, BEGIN).await?;
    let copied = if session.server_version_num().is_some_and(|version| version >= TELLS_PROGRESS) {
        "COALESCE((SELECT bytes_processed FROM pg_stat_progress_copy AS copy WHERE copy.pid = activity.pid), 0)"
    } else {
        "0::int8"
    };
    let sql = format!(
        "SELECT state = 'active' AND wait_event_type IS DISTINCT FROM 'Client', {copied}
         FROM pg_stat_activity AS activity WHERE pid = $1 AND state IS NOT NULL"
    );
    let row: Option<(bool, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(process)
        .persistent(false)
        .fetch_optional(&mut session)
        .await
        .map_err(|error| translate(&error))?;
    Ok(row.map(|(at_work, copied)| Sign { at_work, copied }))
}
