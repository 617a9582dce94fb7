//! Plan -> TaskGraph: which stage runs for which output, and what it waits for. Plain data, for any orchestrator.
//!
//! Doors: [`from_plan`] and [`from_spec`] (while there is no plan yet), `folder` (a folder of specs as graphs).
//!
//! Deliberately absent: an orchestrator's words (operators, DAGs, retries), running anything.
//!
//! Invariants: nodes stand in an order in which they can run; there is no cycle; ids are unique, hold only letters,
//! digits, `-` and `_`, and depend on nothing but the names of the outputs; the same input gives the same graph.

pub mod folder;
mod ids;
mod page;

use crate::{Output, Plan, order};
use petgraph::algo::toposort;
use petgraph::graph::DiGraph;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windvane_core::error::{Error, Result};
use windvane_core::spec::{Spec, Strategy};

/// The name of the document's schema.
pub const SCHEMA: &str = "windvane/graph/v1";
/// More outputs than this become one group that is run once an output, instead of a group each.
const MOST_GROUPS: usize = 16;
/// The one group of the outputs that are too many, or not known yet.
const MAPPED: &str = "datasets";
const OF_AN_OUTPUT: [Stage; 4] = [Stage::Extract, Stage::Transform, Stage::Validate, Stage::Load];
const FUSED: [Stage; 1] = [Stage::Move];
const PUSHED: [Stage; 2] = [Stage::Extract, Stage::Load];
const PUSHED_IN_PIECES: [Stage; 3] = [Stage::Split, Stage::Extract, Stage::Load];
const IN_PIECES: [Stage; 5] = [Stage::Split, Stage::Extract, Stage::Transform, Stage::Validate, Stage::Load];

/// Stages and what each waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskGraph {
    pub schema: String,
    /// The outputs that a mapped group is run for; empty when only the plan stage can tell.
    pub outputs: Vec<String>,
    /// In an order in which they can run.
    pub nodes: Vec<Node>,
}

/// One stage, of the pipeline or of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub id: String,
    pub stage: Stage,
    /// The output it works on; absent for the pipeline's own stages and in a mapped group. An extract reads every input
    /// of its output.
    pub output: Option<String>,
    pub group: Option<String>,
    /// Whether it runs once for each output.
    pub mapped: bool,
    /// Whether it runs once for each piece that the split stage before it gave.
    #[serde(default)]
    pub pieces: bool,
    /// Ids of the nodes that must be done before.
    pub after: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Discover,
    /// Makes the plan, or makes sure that the committed one still fits.
    Plan,
    /// Finds pieces of the input that tasks can read side by side.
    Split,
    Extract,
    Transform,
    Validate,
    Load,
    /// Extract, transform, validate and load as one stream.
    Move,
    Record,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Plan => "plan",
            Self::Split => "split",
            Self::Extract => "extract",
            Self::Transform => "transform",
            Self::Validate => "validate",
            Self::Load => "load",
            Self::Move => "move",
            Self::Record => "record",
        }
    }
}

/// The graph of a plan: a group for each output, or one mapped group when there are many.
pub fn from_plan(plan: &Plan) -> Result<TaskGraph> {
    let outputs: Vec<&str> = plan.outputs.iter().map(|output| output.name.as_str()).collect();
    if outputs.len() > MOST_GROUPS {
        // One group for all: its stages are those of every output, or the ones that give each of them the same rows.
        let all = |strategy| plan.outputs.iter().all(|output| output.strategy.strategy == strategy);
        let stages = if all(Strategy::Fused) {
            &FUSED[..]
        } else if all(Strategy::Pushdown) {
            &PUSHED[..]
        } else {
            &OF_AN_OUTPUT[..]
        };
        return mapped(outputs.into_iter().map(str::to_owned).collect(), stages);
    }
    let mut nodes = vec![of_pipeline(Stage::Plan, Vec::new())];
    let groups: BTreeMap<&str, String> = ids::of(&outputs).into_iter().collect();
    let mut done: BTreeMap<&str, String> = BTreeMap::new();
    // What is joined to comes first, and when it is refused, what joins to it is not loaded.
    for (output, waits) in order::ordered(plan) {
        let Some(group) = groups.get(output.name.as_str()) else { continue };
        let waits = waits.iter().filter_map(|other| done.get(other.name.as_str()).cloned()).collect();
        let last = chain(&mut nodes, group, Some(&output.name), stages(output), waits);
        done.insert(&output.name, last);
    }
    let mut loads: Vec<String> = outputs.iter().filter_map(|name| done.remove(name)).collect();
    if loads.is_empty() {
        loads.push(Stage::Plan.as_str().to_owned());
    }
    nodes.push(of_pipeline(Stage::Record, loads));
    checked(TaskGraph { schema: SCHEMA.to_owned(), outputs: outputs.into_iter().map(str::to_owned).collect(), nodes })
}

