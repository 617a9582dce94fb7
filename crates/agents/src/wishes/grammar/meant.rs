//! What is wished of the things that a clause speaks of.

use crate::wishes::condition::Test;
use crate::wishes::lexicon;
use crate::wishes::objects::{Object, Reader};
use crate::wishes::tokens::Token;
use crate::wishes::vocabulary::{is_value, key_of};
use crate::wishes::wish::{Kept, Wish};

impl Reader<'_> {
    /// Whether something joined with "and" follows, and behind it what is done with it.
    pub(super) fn shares_verb(&self, end: usize) -> bool {
        if !self.is(end, "and") {
            return false;
        }
        let said = |at: usize| {
            [lexicon::REMOVED, lexicon::KEPT, &["stay", "stays", "remain", "remains"]]
                .iter()
                .any(|verbs| self.phrase(at, verbs).is_some())
        };
        let rest = (end + 1..self.tokens.len()).take_while(|at| !matches!(self.tokens.get(*at), Some(Token::Stop)));
        // "Void invoices and removed duplicates": a verb of its own, before what it is about.
        rest.skip(1).any(said)
    }

    pub(super) fn says_value_of(&self, names: &[String], at: usize) -> bool {
        let columns = self.vocabulary.tables.iter().flat_map(|table| &table.columns);
        columns.filter(|column| names.contains(&column.name)).any(|column| is_value(column, self.tokens, at))
    }

    /// What it is to take this away; `explicit` when a column must be called one.
    pub(super) fn removed(&self, object: &Object, explicit: bool) -> Option<Wish> {
        match object {
            Object::Columns { table: Some(table), names, explicit: called } if *called || !explicit => {
                Some(Wish::Drop { table: table.clone(), columns: names.clone() })
            }
            Object::Rows { table, conditions } => match conditions.as_slice() {
                [one] => Some(Wish::Only { table: table.clone(), conditions: vec![one.negated()?] }),
                _ => None,
            },
            Object::Duplicates { table, by: Some(by), .. } => {
                Some(Wish::Once { table: table.clone()?, by: Some(by.clone()) })
            }
            Object::Duplicates { table, by: None, of } => {
                let alone =
                    || if let [only] = self.vocabulary.tables.as_slice() { Some(only.name.clone()) } else { None };
                let table = table.clone().or_else(alone)?;
                if !of {
                    return Some(Wish::Once { table, by: None });
                }
                let known = self.vocabulary.tables.iter().find(|known| known.name == table)?;
                let noun = windvane_know::profile::semantic::words(&table);
                let key = key_of(known, noun.last()?)?;
                Some(Wish::Once { table, by: Some(vec![key.name.clone()]) })
            }
            Object::Nulls { table, columns } => Some(Wish::NotNull { table: table.clone(), columns: columns.clone() }),
            Object::Personal => Some(Wish::NoPersonal),
            Object::Columns { .. } | Object::Everything | Object::Dataset => None,
        }
    }

    /// What it is to leave all else away; `at` to `end` are the words that say which.
    pub(super) fn only(&self, object: &Object, at: usize, end: usize) -> Option<Wish> {
        match object {
            Object::Rows { table, conditions } => {
                // "Customers without email" can be rows and can be columns.
                let vague = (at..end).any(|index| ["without", "no"].contains(&self.word(index)))
                    && conditions.iter().any(|condition| condition.test == Test::Null);
                (!vague).then(|| Wish::Only { table: table.clone(), conditions: conditions.clone() })
            }
            Object::Columns { table: Some(table), names, explicit: true } => {
                Some(Wish::Select { table: table.clone(), columns: names.clone() })
            }
            Object::Columns { .. }
            | Object::Duplicates { .. }
            | Object::Nulls { .. }
            | Object::Personal
            | Object::Everything
            | Object::Dataset => None,
        }
    }
}

pub(super) fn kept(object: &Object) -> Option<Wish> {
    Some(match object {
        Object::Columns { names, .. } => Wish::Keep(Kept::Columns(names.clone())),
        Object::Rows { conditions, .. } => match conditions.as_slice() {
            [one] => Wish::Keep(Kept::Rows(one.clone())),
            _ => return None,
        },
        Object::Duplicates { .. } => Wish::Keep(Kept::Duplicates),
        Object::Nulls { columns, .. } => Wish::Keep(Kept::Nulls(columns.clone())),
        Object::Personal => Wish::Keep(Kept::Personal),
        Object::Everything => Wish::Keep(Kept::Everything),
        Object::Dataset => Wish::Keep(Kept::AllRows),
    })
}
