//! The rows of a set of files: one file after the other, on a thread of its own.

use super::described::Rows;
use super::dialect::own_format;
use super::extension::kind_by_extension;
use super::files::Files;
use super::hive::{self, Values};
use super::piece::{At, Copy, Need, Piece};
use super::read::file_rows;
use super::sniff;
use super::split::{Unit, units};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use std::collections::VecDeque;
use windvane_connect::sampled_columns::SampledColumns;
use windvane_connect::{
    BATCH_ROWS, Batch, FoundKind, Part, RangeFilter, ReadRequest, Skipped, TextFormat, range_filter,
};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, Schema, arrow::to_arrow};

impl Files {
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
            format: if strict { Some(own_format()) } else { request.format },
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
    within: Vec<RangeFilter>,
    limit: Option<u64>,
    skipped: Skipped,
    shown: SampledColumns,
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
        let known: Vec<RangeFilter> =
            self.within.iter().filter(|range| values.iter().any(|(name, _)| *name == range.column)).cloned().collect();
        if known.is_empty() {
            return Ok(true);
        }
        let fields = known.iter().map(|range| Field::new(&range.column, range.data_type)).collect();
        let none = RecordBatch::new_empty(to_arrow(&Schema::default()));
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
        let one = RecordBatch::try_new_with_options(none.schema(), Vec::new(), &options)
            .map_err(|error| Error::internal("a row without columns could not be made").caused_by(&error))?;
        Ok(range_filter::mask(&known, &hive::attach(&one, values, &Schema::new(fields))?)?.value(0))
    }

    fn kind_of(&self, piece: &Piece) -> FoundKind {
        // Parts are named by their endings: a folder's format may have changed between loads.
        if self.strict { kind_by_extension(piece.name()).unwrap_or(self.kind) } else { self.kind }
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
        let keep: BooleanArray = range_filter::mask(&self.within, &batch.rows)?;
        let mut kept = keep.iter();
        batch.numbers.retain(|_| kept.next().flatten().unwrap_or(false));
        batch.rows =
            filter_record_batch(&batch.rows, &keep).and_then(|rows| rows.project(&self.wanted)).map_err(broken)?;
        let mut rejected = Vec::with_capacity(batch.rejected.len());
        for refused in batch.rejected {
            if range_filter::concerns(&self.within, &refused)? {
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
