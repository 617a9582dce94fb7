//! Values of text that are proper and that the planned type of their column does not hold: the type was found in a sample,
//! or the source has grown. Seen while rows are read; then the whole dataset is measured, before anything is visible.
//!
//! Under `evolve` the columns are read in wider types, and the target widens with them. Otherwise the run stops and names
//! them all; or their rows go to quarantine, if that is what the spec says.

use super::{Case, Judged, judge, look, propose, stopped};
use arrow::array::{Array, AsArray, StringArray};
use futures::StreamExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use windvane_connectors::{Connection, Context, Found, Part, ReadRequest, Rejected};
use windvane_core::error::{Error, Result};
use windvane_core::guard::Notes;
use windvane_core::schema::widen::{joined, outgrown, widened};
use windvane_core::schema::{DataType, infer};
use windvane_core::spec::drift::Policy;
use windvane_know::profile::semantic;
use windvane_plan::{Output, Plan};

const OUTGROWN: &str = "a column's values have outgrown its planned type";
/// So much of a code is shown.
const SHOWN: usize = 3;

/// Whether an error says that an input must be measured; its name is the error's table.
pub fn told(error: &Error) -> bool {
    error.message() == OUTGROWN
}

/// Looks at the rows that a reader of text refuses.
#[derive(Debug, Clone)]
pub struct Watch {
    input: String,
    /// By the source's names.
    types: BTreeMap<String, DataType>,
    policy: Policy,
    notes: Notes,
}

impl Watch {
    pub fn new(case: Case<'_>, judged: &Judged) -> Self {
        let text = case.input.kind.is_text();
        let fields = judged.read.fields.iter().filter(|_| text);
        Self {
            input: case.input.name.clone(),
            types: fields.map(|field| (field.name.clone(), field.data_type)).collect(),
            policy: case.plan.drift_of(case.output).types,
            notes: case.context.notes.clone(),
        }
    }

    /// The input that is read.
    pub fn input(&self) -> &str {
        &self.input
    }

    pub fn see(&self, refused: &[Rejected]) -> Result<()> {
        for row in refused {
            let Some(column) = &row.column else { continue };
            let (Some(data_type), Some(Value::String(text))) = (self.types.get(column), row.record.get(column)) else {
                continue;
            };
            if outgrown(*data_type, text).is_none() {
                continue;
            }
            match self.policy {
                Policy::Evolve | Policy::Freeze | Policy::Fail => {
                    return Err(Error::internal(OUTGROWN).in_table(&self.input));
                }
                Policy::Quarantine => self.notes.add(
                    &self.input,
                    &format!(
                        "values that column '{column}' ({data_type}) does not hold go to quarantine, as `drift` says"
                    ),
                ),
            }
        }
        Ok(())
    }
}

/// A column whose values its type does not hold.
#[derive(Debug, Clone)]
struct Grown {
    planned: DataType,
    needed: DataType,
    values: u64,
    row: u64,
    first: String,
}

/// All values of a column, against the types that columns have.
#[derive(Debug, Clone)]
struct Tally {
    planned: DataType,
    values: u64,
    /// Which its own type holds.
    fit: u64,
    /// Those of which it holds only values.
    could: Vec<DataType>,
}

/// So many values say that a column is of another kind, when its type holds (nearly) none of them: fewer may be a few
/// that have outgrown it.
const RETYPED_FROM: u64 = 10;
/// So many, when another column's values would be its own.
const EXCHANGED_FROM: u64 = 3;

