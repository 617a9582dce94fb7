//! Steps and checks for the loaded datasets, from what the user said and what the profiles show.
//!
//! Conservative: a rule speaks only of what the data shows beyond doubt or the user's words ask for.

use super::days::Readings;
use super::wanted::{self, Answer};
use super::wishes::{self, Reading, Vocabulary};
use super::{ACCEPT_FROM, Change, Decision, Suggestion, confident, evidence, fell_back};
use std::collections::BTreeMap;
use windvane_core::schema::{DataType, Schema};
use windvane_core::spec::Spec;
use windvane_core::spec::check::Check;
use windvane_core::spec::step::{Columns, Parse, Step};
use windvane_know::discover::{self, Catalog, Dataset};
use windvane_know::profile::semantic::{is_identifier_name, words as name_words};
use windvane_know::profile::{ColumnProfile, Profile};
use windvane_llm::{Gateway, Question as Asked};

pub(super) const AGENT: &str = "planner";
pub(super) const QUESTION: &str = "which steps and checks does the dataset need?";
/// A profile of fewer rows proves no habit.
const ENOUGH_ROWS: u64 = 10;

#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub spec: &'a Spec,
    pub catalog: &'a Catalog,
    /// By dataset name.
    pub profiles: &'a BTreeMap<String, Profile>,
    /// Words given beside the spec's `intent`.
    pub words: Option<&'a str>,
    /// How texts are read that earlier loads have read as days or times.
    pub readings: Option<&'a Readings>,
}

/// A loaded dataset and all that is known of it.
pub(super) struct Loaded<'a> {
    pub(super) output: String,
    pub(super) dataset: &'a Dataset,
    pub(super) profile: Option<&'a Profile>,
    /// The columns as they are read: of text the profile's types.
    pub(super) schema: Schema,
    /// The user's own steps and checks, as text: what they mention is theirs to decide.
    written: String,
    pub(super) joined: bool,
    pub(super) steps: Vec<&'a Step>,
    pub(super) checks: Vec<&'a Check>,
}

impl<'a> Question<'a> {
    /// What the user said, as it is.
    pub(super) fn texts(&self) -> Vec<&'a str> {
        let same = self.words == self.spec.intent.as_deref();
        [self.spec.intent.as_deref(), self.words.filter(|_| !same)].into_iter().flatten().collect()
    }

    /// The outputs, as `plan` will have them.
    pub(super) fn loaded(&self) -> Vec<Loaded<'a>> {
        let outputs = discover::outputs(self.spec, self.catalog);
        outputs.into_iter().map(|(name, dataset)| self.known(&name, dataset)).collect()
    }

    fn known(&self, output: &str, dataset: &'a Dataset) -> Loaded<'a> {
        let settings = self.spec.datasets.get(output);
        let steps = self.spec.steps.iter().chain(settings.into_iter().flat_map(|settings| &settings.steps));
        let checks = self.spec.checks.iter().chain(settings.into_iter().flat_map(|settings| &settings.checks));
        let (steps, checks): (Vec<&Step>, Vec<&Check>) = (steps.collect(), checks.collect());
        let joined = steps.iter().any(|step| step.form().other_rows);
        let written =
            [serde_json::to_string(&steps).unwrap_or_default(), serde_json::to_string(&checks).unwrap_or_default()];
        let profile = self.profiles.get(&dataset.name);
        let mut schema = dataset.schema().clone();
        for field in &mut schema.fields {
            let figures = profile.and_then(|profile| profile.columns.iter().find(|column| column.name == field.name));
            field.data_type = figures.map_or(field.data_type, |figures| figures.data_type);
        }
        Loaded { output: output.to_owned(), dataset, profile, schema, written: written.concat(), joined, steps, checks }
    }
}

impl Loaded<'_> {
    pub(super) fn mentions(&self, column: &str) -> bool {
        let column = column.to_lowercase();
        let inside = |character: char| character.is_alphanumeric() || character == '_';
        let plain = column.chars().all(inside);
        let written = self.written.to_lowercase();
        if plain {
            written.split(|letter| !inside(letter)).any(|word| word == column)
        } else {
            written.contains(&column)
        }
    }

    /// The last word of the name, singular: `shop.orders` is about an order.
    fn noun(&self) -> String {
        name_words(&self.dataset.name).last().map(|word| super::names::singular(word)).unwrap_or_default()
    }
}

