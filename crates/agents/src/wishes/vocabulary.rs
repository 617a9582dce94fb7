//! The names that words can mean: datasets, columns, values that the profiles have shown.

use super::lexicon::{alike, reserved, same_words};
use super::tokens::Token;
use crate::name_similarity::singular;
use std::collections::BTreeSet;
use windvane_know::profile::semantic::words as name_words;

/// What the words may speak of.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    /// The loaded datasets, in the order of the plan.
    pub(crate) tables: Vec<Table>,
    /// Names and columns of the other datasets: nothing of theirs can be taken away, but words may name them.
    pub(crate) others: Vec<Table>,
    /// Words that name the surroundings, such as the pipeline: they choose nothing.
    pub(crate) names: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
}

#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Its frequent values; none of a personal column.
    pub(crate) values: Vec<String>,
    /// Whether these are all the values there are.
    pub(crate) all_seen: bool,
    pub(crate) text: bool,
    pub(crate) number: bool,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column that words name: the same name may stand in several tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// The dataset that the words name with it: "the customer's country".
    pub(super) of: Option<String>,
}

impl Vocabulary {
    /// The dataset that a word is about, and whether it is loaded: `orders` and `order` are `orders`, or `shop.orders`.
    pub(super) fn dataset(&self, tokens: &[Token], at: usize) -> Option<(&Table, usize)> {
        let all = self.tables.iter().chain(&self.others);
        let mut found: Vec<(&Table, usize)> = all
            .filter_map(|table| {
                let whole = name_words(&table.name);
                let length = [whole.len(), 1].into_iter().find(|length| {
                    let words: Option<Vec<&str>> =
                        (at..at + length).map(|index| tokens.get(index).and_then(Token::word)).collect();
                    let last = whole.get(whole.len().saturating_sub(*length)..).unwrap_or_default();
                    words.is_some_and(|words| same_words(last, &words))
                })?;
                Some((table, length))
            })
            .collect();
        let longest = found.iter().map(|(_, length)| *length).max()?;
        found.retain(|(_, length)| *length == longest);
        // `shop.orders` and `archive.orders`: the words do not say which.
        if found.len() == 1 { found.pop() } else { None }
    }

    /// The one column name that stands here, and how many tokens it takes; none when two names fit.
    pub(super) fn column(&self, tokens: &[Token], at: usize) -> Option<(Named, usize)> {
        if let Some(Token::Word { possessive: true, .. }) = tokens.get(at)
            && let Some((table, length)) = self.dataset(tokens, at)
        {
            let (name, used) = longest(table.columns.iter(), tokens, at + length)?;
            return Some((Named { name, of: Some(table.name.clone()) }, length + used));
        }
        let all = self.tables.iter().chain(&self.others).flat_map(|table| &table.columns);
        longest(all, tokens, at).map(|(name, used)| (Named { name, of: None }, used))
    }

    /// Whether the name of any column, or a value of one, stands here.
    pub(super) fn mentions(&self, tokens: &[Token], at: usize) -> bool {
        let mut columns = self.tables.iter().chain(&self.others).flat_map(|table| &table.columns);
        columns.any(|column| {
            let said = |value: &String| value.chars().count() > 1 && spoken(value, tokens, at).is_some();
            // Where all rows have one value, to name it chooses none of them.
            let chooses = column.text && column.values.len() > 1;
            fits(&column.name, tokens, at).is_some() || chooses && column.values.iter().any(said)
        })
    }

    /// The loaded tables that have all of these columns.
    pub(super) fn having(&self, columns: &[Named]) -> Vec<&Table> {
        let fits = |table: &&Table| {
            columns.iter().all(|column| {
                table.column(&column.name).is_some() && column.of.as_ref().is_none_or(|of| *of == table.name)
            })
        };
        self.tables.iter().filter(fits).collect()
    }

    /// Whether what stands here may also be a value of a column with another name: nobody can tell which is meant.
    pub(super) fn is_value_too(&self, name: &str, tokens: &[Token], at: usize) -> bool {
        let mut columns = self.tables.iter().flat_map(|table| &table.columns);
        columns.any(|column| column.text && column.name != name && value(column, tokens, at).is_some())
    }

    /// A word of the grammar that is also a column's whole name: without quotes nobody can tell.
    pub(super) fn homonym(&self, tokens: &[Token]) -> Option<String> {
        let columns = self.tables.iter().flat_map(|table| &table.columns);
        let names: Vec<Vec<String>> = columns.map(|column| name_words(&column.name)).collect();
        tokens.iter().filter_map(Token::word).filter(|word| reserved(word)).find_map(|word| {
            let called = names.iter().any(|name| same_words(name, &[word]));
            called.then(|| word.to_owned())
        })
    }
}

