//! One session that copies rows out: our own where the server allows it, otherwise the driver's.

use super::connect::{self, Access, answered, answered_by, at_work, in_time, silent};
use super::failure::translate;
use super::raw::Raw;
use super::rows::Decoder;
use super::statement::{ask, execute};
use futures::{StreamExt, TryFutureExt};
use sqlx::{Connection, postgres::PgConnection};
use tokio::sync::mpsc::Sender;
use windvane_connect::Batch;
use windvane_connect::ordered_merge::{Piece, gone};
use windvane_core::error::{Kind, Result};
use windvane_core::resilience::timeouts;

pub(super) enum ReadSession {
    Raw(Box<Raw>),
    Driver { session: Box<PgConnection>, access: Access, process: i32 },
}

impl ReadSession {
    /// In a transaction that these statements begin, which nobody else is waited for in.
    pub(super) async fn open(access: &Access, begin: &str) -> Result<Self> {
        let raw = async {
            let mut raw = Raw::open(access).await?;
            raw.begin(begin).await?;
            Ok(Self::Raw(Box::new(raw)))
        };
        match in_time(&access.options, raw).await {
            Ok(reader) => Ok(reader),
            // It would wait as long.
            Err(reason) if reason.kind() == Kind::Timeout => Err(reason),
            Err(reason) => {
                tracing::debug!(%reason, "the driver reads");
                let driver = async { Self::of_driver(connect::open(&access.options).await?, access, begin).await };
                in_time(&access.options, driver).await
            }
        }
    }

    /// Of a session of the driver, once it has done this, if anything.
    pub(super) async fn of_driver(mut session: PgConnection, access: &Access, begin: &str) -> Result<Self> {
        if !begin.is_empty() {
            execute(&mut session, begin).await?;
        }
        let process = sqlx::query_scalar("SELECT pg_backend_pid()").persistent(false).fetch_one(&mut session).await;
        let process = process.map_err(|error| translate(&error))?;
        Ok(Self::Driver { session: Box::new(session), access: access.clone(), process })
    }

    pub(super) async fn execute(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Raw(raw) => raw.execute(sql).await.map(drop),
            Self::Driver { session, access, .. } => answered(&access.options, execute(session, sql)).await,
        }
    }

    /// The one value that a query has.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Option<String>> {
        match self {
            Self::Raw(raw) => raw.execute(sql).await,
            Self::Driver { session, access, .. } => answered(&access.options, ask(session, sql)).await,
        }
    }

    /// Ends the transaction, so that neither server nor pooler takes this for a broken connection.
    pub(super) async fn close(self) {
        // What was read is read, whatever becomes of the connection.
        match self {
            Self::Raw(raw) => drop(raw.close().await),
            Self::Driver { session, access, .. } => close(*session, &access).await,
        }
    }

    /// Sends every batch; what a question is answered afterwards.
    pub(super) async fn copy(
        &mut self,
        sql: &str,
        question: &str,
        decoder: &mut Decoder,
        out: &Sender<Result<Piece>>,
    ) -> Result<Option<String>> {
        decoder.again();
        let answer = match self {
            Self::Raw(raw) => {
                raw.copy(&format!("{sql}; {question}")).await?;
                while raw.rows(|message| decoder.feed(message)).await? {
                    send(decoder.take()?, out).await?;
                }
                raw.answer()
            }
            Self::Driver { session, access, process } => {
                let begun = session.copy_out_raw(sql).map_err(|error| translate(&error));
                let mut messages = answered_by(&access.options, *process, begun).await?;
                loop {
                    let message = match tokio::time::timeout(timeouts::idle(), messages.next()).await {
                        Ok(Some(message)) => message.map_err(|error| translate(&error))?,
                        Ok(None) => break,
                        Err(_) if at_work(&access.options, *process).await => continue,
                        Err(_) => return Err(silent(&access.options)),
                    };
                    if decoder.feed(&message)? {
                        send(decoder.take()?, out).await?;
                    }
                }
                drop(messages);
                self.ask(question).await?
            }
        };
        decoder.close()?;
        send(decoder.take()?, out).await?;
        Ok(answer)
    }
}

/// The same for a session of the driver.
pub(super) async fn close(mut session: PgConnection, access: &Access) {
    let closing = async {
        execute(&mut session, "COMMIT").await?;
        session.close().await.map_err(|error| translate(&error))
    };
    drop(in_time(&access.options, closing).await);
}

async fn send(batch: Option<Batch>, out: &Sender<Result<Piece>>) -> Result<()> {
    match batch {
        Some(batch) => out.send(Ok(Piece::Batch(batch))).await.map_err(|_| gone()),
        None => Ok(()),
    }
}
