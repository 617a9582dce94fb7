//! Clauses that want each row once.

use crate::name_similarity::singular;
use crate::wishes::lexicon::{self, Phrases};
use crate::wishes::objects::Reader;
use crate::wishes::tokens::Token;
use crate::wishes::vocabulary::key_of;
use crate::wishes::wish::{Found, Kept, Wish};

const ONE_ROW: Phrases = &[
    "one row",
    "one record",
    "one entry",
    "one line",
    "one single row",
    "a single row",
    "exactly one row",
    "only one row",
    "just one row",
    "one and only one row",
    "a single record",
    "exactly one record",
    "only one record",
];

const PER: Phrases = &["per", "per each", "for each", "for every", "for one", "a", "an", "each"];

impl Reader<'_> {
    /// All ways to say that rows occur once.
    pub(super) fn once(&self, start: usize, verb: usize, negated: bool, found: &mut Found) {
        let one = self.phrase(start, ONE_ROW).or_else(|| {
            let number = matches!(self.tokens.get(start), Some(Token::Number(text)) if text == "1");
            (number && ["row", "record"].contains(&self.word(start + 1))).then_some(start + 2)
        });
        if let Some(at) = one.and_then(|at| self.phrase(at, PER)) {
            let at = self.skip(at, lexicon::ARTICLES);
            if let Some((table, end)) =
                self.noun(at).filter(|_| !lexicon::ROWS.contains(&singular(self.word(at)).as_str()))
            {
                let key = key_of(table, self.word(end - 1)).map(|column| vec![column.name.clone()]);
                found.extend(key.map(|by| (Wish::Once { table: table.name.clone(), by: Some(by) }, end)));
            }
            found.extend(self.of_one(at).map(|(table, by, end)| (Wish::Once { table, by: Some(by) }, end)));
        }
        if let Some(at) = self.phrase(start, &["each", "every"])
            && let Some((table, end)) = self.noun(at)
            && let Some(end) = self.phrase(end, &["once", "only once", "just once", "exactly once", "at most once"])
        {
            found.extend(self.once_each(&table.name, self.word(at)).map(|wish| (wish, end)));
        }
        if let Some(at) = self.phrase(verb, lexicon::DEDUPLICATE) {
            let mut ends = vec![at];
            ends.extend(self.phrase(at, &["it", "them", "everything", "the data"]));
            ends.extend(self.noun(self.skip(at, lexicon::ARTICLES)).map(|(_, end)| end));
            self.deduplicated(&ends, negated, found);
        }
        for at in
            [Some(start), self.noun(self.skip(start, lexicon::ARTICLES)).map(|(_, end)| end)].into_iter().flatten()
        {
            let be = self.phrase(at, lexicon::BE).filter(|_| self.phrase(at, lexicon::MAY).is_none()).unwrap_or(at);
            if let Some(end) = self.phrase(be, lexicon::DEDUPLICATED) {
                self.deduplicated(&[end], false, found);
            }
        }
        let only = self.skip(start, lexicon::ONLY);
        if ["unique", "distinct"].contains(&self.word(only))
            && let Some((table, end)) = self.noun(only + 1)
        {
            let end = self.skip(end, &["only"]);
            found.extend(self.once_each(&table.name, self.word(only + 1)).map(|wish| (wish, end)));
        }
    }

    /// Equal rows once for "rows", one row a key for "orders".
    pub(super) fn once_each(&self, table: &str, noun: &str) -> Option<Wish> {
        if lexicon::ROWS.contains(&singular(noun).as_str()) {
            return Some(Wish::Once { table: table.to_owned(), by: None });
        }
        let known = self.vocabulary.tables.iter().find(|known| known.name == table)?;
        let key = key_of(known, noun)?;
        Some(Wish::Once { table: table.to_owned(), by: Some(vec![key.name.clone()]) })
    }

    pub(super) fn deduplicated(&self, ends: &[usize], negated: bool, found: &mut Found) {
        for end in ends {
            if negated {
                found.push((Wish::Keep(Kept::Duplicates), *end));
                continue;
            }
            if let [only] = self.vocabulary.tables.as_slice() {
                found.push((Wish::Once { table: only.name.clone(), by: None }, *end));
            }
            let by = self.phrase(*end, &["by the", "by", "on the", "on", "per"]);
            found.extend(
                by.and_then(|at| self.of_one(at)).map(|(table, by, end)| (Wish::Once { table, by: Some(by) }, end)),
            );
        }
    }
}
