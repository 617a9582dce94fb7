//! What a set of files holds, and its rows: one file after the other, on a thread of its own.

use super::hive::{self, Values};
use super::jsonl::{self, JsonRows};
use super::locate::{Item, kind_by_ending};
use super::parquet::{self, ParquetRows};
use super::piece::{At, Copy, Need, Piece};
use super::split::{Unit, units};
use super::{Described, Files, sniff};
use super::{content, csv};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use windvane_connect::shown::Shown;
use windvane_connect::{BATCH_ROWS, Batch, Found, FoundKind, Part, ReadRequest, Skipped, TextFormat, Within, within};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, Shape, alike, arrow::to_arrow};

/// Rows that types are inferred from, over all files of a dataset.
const SAMPLE_ROWS: u64 = 20_000;
const LEAST_ROWS_A_FILE: u64 = 500;

pub(super) type Rows = Box<dyn Iterator<Item = Result<Batch>> + Send>;

/// The rows of a local file that we wrote.
pub(super) fn own_rows(path: &Path, kind: FoundKind, schema: &Schema, capacity: usize) -> Result<Rows> {
    file_rows(
        path,
        kind,
        Some(&csv::own_format()),
        true,
        schema,
        capacity,
        None,
        &Skipped::default(),
        &Shown::new(schema.names(), false),
    )
}

/// The rows of a part that we wrote, with the values of its folders.
pub(super) fn piece_rows(piece: &Piece, copy: &Copy, schema: &Schema) -> Result<Rows> {
    let kind = kind_by_ending(piece.name()).unwrap_or(FoundKind::Parquet);
    let names: Vec<String> = piece.values.iter().map(|(name, _)| name.clone()).collect();
    let rows = own_rows(&copy.path, kind, &hive::without(schema, &names), BATCH_ROWS)?;
    let (values, schema) = (piece.values.clone(), schema.clone());
    Ok(Box::new(rows.map(move |batch| {
        let batch = batch?;
        let rows = if values.is_empty() { batch.rows } else { hive::attach(&batch.rows, &values, &schema)? };
        Ok(Batch { rows, ..batch })
    })))
}

#[expect(clippy::too_many_arguments, reason = "what a file's rows are made of, handed through once")]
fn file_rows(
    path: &Path,
    kind: FoundKind,
    format: Option<&TextFormat>,
    strict: bool,
    schema: &Schema,
    capacity: usize,
    groups: Option<Range<usize>>,
    skipped: &Skipped,
    shown: &Shown,
) -> Result<Rows> {
    let nulls = format.map(|format| format.nulls.as_slice()).unwrap_or_default();
    Ok(match (kind, format) {
        (FoundKind::Csv, Some(format)) => csv::rows(path, format, strict, schema, capacity, skipped, shown)?,
        (FoundKind::Jsonl, _) => Box::new(JsonRows::open(path, schema, nulls, capacity, shown)?),
        (FoundKind::Parquet, _) => Box::new(ParquetRows::open(path, schema, capacity, groups, shown)?),
        (FoundKind::Csv, None) | (FoundKind::Table | FoundKind::View, _) => {
            return Err(Error::internal("a file was to be read as something it cannot be"));
        }
    })
}

