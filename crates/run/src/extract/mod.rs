//! Plan step -> Staged: rows leave their source and rest as Parquet on the staging folder.
//!
//! Doors: [`run`]; `drift` (what a changed source does to a run), `folder` (where files rest), `staging` and `quarantine`
//! (the two files every stage writes), `mended` (rows of the latter, for a replay), `reasons` (why rows are in the latter).
//!
//! Invariants: rows read = rows staged + rows quarantined; a staged file appears whole or not at all (written beside,
//! then renamed); a second extract of the same run and dataset replaces the first.

pub mod cursor;
pub mod drift;
pub mod folder;
pub mod lean;
pub mod mended;
pub mod quarantine;
pub mod reasons;
pub mod staging;

use arrow::array::{Array, BooleanArray, Int64Array};
use cursor::Cursor;
use drift::outgrown::{self, Watch};
use drift::silent::Silent;
use folder::Folder;
use futures::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use windvane_connectors::shown::{self, Shown};
use windvane_connectors::{Batch, BatchStream, Connection, Context, Part, ReadRequest, Rejected, Skipped, Within};
use windvane_core::error::{Error, Result};
use windvane_core::guard::Notes;
use windvane_core::schema::{Field, Schema, digest};
use windvane_core::spec::RowPolicy;
use windvane_engine::frame::Frame;
use windvane_plan::{Input, Output, Plan};

/// The column that carries the source row number through transform and validate; never loaded.
pub const ROW_COLUMN: &str = "_windvane_row";

/// Rows at rest between two stages: a reference, small enough for XCom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staged {
    pub dataset: String,
    /// Path or address of the Parquet file. It holds the columns of `schema` and [`ROW_COLUMN`] (int64).
    pub uri: String,
    /// Files that follow the first one, when the dataset was read in pieces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<Rest>,
    pub schema: Schema,
    /// Rows in the files.
    pub rows: u64,
    pub bytes: u64,
    /// Counted since the source, over all stages so far: `rows_in + added = rows + filtered + quarantined`.
    pub rows_in: u64,
    /// Rows that steps made beside those that they got (unpivot, explode).
    #[serde(default)]
    pub added: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// JSON lines of quarantined rows, one file a stage that refused any.
    pub quarantine: Vec<String>,
    /// Rows of the other inputs that the steps or checks have read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joined: BTreeMap<String, u64>,
    /// The machine that wrote the files; nothing where they lie in an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The machine and disk that files lie on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    pub host: String,
    /// What the note beside them says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
}

/// A further file of a staged dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    pub uri: String,
    /// What its row numbers count from.
    pub offset: u64,
    /// The machine that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl Staged {
    /// Whether every row since the source is accounted for.
    pub fn balances(&self) -> bool {
        self.rows_in + self.added == self.rows + self.filtered + self.quarantined
    }
}

/// Bytes of a file's name; file systems take 255, and some of our files get a few more while they are written.
const LONGEST: usize = 200;
const HASH: usize = 16;

/// The file of a dataset and stage inside a run's staging folder. Names may hold anything: what is not plain becomes
/// `%XX`, so that two names never share a file and none leaves the folder; what is long is cut.
pub fn file(folder: &Path, dataset: &str, ending: &str) -> PathBuf {
    let mut name = String::new();
    for byte in dataset.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            // Capitals too: some file systems fold them.
            other => name = format!("{name}%{other:02X}"),
        }
    }
    if name.len() + 1 + ending.len() > LONGEST {
        // The hash keeps names apart that begin alike.
        name.truncate(LONGEST.saturating_sub(ending.len() + 2 + HASH));
        name = format!("{name}~{}", digest(dataset.as_bytes(), HASH));
    }
    folder.join(format!("{name}.{ending}"))
}

