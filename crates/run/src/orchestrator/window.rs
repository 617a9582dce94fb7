//! What an incremental run reads: a window of the watermark column, the same in every try of the run.
//!
//! By watermark, the store keeps the windows: a run's window begins where the last finished one ended and ends at the
//! largest value that its first try saw. It is finished when its rows are at the target. A run that was killed between
//! the target's commit and that note is found by asking the target's own ledger. By interval, the window is the run's data
//! interval and nothing is kept: retries, clears and backfills read the same rows by themselves.

use super::overlap;
use super::run_context::{LOOKED_THROUGH, RunContext};
use crate::extract::cursor::{Cursor, Upto};
use crate::extract::{Slice, drift};
use crate::load::{self, LoadAttempt};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::kernels::cmp::gt;
use arrow::compute::{SortOptions, sort_limit};
use arrow::datatypes as a;
use futures::StreamExt;
use std::sync::Arc;
use windvane_connectors::rerun::{LedgerLoad, Window};
use windvane_connectors::{Connection, RangeBound, RangeFilter, ReadRequest};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::faults;
use windvane_core::resilience::clock;
use windvane_core::schema::{DataType, Field, Schema, infer};
use windvane_core::spec::target::Mode;
use windvane_core::spec::{Incremental, Progress};
use windvane_engine::convert::text_at;
use windvane_plan::{Input, Output, Plan};
use windvane_store::Store;
use windvane_store::windows::{WindowRow, WindowState};

/// So long after its last sign of life the window of a run counts as given up.
const LEASE_SECONDS: i64 = 900;
/// Nothing lies between a moment and the one so many seconds before it; of a date, it is the day before.
const SMALLEST: f64 = 1e-6;

/// The rows of the input that this run reads. Opens the window on the first try.
pub(super) async fn slice(
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
    input: &Input,
    run: &str,
) -> Result<Slice> {
    let Some(incremental) = &output.incremental else { return Ok(Slice::default()) };
    let field = input.schema.field(&incremental.column).ok_or_else(|| {
        Error::missing(format!("the watermark column '{}' is not at the source", incremental.column))
            .in_table(&input.name)
            .hint("Run `windvane plan SPEC` and name a column that is there")
    })?;
    match incremental.by {
        Progress::Interval => {
            overlap::width(run_context)?;
            if output.mode == Mode::Append {
                let mine = meant(run_context, incremental, field)?;
                overlap::refuse(run_context, plan, output, run, mine).await?;
            }
            interval(run_context, incremental, (field, output.mode))
        }
        Progress::Watermark => {
            watermark(run_context, plan, output, input, (incremental, field), run).await.map_err(|error| {
                match run_context.store.as_ref().and_then(Store::given_up) {
                Some(_) => error.in_table(&output.name).hint(
                    "The store knows where the last run of this incremental dataset ended: nothing is read without it",
                ),
                None => error,
            }
            })
        }
    }
}

/// The window of a run, once it is open.
pub(super) async fn known(run_context: &RunContext, plan: &Plan, output: &Output, run: &str) -> Result<Option<Window>> {
    let Some(incremental) = output.incremental.as_ref() else { return Ok(None) };
    let column = incremental.column.clone();
    if incremental.by == Progress::Interval {
        let field = plan.input(&output.from).and_then(|input| input.schema.field(&column));
        let (Some(field), Some(_)) = (field, &run_context.interval) else { return Ok(None) };
        return meant(run_context, incremental, field).map(Some);
    }
    let Some(store) = kept(run_context, output)? else { return Ok(None) };
    let windows = store.windows(&plan.pipeline, &output.name).await?;
    let mine = windows.into_iter().find(|window| window.run == run);
    Ok(mine.map(|window| Window { column, low: window.low, high: window.high, interval: false }))
}

