//! The sessions that read a table: it is described under a lock, and the lock goes on from the session that looked to
//! those that read. Whoever has it judges anew whether it is the table that was described.

use super::catalog;
use super::connect::{self, Access, CANONICAL, answered, answered_by};
use super::read_session::{ReadSession, close};
use super::statement::{BEGIN, BEGIN_ONE, ask, execute};
use super::table::{Existing, Identity, Storage, TableName, name};
use futures::future::try_join_all;
use sqlx::postgres::PgConnection;
use windvane_core::error::{Error, Kind, Result};

/// A table as it is while the session that looked has it locked.
pub(super) struct Described {
    leader: PgConnection,
    process: i32,
    pub(super) existing: Existing,
    pub(super) storage: Storage,
    pub(super) identity: Identity,
}

/// Nothing where the name went to another table between the lock and the first look.
pub(super) async fn described(access: &Access, table: &TableName, schema: &str) -> Result<Option<Described>> {
    let mut leader = connect::open(&access.options).await?;
    let begun = async {
        execute(&mut leader, &format!("{BEGIN_ONE}; {CANONICAL}")).await?;
        ask(&mut leader, "SELECT pg_backend_pid()::text").await
    };
    let process = answered(&access.options, begun).await?.and_then(|process| process.parse().ok()).unwrap_or_default();
    let looking = async {
        if table.existing(&mut leader).await?.is_some() {
            execute(&mut leader, &table.lock()).await.map_err(|error| name(error, table))?;
        }
        if table.existing(&mut leader).await?.is_none() {
            return Err(catalog::missing(&mut leader, table, schema).await);
        }
        let Some(identity) = Identity::locked(ask(&mut leader, &table.identity()).await?.as_deref()) else {
            return Ok(None);
        };
        // Of what is locked, whatever has its name meanwhile.
        let Some(existing) = TableName::of(&mut leader, identity.relation).await? else { return Ok(None) };
        let storage = TableName::storage(&mut leader, identity.relation).await?;
        Ok(Some((existing, storage, identity)))
    };
    let seen = answered_by(&access.options, process, looking).await?;
    Ok(seen.map(|(existing, storage, identity)| Described { leader, process, existing, storage, identity }))
}

/// Sessions in one snapshot: as many as wanted, or one when that cannot be had; the one that looked, when that is best.
/// Each has a lock of its own before the leader's goes, and none waits for it: whoever wants the table for himself waits
/// for the leader, and who asks now would wait for him. Nothing where the table is not the one that was described.
pub(super) async fn readers(
    access: &Access,
    described: Described,
    table: &TableName,
    wanted: usize,
) -> Result<Option<Vec<ReadSession>>> {
    let Described { mut leader, process, identity, .. } = described;
    let mut apart = wanted > 0;
    if wanted > 1 {
        match answered(&access.options, together(access, &mut leader, table, wanted)).await {
            Ok(Some(readers)) => return same(readers, table, &identity, Some((leader, access))).await,
            // Somebody waits for the table, and others for him: no more of their time than needed.
            Ok(None) => apart = false,
            Err(reason) => {
                tracing::debug!(%reason, "one session reads");
                // What failed in the leader's transaction has ended it, and the lock with it.
                let lives = answered(&access.options, ask(&mut leader, "SELECT 'here'")).await.is_ok();
                apart = lives && reason.kind() != Kind::Timeout;
            }
        }
    }
    if apart
        && let Ok(mut reader) = ReadSession::open(access, &format!("{BEGIN_ONE}; {CANONICAL}")).await
        && reader.execute(&table.lock_at_once()).await.is_ok()
    {
        return same(vec![reader], table, &identity, Some((leader, access))).await;
    }
    if wanted == 0 {
        let reader = answered(&access.options, ReadSession::of_driver(leader, access, "")).await?;
        return same(vec![reader], table, &identity, None).await;
    }
    // A snapshot that could not be exported has ended its transaction.
    let again = format!("ROLLBACK; {BEGIN_ONE}; {CANONICAL}; {}", table.lock());
    let reader = answered_by(&access.options, process, ReadSession::of_driver(leader, access, &again)).await?;
    same(vec![reader], table, &identity, None).await
}

/// Sessions in the leader's snapshot; nothing where the table is not to be had at once.
async fn together(
    access: &Access,
    leader: &mut PgConnection,
    table: &TableName,
    wanted: usize,
) -> Result<Option<Vec<ReadSession>>> {
    let no_snapshot = || Error::internal("the server exported no snapshot");
    let snapshot = ask(leader, "SELECT pg_export_snapshot()").await?.ok_or_else(no_snapshot)?;
    let begin = format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{snapshot}'; {CANONICAL}");
    let mut readers = try_join_all((0..wanted).map(|_| ReadSession::open(access, &begin))).await?;
    let lock = table.lock_at_once();
    let locked = try_join_all(readers.iter_mut().map(|reader| reader.execute(&lock))).await;
    Ok(locked.is_ok().then_some(readers))
}

/// The readers, if what each of them has locked is the table that was described, and the leader held it until then: who
/// empties and fills a table is not seen by a snapshot that is older.
async fn same(
    mut readers: Vec<ReadSession>,
    table: &TableName,
    identity: &Identity,
    leader: Option<(PgConnection, &Access)>,
) -> Result<Option<Vec<ReadSession>>> {
    let question = table.identity();
    let asked = try_join_all(readers.iter_mut().map(|reader| reader.ask(&question))).await?;
    let same = asked.iter().all(|asked| identity.is(asked.as_deref()));
    if let Some((mut leader, access)) = leader {
        answered(&access.options, ask(&mut leader, "SELECT 'here'")).await?;
        close(leader, access).await;
    }
    Ok(same.then_some(readers))
}
