//! The rows of a load in their temporary table, and what is known of them.

use super::super::copy_out::Copy;
use super::super::statement::execute;
use super::column::Column;
use super::copy::send;
use super::direct::kept_away;
use super::job::Stop;
use super::load_statements::LoadStatements;
use super::target::Target;
use super::temporary::{STAGED, columns, layout, prepare, source_row, take_out, temporary};
use super::unfit;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use windvane_connect::by_key::{given_way, twice};
use windvane_connect::read_back::{ReadBack, Tally};
use windvane_connect::{Batch, Expected, LoadRequest, Loaded, RefusedRow, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, Schema};
use windvane_core::spec::RowPolicy;
use windvane_core::spec::target::OnDuplicate;

/// The temporary table and what is known of its rows.
pub(super) struct Stage<'a> {
    request: &'a LoadRequest,
    pub(super) expected: Expected,
    /// All places are below this one.
    pub(super) places: u64,
    /// Rows that are refused are kept in a table beside.
    keeps: bool,
    pub(super) bytes: u64,
    pub(super) reads_back: bool,
    /// The staged rows were compared with what was sent, while all of them were there.
    proved: bool,
    pub(super) refused: Vec<RefusedRow>,
}

impl<'a> Stage<'a> {
    pub(super) async fn fill(
        session: &mut PgConnection,
        request: &'a LoadRequest,
        target: &Target,
        rows: &mut Rows,
    ) -> Result<Self, Stop> {
        prepare(session).await?;
        let columns = columns(&request.schema);
        execute(session, &format!("CREATE TEMP TABLE windvane_staged (at int8 NOT NULL{columns}) ON COMMIT DROP"))
            .await?;
        let copy = format!("COPY {STAGED} FROM STDIN (FORMAT binary)");
        let layout = layout(&request.schema, target.narrow.clone());
        let sent = send(session, &copy, layout, rows.open()?, Tally::new(request)).await;
        // What not even this table takes cannot be told apart.
        let sent = sent.map_err(|stop| Stop::Failed(stop.error()))?;
        let (tally, unfit) = (sent.tally, sent.unfit);
        if sent.taken + unfit.len() as u64 != tally.rows() {
            return Err(kept_away(tally.rows(), sent.taken).into());
        }
        let mut stage = Self {
            request,
            expected: tally.expected(request)?,
            places: tally.rows(),
            keeps: false,
            bytes: sent.bytes,
            reads_back: request.reads_back(tally.rows()),
            proved: !unfit.is_empty(),
            refused: Vec::new(),
        };
        stage.refuse(session, unfit).await?;
        Ok(stage)
    }

    /// Rows that are staged already and were looked at. What is refused of them goes to `windvane_gone`.
    pub(super) fn made(request: &'a LoadRequest, expected: Expected, bytes: u64, places: u64) -> Self {
        let reads_back = request.reads_back(expected.rows);
        Self { request, expected, places, keeps: true, bytes, reads_back, proved: true, refused: Vec::new() }
    }

    /// Before its rows are joined.
    pub(super) async fn analyze(&self, session: &mut PgConnection) -> Result<()> {
        execute(session, &format!("ANALYZE {STAGED}")).await
    }

    /// Takes rows out of the stage; an error when none may be refused.
    pub(super) async fn refuse(&mut self, session: &mut PgConnection, mut rows: Vec<RefusedRow>) -> Result<()> {
        rows.sort_by_key(|row| row.at);
        if rows.is_empty() {
            return Ok(());
        }
        let wrong = rows.iter().find(|row| !row.superseded);
        if let (RowPolicy::Fail, Some(first)) = (self.request.refused, wrong) {
            let row = if self.keeps { source_row(session, first.at).await? } else { first.at + 1 };
            let error = Error::data(first.reason.clone())
                .in_table(&self.request.dataset)
                .in_row(row)
                .hint("Look at the rows that break it, or drop the constraint: nothing was loaded");
            return Err(match &first.column {
                Some(column) => error.at_path(column),
                None => error,
            });
        }
        if self.reads_back {
            self.prove(session).await?;
        }
        let places = rows.iter().filter_map(|row| i64::try_from(row.at).ok()).collect();
        take_out(session, places, self.keeps).await?;
        self.refused.extend(rows);
        self.request.error_budget.allows(&self.refused)
    }