/// The window's rows are at the target.
pub(super) async fn done(run_context: &RunContext, plan: &Plan, output: &Output, run: &str) -> Result<()> {
    let Some(store) = kept(run_context, output)? else { return Ok(()) };
    store.set_window(&plan.pipeline, &output.name, run, WindowState::Open, WindowState::Done).await.map(drop)
}

/// The run failed: the next one may take the window's rows.
pub(super) async fn release(run_context: &RunContext, plan: &Plan, output: &str, run: &str) {
    let Some(store) = plan.output(output).and_then(|output| kept(run_context, output).ok().flatten()) else { return };
    let released = store.set_window(&plan.pipeline, output, run, WindowState::Open, WindowState::Released).await;
    if let Err(error) = released {
        tracing::warn!("the window of run {run} stays open until its lease ends: {error}");
    }
}

/// Before the rows become visible: nobody has taken them over, and nobody will in the next minutes.
pub(super) async fn still_mine(run_context: &RunContext, plan: &Plan, output: &Output, run: &str) -> Result<()> {
    let Some(store) = kept(run_context, output)? else { return Ok(()) };
    let windows = store.windows(&plan.pipeline, &output.name).await?;
    let mine = windows.iter().find(|window| window.run == run);
    match mine.map(|window| window.state) {
        Some(WindowState::Done) => Ok(()),
        Some(WindowState::Open) => {
            store.set_window(&plan.pipeline, &output.name, run, WindowState::Open, WindowState::Open).await.map(drop)
        }
        // A stage that is tried again after the run was given up.
        Some(WindowState::Released) if reopened(store, plan, output, run, &windows).await? => Ok(()),
        Some(WindowState::Released | WindowState::Superseded) | None => {
            Err(Error::new(Kind::Conflict, format!("another run has taken over the rows of run '{run}'"))
                .in_table(&output.dataset)
                .hint("Nothing was loaded. Clear the whole run, or leave it: its rows are loaded by the other run"))
        }
    }
}

/// The store, when this output has windows in it.
fn kept<'a>(run_context: &'a RunContext, output: &Output) -> Result<Option<&'a Store>> {
    match &output.incremental {
        Some(incremental) if incremental.by == Progress::Watermark => {
            run_context.store.as_ref().map(Some).ok_or_else(|| {
                Error::spec("an incremental dataset needs a store that remembers where the last run ended")
                    .in_table(&output.name)
                    .hint("Name a store (WINDVANE_STORE, or [windvane] store in Airflow), or use `by: interval`")
            })
        }
        _ => Ok(None),
    }
}

async fn watermark(
    run_context: &RunContext,
    plan: &Plan,
    output: &Output,
    input: &Input,
    (incremental, field): (&Incremental, &Field),
    run: &str,
) -> Result<Slice> {
    let Some(store) = kept(run_context, output)? else { return Ok(Slice::default()) };
    let (pipeline, name) = (&plan.pipeline, &output.name);
    // Each round settles one window of another run, or loses a race to one.
    for _ in 0..100 {
        let windows = store.windows(pipeline, name).await?;
        if let Some(mine) = windows.iter().find(|window| window.run == run) {
            let usable = match mine.state {
                WindowState::Open | WindowState::Done => true,
                WindowState::Released => reopened(store, plan, output, run, &windows).await?,
                WindowState::Superseded => false,
            };
            if usable {
                return bounds(incremental, (field, output.mode), mine.low.as_deref(), mine.high.as_deref());
            }
            store.set_window(pipeline, name, run, WindowState::Released, WindowState::Superseded).await?;
            continue;
        }
        let unfinished = |window: &&WindowRow| matches!(window.state, WindowState::Open | WindowState::Released);
        if let Some(other) = windows.iter().find(unfinished) {
            settle(run_context, store, plan, output, other).await?;
            continue;
        }
        let Ledger { mine, high: loaded } = ledger(run_context, plan, output, field, run).await?;
        if let Some(Window { low, high, .. }) = mine {
            // This store is not the one that the run began with.
            store.open_window(pipeline, name, run, &plan.id, (low.as_deref(), high.as_deref())).await?;
            continue;
        }
        let last = larger(field, store.watermark(pipeline, name).await?, loaded);
        let low = last.filter(|_| !faults::planted("window_forgotten"));
        let newest = newest(run_context, plan, input, (incremental, field), low.as_deref()).await?;
        let newest = newest.map(|newest| waiting(incremental, (field, output.mode), low.as_deref(), newest));
        let high = newest.or_else(|| low.clone());
        store.open_window(pipeline, name, run, &plan.id, (low.as_deref(), high.as_deref())).await?;
    }
    Err(Error::new(Kind::Unavailable, "other runs of this dataset open windows faster than this one can")
        .in_table(name)
        .hint("Run them one after the other"))
}

