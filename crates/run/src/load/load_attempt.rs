//! A load before its rows are known: which doing of which run it belongs to, and what the target is asked for.

use serde_json::{Value, json};
use std::fmt::Write;
use windvane_connectors::error_budget::ErrorBudget;
use windvane_connectors::load_marker::LoadMarker;
use windvane_connectors::rerun::replays::Replays;
use windvane_connectors::rerun::{Facts, Remembered, Window};
use windvane_connectors::{Duplicates, Expectation, LoadRequest, Loaded, ManagedForeignKey};
use windvane_core::schema::digest;
use windvane_core::spec::drift::Policy;
use windvane_core::spec::target::{Mode, Target};
use windvane_plan::{Input, Output, Plan, parsed, target_casts};

/// Which doing of which run a load belongs to.
#[derive(Debug, Clone, Default)]
pub struct LoadAttempt {
    pub run: String,
    /// From 1; 0 asks for whatever was done.
    pub attempt: u32,
    pub window: Option<Window>,
    pub remembered: Remembered,
    pub replays: Option<Replays>,
}

/// Identifies a load: the same words always give the same id. The plan is none of them: what a plan observed changes
/// between two tries of a run.
pub fn load_id(pipeline: &str, run: &str, output: &str, partition: &str) -> String {
    let mut identity = String::new();
    for word in [pipeline, run, output, partition] {
        // Lengths first, so that no two different lists of words read alike.
        let _ = write!(identity, "{}:{word};", word.len());
    }
    digest(identity.as_bytes(), 32)
}

/// The load of an output in a run, whose rows are not known yet.
pub fn request(plan: &Plan, output: &Output, load_attempt: &LoadAttempt) -> LoadRequest {
    LoadRequest {
        dataset: output.dataset.clone(),
        schema: output.schema.clone(),
        mode: output.mode,
        key: output.key.clone(),
        declared: output.declared.clone(),
        foreign_keys: foreign_keys(plan, output),
        adds: plan.drift_of(output).columns == Policy::Evolve,
        absent: output.absent,
        load_id: load_id(&plan.pipeline, &load_attempt.run, &output.name, ""),
        facts: Facts {
            pipeline: plan.pipeline.clone(),
            output: output.name.clone(),
            run: load_attempt.run.clone(),
            attempt: load_attempt.attempt,
            plan: plan.id.clone(),
            window: load_attempt.window.clone(),
            columns: output.schema.clone(),
            inputs: inputs(plan, output),
            parsed: parsed::by_agents(output).iter().map(|parse| json!(parse)).collect(),
            counts: None,
            load_id: output.load_id.clone(),
            fitted: target_casts::columns(output),
            beside: None,
            replays: load_attempt.replays.clone(),
        },
        marker: marker(plan, output, load_attempt),
        remembered: load_attempt.remembered.clone(),
        swap: false,
        widen: false,
        adopt: output.adopt,
        seen: None,
        expected: Expectation::Nobody,
        verify: plan.verify,
        refused: plan.errors.rows,
        duplicates: output.on_duplicate.as_ref().map_or_else(Duplicates::default, |planned| Duplicates {
            choice: planned.choice,
            column: planned.column.clone(),
        }),
        // Rows that flow are not there any more when it comes to showing the refused ones.
        error_budget: ErrorBudget::none(),
        compression: plan.target.compression(),
        partition_by: plan.target.partition_by().to_vec(),
    }
}

/// What the source looked like, without where it was: the places are the plan's, and the target is others' to read.
fn inputs(plan: &Plan, output: &Output) -> Vec<Value> {
    let read = |input: &&Input| input.name == output.from || output.reads.contains(&input.name);
    let noted = plan
        .inputs
        .iter()
        .filter(read)
        .map(|input| json!(Input { source: String::new(), locator: String::new(), rows: None, ..input.clone() }));
    noted.collect()
}

/// The foreign keys of an output's table and to it.
fn foreign_keys(plan: &Plan, output: &Output) -> Vec<ManagedForeignKey> {
    let mut all = Vec::new();
    for other in &plan.outputs {
        for reference in other.declared.iter().flat_map(|declared| &declared.references) {
            if other.name == output.name || reference.table == output.dataset {
                let awaited = plan.outputs.iter().any(|parent| parent.dataset == reference.table);
                all.push(ManagedForeignKey { table: other.dataset.clone(), reference: reference.clone(), awaited });
            }
        }
    }
    all
}

/// Which doing of the run the rows of a load are from.
pub fn attempt(loaded: &Loaded, load_attempt: &LoadAttempt) -> u32 {
    let earlier = loaded.earlier.as_ref().filter(|_| loaded.already);
    earlier.map_or(load_attempt.attempt, |earlier| earlier.attempt)
}

/// Whether the target can tell the rows of one load from all others, and take them out again.
pub fn swaps(target: &Target, request: &LoadRequest) -> bool {
    target.kind().files || target.kind().tables && request.marker.is_some()
}

/// Whether the run had ended when this load found what it has loaded.
pub fn is_later(load_attempt: &LoadAttempt, loaded: &Loaded) -> bool {
    loaded.earlier.as_ref().is_some_and(|earlier| earlier.attempt < load_attempt.attempt)
}

/// How the rows of an appended table are told from those of other loads.
fn marker(plan: &Plan, output: &Output, load_attempt: &LoadAttempt) -> Option<LoadMarker> {
    if output.mode != Mode::Append {
        return None;
    }
    if let Some(column) = &output.load_id {
        return Some(LoadMarker::Column(column.clone()));
    }
    let window = load_attempt.window.as_ref()?;
    let column = plan.reaches(output, &window.column)?;
    let field = output.schema.field(&column)?;
    LoadMarker::window(&column, field.data_type, window)
}
