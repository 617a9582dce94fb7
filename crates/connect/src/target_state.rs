//! What a target holds of a dataset, before a load.

use super::rerun::LedgerLoad;

/// A dataset at a target; by default nothing is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetState {
    pub exists: bool,
    /// Nothing where nobody can count them.
    pub rows: Option<u64>,
    pub columns: Vec<String>,
    /// Those of a table that stay empty in a row which does not name them.
    pub unfilled: Vec<String>,
}

/// Loads of a dataset that is there. What is remembered of one that was dropped counts for nothing.
#[derive(Debug, Clone, Default)]
pub struct LatestLoads {
    /// Of whatever pipeline.
    pub newest: Option<LedgerLoad>,
    /// Of the same pipeline and output: what it has loaded says nothing of what another one reads.
    pub own: Option<LedgerLoad>,
}

/// Columns a question.
const AT_ONCE: usize = 100;

/// Questions for the columns that have a value, as SQL that gives the place of each such column in `columns`.
pub fn filled_sql(table: &str, columns: &[String], quote: impl Fn(&str) -> String, from: &str) -> Vec<String> {
    let one = |(at, column): (usize, &String)| {
        format!("SELECT {at}{from} WHERE EXISTS (SELECT 1 FROM {table} WHERE {} IS NOT NULL)", quote(column))
    };
    let all: Vec<String> = columns.iter().enumerate().map(one).collect();
    all.chunks(AT_ONCE).map(|some| some.join(" UNION ALL ")).collect()
}

/// The columns at the places that such questions gave.
pub fn chosen(columns: &[String], places: &[i64]) -> Vec<String> {
    let named = places.iter().filter_map(|at| columns.get(usize::try_from(*at).ok()?));
    named.cloned().collect()
}