impl Files {
    /// The dataset's columns, size and format.
    pub(super) fn describe(&self, item: &Item) -> Result<Found> {
        let mut fields = Schema::default();
        let mut formats: Vec<TextFormat> = Vec::new();
        let mut rows = Some(0);
        let mut exact = true;
        let mut bytes = 0;
        let mut seen: Vec<(String, Schema)> = Vec::new();
        let sample = if self.thorough {
            u64::MAX
        } else {
            (SAMPLE_ROWS / (item.files.len() as u64).max(1)).max(LEAST_ROWS_A_FILE)
        };
        if let Some(manifest) = &item.manifest {
            fields = manifest.columns.clone();
            rows = Some(manifest.rows());
            bytes = manifest.parts.iter().map(|part| part.bytes).sum();
        }
        for piece in item.files.iter().filter(|_| item.manifest.is_none()) {
            self.admit(piece)?;
            let (mut described, format) =
                self.described(piece, item.kind, sample).map_err(|error| piece.named(error))?;
            if let Some(first) = formats.first()
                && format.as_ref().is_some_and(|format| (format.header_rows == 0) != (first.header_rows == 0))
                && !described.fields.fields.is_empty()
            {
                let here = format.as_ref().is_some_and(|format| format.header_rows == 0);
                return Err(headless(here).in_file(piece.shown()));
            }
            formats.extend(format.filter(|_| !described.fields.fields.is_empty()));
            call_alike(&mut described.fields, &fields);
            if described.fields.fields.is_empty() && described.rows == Some(0) && item.files.len() > 1 {
                tracing::warn!("the file '{}' is empty: it has neither a header nor rows", piece.shown());
            }
            seen.push((beside(piece), described.fields.clone()));
            union(&mut fields, described.fields);
            rows = rows.zip(described.rows).map(|(sum, more)| sum + more);
            exact &= described.exact;
            bytes += piece.size()?;
        }
        let lacking = |name: &str| seen.iter().find(|(_, columns)| columns.field(name).is_none()).map(|(file, _)| file);
        let partial = fields.names().filter_map(|name| Some((name.to_owned(), lacking(name)?.clone()))).collect();
        if item.manifest.is_none() {
            let values: Vec<&Values> = item.files.iter().map(|piece| &piece.values).collect();
            for field in hive::columns(&values) {
                // A folder's value stands for the whole file, whatever the file says.
                fields.fields.retain(|known| known.name != field.name);
                fields.fields.push(field);
            }
        }
        // One format is promised only when all files have it; otherwise each file is looked at when it is read.
        formats.dedup();
        let format = if formats.len() == 1 { formats.pop() } else { None };
        let format = format.or_else(|| (item.manifest.is_some() && item.kind == FoundKind::Csv).then(csv::own_format));
        Ok(Found {
            locator: item.locator.clone(),
            kind: item.kind,
            rows,
            rows_exact: exact && rows.is_some(),
            bytes: Some(bytes),
            fields,
            primary_key: Vec::new(),
            foreign_keys: Vec::new(),
            partial,
            format,
            declared: None,
        })
    }

    /// Of an object only what is needed is fetched: the first part of a text, the end of a Parquet file.
    fn described(&self, piece: &Piece, kind: FoundKind, sample: u64) -> Result<(Described, Option<TextFormat>)> {
        let look = |path: &Path| {
            content::check(path, kind)?;
            Ok(match kind {
                FoundKind::Csv => {
                    let format = sniff::detect(path, &self.options)?;
                    (csv::describe(path, &format, sample)?, Some(format))
                }
                FoundKind::Jsonl => (jsonl::describe(path, sample)?, None),
                FoundKind::Parquet => (parquet::describe(path)?, None),
                FoundKind::Table | FoundKind::View => return Err(Error::internal("a table is not a kind of file")),
            })
        };
        let need = match kind {
            FoundKind::Parquet => Need::Footer,
            FoundKind::Csv | FoundKind::Jsonl | FoundKind::Table | FoundKind::View if self.thorough => Need::Whole,
            FoundKind::Csv | FoundKind::Jsonl | FoundKind::Table | FoundKind::View => Need::Head,
        };
        let copy = piece.copy(&need)?;
        if copy.whole || kind == FoundKind::Parquet {
            return look(&copy.path);
        }
        match look(&copy.path) {
            // The sample ended before the copy did: only the estimate is of a part.
            Ok((described, format)) if !described.exact => {
                let head = std::fs::metadata(&copy.path).map_or(0, |metadata| metadata.len()).max(1);
                let scaled = |rows: u64| {
                    u64::try_from(u128::from(rows) * u128::from(piece.size().unwrap_or(head)) / u128::from(head))
                };
                let rows = described.rows.and_then(|rows| scaled(rows).ok());
                Ok((Described { rows, ..described }, format))
            }
            Ok(_) | Err(_) => look(&piece.copy(&Need::Whole)?.path),
        }
    }

    pub(super) fn admit(&self, piece: &Piece) -> Result<()> {
        match &piece.at {
            At::Local(path) => self.bounds.admit(path),
            At::Object { .. } => Ok(()),
        }
    }