    /// Rows without a key of the target's type, and those whose key another row has that is taken.
    pub(super) async fn faults(
        &self,
        session: &mut PgConnection,
        statements: &LoadStatements<'_>,
    ) -> Result<Vec<RefusedRow>> {
        let made = statements.cast_keys();
        if made.is_empty() {
            return self.repeated(session, statements, &[]).await.map_err(Stop::error);
        }
        execute(session, "SAVEPOINT windvane_keys").await?;
        match self.repeated(session, statements, &[]).await {
            Err(Stop::Refused(_)) => {
                execute(session, "ROLLBACK TO SAVEPOINT windvane_keys").await?;
                let mut refused = unfit::rows(session, &made).await.map_err(Stop::error)?;
                refused.extend(self.repeated(session, statements, &refused).await.map_err(Stop::error)?);
                Ok(refused)
            }
            done => done.map_err(Stop::error),
        }
    }

    /// Rows with a null in their key, and those whose key another row has that is taken; without looking at these.
    async fn repeated(
        &self,
        session: &mut PgConnection,
        statements: &LoadStatements<'_>,
        unfit: &[RefusedRow],
    ) -> Result<Vec<RefusedRow>, Stop> {
        let key = statements.key();
        let columns =
            |form: &dyn Fn(&usize) -> String, between: &str| key.iter().map(form).collect::<Vec<_>>().join(between);
        let list = statements.key_values().join(", ");
        let full = columns(&|at| format!("s.c{at} IS NOT NULL"), " AND ");
        let places: Vec<String> = unfit.iter().map(|row| row.at.to_string()).collect();
        let rest = if places.is_empty() {
            STAGED.to_owned()
        } else {
            format!("(SELECT * FROM {STAGED} AS r WHERE r.at <> ALL (ARRAY[{}]::int8[]) OFFSET 0)", places.join(", "))
        };
        // The usual answer is that there are none, and it is found by one hash of the keys.
        let sound = format!(
            "SELECT (SELECT count(*) FROM (SELECT DISTINCT {list} FROM {rest} AS s WHERE {full}) AS d)
                  = (SELECT count(*) FROM {rest} AS s)"
        );
        let sound: bool = sqlx::query_scalar(AssertSqlSafe(sound))
            .fetch_one(&mut *session)
            .await
            .map_err(|error| Stop::of(&error))?;
        if sound {
            return Ok(Vec::new());
        }
        let empty = columns(&|at| format!("WHEN s.c{at} IS NULL THEN {at}"), " ");
        let shown = columns(&|at| format!("s.c{at}::text"), ", ");
        let order = self.order();
        let faults = format!(
            "SELECT at, fault, shown FROM (
               SELECT s.at, CASE {empty} ELSE -1 END AS fault, concat_ws(', ', {shown}) AS shown,
                      row_number() OVER (PARTITION BY {list} ORDER BY {order}) AS turn FROM {rest} AS s
             ) AS n WHERE fault >= 0 OR turn > 1 ORDER BY at"
        );
        let faults: Vec<(i64, i32, String)> =
            sqlx::query_as(AssertSqlSafe(faults)).fetch_all(session).await.map_err(|error| Stop::of(&error))?;
        let name = |at: usize| self.request.schema.fields[at].name.clone();
        let names = key.iter().map(|at| name(*at)).collect::<Vec<_>>().join(", ");
        let choice = self.request.duplicates.choice;
        let mut refused = Vec::with_capacity(faults.len());
        for (at, fault, shown) in faults {
            let at = u64::try_from(at).unwrap_or_default();
            let empty = usize::try_from(fault).ok().map(name);
            let (reason, superseded) = match &empty {
                Some(column) => (format!("'{column}' is part of the key and has no value"), false),
                None if choice == OnDuplicate::Fail => {
                    return Err(twice(&format!("{names} = {shown}")).in_row(at + 1).into());
                }
                None => given_way(choice, &format!("{names} = {shown}")),
            };
            refused.push(RefusedRow { at, column: empty, reason, superseded });
        }
        Ok(refused)
    }

    /// In which order the rows of one key stand: the first one is taken.
    fn order(&self) -> String {
        let duplicates = &self.request.duplicates;
        let place = duplicates.column.as_ref().and_then(|name| self.request.schema.names().position(|own| own == name));
        match (duplicates.choice, place) {
            (OnDuplicate::Last, Some(at)) => format!("s.c{at} DESC NULLS LAST, s.at DESC"),
            (OnDuplicate::Last, None) => "s.at DESC".to_owned(),
            (OnDuplicate::First, Some(at)) => format!("s.c{at} NULLS FIRST, s.at"),
            (OnDuplicate::First, None) | (OnDuplicate::Quarantine | OnDuplicate::Fail, _) => "s.at".to_owned(),
        }
    }

    /// What must be at the target: the rows that were not refused, in the words of its types.
    pub(super) async fn kept(&mut self, session: &mut PgConnection, target: &Target) -> Result<Expected> {
        if target.direct() {
            return if self.refused.is_empty() {
                Ok(self.expected.clone())
            } else {
                self.content(session, "windvane_staged").await?.sum()
            };
        }
        // The server writes the values of its own types in one form, ours came in any: `{1, 2}` for `{1,2}`.
        self.prove(session).await?;
        let meant = |(at, column): (usize, &Column)| match column.form {
            Some(_) => format!("s.c{at}"),
            None => format!("{} AS c{at}", column.told(&column.there(&format!("s.c{at}")))),
        };
        let columns = target.columns.iter().enumerate().map(meant).collect::<Vec<_>>().join(", ");
        execute(session, &format!("CREATE TEMP VIEW windvane_meant AS SELECT {columns} FROM {STAGED} AS s")).await?;
        let meant = self.content(session, "windvane_meant").await?.sum()?;
        execute(session, "DROP VIEW pg_temp.windvane_meant").await?;
        Ok(meant)
    }

    /// The receipt speaks of the rows as they were sent, which the server may have written in forms of its own.
    pub(super) async fn sent(&self, session: &mut PgConnection, target: &Target, loaded: Loaded) -> Result<Loaded> {
        if target.direct() {
            return Ok(loaded);
        }
        let sent = match &self.expected.checksum {
            Some(sent) if self.refused.is_empty() => Some(sent.clone()),
            Some(_) | None => self.content(session, "windvane_staged").await?.sum()?.checksum,
        };
        let there = loaded.checksum.filter(|there| sent.as_ref() != Some(there));
        Ok(Loaded { checksum: sent, there, ..loaded })
    }

    /// The staged rows are those that were sent.
    async fn prove(&mut self, session: &mut PgConnection) -> Result<()> {
        if !self.proved {
            self.content(session, "windvane_staged").await?.agrees(self.request, &self.expected, 0)?;
            self.proved = true;
        }
        Ok(())
    }

    /// Rows of a temporary table, read back.
    async fn content(&self, session: &mut PgConnection, table: &str) -> Result<ReadBack> {
        let name = temporary(session, table).await?;
        let existing = name.existing(session).await?.ok_or_else(|| Error::internal("the staged rows are gone"))?;
        let fields = self.request.schema.fields.iter().enumerate();
        let wanted = Schema::new(fields.map(|(at, field)| Field::new(format!("c{at}"), field.data_type)).collect());
        let seen = ReadBack::default();
        let look = |batch: Batch| {
            let looked = seen.look(batch);
            async move { looked }
        };
        Copy::new(&name, &existing, &wanted, "").run(session, &wanted, look).await?;
        Ok(seen)
    }
}
