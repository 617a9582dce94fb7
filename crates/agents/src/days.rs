//! Texts that an earlier load has read as days or times: few values may leave open which is the day and which the month, and
//! what was told once is not guessed again.

use crate::question::{Question, Readings};
use std::collections::BTreeMap;
use windvane_core::error::{Error, Kind};
use windvane_core::schema::DataType;
use windvane_core::spec::step::{Parse, Step};
use windvane_know::profile::dates::{Doubt, iso};

/// How the columns are read now, given how they were; and by dataset the error of those that cannot be.
pub fn judged(question: Question<'_>, before: &Readings) -> (Readings, BTreeMap<String, Error>) {
    let mut readings = Readings::new();
    let mut doubts: BTreeMap<String, Vec<(&Parse, Doubt)>> = BTreeMap::new();
    for one in question.loaded() {
        let Some(profile) = one.profile else { continue };
        for parse in before.get(&one.output).into_iter().flatten() {
            // What the user's own steps speak of is theirs.
            let asked = |name: &str| parse.columns.iter().any(|column| column == name) && !one.mentions(name);
            let text = |name: &str| one.schema.field(name).is_some_and(|field| field.data_type == DataType::Text);
            let Some(column) = profile.columns.iter().find(|it| asked(&it.name) && text(&it.name)) else { continue };
            match column.spelling.read(parse) {
                Ok(parse) => readings.entry(one.output.clone()).or_default().push(parse),
                Err(doubt) => doubts.entry(one.dataset.name.clone()).or_default().push((parse, doubt)),
            }
        }
    }
    (readings, doubts.into_iter().map(|(dataset, doubts)| (dataset, refused(&doubts))).collect())
}

/// Columns that earlier loads have read as days and times as they stood, and that are written otherwise now: they are texts
/// again, by dataset, for a step to read.
pub fn reopened(question: Question<'_>, before: &mut Readings) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // Another type that a source declares is for the reading to judge.
    for one in question.loaded().iter().filter(|one| one.dataset.found.kind.is_text()) {
        let columns = one.profile.into_iter().flat_map(|profile| &profile.columns);
        for column in columns.filter(|column| column.spelling.is_otherwise()) {
            let name = &column.name;
            let to = column.data_type;
            let moment = matches!(to, DataType::Date | DataType::Time | DataType::Timestamp);
            let parsed = |step: &&Step| matches!(step, Step::Parse(parse) if parse.columns.contains(name));
            let free = !one.mentions(name) || one.steps.iter().any(parsed);
            let settings = question.spec.datasets.get(&one.output);
            let watched = settings.and_then(|settings| settings.incremental.as_ref());
            if !moment || !free || watched.is_some_and(|incremental| incremental.column == *name) {
                continue;
            }
            all.entry(one.dataset.name.clone()).or_default().push(name.clone());
            let known = before.entry(one.output.clone()).or_default();
            if !known.iter().any(|parse| parse.columns.contains(name)) {
                let formats = iso(to).iter().map(|format| (*format).to_owned()).collect();
                known.push(Parse { columns: vec![name.clone()], to, formats });
            }
        }
    }
    all
}

fn refused(doubts: &[(&Parse, Doubt)]) -> Error {
    let said = doubts.iter().map(|(parse, doubt)| {
        let name = parse.columns.join("', '");
        match doubt {
            Doubt::Open(day, month) => format!(
                "column '{name}' is {} at the target, and its values read as {day} and as {month} alike: which is the day and \
                 which the month cannot be told",
                parse.to
            ),
            Doubt::Contrary(was, now) => {
                format!("column '{name}' was read as {was}, and has values now that only read as {now}")
            }
        }
    });
    let said: Vec<String> = said.collect();
    let first = doubts.first().map(|(parse, doubt)| {
        let format = match doubt {
            Doubt::Open(day, _) => *day,
            Doubt::Contrary(_, now) => *now,
        };
        format!("`parse: {{columns: [{}], to: {}, formats: ['{format}']}}`", parse.columns.join(", "), parse.to)
    });
    Error::new(Kind::Conflict, said.join("; ")).hint(format!(
        "Nothing was loaded. Say in a step how it is written ({}), or load it as text (`cast`); or mend the source",
        first.unwrap_or_default()
    ))
}
