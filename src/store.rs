//! The store, as Python sees it; and the stores that this process has open.

use super::{enter, errors, json};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use windvane_core::error::{Error, Result};
use windvane_store::Store;
use windvane_store::catalog::NewDataset;
use windvane_store::history::NewDecision;
use windvane_store::ledger::LedgerRow;
use windvane_store::runs::RunStatus;

/// The stores of the process with this id. Locked only while the GIL is held, so that no fork can catch it locked.
static STORES: Mutex<Option<(u32, HashMap<String, Store>)>> = Mutex::new(None);
static HOOKED: AtomicBool = AtomicBool::new(false);
/// How long a fork waits for calls of other threads to end.
const REST: Duration = Duration::from_secs(2);
/// How many rows a reader gets that does not say how many it wants.
const LIMIT: u32 = 100;

/// The store at a URL, the same one for every call of this process. Connects when it is first used.
pub(super) fn open(py: Python<'_>, url: &str) -> PyResult<Store> {
    close_before_forks(py)?;
    let mut stores = stores();
    let (_, known) = stores.get_or_insert_with(|| (std::process::id(), HashMap::new()));
    if let Some(store) = known.get(url) {
        return Ok(store.clone());
    }
    let store = Store::at(url).map_err(|error| errors::to_python(py, &error))?;
    known.insert(url.to_owned(), store.clone());
    Ok(store)
}

fn stores() -> MutexGuard<'static, Option<(u32, HashMap<String, Store>)>> {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if stores.as_ref().is_some_and(|(owner, _)| *owner != std::process::id()) {
        // A parent's stores are forgotten, not dropped: their connections and threads are the parent's.
        std::mem::forget(stores.take());
    }
    stores
}

/// Neither SQLite's locks nor a socket survive a fork, so Python closes idle connections before each one.
fn close_before_forks(py: Python<'_>) -> PyResult<()> {
    if !HOOKED.swap(true, Ordering::SeqCst) {
        let hook = py.import("windvane._core")?.getattr("store_rest")?;
        let arguments = pyo3::types::PyDict::new(py);
        arguments.set_item("before", hook)?;
        py.import("os")?.call_method("register_at_fork", (), Some(&arguments))?;
    }
    Ok(())
}

/// Closes the idle connections of all stores; the next call opens them again.
#[pyfunction]
pub(super) fn store_rest(py: Python<'_>) -> PyResult<()> {
    let open: Vec<Store> = stores().iter().flat_map(|(_, known)| known.values().cloned()).collect();
    if open.is_empty() {
        return Ok(());
    }
    enter::block_on(py, async move {
        for store in open {
            // A call that is still under way keeps its connection; there is no better answer to a fork in its middle.
            let _ = tokio::time::timeout(REST, store.rest()).await;
        }
        Ok(())
    })
}

