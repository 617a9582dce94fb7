//! One session that reads: our own where the server allows it, otherwise the driver's.

use super::connect::{self, Access};
use super::raw::Raw;
use super::row;
use super::select::Select;
use super::session::Session;
use tokio::sync::mpsc::Sender;
use windvane_connect::batch_builder::BatchBuilder;
use windvane_connect::ordered_merge::{Piece, gone};
use windvane_core::error::Result;
use windvane_core::schema::Schema;

pub(super) enum ReadSession {
    Raw(Box<Raw>),
    Driver(Box<Session>),
}

impl ReadSession {
    pub(super) async fn open(access: &Access) -> Result<Self> {
        match Raw::open(access).await {
            Ok(raw) => Ok(Self::Raw(Box::new(raw))),
            Err(reason) => {
                tracing::debug!(%reason, "the driver reads");
                Ok(Self::Driver(Box::new(connect::open(&access.options).await?)))
            }
        }
    }

    pub(super) async fn execute(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Raw(raw) => raw.execute(sql).await,
            Self::Driver(session) => session.execute(sql).await.map(drop),
        }
    }

    /// Sends every batch of a range, then its end. Its rows are counted from 1.
    pub(super) async fn read(
        &mut self,
        select: &Select,
        rest: &str,
        wanted: &Schema,
        out: &Sender<Result<Piece>>,
    ) -> Result<()> {
        let give = |batch| async { out.send(Ok(Piece::Batch(batch))).await.map_err(|_| gone()) };
        match self {
            Self::Raw(raw) => {
                let mut builder = BatchBuilder::new(wanted, select.parsed());
                let wires = select.wires();
                raw.select(&select.sql(rest)).await?;
                while raw.rows(|packet, shapes| row::add(packet, shapes, &wires, &mut builder)).await? {
                    if let Some(batch) = builder.take()? {
                        give(batch).await?;
                    }
                }
                if let Some(batch) = builder.take()? {
                    give(batch).await?;
                }
            }
            Self::Driver(session) => select.run(session, rest, wanted, give).await?,
        }
        out.send(Ok(Piece::End)).await.map_err(|_| gone())
    }
}
