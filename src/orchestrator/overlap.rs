//! Intervals of runs: rows lie in them, and a row that two of those that append hold would be at the target twice.
//!
//! A run that is triggered by hand in Airflow has the interval of a scheduled one, under another name. The target's own
//! ledger knows which intervals it holds.

use super::World;
use crate::connectors::Connection;
use crate::connectors::again::Window;
use crate::error::{Error, Kind, Result};
use crate::plan::{Output, Plan};
use crate::schema::infer;

/// Refuses an interval without any width.
pub(super) fn width(world: &World) -> Result<()> {
    let Some(interval) = &world.interval else { return Ok(()) };
    match (moment(&interval.start), moment(&interval.end)) {
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

/// Refuses an interval that another run has appended, or that holds one.
pub(super) async fn refuse(world: &World, plan: &Plan, output: &Output, others: &[(String, Window)]) -> Result<()> {
    let Some(interval) = &world.interval else { return Ok(()) };
    let mine = (moment(&interval.start), moment(&interval.end));
    let ends = |window: &Window| (window.low.as_deref().and_then(moment), window.high.as_deref().and_then(moment));
    let Some((run, window)) = others.iter().find(|(_, window)| within(mine, ends(window))) else { return Ok(()) };
    let asking = async { Connection::open_target(&plan.target, &world.context)?.holds(&output.dataset).await };
    if world.guarded(super::target_breaker(&plan.target), asking).await?.rows == Some(0) {
        // Rows that somebody has taken away are not there twice.
        return Ok(());
    }
    let (low, high) = (window.low.as_deref().unwrap_or_default(), window.high.as_deref().unwrap_or_default());
    let message = format!("run '{run}' has loaded the rows from {low} to {high} already: they would be there twice");
    Err(Error::new(Kind::Conflict, message).in_table(&output.dataset).hint(
        "Nothing was loaded. To do that interval again, run (in Airflow: clear) that run; or use the mode merge, with a \
         key",
    ))
}

/// Whether one lies within the other.
fn within(one: (Option<i64>, Option<i64>), other: (Option<i64>, Option<i64>)) -> bool {
    let inside = |a: i64, b: i64, c: i64, d: i64| a >= c && b <= d;
    matches!((one, other), ((Some(a), Some(b)), (Some(c), Some(d))) if inside(a, b, c, d) || inside(c, d, a, b))
}

/// A limit of an interval, with its zone or as the column writes it: in UTC.
fn moment(text: &str) -> Option<i64> {
    ["", "Z", "T00:00:00Z"].iter().find_map(|end| infer::timestamp_tz(&format!("{text}{end}")))
}