/// Reads a request, opens the store it names, does the work, writes the answer.
macro_rules! door {
    ($(#[$meta:meta])* $verb:ident($request:ident: $Request:ty, $store:ident) $work:block) => {
        $(#[$meta])*
        #[pyfunction]
        pub(super) fn $verb(py: Python<'_>, request: &str) -> PyResult<String> {
            let $request: $Request = json::request(request).map_err(|error| errors::to_python(py, &error))?;
            let $store = open(py, &$request.store)?;
            enter::block_on(py, async move { json::answer(&$work) })
        }
    };
}
pub(super) use door;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InfoRequest {
    store: String,
}

door! {
    /// What a store is: `{store}` to `{backend, location, version}`. Creates or migrates it.
    store_info(request: InfoRequest, store) {
        json!({"version": store.version().await?, "backend": store.backend(), "location": store.location()})
    }
}

door! {
    /// The staging places that plans in the store name: `{store}` to `{places: [...]}`.
    staging_places(request: InfoRequest, store) {
        json!({"places": store.staging_places().await?})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunsRequest {
    store: String,
    #[serde(default)]
    pipeline: Option<String>,
    #[serde(default)]
    limit: Option<u32>,
}

door! {
    /// The newest runs first: `{store, pipeline?, limit?}` to `{runs: [...]}`.
    runs(request: RunsRequest, store) {
        json!({"runs": store.runs(request.pipeline.as_deref(), request.limit.unwrap_or(LIMIT)).await?})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PipelineRequest {
    store: String,
    pipeline: String,
    #[serde(default)]
    limit: Option<u32>,
}

door! {
    /// The newest decisions about a pipeline, oldest of them first: `{store, pipeline, limit?}` to `{decisions: [...]}`.
    decisions(request: PipelineRequest, store) {
        json!({"decisions": store.decisions(&request.pipeline, request.limit.unwrap_or(LIMIT)).await?})
    }
}

door! {
    /// The newest loads of a pipeline first: `{store, pipeline, limit?}` to `{ledger: [...]}`.
    ledger(request: PipelineRequest, store) {
        json!({"ledger": store.ledger(&request.pipeline, request.limit.unwrap_or(LIMIT)).await?})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsRequest {
    store: String,
    run: String,
}

door! {
    /// Everything that happened in a run: `{store, run}` to `{events: [...]}`.
    events(request: EventsRequest, store) {
        json!({"events": store.events(&request.run).await?})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchRequest {
    store: String,
    words: String,
    #[serde(default)]
    limit: Option<u32>,
}

door! {
    /// Datasets in which all words occur: `{store, words, limit?}` to `{datasets: [...]}`.
    catalog_search(request: SearchRequest, store) {
        json!({"datasets": store.catalog_search(&request.words, request.limit.unwrap_or(LIMIT)).await?})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetRequest {
    store: String,
    get: Get,
}

/// One thing by its id.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Get {
    Plan(String),
    Run(String),
    Load(String),
}

door! {
    /// One thing by its id, or null: `{store, get: {plan | run | load: ID}}`.
    store_get(request: GetRequest, store) {
        match request.get {
            Get::Plan(id) => json_of(store.plan(&id).await?)?,
            Get::Run(id) => json_of(store.run(&id).await?)?,
            Get::Load(id) => json_of(store.noted(&id).await?)?,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutRequest {
    store: String,
    put: Put,
}

/// One thing to note.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Put {
    Plan { id: String, pipeline: String, environment: Option<String>, document: Value },
    RunStarted { id: String, pipeline: String, plan: Option<String>, document: Value },
    RunFinished { id: String, status: RunStatus, document: Value },
    Load(LedgerRow),
    Decisions { pipeline: String, run: Option<String>, decisions: Vec<NewDecision> },
    Event { run: String, kind: String, document: Value },
    Catalog { pipeline: String, datasets: Vec<NewDataset> },
}

door! {
    /// Notes one thing: `{store, put: {plan | run_started | run_finished | load | decisions | event | catalog: {...}}}`
    /// to `{changed}`: false when a load was known already.
    store_put(request: PutRequest, store) {
        let mut changed = true;
        match request.put {
            Put::Plan { id, pipeline, environment, document } => {
                store.put_plan(&id, &pipeline, environment.as_deref(), &document).await?;
            }
            Put::RunStarted { id, pipeline, plan, document } => {
                store.start_run(&id, &pipeline, (plan.as_deref(), 0), &document).await?;
            }
            Put::RunFinished { id, status, document } => store.finish_run(&id, status, &document).await?,
            Put::Load(row) => changed = store.put_ledger(&row).await?,
            Put::Decisions { pipeline, run, decisions } => {
                store.put_decisions(&pipeline, run.as_deref(), &decisions).await?;
            }
            Put::Event { run, kind, document } => store.put_event(&run, &kind, &document).await?,
            Put::Catalog { pipeline, datasets } => store.put_catalog(&pipeline, &datasets).await?,
        }
        json!({"changed": changed})
    }
}

fn json_of<T: Serialize>(value: T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::internal("a row cannot be written").caused_by(&error))
}
