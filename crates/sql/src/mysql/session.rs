//! One session, which is never waited for without end: when the server has been silent for a while, a second connection
//! asks whether it still works for us.

use super::connect;
use super::failure::translate;
use super::flavour::Flavour;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{AssertSqlSafe, FromRow, MySql};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::{cleanup, timeouts};

pub(super) struct Session {
    pub(super) link: MySqlConnection,
    pub(super) watch: Watch,
    pub(super) flavour: Flavour,
    /// The largest statement that the server takes, in bytes.
    pub(super) packet: u64,
}

/// What is needed to ask after a session from outside, and to end it there.
#[derive(Debug)]
pub(super) struct Watch {
    options: MySqlConnectOptions,
    /// 0 until the server has told it.
    id: u64,
    /// A statement is waited for.
    waits: AtomicBool,
}

impl Drop for Watch {
    /// A server at a statement does not notice that nobody waits for it any more.
    fn drop(&mut self) {
        if self.id == 0 || !self.waits.load(Ordering::Relaxed) {
            return;
        }
        let (options, kill) = (self.options.clone(), format!("KILL {}", self.id));
        cleanup::spawn(async move {
            if let Ok(mut other) = Box::pin(connect::open(&options)).await {
                drop(sqlx::raw_sql(AssertSqlSafe(kill)).execute(&mut other.link).await);
            }
        });
    }
}

impl Session {
    pub(super) fn new(
        link: MySqlConnection,
        options: MySqlConnectOptions,
        id: u64,
        packet: u64,
        flavour: Flavour,
    ) -> Self {
        Self { link, watch: Watch::new(options, id), flavour, packet }
    }

    /// A statement of ours without values; the rows that it touched.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<u64> {
        let done = self.watch.patient(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.link)).await?;
        Ok(done.rows_affected())
    }

    // Statements are kept prepared: the word that closes one is not answered, and the driver's socket then holds the next
    // statement back until the server's delayed acknowledgement, 40 ms later.

    /// A statement of ours with texts as values; the rows that it touched.
    pub(super) async fn execute_with(&mut self, sql: &str, values: &[&str]) -> Result<u64> {
        let mut query: Query<'_, MySql, MySqlArguments> = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = query.bind(*value);
        }
        Ok(self.watch.patient(query.execute(&mut self.link)).await?.rows_affected())
    }

    pub(super) async fn all<Out>(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Out>>
    where
        Out: for<'r> FromRow<'r, MySqlRow> + Send + Unpin,
    {
        let mut query: QueryAs<'_, MySql, Out, MySqlArguments> = sqlx::query_as(AssertSqlSafe(sql));
        for value in values {
            query = query.bind(*value);
        }
        self.watch.patient(query.fetch_all(&mut self.link)).await
    }

    /// The first row, if there is one.
    pub(super) async fn one<Out>(&mut self, sql: &str, values: &[&str]) -> Result<Option<Out>>
    where
        Out: for<'r> FromRow<'r, MySqlRow> + Send + Unpin,
    {
        Ok(self.all(sql, values).await?.into_iter().next())
    }
}

impl Watch {
    pub(super) fn new(options: MySqlConnectOptions, id: u64) -> Self {
        Self { options, id, waits: AtomicBool::new(false) }
    }

    /// Waits for the server as long as it works for us.
    pub(super) async fn patient<Out>(&self, asked: impl Future<Output = Result<Out, sqlx::Error>>) -> Result<Out> {
        let mut asked = pin!(asked);
        self.waits.store(true, Ordering::Relaxed);
        loop {
            match tokio::time::timeout(timeouts::idle(), &mut asked).await {
                Ok(answer) => {
                    self.waits.store(false, Ordering::Relaxed);
                    return answer.map_err(|error| translate(&error));
                }
                Err(_) => self.check().await?,
            }
        }
    }

    async fn check(&self) -> Result<()> {
        let silent = |what: &str| {
            let seconds = timeouts::idle().as_secs_f64();
            Error::new(Kind::Timeout, format!("the MySQL server has sent nothing for {seconds} s, {what}"))
                .hint("Look at the network between here and the server, then run it again")
        };
        // Boxed: opening a session asks a session.
        let opened = Box::pin(connect::open(&self.options)).await;
        let mut other = opened.map_err(|error| silent("and it cannot be reached any more").caused_by(&error))?;
        let asked = sqlx::query_scalar::<_, i64>(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND <> 'Sleep'",
        )
        .bind(self.id)
        .fetch_one(&mut other.link);
        match tokio::time::timeout(timeouts::idle(), asked).await {
            Ok(Ok(0)) => Err(silent("and does not know this session any more")),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(silent("and cannot be asked why").caused_by(&error)),
            Err(_) => Err(silent("and does not answer another session either")),
        }
    }
}
