//! The forms of a clause: the verb before what it speaks of, behind it, or none at all.

use super::meant::kept;
use crate::wishes::lexicon::{self, Phrases};
use crate::wishes::objects::{Object, Reader};
use crate::wishes::tokens::Token;
use crate::wishes::wish::{Found, Kept, Wish};
use windvane_core::spec::verb::MaskHow;

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

impl Reader<'_> {
    /// "drop the note", "do not drop the note", "keep only open orders", "we do not want duplicates".
    pub(super) fn verbs(&self, verb: usize, negated: bool, found: &mut Found) {
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
    pub(super) fn prefixes(&self, start: usize, verb: usize, negated: bool, soft: bool, found: &mut Found) {
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
    pub(super) fn all_of(&self, at: usize) -> Option<usize> {
        let start = self.phrase(at, &["all the", "all", "every", "each"])?;
        self.noun(start).map(|(_, end)| end)
    }

    /// "one row per order", "deduplicated", "country is not null", "rename a to b", "mask the email".
    pub(super) fn statements(&self, start: usize, verb: usize, negated: bool, found: &mut Found) {
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

    pub(super) fn renamed(&self, table: &str, columns: &[String], to: Option<usize>) -> Option<(Wish, usize)> {
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

    /// "cancelled orders are excluded", "the note must not be dropped", "open orders only".
    pub(super) fn postfixes(&self, start: usize, found: &mut Found) {
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

    /// A dataset by its name, rows by their kind, what the data is for.
    pub(super) fn bare(&self, start: usize, found: &mut Found) {
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
}
