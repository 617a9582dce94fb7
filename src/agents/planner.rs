//! Steps and checks for the loaded datasets, from what the user said and what the profiles show.
//!
//! Conservative: a rule speaks only of what the data shows beyond doubt or the user's words ask for.

use super::wanted::{self, Answer};
use super::{ACCEPT_FROM, By, Change, Decision, Suggestion, confident, evidence, fell_back, words};
use crate::discover::{self, Catalog, Dataset};
use crate::llm::{Gateway, Question as Asked};
use crate::profile::semantic::{is_identifier_name, words as name_words};
use crate::profile::{ColumnProfile, Profile};
use crate::schema::{DataType, Schema};
use crate::spec::Spec;
use crate::spec::check::Check;
use crate::spec::step::{Columns, Deduplicate, Keep, Parse, Step};
use std::collections::{BTreeMap, BTreeSet};

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
    joined: bool,
    alone: bool,
}

impl<'a> Question<'a> {
    /// The words of the user, lower case.
    pub(super) fn words(&self) -> Vec<String> {
        let all = [self.spec.intent.as_deref(), self.words];
        all.into_iter().flatten().flat_map(words::tokens).collect()
    }

    /// The outputs, as `plan` will have them.
    pub(super) fn loaded(&self) -> Vec<Loaded<'a>> {
        let outputs = discover::outputs(self.spec, self.catalog);
        let alone = outputs.len() == 1;
        outputs.into_iter().map(|(name, dataset)| self.known(&name, dataset, alone)).collect()
    }

    fn known(&self, output: &str, dataset: &'a Dataset, alone: bool) -> Loaded<'a> {
        let settings = self.spec.datasets.get(output);
        let steps = self.spec.steps.iter().chain(settings.into_iter().flat_map(|settings| &settings.steps));
        let checks = self.spec.checks.iter().chain(settings.into_iter().flat_map(|settings| &settings.checks));
        let joined = steps.clone().any(|step| {
            matches!(
                step,
                Step::Join(_)
                    | Step::Aggregate(_)
                    | Step::Pivot(_)
                    | Step::Unpivot(_)
                    | Step::Explode(_)
                    | Step::Sql(_)
                    | Step::Python(_)
            )
        });
        let written = [
            serde_json::to_string(&steps.collect::<Vec<_>>()).unwrap_or_default(),
            serde_json::to_string(&checks.collect::<Vec<_>>()).unwrap_or_default(),
        ];
        let profile = self.profiles.get(&dataset.name);
        let mut schema = dataset.schema().clone();
        for field in &mut schema.fields {
            let figures = profile.and_then(|profile| profile.columns.iter().find(|column| column.name == field.name));
            field.data_type = figures.map_or(field.data_type, |figures| figures.data_type);
        }
        Loaded { output: output.to_owned(), dataset, profile, schema, written: written.concat(), joined, alone }
    }
}

impl Loaded<'_> {
    fn mentions(&self, column: &str) -> bool {
        words::tokens(&self.written).iter().any(|word| word == &column.to_lowercase())
    }

    /// The last word of the name, singular: `shop.orders` is about an order.
    fn noun(&self) -> String {
        name_words(&self.dataset.name).last().map(|word| super::names::singular(word)).unwrap_or_default()
    }
}

/// What the rules suggest, dataset by dataset.
pub fn rules(question: Question<'_>) -> Vec<Suggestion> {
    let words = question.words();
    let mut all = Vec::new();
    for loaded in question.loaded() {
        let mut found = Vec::new();
        if let Some(profile) = loaded.profile {
            dates(&loaded, profile, &mut found);
            conditions(&loaded, profile, &words, &mut found);
            rows_per(&loaded, profile, &words, &mut found);
            personal(&loaded, profile, &words, &mut found);
        }
        keys(&loaded, &mut found);
        let dropped: BTreeSet<String> = found
            .iter()
            .filter_map(|(change, confidence, _)| match change {
                Change::Step(Step::Drop(columns)) if *confidence >= ACCEPT_FROM => Some(columns.clone()),
                Change::Step(_) | Change::Check(_) => None,
            })
            .flatten()
            .collect();
        // A column that does not arrive needs no check.
        found.retain(|(change, ..)| {
            !matches!(change, Change::Check(Check::NotNull(columns) | Check::Unique(columns))
            if columns.0.iter().any(|column| dropped.contains(column)))
        });
        all.extend(
            found
                .into_iter()
                .map(|(change, confidence, evidence)| suggestion(&loaded.output, change, confidence, evidence)),
        );
    }
    all
}

