//! Whatever Python can give or take: objects with Arrow streams, Airflow's hooks, callables.
//!
//! Doors: [`PythonCallbacks`] is what the other side of the boundary does (the root's `callbacks`); [`PythonConnector`] is a connection made of it.
//!
//! Deliberately absent: Python itself, and any knowledge of which library made a stream.
//!
//! Invariants: user code runs on a thread of its own, while data moves and at no other time; what it raises is an error
//! with its words; rows come by the C data interface or, of hooks, as texts that keep every digit.
//!
//! A callable that takes rows has no transaction that we could join: it is called at least once a load. Exactly once
//! needs its help: it gets a `load_id`, the same for every attempt of a load.

mod give;
mod read;

use arrow::record_batch::RecordBatchReader;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use windvane_connect::connector::{Connector, Listed, described};
use windvane_connect::python_callbacks::{PythonCallbacks, Relation, Wanted};
use windvane_connect::{BatchStream, Context, Found, FoundKind, LoadRequest, Loaded, ReadRequest, Rows, blocking};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, arrow::from_arrow};
use windvane_core::spec::kinds::hook::HookSource;
use windvane_core::spec::kinds::python::{PythonSource, PythonTarget};

#[derive(Debug, Clone)]
pub struct PythonConnector {
    callbacks: Arc<dyn PythonCallbacks>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Object {
        object: String,
        dataset: String,
    },
    /// Dataset to what it is.
    Hook(BTreeMap<String, Relation>),
    Target(String),
}

impl PythonConnector {
    pub fn open_object(source: &PythonSource, context: &Context) -> Result<Self> {
        let own = source.object.rsplit([':', '.']).next().unwrap_or_default();
        let dataset = source.as_dataset.clone().unwrap_or_else(|| own.to_owned());
        Self::new(Place::Object { object: source.object.clone(), dataset }, context)
    }

    pub fn open_hook(source: &HookSource, context: &Context) -> Result<Self> {
        let relation = |table: Option<&String>, query: Option<&String>| Relation {
            connection: source.connection.clone(),
            table: table.cloned(),
            query: query.cloned(),
        };
        let tables = source.tables.iter().map(|table| (table.clone(), relation(Some(table), None)));
        let queries = source.queries.iter().map(|(name, query)| (name.clone(), relation(None, Some(query))));
        let relations: BTreeMap<String, Relation> = tables.chain(queries).collect();
        if relations.is_empty() {
            return Err(Error::spec("neither `tables` nor `queries` says what to read")
                .at_path("source.hook")
                .hint("A hook cannot list what a database has: name the tables, or write queries"));
        }
        Self::new(Place::Hook(relations), context)
    }

    pub fn open_target(target: &PythonTarget, context: &Context) -> Result<Self> {
        Self::new(Place::Target(target.object.clone()), context)
    }

    fn new(place: Place, context: &Context) -> Result<Self> {
        let callbacks =
            context.python.clone().ok_or_else(|| Error::internal("Python objects cannot be reached from here"))?;
        Ok(Self { callbacks, place })
    }
}

#[async_trait]
impl Connector for PythonConnector {
    async fn listed(&self) -> Result<Vec<Listed>> {
        let connector = self.clone();
        blocking(move || match &connector.place {
            Place::Object { object, dataset } => {
                let stream = connector.callbacks.open(object, &Wanted::default())?;
                let fields = from_arrow(&stream.schema()).map_err(|error| error.in_table(dataset))?;
                Ok(vec![(dataset.clone(), Ok(found(object, fields)))])
            }
            Place::Hook(relations) => Ok(relations
                .iter()
                .map(|(name, relation)| {
                    let fields = connector.callbacks.columns(relation).map_err(|error| error.in_table(name));
                    (name.clone(), fields.map(|fields| found(name, fields)))
                })
                .collect()),
            Place::Target(_) => Ok(Vec::new()),
        })
        .await
    }

    async fn read(&self, request: ReadRequest) -> Result<BatchStream> {
        let connector = self.clone();
        let rows = blocking(move || read::open(&connector, request)).await?;
        Ok(blocking::stream(rows, "a Python object"))
    }

    async fn load(&self, request: LoadRequest, rows: Rows) -> Result<Loaded> {
        match &self.place {
            Place::Target(object) => give::load(Arc::clone(&self.callbacks), object.clone(), request, rows).await,
            Place::Object { .. } | Place::Hook(_) => Err(Error::internal("a source is no target")),
        }
    }

    /// Of a target nothing can be tried without giving it rows.
    async fn test(&self) -> Result<()> {
        self.listed().await?.into_iter().try_for_each(|(_, found)| found.map(drop))
    }

    async fn datasets(&self) -> Result<Vec<(String, Found)>> {
        described(self.listed().await?)
    }
}

fn found(locator: &str, fields: Schema) -> Found {
    Found {
        locator: locator.to_owned(),
        kind: FoundKind::Table,
        rows: None,
        rows_exact: false,
        bytes: None,
        fields,
        primary_key: Vec::new(),
        foreign_keys: Vec::new(),
        partial: BTreeMap::new(),
        format: None,
        declared: None,
    }
}

/// User code waits on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|failure| Error::internal("calling Python failed").caused_by(&failure))?
}
