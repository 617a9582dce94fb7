//! What the user asks for: the spec and the words it is written in.
//!
//! Doors: `read` (text to [`Spec`], every mistake located, all at once), `problem` (a located mistake), `schema` (JSON
//! Schema generated from these types), `find` (the spec files of a folder), `hash` (of what matters to a plan), `template`
//! (what each run fills in). The types
//! themselves are plain data: `kinds` (of `source` and `target`), `step`, `check`.
//!
//! Inside `read`: `tree` (located nodes) -> `overlay` (environments) -> `validate` against `rules` (the JSON Schema) and
//! `semantics` (what a schema cannot say); `locate` collects the problems, `hint` finds the way out.
//!
//! Deliberately absent: I/O other than finding and reading spec files, secrets (a spec names connections, it never holds one),
//! Airflow.
//!
//! Invariants: closed and externally tagged, so a misspelt key is an error and never ignored; the same text gives the
//! same [`Spec`]; what `read` returns serializes and reads back to itself.

pub mod advice;
pub mod check;
pub mod columns;
pub mod drift;
pub mod find;
pub mod form;
pub mod guard;
pub mod hash;
pub mod keep;
pub mod kinds;
pub mod load;
pub mod path;
pub mod pattern;
pub mod problem;
pub mod read;
pub mod schema;
pub mod source;
pub mod step;
pub mod target;
pub mod template;

mod hint;
mod locate;
mod node;
mod overlay;
mod rules;
mod scalar;
mod semantics;
mod tree;
mod validate;
pub mod verb;

use check::Check;
use columns::Columns;
use drift::Drift;
use guard::{Guards, Quarantine};
use keep::Keeps;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use source::Source;
use std::collections::BTreeMap;
use step::Step;
use target::{Absent, LoadId, Mode, OnDuplicate, Target, Verify};

/// A pipeline: where data is, where it must go and what must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The pipeline's name and the Airflow DAG id: letters, digits, `_`, `-` and `.`, at most 200.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.\-]{1,200}$"))]
    pub pipeline: String,
    /// What it is for, in plain words: what agents plan from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Cron expression, Airflow preset (`@daily`), or absent: triggered by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The time zone that `schedule` and `start_date` are meant in, such as `Europe/Stockholm`; UTC by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// First day of the schedule, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub start_date: Option<String>,
    /// Whether Airflow runs the intervals between `start_date` and now.
    #[serde(default, skip_serializing_if = "is_default")]
    pub catchup: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    /// How often a task is tried again after a failure that may pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub retries: Option<u32>,
    /// Seconds between tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub retry_delay: Option<f64>,
    /// Where data is. Exactly one of `source` and `sources`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Several named sources; their datasets are called `name.dataset`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sources: BTreeMap<String, Source>,
    /// Where data must go.
    pub target: Target,
    /// Settings of single datasets; a dataset not named here moves as it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub datasets: BTreeMap<String, DatasetSpec>,
    /// What is done to every loaded dataset, in this order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub steps: Vec<Step>,
    /// What must hold of every loaded dataset.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checks: Vec<Check>,
    /// What happens when the source's columns change.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drift: Drift,
    /// What happens to rows that cannot be read or break a check.
    #[serde(default, skip_serializing_if = "is_default")]
    pub errors: ErrorPolicy,
    /// Keeps quarantined rows in a table at the target too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    /// Where rows rest between stages: an absolute folder that all workers share, or one of an object store
    /// (`s3://…`, `gs://…`, `az://…`; `s3://CONNECTION@bucket/folder` names the connection). By default what the
    /// environment or the configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging: Option<String>,
    /// What a run may not do in silence.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guard: Guards,
    /// What of the source's tables a table takes over that is made at the target.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep: Keeps,
    /// How a load is proved before it becomes visible.
    #[serde(default, skip_serializing_if = "is_default")]
    pub verify: Verify,
    /// Per environment (`dev`, `prod`), what differs: any of the keys above except `pipeline`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub environments: BTreeMap<String, Overlay>,
}

/// The part of a spec that an environment replaces; merged into the document before it is checked as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Overlay(pub serde_json::Map<String, serde_json::Value>);

