//! Which outputs of a run wait for others: what an output joins to may be refused, and its rows are then not to be trusted.

use super::{Output, Plan};
use std::collections::BTreeSet;

/// Every output behind those that it waits for, else by name. Of outputs that need each other in a circle, the first one is
/// not waited for.
pub fn ordered(plan: &Plan) -> Vec<(&Output, Vec<&Output>)> {
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for output in &plan.outputs {
        visit(plan, output, &mut seen, &mut order);
    }
    let mut done = BTreeSet::new();
    let waits = order.into_iter().map(|output| {
        let before = needs(plan, output).filter(|other| done.contains(other.name.as_str())).collect();
        done.insert(output.name.as_str());
        (output, before)
    });
    waits.collect()
}

fn visit<'a>(plan: &'a Plan, output: &'a Output, seen: &mut BTreeSet<&'a str>, order: &mut Vec<&'a Output>) {
    if seen.insert(&output.name) {
        needs(plan, output).for_each(|other| visit(plan, other, seen, order));
        order.push(output);
    }
}

/// What is made of the inputs that an output reads beside its own rows.
fn needs<'a>(plan: &'a Plan, output: &'a Output) -> impl Iterator<Item = &'a Output> {
    let needed = |other: &&Output| other.name != output.name && output.reads.contains(&other.from) && owns(plan, other);
    plan.outputs.iter().filter(needed)
}

/// The output that speaks for the rows of an input, if it is loaded at all.
pub fn owner<'a>(plan: &'a Plan, input: &str) -> Option<&'a Output> {
    plan.outputs.iter().find(|output| output.from == input && owns(plan, output))
}

/// Whether an output speaks for the rows of its input: it has its name, or no other output has. A part of an input that is
/// loaded under another name says nothing of the whole.
fn owns(plan: &Plan, output: &Output) -> bool {
    output.name == output.from || plan.output(&output.from).is_none_or(|other| other.from != output.from)
}