/// What the target's own ledger says of windows: a store may have been lost, restored from an old copy or replaced.
struct Ledger {
    /// Of this run.
    mine: Option<Window>,
    /// The end of the furthest one.
    high: Option<String>,
}

async fn ledger(run_context: &RunContext, plan: &Plan, output: &Output, field: &Field, run: &str) -> Result<Ledger> {
    let loads = run_context.loads(plan, output, LOOKED_THROUGH).await?;
    let ours = |load: &&LedgerLoad| load.facts.pipeline == plan.pipeline && load.facts.output == output.name;
    let of = |load: &LedgerLoad| {
        let window = load.facts.window.clone().filter(|window| window.column == field.name);
        window.map(|window| as_watermark(window, field))
    };
    let mine = loads.iter().filter(ours).find(|load| load.facts.run == run).and_then(of);
    let highs = loads.iter().filter(ours).filter_map(|load| of(load)?.high);
    Ok(Ledger { mine, high: highs.fold(None, |furthest, high| larger(field, furthest, Some(high))) })
}

/// An interval in the words of a watermark, of a spec that was changed: its end was not read, its beginning was.
fn as_watermark(window: Window, field: &Field) -> Window {
    if !window.interval {
        return window;
    }
    let before = |end: Option<String>| end.map(|end| behind(&end, field.data_type, SMALLEST).unwrap_or(end));
    Window { low: before(window.low), high: before(window.high), interval: false, ..window }
}

/// The larger of two values of a column; what is no value of it any more counts less.
fn larger(field: &Field, one: Option<String>, other: Option<String>) -> Option<String> {
    let (Some(a), Some(b)) = (&one, &other) else { return one.or(other) };
    let (values, wrong) = infer::parse(&StringArray::from(vec![a.as_str(), b.as_str()]), field.data_type);
    if let Some(at) = wrong.first() {
        return if *at == 0 { other } else { one };
    }
    let order = SortOptions { descending: true, nulls_first: false };
    let largest = sort_limit(&values, Some(order), Some(1)).ok().and_then(|one| word(&one, field.data_type));
    largest.or(one)
}

/// Takes a released window up again, when no other run has one since.
async fn reopened(store: &Store, plan: &Plan, output: &Output, run: &str, windows: &[WindowRow]) -> Result<bool> {
    if windows.first().is_none_or(|newest| newest.run != run) {
        return Ok(false);
    }
    store.set_window(&plan.pipeline, &output.name, run, WindowState::Released, WindowState::Open).await
}

/// Finishes or supersedes the window of another run: its own load says which.
async fn settle(
    run_context: &RunContext,
    store: &Store,
    plan: &Plan,
    output: &Output,
    other: &WindowRow,
) -> Result<()> {
    let silent = seconds_since(&other.touched_at).is_none_or(|seconds| seconds >= LEASE_SECONDS);
    // A process that was killed at it is known to be dead at once.
    let idle = silent || store.lease_is_orphan(&RunContext::lease(plan, &other.run)).await?;
    if other.state == WindowState::Open && !idle {
        return Err(Error::new(Kind::Unavailable, format!("run '{}' is moving this dataset now", other.run))
            .in_table(&output.name)
            .hint(format!(
                "Run them one after the other; a run that shows no life for {LEASE_SECONDS} s is passed over"
            )));
    }
    let theirs = LoadAttempt { run: other.run.clone(), ..LoadAttempt::default() };
    let loaded = load::done(plan, output, &theirs, &run_context.context).await?.is_some();
    let next = if loaded { WindowState::Done } else { WindowState::Superseded };
    store.set_window(&plan.pipeline, &output.name, &other.run, other.state, next).await.map(drop)
}

