//! The staging place itself: what lies there, and whether it can be used. Of an object store; a folder is Python's own.

use super::enter;
use super::json;
use super::run_context::RunContextRequest;
use pyo3::prelude::*;
use serde::Deserialize;
use std::sync::Arc;
use windvane_connectors::remote_folder::RemoteFolder;
use windvane_core::error::{Error, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    world: RunContextRequest,
    /// Of files, below the place.
    #[serde(default)]
    names: Vec<String>,
}

fn remote(request: Request) -> Result<(Arc<RemoteFolder>, Vec<String>)> {
    let remote = request.world.run_context()?.staging.remote;
    let remote =
        remote.ok_or_else(|| Error::spec("staging is not in an object store").hint("Look at the folder itself"))?;
    Ok((remote, request.names))
}

/// `{world}` to `{place}`, or the reason why staging cannot be used.
#[pyfunction]
pub(super) fn staging_ready(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (remote, _) = remote(json::request(&request)?)?;
        remote.ready().await?;
        json::answer(&serde_json::json!({"place": remote.place()}))
    })
}

/// `{world}` to `{place, files: [{name, bytes, modified}]}`.
#[pyfunction]
pub(super) fn staging_list(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (remote, _) = remote(json::request(&request)?)?;
        let files = remote
            .below("")?
            .into_iter()
            .map(|kept| serde_json::json!({"name": kept.name, "bytes": kept.bytes, "modified": kept.modified}));
        json::answer(&serde_json::json!({"place": remote.place(), "files": files.collect::<Vec<_>>()}))
    })
}

/// `{world, names}` to `{removed}`.
#[pyfunction]
pub(super) fn staging_remove(py: Python<'_>, request: &str) -> PyResult<String> {
    let request = request.to_owned();
    enter::block_on(py, async move {
        let (remote, names) = remote(json::request(&request)?)?;
        names.iter().try_for_each(|name| remote.drop_name(name))?;
        json::answer(&serde_json::json!({"removed": names.len()}))
    })
}
