//! Intervals of runs, looked at before anything is read: they have a width, and no other run has appended any of their rows.

use super::planned::target_breaker;
use super::run_context::RunContext;
use windvane_connectors::Connection;
use windvane_connectors::rerun::{Facts, Window, overlap};
use windvane_core::error::{Error, Result};
use windvane_core::schema::infer;
use windvane_plan::{Output, Plan};

/// Refuses an interval without any width.
pub(super) fn width(run_context: &RunContext) -> Result<()> {
    let Some(interval) = &run_context.interval else { return Ok(()) };
    match (infer::timestamp_tz(&interval.start), infer::timestamp_tz(&interval.end)) {
        (Some(start), Some(end)) if start >= end => {
            // Airflow's own reading of a cron schedule: a point in time. Every run would be well and load nothing.
            let message =
                format!("no row lies in the run's data interval, from {} to {}", interval.start, interval.end);
            Err(Error::spec(message).hint(
                "The end comes after the start. A DAG of your own needs a schedule with intervals, such as \
                 CronDataIntervalTimetable(\"@daily\", timezone=\"UTC\"): Airflow 3 makes points in time of cron \
                 expressions",
            ))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// Refuses an interval of which another run has appended a part, or the whole, before anything is read. The load looks again.
pub(super) async fn refuse(
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
    run: &str,
    window: Window,
) -> Result<()> {
    let loads = run_context.loads(plan, output, u32::MAX).await?;
    let (pipeline, output_name) = (plan.pipeline.clone(), output.name.clone());
    let facts = Facts { pipeline, output: output_name, run: run.to_owned(), window: Some(window), ..Facts::default() };
    let Some(other) = overlap::taken(&facts, &loads) else { return Ok(()) };
    let asking =
        async { Connection::open_target(&plan.target, &run_context.context)?.target_state(&output.dataset).await };
    let held = run_context.guarded(target_breaker(&plan.target), asking).await?;
    if !held.exists || held.rows == Some(0) {
        // Rows that somebody has taken away are not there twice.
        return Ok(());
    }
    Err(overlap::refused(&facts, other).in_table(&output.dataset))
}
