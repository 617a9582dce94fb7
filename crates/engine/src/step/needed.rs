//! Which columns the steps need, so that readers leave the others where they are.

use super::join::Join;
use super::program::Program;
use super::verb::Verb;
use std::collections::{BTreeMap, BTreeSet};
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;

/// Steps over no more columns than they need, with the same result. Rows that are rejected show these columns only.
#[derive(Debug)]
pub struct Needed {
    /// As they were, but they name no column that is left out.
    pub steps: Vec<Step>,
    /// The columns of the input.
    pub input: Schema,
    /// The columns of each dataset that is joined.
    pub others: BTreeMap<String, BTreeSet<String>>,
}

/// What these steps need; an error only where the steps do not fit the input.
pub fn needed(written: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Needed> {
    let program = Program::new(written, input, lookup)?;
    let done_by_others =
        |(at, step): (usize, &Step)| matches!(step, Step::Pivot(_) | Step::Sql(_)) || program.part(at) != (at..at + 1);
    if written.iter().enumerate().any(done_by_others) {
        return Ok(everything(&program, written, input));
    }
    let mut steps = written.to_vec();
    let mut others: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // From the last step back: positions that are needed behind the step, and then before it.
    let mut wanted: BTreeSet<usize> = (0..program.schema().fields.len()).collect();
    for (at, step) in steps.iter_mut().enumerate().rev() {
        let Some(checked) = program.verbs.get(at) else { break };
        let before = program.schema_after(at);
        wanted = match &checked.verb {
            Verb::Keep(positions) => {
                // A frame has a column at least.
                if wanted.is_empty() {
                    wanted.insert(0);
                }
                let kept: BTreeSet<usize> = wanted.iter().filter_map(|index| positions.get(*index).copied()).collect();
                let old: Vec<&str> = kept
                    .iter()
                    .filter_map(|index| before.fields.get(*index))
                    .map(|field| field.name.as_str())
                    .collect();
                // A column that a step made and nobody needs is still there to be dropped.
                if matches!(step, Step::Drop(_)) {
                    *step = Step::Select(old.iter().map(ToString::to_string).collect());
                }
                match step {
                    Step::Select(names) => names.retain(|name| old.contains(&name.as_str())),
                    Step::Rename(names) => names.retain(|name, _| old.contains(&name.as_str())),
                    // A step that names its columns in a way that is not known here.
                    _ => return Ok(everything(&program, written, input)),
                }
                kept
            }
            Verb::Filter(condition) => {
                condition.columns(&mut wanted);
                wanted
            }
            Verb::Compute(compute) => {
                wanted.retain(|index| *index < before.fields.len());
                compute.needed(&mut wanted);
                wanted
            }
            Verb::Join(join) => {
                let taken = joined(join, before, &mut wanted, &mut others);
                if let Step::Join(step) = step {
                    step.take = taken;
                }
                wanted
            }
            Verb::Deduplicate(deduplicate) => {
                wanted.extend(deduplicate.needed());
                wanted
            }
            Verb::Aggregate(aggregate) => aggregate.needed(),
            Verb::Sort(sort) => {
                wanted.extend(sort.needed());
                wanted
            }
            // They may look at more than what is behind them.
            Verb::Refill(_)
            | Verb::Window(_)
            | Verb::Unpivot(_)
            | Verb::Explode(_)
            | Verb::Flatten(_)
            | Verb::Split(_)
            | Verb::Mask(_)
            | Verb::Python(_) => (0..before.fields.len()).collect(),
            // They are named in the step, and a cast may reject rows whoever reads the column.
            Verb::Convert(convert) => {
                wanted.extend(convert.named());
                wanted
            }
            Verb::Fill(fill) => {
                wanted.extend(fill.needed());
                wanted
            }
        };
    }
    if wanted.is_empty() && !input.fields.is_empty() {
        wanted.insert(0);
    }
    let fields = wanted.iter().filter_map(|index| input.fields.get(*index).cloned()).collect();
    let fewer = Needed { steps, input: Schema::new(fields), others };
    // A name that a left-out column held may collide now: then nothing is left out.
    match Program::new(&fewer.steps, &fewer.input, lookup) {
        Ok(done) if done.schema() == program.schema() => Ok(fewer),
        _ => Ok(everything(&program, written, input)),
    }
}

/// Turns what is wanted behind a join into what is wanted before it and of the other side; gives what it has to take.
fn joined(
    join: &Join,
    before: &Schema,
    wanted: &mut BTreeSet<usize>,
    others: &mut BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let own = before.fields.len();
    let mut taken: Vec<String> = Vec::new();
    for (at, name) in join.taken().iter().enumerate() {
        if wanted.contains(&(own + at)) {
            taken.push(name.clone());
        }
    }
    if taken.is_empty() {
        taken.extend(join.taken().first().cloned());
    }
    wanted.retain(|index| *index < own);
    wanted.extend(join.needed());
    // A column of the same name decides how the taken one is called.
    let same = |index: &usize| before.fields.get(*index).is_some_and(|field| taken.contains(&field.name));
    wanted.extend((0..own).filter(same));
    let reads = others.entry(join.with().to_owned()).or_default();
    reads.extend(join.key_names().map(str::to_owned));
    reads.extend(taken.iter().cloned());
    taken
}

/// As many steps, over an input that lacks some columns which no step needs: those that are only left out or renamed.
pub fn without(mut steps: Vec<Step>, lacking: &BTreeSet<String>) -> Vec<Step> {
    let mut lacking = lacking.clone();
    for step in &mut steps {
        if let Step::Select(names) | Step::Drop(names) = step {
            names.retain(|name| !lacking.contains(name));
        }
        if matches!(step, Step::Drop(names) if names.is_empty()) {
            *step = Step::Rename(BTreeMap::new());
        }
        if let Step::Rename(names) = step {
            let new = names.iter().filter(|(old, _)| lacking.contains(*old)).map(|(_, new)| new.clone());
            let new: Vec<String> = new.collect();
            names.retain(|old, _| !lacking.contains(old));
            lacking.extend(new);
        }
    }
    steps
}

fn everything(program: &Program, steps: &[Step], input: &Schema) -> Needed {
    let mut others: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for checked in &program.verbs {
        if let Verb::Join(join) = &checked.verb {
            others.entry(join.with().to_owned()).or_default().extend(join.reads().map(str::to_owned));
        }
    }
    Needed { steps: steps.to_vec(), input: input.clone(), others }
}