    /// Opens the first file at once, so that what is missing or broken is said here.
    pub(super) fn rows(&self, request: ReadRequest) -> Result<AllRows> {
        let item = self.item(&request.locator, request.kind)?;
        let mut pieces = item.files;
        for piece in &pieces {
            self.admit(piece)?;
        }
        let groups = match request.part {
            None => None,
            Some(Part::File { path, groups }) => {
                pieces.retain(|piece| self.locator_of(piece).is_ok_and(|known| known == path));
                if pieces.is_empty() {
                    return Err(Error::missing("the file of this part is gone")
                        .in_file(path)
                        .hint("The dataset was replaced since it was split: plan the parts again"));
                }
                groups
            }
            Some(Part::Pages { .. } | Part::Keys(_)) => {
                return Err(Error::internal("files were asked for a part of a table"));
            }
        };
        let strict = item.manifest.is_some();
        let mut whole = request.schema.clone();
        for range in &request.within {
            if whole.field(&range.column).is_none() {
                whole.fields.push(Field::new(&range.column, range.data_type));
            }
        }
        let wanted = (0..request.schema.fields.len()).collect();
        let mut queue = VecDeque::new();
        for piece in pieces {
            queue.push_back(Unit::whole(piece, groups));
        }
        let mut all = AllRows {
            files: self.clone(),
            queue,
            ahead: None,
            kind: item.kind,
            format: if strict { Some(csv::own_format()) } else { request.format },
            strict,
            schema: whole,
            wanted,
            within: request.within,
            limit: request.limit,
            skipped: request.skipped,
            shown: request.shown,
            current: None,
            before: 0,
            seen: 0,
            given: 0,
        };
        all.advance()?;
        Ok(all)
    }
}

/// A file as it is told from the others of its dataset: with the folders that hold values.
fn beside(piece: &Piece) -> String {
    let file = piece.name().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let values: Vec<_> = piece.values.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    if values.is_empty() { file } else { format!("{}/{file}", hive::folder(&values)) }
}

/// One dataset's files are read alike.
fn headless(here: bool) -> Error {
    let (this, others) = if here { ("no header", "one") } else { ("a header", "none") };
    Error::data(format!("the file has {this}, where the other files of its dataset have {others}")).hint(
        "Mend the file; or say what is right: a `csv` source with `header: true` (or false) reads all files so; or read it as a \
         dataset of its own",
    )
}

/// The columns of a file get the names that they have in its dataset.
fn call_alike(here: &mut Schema, dataset: &Schema) {
    let known = dataset.names().map(str::to_owned).collect();
    let names: Vec<&str> = here.names().collect();
    let called: Vec<String> = alike::called(&names, &known).into_iter().map(str::to_owned).collect();
    for (field, name) in here.fields.iter_mut().zip(called) {
        field.name = name;
    }
}

/// The union of columns by name; where types differ, one that holds both.
fn union(fields: &mut Schema, more: Schema) {
    if fields.fields.is_empty() {
        *fields = more;
        return;
    }
    for field in more.fields {
        match fields.fields.iter_mut().find(|known| known.name == field.name) {
            Some(_) if field.is_void() => {}
            Some(known) if known.is_void() => *known = Field { nullable: true, ..field },
            Some(known) => {
                if known.shape != field.shape {
                    known.shape = finer(known, &field);
                }
                known.data_type = wider(known.data_type, field.data_type);
            }
            None => fields.fields.push(Field { nullable: true, ..field }),
        }
    }
}

/// Of files that do not agree, only what makes readers careful is left.
fn finer(one: &Field, other: &Field) -> Option<Shape> {
    [one, other].into_iter().find(|field| field.is_finer()).and_then(|field| field.shape.clone())
}

fn wider(one: DataType, other: DataType) -> DataType {
    use DataType::{Date, Decimal, Float32, Float64, Int16, Int32, Int64, Text, Timestamp};
    match (one, other) {
        _ if one == other => one,
        (Int16, Int32) | (Int32, Int16) => Int32,
        (Int16 | Int32, Int64) | (Int64, Int16 | Int32) => Int64,
        (Decimal { precision: p, scale: s }, Decimal { precision: q, scale: t }) => {
            let (p, q, scale) = (i16::from(p) - i16::from(s), i16::from(q) - i16::from(t), s.max(t));
            let precision = u8::try_from((p.max(q) + i16::from(scale)).min(38)).unwrap_or(38);
            Decimal { precision, scale }
        }
        (Decimal { scale, .. }, Int16 | Int32 | Int64) | (Int16 | Int32 | Int64, Decimal { scale, .. }) => {
            Decimal { precision: 38, scale }
        }
        (Float32 | Float64, Float32 | Float64 | Int16 | Int32 | Int64 | Decimal { .. })
        | (Int16 | Int32 | Int64 | Decimal { .. }, Float32 | Float64) => Float64,
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        _ => Text,
    }
}

