//! Every stage of one output, one behind the other.

use super::stage;
use super::world::World;
use crate::load::Receipt;
use windvane_core::error::Result;
use windvane_plan::Plan;

/// Every stage of one output.
pub(super) async fn staged(world: &World, plan: &Plan, output: &str, run: &str) -> Result<Receipt> {
    let inputs = stage::extract(world, plan, output, run).await?;
    let transformed = stage::transform(world, plan, output, run, &inputs).await?;
    let verdict = stage::validate(world, plan, output, run, &inputs, &transformed).await?;
    stage::load(world, plan, output, run, &verdict).await
}
