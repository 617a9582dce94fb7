//! Rows to a Python callable: it pulls them as they come.

use super::blocking;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchReader};
use futures::StreamExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{Receiver, channel};
use windvane_connect::python_callbacks::PythonCallbacks;
use windvane_connect::read_back::counted;
use windvane_connect::{CONTENT_ROWS, LoadRequest, Loaded, RowStream, Rows};
use windvane_core::error::{Error, Result};
use windvane_core::schema::checksum::Checksum;
use windvane_core::schema::{arrow::native_types, native::to_native};
use windvane_core::spec::target::Verify;

/// Batches that wait for a slow callable.
const WAITING: usize = 2;

/// What the callable has pulled.
#[derive(Default)]
struct Progress {
    rows: AtomicU64,
    bytes: AtomicU64,
    ended: AtomicBool,
    failed: Mutex<Option<Error>>,
}

/// The rows, for one thread that waits for them.
struct Pulled {
    schema: SchemaRef,
    batches: Receiver<Result<RecordBatch>>,
    progress: Arc<Progress>,
}

impl Iterator for Pulled {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.batches.blocking_recv() {
            Some(Ok(batch)) => {
                self.progress.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                self.progress.bytes.fetch_add(batch.get_array_memory_size() as u64, Ordering::Relaxed);
                Some(Ok(batch))
            }
            Some(Err(error)) => {
                let words = error.to_string();
                *self.progress.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Some(Err(ArrowError::ExternalError(words.into())))
            }
            None => {
                self.progress.ended.store(true, Ordering::Relaxed);
                None
            }
        }
    }
}

impl RecordBatchReader for Pulled {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

pub(super) async fn load(
    callbacks: Arc<dyn PythonCallbacks>,
    object: String,
    request: LoadRequest,
    mut rows: Rows,
) -> Result<Loaded> {
    let words = serde_json::json!({
        "load_id": request.load_id,
        "mode": request.mode,
        "dataset": request.dataset,
        "key": request.key,
    });
    let progress = Arc::new(Progress::default());
    let (sender, batches) = channel(WAITING);
    let pulled = Pulled { schema: native_types(&request.schema), batches, progress: Arc::clone(&progress) };
    let mut stream = closed(rows.open()?, request.clone());
    let columns = request.schema.clone();
    let feeding = async move {
        while let Some(batch) = stream.next().await {
            let batch = batch.and_then(|batch| to_native(&batch, &columns));
            let failed = batch.is_err();
            // A closed channel is a callable that is done; how far it came is judged below.
            if sender.send(batch).await.is_err() || failed {
                return;
            }
        }
    };
    let named = object.clone();
    let giving = blocking(move || callbacks.give(&named, Box::new(pulled), &words.to_string()));
    let ((), taken) = tokio::join!(feeding, giving);
    // The source's own error comes first: the callable only repeats its words.
    if let Some(error) = progress.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    let taken = taken?;
    let given = progress.rows.load(Ordering::Relaxed);
    let refused = |message: String, hint: &str| Err(Error::data(message).hint(hint).at_path(&object));
    if !progress.ended.load(Ordering::Relaxed) {
        return refused(
            format!("'{object}' returned after {given} rows, and there are more"),
            "It must read the stream to its end, or raise",
        );
    }
    if let Some(taken) = taken.filter(|taken| *taken != given) {
        return refused(
            format!("'{object}' took {taken} rows and was given {given}"),
            "What it left out must not be lost: let it raise instead",
        );
    }
    Ok(counted(&request, given, progress.bytes.load(Ordering::Relaxed)))
}

/// The rows, which end only when they are those that were promised: a callable may make them visible as soon as it has
/// read them to their end.
fn closed(rows: RowStream, request: LoadRequest) -> RowStream {
    let sum = (request.verify != Verify::Rows).then(Checksum::default);
    let state = Some((rows, request, 0, sum));
    let next = |state: Option<(RowStream, LoadRequest, u64, Option<Checksum>)>| async move {
        let (mut rows, request, mut came, mut sum) = state?;
        let batch = match rows.next().await {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => return Some((Err(error), None)),
            None => {
                let checksum = sum.as_ref().map(Checksum::finish);
                let told = Loaded { checksum, ..counted(&request, came, 0) };
                return request.close(&told).err().map(|error| (Err(error), None));
            }
        };
        came += batch.num_rows() as u64;
        if request.verify == Verify::Auto && came > CONTENT_ROWS {
            sum = None;
        }
        match sum.as_mut().map_or(Ok(()), |sum| sum.update(&batch)) {
            Ok(()) => Some((Ok(batch), Some((rows, request, came, sum)))),
            Err(error) => Some((Err(error), None)),
        }
    };
    futures::stream::unfold(state, next).boxed()
}
