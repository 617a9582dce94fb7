//! A kind of personal value and how it is recognised: patterns, a check, words that stand around it.

use regex::Regex;
use std::sync::OnceLock;

/// One kind. What a value is worth: `bare` where its form says it, `checked` where a check digit holds too; words around
/// it add to that. A value whose check fails is none.
pub(super) struct Recogniser {
    pub kind: &'static str,
    /// ASCII, case does not count; stands between the ends of words.
    pattern: &'static str,
    pub worth: f64,
    check: Option<fn(&str) -> bool>,
    /// In lower case, found anywhere near.
    pub words: &'static [&'static str],
    /// Whether letters may stand directly before it.
    open: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl Recogniser {
    pub(super) const fn new(kind: &'static str, pattern: &'static str, worth: f64) -> Self {
        Self { kind, pattern, worth, check: None, words: &[], open: false, compiled: OnceLock::new() }
    }

    pub(super) const fn check(mut self, check: fn(&str) -> bool) -> Self {
        self.check = Some(check);
        self
    }

    pub(super) const fn near(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    pub(super) const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    pub(super) const fn is_checked(&self) -> bool {
        self.check.is_some()
    }

    fn regex(&self) -> Option<&Regex> {
        let start = if self.open { "" } else { r"\b" };
        let build = || Regex::new(&format!(r"(?i-u){start}(?:{})\b", self.pattern)).ok();
        self.compiled.get_or_init(build).as_ref()
    }

    /// Whether its pattern can be read: a test's question.
    pub(super) fn is_sound(&self) -> bool {
        self.regex().is_some()
    }

    /// Where it stands in a text, in bytes.
    pub(super) fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let fits = |part: &str| self.check.is_none_or(|check| check(part));
        let found = self.regex().into_iter().flat_map(|regex| regex.find_iter(text));
        found.filter(|part| fits(part.as_str())).map(|part| (part.start(), part.end())).collect()
    }

    /// How sure it is when the value stands at this place; `lower` is the text in lower case, byte by byte.
    pub(super) fn confidence(&self, lower: &str, start: usize, end: usize) -> f64 {
        if self.words.is_empty() || self.worth >= 0.95 {
            return self.worth;
        }
        let around = [window(lower, start.saturating_sub(60), start), window(lower, end, end + 40)];
        let said = self.words.iter().any(|word| around.iter().any(|part| stands(part, word)));
        if said { (self.worth + 0.4).clamp(0.6, 0.97) } else { self.worth }
    }
}

/// A part of a text, its ends moved to whole characters.
fn window(text: &str, from: usize, to: usize) -> &str {
    let to = to.min(text.len());
    let start = (from..=to).find(|at| text.is_char_boundary(*at)).unwrap_or(to);
    let end = (start..=to).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(start);
    &text[start..end]
}

/// Whether a word stands in a text; short ones only by themselves.
fn stands(text: &str, word: &str) -> bool {
    let apart = |character: Option<char>| character.is_none_or(|character| !character.is_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        apart(before) && (word.len() > 4 || apart(text[at + word.len()..].chars().next()))
    })
}
