//! Which of a dataset's unique column combinations a person would declare as its key.
//!
//! Data has more keys than people declare (a name, a time to the second, two prices together). What tells them apart is how people make
//! tables: an identifier, alone and in front, called after the table; or the identifiers of what the table ties together.

use super::words::{audits, describes, identifies, measures, shortens, words};
use std::collections::BTreeSet;
use windvane_core::schema::DataType;

/// What is known of a column.
#[derive(Debug, Clone)]
pub struct KeyColumn {
    pub name: String,
    pub data_type: DataType,
}

/// A candidate key.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedKey {
    pub columns: Vec<usize>,
    /// How likely a person declares it, 0 to 1: an order, not a measured probability.
    pub confidence: f64,
    /// Whether no smaller set of its columns is a key of these rows: one that people would declare may be larger, where the
    /// rows at hand happen to repeat less than they could.
    pub minimal: bool,
}

/// Orders `unique` (minimal unique combinations of columns without nulls), and adds what a person would declare although
/// these rows need less of it.
pub fn rank(table: &str, columns: &[KeyColumn], unique: &[Vec<usize>], known: &BTreeSet<String>) -> Vec<RankedKey> {
    let own = words(table, known);
    let names = named(columns, &own, known);
    let mut keys: Vec<RankedKey> = unique.iter().map(|set| ranked(set.clone(), &names, true)).collect();
    for set in wider(&own, &names, unique) {
        let confidence = 0.97;
        match keys.iter_mut().find(|key| key.columns == set) {
            Some(key) => key.confidence = key.confidence.max(confidence),
            None => keys.push(RankedKey { columns: set, confidence, minimal: false }),
        }
    }
    keys.sort_by(|a, b| {
        let size = a.columns.len().cmp(&b.columns.len());
        b.confidence.total_cmp(&a.confidence).then(size).then_with(|| a.columns.cmp(&b.columns))
    });
    keys
}

/// The keys that names promise where nobody has looked whether values repeat: one, and of several columns where a table ties
/// other things together.
pub fn promised(table: &str, columns: &[KeyColumn], known: &BTreeSet<String>) -> Vec<RankedKey> {
    let own = words(table, known);
    let names = named(columns, &own, known);
    let run: Vec<usize> = (0..names.len()).take_while(|&at| names[at].identifier && !names[at].audit).collect();
    let own_name: String = own.concat();
    let called = names
        .iter()
        .position(|name| name.own && name.base == own_name && name.words.last().is_some_and(|word| word == "id"));
    let owned = called.or_else(|| names.iter().position(|name| name.own));
    let key = match (owned, names.iter().position(|name| name.identifier)) {
        (Some(at), _) => vec![at],
        (None, _) if run.len() > 1 => run,
        (None, Some(0)) => vec![0],
        // Without an identifier in front the first column may be the name.
        (None, _) => (0..names.len().min(1)).collect(),
    };
    let confidence = if owned.is_some() { 0.9 } else { 0.5 };
    let key = RankedKey { columns: key, confidence, minimal: true };
    if key.columns.is_empty() { Vec::new() } else { vec![key] }
}

/// What the names say; the last word of a table's name is its own in front, and elsewhere only where no other identifier stands for
/// the rest of it.
fn named(columns: &[KeyColumn], own: &[String], known: &BTreeSet<String>) -> Vec<Named> {
    let mut names: Vec<Named> = columns.iter().map(|column| Named::new(column, own, known)).collect();
    let ties = own.split_last().is_some_and(|(_, rest)| {
        names.iter().any(|name| name.identifier && !name.base.is_empty() && rest.contains(&name.base))
    });
    for name in names.iter_mut().skip(1).filter(|name| ties && name.by_last_word) {
        name.own = false;
    }
    names
}

/// What a column's name says of it as a part of a key.
struct Named {
    words: Vec<String>,
    /// Joined, without what only says that it identifies.
    base: String,
    /// It is the table's own by the last word of the table's name.
    by_last_word: bool,
    data_type: DataType,
    /// An identifier of whatever.
    identifier: bool,
    /// The table's own identifier: `id`, or called after the table.
    own: bool,
    audit: bool,
    temporal: bool,
}

impl Named {
    fn new(column: &KeyColumn, own: &[String], known: &BTreeSet<String>) -> Self {
        let words = words(&column.name, known);
        let ends = words.last().is_some_and(|word| identifies(word));
        let begins = words.first().is_some_and(|word| identifies(word));
        let base: Vec<&String> = words.iter().filter(|word| !identifies(word)).collect();
        let joined: String = base.iter().map(|word| word.as_str()).collect();
        let table: String = own.iter().map(String::as_str).collect();
        let generic = base.is_empty() && (ends || begins);
        let short = joined.chars().count() <= 4 && shortens(&joined, own);
        let by_last_word = base.len() < own.len() && own.iter().rev().zip(base.iter().rev()).all(|(a, b)| a == *b);
        let named = !joined.is_empty() && (joined == table || short || by_last_word);
        let temporal =
            matches!(column.data_type, DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz);
        Self {
            own: generic || (ends || begins) && named,
            identifier: ends || begins,
            audit: words.iter().any(|word| audits(word)),
            data_type: column.data_type,
            words,
            base: joined,
            by_last_word,
            temporal,
        }
    }