/// Which rows of an input are meant; by default all.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// Only its first rows.
    pub limit: Option<u64>,
    pub within: Vec<Within>,
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
        let batch = batch.map_err(|error| if shown::told(&error) { error.in_table(self.watch.input()) } else { error });
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
    let case = drift::Case { plan, output, input, context };
    let mut judged = drift::judge(case, seen).await?;
    let unread = lean::unread(plan, output, input);
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
    let here = |range: Within| Within { column: judged.at_source(&range.column), ..range };
    let part = slice.part.map(|part| match part {
        Part::Keys(range) => Part::Keys(here(range)),
        other @ (Part::Pages { .. } | Part::File { .. }) => other,
    });
    let within = slice.within.into_iter().map(here).collect();
    let request = ReadRequest::whole(input.locator.clone(), input.kind, judged.format.clone(), judged.read.clone());
    let shown = Shown { sampled: judged.shown.sampled && slice.limit.is_none(), ..judged.shown.clone() };
    let request = ReadRequest { limit: slice.limit, within, part, shown, ..request };
    let skipped = request.skipped.clone();
    let notes = slice.limit.is_none().then(|| (input.name.clone(), context.notes.clone()));
    let batches = connection.read(request).await?;
    let (kept, read, cursor) = (judged.kept(), judged.named, slice.cursor);
    let strict = plan.errors.rows == RowPolicy::Fail && slice.limit.is_none();
    Ok(Opened { kept, all, read, batches, cursor, watch, silent, skipped, notes, strict })
}

/// Reads one input of the plan into a folder, in types that hold what the source has: where it has outgrown the planned ones,
/// it is measured and read again. `ending` tells the files of a piece from those of the others.
pub async fn run(
    (plan, output): (&Plan, &Output),
    input: &Input,
    context: &Context,
    folder: &Folder,
    slice: Slice,
    ending: &str,
) -> Result<Staged> {
    let known = if output.from == input.name { outgrown::remembered(plan, output, context).await } else { None };
    let plan = known.as_ref().unwrap_or(plan);
    let whole = slice.part.is_none();
    let input = plan.input(&input.name).unwrap_or(input);
    let mut read = once((plan, output), input, context, folder, slice.clone(), ending).await;
    if let Err(error) = &read
        && shown::told(error)
    {
        drift::unshown(drift::Case { plan, output, input, context }, whole).await?;
        read = once((plan, output), input, context, folder, slice.clone(), ending).await;
    }
    match read {
        Err(error) if outgrown::told(&error) => {
            let wider = outgrown::grow(drift::Case { plan, output, input, context }, whole).await?;
            let input = wider.input(&input.name).unwrap_or(input);
            once((&wider, output), input, context, folder, slice, ending).await
        }
        other => other,
    }
}

async fn once(
    case: (&Plan, &Output),
    input: &Input,
    context: &Context,
    folder: &Folder,
    slice: Slice,
    ending: &str,
) -> Result<Staged> {
    let mut opened = open_some(case, input, context, slice, None).await?;
    let path = folder.file(&input.name, &format!("extracted{ending}.parquet"));
    let mut writer = staging::Writer::create(folder, &path, staging::numbered(&opened.kept))?;
    let refused = folder.file(&input.name, &format!("extract{ending}.quarantine.jsonl"));
    let mut quarantine = quarantine::Writer::create(folder, &refused, "extract", &input.name);
    while let Some(rows) = opened.next().await {
        let (frame, refused) = rows?;
        for rejected in &refused {
            quarantine.push(rejected)?;
        }
        context.progress.read(frame.len() + refused.len());
        writer.write(&staging::with_numbers(&frame)?)?;
    }
    // Whoever finds the rows finds what was refused, too.
    let refused = quarantine.finish()?;
    let (uri, rows, bytes) = writer.finish()?;
    let quarantined = refused.as_ref().map_or(0, |(_, count)| *count);
    Ok(Staged {
        dataset: input.name.clone(),
        uri,
        rest: Vec::new(),
        schema: opened.kept,
        rows,
        bytes,
        rows_in: rows + quarantined,
        added: 0,
        filtered: 0,
        quarantined,
        quarantine: refused.map(|(uri, _)| uri).into_iter().collect(),
        joined: BTreeMap::new(),
        origin: folder.origin(),
    })
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