/// The graph while there is no plan: the plan stage finds the outputs, one mapped group moves them.
pub fn from_spec(_: &Spec) -> Result<TaskGraph> {
    mapped(Vec::new(), &OF_AN_OUTPUT)
}

/// The stages of an output.
fn stages(output: &Output) -> &'static [Stage] {
    match output.strategy.strategy {
        Strategy::Staged if output.partitions > 1 => &IN_PIECES,
        Strategy::Staged => &OF_AN_OUTPUT,
        Strategy::Pushdown if output.partitions > 1 => &PUSHED_IN_PIECES,
        Strategy::Pushdown => &PUSHED,
        Strategy::Fused => &FUSED,
    }
}

fn mapped(outputs: Vec<String>, stages: &[Stage]) -> Result<TaskGraph> {
    let mut nodes = vec![of_pipeline(Stage::Plan, Vec::new())];
    let load = chain(&mut nodes, MAPPED, None, stages, Vec::new());
    nodes.push(of_pipeline(Stage::Record, vec![load]));
    checked(TaskGraph { schema: SCHEMA.to_owned(), outputs, nodes })
}

/// The stages of one group, each after the one before, the first after the plan, the last one after others that it waits
/// for; gives the last one's id.
fn chain(nodes: &mut Vec<Node>, group: &str, output: Option<&str>, stages: &[Stage], mut waits: Vec<String>) -> String {
    let mut before = Stage::Plan.as_str().to_owned();
    for (at, &stage) in stages.iter().enumerate() {
        let mut after = vec![before];
        if at + 1 == stages.len() {
            after.append(&mut waits);
        }
        let id = format!("{group}-{}", stage.as_str());
        nodes.push(Node {
            id: id.clone(),
            stage,
            output: output.map(str::to_owned),
            group: Some(group.to_owned()),
            mapped: output.is_none(),
            pieces: stage == Stage::Extract && stages.contains(&Stage::Split),
            after,
        });
        before = id;
    }
    before
}

fn of_pipeline(stage: Stage, after: Vec<String>) -> Node {
    Node { id: stage.as_str().to_owned(), stage, output: None, group: None, mapped: false, pieces: false, after }
}

/// Ids are unique, every edge leads to a node that is there, and nothing waits for itself.
fn checked(graph: TaskGraph) -> Result<TaskGraph> {
    let mut edges = DiGraph::<(), ()>::new();
    let mut places = BTreeMap::new();
    for node in &graph.nodes {
        if places.insert(node.id.as_str(), edges.add_node(())).is_some() {
            return Err(Error::internal(format!("the task id '{}' is used twice", node.id)));
        }
    }
    for node in &graph.nodes {
        for earlier in &node.after {
            let ends = places.get(earlier.as_str()).zip(places.get(node.id.as_str()));
            let (from, to) = ends.ok_or_else(|| Error::internal(format!("task '{}' waits for nothing", node.id)))?;
            edges.add_edge(*from, *to, ());
        }
    }
    toposort(&edges, None).map_err(|_| Error::internal("the task graph has a cycle"))?;
    Ok(graph)
}