/// Settings of one loaded dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// The source dataset it starts from; by default the one of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The table or file name at the target; by default the dataset's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What identifies a row, for `merge` and `history`; by default the source's primary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Columns>,
    /// What `merge` and `history` do to rows of the target that were not loaded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub absent: Absent,
    /// Which row `merge` and `history` take when the load has a key twice. By default the last one, by the watermark
    /// or, of files and sorted rows, in their order; where neither is known the others go to quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_duplicate: Option<OnDuplicate>,
    /// Read only what is new since the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incremental: Option<Incremental>,
    /// Into how many parts the reading is split; each is a mapped task in Airflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub partitions: Option<u32>,
    /// How the rows travel; the plan chooses by default and says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Done after the pipeline's own steps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub steps: Vec<Step>,
    /// Checked beside the pipeline's own checks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub checks: Vec<Check>,
    /// What happens when this dataset's source changes; by default as the pipeline's own `drift`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// What a run may not do to this dataset in silence; what is not said here is as in the pipeline's own `guard`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guard: Guards,
    /// `true`: rows that are at the target and that windvane did not load may be replaced or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<bool>,
    /// What of the source's table a table takes over that is made for this dataset; what is not said here is as in the
    /// pipeline's own `keep`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep: Keeps,
    /// Of an appended table: every row carries the id of its load; by default as the target's own `load_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_id: Option<LoadId>,
    /// `false`: not loaded on its own (a table that is only joined to is left out anyway).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<bool>,
}

/// Reads only what is new.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incremental {
    /// A column of the source that only grows: a number, a date or a time. `merge` and `history` read rows where it is
    /// null every time; `append` cannot tell whether it has them and puts them into quarantine.
    pub column: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: Progress,
    /// How far behind the newest row others may still arrive: seconds for dates and times, otherwise the number itself.
    /// `merge` and `history` read that far back again, and rows reach the target once; with `append` rows wait until they
    /// are that far behind the newest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub lag: Option<f64>,
    /// How far ahead of now a date or time may lie, in seconds; by default a day. Rows beyond go to quarantine: a run that
    /// had read up to 9999-12-31 would be the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub horizon: Option<f64>,
}

/// A day.
const HORIZON: f64 = 86_400.0;

impl Incremental {
    /// How far ahead of now a value may lie, in seconds.
    pub fn seconds_ahead(&self) -> f64 {
        self.horizon.unwrap_or(HORIZON)
    }
}

/// Where an incremental run begins and ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// After the largest value that was loaded.
    #[default]
    Watermark,
    /// At the run's data interval.
    Interval,
}

/// How rows travel from source to target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// At rest between the stages: each stage is a task that can be tried again alone.
    Staged,
    /// One task streams source, steps, checks and target; nothing rests in between.
    Fused,
    /// Rows go raw into temporary tables of the target (`PostgreSQL`) and the steps run there as SQL. A value that a step
    /// cannot compute stops the load.
    Pushdown,
}

/// What happens to rows that cannot be read or break a check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorPolicy {
    #[serde(default)]
    pub rows: RowPolicy,
    /// The older word for `guard: {quarantined: …}`: the share of rows (0 to 1) that may go to quarantine before the run
    /// fails and loads nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub max_quarantined: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowPolicy {
    /// The row goes to quarantine with the reason; the others are loaded.
    #[default]
    Quarantine,
    /// The first such row fails the run; nothing is loaded.
    Fail,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Spec {
    /// Every source by its name; the single `source` is called `source`.
    pub fn named_sources(&self) -> BTreeMap<String, Source> {
        let mut all = self.sources.clone();
        if let Some(source) = &self.source {
            all.insert("source".to_owned(), source.clone());
        }
        all
    }

    /// The ids of all connections that the pipeline needs at run time, sorted.
    pub fn connections(&self) -> Vec<String> {
        let sources = self.named_sources();
        let named = sources.values().filter_map(Source::resolved_connection).chain(self.target.connection());
        let ids: std::collections::BTreeSet<_> = named.map(str::to_owned).collect();
        ids.into_iter().collect()
    }
}