/// A unit on the local disk.
struct Ready {
    unit: Unit,
    copy: Copy,
}

/// A file being read.
struct Current {
    rows: Rows,
    piece: Piece,
    /// Gone when the file is read.
    _copy: Copy,
    values: Values,
}

/// The rows of all files of a dataset, numbered through.
pub(super) struct AllRows {
    files: Files,
    queue: VecDeque<Unit>,
    /// The next copy of an object, made while the current one is read.
    ahead: Option<tokio::task::JoinHandle<Result<Ready>>>,
    kind: FoundKind,
    format: Option<TextFormat>,
    strict: bool,
    /// All columns that are read; those given are `wanted`.
    schema: Schema,
    wanted: Vec<usize>,
    within: Vec<Within>,
    limit: Option<u64>,
    skipped: Skipped,
    shown: Shown,
    current: Option<Current>,
    /// Rows of the files before the current one.
    before: u64,
    /// Rows met so far.
    seen: u64,
    /// Rows given so far: what a limit counts.
    given: u64,
}

impl AllRows {
    /// What is read of a file. Of others' files also the columns that their folders name: the file must not say otherwise.
    fn file_schema(&self, values: &Values) -> Schema {
        if !self.strict {
            return self.schema.clone();
        }
        let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
        hive::without(&self.schema, &names)
    }

    /// The next unit that can hold wanted rows; row groups and folders that cannot are passed over.
    fn next_unit(&mut self) -> Result<Option<Unit>> {
        while let Some(unit) = self.queue.pop_front() {
            if !self.holds(&unit.piece.values)? {
                continue;
            }
            let kind = self.kind_of(&unit.piece);
            if kind != FoundKind::Parquet || unit.is_final {
                return Ok(Some(unit));
            }
            let inner = units(&unit, &self.file_schema(&unit.piece.values), &self.within);
            for unit in inner.map_err(|error| unit.piece.named(error))?.into_iter().rev() {
                self.queue.push_front(unit);
            }
        }
        Ok(None)
    }

    /// Whether rows in these folders can be inside the ranges.
    fn holds(&self, values: &Values) -> Result<bool> {
        let known: Vec<Within> =
            self.within.iter().filter(|range| values.iter().any(|(name, _)| *name == range.column)).cloned().collect();
        if known.is_empty() {
            return Ok(true);
        }
        let fields = known.iter().map(|range| Field::new(&range.column, range.data_type)).collect();
        let none = RecordBatch::new_empty(to_arrow(&Schema::default()));
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
        let one = RecordBatch::try_new_with_options(none.schema(), Vec::new(), &options)
            .map_err(|error| Error::internal("a row without columns could not be made").caused_by(&error))?;
        Ok(within::keep(&known, &hive::attach(&one, values, &Schema::new(fields))?)?.value(0))
    }

    fn kind_of(&self, piece: &Piece) -> FoundKind {
        // Parts are named by their endings: a folder's format may have changed between loads.
        if self.strict { kind_by_ending(piece.name()).unwrap_or(self.kind) } else { self.kind }
    }

    fn ready(&mut self) -> Result<Option<Ready>> {
        let ready = match self.ahead.take() {
            Some(fetching) => {
                let fetched = tokio::runtime::Handle::current().block_on(fetching);
                Some(fetched.map_err(|error| Error::internal("copying an object failed").caused_by(&error))??)
            }
            None => match self.next_unit()? {
                None => None,
                Some(unit) => Some(self.fetcher(unit)()?),
            },
        };
        if ready.as_ref().is_some_and(|ready| matches!(ready.unit.piece.at, At::Object { .. }))
            && let Some(unit) = self.next_unit()?
        {
            self.ahead = Some(tokio::task::spawn_blocking(self.fetcher(unit)));
        }
        Ok(ready)
    }