/// The plan with the types that the whole input needs now; an error where they must not widen. `whole`: one reader reads
/// all of it.
pub async fn grow(case: Case<'_>, whole: bool) -> Result<Plan> {
    let Case { plan, output, input, context } = case;
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    let seen = look(source, input, context).await?;
    let found = seen.found.clone();
    let judged = judge(case, seen).await?;
    let Measured { grown, tallies, strange } = measured(case, &judged).await?;
    let types: BTreeMap<String, DataType> = grown.iter().map(|(name, grown)| (name.clone(), grown.needed)).collect();
    let retyped_now = |(name, grown): (&String, &Grown)| retyped_words(name, grown, &tallies);
    let breaking = !strange.is_empty() || grown.iter().any(|one| retyped_now(one).is_some());
    let apart = |name: &str| strange.iter().find(|(column, _)| column == name).map(|(_, words)| words.clone());
    let said = |one| retyped_now(one).or_else(|| apart(one.0)).unwrap_or_else(|| one.1.words(one.0));
    let words: Vec<String> = grown.iter().map(said).collect();
    let cursor = output
        .incremental
        .as_ref()
        .is_some_and(|incremental| output.from == input.name && types.contains_key(&incremental.column));
    let evolves = plan.drift_of(output).types == Policy::Evolve;
    let wider = retyped(plan, &input.name, &types);
    let stops = |found: &Found, words: &[String]| {
        let change = propose::Change::retyped(input, found, &types);
        let words = words.to_vec();
        async move { stopped(case, change, &words).await }
    };
    if !evolves || !whole || cursor || breaking {
        return Err(stops(&found, &words).await);
    }
    let wider = match wider {
        Ok(wider) => wider,
        Err(error) => {
            let with = [words, vec![format!("the steps do not fit the wider types: {}", error.message())]].concat();
            return Err(stops(&found, &with).await);
        }
    };
    for words in &words {
        context.notes.add(&input.name, words);
    }
    let change = propose::Change::retyped(input, &found, &types);
    // Without a plan file nobody has to accept anything.
    let committed = context.proposals.first().is_some_and(|path| path.is_file());
    if committed && let Some(proposal) = propose::write(plan, &[change], context) {
        let path = &proposal.place;
        context.notes.add(&input.name, &format!("a plan with the wider types is proposed in {path}"));
    }
    Ok(wider)
}

/// What all values of an input say of its types.
struct Measured {
    grown: BTreeMap<String, Grown>,
    tallies: BTreeMap<String, Tally>,
    /// Columns that are of another kind in one of several files, and the words for it.
    strange: Vec<(String, String)>,
}

/// Reads the whole input as text and tries every value. Each file of a folder is judged as one that comes alone.
async fn measured(case: Case<'_>, judged: &Judged) -> Result<Measured> {
    let Case { plan, input, context, .. } = case;
    let source = plan.sources.get(&input.source).ok_or_else(|| Error::internal("a plan's input names no source"))?;
    let mut schema = judged.read.clone();
    for field in &mut schema.fields {
        if field.data_type != DataType::Json {
            field.data_type = DataType::Text;
        }
    }
    let request = ReadRequest::whole(input.locator.clone(), input.kind, judged.format.clone(), schema);
    let connection = Connection::open_source(source, context)?;
    let files = connection.split(&request, 1).await?.into_iter().filter(|part| matches!(part, Part::File { .. }));
    let mut parts: Vec<Option<Part>> = files.map(Some).collect();
    if parts.is_empty() {
        parts.push(None);
    }
    let mut types: Vec<DataType> = Vec::new();
    for field in &judged.named.fields {
        if outgrows(field.data_type) && !types.contains(&field.data_type) {
            types.push(field.data_type);
        }
    }
    let new = |planned: DataType| Tally { planned, values: 0, fit: 0, could: types.clone() };
    let mut tallies: BTreeMap<String, Tally> =
        judged.named.fields.iter().map(|field| (field.name.clone(), new(field.data_type))).collect();
    let none = tallies.clone();
    let (mut grown, mut strange, mut before) = (BTreeMap::new(), Vec::new(), 0);
    for part in parts {
        let (mut here, mut mine) = (BTreeMap::new(), none.clone());
        let mut rows = 0;
        let mut batches = connection.read(ReadRequest { part: part.clone(), ..request.clone() }).await?;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            rows += (batch.numbers.len() + batch.rejected.len()) as u64;
            for (field, column) in judged.named.fields.iter().zip(batch.rows.columns()) {
                if let Some(texts) = column.as_string_opt::<i32>() {
                    let failed = tried(&field.name, field.data_type, texts, &batch.numbers, &mut here);
                    if let Some(tally) = mine.get_mut(&field.name) {
                        tally.see(texts, failed);
                    }
                }
            }
            context.progress.wanted()?;
        }
        if let Some(Part::File { path, .. }) = &part {
            let file = path.strip_prefix(&input.locator).unwrap_or(path).trim_start_matches('/');
            let retyped = here.iter().filter_map(|one| Some((one.0.clone(), retyped_words(one.0, one.1, &mine)?)));
            strange.extend(retyped.map(|(name, words)| (name, format!("in the file '{file}' {words}"))));
        }
        for (name, one) in here {
            Grown { row: one.row + before, ..one }.join(name, &mut grown);
        }
        for (tally, mine) in tallies.values_mut().zip(mine.into_values()) {
            tally.join(&mine);
        }
        before += rows;
    }
    Ok(Measured { grown, tallies, strange })
}

