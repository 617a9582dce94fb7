//! A profile without personal values: what is shown, logged and kept. Counts, types and shapes stay.
//!
//! Deliberately absent: whether a column is personal (`semantic` has judged it).

use super::{ColumnProfile, Profile, semantic};
use crate::personal::find;
use std::fmt::Write as _;
use windvane_core::faults;

impl Profile {
    /// The same figures with a mark in the place of each personal value.
    #[must_use]
    pub fn masked(mut self) -> Self {
        if faults::planted("unmasked") {
            return self;
        }
        self.columns.iter_mut().for_each(mask);
        self
    }
}

fn mask(column: &mut ColumnProfile) {
    if column.pii || is_hidden(&column.name) {
        let mark = format!("[{}]", column.semantic_type.as_deref().unwrap_or("hidden"));
        let hide = |value: &mut String| value.clone_from(&mark);
        values(column, hide);
        // Of numbers (telephones, accounts) these are values too, or as good as.
        column.quantiles.clear();
        (column.mean, column.std, column.histogram) = (None, None, None);
    } else {
        values(column, |value| *value = prose(value));
    }
}

fn values(column: &mut ColumnProfile, mut hide: impl FnMut(&mut String)) {
    let ends = [&mut column.min, &mut column.max].into_iter().flatten();
    let top = column.top.iter_mut().map(|top| &mut top.value);
    let suspects = column.suspects.iter_mut().map(|suspect| &mut suspect.value);
    ends.chain(top).chain(suspects).for_each(&mut hide);
}

/// A column whose name alone says that its values are nobody's business.
pub fn is_hidden(column: &str) -> bool {
    semantic::sensitive(column)
}

/// What a word of a text may stand between.
const MARKS: &[char] =
    &[',', ';', ':', '.', '!', '?', '(', ')', '<', '>', '[', ']', '{', '}', '"', '\'', '`', '=', '|', '/', '\\'];
/// Words of the longest number that people write in groups: an IBAN.
const GROUPS: usize = 9;

/// A text with a mark in the place of each personal value in it: an e-mail address in a note, a telephone in a reason.
pub fn text(text: &str) -> String {
    if let Some(meaning) = semantic::personal(text) {
        return format!("[{meaning}]");
    }
    // Whole words first: an address may hold what divides others.
    let words = marked(text, char::is_whitespace, 1);
    marked(&words, |letter| letter.is_whitespace() || "=;:,|<>\"'`[]{}".contains(letter), GROUPS)
}

/// The text with marks for the stretches of up to `most` words that are personal; only numbers are written in several.
fn marked(text: &str, divides: impl Fn(char) -> bool, most: usize) -> String {
    let mut words: Vec<(usize, usize)> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| !divides(*letter)) {
        let end = at + letter.len_utf8();
        match words.last_mut() {
            Some(last) if last.1 == at => last.1 = end,
            Some(_) | None => words.push((at, end)),
        }
    }
    let (mut masked, mut done, mut at) = (String::new(), 0, 0);
    while let Some((start, _)) = words.get(at).copied() {
        // The longest one first: a card's first half may look like something else.
        let found = (1..=most.min(words.len() - at)).rev().find_map(|count| {
            let stretch = words.get(at..at + count)?;
            let digits =
                |(from, to): &(usize, usize)| text[*from..*to].contains(|letter: char| letter.is_ascii_digit());
            let (from, to) = inner(text, start, stretch.last()?.1);
            let fits = count == 1 || stretch.iter().all(digits);
            semantic::personal(&text[from..to]).filter(|_| fits).map(|meaning| (count, from, to, meaning))
        });
        let Some((count, from, to, meaning)) = found else {
            at += 1;
            continue;
        };
        masked.push_str(&text[done..from]);
        let _ = write!(masked, "[{meaning}]");
        (done, at) = (to, at + count);
    }
    masked.push_str(&text[done..]);
    masked
}

/// Fewer words are a value and no sentence: a city or a product is nobody's.
const SENTENCE: usize = 4;
/// How sure a name in a sentence must be: what is hidden cannot be read any more.
const SURE: f64 = 0.7;

/// The same of a value that may be a sentence: names and addresses in it become marks too.
pub fn prose(value: &str) -> String {
    let hidden = text(value);
    if hidden.split_whitespace().nth(SENTENCE - 1).is_none() || !hidden.contains(char::is_uppercase) {
        return hidden;
    }
    let (mut masked, mut done) = (String::new(), 0);
    for one in find(&hidden).iter().filter(|one| ["person_name", "street_address"].contains(&one.kind)) {
        let marked = hidden[..one.start].ends_with('[') && hidden[one.end..].starts_with(']');
        if one.confidence >= SURE && !marked {
            masked.push_str(&hidden[done..one.start]);
            let _ = write!(masked, "[{}]", one.kind);
            done = one.end;
        }
    }
    masked.push_str(&hidden[done..]);
    masked
}

/// A stretch of a text without the marks at its ends.
fn inner(text: &str, from: usize, to: usize) -> (usize, usize) {
    let part = &text[from..to];
    let begin = part.len() - part.trim_start_matches(MARKS).len();
    let end = part.trim_end_matches(MARKS).len().max(begin);
    (from + begin, from + end)
}
