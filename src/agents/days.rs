//! Texts that an earlier load has read as days or times: few values may leave open which is the day and which the month, and
//! what was told once is not guessed again.

use super::planner::Question;
use crate::error::{Error, Kind};
use crate::profile::dates::Doubt;
use crate::schema::DataType;
use crate::spec::step::Parse;
use std::collections::BTreeMap;

/// By output, a column each.
pub type Readings = BTreeMap<String, Vec<Parse>>;

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
