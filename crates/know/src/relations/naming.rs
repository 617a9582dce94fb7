//! What names say: how far a column's name means another dataset's key.

use super::side::{Column, Side};
use crate::dependencies::words::{describes, identifies, measures, shortens};
use windvane_core::schema::DataType;

/// How far the name of `column` in `from` means the key `key` of `to`, 0 to 1.
pub(super) fn meant(from: &Side, column: &Column, to: &Side, key: &Column) -> f64 {
    let (base, key_base) = (base(&column.words), base(&key.words));
    let identifier = column.words.len() > base.len();
    let measured = !identifier && column.words.iter().any(|word| measures(word));
    if from.name == to.name {
        return if measured { 0.0 } else { itself(from, column, &base, key, &key_base, identifier) };
    }
    let own = key_base.is_empty() || is_table(&key_base, to) || is_name_of(&key_base, to);
    if joined(&column.words) == joined(&key.words) && !key_base.is_empty() {
        return same(from, column, to, &base, own);
    }
    if measured || is_table(&base, from) {
        return 0.0;
    }
    let ends_alike = identifier && column.words.last() == key.words.last();
    let described = !identifier && column.words.last().is_some_and(|word| describes(word));
    // Called after the dataset, or after what its key is called after: `customer_id`, `manufacturer`.
    let named = |by: &[String]| !by.is_empty() && joined(&base) == joined(by);
    if named(&to.words) || own && named(&key_base) {
        return match (ends_alike, identifier) {
            (true, _) => 0.95,
            (_, true) => 0.85,
            _ => 0.8,
        };
    }
    // A part of this dataset: `status_id` of `orders` and `orders_status`.
    if own && !base.is_empty() && joined(&to.words) == format!("{}{}", joined(&from.words), joined(&base)) {
        return 0.93;
    }
    // With the part that it plays: `billing_customer_id`.
    let ends = |by: &[String]| !by.is_empty() && base.len() > by.len() && base.ends_with(by);
    if ends(&to.words) || ends(&key_base) {
        return match (own, ends_alike, identifier) {
            (true, true, _) => 0.88,
            (true, _, true) => 0.75,
            (true, _, false) => {
                if described {
                    0.2
                } else {
                    0.65
                }
            }
            (false, true, _) => 0.62,
            (false, ..) => 0.3,
        };
    }
    if base.is_empty() {
        return 0.0;
    }
    let longer = to.words.len() > base.len();
    if own && identifier && longer && to.words.ends_with(&base) {
        return if ends_alike { 0.8 } else { 0.62 };
    }
    if own && ends_alike && longer && to.words.starts_with(&base) {
        return 0.595;
    }
    if own && !described && longer && to.words.ends_with(&base) {
        return 0.5;
    }
    // `member_in_charge_id`.
    let binds = |word: &String| ["in", "of", "for", "by", "from", "to", "at", "on"].contains(&word.as_str());
    if own && ends_alike && base.starts_with(&to.words) && base.get(to.words.len()).is_some_and(binds) {
        return 0.6;
    }
    let person = to.words.last().is_some_and(|word| is_person(word));
    if person && column.words.iter().any(|word| plays_person(word)) {
        let ends = |word: &String| identifies(word) || word == "by" || word == "to";
        return if column.words.last().is_some_and(ends) { 0.62 } else { 0.35 };
    }
    if own && identifier && base.len() == 1 && base[0].chars().count() <= 2 && shortens(&base[0], &to.words) {
        return 0.62;
    }
    rooted(column, to, &key_base)
}

/// The same name in both, which says more than `id`: whose key is it?
fn same(from: &Side, column: &Column, to: &Side, base: &[String], own: bool) -> f64 {
    let identifier = column.words.len() > base.len();
    match (own, is_table(base, from)) {
        (true, false) if identifier || is_table(base, to) => 0.97,
        (true, false) => 0.78,
        (true, true) => 0.6,
        (false, true) => 0.1,
        (false, false) if !identifier => 0.35,
        (false, false) if base.last() == to.words.last() => 0.8,
        (false, false) if base.iter().any(|word| to.words.contains(word)) => 0.7,
        (false, false) => 0.61,
    }
}

