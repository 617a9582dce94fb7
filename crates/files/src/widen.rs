//! Columns of a dataset that get a wider type: its files are written anew, because a reader of many files wants one type a
//! column in all of them.

use super::folder::Folder;
use super::manifest::Part;
use super::order::broken;
use super::parts::{Parts, Shape};
use super::piece::Need;
use super::read::piece_rows;
use super::workdir::Workdir;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use windvane_connect::LoadRequest;
use windvane_connect::compatibility::wider;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{DataType, Schema, arrow::to_arrow, arrow::type_to_arrow};

/// Whether a column of both has another type.
pub(super) fn retyped(known: &Schema, now: &Schema) -> bool {
    known.fields.iter().any(|field| now.field(&field.name).is_some_and(|other| other.data_type != field.data_type))
}

/// Rows in wider types; columns that they lack are null.
pub(super) fn cast(rows: &RecordBatch, to: &Schema) -> Result<RecordBatch> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let column = |field: &windvane_core::schema::Field| -> Result<ArrayRef> {
        let data_type = type_to_arrow(field.data_type);
        match rows.column_by_name(&field.name) {
            None => Ok(new_null_array(&data_type, rows.num_rows())),
            Some(column) => cast_with_options(column, &data_type, &strict).map_err(|error| broken(&error)),
        }
    };
    let columns = to.fields.iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(to_arrow(to), columns, &options).map_err(|error| broken(&error))
}

/// Writes files anew, each by itself, so that it stays known which load brought which. Their rows are read back and compared.
pub(super) fn rewrite(old: &[Part], known: &Schema, workdir: &Workdir, shape: &Shape) -> Result<Vec<Part>> {
    let mut fresh = Vec::new();
    for (at, part) in old.iter().enumerate() {
        let own = Shape { stem: format!("{}.{at}", shape.stem), ..shape.clone() };
        let piece = workdir.folder.piece(part);
        let copy = piece.copy(&Need::Whole)?;
        let mut parts = Parts::begin(own.clone())?;
        for batch in piece_rows(&piece, &copy, known)? {
            workdir.go_on()?;
            parts.write(&cast(&batch?.rows, &shape.schema)?)?;
        }
        let mut rows = 0;
        for name in parts.finish()? {
            let written = own.part(&name, &part.load_id, &mut |_| workdir.go_on())?;
            rows += written.rows;
            fresh.push(written);
        }
        if rows != part.rows {
            return Err(Error::data("rows that were written anew in wider types do not read back as they were")
                .hint("Nothing was changed at the target; run it again"));
        }
    }
    Ok(fresh)
}

/// Both sets of columns; columns of one name must be of one type, or get one that holds both.
pub(super) fn merged(known: &Schema, request: &LoadRequest, folder: &Folder) -> Result<Schema> {
    let mut fields = known.fields.clone();
    for field in &request.schema.fields {
        let Some(old) = fields.iter_mut().find(|old| old.name == field.name) else {
            fields.push(field.clone());
            continue;
        };
        if old.data_type == field.data_type {
            continue;
        }
        let wide = wider(field, old.data_type).filter(|_| request.widen);
        // What is loaded must be of the dataset's type: these rows are written already.
        let Some(wide) = wide.filter(|wide| *wide == field.data_type) else {
            return Err(other_type(&field.name, old.data_type, field.data_type).in_file(folder.shown()));
        };
        old.data_type = wide;
    }
    Ok(Schema::new(fields))
}

/// Files that are there have another type, which does not widen.
pub(super) fn other_type(column: &str, theirs: DataType, ours: DataType) -> Error {
    Error::new(Kind::Conflict, format!("the column '{column}' is {theirs} and cannot take {ours}"))
        .hint("Cast the column to the type it has, or load with the mode `replace`")
}
