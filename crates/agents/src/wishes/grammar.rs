//! Clauses: each is read to its last word, or it is not understood.

use super::condition::Test;
use super::lexicon::{self, Phrases};
use super::objects::{Object, Reader};
use super::tokens::Token;
use super::vocabulary::{Vocabulary, is_value, key_of};
use super::{Kept, Reading, Unread, Wish};
use crate::names::singular;
use windvane_core::spec::verb::MaskHow;

/// Before what is wanted: none of it changes what is wished.
const LEADS: Phrases = &[
    "i would like to",
    "we would like to",
    "i would like",
    "we would like",
    "i want to",
    "we want to",
    "i need to",
    "we need to",
    "you should",
    "we should",
    "you must",
    "we must",
    "make sure to",
    "i",
    "we",
    "you",
];
const NOT_TO: Phrases = &["make sure not to", "be careful not to", "take care not to"];
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
const NEVER_NULL: Phrases = &[
    "not null",
    "is not null",
    "are not null",
    "must not be null",
    "should not be null",
    "is never null",
    "are never null",
    "never null",
    "can not be null",
    "must never be null",
    "must not be missing",
    "is required",
    "are required",
    "is mandatory",
    "must be present",
    "must be filled",
    "is always present",
    "is always filled",
];
const MASKS: [(Phrases, Phrases, MaskHow); 2] = [
    (&["mask", "redact", "masking"], &["masked", "redacted"], MaskHow::Redact),
    (&["hash", "hashing"], &["hashed"], MaskHow::Hash),
];

/// Reads a text clause by clause.
pub(super) fn clauses(tokens: &[Token], vocabulary: &Vocabulary) -> Reading {
    let reader = Reader { tokens, vocabulary };
    let mut reading = Reading::default();
    let (mut at, mut soft) = (0, false);
    // The clause before in the same sentence, and how it began.
    let mut before: Option<(Wish, bool)> = None;
    loop {
        let mut but = false;
        while let Some(token) = tokens.get(at)
            && (matches!(token, Token::Comma | Token::Stop) || ["and", "but"].contains(&reader.word(at)))
        {
            soft &= !matches!(token, Token::Comma | Token::Stop);
            but |= reader.is(at, "but");
            if matches!(token, Token::Stop) {
                before = None;
            }
            at += 1;
        }
        if at >= tokens.len() {
            return reading;
        }
        // "Orders, also the cancelled ones": these, too. "Also drop the note" is a wish of its own.
        let also = reader.is(at, "also");
        at += usize::from(also);
        let mut found = reader.clause(at, soft);
        found.retain(|(_, end)| *end > at && reader.ends(*end));
        if !reader.stands(at, before.as_ref(), soft, but) || also && reader.names_rows(at) {
            found.clear();
        }
        let longest = found.iter().map(|(_, end)| *end).max().unwrap_or(at);
        found.retain(|(_, end)| *end == longest);
        found.dedup_by(|(mine, _), (other, _)| mine == other);
        let said = |from: usize, to: usize| {
            let part = tokens.get(from..to).unwrap_or_default();
            part.iter().map(Token::raw).collect::<Vec<_>>().join(" ")
        };
        let first = found.first().map(|(wish, _)| wish.clone());
        match first {
            Some(wish) if found.iter().all(|(other, _)| *other == wish) => {
                before = Some((wish.clone(), reader.negations(reader.skip(at, LEADS)).0));
                reading.clauses.push((said(at, longest), wish));
                (at, soft) = (longest, true);
            }
            Some(_) => {
                let why = Some("they can be meant in two ways".to_owned());
                reading.unread.push(Unread { words: said(at, longest), why });
                (at, soft) = (longest, true);
            }
            None => {
                let hard = |index: &usize| matches!(tokens.get(*index), None | Some(Token::Comma | Token::Stop));
                let end = (at + 1..).find(hard).unwrap_or(tokens.len());
                reading.unread.push(Unread { words: said(at, end), why: None });
                (at, soft) = (end, false);
            }
        }
    }
}

