//! A resource as batches: page after page, as the reader takes them.

use super::cells::Rows;
use super::client::Api;
use super::pages::Pages;
use super::shape::Shape;
use serde_json::value::RawValue;
use std::sync::Arc;
use windvane_connect::produce::produce;
use windvane_connect::range_filter;
use windvane_connect::sampled_columns::unsampled;
use windvane_connect::{BATCH_ROWS, Batch, BatchStream, ReadRequest};
use windvane_core::error::{Error, Result};
use windvane_core::spec::kinds::http::{Nested, Resource};

pub(super) fn stream(
    api: Arc<Api>,
    resource: Resource,
    name: String,
    path: Vec<String>,
    request: ReadRequest,
) -> BatchStream {
    produce(move |sender| async move {
        let send = |batch| {
            let sender = sender.clone();
            // A reader that is gone needs no more batches: this future is dropped with it.
            async move { sender.send(Ok(batch)).await.map_err(|_| Error::internal("the reader is gone")) }
        };
        run(&api, &resource, path, &request, send).await.map_err(|error| error.in_table(name))
    })
}

/// Gives every batch to `give`.
async fn run<Give, Given>(
    api: &Api,
    resource: &Resource,
    path: Vec<String>,
    request: &ReadRequest,
    give: Give,
) -> Result<()>
where
    Give: Fn(Batch) -> Given,
    Given: Future<Output = Result<()>>,
{
    let mut left = request.limit;
    if left == Some(0) {
        return Ok(());
    }
    let schema = range_filter::with_range_columns(&request.schema, &request.within);
    let columns = request.schema.fields.len();
    let since = if path.is_empty() { since(resource, request) } else { None };
    let capacity = left.map_or(BATCH_ROWS, |limit| usize::try_from(limit).unwrap_or(BATCH_ROWS));
    let mut rows = Rows::new(&schema, path.clone(), capacity);
    let mut pages = Pages::new(api, resource, since)?;
    let mut seen = request.shown.sampled.then(Shape::default);
    let mut more = true;
    while more {
        let mut ready = Vec::new();
        let take = |records: &[&RawValue]| {
            for record in records {
                if let Some(seen) = &mut seen {
                    seen.observe(record);
                }
            }
            rows.add(records, &mut ready)
        };
        more = pages.next(take).await?;
        // A reader of few rows wants them without further pages.
        if !more || left.is_some() {
            ready.extend(rows.rest()?);
        }
        for batch in ready {
            let mut batch = range_filter::apply(batch, &request.within, columns)?;
            if let Some(limit) = &mut left {
                range_filter::limit(&mut batch, limit);
            }
            give(batch).await?;
            if left == Some(0) {
                return Ok(());
            }
        }
    }
    seen.map_or(Ok(()), |seen| all_shown(&seen, resource, &path, request))
}

/// Nothing was passed over: the records have no other columns than those that a look at some of them has shown.
fn all_shown(seen: &Shape, resource: &Resource, path: &[String], request: &ReadRequest) -> Result<()> {
    let tables = seen.tables(&resource.key, resource.nested == Nested::Json).unwrap_or_default();
    let fields = tables.iter().filter(|table| table.path == path).flat_map(|table| table.fields.names());
    let mut others = fields.filter(|name| request.shown.lacks(name));
    others.next().map_or(Ok(()), |name| Err(unsampled(name)))
}

/// The parameter that leaves older records out at the API, when the request is of newer ones only.
fn since<'a>(resource: &'a Resource, request: &'a ReadRequest) -> Option<(&'a str, &'a str)> {
    let cursor = resource.cursor.as_ref()?;
    let range = request.within.iter().find(|range| range.column == cursor.column && !range.nulls)?;
    Some((&cursor.param, &range.from.as_ref()?.value))
}
