//! Steps as one statement: what runs, and what is asked when it fails.

use super::words::{NUMBER, ROW, list};
use windvane_connect::pushdown::Probe;
use windvane_core::schema::sql::quote;

/// One statement, a part a step, and what can be asked of its parts.
#[derive(Debug, Clone)]
pub struct Query {
    /// `s0 AS (...)`: the raw rows, then the rows after each step.
    pub(super) parts: Vec<Part>,
    pub(super) columns: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) sql: String,
    /// The step, as the user wrote it.
    pub(super) place: String,
    /// The columns that it computes.
    pub(super) computed: Vec<String>,
    /// The rows that it makes of one.
    pub(super) rows: usize,
    /// Rows may come out in another order than they went in.
    pub(super) mixes: bool,
}

impl Query {
    /// The rows that the steps give.
    pub fn rows(&self) -> String {
        format!("{}\nSELECT {} FROM s{}", self.with(), self.list(), self.last())
    }

    /// The same rows in their order, each behind its place and the number of its source row.
    pub fn placed(&self) -> String {
        let (row, number) = (quote(ROW), quote(NUMBER));
        let columns = self.columns.iter().fold(String::new(), |all, name| format!("{all}, {}", quote(name)));
        let order = if self.parts.iter().any(|part| part.mixes) { format!(" ORDER BY {row}") } else { String::new() };
        format!("{}\nSELECT {row}, {number}{columns} FROM s{}{order}", self.with(), self.last())
    }

    /// How many rows the steps add; nothing when no step does.
    pub fn added(&self) -> Option<String> {
        let grow = |(at, part): (usize, &Part)| {
            (part.rows > 1).then(|| format!("{} * (SELECT count(*) FROM s{})", part.rows - 1, at - 1))
        };
        let sums: Vec<String> = self.parts.iter().enumerate().filter_map(grow).collect();
        (!sums.is_empty()).then(|| format!("{}\nSELECT {}", self.with(), sums.join(" + ")))
    }

    /// Questions to ask one after the other: the first that fails names the step and the column.
    pub fn probes(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut alone = true;
        for (at, part) in self.parts.iter().enumerate().skip(1) {
            alone &= !part.mixes;
            let mut ask = |column: Option<&String>, what: &str| {
                let first = self.parts.first().map(|part| part.sql.as_str()).unwrap_or_default();
                let rest = self.parts.iter().take(at + 1).enumerate().skip(1);
                let rest = rest.fold(")".to_owned(), |all, (at, part)| format!("{all},\ns{at} AS ({})", part.sql));
                let ends = (format!("WITH s0 AS ({first}"), format!("{rest}\nSELECT count({what}) FROM s{at}"));
                probes.push(Probe { place: part.place.clone(), column: column.cloned(), ends, alone });
            };
            ask(None, "*");
            part.computed.iter().for_each(|name| ask(Some(name), &quote(name)));
        }
        probes
    }

    fn with(&self) -> String {
        let parts: Vec<String> =
            self.parts.iter().enumerate().map(|(at, part)| format!("s{at} AS ({})", part.sql)).collect();
        format!("WITH {}", parts.join(",\n"))
    }

    fn last(&self) -> usize {
        self.parts.len() - 1
    }

    fn list(&self) -> String {
        list(self.columns.iter().map(String::as_str))
    }
}