/// What the rules suggest, dataset by dataset, and what they made of the words.
pub fn rules(question: Question<'_>) -> (Vec<Suggestion>, Option<Decision>) {
    let loaded = question.loaded();
    let texts = question.texts();
    let reading = wishes::read(&texts, &vocabulary(question, &loaded));
    let asked = wishes::derive(&reading, &loaded);
    let untouched = reading.keeps_everything();
    let mut all = Vec::new();
    for one in &loaded {
        let mut found = Vec::new();
        if let Some(profile) = one.profile {
            let readings = question.readings.and_then(|readings| readings.get(&one.output));
            dates(one, profile, readings.map_or(&[], Vec::as_slice), untouched, &mut found);
        }
        keys(one, &mut found);
        let mine = asked.iter().filter(|derived| derived.output == one.output);
        let gone = |column: &String| {
            mine.clone().filter(|derived| derived.verdict.is_ok()).any(|derived| match &derived.change {
                Change::Step(Step::Drop(columns)) => columns.contains(column),
                Change::Step(Step::Select(columns)) => !columns.contains(column),
                Change::Step(Step::Rename(names)) => names.contains_key(column),
                Change::Step(_) | Change::Check(_) => false,
            })
        };
        // A column that does not arrive needs no check, and what the words ask for is not asked twice.
        found.retain(|(change, ..)| {
            let idle = matches!(change, Change::Check(Check::NotNull(columns) | Check::Unique(columns))
                if columns.0.iter().any(gone));
            !idle && !mine.clone().any(|derived| wishes::same(&derived.change, change))
        });
        let found = found.into_iter().map(|(change, confidence, why)| suggestion(&one.output, change, confidence, why));
        let (steps, checks): (Vec<Suggestion>, Vec<Suggestion>) =
            found.partition(|suggestion| matches!(suggestion.change, Change::Step(_)));
        all.extend(mine.clone().map(wished));
        all.extend(steps);
        all.extend(checks);
    }
    (all, (!texts.is_empty()).then(|| understood(&reading)))
}

/// The names and values that the words can mean.
fn vocabulary(question: Question<'_>, loaded: &[Loaded<'_>]) -> Vocabulary {
    let table = |name: &str, schema: &Schema, profile: Option<&Profile>| wishes::Table {
        name: name.to_owned(),
        columns: schema
            .fields
            .iter()
            .map(|field| {
                let figures = profile.and_then(|profile| profile.columns.iter().find(|known| known.name == field.name));
                let shown = figures.filter(|figures| !figures.pii);
                let values: Vec<String> =
                    shown.into_iter().flat_map(|figures| &figures.top).map(|top| top.value.clone()).collect();
                wishes::Column {
                    all_seen: shown
                        .is_some_and(|figures| figures.distinct_exact && figures.distinct == values.len() as u64),
                    text: field.data_type == DataType::Text,
                    number: windvane_know::profile::column::is_numeric(field.data_type),
                    name: field.name.clone(),
                    values,
                }
            })
            .collect(),
    };
    let others =
        question.catalog.datasets.iter().filter(|dataset| loaded.iter().all(|one| one.dataset.name != dataset.name));
    let named = question.spec.connections().into_iter().chain([question.spec.pipeline.clone()]);
    Vocabulary {
        names: named.flat_map(|name| name_words(&name)).collect(),
        tables: loaded.iter().map(|one| table(&one.output, &one.schema, one.profile)).collect(),
        others: others
            .map(|dataset| table(&dataset.name, dataset.schema(), question.profiles.get(&dataset.name)))
            .collect(),
    }
}

/// What the words ask for, as a suggestion.
fn wished(derived: &wishes::Derived) -> Suggestion {
    let why = vec![format!("The words say '{}'.", derived.words)];
    let mut wished = suggestion(&derived.output, derived.change.clone(), 0.9, why);
    wished.decision.accepted = derived.verdict.is_ok();
    wished.decision.waits = derived.verdict.is_err();
    let (Ok(reason) | Err(reason)) = &derived.verdict;
    wished.decision.reason.clone_from(reason);
    wished.effect = Some(derived.effect);
    wished
}

