//! The rows of an object or a hook, in the wanted columns and types.

use super::{Place, PythonConnector};
use windvane_connect::python_callbacks::{Stream, Texts, Wanted};
use windvane_connect::{BATCH_ROWS, Batch, RangeFilter, ReadRequest, range_filter};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::schema::arrow::pick;
use windvane_files::RowBuilder;

enum Given {
    Arrow(Stream),
    Texts(Texts, Box<RowBuilder>),
}

/// The rows of a read, batch after batch.
pub(super) struct AllRows {
    name: String,
    given: Given,
    /// What is read: the wanted columns, and those of ranges behind them.
    schema: Schema,
    columns: usize,
    within: Vec<RangeFilter>,
    left: Option<u64>,
    row: u64,
}

pub(super) fn open(connector: &PythonConnector, request: ReadRequest) -> Result<AllRows> {
    let schema = range_filter::with_range_columns(&request.schema, &request.within);
    let wanted = Wanted {
        columns: Some(schema.names().map(str::to_owned).collect()),
        // Rows that are left out here must not count.
        limit: request.limit.filter(|_| request.within.is_empty()),
        within: request.within.clone(),
    };
    let missing = || {
        Error::missing(format!("the source has no dataset '{}'", request.locator))
            .hint("Run `windvane plan SPEC` for what is there now")
    };
    let given = match &connector.place {
        Place::Object { object, .. } if *object == request.locator => {
            Given::Arrow(connector.callbacks.open(object, &wanted)?)
        }
        Place::Hook(relations) => {
            let relation = relations.get(&request.locator).ok_or_else(missing)?;
            Given::Texts(
                connector.callbacks.rows(relation, &wanted)?,
                Box::new(RowBuilder::new(&schema, &[], BATCH_ROWS)),
            )
        }
        Place::Object { .. } | Place::Target(_) => return Err(missing()),
    };
    Ok(AllRows {
        name: request.locator,
        given,
        columns: request.schema.fields.len(),
        schema,
        within: request.within,
        left: request.limit,
        row: 0,
    })
}

impl AllRows {
    fn batch(&mut self) -> Result<Option<Batch>> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let first = self.row + 1;
        let batch = match &mut self.given {
            Given::Arrow(stream) => {
                let Some(batch) = stream.next() else { return Ok(None) };
                let batch = batch.map_err(|error| {
                    Error::data(format!("the rows of '{}' broke off", self.name))
                        .hint("See the object's own error")
                        .caused_by(&error)
                })?;
                self.row += batch.num_rows() as u64;
                let rows = pick(&batch, &self.schema)?;
                Batch { rows, numbers: (first..=self.row).collect(), rejected: Vec::new() }
            }
            Given::Texts(texts, builder) => {
                let Some(chunk) = texts.next() else { return Ok(None) };
                for row in chunk? {
                    self.row += 1;
                    for text in &row {
                        builder.push(text.as_deref(), true);
                    }
                    builder.end_row(self.row);
                }
                builder.finish()?
            }
        };
        let mut batch = range_filter::apply(batch, &self.within, self.columns)?;
        if let Some(left) = &mut self.left {
            range_filter::limit(&mut batch, left);
        }
        Ok(Some(batch))
    }
}

impl Iterator for AllRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
