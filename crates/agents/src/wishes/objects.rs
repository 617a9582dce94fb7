//! What a clause speaks of: rows, columns, duplicates, nulls, personal data.

use super::condition::{Condition, Test};
use super::lexicon::{self, Phrases};
use super::tokens::Token;
use super::vocabulary::{self, Column, Named, Table, Vocabulary};
use crate::name_similarity::singular;
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// `explicit` when they are called columns.
    Columns {
        table: Option<String>,
        names: Vec<String>,
        explicit: bool,
    },
    Rows {
        table: String,
        conditions: Vec<Condition>,
    },
    Duplicates {
        table: Option<String>,
        by: Option<Vec<String>>,
        of: bool,
    },
    Nulls {
        table: String,
        columns: Vec<String>,
    },
    Personal,
    Everything,
    /// The rows of a dataset, without a condition.
    Dataset,
}

pub(super) struct Reader<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) vocabulary: &'a Vocabulary,
}

type Read<T> = Option<(T, usize)>;

impl<'a> Reader<'a> {
    pub(super) fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).and_then(Token::word).unwrap_or_default()
    }

    /// The end of the longest of these phrases that begins here.
    pub(super) fn phrase(&self, at: usize, phrases: Phrases) -> Option<usize> {
        let fits = |phrase: &&&str| phrase.split(' ').enumerate().all(|(index, part)| self.word(at + index) == part);
        phrases.iter().filter(fits).map(|phrase| at + phrase.split(' ').count()).max()
    }

    pub(super) fn skip(&self, at: usize, phrases: Phrases) -> usize {
        self.phrase(at, phrases).unwrap_or(at)
    }

    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        self.word(at) == word
    }

    /// Whether a clause may end before this token.
    pub(super) fn ends(&self, at: usize) -> bool {
        matches!(self.tokens.get(at), None | Some(Token::Comma | Token::Stop))
            || ["and", "but", "with", "without", "except", "excluding", "including", "minus"].contains(&self.word(at))
            || self.word(at) == "for" && self.purpose(at).is_some()
    }

    /// "for the weekly report"
    pub(super) fn purpose(&self, at: usize) -> Option<usize> {
        let mut at = self.skip(at + 1, lexicon::ARTICLES);
        at = self.skip(at, &["daily", "weekly", "monthly", "quarterly", "yearly"]);
        let end = self.phrase(at, lexicon::PURPOSES)?;
        let hard = matches!(self.tokens.get(end), None | Some(Token::Comma | Token::Stop));
        hard.then_some(end)
    }

    /// All that may begin here; longer and shorter ones, the clause decides.
    pub(super) fn objects(&self, at: usize) -> Vec<(Object, usize)> {
        let mut found = Vec::new();
        let start = self.skip(at, lexicon::ARTICLES);
        found.extend(self.columns(start));
        found.extend(self.rows(start));
        found.extend(self.duplicates(start));
        found.extend(self.nulls(start));
        found.extend(self.phrase(start, lexicon::PERSONAL).map(|end| (Object::Personal, end)));
        found.extend(self.phrase(at, lexicon::EVERYTHING).map(|end| (Object::Everything, end)));
        found.extend(
            self.noun(self.skip(at, &["all the", "all", "every", "each", "the", "any"]))
                .map(|(_, end)| (Object::Dataset, end)),
        );
        found
    }

    /// "orders", "rows", "ones": the table that is meant.
    pub(super) fn noun(&self, at: usize) -> Read<&'a Table> {
        if let Some(Token::Word { possessive: false, .. }) = self.tokens.get(at)
            && let Some((table, length)) = self.vocabulary.dataset(self.tokens, at)
        {
            let loaded = self.vocabulary.tables.iter().find(|known| known.name == table.name)?;
            return Some((loaded, at + length));
        }
        let generic = lexicon::ROWS.contains(&singular(self.word(at)).as_str());
        match self.vocabulary.tables.as_slice() {
            [only] if generic => Some((only, at + 1)),
            _ => None,
        }
    }

    /// "and", ", and", ",": what may stand between the members of a list.
    fn joint(&self, at: usize) -> Option<usize> {
        let comma = matches!(self.tokens.get(at), Some(Token::Comma));
        let after = if comma { at + 1 } else { at };
        self.phrase(after, lexicon::AND).or(comma.then_some(after))
    }

    pub(super) fn named(&self, at: usize) -> Read<Vec<Named>> {
        let (first, length) = self.vocabulary.column(self.tokens, at)?;
        let (mut names, mut end) = (vec![first], at + length);
        while let Some(next) = self.joint(end) {
            let start = self.skip(next, lexicon::ARTICLES);
            let Some((name, length)) = self.vocabulary.column(self.tokens, start) else { break };
            names.push(name);
            end = start + length;
        }
        Some((names, end))
    }

    /// "the note", "the columns note and email", "note column".
    fn columns(&self, at: usize) -> Read<Object> {
        let before = self.phrase(at, lexicon::COLUMN);
        let (names, end) = self.named(before.map_or(at, |start| self.skip(start, lexicon::ARTICLES)))?;
        let after = if before.is_some() { None } else { self.phrase(end, lexicon::COLUMN) };
        let explicit = before.is_some() || after.is_some();
        // "the orders" is the dataset, even where a column is called so.
        let dataset = names.len() == 1
            && !explicit
            && matches!(self.tokens.get(at), Some(Token::Word { .. }))
            && self.noun(at).is_some_and(|(_, noun)| noun == end);
        let torn = !explicit
            && matches!(self.tokens.get(at), Some(Token::Word { .. }))
            && names.iter().any(|named| self.vocabulary.is_value_too(&named.name, self.tokens, at));
        if dataset || torn {
            return None;
        }
        let tables = self.vocabulary.having(&names);
        let table = if let [only] = tables.as_slice() { Some(only.name.clone()) } else { None };
        let names = names.into_iter().map(|named| named.name).collect();
        Some((Object::Columns { table, names, explicit }, after.unwrap_or(end)))
    }

    /// "cancelled orders", "orders with status cancelled", "completed orders with country DE".
    fn rows(&self, at: usize) -> Vec<(Object, usize)> {
        let mut found = Vec::new();
        let adjective = self.adjectives(at);
        let (noun, conditions) = match &adjective {
            Some((table, condition, end)) => (Some((*table, *end)), vec![condition.clone()]),
            None => (self.noun(at), Vec::new()),
        };
        let Some((table, end)) = noun else { return found };
        if !conditions.is_empty() {
            found.push((Object::Rows { table: table.name.clone(), conditions: conditions.clone() }, end));
        }
        if let Some((more, end)) = self.predicate(end, table) {
            let conditions = conditions.into_iter().chain(more).collect();
            found.push((Object::Rows { table: table.name.clone(), conditions }, end));
        }
        found
    }

    /// "open and completed orders": the values, of one column only, before the rows' name.
    fn adjectives(&self, at: usize) -> Option<(&'a Table, Condition, usize)> {
        let negated = ["not", "non"].contains(&self.word(at));
        let start = if negated { at + 1 } else { at };
        let mut hits = Vec::new();
        for table in &self.vocabulary.tables {
            for column in table.columns.iter().filter(|column| column.text && column.all_seen) {
                let Some((values, end)) = self.values(start, column, table, false) else { continue };
                let Some((meant, end)) = self.noun(end) else { continue };
                if meant.name == table.name {
                    let test = if negated { Test::NotIn(values) } else { Test::In(values) };
                    hits.push((meant, Condition { column: column.name.clone(), test }, end));
                }
            }
        }
        if hits.len() == 1 { hits.pop() } else { None }
    }

    /// Values of this column: a list, wholly.
    fn values(&self, at: usize, column: &Column, table: &Table, named: bool) -> Read<BTreeSet<String>> {
        let one = |at: usize| -> Read<String> {
            let start = self.skip(at, &["a", "an", "the"]);
            if named
                && column.number
                && let Some(Token::Number(text)) = self.tokens.get(start)
            {
                return Some((text.clone(), start + 1));
            }
            let (value, length) = vocabulary::value(column, self.tokens, start)?;
            // Without the column's name a value must be the only thing that the word can mean.
            let unclear = !named && (vocabulary::has_kin(column, &value) || vocabulary::is_flag_too(table, &value));
            (!unclear).then_some((value, start + length))
        };
        let (first, mut end) = one(self.skip(at, &["either", "both"]))?;
        let mut values = BTreeSet::from([first]);
        while let Some(next) = self.joint(end) {
            let Some((value, after)) = one(next) else { break };
            // "status open and country DE": the next member is another column.
            if named
                && self
                    .vocabulary
                    .column(self.tokens, next)
                    .is_some_and(|(column, _)| table.column(&column.name).is_some())
            {
                break;
            }
            values.insert(value);
            end = after;
        }
        Some((values, end))
    }

    /// What is said of rows: "with status complete", "that are not cancelled", "where amount > 10".
    fn predicate(&self, at: usize, table: &'a Table) -> Read<Vec<Condition>> {
        if let Some(start) =
            self.phrase(at, &["that are", "which are", "who are", "that is", "which is", "that were", "which were"])
        {
            let negated = self.phrase(start, &["not", "never"]);
            let mut hits = Vec::new();
            for column in table.columns.iter().filter(|column| column.text && column.all_seen) {
                if let Some((values, end)) = self.values(negated.unwrap_or(start), column, table, false) {
                    // "not open and complete" can mean two things.
                    let torn = negated.is_some() && values.len() > 1;
                    let test = if negated.is_some() { Test::NotIn(values) } else { Test::In(values) };
                    hits.extend((!torn).then(|| (vec![Condition { column: column.name.clone(), test }], end)));
                }
            }
            return if hits.len() == 1 { hits.pop() } else { None };
        }
        if let Some(start) = self.phrase(at, &["with no", "without a", "without an", "without any", "without"]) {
            let start = self.skip(start, lexicon::ARTICLES);
            let (named, length) = self.vocabulary.column(self.tokens, start)?;
            let column = table.column(&named.name)?;
            let condition = Condition { column: column.name.clone(), test: Test::Null };
            return Some((vec![condition], start + length));
        }
        let start = self.phrase(
            at,
            &[
                "with the",
                "with a",
                "with an",
                "with",
                "where the",
                "where",
                "whose",
                "having",
                "that have",
                "which have",
                "who have",
                "of",
                "in",
            ],
        )?;
        let (first, mut end) = self.condition(start, table)?;
        let mut conditions = vec![first];
        while let Some(next) = self.phrase(end, &["and where", "and with", "and whose", "and"]) {
            let Some((condition, after)) = self.condition(next, table) else { break };
            conditions.push(condition);
            end = after;
        }
        Some((conditions, end))
    }

    /// "status is not cancelled", "status in transit", "amount over 10", "country is null", "complete status".
    fn condition(&self, at: usize, table: &'a Table) -> Read<Condition> {
        let start = self.skip(at, lexicon::ARTICLES);
        if let Some(after) = self.phrase(start, &["missing", "null", "no"]) {
            let (column, length) = self.own(after, table)?;
            return Some((Condition { column: column.name.clone(), test: Test::Null }, after + length));
        }
        let Some((column, length)) = self.own(start, table) else {
            // The value first: "with the complete status".
            for column in table.columns.iter().filter(|column| column.text) {
                if let Some((values, end)) = self.values(start, column, table, true)
                    && let Some((own, length)) = self.own(end, table)
                    && own.name == column.name
                {
                    return Some((Condition { column: column.name.clone(), test: Test::In(values) }, end + length));
                }
            }
            return None;
        };
        let end = start + length;
        if let Some(after) = self.phrase(end, &["is null", "are null", "is missing", "are missing", "null", "missing"])
        {
            return Some((Condition { column: column.name.clone(), test: Test::Null }, after));
        }
        if let Some(after) = self.phrase(end, &["is not null", "are not null", "is not missing", "not null"]) {
            return Some((Condition { column: column.name.clone(), test: Test::NotNull }, after));
        }
        if let Some((operator, after)) = self.comparison(end) {
            let Token::Number(text) = self.tokens.get(after)? else { return None };
            let condition = Condition { column: column.name.clone(), test: Test::Compare(operator, text.clone()) };
            return column.number.then_some((condition, after + 1));
        }
        let not = self.phrase(
            end,
            &[
                "is not",
                "are not",
                "not equal to",
                "is not equal to",
                "other than",
                "is other than",
                "not",
                "not in",
                "is never",
            ],
        );
        let not = not.or_else(|| matches!(self.tokens.get(end), Some(Token::Operator("<>"))).then_some(end + 1));
        let is =
            self.phrase(end, &["is one of", "is in", "is either", "is equal to", "is", "are", "equals", "in", "of"]);
        let is = is.or_else(|| matches!(self.tokens.get(end), Some(Token::Operator("="))).then_some(end + 1));
        // "Status in transit": what could be a word of ours may be the value's first.
        let plain = || self.values(end, column, table, true).filter(|_| not.is_none());
        let (values, after) = plain().or_else(|| self.values(not.or(is).unwrap_or(end), column, table, true))?;
        let torn = not.is_some() && values.len() > 1 && (end..after).any(|index| self.is(index, "and"));
        let test = if not.is_some() { Test::NotIn(values) } else { Test::In(values) };
        (!torn).then(|| (Condition { column: column.name.clone(), test }, after))
    }

    fn own(&self, at: usize, table: &'a Table) -> Read<&'a Column> {
        let (named, length) = self.vocabulary.column(self.tokens, at)?;
        let column = table.column(&named.name).filter(|_| named.of.as_ref().is_none_or(|of| *of == table.name))?;
        Some((column, length))
    }

    fn comparison(&self, at: usize) -> Read<&'static str> {
        let start = self.skip(at, &["is", "are", "of"]);
        if let Some(Token::Operator(sign)) = self.tokens.get(start)
            && [">", ">=", "<", "<="].contains(sign)
        {
            return Some((sign, start + 1));
        }
        let words: [(&'static str, Phrases); 4] = [
            (">", &["over", "above", "more than", "greater than", "larger than", "bigger than", "higher than"]),
            (">=", &["at least", "no less than", "not less than", "not under", "not below"]),
            ("<", &["under", "below", "less than", "smaller than", "lower than"]),
            ("<=", &["at most", "no more than", "not more than", "not over", "not above", "up to"]),
        ];
        words.into_iter().find_map(|(sign, phrases)| Some((sign, self.phrase(start, phrases)?)))
    }

    /// "duplicates", "duplicate orders by order id", "repeated rows".
    fn duplicates(&self, at: usize) -> Vec<(Object, usize)> {
        let mut found = Vec::new();
        if let Some(end) = self.phrase(at, lexicon::DUPLICATES) {
            found.push((Object::Duplicates { table: None, by: None, of: false }, end));
            if let Some(start) = self.phrase(end, &["in the", "in", "of the", "of", "among the", "among"])
                && let Some((table, end)) = self.noun(start)
            {
                found.push((Object::Duplicates { table: Some(table.name.clone()), by: None, of: false }, end));
            }
        }
        if let Some(start) = self.phrase(at, lexicon::DUPLICATED) {
            if let Some((table, end)) = self.noun(start) {
                let generic = lexicon::ROWS.contains(&singular(self.word(start)).as_str());
                found.push((Object::Duplicates { table: Some(table.name.clone()), by: None, of: !generic }, end));
            }
            if let Some((table, columns, end)) = self.of_one(start) {
                found.push((Object::Duplicates { table: Some(table), by: Some(columns), of: false }, end));
            }
        }
        let mut keyed = Vec::new();
        for (_, end) in &found {
            if let Some(start) =
                self.phrase(*end, &["by the", "by", "on the", "on", "per", "based on", "in terms of", "in the", "in"])
                && let Some((table, columns, end)) = self.of_one(start)
            {
                keyed.push((Object::Duplicates { table: Some(table), by: Some(columns), of: false }, end));
            }
        }
        found.extend(keyed);
        found
    }

    /// Columns of one loaded table, "the column" before or behind them allowed.
    pub(super) fn of_one(&self, at: usize) -> Option<(String, Vec<String>, usize)> {
        let start = self.skip(at, lexicon::ARTICLES);
        let Object::Columns { table: Some(table), names, .. } = self.columns(start)?.0 else { return None };
        Some((table, names, self.columns(start)?.1))
    }

    /// "nulls in country", "missing values in country and status", "null countries".
    fn nulls(&self, at: usize) -> Read<Object> {
        let start = self.phrase(at, lexicon::NULLS)?;
        let start = self.phrase(start, &["in the", "in", "for the", "for", "of the", "of"]).unwrap_or(start);
        let (table, columns, end) = self.of_one(start)?;
        Some((Object::Nulls { table, columns }, end))
    }
}