fn seconds_since(at: &str) -> Option<i64> {
    let then = infer::timestamp_tz(at)?;
    let now = infer::timestamp_tz(&clock::now().rfc3339())?;
    Some((now - then) / 1_000_000)
}

/// The largest value above `low`, from the column alone.
async fn newest(
    run_context: &RunContext,
    plan: &Plan,
    input: &Input,
    (incremental, field): (&Incremental, &Field),
    low: Option<&str>,
) -> Result<Option<String>> {
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    // The source may write the name otherwise now.
    let name = drift::name_now(source, input, &field.name, &run_context.context).await?;
    let field = &Field { name, ..field.clone() };
    let schema = Schema::new(vec![field.clone()]);
    let request = ReadRequest::whole(input.locator.clone(), input.kind, input.format.clone(), schema);
    let beyond = beyond(incremental, field)?;
    let (from, to) = (low.map(|low| (low, false)), beyond.as_deref().map(|beyond| (beyond, true)));
    // Also without an end: a source that cannot choose rows by the column says so before the first load.
    let request = ReadRequest { within: vec![within(field, from, to, false)], ..request };
    let mut batches = Connection::open_source(source, &run_context.context)?.read(request).await?;
    let mut largest: Option<ArrayRef> = None;
    while let Some(batch) = batches.next().await {
        let column = Arc::clone(batch?.rows.column(0));
        let both = match &largest {
            Some(known) => {
                arrow::compute::concat(&[known.as_ref(), column.as_ref()]).map_err(|error| broken(&error))?
            }
            None => column,
        };
        let order = SortOptions { descending: true, nulls_first: false };
        largest = Some(sort_limit(&both, Some(order), Some(1)).map_err(|error| broken(&error))?);
    }
    Ok(largest.filter(|one| !one.is_empty()).and_then(|one| word(&one, field.data_type)))
}

/// A watermark as it is kept. A single float has the digits of the double that it is: it stays what it is when the column
/// becomes one of doubles.
fn word(one: &ArrayRef, data_type: DataType) -> Option<String> {
    match one.as_primitive_opt::<a::Float32Type>() {
        Some(single) if !single.is_empty() && single.is_valid(0) => Some(f64::from(single.value(0)).to_string()),
        Some(_) | None => text_at(one, data_type, 0),
    }
}

fn broken(error: &arrow::error::ArrowError) -> Error {
    Error::internal("a watermark could not be compared").caused_by(error)
}

/// Where the window ends: an append waits until rows are the lag behind, so that late ones are among them.
fn waiting(incremental: &Incremental, (field, mode): (&Field, Mode), low: Option<&str>, newest: String) -> String {
    let Some(lag) = incremental.lag.filter(|_| !mode.by_key()) else { return newest };
    let end = behind(&newest, field.data_type, lag).unwrap_or(newest);
    // Nothing is old enough yet.
    match low {
        Some(low) if !is_above(&end, low, field.data_type) => low.to_owned(),
        _ => end,
    }
}

fn is_above(one: &str, other: &str, data_type: DataType) -> bool {
    let (both, _) = infer::parse(&StringArray::from(vec![one, other]), data_type);
    gt(&both.slice(0, 1), &both.slice(1, 1)).is_ok_and(|above| above.true_count() == 1)
}