type Found = Vec<(Wish, usize)>;

impl Reader<'_> {
    /// All that a clause beginning here can say; `soft` when nothing but a word stands between it and the one before.
    fn clause(&self, at: usize, soft: bool) -> Found {
        let mut found = Vec::new();
        let start = self.skip(at, LEADS);
        let (negated, verb) = self.negations(start);
        self.verbs(verb, negated, &mut found);
        self.prefixes(start, verb, negated, soft, &mut found);
        self.statements(start, verb, negated, &mut found);
        self.postfixes(start, &mut found);
        self.bare(start, &mut found);
        found
    }

    /// Whether a clause that begins here means the same behind the one before as it does alone: "no duplicates and cancelled
    /// orders" is no wish for cancelled orders, and "no personal data except the email" does not drop the email.
    fn stands(&self, at: usize, before: Option<&(Wish, bool)>, soft: bool, but: bool) -> bool {
        let start = self.skip(at, LEADS);
        let exception = self.phrase(start, &["except for", "except", "apart from"]).is_some();
        let Some((before, negated)) = before else { return !exception };
        let chooses = |conditions: &[super::Condition]| {
            conditions.iter().all(|condition| matches!(condition.test, Test::In(_) | Test::Compare(..)))
        };
        let open = matches!(before, Wish::Nothing | Wish::Keep(Kept::AllRows))
            || matches!(before, Wish::Only { conditions, .. } if chooses(conditions));
        let without = self.phrase(start, lexicon::WITHOUT).is_some();
        if exception || without && (soft || !self.is(start, "without")) {
            return open;
        }
        // A verb may still be under the "do not" before it.
        let verbs: [Phrases; 4] =
            [lexicon::REMOVE, lexicon::KEEP, lexicon::DEDUPLICATE, &["rename", "mask", "hash", "redact"]];
        if *negated && !but && verbs.iter().any(|verbs| self.phrase(start, verbs).is_some()) {
            return false;
        }
        if !self.names_rows(at) {
            return true;
        }
        // Rows by their kind alone may belong to the verb before, or come to all those that were named: "orders and the cancelled
        // ones".
        let all = matches!(before, Wish::Nothing | Wish::Keep(Kept::AllRows));
        open && (!all || self.chooses(at))
    }

    /// Whether a clause begins with rows by their kind: "the cancelled ones".
    fn names_rows(&self, at: usize) -> bool {
        let start = self.skip(at, LEADS);
        self.objects(start).into_iter().any(|(object, _)| matches!(object, Object::Rows { .. }))
    }

    /// Whether a word of the clause says that others are left out.
    fn chooses(&self, at: usize) -> bool {
        let ends = |index: &usize| matches!(self.tokens.get(*index), None | Some(Token::Comma | Token::Stop));
        let end = (at..).find(ends).unwrap_or(self.tokens.len());
        (at..end).any(|index| ["only", "just", "solely", "exclusively", "not", "no", "non"].contains(&self.word(index)))
    }

    /// Whether an odd number of negations stands here, and where they end.
    fn negations(&self, at: usize) -> (bool, usize) {
        let (mut negated, mut end) = (false, at);
        while let Some(after) = self.phrase(end, NOT_TO).or_else(|| self.phrase(end, lexicon::NEGATIONS)) {
            negated = !negated;
            end = after;
        }
        (negated, end)
    }

    /// "drop the note", "do not drop the note", "keep only open orders", "we do not want duplicates".
    fn verbs(&self, verb: usize, negated: bool, found: &mut Found) {
        if let Some(at) = self.phrase(verb, lexicon::REMOVE) {
            for (object, end) in self.objects(at) {
                let wish = if negated { kept(&object) } else { self.removed(&object, false) };
                found.extend(wish.map(|wish| (wish, end)));
            }
        }
        if let Some(at) = self.phrase(verb, lexicon::KEEP) {
            let loses = self.phrase(verb, lexicon::LOSES).is_some();
            let includes = self.phrase(verb, &["include", "including"]).is_some();
            if let Some(only) = self.phrase(at, lexicon::ONLY).filter(|_| !negated && !loses) {
                found.extend(
                    self.objects(only).iter().filter_map(|(object, end)| Some((self.only(object, only, *end)?, *end))),
                );
            }
            for (object, end) in self.objects(at) {
                let wish = match (negated, loses, &object) {
                    (true, true, _) => kept(&object),
                    (true, false, _) => self.removed(&object, false),
                    (false, true, _) => None,
                    // "Load completed orders": only these, or these too?
                    (false, false, Object::Rows { .. }) if !includes => None,
                    (false, false, _) => kept(&object),
                };
                found.extend(wish.map(|wish| (wish, end)));
            }
        }
        if let Some(at) = self.phrase(verb, lexicon::ONLY).filter(|_| !negated) {
            let at = self.phrase(at, lexicon::KEEP).filter(|_| self.phrase(at, lexicon::LOSES).is_none()).unwrap_or(at);
            found
                .extend(self.objects(at).iter().filter_map(|(object, end)| Some((self.only(object, at, *end)?, *end))));
        }
    }

    /// "no cancelled orders", "without the note column", "all but the open orders", "with the country".
    fn prefixes(&self, start: usize, verb: usize, negated: bool, soft: bool, found: &mut Found) {
        if self.is(start, "no") {
            for (object, end) in self.objects(start + 1) {
                found.extend(self.removed(&object, true).map(|wish| (wish, end)));
                if let (Object::Dataset, Some(after)) = (&object, self.phrase(end, &["but", "except", "other than"])) {
                    let only = self.objects(after);
                    found.extend(only.iter().filter_map(|(object, end)| Some((self.only(object, after, *end)?, *end))));
                }
            }
        }
        if let Some(at) = self.phrase(verb, lexicon::WITHOUT) {
            // "Customers without email" speaks of rows, "without the email column" of a column.
            let explicit = soft && self.is(verb, "without");
            for (object, end) in self.objects(at) {
                let wish = if negated { kept(&object) } else { self.removed(&object, explicit) };
                found.extend(wish.map(|wish| (wish, end)));
            }
        }
        if let Some(at) = self
            .phrase(verb, &["with all the", "with all", "with", "keeping", "including", "incl"])
            .filter(|_| !negated)
        {
            let including = self.phrase(verb, &["including", "incl"]).is_some();
            // "Orders with a country", "orders with remark": those that have one, or the column?
            let some = ["a", "an", "any", "some"].contains(&self.word(at));
            let bare = self.is(verb, "with") && self.is(at - 1, "with") && !self.is(at, "the");
            for (object, end) in self.objects(at) {
                let wish = match &object {
                    _ if some => None,
                    Object::Columns { names, explicit: false, .. } if bare && names.len() == 1 => None,
                    Object::Rows { .. } if !including => None,
                    _ => kept(&object),
                };
                found.extend(wish.map(|wish| (wish, end)));
            }
        }
        let all =
            [self.phrase(start, &["everything", "all", "all columns", "all the columns", "all data", "all rows"])];
        let all = all.into_iter().flatten().chain(self.all_of(start));
        for at in all.collect::<Vec<_>>() {
            let Some(at) =
                self.phrase(at, &["but", "except for", "except", "other than", "apart from", "excluding", "without"])
            else {
                continue;
            };
            // "All orders but not the cancelled ones" says what goes once more, it does not turn it round.
            if ["not", "non", "no"].contains(&self.word(at)) {
                continue;
            }
            for (object, end) in self.objects(at) {
                found.extend(self.removed(&object, self.is(at - 1, "without")).map(|wish| (wish, end)));
            }
        }
    }

    /// "all orders", "every order": where it ends.
    fn all_of(&self, at: usize) -> Option<usize> {
        let start = self.phrase(at, &["all the", "all", "every", "each"])?;
        self.noun(start).map(|(_, end)| end)
    }

    /// "one row per order", "deduplicated", "country is not null", "rename a to b", "mask the email".
    fn statements(&self, start: usize, verb: usize, negated: bool, found: &mut Found) {
        self.once(start, verb, negated, found);
        if let Some((table, columns, end)) = self.of_one(start) {
            found.extend(
                self.phrase(end, NEVER_NULL)
                    .map(|end| (Wish::NotNull { table: table.clone(), columns: columns.clone() }, end)),
            );
            let unique = [
                "is unique",
                "are unique",
                "must be unique",
                "should be unique",
                "has to be unique",
                "have to be unique",
            ];
            let end_of = unique.iter().find_map(|phrase| {
                let fits = phrase.split(' ').enumerate().all(|(index, part)| self.word(end + index) == part);
                fits.then(|| end + phrase.split(' ').count())
            });
            found.extend(end_of.map(|end| (Wish::Unique { table, columns }, end)));
        }
        if self.is(start, "unique")
            && let Some((table, columns, end)) = self.of_one(start + 1)
        {
            found.push((Wish::Unique { table, columns }, end));
        }
        if self.is(verb, "rename")
            && !negated
            && let Some((table, columns, end)) = self.of_one(verb + 1)
        {
            found.extend(self.renamed(&table, &columns, self.phrase(end, &["to", "into", "as"])));
        }
        if let Some((table, columns, end)) = self.of_one(start) {
            let to = self.phrase(
                end,
                &["renamed to", "is renamed to", "should be renamed to", "must be renamed to", "renamed as"],
            );
            found.extend(self.renamed(&table, &columns, to));
        }
        for (verbs, participles, how) in MASKS {
            if let Some((table, columns, end)) = self.phrase(verb, verbs).and_then(|at| self.of_one(at)) {
                let wish =
                    if negated { Wish::Keep(Kept::Columns(columns)) } else { Wish::Mask { table, columns, how } };
                found.push((wish, end));
            }
            if let Some((table, columns, end)) = self.of_one(start) {
                let end =
                    self.phrase(end, lexicon::BE).filter(|_| self.phrase(end, lexicon::MAY).is_none()).unwrap_or(end);
                found.extend(self.phrase(end, participles).map(|end| (Wish::Mask { table, columns, how }, end)));
            }
        }
    }

    fn renamed(&self, table: &str, columns: &[String], to: Option<usize>) -> Option<(Wish, usize)> {
        let ([from], at) = (columns, to?) else { return None };
        let name = match self.tokens.get(at)? {
            Token::Quoted(name) => name.clone(),
            Token::Word { text, raw, possessive: false } if !lexicon::reserved(text) => raw.clone(),
            Token::Word { .. }
            | Token::Number(_)
            | Token::Operator(_)
            | Token::Comma
            | Token::Stop
            | Token::Other(_) => return None,
        };
        let known = self.vocabulary.tables.iter().find(|known| known.name == table)?;
        let taken = known.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&name) && column.name != *from);
        let wish = Wish::Rename { table: table.to_owned(), from: from.clone(), to: name };
        (!taken).then_some((wish, at + 1))
    }

    /// All ways to say that rows occur once.
    fn once(&self, start: usize, verb: usize, negated: bool, found: &mut Found) {
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
    fn once_each(&self, table: &str, noun: &str) -> Option<Wish> {
        if lexicon::ROWS.contains(&singular(noun).as_str()) {
            return Some(Wish::Once { table: table.to_owned(), by: None });
        }
        let known = self.vocabulary.tables.iter().find(|known| known.name == table)?;
        let key = key_of(known, noun)?;
        Some(Wish::Once { table: table.to_owned(), by: Some(vec![key.name.clone()]) })
    }

    fn deduplicated(&self, ends: &[usize], negated: bool, found: &mut Found) {
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

    /// "cancelled orders are excluded", "the note must not be dropped", "open orders only".
    fn postfixes(&self, start: usize, found: &mut Found) {
        for (object, end) in self.objects(start) {
            // "Status removed", where `removed` is a status.
            if let Object::Columns { names, .. } = &object
                && self.says_value_of(names, self.phrase(end, lexicon::BE).unwrap_or(end))
            {
                continue;
            }
            if let Some(after) = self.phrase(end, lexicon::NOT_BE) {
                found.extend(self.phrase(after, lexicon::REMOVED).and_then(|end| Some((kept(&object)?, end))));
                found.extend(
                    self.phrase(after, lexicon::KEPT).and_then(|end| Some((self.removed(&object, false)?, end))),
                );
            }
            let may = self.phrase(end, lexicon::MAY);
            let after = self.phrase(end, lexicon::BE).unwrap_or(end);
            if may.is_none() {
                found.extend(
                    self.phrase(after, lexicon::REMOVED).and_then(|end| Some((self.removed(&object, false)?, end))),
                );
            }
            found.extend(self.phrase(after, lexicon::KEPT).and_then(|end| Some((kept(&object)?, end))));
            found.extend(
                self.phrase(end, &["stay", "stays", "remain", "remains", "stay in", "stays in"])
                    .and_then(|end| Some((kept(&object)?, end))),
            );
            found.extend(self.phrase(end, &["only"]).and_then(|after| Some((self.only(&object, start, end)?, after))));
        }
    }

    /// Whether something joined with "and" follows, and behind it what is done with it.
    fn shares_verb(&self, end: usize) -> bool {
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

    fn says_value_of(&self, names: &[String], at: usize) -> bool {
        let columns = self.vocabulary.tables.iter().flat_map(|table| &table.columns);
        columns.filter(|column| names.contains(&column.name)).any(|column| is_value(column, self.tokens, at))
    }

    /// A dataset by its name, rows by their kind, what the data is for.
    fn bare(&self, start: usize, found: &mut Found) {
        for (object, end) in self.objects(start) {
            match object {
                // "Void invoices and the comment are removed": what is said behind the last one is said of all.
                Object::Rows { .. } if self.shares_verb(end) => {}
                Object::Rows { .. } => found.extend(self.only(&object, start, end).map(|wish| (wish, end))),
                Object::Dataset => {
                    let all = self.all_of(start) == Some(end)
                        && !self.is(end, "but")
                        && self.phrase(end, lexicon::WITHOUT).is_none();
                    let hard = matches!(self.tokens.get(end), None | Some(Token::Comma | Token::Stop));
                    // "All but one" counts; it does not name the rows.
                    if ["one", "ones"].contains(&self.word(end - 1)) {
                        continue;
                    }
                    let wish = if all && hard { Wish::Keep(Kept::AllRows) } else { Wish::Nothing };
                    found.push((wish, end));
                    found.extend(self.phrase(end, lexicon::AS_IS).map(|end| (Wish::Keep(Kept::Everything), end)));
                }
                Object::Columns { .. }
                | Object::Duplicates { .. }
                | Object::Nulls { .. }
                | Object::Personal
                | Object::Everything => {}
            }
        }
        found.extend(self.phrase(start, lexicon::ANONYMOUS).map(|end| (Wish::NoPersonal, end)));
        found.extend(self.phrase(start, lexicon::AS_IS).map(|end| (Wish::Keep(Kept::Everything), end)));
        if self.is(start, "for") {
            found.extend(self.purpose(start).map(|end| (Wish::Nothing, end)));
        }
    }

    /// What it is to take this away; `explicit` when a column must be called one.
    fn removed(&self, object: &Object, explicit: bool) -> Option<Wish> {
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
    fn only(&self, object: &Object, at: usize, end: usize) -> Option<Wish> {
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

fn kept(object: &Object) -> Option<Wish> {
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
