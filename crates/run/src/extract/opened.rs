//! An input that is being read: its rows, judged against the plan.

use super::cursor::Cursor;
use super::drift::outgrown::Watch;
use super::drift::vanished_members::Silent;
use super::drift::{self, Case};
use super::unread_columns;
use arrow::array::{Array, BooleanArray, Int64Array};
use futures::StreamExt;
use std::collections::BTreeSet;
use windvane_connectors::sampled_columns;
use windvane_connectors::sampled_columns::SampledColumns;
use windvane_connectors::{Batch, BatchStream, Connection, Context, Part, RangeFilter, ReadRequest, Rejected, Skipped};
use windvane_core::error::{Error, Result};
use windvane_core::guard::Notes;
use windvane_core::schema::{Field, Schema};
use windvane_core::spec::RowPolicy;
use windvane_engine::frame::Frame;
use windvane_plan::{Input, Output, Plan};

/// Which rows of an input are meant; by default all.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// Only its first rows.
    pub limit: Option<u64>,
    pub within: Vec<RangeFilter>,
    pub part: Option<Part>,
    /// Of an incremental run.
    pub cursor: Option<Cursor>,
}

/// An input that is being read: its rows, judged against the plan.
pub struct Opened {
    /// The columns that the rows have.
    pub kept: Schema,
    /// Those that they would have if all columns were read.
    pub all: Schema,
    read: Schema,
    batches: BatchStream,
    cursor: Option<Cursor>,
    watch: Watch,
    silent: Option<Silent>,
    /// Lines that are no rows, and where to say so: of samples nowhere.
    skipped: Skipped,
    notes: Option<(String, Notes)>,
    /// The first row that cannot be read ends it.
    strict: bool,
}

impl Opened {
    /// The next rows, and those that cannot be read in the planned types.
    pub async fn next(&mut self) -> Option<Result<(Frame, Vec<Rejected>)>> {
        let Some(batch) = self.batches.next().await else {
            self.said();
            return self.silent.take().and_then(|silent| silent.end().err()).map(Err);
        };
        let batch = batch.map_err(|error| {
            if sampled_columns::is_unsampled(&error) { error.in_table(self.watch.input()) } else { error }
        });
        Some(batch.and_then(|batch| {
            self.watch.see(&batch.rejected)?;
            let (frame, mut refused) = kept_rows(&batch, &self.read, &self.kept)?;
            if let Some(silent) = &mut self.silent {
                silent.see(&frame.rows);
            }
            refused.splice(0..0, batch.rejected);
            let mut frame = frame;
            if let Some(cursor) = &self.cursor {
                let (inside, outside) = cursor.sift(frame)?;
                refused.retain(|refused| !cursor.is_later(refused));
                refused.extend(outside);
                frame = inside;
            }
            match refused.first().filter(|_| self.strict) {
                Some(first) => Err(unreadable(first)),
                None => Ok((frame, refused)),
            }
        }))
    }
}

impl Opened {
    /// What was passed over is counted, at the end of the rows.
    fn said(&mut self) {
        let lines = self.skipped.count();
        if let Some((input, notes)) = self.notes.take().filter(|_| lines > 0) {
            let what = if lines == 1 { "line is no row" } else { "lines are no rows" };
            notes.add(&input, &format!("{lines} {what}: empty, or a comment"));
        }
    }
}

/// Looks at the source as it is now, lets drift judge it for an output, and begins to read. Reads only some of the columns
/// where the plan's columns are still what the source has.
pub async fn open_some(
    (plan, output): (&Plan, &Output),
    input: &Input,
    context: &Context,
    slice: Slice,
    columns: Option<&BTreeSet<String>>,
) -> Result<Opened> {
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    let seen = drift::look(source, input, context).await?;
    let case = Case { plan, output, input, context };
    let mut judged = drift::judge(case, seen).await?;
    let unread = unread_columns::unread(plan, output, input);
    if !unread.is_empty() {
        let keep: Vec<bool> = judged.named.fields.iter().map(|field| !unread.contains(&field.name)).collect();
        for fields in [&mut judged.read.fields, &mut judged.named.fields] {
            let mut keep = keep.iter();
            fields.retain(|_| keep.next().copied().unwrap_or(true));
        }
    }
    let all = judged.kept();
    if let Some(columns) = columns
        && !judged.changed
    {
        let wanted = |field: &Field| {
            columns.contains(&field.name) || slice.cursor.as_ref().is_some_and(|cursor| cursor.column == field.name)
        };
        judged.read.fields.retain(wanted);
        judged.named.fields.retain(wanted);
    }
    let watch = Watch::new(case, &judged);
    // A sample says nothing of all rows.
    let silent = if slice.limit.is_some() { None } else { judged.silent(case) };
    let connection = Connection::open_source(source, context)?;
    let here = |range: RangeFilter| RangeFilter { column: judged.at_source(&range.column), ..range };
    let part = slice.part.map(|part| match part {
        Part::Keys(range) => Part::Keys(here(range)),
        other @ (Part::Pages { .. } | Part::File { .. }) => other,
    });
    let within = slice.within.into_iter().map(here).collect();
    let request = ReadRequest::whole(input.locator.clone(), input.kind, judged.format.clone(), judged.read.clone());
    let shown = SampledColumns { sampled: judged.shown.sampled && slice.limit.is_none(), ..judged.shown.clone() };
    let request = ReadRequest { limit: slice.limit, within, part, shown, ..request };
    let skipped = request.skipped.clone();
    let notes = slice.limit.is_none().then(|| (input.name.clone(), context.notes.clone()));
    let batches = connection.read(request).await?;
    let (kept, read, cursor) = (judged.kept(), judged.named, slice.cursor);
    let strict = plan.errors.rows == RowPolicy::Fail && slice.limit.is_none();
    Ok(Opened { kept, all, read, batches, cursor, watch, silent, skipped, notes, strict })
}

fn unreadable(row: &Rejected) -> Error {
    Error::data(format!("a row cannot be read: {}", row.reason))
        .in_row(row.row)
        .hint("Correct the row at the source, or let such rows go to quarantine: errors: {rows: quarantine}")
}

/// A batch as a frame of the kept columns. Rows with a value in a refused column (the last ones) are rejected instead
/// (drift: quarantine).
fn kept_rows(batch: &Batch, read: &Schema, kept: &Schema) -> Result<(Frame, Vec<Rejected>)> {
    let signed = |number: &u64| i64::try_from(*number).unwrap_or(i64::MAX);
    let numbers = Int64Array::from_iter_values(batch.numbers.iter().map(signed));
    let whole = Frame::new(read.clone(), batch.rows.columns().to_vec(), numbers)?;
    let refused = &batch.rows.columns()[kept.fields.len()..];
    if refused.is_empty() {
        return Ok((whole, Vec::new()));
    }
    let offending = |row: usize| refused.iter().position(|column| column.is_valid(row));
    let mut rejected = Vec::new();
    let mut keep = Vec::with_capacity(whole.len());
    for row in 0..whole.len() {
        let found = offending(row);
        keep.push(found.is_none());
        if let Some(at) = found {
            let name = &read.fields[kept.fields.len() + at].name;
            let reason = format!("a value in column '{name}', which the plan does not know");
            rejected.push(whole.reject(row, Some(name), reason));
        }
    }
    let columns = whole.rows.columns()[..kept.fields.len()].to_vec();
    let narrow = Frame::new(kept.clone(), columns, whole.numbers.clone())?;
    Ok((if rejected.is_empty() { narrow } else { narrow.filter(&BooleanArray::from(keep))? }, rejected))
}