type Found = Vec<(Change, f64, Vec<String>)>;

fn suggestion(output: &str, change: Change, confidence: f64, evidence: Vec<String>) -> Suggestion {
    let confidence = confident(confidence);
    let accepted = confidence >= ACCEPT_FROM;
    let reason = if accepted {
        "confident enough".to_owned()
    } else {
        format!("confidence {confidence:.2} is below {ACCEPT_FROM}: a person should decide")
    };
    let proposal = serde_json::to_value(&change).unwrap_or_default();
    let decision = Decision {
        agent: AGENT.to_owned(),
        question: format!("{output}: {QUESTION}"),
        proposal,
        evidence,
        confidence,
        by: By::Rules,
        accepted,
        reason,
        model: None,
        tokens: None,
    };
    Suggestion { output: output.to_owned(), change, decision }
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
fn dates(loaded: &Loaded<'_>, profile: &Profile, found: &mut Found) {
    for column in &profile.columns {
        if column.data_type != DataType::Text || column.date_formats.is_empty() || loaded.mentions(&column.name) {
            continue;
        }
        let to = match column.semantic_type.as_deref() {
            Some("date_text") => DataType::Date,
            Some("timestamp_text") => DataType::Timestamp,
            Some("time_text") => DataType::Time,
            _ => continue,
        };
        let share = column.semantic_confidence;
        let sure = if share >= 0.95 { 0.9 } else { 0.75 };
        let why = vec![format!(
            "{:.1} % of the different values read as {}; no other order of day and month fits.",
            share * 100.0,
            column.date_formats.join(" or ")
        )];
        let parse = Parse { columns: vec![column.name.clone()], to, formats: column.date_formats.clone() };
        found.push((Change::Step(Step::Parse(parse)), if profile.exact { sure } else { sure - 0.05 }, why));
    }
}

/// "Completed orders": the rows whose status is `complete`.
fn conditions(loaded: &Loaded<'_>, profile: &Profile, words: &[String], found: &mut Found) {
    let noun = loaded.noun();
    let mut hits: Vec<(&str, &str, &str)> = Vec::new();
    for (at, word) in words.iter().enumerate().filter(|(at, _)| words::selects(words, *at, &noun)) {
        let asked = words::stem(word);
        let texts = profile
            .columns
            .iter()
            .filter(|column| column.data_type == DataType::Text && column.distinct <= 50 && !column.pii);
        for column in texts.filter(|column| !loaded.mentions(&column.name)) {
            let hit = column.top.iter().find(|top| words::stem(top.value.trim()) == asked);
            hits.extend(hit.map(|top| (column.name.as_str(), top.value.as_str(), words[at].as_str())));
        }
    }
    let sure = if hits.len() == 1 { 0.85 } else { 0.6 };
    for (column, value, word) in hits {
        let condition = format!("{} = '{}'", crate::schema::sql::quote(column), value.replace('\'', "''"));
        let why = vec![format!("The words ask for '{word}', and '{value}' is a frequent value of {column}.")];
        found.push((Change::Step(Step::Filter(condition)), sure, why));
    }
}

/// "One row per order".
fn rows_per(loaded: &Loaded<'_>, profile: &Profile, words: &[String], found: &mut Found) {
    let noun = loaded.noun();
    for thing in words::one_row_per(words).into_iter().filter(|thing| loaded.alone || *thing == noun) {
        let usual = [
            format!("{thing}_id"),
            format!("{thing}id"),
            "id".to_owned(),
            thing.clone(),
            format!("{thing}_number"),
            format!("{thing}_no"),
        ];
        let named = |name: &String| profile.columns.iter().find(|column| column.name.to_lowercase() == *name);
        let Some(column) = usual.iter().find_map(named).filter(|column| !loaded.mentions(&column.name)) else {
            continue;
        };
        let on = Columns(vec![column.name.clone()]);
        let repeats = column.distinct + column.nulls < profile.rows;
        let why = vec![format!(
            "The words ask for one row per {thing}; {} has {} values in {} rows.",
            column.name, column.distinct, profile.rows
        )];
        if repeats || !profile.exact {
            let deduplicate = Deduplicate { on, keep: Keep::First, order_by: Vec::new() };
            // A handful of columns is a guess at what the key is when most rows would go.
            let sure = if column.distinct * 2 >= profile.rows { 0.85 } else { 0.6 };
            found.push((Change::Step(Step::Deduplicate(deduplicate)), sure, why));
        } else if loaded.dataset.found.primary_key.is_empty() {
            found.push((Change::Check(Check::Unique(on)), 0.95, why));
        }
    }
}

/// "No personal data".
fn personal(loaded: &Loaded<'_>, profile: &Profile, words: &[String], found: &mut Found) {
    let asked = words::no_personal_data(words);
    let columns: Vec<&ColumnProfile> =
        profile.columns.iter().filter(|column| asked && column.pii || words::without(words, &column.name)).collect();
    if columns.is_empty() || columns.len() == profile.columns.len() {
        return;
    }
    let used = columns.iter().any(|column| loaded.mentions(&column.name));
    let mut why: Vec<String> = columns
        .iter()
        .map(|column| match &column.semantic_type {
            Some(semantic) => {
                format!("{} looks like {semantic} ({:.0} %).", column.name, column.semantic_confidence * 100.0)
            }
            None => format!("The words name {}.", column.name),
        })
        .collect();
    if used {
        why.push("A step or check of the spec uses one of them.".to_owned());
    }
    let names = columns.iter().map(|column| column.name.clone()).collect();
    found.push((Change::Step(Step::Drop(names)), if used { 0.6 } else { 0.9 }, why));
}

const INSTRUCTIONS: &str = "You prepare tables for loading. Propose steps (run before the user's own, on the columns as they \
are) and checks, each for one output dataset, as JSON of the given schema. Propose only what the user's words ask for or \
the figures show; leave everything else alone. Never remove rows or columns that the user's words do not ask to remove. \
Expressions are SQL scalar expressions over the dataset's columns. Confidence is 0 to 1.";

/// The rules' suggestions and, when there is a model, what it adds; the log says who answered and why.
pub async fn ask(question: Question<'_>, gateway: Option<&Gateway>, log: &mut Vec<Decision>) -> Vec<Suggestion> {
    let mut all = rules(question);
    let Some(gateway) = gateway else { return all };
    let loaded = question.loaded();
    let data = serde_json::json!({
        "outputs": loaded.iter().map(|one| evidence::dataset(&one.output, &one.schema, one.profile)).collect::<Vec<_>>(),
    });
    let users = question.words().join(" ");
    let instructions = format!("{INSTRUCTIONS}\nThe user's words: {}", crate::llm::redact::text(&users));
    let asked = Asked { agent: AGENT, instructions: &instructions, data: &data };
    match gateway.ask(asked, |answer: &Answer| wanted::check(&loaded, answer)).await {
        Ok(answer) => {
            log.push(wanted::answered(AGENT, QUESTION, &answer));
            wanted::merge(&question.words(), &loaded, answer, &mut all);
        }
        Err(refusal) => log.push(fell_back(AGENT, QUESTION, &refusal)),
    }
    all
}

/// The decision that tells that a model was configured and not asked: its breaker is open.
pub fn not_asked(error: &crate::error::Error, model: &str) -> Decision {
    let refusal = crate::llm::Refusal { error: error.clone(), model: model.to_owned(), tokens: 0 };
    fell_back(AGENT, QUESTION, &refusal)
}