/// The rows of a window. What lies between its ends is its own; of rows with the value at which the last one ended, those
/// that came later too, where reading them again does no harm. Without a value there is no window: such rows are read
/// every time, or refused.
fn bounds(
    incremental: &Incremental,
    (field, mode): (&Field, Mode),
    low: Option<&str>,
    high: Option<&str>,
) -> Result<Slice> {
    let again = mode.by_key();
    let from = low.map(|low| match incremental.lag.filter(|_| again) {
        Some(lag) => (behind(low, field.data_type, lag).unwrap_or_else(|| low.to_owned()), true),
        None => (low.to_owned(), again),
    });
    let beyond = beyond(incremental, field)?;
    // Nothing is left out at the upper end: what lies beyond is read to be refused, and so is what the column's planned type
    // does not hold (more digits, a text among numbers).
    let within = from.as_ref().map(|(value, inclusive)| within(field, Some((value, *inclusive)), None, true));
    let upto = high.map_or(Upto::Nothing, |high| Upto::Value(high.to_owned()));
    let cursor = Some(Cursor { beyond, ..cursor(field, mode, upto) });
    Ok(Slice { within: within.into_iter().collect(), cursor, ..Slice::default() })
}

fn cursor(field: &Field, mode: Mode, upto: Upto) -> Cursor {
    let no_value = (!mode.by_key())
        .then(|| format!("'{}' has no value: an append cannot tell whether such a row was loaded before", field.name));
    Cursor { column: field.name.clone(), data_type: field.data_type, upto, beyond: None, no_value }
}

/// The largest value that a window may end at; nothing where every value is one that others can follow.
fn beyond(incremental: &Incremental, field: &Field) -> Result<Option<String>> {
    match field.data_type {
        DataType::Date | DataType::Timestamp | DataType::TimestampTz => {
            let now = infer::timestamp_tz(&clock::now().rfc3339()).ok_or_else(|| Error::internal("now is no time"))?;
            #[expect(clippy::cast_possible_truncation, reason = "a horizon is a rough thing, and the cast saturates")]
            let ahead = (incremental.seconds_ahead() * 1e6) as i64;
            moment(now.saturating_add(ahead), field.data_type).map(Some)
        }
        DataType::Float32 => Ok(Some(f32::MAX.to_string())),
        DataType::Float64 => Ok(Some(f64::MAX.to_string())),
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Time
        | DataType::Json
        | DataType::Uuid => Ok(None),
    }
}

/// Microseconds since 1970 as a value of a column.
fn moment(moment: i64, data_type: DataType) -> Result<String> {
    let texts: ArrayRef = match data_type {
        DataType::Timestamp => Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![moment])),
        DataType::TimestampTz => {
            Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![moment]).with_timezone("UTC"))
        }
        DataType::Date => {
            let days = i32::try_from(moment.div_euclid(86_400_000_000)).unwrap_or(i32::MAX);
            Arc::new(arrow::array::Date32Array::from(vec![days]))
        }
        other => {
            return Err(Error::spec(format!("a data interval has no meaning for a column of type {other}"))
                .hint("Use a date or timestamp column, or `by: watermark`"));
        }
    };
    text_at(&texts, data_type, 0).ok_or_else(|| Error::internal("a moment has no text"))
}

fn interval(run_context: &RunContext, incremental: &Incremental, (field, mode): (&Field, Mode)) -> Result<Slice> {
    let (start, end) = ends(run_context, incremental, field)?;
    let inside = within(field, Some((&start, true)), Some((&end, false)), true);
    Ok(Slice { within: vec![inside], cursor: Some(cursor(field, mode, Upto::Every)), ..Slice::default() })
}

fn meant(run_context: &RunContext, incremental: &Incremental, field: &Field) -> Result<Window> {
    let (low, high) = ends(run_context, incremental, field)?;
    Ok(Window { column: incremental.column.clone(), low: Some(low), high: Some(high), interval: true })
}

