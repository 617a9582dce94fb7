//! Ranges of values, and the splitting of a table by its row numbers.
//!
//! Integers are compared by SQLite. Everything else is stored loosely there (a date may be a text or a number), so that it
//! is read first and compared in its own type; so is what a column of integers holds beside them.

use super::table::{NativeColumn, row_number_column, same, sql};
use arrow::array::{Array, BooleanArray, Datum, Scalar, StringArray};
use arrow::compute::kernels::cmp;
use arrow::compute::{and_kleene, filter_record_batch};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use windvane_connect::range_filter::concerns;
use windvane_connect::{Batch, Part, RangeBound, RangeFilter, ReadRequest};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, infer, sql::quote};

/// What of a request's ranges SQLite decides, and what is decided after reading.
pub(super) struct Ranges {
    /// With its `WHERE`; empty when SQLite decides nothing.
    pub(super) condition: String,
    /// What must be read: the wanted columns, then those that are only looked at.
    pub(super) read: Schema,
    wanted: usize,
    later: Vec<(usize, RangeFilter)>,
}

impl Ranges {
    pub(super) fn new(request: &ReadRequest, native: &[NativeColumn]) -> Result<Self> {
        let mut ranges = Self {
            condition: String::new(),
            read: request.schema.clone(),
            wanted: request.schema.fields.len(),
            later: Vec::new(),
        };
        for range in &request.within {
            match range.data_type {
                DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                    let loose = range.nulls && is_loose(&range.column, native);
                    ranges.now(range, native, loose)?;
                    if loose {
                        ranges.later(range, native)?;
                    }
                }
                _ => ranges.later(range, native)?,
            }
        }
        match &request.part {
            Some(Part::Keys(range)) => ranges.now(range, native, false)?,
            Some(Part::Pages { .. } | Part::File { .. }) => {
                return Err(Error::internal("a SQLite table is read in parts of its row numbers"));
            }
            None => {}
        }
        Ok(ranges)
    }

    /// `loose`: with every value that is no integer; which of them can be read as one is seen later.
    fn now(&mut self, range: &RangeFilter, native: &[NativeColumn], loose: bool) -> Result<()> {
        let known = native.iter().find(|column| same(&column.name, &range.column)).map(|column| quote(&column.name));
        let number = free_name(native).filter(|name| *name == range.column).map(str::to_owned);
        let name = known.or(number).ok_or_else(|| missing(range))?;
        let mut ends = Vec::new();
        for (end, [inclusive, exclusive]) in [(&range.from, [">=", ">"]), (&range.to, ["<=", "<"])] {
            let Some(RangeBound { value, inclusive: is_inclusive }) = end else { continue };
            let number: i64 = value.parse().map_err(|_| wrong(value, range))?;
            ends.push(format!("{name} {} {number}", if *is_inclusive { inclusive } else { exclusive }));
        }
        let inside = match (ends.is_empty(), range.nulls) {
            (true, true) => return Ok(()),
            (true, false) => format!("{name} IS NOT NULL"),
            (false, true) if loose => format!("({} OR typeof({name}) <> 'integer')", ends.join(" AND ")),
            (false, true) => format!("({} OR {name} IS NULL)", ends.join(" AND ")),
            (false, false) => format!("({})", ends.join(" AND ")),
        };
        let lead = if self.condition.is_empty() { " WHERE" } else { " AND" };
        self.condition = format!("{}{lead} {inside}", self.condition);
        Ok(())
    }

    fn later(&mut self, range: &RangeFilter, native: &[NativeColumn]) -> Result<()> {
        if !native.iter().any(|column| same(&column.name, &range.column)) {
            return Err(missing(range));
        }
        let known =
            self.read.fields.iter().position(|field| field.name == range.column && field.data_type == range.data_type);
        let at = known.unwrap_or_else(|| {
            // Its numbers count what those of the wanted column do.
            let unit = self.read.fields.iter().find(|field| field.name == range.column);
            let native_type = unit.and_then(|field| field.native_type.clone());
            self.read.fields.push(Field { native_type, ..Field::new(&range.column, range.data_type) });
            self.read.fields.len() - 1
        });
        for limit in [&range.from, &range.to].into_iter().flatten() {
            value(limit, range)?;
        }
        self.later.push((at, range.clone()));
        Ok(())
    }

    /// Whether what SQLite gives is what is wanted.
    pub(super) fn decided(&self) -> bool {
        self.later.is_empty()
    }

    /// The rows of a batch that are inside, at most so many, in the wanted columns.
    pub(super) fn filter(&self, batch: Batch, most: usize) -> Result<Batch> {
        let broken = |error: arrow::error::ArrowError| Error::internal("a range cannot be compared").caused_by(&error);
        let mut keep = BooleanArray::from(vec![true; batch.rows.num_rows()]);
        for (at, range) in &self.later {
            let column = batch.rows.column(*at).as_ref();
            let column: &dyn Datum = &column;
            let mut inside = BooleanArray::from(vec![true; batch.rows.num_rows()]);
            if let Some(from) = &range.from {
                let least = value(from, range)?;
                let mask = if from.inclusive { cmp::gt_eq(column, &least) } else { cmp::gt(column, &least) };
                inside = and_kleene(&inside, &mask.map_err(broken)?).map_err(broken)?;
            }
            if let Some(to) = &range.to {
                let most = value(to, range)?;
                let mask = if to.inclusive { cmp::lt_eq(column, &most) } else { cmp::lt(column, &most) };
                inside = and_kleene(&inside, &mask.map_err(broken)?).map_err(broken)?;
            }
            let present = batch.rows.column(*at);
            let inside: BooleanArray = (0..inside.len())
                .map(|row| {
                    Some(if present.is_null(row) { range.nulls } else { inside.is_valid(row) && inside.value(row) })
                })
                .collect();
            keep = and_kleene(&keep, &inside).map_err(broken)?;
        }
        let rows = filter_record_batch(&batch.rows, &keep).map_err(broken)?;
        let rows = rows.project(&(0..self.wanted).collect::<Vec<_>>()).map_err(broken)?;
        let numbers: Vec<u64> = batch
            .numbers
            .iter()
            .zip(keep.values().iter())
            .filter(|(_, keep)| *keep)
            .map(|(number, _)| *number)
            .collect();
        let most = most.min(numbers.len());
        let ranges: Vec<RangeFilter> = self.later.iter().map(|(_, range)| range.clone()).collect();
        let mut rejected = Vec::with_capacity(batch.rejected.len());
        for refused in batch.rejected {
            if concerns(&ranges, &refused)? {
                rejected.push(refused);
            }
        }
        Ok(Batch { rows: rows.slice(0, most), numbers: numbers[..most].to_vec(), rejected })
    }
}