fn longest<'a>(columns: impl Iterator<Item = &'a Column>, tokens: &[Token], at: usize) -> Option<(String, usize)> {
    let mut best: Option<(String, usize)> = None;
    let mut torn = false;
    for column in columns {
        let Some(length) = fits(&column.name, tokens, at) else { continue };
        match &best {
            Some((_, known)) if *known > length => {}
            Some((name, known)) if *known == length => torn |= *name != column.name,
            Some(_) | None => (best, torn) = (Some((column.name.clone(), length)), false),
        }
    }
    best.filter(|_| !torn)
}

/// How many tokens say this name.
fn fits(name: &str, tokens: &[Token], at: usize) -> Option<usize> {
    match tokens.get(at)? {
        Token::Quoted(text) => (text == name).then_some(1),
        Token::Word { raw, .. }
            if raw.eq_ignore_ascii_case(name) && (raw.contains('_') || !reserved(&raw.to_lowercase())) =>
        {
            Some(1)
        }
        Token::Word { .. } => {
            let words = name_words(name);
            if words.is_empty() || words.iter().all(|word| reserved(word)) {
                return None;
            }
            let said: Vec<&str> =
                (at..at + words.len()).map_while(|index| tokens.get(index).and_then(Token::word)).collect();
            same_words(&words, &said).then_some(words.len())
        }
        Token::Number(_) | Token::Operator(_) | Token::Comma | Token::Stop | Token::Other(_) => None,
    }
}

/// A value of a column that stands here: as it is written, or the participle of it.
pub(super) fn value(column: &Column, tokens: &[Token], at: usize) -> Option<(String, usize)> {
    let mut found: Vec<(&String, usize)> =
        column.values.iter().filter_map(|value| Some((value, spoken(value, tokens, at)?))).collect();
    let longest = found.iter().map(|(_, length)| *length).max()?;
    found.retain(|(_, length)| *length == longest);
    // `Complete` and `complete` are two values: the words do not say which.
    if let [(value, length)] = found.as_slice() { Some(((*value).clone(), *length)) } else { None }
}

fn spoken(value: &str, tokens: &[Token], at: usize) -> Option<usize> {
    let parts = super::tokens::read(value);
    match (tokens.get(at)?, parts.as_slice()) {
        (Token::Quoted(text), _) => (text == value).then_some(1),
        (Token::Number(text), _) => (text == value).then_some(1),
        (Token::Word { text, raw, possessive: false }, [_]) => {
            let same = raw.to_lowercase() == value.trim().to_lowercase() || alike(text, value.trim());
            (same && !reserved(text)).then_some(1)
        }
        (Token::Word { .. }, [_, ..]) => {
            let words: Option<Vec<&str>> = parts.iter().map(Token::word).collect();
            let words = words?;
            // "hot and cold" is two values in one: it must be quoted.
            if words.iter().any(|word| ["and", "or", "not", "no", "without", "with"].contains(word)) {
                return None;
            }
            let said: Vec<&str> =
                (at..at + words.len()).map_while(|index| tokens.get(index).and_then(Token::word)).collect();
            (said == words).then_some(words.len())
        }
        _ => None,
    }
}

/// Whether the word that stands here is a value of the column, also where it is a word of the grammar.
pub(super) fn is_value(column: &Column, tokens: &[Token], at: usize) -> bool {
    let Some(Token::Word { raw, .. }) = tokens.get(at) else { return false };
    column.values.iter().any(|value| value.trim().to_lowercase() == raw.to_lowercase())
}

/// Whether a yes or no has the name of this value: `paid` or `is_paid` beside the status "paid".
pub(super) fn is_flag_too(table: &Table, value: &str) -> bool {
    let said = name_words(value);
    table.columns.iter().any(|column| {
        let name = name_words(&column.name);
        let asked = name.first().is_some_and(|first| ["is", "has", "was"].contains(&first.as_str()));
        !said.is_empty() && (name == said || asked && name.get(1..) == Some(said.as_slice()))
    })
}

/// Whether another value of the column holds this one: "complete" beside "complete - returned".
pub(super) fn has_kin(column: &Column, value: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        super::tokens::read(text).iter().filter_map(Token::word).map(str::to_owned).collect()
    };
    let mine = words(value);
    column.values.iter().filter(|other| *other != value).any(|other| {
        let other = words(other);
        !mine.is_empty()
            && other.windows(mine.len()).any(|window| window.iter().zip(&mine).all(|(one, word)| alike(one, word)))
    })
}

/// The column that holds the key of what a table is about: `order_id` of the orders.
pub(super) fn key_of<'a>(table: &'a Table, thing: &str) -> Option<&'a Column> {
    let thing = singular(thing);
    let usual = [
        format!("{thing}_id"),
        format!("{thing}id"),
        "id".to_owned(),
        format!("{thing}_number"),
        format!("{thing}_no"),
        format!("{thing}_key"),
        thing,
    ];
    usual.iter().find_map(|name| table.columns.iter().find(|column| column.name.to_lowercase() == *name))
}
