//! One output: the spec's own steps and checks, and of the suggestions those that fit.

use super::dataset::{input_rows, no_columns, unknown_dataset};
use super::load::{duplicates, incremental, key, load_id};
use super::refit::reads;
use super::strategy::{pushdown, strategy};
use crate::case::Case;
use crate::inputs::PlanInputs;
use crate::output::{Output, PlannedCheck, PlannedStep, PlannedStrategy, plain};
use crate::proposed::{decided, texts, verdict, wanted};
use crate::{kept, target_casts};
use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::{By, Change, Decision};
use windvane_core::error::{Error, Result};
use windvane_core::schema::Schema;
use windvane_core::spec::guard::Guards;
use windvane_core::spec::path::{Part, path_of};
use windvane_core::spec::step::Step;
use windvane_core::spec::{DatasetSpec, Spec, Strategy};
use windvane_engine as engine;

pub(super) fn output(
    given: PlanInputs<'_>,
    name: &str,
    settings: &DatasetSpec,
    schemas: &BTreeMap<&str, &Schema>,
    decisions: &mut Vec<Decision>,
) -> Result<Output> {
    let from = settings.from.clone().unwrap_or_else(|| name.to_owned());
    let lookup = |dataset: &str| schemas.get(dataset).map(|schema| (*schema).clone());
    let input = lookup(&from).ok_or_else(|| unknown_dataset(&from, given.catalog))?;
    if input.fields.is_empty() {
        return Err(no_columns(&from, given.catalog));
    }
    let own = |step: &Step| PlannedStep { step: step.clone(), by: By::Spec, reason: "written in the spec".to_owned() };
    let rows = given.catalog.dataset(&from).and_then(|dataset| input_rows(dataset, given.profiles));
    let steps: Vec<PlannedStep> = given.spec.steps.iter().chain(&settings.steps).map(own).collect();
    // The user's own steps must hold by themselves: their mistakes are the user's to hear, not an agent's to mend.
    let schema = engine::plan_schema(&plain(&steps), &input, &lookup)
        .map_err(|error| written(error, "steps", given.spec.steps.len(), name).in_table(name))?;
    let pushes = |steps: &[PlannedStep]| {
        let pushes = settings.strategy == Some(Strategy::Pushdown);
        let sql = pushes.then(|| pushdown(&plain(steps), &from, &input, &lookup, &given.spec.target));
        sql.transpose()
    };
    pushes(&steps).map_err(|error| error.in_table(name))?;
    let fits = |steps: &[PlannedStep]| {
        let schema = engine::plan_schema(&plain(steps), &input, &lookup)?;
        pushes(steps).map(|_| schema)
    };
    let (mut steps, mut schema) = suggested(given, name, (steps, schema), &fits, decisions);
    if let Some(compatibility) = &given.fitted.get(name).map(|compatibility| target_casts::left(compatibility, &schema))
    {
        let dataset = settings.to.as_deref().unwrap_or(name);
        let mut casts = target_casts::casts(compatibility, dataset);
        if !casts.is_empty() {
            let tried: Vec<PlannedStep> = steps.iter().chain(&casts).cloned().collect();
            match fits(&tried) {
                Ok(better) => (steps, schema) = (tried, better),
                Err(_) => casts.clear(),
            }
        }
        let drift = settings.drift.unwrap_or(given.spec.drift);
        decisions.extend(target_casts::decisions(compatibility, (name, dataset), drift.columns, !casts.is_empty()));
    }
    let sql = pushes(&steps)?;
    let checks = checks(given, name, settings, &schema, &lookup, decisions)?;
    let mode = settings.mode.unwrap_or_else(|| given.spec.target.mode());
    let keep = settings.keep.or(given.spec.keep);
    let found = given.catalog.dataset(&from).map(|dataset| &dataset.found);
    let lineage = engine::step::lineage(&plain(&steps), &input, &lookup)?;
    let none = BTreeSet::new();
    let carried = given.carried.get(&from).unwrap_or(&none);
    let declared = found.and_then(|found| {
        kept::kept(&Case {
            found: found.declared.as_ref()?,
            lineage: &lineage,
            schema: &schema,
            target: &given.spec.target,
            table: settings.to.as_deref().unwrap_or(name),
            mode,
            keep,
            carried,
        })
    });
    Ok(Output {
        key: key(mode, settings, &from, given.catalog, &schema).map_err(|error| error.in_table(name))?,
        absent: settings.absent,
        guard: guards(given.spec, settings),
        load_id: load_id(given, mode, settings, &schema).map_err(|error| error.in_table(name))?,
        adopt: settings.adopt.unwrap_or_else(|| given.spec.target.adopts()),
        on_duplicate: duplicates(given, mode, settings, (&from, &schema), &steps),
        incremental: incremental(mode, settings, &input).map_err(|error| error.in_table(name))?,
        partitions: settings.partitions.unwrap_or(1),
        drift: settings.drift.filter(|drift| *drift != given.spec.drift),
        strategy: PlannedStrategy { sql, ..strategy(settings, &steps, &input, rows, &lookup) },
        name: name.to_owned(),
        reads: reads(&steps, &checks, &from),
        from,
        steps,
        schema,
        declared,
        checks,
        dataset: settings.to.clone().unwrap_or_else(|| name.to_owned()),
        mode,
    })
}

