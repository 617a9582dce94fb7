//! Clauses: each is read to its last word, or it is not understood.

mod forms;
mod meant;
mod repeats;

use super::condition::Test;
use super::lexicon::{self, Phrases};
use super::objects::{Object, Reader};
use super::tokens::Token;
use super::vocabulary::Vocabulary;
use super::wish::{Found, Kept, Reading, Unread, Wish};

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
        let chooses = |conditions: &[super::condition::Condition]| {
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
}