/// Words of one root: `ship_via` and `shippers`.
fn rooted(column: &Column, to: &Side, key_base: &[String]) -> f64 {
    let mut best = 0.0_f64;
    for word in column.words.iter().filter(|word| !identifies(word)) {
        for other in to.words.iter().chain(key_base) {
            let root = word.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
            let whole = root == word.chars().count() || root == other.chars().count();
            if root >= 4 {
                best = best.max(if whole { 0.45 } else { 0.3 });
            }
        }
    }
    best
}

/// A column that means the key of its own dataset.
fn itself(from: &Side, column: &Column, base: &[String], key: &Column, key_base: &[String], identifier: bool) -> f64 {
    const UP: [&str; 7] = ["parent", "previous", "preceding", "next", "root", "super", "superior"];
    const ABOVE: [&str; 7] = ["manager", "supervisor", "boss", "reports", "report", "head", "chief"];
    if column.name == key.name {
        return 0.0;
    }
    let has = |words: &[&str]| base.iter().any(|word| words.contains(&word.as_str()));
    let person = from.words.last().is_some_and(|word| is_person(word));
    let rest: Vec<String> = base.iter().filter(|word| !UP.contains(&word.as_str())).cloned().collect();
    let of_it = rest.is_empty() || from.words.ends_with(&rest) || !key_base.is_empty() && key_base.ends_with(&rest);
    if has(&UP) && of_it && identifier {
        return 0.9;
    }
    if person && has(&ABOVE) && (identifier || base.last().is_some_and(|word| word == "to")) {
        return 0.75;
    }
    if has(&UP) && rest.is_empty() {
        return 0.6;
    }
    let ends = |by: &[String]| !by.is_empty() && base.len() > by.len() && base.ends_with(by);
    let own = key_base.is_empty() || is_table(key_base, from);
    if identifier && own && (ends(key_base) || ends(&from.words)) { 0.62 } else { 0.0 }
}

/// Whether words are the name of what a dataset holds: `department_name`.
fn is_name_of(base: &[String], side: &Side) -> bool {
    base.split_last().is_some_and(|(last, head)| last == "name" && is_table(head, side))
}

/// The words that do not only say that it identifies.
pub(super) fn base(words: &[String]) -> Vec<String> {
    words.iter().filter(|word| !identifies(word)).cloned().collect()
}

/// Whether words are what a dataset is called.
pub(super) fn is_table(base: &[String], side: &Side) -> bool {
    let short = |word: &String| word.chars().count() <= 4 && shortens(word, &side.words);
    !base.is_empty() && (joined(base) == joined(&side.words) || base.len() == 1 && base.iter().all(short))
}

fn joined(words: &[String]) -> String {
    words.concat()
}

fn is_person(word: &str) -> bool {
    ["person", "player", "employee", "staff", "user", "member", "contact", "agent", "worker", "individual"]
        .contains(&word)
}

fn plays_person(word: &str) -> bool {
    const WORDS: [&str; 26] = [
        "winner",
        "loser",
        "coach",
        "reporter",
        "manager",
        "supervisor",
        "owner",
        "author",
        "rep",
        "representative",
        "reports",
        "salesperson",
        "seller",
        "buyer",
        "creator",
        "editor",
        "by",
        "assignee",
        "approver",
        "lead",
        "leader",
        "head",
        "male",
        "female",
        "husband",
        "wife",
    ];
    WORDS.contains(&word)
}

/// Whether values of these types can be the same.
pub(super) fn comparable(one: DataType, other: DataType) -> bool {
    kind(one) == kind(other)
}

fn kind(data_type: DataType) -> u8 {
    match data_type {
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 => 0,
        DataType::Decimal { .. } => 0,
        DataType::Text | DataType::Uuid | DataType::Json => 1,
        DataType::Date | DataType::Timestamp | DataType::TimestampTz => 2,
        DataType::Time => 3,
        DataType::Boolean => 4,
        DataType::Binary => 5,
    }
}
