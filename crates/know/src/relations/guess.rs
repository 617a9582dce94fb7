//! Which column refers to which key: what names say and what values say, weighed together.
//!
//! That values occur in a key says little where both are small whole numbers (Zhang et al., On Multi-Column Foreign Key
//! Discovery, VLDB 2010: a foreign key's values look like a random sample of the key's); that they do not all occur says little where the
//! key's rows are not all at hand.

use super::naming::{base, comparable, is_table, meant};
use super::side::{Column, Side};
use crate::dependencies::words::{audits, describes, identifies, measures};
use crate::profile::ForeignKeyGuess;
use windvane_core::schema::DataType;

/// From here on a guess is told.
const SURE_ENOUGH: f64 = 0.5;
/// Of names alone.
const NAMED_ENOUGH: f64 = 0.59;
/// Keys of a dataset that may be referred to, the likeliest first.
const KEYS: usize = 3;

/// A key that a column may refer to.
struct Answer {
    to: usize,
    key: usize,
    name: f64,
    confidence: f64,
    coverage: Option<f64>,
}

/// The foreign keys of one column that no source declares; each column refers to one key at most.
pub(super) fn single(sides: &[Side], declared: &[ForeignKeyGuess]) -> Vec<ForeignKeyGuess> {
    let mut guesses = Vec::new();
    for from in sides {
        for column in &from.columns {
            let known = declared.iter().any(|key| key.dataset == from.name && key.columns == [column.name.clone()]);
            if !known && may_refer(column.data_type) {
                guesses.extend(best(sides, from, column).map(|answer| told(sides, from, column, &answer)));
            }
        }
    }
    without_circles(guesses)
}

fn told(sides: &[Side], from: &Side, column: &Column, answer: &Answer) -> ForeignKeyGuess {
    let to = &sides[answer.to];
    let key = &to.columns[answer.key];
    let exact =
        |values: &Option<crate::dependencies::Held>| values.as_ref().is_some_and(crate::dependencies::Held::exact);
    ForeignKeyGuess {
        dataset: from.name.clone(),
        columns: vec![column.name.clone()],
        ref_dataset: to.name.clone(),
        ref_columns: vec![key.name.clone()],
        confidence: (answer.confidence * 1000.0).round() / 1000.0,
        declared: false,
        coverage: answer.coverage,
        exact: answer.coverage.is_some() && from.exact && to.exact && exact(&column.values) && exact(&key.values),
    }
}

/// Whether both are numbers or texts.
fn are_texts(one: &Column, other: &Column) -> bool {
    [one, other]
        .iter()
        .all(|column| comparable(column.data_type, DataType::Text) || comparable(column.data_type, DataType::Int64))
}

fn may_refer(data_type: DataType) -> bool {
    match data_type {
        DataType::Boolean | DataType::Binary | DataType::Json | DataType::Time => false,
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Date
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Uuid => true,
    }
}

fn best(sides: &[Side], from: &Side, column: &Column) -> Option<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    for (to, side) in sides.iter().enumerate() {
        for (key, rank) in side.single_keys().take(KEYS) {
            if let Some((name, confidence, coverage)) = judged(from, column, side, (key, rank)) {
                answers.push(Answer { to, key, name, confidence, coverage });
            }
        }
    }
    answers.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(b.name.total_cmp(&a.name)));
    let first = answers.first()?;
    // A part of what the best key holds, as specialists are of employees, is meant where the values would not all lie in it by chance.
    let distinct = |answer: &Answer| values(sides, answer).map_or(0, crate::dependencies::Held::distinct);
    let all = distinct(first);
    let mine = column.values.as_ref().map_or(0, crate::dependencies::Held::distinct);
    let narrower = |answer: &&Answer| {
        let part = distinct(answer);
        let chance = (real(part) / real(all).max(1.0)).ln() * real(mine);
        answer.coverage == Some(1.0) && answer.name > 0.7 && part < all && chance < -14.0
    };
    let at =
        answers.iter().enumerate().filter(|(_, answer)| narrower(answer)).min_by_key(|(_, answer)| distinct(answer));
    let at = at.map_or(0, |(at, _)| at);
    answers.into_iter().nth(at)
}

fn values<'a>(sides: &'a [Side], answer: &Answer) -> Option<&'a crate::dependencies::Held> {
    sides[answer.to].columns[answer.key].values.as_ref()
}