    /// How well a column stands in a key, 0 to 1.
    fn fitness(&self) -> f64 {
        let word = |is: fn(&str) -> bool| self.words.iter().any(|word| is(word));
        let name = match (self.own, self.identifier) {
            _ if self.audit => 0.1,
            (true, _) => 1.0,
            (_, true) => 0.75,
            _ if word(measures) => 0.15,
            _ if word(describes) => 0.35,
            _ => 0.5,
        };
        let data_type = match self.data_type {
            DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Uuid => 1.0,
            DataType::Text => 0.85,
            DataType::Decimal { scale, .. } if scale <= 0 => 0.9,
            DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz => 0.6,
            DataType::Decimal { .. } | DataType::Boolean => 0.3,
            DataType::Float32 | DataType::Float64 | DataType::Binary | DataType::Json => 0.15,
        };
        name * data_type
    }
}

fn ranked(columns: Vec<usize>, names: &[Named], minimal: bool) -> RankedKey {
    let fitness = columns.iter().map(|&at| names[at].fitness());
    let (least, sum) = fitness.fold((1.0_f64, 0.0), |(least, sum), one| (least.min(one), sum + one));
    let count = f64::from(u32::try_from(columns.len()).unwrap_or(u32::MAX)).max(1.0);
    // In front, and close together.
    let last = f64::from(u32::try_from(columns.iter().max().copied().unwrap_or(0)).unwrap_or(u32::MAX));
    let place = 1.0 / (1.0 + 0.04 * (last - count + 1.0).max(0.0));
    let few = 0.8_f64.powf(count - 1.0);
    RankedKey { confidence: 0.98 * f64::midpoint(least, sum / count) * place * few, columns, minimal }
}

/// Keys that people declare by what a table is for: the identifiers in front of what it ties together, with the day from which it
/// holds where it tells a history.
fn wider(own: &[String], names: &[Named], unique: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let holds = |set: &[usize]| unique.iter().any(|key| key.iter().all(|at| set.contains(at)));
    let owned = names.iter().enumerate().position(|(at, name)| name.own && holds(&[at]));
    // A key of one column stands in front: behind another's identifier it tells that one's parts apart.
    if owned == Some(1) && names[0].identifier && !names[0].audit && !holds(&[0]) {
        return vec![vec![0, 1]];
    }
    // Called after two things and holding both: these rows may repeat less than they could.
    let stands_for = |word: &String| names.iter().any(|name| name.identifier && name.base == *word);
    let ties = own.len() > 1 && own.iter().all(stands_for);
    if owned.is_some() || holds(&[0]) && !ties || names.len() < 2 {
        return Vec::new();
    }
    let ends_run = |name: &Named| {
        let ends = ["line", "sequence", "seq", "ordinal", "number", "item"];
        name.words.last().is_some_and(|word| ends.iter().any(|end| word == end) || word.ends_with("sequence"))
    };
    let mut run = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if !(name.identifier || ends_run(name)) || name.audit {
            break;
        }
        run.push(at);
        if at > 0 && ends_run(name) && holds(&run) {
            break;
        }
    }
    let until = |name: &Named| name.temporal && name.words.iter().any(|word| word.starts_with("end") || word == "to");
    let begins = |name: &Named| name.temporal && !name.audit && !until(name);
    let tells_history = own.iter().any(|word| word.ends_with("history") || word == "log" || word == "period")
        || names.iter().any(until);
    let next = names.get(run.len());
    if !run.is_empty() && tells_history && next.is_some_and(begins) {
        run.push(run.len());
        return if holds(&run) { vec![run] } else { Vec::new() };
    }
    if run.len() < 2 || !holds(&run) {
        return Vec::new();
    }
    // Where nothing else is said, all that is tied together is the key; else no more than is needed of what stands in front.
    let rest_is_audit = names[run.len()..].iter().all(|name| name.audit || name.temporal);
    let shortest = (2..=run.len()).find(|&length| holds(&run[..length])).unwrap_or(run.len());
    let tied = run.iter().filter(|&&at| own.iter().any(|word| names[at].words.contains(word))).count();
    if !rest_is_audit && tied < run.len() {
        run.truncate(shortest);
    }
    vec![run]
}
