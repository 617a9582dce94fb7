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

/// The rows that another run has loaded.
pub(super) struct Taken {
    pub run: String,
    pub rows: u64,
    pub window: Window,
}

/// Refuses an interval of which another run has appended a part, or the whole. Intervals that meet share no row.
pub(super) async fn refuse(
    world: &World,
    plan: &Plan,
    output: &Output,
    (start, end): &(String, String),
    others: &[Taken],
) -> Result<()> {
    // As the column has them: of a date, a part of a day is the day.
    let (Some(from), Some(to)) = (moment(start), moment(end)) else { return Ok(()) };
    let shares = |other: &&Taken| {
        span(&other.window).is_some_and(|(low, high)| low < high && from < to && from < high && low < to)
    };
    let Some(Taken { run, rows, window }) = others.iter().find(shares) else { return Ok(()) };
    let asking = async { Connection::open_target(&plan.target, &world.context)?.holds(&output.dataset).await };
    let held = world.guarded(super::target_breaker(&plan.target), asking).await?;
    if !held.exists || held.rows == Some(0) {
        // Rows that somebody has taken away are not there twice.
        return Ok(());
    }
    let low = window.low.as_deref().unwrap_or("the beginning");
    let high = window.high.as_deref().unwrap_or_default();
    let message = format!(
        "run '{run}' has loaded the rows from {low} to {high} already ({rows} rows), and this run's are those from {start} \
         to {end}: what lies in both would be there twice"
    );
    Err(Error::new(Kind::Conflict, message).in_table(&output.dataset).hint(format!(
        "Nothing was loaded. Give the run an interval that ends at {low} or begins at {high}; to do that interval again, \
         run (in Airflow: clear) run '{run}'; or use the mode merge, with a key"
    )))
}

/// From its first moment to the first after it. A window that is no interval lacks its lower end and has its upper one.
fn span(window: &Window) -> Option<(i64, i64)> {
    let high = window.high.as_deref().and_then(moment)?;
    let low = match &window.low {
        Some(low) => moment(low)?,
        None => i64::MIN,
    };
    Some(if window.interval { (low, high) } else { (low.saturating_add(1), high.saturating_add(1)) })
}

/// A limit of an interval, with its zone or as the column writes it: in UTC.
fn moment(text: &str) -> Option<i64> {
    ["", "Z", "T00:00:00Z"].iter().find_map(|end| infer::timestamp_tz(&format!("{text}{end}")))
}
