//! The pure planner: accepts or refuses each suggestion and gives the plan.

use crate::proposed::{decided, texts, verdict, wanted};
use crate::{
    Input, Output, Plan, PlannedCheck, PlannedDuplicates, PlannedStep, PlannedStrategy, Refused, SCHEMA, carried, file,
    fitted, kept, letters, links, own_text,
};
use std::collections::{BTreeMap, BTreeSet};
use windvane_agents::{By, Change, Decision, Suggestion};
use windvane_connect::FoundKind;
use windvane_connect::again::taken_name;
use windvane_connect::fits::Fitting;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::check::Check;
use windvane_core::spec::guard::Guards;
use windvane_core::spec::problem::{Part, path_of};
use windvane_core::spec::step::Step;
use windvane_core::spec::target::{LoadId, Mode, OnDuplicate, Target};
use windvane_core::spec::template::is_template;
use windvane_core::spec::{DatasetSpec, Incremental, Progress, Spec, Strategy};
use windvane_engine::{self as engine, step::Program};
use windvane_know::discover::{self, Catalog, Dataset};
use windvane_know::profile::Profile;

/// Everything a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub spec: &'a Spec,
    pub spec_hash: &'a str,
    pub environment: Option<&'a str>,
    pub words: Option<&'a str>,
    pub catalog: &'a Catalog,
    pub profiles: &'a BTreeMap<String, Profile>,
    /// What agents propose for the outputs.
    pub suggestions: &'a [Suggestion],
    /// What else agents have decided, for the record.
    pub told: &'a [Decision],
    /// Of outputs whose table is there: how their columns go into it.
    pub fitted: &'a BTreeMap<String, Fitting>,
    /// Of outputs: columns that the last load has made text.
    pub texts: &'a BTreeMap<String, BTreeSet<String>>,
    /// Of inputs: columns that are read as the server's own text, see [`carried`].
    pub carried: &'a BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Given<'a> {
    /// What a spec and its sources alone give: nothing proposed, and no look at the target.
    pub fn of(
        (spec, spec_hash, environment): (&'a Spec, &'a str, Option<&'a str>),
        catalog: &'a Catalog,
        profiles: &'a BTreeMap<String, Profile>,
    ) -> Self {
        static FITTED: BTreeMap<String, Fitting> = BTreeMap::new();
        static COLUMNS: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let (suggestions, told, words): (&[Suggestion], &[Decision], _) = (&[], &[], None);
        let (fitted, texts, carried) = (&FITTED, &COLUMNS, &COLUMNS);
        Self { spec, spec_hash, environment, words, catalog, profiles, suggestions, told, fitted, texts, carried }
    }
}

/// Builds the plan. The same `given` gives the same plan.
pub fn build(given: Given<'_>) -> Result<Plan> {
    let mut inputs: Vec<Input> = given.catalog.datasets.iter().map(|dataset| input(dataset, given.profiles)).collect();
    let loaded = loaded(given.spec, given.catalog)?;
    own_text::ask(given.spec, &loaded, &mut inputs);
    carried::read(given.carried, &mut inputs);
    let schemas: BTreeMap<&str, &Schema> = inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let mut decisions = given.told.to_vec();
    let mut outputs = Vec::new();
    for (name, settings) in loaded {
        outputs.push(output(given, &name, &settings, &schemas, &mut decisions)?);
    }
    distinct_targets(&outputs)?;
    links::find(given, &schemas, &mut outputs)?;
    apart(given.spec, &outputs)?;
    let refused = discover::refused(given.spec, given.catalog);
    let refused = refused.iter().map(|(output, (input, error))| Refused::of(output, input, error)).collect();
    let needed: BTreeSet<&str> =
        outputs.iter().flat_map(|output| output.reads.iter().chain([&output.from])).map(String::as_str).collect();
    let inputs = inputs.iter().filter(|input| needed.contains(input.name.as_str())).cloned();
    let mut inputs: Vec<Input> = inputs.collect();
    let written = letters::of(&outputs, &inputs, &decisions);
    if !written.is_empty() {
        carried::read(&written, &mut inputs);
        pushed(given.spec, &inputs, &mut outputs)?;
    }
    file::seal(Plan {
        schema: SCHEMA.to_owned(),
        id: String::new(),
        work: String::new(),
        pipeline: given.spec.pipeline.clone(),
        environment: given.environment.map(str::to_owned),
        engine: file::ENGINE.to_owned(),
        spec_hash: given.spec_hash.to_owned(),
        words: given.words.map(str::to_owned),
        sources: given.spec.named_sources(),
        target: given.spec.target.clone(),
        drift: given.spec.drift,
        errors: given.spec.errors.clone(),
        quarantine: given.spec.quarantine.clone(),
        staging: given.spec.staging.clone(),
        verify: given.spec.verify,
        inputs,
        outputs,
        refused,
        decisions,
    })
}

/// What runs at the target is told for the columns as they are read now.
fn pushed(spec: &Spec, inputs: &[Input], outputs: &mut [Output]) -> Result<()> {
    let schemas: BTreeMap<&str, &Schema> = inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    for output in outputs.iter_mut().filter(|output| output.strategy.sql.is_some()) {
        let Some(input) = lookup(&output.from) else { continue };
        let sql = pushdown(&plain(&output.steps), &output.from, &input, &lookup, &spec.target);
        output.strategy.sql = Some(sql.map_err(|error| error.in_table(&output.name))?);
    }
    Ok(())
}

/// The plan as a run uses it that nobody has reviewed: checks that were not asked for take no row away.
pub fn unreviewed(mut plan: Plan) -> Result<Plan> {
    for check in plan.outputs.iter_mut().flat_map(|output| &mut output.checks) {
        check.warns = match check.by {
            By::Spec => false,
            By::Rules | By::Model => true,
        };
    }
    file::seal(plan)
}

/// An output whose steps or checks have changed, with what follows from them.
pub(super) fn refitted(plan: &Plan, mut output: Output) -> Result<Output> {
    let schemas: BTreeMap<&str, &Schema> =
        plan.inputs.iter().map(|input| (input.name.as_str(), &input.schema)).collect();
    let lookup = |name: &str| schemas.get(name).map(|schema| (*schema).clone());
    let input =
        lookup(&output.from).ok_or_else(|| Error::internal(format!("the plan lacks the input '{}'", output.from)))?;
    // What a run fills in is not there yet; it chooses rows and changes no column.
    let filled = |planned: &&PlannedStep| !matches!(&planned.step, Step::Filter(text) if is_template(text));
    let steps: Vec<Step> = output.steps.iter().filter(filled).map(|planned| planned.step.clone()).collect();
    output.schema = engine::plan_schema(&steps, &input, &lookup)?;
    for planned in &output.checks {
        engine::check_schema(&planned.check, &output.schema, &lookup)?;
    }
    if let Some(lost) = output.key.iter().find(|column| output.schema.field(column).is_none()) {
        return Err(Error::spec(format!("the key column '{lost}' would not be loaded")));
    }
    if output.strategy.sql.is_some() {
        output.strategy.sql = Some(pushdown(&steps, &output.from, &input, &lookup, &plan.target)?);
    }
    let whole = Program::new(&steps, &input, &lookup).is_ok_and(|program| program.next_whole(0).is_some());
    if whole && output.strategy.by != By::Spec && output.strategy.strategy == Strategy::Fused {
        output.strategy.strategy = Strategy::Staged;
        "a step needs all rows, so they rest before it anyway".clone_into(&mut output.strategy.reason);
    }
    output.reads = reads(&output.steps, &output.checks, &output.from);
    Ok(output)
}

/// A dataset as it would be read today.
pub fn input(dataset: &Dataset, profiles: &BTreeMap<String, Profile>) -> Input {
    let found = &dataset.found;
    let mut schema = found.fields.clone();
    // Text has no types of its own: the profile has read more of it than discovery.
    if let Some(profile) = profiles.get(&dataset.name).filter(|_| found.kind.is_text()) {
        for field in &mut schema.fields {
            let Some(column) = profile.columns.iter().find(|column| column.name == field.name) else { continue };
            field.data_type = column.data_type;
            field.nullable = column.nulls > 0;
        }
    }
    let rows = input_rows(dataset, profiles);
    Input {
        name: dataset.name.clone(),
        source: dataset.source.clone(),
        locator: found.locator.clone(),
        kind: found.kind,
        format: found.format.clone(),
        schema,
        fingerprint: found.shape().fingerprint(),
        rows,
        primary_key: found.primary_key.clone(),
        partial: found.partial.keys().cloned().collect(),
    }
}

fn input_rows(dataset: &Dataset, profiles: &BTreeMap<String, Profile>) -> Option<u64> {
    let counted = profiles.get(&dataset.name).filter(|profile| profile.exact).map(|profile| profile.rows);
    counted.or(dataset.found.rows)
}

/// The column that holds the id of a row's load, of appended tables; the data must not have one of its name.
fn load_id(given: Given<'_>, mode: Mode, settings: &DatasetSpec, schema: &Schema) -> Result<Option<String>> {
    let asked = settings.load_id.as_ref().map_or_else(|| given.spec.target.load_id(), LoadId::column);
    let Some(column) = asked.filter(|_| mode == Mode::Append) else { return Ok(None) };
    match schema.names().find(|name| name.eq_ignore_ascii_case(column)) {
        Some(taken) => Err(taken_name(taken)),
        None => Ok(Some(column.to_owned())),
    }
}

/// The outputs and their settings.
fn loaded(spec: &Spec, catalog: &Catalog) -> Result<Vec<(String, DatasetSpec)>> {
    for (name, settings) in &spec.datasets {
        let from = settings.from.as_ref().unwrap_or(name);
        if catalog.dataset(from).is_none() && !catalog.broken.contains_key(from) {
            return Err(unknown_dataset(from, catalog).at_path(format!("datasets.{name}")));
        }
    }
    let outputs = discover::outputs(spec, catalog);
    if outputs.is_empty() {
        let mut refused = discover::refused(spec, catalog).into_iter();
        if let Some((name, (input, error))) = refused.next() {
            let others: Vec<String> = refused.map(|(name, (input, error))| also(&name, &input, error)).collect();
            let first = if name == input { error.clone() } else { Refused::of(&name, &input, error).error() };
            let hint = first.hint_text().map(|hint| format!("{hint}. ")).unwrap_or_default();
            return Err(if others.is_empty() {
                first
            } else {
                first.hint(format!("{hint}Also: {}", others.join("; ")))
            });
        }
        return Err(Error::spec("nothing is left to load").hint("Every dataset is joined to, or has `load: false`"));
    }
    Ok(outputs.into_keys().map(|name| (name.clone(), spec.datasets.get(&name).cloned().unwrap_or_default())).collect())
}

fn also(name: &str, input: &str, error: &Error) -> String {
    format!("{name}: {}", Refused::of(name, input, error).error())
}

fn output(
    given: Given<'_>,
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
    let mut steps: Vec<PlannedStep> = given.spec.steps.iter().chain(&settings.steps).map(own).collect();
    // The user's own steps must hold by themselves: their mistakes are the user's to hear, not an agent's to mend.
    let mut schema = engine::plan_schema(&plain(&steps), &input, &lookup)
        .map_err(|error| written(error, "steps", given.spec.steps.len(), name).in_table(name))?;
    let pushes = settings.strategy == Some(Strategy::Pushdown);
    let push = |steps: &[PlannedStep]| {
        let sql = pushes.then(|| pushdown(&plain(steps), &from, &input, &lookup, &given.spec.target));
        sql.transpose()
    };
    push(&steps).map_err(|error| error.in_table(name))?;
    let texts = texts(given.fitted.get(name), given.texts.get(name));
    let mut prepended = 0;
    for suggestion in given.suggestions.iter().filter(|suggestion| suggestion.output == name) {
        let Change::Step(step) = &suggestion.change else { continue };
        let reason = match verdict(&suggestion.decision).and_then(|reason| wanted(suggestion, &texts, reason)) {
            Err(reason) => Err(reason),
            Ok(reason) => {
                let planned = PlannedStep {
                    step: step.clone(),
                    by: suggestion.decision.by,
                    reason: suggestion.decision.evidence.join("; "),
                };
                let mut tried = steps.clone();
                tried.insert(prepended, planned);
                let fits = engine::plan_schema(&plain(&tried), &input, &lookup);
                match fits.and_then(|better| push(&tried).map(|_| better)) {
                    Ok(better) => {
                        (steps, schema) = (tried, better);
                        prepended += 1;
                        Ok(reason)
                    }
                    Err(error) => Err(format!("it does not fit the other steps: {error}")),
                }
            }
        };
        decisions.push(decided(suggestion, reason));
    }
    if let Some(fitting) = &given.fitted.get(name).map(|fitting| fitted::left(fitting, &schema)) {
        let dataset = settings.to.as_deref().unwrap_or(name);
        let mut casts = fitted::casts(fitting, dataset);
        if !casts.is_empty() {
            let tried: Vec<PlannedStep> = steps.iter().chain(&casts).cloned().collect();
            let fits = engine::plan_schema(&plain(&tried), &input, &lookup);
            match fits.and_then(|better| push(&tried).map(|_| better)) {
                Ok(better) => (steps, schema) = (tried, better),
                Err(_) => casts.clear(),
            }
        }
        let drift = settings.drift.unwrap_or(given.spec.drift);
        decisions.extend(fitted::decisions(fitting, (name, dataset), drift.columns, !casts.is_empty()));
    }
    let sql = push(&steps)?;
    let checks = checks(given, name, settings, &schema, &lookup, decisions)?;
    let mode = settings.mode.unwrap_or_else(|| given.spec.target.mode());
    let keep = settings.keep.or(given.spec.keep);
    let found = given.catalog.dataset(&from).map(|dataset| &dataset.found);
    let traced = engine::step::trace(&plain(&steps), &input, &lookup)?;
    let none = BTreeSet::new();
    let carried = given.carried.get(&from).unwrap_or(&none);
    let declared = found.and_then(|found| {
        kept::kept(&kept::Case {
            found: found.declared.as_ref()?,
            traced: &traced,
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

fn checks(
    given: Given<'_>,
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

/// What identifies a row, where the mode needs to know: as the spec says, or the source's primary key.
fn key(mode: Mode, settings: &DatasetSpec, from: &str, catalog: &Catalog, schema: &Schema) -> Result<Vec<String>> {
    if !mode.by_key() {
        return Ok(Vec::new());
    }
    let primary = || catalog.dataset(from).map(|dataset| dataset.found.primary_key.clone()).unwrap_or_default();
    let key = settings.key.as_ref().map_or_else(primary, |key| key.0.clone());
    if key.is_empty() {
        return Err(Error::spec("a load by key needs a key, and the source declares none")
            .hint("Say which columns identify a row: datasets.<name>.key"));
    }
    for column in &key {
        if schema.field(column).is_none() {
            let known: Vec<&str> = schema.names().collect();
            return Err(Error::spec(format!("the key column '{column}' is not among the loaded columns"))
                .hint(format!("The columns are: {}", known.join(", "))));
        }
    }
    Ok(key)
}

/// Which row is taken of several with one key.
fn duplicates(
    given: Given<'_>,
    mode: Mode,
    settings: &DatasetSpec,
    (from, schema): (&str, &Schema),
    steps: &[PlannedStep],
) -> Option<PlannedDuplicates> {
    if !mode.by_key() {
        return None;
    }
    let watermark = settings.incremental.as_ref().map(|incremental| incremental.column.clone());
    let column = watermark.filter(|column| schema.field(column).is_some());
    let is_sorted = steps.iter().any(|planned| matches!(planned.step, Step::Sort(_)));
    let in_order = match given.catalog.dataset(from).map(|dataset| dataset.found.kind) {
        Some(FoundKind::Csv | FoundKind::Jsonl | FoundKind::Parquet) => true,
        Some(FoundKind::Table | FoundKind::View) | None => false,
    };
    if let Some(choice) = settings.on_duplicate {
        let reason = "written in the spec".to_owned();
        return Some(PlannedDuplicates { choice, column, by: By::Spec, reason });
    }
    let (choice, reason) = match &column {
        Some(column) => (OnDuplicate::Last, format!("'{column}' says which of them is the latest")),
        None if is_sorted => (OnDuplicate::Last, "the rows are sorted".to_owned()),
        None if in_order => (OnDuplicate::Last, "the rows of files have an order".to_owned()),
        None => (OnDuplicate::Quarantine, "nothing says which of them is the latest".to_owned()),
    };
    Some(PlannedDuplicates { choice, column, by: By::Rules, reason })
}

/// Rows that are read again (late ones, a lag) must find the ones that are there.
fn incremental(mode: Mode, settings: &DatasetSpec, input: &Schema) -> Result<Option<Incremental>> {
    let Some(incremental) = &settings.incremental else { return Ok(None) };
    let place = |error: Error| error.at_path("incremental");
    let Some(field) = input.field(&incremental.column) else {
        let known: Vec<&str> = input.names().collect();
        let message = format!("the watermark column '{}' is not among the source's columns", incremental.column);
        return Err(place(Error::spec(message).hint(format!("They are: {}", known.join(", ")))));
    };
    let grows = match field.data_type {
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Date
        | DataType::Timestamp
        | DataType::TimestampTz => true,
        DataType::Boolean | DataType::Text | DataType::Binary | DataType::Time | DataType::Json | DataType::Uuid => {
            false
        }
    };
    if !grows {
        let message =
            format!("'{}' is {}: a watermark is a number, a date or a time stamp", field.name, field.data_type);
        return Err(place(Error::spec(message).hint("Name a column that grows with new rows")));
    }
    match mode {
        Mode::Replace => Err(place(
            Error::spec("an incremental load cannot replace: the older rows would be gone")
                .hint("Use the mode append, merge or history"),
        )),
        Mode::Append if incremental.by == Progress::Interval && incremental.lag.is_some_and(|lag| lag > 0.0) => {
            Err(place(
                Error::spec("with a lag, intervals are read again, and the mode append would double their rows")
                    .hint("Use the mode merge or history, or leave the lag out"),
            ))
        }
        Mode::Append | Mode::Merge | Mode::History => Ok(Some(incremental.clone())),
    }
}

/// From so many rows on, writing and reading them between the stages costs more than a stage that is tried again.
const FUSED_FROM: u64 = 1_000_000;

fn strategy(
    settings: &DatasetSpec,
    steps: &[PlannedStep],
    input: &Schema,
    rows: Option<u64>,
    lookup: &dyn Fn(&str) -> Option<Schema>,
) -> PlannedStrategy {
    if let Some(strategy) = settings.strategy {
        return PlannedStrategy { strategy, by: By::Spec, reason: "written in the spec".to_owned(), sql: None };
    }
    let whole = Program::new(&plain(steps), input, lookup).is_ok_and(|program| program.next_whole(0).is_some());
    let (strategy, reason) = match rows {
        _ if settings.partitions.is_some_and(|parts| parts > 1) => (Strategy::Staged, "it is read in parts".to_owned()),
        _ if whole => (Strategy::Staged, "a step needs all rows, so they rest before it anyway".to_owned()),
        None => {
            (Strategy::Staged, "nobody knows how many rows come, and each stage can be tried again alone".to_owned())
        }
        Some(rows) if rows < FUSED_FROM => {
            (Strategy::Staged, format!("{rows} rows rest cheaply, and each stage can be tried again alone"))
        }
        Some(rows) => (Strategy::Fused, format!("{rows} rows: writing them down between the stages would cost most")),
    };
    PlannedStrategy { strategy, by: By::Rules, reason, sql: None }
}

/// The steps as the target does them; what it cannot do is said before anything runs.
fn pushdown(
    steps: &[Step],
    from: &str,
    input: &Schema,
    lookup: &dyn Fn(&str) -> Option<Schema>,
    target: &Target,
) -> Result<String> {
    if !target.kind().pushdown {
        return Err(Error::unsupported("only a postgres target runs steps as SQL")
            .hint("Leave `strategy` out: the engine runs the steps on the way"));
    }
    Ok(engine::pushdown::staged(steps, from, input, lookup)?.query.placed())
}

pub(super) fn plain(steps: &[PlannedStep]) -> Vec<Step> {
    steps.iter().map(|planned| planned.step.clone()).collect()
}

fn reads(steps: &[PlannedStep], checks: &[PlannedCheck], from: &str) -> Vec<String> {
    let joins = steps.iter().flat_map(|planned| engine::step::reads(&planned.step));
    let references = checks.iter().filter_map(|planned| {
        if let Check::References(references) = &planned.check { Some(references.dataset.clone()) } else { None }
    });
    let all: BTreeSet<String> = joins.chain(references).filter(|name| name != from).collect();
    all.into_iter().collect()
}

fn distinct_targets(outputs: &[Output]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for output in outputs {
        // Names that differ in case only are one file on some systems and one table on some databases.
        if let Some(other) = seen.insert(output.dataset.to_lowercase(), &output.name) {
            let message = format!("'{other}' and '{}' would both be loaded into '{}'", output.name, output.dataset);
            return Err(Error::new(Kind::Spec, message).hint("Give one of them another name with `datasets.<name>.to`"));
        }
    }
    Ok(())
}

/// Rows that are refused are none of a dataset's.
fn apart(spec: &Spec, outputs: &[Output]) -> Result<()> {
    let Some(quarantine) = &spec.quarantine else { return Ok(()) };
    let table = quarantine.table.to_lowercase();
    match outputs.iter().find(|output| output.dataset.to_lowercase() == table) {
        Some(output) => Err(Error::spec(format!("'{}' is loaded into this table", output.name))
            .at_path("quarantine.table")
            .hint("Give the quarantine a table of its own")),
        None => Ok(()),
    }
}

/// Nothing can be planned of nothing.
pub fn no_columns(name: &str, catalog: &Catalog) -> Error {
    let found = catalog.dataset(name).map(|dataset| &dataset.found);
    let empty = found.is_some_and(|found| found.bytes.is_some_and(|bytes| bytes < 4) || found.rows == Some(0));
    let message = if empty { "it is empty: there are no columns and no rows" } else { "it has no columns" };
    let error = Error::data(message).in_table(name);
    let error = match found {
        Some(found) => error.in_file(&found.locator),
        None => error,
    };
    error.hint("Look at what the source delivers. A table without rows still has a header")
}

pub fn unknown_dataset(name: &str, catalog: &Catalog) -> Error {
    let known: Vec<&str> = catalog.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let hint = match nearest.filter(|near| strsim::jaro_winkler(near, name) > 0.8) {
        Some(near) => format!("Did you mean '{near}'?"),
        None => format!("The sources have: {}", known.join(", ")),
    };
    Error::missing(format!("there is no dataset '{name}' at the sources")).hint(hint)
}