/// The decision that tells how the words were read.
fn understood(reading: &Reading) -> Decision {
    let unread: Vec<&str> = reading.unread.iter().map(|unread| unread.words.as_str()).collect();
    let accepted = unread.is_empty();
    let reason = if accepted {
        "every word was understood".to_owned()
    } else {
        let words = unread.iter().map(|words| format!("'{words}'")).collect::<Vec<_>>().join(", ");
        let why: Vec<&str> = reading.unread.iter().filter_map(|unread| unread.why.as_deref()).collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
        format!("not understood: {words}{why}; nothing is taken away or changed because of the words")
    };
    Decision {
        proposal: serde_json::json!({
            "understood": reading.clauses.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>(),
            "not_understood": unread,
        }),
        evidence: reading.clauses.iter().map(|(words, wish)| format!("'{words}': {}.", wish.said())).collect(),
        confidence: if accepted { 1.0 } else { 0.0 },
        accepted,
        reason,
        waits: reading.asks,
        ..Decision::of(AGENT, "what do the words ask for?")
    }
}

type Found = Vec<(Change, f64, Vec<String>)>;

fn suggestion(output: &str, change: Change, confidence: f64, evidence: Vec<String>) -> Suggestion {
    let confidence = confident(confidence);
    let accepted = confidence >= ACCEPT_FROM;
    let reason = if accepted {
        "confident enough".to_owned()
    } else {
        // Nobody has asked for it: it is left out, and waits for nobody.
        format!("confidence {confidence:.2} is below {ACCEPT_FROM}: who wants it writes it into the spec")
    };
    let proposal = serde_json::to_value(&change).unwrap_or_default();
    let decision = Decision {
        output: Some(output.to_owned()),
        proposal,
        evidence,
        confidence,
        accepted,
        reason,
        ..Decision::of(AGENT, format!("{output}: {QUESTION}"))
    };
    Suggestion { output: output.to_owned(), change, decision, effect: None }
}

/// Keys are unique and present.
fn keys(loaded: &Loaded<'_>, found: &mut Found) {
    let declared = &loaded.dataset.found.primary_key;
    let soften = |confidence: f64| if loaded.joined { confidence.min(0.7) } else { confidence };
    let mut key = declared.clone();
    if !declared.is_empty() {
        let why = vec![format!("The source declares the primary key {}.", declared.join(", "))];
        found.push((Change::Check(Check::Unique(Columns(declared.clone()))), soften(0.98), why.clone()));
        found.push((Change::Check(Check::NotNull(Columns(declared.clone()))), 0.98, why));
    } else if let Some(profile) = loaded.profile.filter(|profile| profile.rows >= ENOUGH_ROWS) {
        let sure = if profile.exact { 0.9 } else { 0.6 };
        if let Some(column) = own_key(loaded, profile) {
            key = vec![column.name.clone()];
            let repeated = profile.rows - column.nulls - column.distinct;
            let why = vec![format!(
                "All {} rows were looked at: {} repeats in {repeated} of them.",
                profile.rows, column.name
            )];
            let unique = repeated == 0 && column.distinct_exact && column.nulls == 0;
            found.push((
                Change::Check(Check::Unique(Columns(key.clone()))),
                soften(if unique { sure } else { 0.7 }),
                why,
            ));
        }
    }
    let Some(profile) = loaded.profile.filter(|profile| profile.exact && profile.rows >= ENOUGH_ROWS) else { return };
    let never_null: Vec<String> = profile
        .columns
        .iter()
        .filter(|column| column.nulls == 0 && is_identifier_name(&column.name) && !declared.contains(&column.name))
        .map(|column| column.name.clone())
        .collect();
    if !never_null.is_empty() {
        let why = vec![format!("None of the {} rows has a null in {}.", profile.rows, never_null.join(", "))];
        let sure = if never_null == key { 0.9 } else { 0.85 };
        found.push((Change::Check(Check::NotNull(Columns(never_null))), sure, why));
    }
}

