//! A JSON API as a source.
//!
//! Doors: those of [`Connector`]. `access` (where it is, who asks), `client`, `token` and `answer` (one request),
//! `pages` (one page after the other), `body` (what an answer holds), `shape` (the tables of a resource), `cells`
//! (records to rows), `read` (a resource to batches).
//!
//! Deliberately absent: writing, GraphQL, answers that are not JSON, proxies, cookies, reading pages side by side.
//!
//! Invariants: secrets go to the connection's own host and port (and a token's secret to `token_url`), and into no
//! message; every request waits for its turn at the shared pace; a resource ends, with rows or an error; every record
//! is a row or a rejected row, and its values keep the digits they are written with.
//!
//! Pages name each other, so an API is read in one part. Rows come while pages are asked for: an API whose records move between pages while it is read gives what it gives.

mod access;
mod answer;
mod body;
mod cells;
mod client;
mod pages;
mod read;
mod shape;
mod token;

use async_trait::async_trait;
use client::Api;
use pages::Pages;
use serde_json::value::RawValue;
use shape::{Shape, Table};
use std::collections::BTreeMap;
use std::sync::Arc;
use windvane_connect::connector::Connector;
use windvane_connect::{BatchStream, Context, Found, FoundKind, ReadRequest};
use windvane_core::error::{Error, Result};
use windvane_core::spec::kinds::http::{self, HttpSource, Nested, Resource};

/// So many pages or records are looked at for columns and types.
const SAMPLE_PAGES: u64 = 5;
const SAMPLE_RECORDS: u64 = 2_000;

#[derive(Clone)]
pub struct Http {
    source: Arc<HttpSource>,
    api: Arc<Api>,
    /// Looks at all pages, where it is at the first ones otherwise.
    thorough: bool,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("access", &self.api.access).finish_non_exhaustive()
    }
}

impl Http {
    pub fn open_source(source: &HttpSource, context: &Context) -> Result<Self> {
        let access = access::Access::new(source, context.url(&source.connection)?)?;
        let api = Api::new(source, access, context.rate_limiter.clone())?;
        Ok(Self { source: Arc::new(source.clone()), api: Arc::new(api), thorough: context.thorough })
    }

    /// The tables of a resource, and how many records it has when that was seen.
    async fn look(&self, resource: &Resource) -> Result<(Vec<Table>, Option<u64>)> {
        let mut shape = Shape::default();
        let mut pages = Pages::new(&self.api, resource, None)?;
        let mut whole = false;
        while !whole && (self.thorough || pages.count < SAMPLE_PAGES && shape.records < SAMPLE_RECORDS) {
            let look = |records: &[&RawValue]| {
                for record in records {
                    shape.observe(record);
                }
                Ok(())
            };
            pages.next(look).await?;
            whole = pages.ended();
        }
        let tables = shape.tables(&resource.key, resource.nested == Nested::Json)?;
        Ok((tables, whole.then_some(shape.records)))
    }
}

#[async_trait]
impl Connector for Http {
    async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        let mut all: Vec<(String, Found)> = Vec::new();
        for (name, resource) in &self.source.resources {
            let (tables, rows) = self.look(resource).await.map_err(|error| error.in_table(name))?;
            for table in tables {
                let words: Vec<&str> =
                    std::iter::once(name.as_str()).chain(table.path.iter().map(String::as_str)).collect();
                let plain = words.join("_");
                let taken = self.source.resources.contains_key(&plain) && !table.path.is_empty();
                let called = if taken { words.join("__") } else { plain };
                all.push((called, found(name, table, rows)));
            }
        }
        all.sort_by(|one, other| one.1.locator.cmp(&other.1.locator));
        Ok(all)
    }

    async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        let (name, path) = located(&request.locator);
        let resource = self.source.resources.get(&name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.source.resources.keys().map(String::as_str).collect();
            Error::missing(format!("the source has no resource '{name}'")).hint(format!("It has: {}", known.join(", ")))
        })?;
        Ok(read::stream(Arc::clone(&self.api), resource, name, path, request))
    }

    /// Whether the first page of the first resource can be had.
    async fn test(&self) -> Result<()> {
        let Some((name, resource)) = self.source.resources.iter().next() else {
            return Err(Error::spec("the source has no resources").hint("Add one below `resources`"));
        };
        let mut pages = Pages::new(&self.api, resource, None)?;
        pages.next(|_| Ok(())).await.map(drop).map_err(|error| error.in_table(name))
    }
}

fn found(resource: &str, table: Table, records: Option<u64>) -> Found {
    // How many items the lists hold is not counted.
    let rows = records.filter(|_| table.path.is_empty());
    Found {
        locator: locator(resource, &table.path),
        kind: FoundKind::Jsonl,
        rows,
        rows_exact: rows.is_some(),
        bytes: None,
        fields: table.fields,
        primary_key: table.key,
        foreign_keys: Vec::new(),
        partial: BTreeMap::new(),
        format: None,
        declared: None,
    }
}

/// `orders`, or `orders/items` of the lists inside its records.
fn locator(resource: &str, path: &[String]) -> String {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    path.iter().fold(escaped(resource), |whole, name| format!("{whole}/{}", escaped(name)))
}

fn located(locator: &str) -> (String, Vec<String>) {
    let mut names = http::located(locator);
    let resource = names.next().unwrap_or_default();
    (resource, names.collect())
}
