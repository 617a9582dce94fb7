//! Every stage of one output, one behind the other.

use super::run_context::RunContext;
use super::stage;
use crate::load::Receipt;
use windvane_core::error::Result;
use windvane_plan::Plan;

/// Every stage of one output.
pub(super) async fn staged(run_context: &RunContext, plan: &Plan, output: &str, run: &str) -> Result<Receipt> {
    let inputs = stage::extract(run_context, plan, output, run).await?;
    let transformed = stage::transform(run_context, plan, output, run, &inputs).await?;
    let verdict = stage::validate(run_context, plan, output, run, &inputs, &transformed).await?;
    stage::load(run_context, plan, output, run, &verdict).await
}