    fn fetcher(&self, unit: Unit) -> impl FnOnce() -> Result<Ready> + Send + 'static {
        let schema = self.file_schema(&unit.piece.values);
        move || {
            let need = unit.groups.as_ref().map_or(Need::Whole, |groups| Need::Groups(&schema, groups.clone()));
            let copy = unit.piece.copy(&need).map_err(|error| unit.piece.named(error))?;
            Ok(Ready { unit, copy })
        }
    }

    fn advance(&mut self) -> Result<()> {
        self.before = self.seen;
        self.current = None;
        let Some(Ready { unit, copy }) = self.ready()? else { return Ok(()) };
        self.before += unit.skipped;
        self.seen = self.before;
        let piece = unit.piece;
        let kind = self.kind_of(&piece);
        let capacity =
            self.limit.map_or(BATCH_ROWS, |limit| BATCH_ROWS.min(usize::try_from(limit).unwrap_or(BATCH_ROWS)));
        let opened = match (&self.format, kind) {
            (None, FoundKind::Csv) => sniff::detect(&copy.path, &self.files.options).map(Some),
            (Some(_), _) | (None, FoundKind::Jsonl | FoundKind::Parquet | FoundKind::Table | FoundKind::View) => {
                Ok(None)
            }
        };
        let rows = opened.and_then(|detected| {
            let format = detected.as_ref().or(self.format.as_ref());
            let schema = self.file_schema(&piece.values);
            file_rows(
                &copy.path,
                kind,
                format,
                self.strict,
                &schema,
                capacity.max(1),
                unit.groups,
                &self.skipped,
                &self.shown,
            )
        });
        let rows = rows.map_err(|error| piece.named(error))?;
        let values = piece.values.clone();
        self.current = Some(Current { rows, piece, _copy: copy, values });
        Ok(())
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        while self.limit.is_none_or(|limit| self.given < limit) {
            let Some(current) = &mut self.current else { return Ok(None) };
            let Some(batch) = current.rows.next().transpose().map_err(|error| current.piece.named(error))? else {
                self.advance()?;
                continue;
            };
            let mut batch = if current.values.is_empty() {
                batch
            } else {
                let rows = hive::attach(&batch.rows, &current.values, &self.schema)?;
                if let Some(error) = hive::contradicted(&batch, &rows) {
                    return Err(error.in_file(current.piece.shown()));
                }
                Batch { rows, ..batch }
            };
            for number in &mut batch.numbers {
                *number += self.before;
            }
            for refused in &mut batch.rejected {
                refused.row += self.before;
            }
            self.seen += (batch.numbers.len() + batch.rejected.len()) as u64;
            let mut batch = self.inside(batch)?;
            self.cut(&mut batch);
            let given = batch.numbers.len() + batch.rejected.len();
            self.given += given as u64;
            if given > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The rows inside the ranges, in the wanted columns.
    fn inside(&self, mut batch: Batch) -> Result<Batch> {
        if self.within.is_empty() {
            return Ok(batch);
        }
        let broken = |error| Error::internal("rows could not be chosen").caused_by(&error);
        let keep: BooleanArray = within::keep(&self.within, &batch.rows)?;
        let mut kept = keep.iter();
        batch.numbers.retain(|_| kept.next().flatten().unwrap_or(false));
        batch.rows =
            filter_record_batch(&batch.rows, &keep).and_then(|rows| rows.project(&self.wanted)).map_err(broken)?;
        let mut rejected = Vec::with_capacity(batch.rejected.len());
        for refused in batch.rejected {
            if within::concerns(&self.within, &refused)? {
                rejected.push(refused);
            }
        }
        batch.rejected = rejected;
        Ok(batch)
    }

    /// No more rows than the limit still allows, by their order in the file.
    fn cut(&self, batch: &mut Batch) {
        let Some(left) = self.limit.map(|limit| usize::try_from(limit - self.given).unwrap_or(usize::MAX)) else {
            return;
        };
        if batch.numbers.len() + batch.rejected.len() <= left {
            return;
        }
        let mut places: Vec<u64> =
            batch.numbers.iter().copied().chain(batch.rejected.iter().map(|refused| refused.row)).collect();
        places.sort_unstable();
        let Some(last) = left.checked_sub(1).and_then(|at| places.get(at)).copied() else { return };
        let kept = batch.numbers.iter().take_while(|number| **number <= last).count();
        batch.numbers.truncate(kept);
        batch.rows = batch.rows.slice(0, kept);
        batch.rejected.retain(|refused| refused.row <= last);
    }
}

impl Drop for AllRows {
    fn drop(&mut self) {
        if let Some(fetching) = &self.ahead {
            fetching.abort();
        }
    }
}

impl Iterator for AllRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
