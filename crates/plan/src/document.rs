//! A plan as the document that it is.

use super::output::{Output, is_default, plain};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windvane_agents::Decision;
use windvane_connect::{FoundKind, TextFormat};
use windvane_core::error::{Error, Kind, Place};
use windvane_core::schema::Schema;
use windvane_core::spec::ErrorPolicy;
use windvane_core::spec::drift::Drift;
use windvane_core::spec::guard::Quarantine;
use windvane_core::spec::source::Source;
use windvane_core::spec::target::{Target, Verify};
use windvane_engine as engine;

/// The name of the document's schema.
pub const SCHEMA: &str = "windvane/plan/v1";

/// A reviewed decision of what moves where and how; `orders.plan.json` beside `orders.windvane.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub schema: String,
    /// The hash of everything below, 16 hex digits.
    pub id: String,
    /// The hash of what it does, without what was observed, meant or said: plans with the same work do the same. Plan files of
    /// earlier builds have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub work: String,
    pub pipeline: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The windvane version that built it.
    pub engine: String,
    /// The hash of the parts of the spec that matter to a plan (not schedule, owner, tags, retries).
    pub spec_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    pub sources: BTreeMap<String, Source>,
    pub target: Target,
    pub drift: Drift,
    pub errors: ErrorPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    /// Where rows rest between stages, when the spec says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub verify: Verify,
    /// The datasets that are read, sorted by name.
    pub inputs: Vec<Input>,
    /// The datasets that are loaded, sorted by name.
    pub outputs: Vec<Output>,
    /// What a run that plans for itself leaves out, because its source is no table now: the run fails, and says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    pub decisions: Vec<Decision>,
}

/// An output that could not be planned, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub output: String,
    pub kind: Kind,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default)]
    pub place: Place,
}

impl Refused {
    /// `input`: the dataset that is broken, which the output needs.
    pub fn of(output: &str, input: &str, error: &Error) -> Self {
        let causes: Vec<&str> =
            std::iter::once(error.message()).chain(error.causes().iter().map(String::as_str)).collect();
        let why = causes.join(": ");
        Self {
            output: output.to_owned(),
            kind: error.kind(),
            message: if output == input { why } else { format!("it needs '{input}', which cannot be read: {why}") },
            hint: error.hint_text().map(str::to_owned),
            place: error.place().clone(),
        }
    }

    pub fn error(&self) -> Error {
        let error = Error::new(self.kind, &self.message).at(self.place.clone()).in_stage("plan");
        match &self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// A dataset to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    /// Key into `sources`.
    pub source: String,
    pub locator: String,
    pub kind: FoundKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// The columns as they are read.
    pub schema: Schema,
    /// Of the source's own schema when the plan was built; drift is judged against it.
    pub fingerprint: String,
    /// When the plan was built; a hint for splitting work, not a promise.
    pub rows: Option<u64>,
    /// Of the source, when the plan was built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    /// Columns that not every file had when the plan was built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<String>,
}

impl Plan {
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// What a column that is read is called at the target, if every row has the value there that it was read with.
    pub fn reaches(&self, output: &Output, column: &str) -> Option<String> {
        let lookup = |name: &str| self.input(name).map(|input| input.schema.clone());
        let lineage = engine::step::lineage(&plain(&output.steps), &self.input(&output.from)?.schema, &lookup).ok()?;
        let whole = |origin: &Option<engine::step::Origin>| {
            origin.as_ref().is_some_and(|origin| origin.same && origin.column == column)
        };
        let at = lineage.columns.iter().position(whole)?;
        output.schema.fields.get(at).map(|field| field.name.clone())
    }

    /// What a change of the output's source does.
    pub fn drift_of(&self, output: &Output) -> Drift {
        output.drift.unwrap_or(self.drift)
    }

    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}