/// The column that looks like the dataset's own key: named so, and (almost) never repeated.
fn own_key<'a>(loaded: &Loaded<'_>, profile: &'a Profile) -> Option<&'a ColumnProfile> {
    let noun = loaded.noun();
    let own = |column: &ColumnProfile| {
        let parts = name_words(&column.name);
        let about = parts.len() == 1 || parts.iter().any(|word| super::names::singular(word) == noun);
        about
            && parts
                .last()
                .is_some_and(|last| ["id", "key", "uuid", "guid", "number", "no", "nr"].contains(&last.as_str()))
            || column.name.to_lowercase() == format!("{noun}id")
    };
    // Two repetitions in a hundred are a mistake in a key, not a sign that it is none.
    let nearly = |column: &ColumnProfile| {
        let present = profile.rows.saturating_sub(column.nulls);
        present > 0
            && column.distinct_exact
            && column.distinct * 100 >= present * 98
            && column.nulls * 100 <= profile.rows * 2
    };
    profile.columns.iter().find(|column| own(column) && nearly(column))
}

/// Text that is dates in another format becomes dates.
fn dates(loaded: &Loaded<'_>, profile: &Profile, readings: &[Parse], untouched: bool, found: &mut Found) {
    for column in &profile.columns {
        if column.data_type != DataType::Text || loaded.mentions(&column.name) {
            continue;
        }
        let told = |parse: &&Parse| parse.formats != column.date_formats || column.semantic_confidence < 1.0;
        let known = readings.iter().find(|parse| parse.columns.contains(&column.name));
        if let Some(parse) = known.filter(told) {
            let why =
                vec![format!("Loaded as {} before; its values read as {}.", parse.to, parse.formats.join(" or "))];
            found.push((Change::Step(Step::Parse(parse.clone())), 0.95, why));
            continue;
        }
        if column.date_formats.is_empty() {
            continue;
        }
        let to = match column.semantic_type.as_deref() {
            Some("date_text") => DataType::Date,
            Some("timestamp_text") => DataType::Timestamp,
            Some("time_text") => DataType::Time,
            _ => continue,
        };
        let share = column.semantic_confidence;
        // A value that no format fits would send its row to quarantine, and nobody asked for that.
        let sure = if share >= 1.0 && !untouched { 0.9 } else { 0.75 };
        let why = vec![format!(
            "{:.1} % of the different values read as {}; no other order of day and month fits.",
            share * 100.0,
            column.date_formats.join(" or ")
        )];
        let parse = Parse { columns: vec![column.name.clone()], to, formats: column.date_formats.clone() };
        found.push((Change::Step(Step::Parse(parse)), if profile.exact { sure } else { sure - 0.05 }, why));
    }
}

const INSTRUCTIONS: &str = "You prepare tables for loading. Propose steps (run before the user's own, on the columns as they \
are) and checks, each for one output dataset, as JSON of the given schema. Propose only what the user's words ask for or \
the figures show; leave everything else alone. Never remove rows or columns that the user's words do not ask to remove. \
Expressions are SQL scalar expressions over the dataset's columns. Confidence is 0 to 1.";

/// The rules' suggestions and, when there is a model, what it adds; the log says who answered and why.
pub async fn ask(question: Question<'_>, gateway: Option<&Gateway>, log: &mut Vec<Decision>) -> Vec<Suggestion> {
    let (mut all, read) = rules(question);
    log.extend(read);
    let Some(gateway) = gateway else { return all };
    let loaded = question.loaded();
    let data = serde_json::json!({
        "outputs": loaded.iter().map(|one| evidence::dataset(&one.output, &one.schema, one.profile)).collect::<Vec<_>>(),
    });
    let users = question.texts().join("\n");
    let instructions = format!("{INSTRUCTIONS}\nThe user's words: {}", windvane_core::redact::text(&users));
    let asked = Asked { agent: AGENT, instructions: &instructions, data: &data };
    match gateway.ask(asked, |answer: &Answer| wanted::check(&loaded, answer)).await {
        Ok(answer) => {
            log.push(wanted::answered(AGENT, QUESTION, &answer));
            wanted::merge(&loaded, answer, &mut all);
        }
        Err(refusal) => log.push(fell_back(AGENT, QUESTION, &refusal)),
    }
    all
}