/// Whether other values than integers may stand among them: of a key of row numbers SQLite takes none.
fn is_loose(column: &str, native: &[NativeColumn]) -> bool {
    native.iter().any(|known| same(&known.name, column))
        && row_number_column(native).is_none_or(|key| !same(&key.name, column))
}

/// A range of numbers, dates or times that were written by us, as SQL.
pub(super) fn inside(range: &RangeFilter, native: &[NativeColumn]) -> Result<String> {
    let known = native.iter().find(|column| same(&column.name, &range.column)).ok_or_else(|| missing(range))?;
    let name = quote(&known.name);
    // As texts, in which fewer digits of a second come first once nothing stands behind them.
    let bare = |text: &str| text.trim_end_matches('Z').trim_end_matches("+00:00").replace(' ', "T");
    let (left, number) = match range.data_type {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => (name, true),
        DataType::Date | DataType::Timestamp | DataType::TimestampTz => (format!("replace({name}, 'Z', '')"), false),
        other => return Err(Error::internal(format!("a window of {other}"))),
    };
    let mut ends = Vec::new();
    for (end, [inclusive, exclusive]) in [(&range.from, [">=", ">"]), (&range.to, ["<=", "<"])] {
        let Some(limit) = end else { continue };
        value(limit, range)?;
        let right = if number { limit.value.clone() } else { format!("'{}'", bare(&limit.value).replace('\'', "")) };
        ends.push(format!("{left} {} {right}", if limit.inclusive { inclusive } else { exclusive }));
    }
    Ok(if ends.is_empty() { format!("{left} IS NOT NULL") } else { ends.join(" AND ") })
}

fn value(limit: &RangeBound, range: &RangeFilter) -> Result<Scalar<arrow::array::ArrayRef>> {
    let (value, failed) = infer::parse(&StringArray::from(vec![limit.value.as_str()]), range.data_type);
    if failed.is_empty() { Ok(Scalar::new(value)) } else { Err(wrong(&limit.value, range)) }
}

fn wrong(value: &str, range: &RangeFilter) -> Error {
    Error::spec(format!("'{value}' is not a valid {}", range.data_type))
        .at_path(&range.column)
        .hint("Write it as the column's type")
}

fn missing(range: &RangeFilter) -> Error {
    Error::missing(format!("the table has no column '{}'", range.column))
        .hint("It may have been dropped or renamed since: discover the source again")
}

/// A name of the row's number that no column has taken.
pub(super) fn free_name(native: &[NativeColumn]) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| !native.iter().any(|column| same(&column.name, name)))
}

/// Even ranges of row numbers; nothing where there are none.
pub(super) async fn split(
    file: &mut SqliteConnection,
    table: &str,
    native: &[NativeColumn],
    parts: usize,
) -> Result<Vec<Part>> {
    let named = row_number_column(native).map(|column| (column.name.clone(), quote(&column.name)));
    let Some((column, name)) = named.or_else(|| free_name(native).map(|name| (name.to_owned(), name.to_owned())))
    else {
        return Ok(Vec::new());
    };
    let asked: Result<(Option<i64>, Option<i64>), sqlx::Error> =
        sqlx::query_as(AssertSqlSafe(format!("SELECT min({name}), max({name}) FROM {}", sql(table))))
            .fetch_one(file)
            .await;
    // Views and tables WITHOUT ROWID have no such numbers.
    let Ok((Some(low), Some(high))) = asked else { return Ok(Vec::new()) };
    let (low, high) = (i128::from(low), i128::from(high));
    let count = i128::try_from(parts).unwrap_or(1).min(high - low + 1);
    if count < 2 {
        return Ok(Vec::new());
    }
    let cut =
        |part: i128, inclusive| RangeBound { value: (low + (high - low + 1) * part / count).to_string(), inclusive };
    let part = |part: i128| {
        Part::Keys(RangeFilter {
            column: column.clone(),
            data_type: DataType::Int64,
            from: (part > 0).then(|| cut(part, true)),
            to: (part < count - 1).then(|| cut(part + 1, false)),
            nulls: part == 0,
        })
    };
    Ok((0..count).map(part).collect())
}
