//! The staging place itself: what lies there, and whether it can be used. Of an object store; a folder is Python's own.

use super::enter;
use super::json;
use super::world::Outside;
use pyo3::prelude::*;
use serde::Deserialize;
use std::sync::Arc;
use windvane_connectors::shelf::Shelf;
use windvane_core::error::{Error, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    world: Outside,
    /// Of files, below the place.
    #[serde(default)]
    names: Vec<String>,
}

fn shelf(request: Request) -> Result<(Arc<Shelf>, Vec<String>)> {
    let shelf = request.world.world()?.staging.shelf;
    let shelf =
        shelf.ok_or_else(|| Error::spec("staging is not in an object store").hint("Look at the folder itself"))?;
    Ok((shelf, request.names))
}

/// `{world}` to `{place}`, or the reason why staging cannot be used.
#[pyfunction]
pub(super) fn staging_ready(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (shelf, _) = shelf(json::request(&request)?)?;
        shelf.ready().await?;
        json::answer(&serde_json::json!({"place": shelf.place()}))
    })
}

/// `{world}` to `{place, files: [{name, bytes, modified}]}`.
#[pyfunction]
pub(super) fn staging_list(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (shelf, _) = shelf(json::request(&request)?)?;
        let files = shelf
            .below("")?
            .into_iter()
            .map(|kept| serde_json::json!({"name": kept.name, "bytes": kept.bytes, "modified": kept.modified}));
        json::answer(&serde_json::json!({"place": shelf.place(), "files": files.collect::<Vec<_>>()}))
    })
}

/// `{world, names}` to `{removed}`.
#[pyfunction]
pub(super) fn staging_remove(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (shelf, names) = shelf(json::request(&request)?)?;
        names.iter().try_for_each(|name| shelf.drop_name(name))?;
        json::answer(&serde_json::json!({"removed": names.len()}))
    })
}
