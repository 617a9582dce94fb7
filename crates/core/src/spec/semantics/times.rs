//! Schedule and first day: what Airflow will accept.

use super::judge::Judge;
use crate::spec::hint::nearest;
use crate::spec::node::{Node, Value};
use crate::spec::path::shorten;
use chrono::NaiveDate;
use std::str::FromStr;

const PRESETS: [&str; 9] =
    ["@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@annually"];

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    judge.key(root, "schedule", schedule);
    judge.key(root, "timezone", timezone);
    judge.key(root, "start_date", start_date);
    judge.key(root, "tags", |judge, tags| {
        judge.distinct(tags, "tag");
        judge.each(tags, |judge, tag| {
            if tag.text().is_some_and(|text| text.chars().count() > 100) {
                judge.problem(tag.mark, "a tag has at most 100 characters", "Shorten it");
            }
        });
    });
    let catches_up = root.get("catchup").is_some_and(|node| matches!(node.value, Value::Boolean(true)));
    let lacks = |key: &str| root.get(key).is_none_or(|node| matches!(node.value, Value::Null { .. }));
    if let Some(entry) = root.entry("catchup")
        && catches_up
    {
        for key in ["schedule", "start_date"] {
            if lacks(key) {
                judge.problem_at(
                    entry,
                    format!("catching up needs '{key}'"),
                    format!("Add '{key}', or delete 'catchup'"),
                );
            }
        }
    }
}

fn schedule(judge: &mut Judge<'_, '_>, node: &Node) {
    let Some(text) = node.text() else { return };
    if text.starts_with('@') {
        if !PRESETS.contains(&text) {
            let hint = match nearest(text, PRESETS) {
                Some(preset) => format!("Did you mean '{preset}'?"),
                None => format!("Presets are {}", PRESETS.join(", ")),
            };
            judge.problem(node.mark, format!("'{}' is not a preset", shorten(text)), hint);
        }
        return;
    }
    if let Err(reason) = cron(text) {
        let message = format!("'{}' is not a cron expression: {reason}", shorten(text));
        judge.problem(node.mark, message, "Write five fields such as '30 6 * * *', or a preset such as '@daily'");
    }
}

/// The fields from the last to the first, and what they may hold beside digits and `*,-/`. Airflow and the checker agree
/// on these; each knows more that the other does not.
const FIELDS: [(&str, &[&str]); 6] = [
    ("day of the week", &["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN", "#"]),
    ("month", &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    ("day of the month", &["L"]),
    ("hour", &[]),
    ("minute", &[]),
    ("second", &[]),
];

fn fits(field: &str, more: &[&str]) -> bool {
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_digit() || "*,-/".contains(c));
    let mut rest = field.to_ascii_uppercase();
    for word in more {
        rest = rest.replace(word, "");
    }
    plain(&rest)
}

fn cron(text: &str) -> Result<(), String> {
    let mut fields: Vec<&str> = text.split_whitespace().collect();
    if !(5..=6).contains(&fields.len()) || text.len() > 200 {
        return Err(format!("it has {} fields, not 5 or 6", fields.len()));
    }
    // Airflow's sixth field is the seconds; the checker wants them first.
    if fields.len() == 6 {
        fields.rotate_right(1);
    }
    if let Some(field) =
        fields.iter().rev().zip(FIELDS).find_map(|(field, (name, more))| (!fits(field, more)).then_some(name))
    {
        return Err(format!("the {field} holds something that has no meaning there"));
    }
    croner::Cron::from_str(&fields.join(" ")).map(|_| ()).map_err(|error| error.to_string())
}

fn timezone(judge: &mut Judge<'_, '_>, node: &Node) {
    let Some(text) = node.text() else { return };
    if chrono_tz::Tz::from_str(text).is_err() {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let hint = match nearest(text, names) {
            Some(name) => format!("Did you mean '{name}'?"),
            None => "Write a name of the IANA database such as 'Europe/Stockholm' or 'UTC'".to_owned(),
        };
        judge.problem(node.mark, format!("'{}' is not a time zone", shorten(text)), hint);
    }
}

fn start_date(judge: &mut Judge<'_, '_>, node: &Node) {
    let Some(text) = node.text() else { return };
    // Another form than YYYY-MM-DD has been reported already.
    let digit = |(place, byte): (usize, u8)| if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    let formed = text.len() == 10 && text.bytes().enumerate().all(digit);
    let real = text >= "1900-01-01" && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
    if formed && !real {
        judge.problem(node.mark, format!("'{text}' is not a day of the calendar"), "Write a date such as 2024-01-31");
    }
}
