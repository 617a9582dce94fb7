//! Datasets in parts: whole files, and row groups of Parquet files.

use super::extension::kind_by_extension;
use super::files::Files;
use super::piece::{At, Need, Piece, footer};
use arrow::array::{ArrayRef, RecordBatch};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;
use windvane_connect::{FoundKind, Part, RangeFilter, ReadRequest, range_filter};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Schema, arrow::conform, arrow::type_to_arrow};

/// So many bytes of an object are copied before they are read.
const WINDOW: u64 = 64 << 20;

/// Something that is read in one go.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub piece: Piece,
    /// Of Parquet: only these row groups.
    pub groups: Option<Range<usize>>,
    /// Rows of the file that lie before it and are not read.
    pub skipped: u64,
    /// Not to be divided further.
    pub is_final: bool,
}

impl Unit {
    pub(super) fn whole(piece: Piece, groups: Option<(u64, u64)>) -> Self {
        let number = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let groups = groups.map(|(from, to)| number(from)..number(to));
        Self { piece, groups, skipped: 0, is_final: false }
    }
}

/// The units of a Parquet file: row groups without wanted rows are left out, objects are divided into windows.
pub(super) fn units(unit: &Unit, schema: &Schema, within: &[RangeFilter]) -> Result<Vec<Unit>> {
    let is_object = matches!(unit.piece.at, At::Object { .. });
    if !is_object && within.is_empty() && unit.groups.is_none() {
        return Ok(vec![Unit { is_final: true, ..unit.clone() }]);
    }
    let copy = unit.piece.copy(&Need::Footer)?;
    let metadata = footer(&copy.path)?;
    let count = metadata.num_row_groups();
    let asked = unit.groups.clone().map_or(0..count, |groups| groups.start.min(count)..groups.end.min(count));
    let mut keep = vec![true; count];
    for range in within {
        prune(&metadata, schema, range, &mut keep)?;
    }
    let mut units: Vec<Unit> = Vec::new();
    let (mut skipped, mut bytes) = (0, 0);
    for (at, group) in metadata.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        if !asked.contains(&at) || !keep.get(at).copied().unwrap_or(true) {
            skipped += rows;
            continue;
        }
        let size = u64::try_from(group.compressed_size()).unwrap_or_default();
        let goes_on = skipped == 0 && (!is_object || bytes + size <= WINDOW);
        let last = units.last_mut().and_then(|unit| unit.groups.as_mut());
        if let Some(groups) = last.filter(|groups| goes_on && groups.end == at) {
            groups.end = at + 1;
        } else {
            units.push(Unit { piece: unit.piece.clone(), groups: Some(at..at + 1), skipped, is_final: true });
            bytes = 0;
        }
        bytes += size;
        skipped = 0;
    }
    if units.is_empty() && asked.is_empty() && unit.groups.is_none() {
        // A file without row groups still has columns to be looked at.
        units.push(Unit { groups: Some(0..0), is_final: true, ..unit.clone() });
    }
    Ok(units)
}

/// Strikes out row groups whose statistics say that no row of them is inside the range.
fn prune(metadata: &ParquetMetaData, schema: &Schema, range: &RangeFilter, keep: &mut [bool]) -> Result<()> {
    // Rows without a value have no statistics, and some orders are not those of the format.
    if range.nulls || !range_filter::is_plainly_ordered(range.data_type) || schema.field(&range.column).is_none() {
        return Ok(());
    }
    let file = metadata.file_metadata();
    let Ok(arrow) = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()) else { return Ok(()) };
    let Ok(converter) = StatisticsConverter::try_new(&range.column, &arrow, file.schema_descr()) else { return Ok(()) };
    let ends =
        converter.row_group_mins(metadata.row_groups()).ok().zip(converter.row_group_maxes(metadata.row_groups()).ok());
    let Some((least, most)) =
        ends.and_then(|(least, most)| as_type(&least, range.data_type).zip(as_type(&most, range.data_type)))
    else {
        return Ok(());
    };
    for (at, keep) in keep.iter_mut().enumerate() {
        if at < least.len()
            && at < most.len()
            && !range_filter::overlaps(range, &least.slice(at, 1), &most.slice(at, 1))?
        {
            *keep = false;
        }
    }
    Ok(())
}

/// Statistics in the type of the range; nothing where that would lose something.
fn as_type(values: &ArrayRef, data_type: DataType) -> Option<ArrayRef> {
    if *values.data_type() == type_to_arrow(data_type) {
        return Some(values.clone());
    }
    let schema = Schema::new(vec![windvane_core::schema::Field::new("x", data_type)]);
    let loose = RecordBatch::try_from_iter([("x", values.clone())]).ok()?;
    conform(&loose, &schema).ok().map(|batch| batch.column(0).clone())
}

impl Files {
    /// One part a file, so that there may be more than asked for; large Parquet files are divided by row groups while
    /// there are fewer.
    pub(super) fn parts(&self, request: &ReadRequest, wanted: usize) -> Result<Vec<Part>> {
        let item = self.item(&request.locator, request.kind)?;
        let mut parts = Vec::new();
        let each = wanted.div_ceil(item.files.len().max(1));
        for piece in &item.files {
            self.admit(piece)?;
            let path = self.locator_of(piece)?;
            let kind = if item.manifest.is_some() { kind_by_extension(piece.name()) } else { Some(item.kind) };
            let groups = if each > 1 && kind == Some(FoundKind::Parquet) {
                let copy = piece.copy(&Need::Footer).map_err(|error| piece.named(error))?;
                footer(&copy.path).map_err(|error| piece.named(error))?.num_row_groups()
            } else {
                1
            };
            let pieces = each.min(groups).max(1);
            if pieces == 1 {
                parts.push(Part::File { path, groups: None });
                continue;
            }
            let at = |part: usize| (groups * part / pieces) as u64;
            for part in 0..pieces {
                // The last one is open: a file that grew has more row groups.
                let to = if part + 1 == pieces { u64::MAX } else { at(part + 1) };
                parts.push(Part::File { path: path.clone(), groups: Some((at(part), to)) });
            }
        }
        Ok(if parts.len() > 1 { parts } else { Vec::new() })
    }
}