/// How much the name says, how sure that makes together with the values, and how many of these occur in the key.
fn judged(from: &Side, column: &Column, to: &Side, (key, rank): (usize, usize)) -> Option<(f64, f64, Option<f64>)> {
    let parent = &to.columns[key];
    if from.name == to.name && column.name == parent.name {
        return None;
    }
    let filled = |column: &Column| column.values.as_ref().is_some_and(|values| values.rows > 0);
    let (mine, theirs) = (filled(column), filled(parent));
    // Types that were guessed of no values say nothing; numbers are kept as text now and then.
    let typed = comparable(column.data_type, parent.data_type);
    let written_otherwise = are_texts(column, parent) && meant(from, column, to, parent) >= 0.9;
    if !typed && !written_otherwise && (mine || column.values.is_none()) {
        return None;
    }
    let own_key = from.single_keys().next().is_some_and(|(at, _)| from.columns[at].name == column.name);
    let name = meant(from, column, to, parent) * if rank == 0 { 1.0 } else { 0.85 };
    let name = if own_key && name < 0.9 { name * 0.75 } else { name };
    let covered = column.values.as_ref().zip(parent.values.as_ref()).filter(|_| mine && theirs);
    let coverage = covered.and_then(|(mine, theirs)| mine.covered_by(theirs));
    let confidence = match coverage {
        None => {
            let least = if column.values.is_some() { 0.75 } else { NAMED_ENOUGH };
            if name < least { 0.0 } else { name * 0.9 }
        }
        Some(all) if all >= 1.0 => {
            let said = if own_key {
                0.0
            } else {
                said_by_values(from, column, to, parent) * if rank == 0 { 1.0 } else { 0.5 }
            };
            1.0 - (1.0 - name) * (1.0 - said)
        }
        Some(some) if name >= 0.85 || name >= 0.8 && some > 0.0 => name * (0.6 + 0.35 * some),
        Some(some) if name >= 0.6 && some >= 0.9 => name * some * 0.9,
        Some(_) => 0.0,
    };
    let least = if column.values.is_some() { SURE_ENOUGH } else { NAMED_ENOUGH * 0.9 };
    (confidence >= least).then(|| (name, confidence.min(0.99), coverage))
}

/// How unlikely it is that all values of a column occur in a key by chance.
fn said_by_values(from: &Side, column: &Column, to: &Side, parent: &Column) -> f64 {
    let (Some(mine), Some(theirs)) = (&column.values, &parent.values) else { return 0.0 };
    let word = |is: fn(&str) -> bool| column.words.iter().any(|word| is(word));
    let identifier = word(identifies);
    if from.name == to.name || word(audits) || !identifier && word(measures) {
        return 0.0;
    }
    let (few, many) = (mine.distinct(), theirs.distinct());
    let elsewhere = is_table(&base(&column.words), from);
    let (Some((least, greatest)), Some((first, last))) = (mine.whole, theirs.whole) else {
        let text: f64 = match few {
            0..=2 => 0.15,
            3..=9 => 0.45,
            10..=29 => 0.55,
            _ => 0.65,
        };
        return if !identifier && word(describes) || elsewhere { text * 0.3 } else { text };
    };
    if elsewhere {
        return 0.0;
    }
    let (width, reach) = (real_of(last - first).max(1.0), real_of(greatest - least));
    let sparse = first >= 100 || real(many) / width < 0.5;
    if sparse && few >= 5 {
        0.6
    } else if few >= 100 && many >= 100 && reach / width >= 0.8 {
        0.55
    } else if few >= 10 && reach / width >= 0.9 {
        0.3
    } else {
        0.1
    }
}

/// Of two keys that refer to each other the less sure one is none.
fn without_circles(guesses: Vec<ForeignKeyGuess>) -> Vec<ForeignKeyGuess> {
    let weaker = |key: &ForeignKeyGuess| {
        guesses.iter().any(|other| {
            let back = other.dataset == key.ref_dataset && other.ref_dataset == key.dataset;
            let same = other.columns == key.ref_columns && other.ref_columns == key.columns;
            back && same && (other.confidence, &key.dataset) > (key.confidence, &other.dataset)
        })
    };
    let kept: Vec<bool> = guesses.iter().map(|key| !weaker(key)).collect();
    guesses.into_iter().zip(kept).filter_map(|(key, kept)| kept.then_some(key)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn real(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn real_of(distance: i128) -> f64 {
    distance as f64
}
