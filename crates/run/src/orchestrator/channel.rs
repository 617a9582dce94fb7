//! Between the flow and the target: rows, and the word that ends them.

use arrow::record_batch::RecordBatch;
use futures::stream::{Stream, unfold};
use tokio::sync::mpsc::Receiver;
use windvane_connectors::expectation::{Expectation, ExpectedLoad};
use windvane_core::error::{Error, Result};

/// What goes to the writer.
pub(super) enum Item {
    Rows(RecordBatch),
    /// After these rows.
    End(Box<ExpectedLoad>),
}

/// The rows until the flow says that it is done, which is also the promise that the target compares with before its
/// commit; silence is an error, and so are more or fewer rows.
pub(super) fn until_the_end(
    rows: Receiver<Result<Item>>,
    expectation: Expectation,
) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
    unfold(Some((rows, expectation, 0)), |state| async move {
        let (mut rows, expectation, came) = state?;
        match rows.recv().await {
            Some(Ok(Item::Rows(batch))) => {
                let came = came + batch.num_rows() as u64;
                Some((Ok(batch), Some((rows, expectation, came))))
            }
            Some(Ok(Item::End(promised))) if promised.expected.rows == came => {
                expectation.say(*promised);
                None
            }
            Some(Ok(Item::End(promised))) => {
                let sent = promised.expected.rows;
                let message = format!("{sent} rows flowed, {came} came to the target: nothing was loaded");
                Some((Err(Error::internal(message)), None))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(Error::internal("the flow of rows stopped in the middle")), None)),
        }
    })
}