/// The places of the values that a column of this type does not hold.
fn misfits(texts: &StringArray, planned: DataType) -> Vec<usize> {
    let mut failed = infer::parse(texts, planned).1;
    if matches!(planned, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal { .. }) {
        failed.extend((0..texts.len()).filter(|at| texts.is_valid(*at) && infer::is_code(texts.value(*at))));
        failed.sort_unstable();
        failed.dedup();
    }
    failed
}

impl Tally {
    fn see(&mut self, texts: &StringArray, failed: usize) {
        let values = texts.len() - texts.null_count();
        self.values += values as u64;
        self.fit += values.saturating_sub(failed) as u64;
        self.could.retain(|data_type| misfits(texts, *data_type).is_empty());
    }

    fn join(&mut self, other: &Self) {
        self.values += other.values;
        self.fit += other.fit;
        self.could.retain(|data_type| other.could.contains(data_type));
    }

    /// None of the values is of the planned type, or hardly one.
    fn is_strange(&self) -> bool {
        self.fit * 100 <= self.values
    }
}

/// Whether values of this type can outgrow it.
fn outgrows(planned: DataType) -> bool {
    match planned {
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Decimal { .. }
        | DataType::Date
        | DataType::Uuid => true,
        DataType::Boolean
        | DataType::Float32
        | DataType::Float64
        | DataType::Text
        | DataType::Binary
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json => false,
    }
}

/// That a column has not outgrown its type but is of another kind now, where that is so: a source that has changed what it
/// writes there, or a header whose names stand above the wrong columns.
fn retyped_words(name: &str, grown: &Grown, tallies: &BTreeMap<String, Tally>) -> Option<String> {
    let mine = tallies.get(name).filter(|tally| tally.is_strange() && tally.values >= EXCHANGED_FROM)?;
    let other_kind = widened(grown.planned, grown.needed).is_none();
    let exchanged = tallies.iter().find(|(other, theirs)| {
        let fits_there = match theirs.planned {
            DataType::Text => other_kind,
            planned => planned != grown.planned && mine.could.contains(&planned),
        };
        *other != name && theirs.values >= EXCHANGED_FROM && fits_there && theirs.could.contains(&grown.planned)
    });
    if exchanged.is_none() && !(other_kind && mine.values >= RETYPED_FROM) {
        return None;
    }
    let fit = if mine.fit == 0 { "none".to_owned() } else { format!("only {}", mine.fit) };
    let Grown { planned, row, first, .. } = grown;
    let words = format!(
        "column '{name}' is of another kind now: {fit} of its {} values is {planned} (first: row {row}, '{first}')",
        mine.values
    );
    Some(match exchanged {
        Some((other, _)) => format!("{words}, and '{other}' has such values: the two columns look exchanged"),
        None => words,
    })
}