/// The data interval of the run as values of the column, from so much earlier on as the lag says.
fn ends(run_context: &RunContext, incremental: &Incremental, field: &Field) -> Result<(String, String)> {
    let interval = run_context.interval.as_ref().ok_or_else(|| {
        Error::spec("the dataset is read by data interval, and the run has none")
            .hint("Airflow gives one to scheduled runs; at a shell say --interval START END")
    })?;
    let at = |text: &str| {
        let at = infer::timestamp_tz(text).ok_or_else(|| {
            Error::spec(format!("'{text}' is not a time with its zone")).hint("Write it like 2026-11-21T00:00:00Z")
        })?;
        moment(at, field.data_type)
    };
    let start = at(&interval.start)?;
    let start = match incremental.lag {
        Some(lag) => behind(&start, field.data_type, lag).unwrap_or(start),
        None => start,
    };
    Ok((start, at(&interval.end)?))
}

fn within(field: &Field, from: Option<(&str, bool)>, to: Option<(&str, bool)>, nulls: bool) -> RangeFilter {
    let limit = |(value, inclusive): (&str, bool)| RangeBound { value: value.to_owned(), inclusive };
    RangeFilter {
        column: field.name.clone(),
        data_type: field.data_type,
        from: from.map(limit),
        to: to.map(limit),
        nulls,
    }
}

/// A value so much smaller: seconds of dates and times, otherwise the number itself. Nothing where that cannot be said.
#[expect(clippy::cast_possible_truncation, reason = "a lag is a rough thing; it only widens")]
fn behind(value: &str, data_type: DataType, lag: f64) -> Option<String> {
    let (one, wrong) = infer::parse(&StringArray::from(vec![value]), data_type);
    if !wrong.is_empty() {
        return None;
    }
    let microseconds = (lag * 1e6).ceil() as i64;
    let moved: ArrayRef = match data_type {
        DataType::Date => {
            let days = (lag / 86_400.0).ceil() as i32;
            Arc::new(one.as_primitive::<a::Date32Type>().unary::<_, a::Date32Type>(|day| day.saturating_sub(days)))
        }
        DataType::Timestamp | DataType::TimestampTz => {
            let moments = one.as_primitive::<a::TimestampMicrosecondType>();
            let zone = moments.timezone().map(str::to_owned);
            let earlier = moments.unary::<_, a::TimestampMicrosecondType>(|at| at.saturating_sub(microseconds));
            Arc::new(earlier.with_timezone_opt(zone))
        }
        DataType::Int16 => Arc::new(
            one.as_primitive::<a::Int16Type>().unary::<_, a::Int16Type>(|n| n.saturating_sub(lag.ceil() as i16)),
        ),
        DataType::Int32 => Arc::new(
            one.as_primitive::<a::Int32Type>().unary::<_, a::Int32Type>(|n| n.saturating_sub(lag.ceil() as i32)),
        ),
        DataType::Int64 => Arc::new(
            one.as_primitive::<a::Int64Type>().unary::<_, a::Int64Type>(|n| n.saturating_sub(lag.ceil() as i64)),
        ),
        DataType::Float32 => {
            Arc::new(one.as_primitive::<a::Float32Type>().unary::<_, a::Float32Type>(|n| n - lag as f32))
        }
        DataType::Float64 => Arc::new(one.as_primitive::<a::Float64Type>().unary::<_, a::Float64Type>(|n| n - lag)),
        DataType::Decimal { scale, .. } => {
            let digits = (lag * 10_f64.powi(i32::from(scale))).ceil() as i128;
            let smaller =
                one.as_primitive::<a::Decimal128Type>().unary::<_, a::Decimal128Type>(|n| n.saturating_sub(digits));
            Arc::new(smaller.with_data_type(one.data_type().clone()))
        }
        DataType::Boolean | DataType::Text | DataType::Binary | DataType::Time | DataType::Json | DataType::Uuid => {
            return None;
        }
    };
    word(&moved, data_type)
}
