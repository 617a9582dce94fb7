//! Batches on their way to the server: one task encodes while another sends.

use super::super::encode::{Form, RowEncoder, header, trailer};
use super::super::failure::translate;
use super::job::Stop;
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use futures::StreamExt;
use sqlx::postgres::PgConnection;
use std::sync::Arc;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;
use windvane_connect::narrow::{Narrow, must_fit};
use windvane_connect::read_back::Tally;
use windvane_connect::{RefusedRow, RowStream};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::schema::{Field, Schema, arrow::conform};

/// Bytes sent to the server at once.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait for the server.
const WAITING: usize = 8;

/// How rows are written.
pub(super) struct Layout {
    pub(super) schema: Schema,
    pub(super) forms: Vec<Form>,
    /// Each row begins with its place in the stream, and rows that no PostgreSQL text can hold are left out.
    pub(super) placed: bool,
    /// What the table where the rows end would change: such rows are left out, or end the copy where rows have no place.
    pub(super) narrow: Narrow,
    /// A last column that is the same in every row.
    pub(super) mark: Option<(Field, String)>,
}

/// What was sent.
pub(super) struct Sent {
    pub(super) tally: Tally,
    pub(super) bytes: u64,
    /// Rows that the server counted.
    pub(super) taken: u64,
    /// Rows that were not sent, because no text of the server holds their values.
    pub(super) unfit: Vec<RefusedRow>,
}

/// Ends the encoding when the load is given up.
struct Encoding(JoinHandle<Result<(Tally, Vec<RefusedRow>), Stop>>);

impl Drop for Encoding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One COPY into the server.
pub(super) async fn send(
    session: &mut PgConnection,
    sql: &str,
    layout: Layout,
    rows: RowStream,
    tally: Tally,
) -> Result<Sent, Stop> {
    let mut copy = session.copy_in_raw(sql).await.map_err(|error| translate(&error))?;
    let (sender, mut receiver) = channel::<Vec<u8>>(WAITING);
    let mut encoding = Encoding(tokio::spawn(encode(layout, rows, tally, sender)));
    let mut bytes = 0;
    while let Some(chunk) = receiver.recv().await {
        bytes += chunk.len() as u64;
        copy.send(chunk).await.map_err(|error| Stop::of(&error))?;
    }
    let encoded = (&mut encoding.0).await;
    let encoded = encoded.map_err(|error| Error::internal("the encoding of rows ended early").caused_by(&error).into());
    let (tally, unfit) = match encoded.and_then(|encoded| encoded) {
        Ok(encoded) => encoded,
        Err(stop) => {
            // The reason is ours, whatever the server says to the abort.
            drop(copy.abort("the rows could not be read").await);
            return Err(stop);
        }
    };
    let taken = copy.finish().await.map_err(|error| Stop::of(&error))?;
    Ok(Sent { tally, bytes, taken, unfit })
}

async fn encode(
    layout: Layout,
    mut rows: RowStream,
    mut tally: Tally,
    sender: Sender<Vec<u8>>,
) -> Result<(Tally, Vec<RefusedRow>), Stop> {
    let gone = || Error::internal("nobody takes the encoded rows");
    let fresh = || Vec::with_capacity(CHUNK + CHUNK / 4);
    let mut out = fresh();
    let mut unfit = Vec::new();
    let fields: Vec<Field> =
        layout.schema.fields.iter().chain(layout.mark.as_ref().map(|(field, _)| field)).cloned().collect();
    header(&mut out);
    while let Some(batch) = rows.next().await {
        let batch = conform(&batch?, &layout.schema)?;
        let first = tally.rows();
        tally.add(&batch)?;
        let misfits = layout.narrow.misfits(&batch, first);
        if let Some(row) = misfits.first().filter(|_| !layout.placed) {
            return Err(Stop::Refused(must_fit(row)));
        }
        let batch = faults::spoilt("", &batch);
        let mut skipped = if layout.placed { not_text(&batch, first, &mut unfit) } else { None };
        for row in misfits {
            let skipped = skipped.get_or_insert_with(|| vec![false; batch.num_rows()]);
            let at = usize::try_from(row.at - first).unwrap_or_default();
            if !std::mem::replace(&mut skipped[at], true) {
                unfit.push(row);
            }
        }
        let batch = match &layout.mark {
            Some((field, value)) => with(&batch, field, value)?,
            None => batch,
        };
        let encoder = RowEncoder::new(&batch, &fields, &layout.forms, layout.placed.then_some(first))?;
        for row in 0..batch.num_rows() {
            if skipped.as_ref().is_some_and(|skipped| skipped[row]) {
                continue;
            }
            encoder.append(row, &mut out)?;
            if out.len() >= CHUNK {
                sender.send(std::mem::replace(&mut out, fresh())).await.map_err(|_| gone())?;
            }
        }
    }
    trailer(&mut out);
    sender.send(out).await.map_err(|_| gone())?;
    Ok((tally, unfit))
}

/// Rows with one more column, which is the same in all of them.
fn with(batch: &RecordBatch, field: &Field, value: &str) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, batch.num_rows()))));
    let mut schema: Vec<arrow::datatypes::FieldRef> = batch.schema().fields().iter().cloned().collect();
    schema.push(Arc::new(arrow::datatypes::Field::new(&field.name, arrow::datatypes::DataType::Utf8, true)));
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(schema)), columns)
        .map_err(|error| Error::internal("rows cannot take their load's id").caused_by(&error))
}

/// Rows with a character 0 in a text, which PostgreSQL cannot hold.
fn not_text(batch: &RecordBatch, first: u64, unfit: &mut Vec<RefusedRow>) -> Option<Vec<bool>> {
    let mut skipped: Option<Vec<bool>> = None;
    for (array, field) in batch.columns().iter().zip(batch.schema().fields()) {
        let Some(texts) = array.as_string_opt::<i32>() else { continue };
        if memchr::memchr(0, texts.value_data()).is_none() {
            continue;
        }
        for row in 0..texts.len() {
            if texts.is_null(row) || !texts.value(row).contains('\0') {
                continue;
            }
            let skipped = skipped.get_or_insert_with(|| vec![false; batch.num_rows()]);
            if !skipped[row] {
                skipped[row] = true;
                unfit.push(RefusedRow {
                    at: first + row as u64,
                    column: Some(field.name().clone()),
                    reason: "no text of PostgreSQL holds the character 0".to_owned(),
                    superseded: false,
                });
            }
        }
    }
    skipped
}