/// How many values the type does not hold.
fn tried(
    name: &str,
    planned: DataType,
    texts: &StringArray,
    rows: &[u64],
    grown: &mut BTreeMap<String, Grown>,
) -> usize {
    let failed = misfits(texts, planned);
    let count = failed.len();
    for at in failed {
        let text = texts.value(at);
        let Some(needed) = outgrown(planned, text) else { continue };
        let row = rows.get(at).copied().unwrap_or_default();
        let known = grown.entry(name.to_owned()).or_insert_with(|| Grown {
            planned,
            needed,
            values: 0,
            row,
            first: shown(text.trim(), needed),
        });
        known.values += 1;
        known.needed = joined(known.needed, needed).unwrap_or(DataType::Text);
    }
    count
}

impl Grown {
    /// With what is known of the column.
    fn join(self, name: String, all: &mut BTreeMap<String, Self>) {
        match all.entry(name) {
            Entry::Vacant(entry) => _ = entry.insert(self),
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.values += self.values;
                known.needed = joined(known.needed, self.needed).unwrap_or(DataType::Text);
            }
        }
    }

    fn words(&self, name: &str) -> String {
        let Self { planned, needed, values, row, first } = self;
        let verb = if *values == 1 { "1 value is".to_owned() } else { format!("{values} values are") };
        format!(
            "column '{name}' was {planned} and needs {needed}: {verb} none of {planned} (first: row {row}, '{first}')"
        )
    }
}

/// A value for people: numbers and days as they are, of others the beginning.
fn shown(text: &str, needed: DataType) -> String {
    if let Some(meaning) = semantic::personal(text) {
        return format!("[{meaning}]");
    }
    if needed == DataType::Text && text.chars().count() > SHOWN {
        return text.chars().take(SHOWN).chain(['…']).collect();
    }
    text.to_owned()
}

/// The plan with other types of an input's columns, and what the steps make of them.
pub(super) fn retyped(plan: &Plan, input: &str, types: &BTreeMap<String, DataType>) -> Result<Plan> {
    let mut new = plan.clone();
    for field in new.inputs.iter_mut().filter(|one| one.name == input).flat_map(|one| &mut one.schema.fields) {
        field.data_type = types.get(&field.name).copied().unwrap_or(field.data_type);
    }
    propose::fitted(&mut new, input)?;
    Ok(new)
}

/// The plan with the types that the target's columns have got from earlier loads: what has widened once stays wide. Nothing
/// where it has the planned ones.
pub async fn remembered(plan: &Plan, output: &Output, context: &Context) -> Option<Plan> {
    let input = plan.input(&output.from).filter(|input| input.kind.is_text())?;
    if plan.drift_of(output).types != Policy::Evolve {
        return None;
    }
    // Whatever is wrong with the target is the load's to say.
    let target = Connection::open_target(&plan.target, context).ok()?;
    let lately = target.latest_loads(&output.dataset, (&plan.pipeline, &output.name)).await.ok()?;
    let loaded = lately.own?.facts.columns;
    let mut known: Option<Plan> = None;
    for field in &input.schema.fields {
        // Windows are compared in the planned type.
        let watched = output.incremental.as_ref().is_some_and(|incremental| incremental.column == field.name);
        let Some(theirs) = loaded.field(&field.name).filter(|_| !watched) else { continue };
        let Some(wide) = joined(field.data_type, theirs.data_type).filter(|wide| *wide != field.data_type) else {
            continue;
        };
        let types = BTreeMap::from([(field.name.clone(), wide)]);
        let Ok(next) = retyped(known.as_ref().unwrap_or(plan), &input.name, &types) else { continue };
        // Only a column that goes through the steps as it is.
        let comes = next.output(&output.name).and_then(|output| output.schema.field(&field.name));
        if comes.is_some_and(|comes| comes.data_type == wide) {
            known = Some(next);
        }
    }
    known
}