/// Puts the steps that agents suggest before the user's own, those that fit them.
fn suggested(
    given: PlanInputs<'_>,
    name: &str,
    (mut steps, mut schema): (Vec<PlannedStep>, Schema),
    fits: &dyn Fn(&[PlannedStep]) -> Result<Schema>,
    decisions: &mut Vec<Decision>,
) -> (Vec<PlannedStep>, Schema) {
    let texts = texts(given.fitted.get(name), given.texts.get(name));
    let mut prepended = 0;
    for suggestion in given.suggestions.iter().filter(|suggestion| suggestion.output == name) {
        let Change::Step(step) = &suggestion.change else { continue };
        let reason = verdict(&suggestion.decision).and_then(|reason| wanted(suggestion, &texts, reason));
        let reason = reason.and_then(|reason| {
            let why = suggestion.decision.evidence.join("; ");
            let mut tried = steps.clone();
            tried.insert(prepended, PlannedStep { step: step.clone(), by: suggestion.decision.by, reason: why });
            let better = fits(&tried).map_err(|error| format!("it does not fit the other steps: {error}"))?;
            (steps, schema) = (tried, better);
            prepended += 1;
            Ok(reason)
        });
        decisions.push(decided(suggestion, reason));
    }
    (steps, schema)
}

fn checks(
    given: PlanInputs<'_>,
    name: &str,
    settings: &DatasetSpec,
    schema: &Schema,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    decisions: &mut Vec<Decision>,
) -> Result<Vec<PlannedCheck>> {
    let mut checks = Vec::new();
    for (index, check) in given.spec.checks.iter().chain(&settings.checks).enumerate() {
        engine::check_schema(check, schema, lookup).map_err(|error| {
            written(error.at_path(format!("checks[{index}]")), "checks", given.spec.checks.len(), name).in_table(name)
        })?;
        let reason = "written in the spec".to_owned();
        checks.push(PlannedCheck { check: check.clone(), by: By::Spec, reason, warns: false });
    }
    for suggestion in given.suggestions.iter().filter(|suggestion| suggestion.output == name) {
        let Change::Check(check) = &suggestion.change else { continue };
        let reason = verdict(&suggestion.decision).and_then(|reason| {
            if checks.iter().any(|known: &PlannedCheck| known.check == *check) {
                return Err("the spec says so already".to_owned());
            }
            engine::check_schema(check, schema, lookup)
                .map_err(|error| format!("it does not fit the columns: {error}"))?;
            Ok(reason)
        });
        if reason.is_ok() {
            let why = suggestion.decision.evidence.join("; ");
            checks.push(PlannedCheck { check: check.clone(), by: suggestion.decision.by, reason: why, warns: false });
        }
        decisions.push(decided(suggestion, reason));
    }
    Ok(checks)
}

/// The place of a mistake in the spec's own words: the pipeline's steps come first, then those of the dataset.
fn written(error: Error, list: &str, shared: usize, dataset: &str) -> Error {
    let path = error.place().path.clone().unwrap_or_default();
    let numbered = path.strip_prefix(list).and_then(|rest| rest.strip_prefix('[')?.split_once(']'));
    let Some((Ok(index), rest)) = numbered.map(|(index, rest)| (index.parse::<usize>(), rest)) else { return error };
    match index.checked_sub(shared) {
        Some(own) => {
            let key = |name: &str| Part::Key(name.to_owned());
            let place = path_of(&[key("datasets"), key(dataset), key(list), Part::Index(own)]);
            error.at_path(format!("{place}{rest}"))
        }
        None => error,
    }
}

/// What the dataset says, then the pipeline, then the older word for one of them.
fn guards(spec: &Spec, settings: &DatasetSpec) -> Guards {
    let older = Guards { quarantined: spec.errors.max_quarantined, ..Guards::default() };
    settings.guard.or(&spec.guard).or(&older)
}
