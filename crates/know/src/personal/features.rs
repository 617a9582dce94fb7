//! What the tagger sees of a word: itself, its shape, its ends and its neighbours, each hashed to a row of weights.

use super::found::Found;

/// A word, a number or a mark, from byte to byte, and the rows of the weights that speak for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub start: usize,
    pub end: usize,
    pub rows: Vec<u32>,
}

/// Rows of weights.
pub(super) const ROWS: u32 = 1 << 17;

struct Word {
    start: usize,
    end: usize,
    lower: String,
    shape: String,
    /// What has a form here: `email`, `phone`, or nothing.
    form: &'static str,
    /// Lines between this word and the one before: 0, 1, or 2 and more; blanks count as none.
    lines: u8,
    spaced: bool,
}

/// The words of a text with their rows; `forms` are the numbers and addresses found in it.
pub fn tokens(text: &str, forms: &[Found]) -> Vec<Token> {
    let words = words(text, forms);
    let case = case(text);
    (0..words.len())
        .map(|at| Token { start: words[at].start, end: words[at].end, rows: rows(&words, at, case) })
        .collect()
}

/// Letters and digits stay together, with an accent or a mark that belongs to them; any other mark is a word.
fn words(text: &str, forms: &[Found]) -> Vec<Word> {
    let mut bounds: Vec<(usize, usize, bool)> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
        let end = at + letter.len_utf8();
        let part = letter.is_alphanumeric() || is_accent(letter);
        match bounds.last_mut() {
            Some((_, last, true)) if part && *last == at => *last = end,
            Some(_) | None => bounds.push((at, end, part)),
        }
    }
    let mut before = 0;
    let mut found = Vec::with_capacity(bounds.len());
    for (start, end, _) in bounds {
        let gap = &text[before..start];
        let lines = u8::try_from(gap.matches('\n').count().min(2)).unwrap_or(2);
        let lines = if before == 0 { 2 } else { lines };
        let form = forms.iter().find(|one| one.start <= start && end <= one.end).map_or("", |one| one.kind);
        let part = &text[start..end];
        found.push(Word {
            start,
            end,
            lower: part.to_lowercase(),
            shape: shape(part),
            form,
            lines,
            spaced: !gap.is_empty(),
        });
        before = end;
    }
    found
}

fn is_accent(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter) || ('\u{900}'..='\u{dff}').contains(&letter)
}

/// `Müller` is Xx, `AB12` XXdd, `2024` dddd: of letters two alike at the most, of digits all up to six.
fn shape(part: &str) -> String {
    let mut shape = String::new();
    for letter in part.chars() {
        let class = match letter {
            _ if letter.is_ascii_digit() => 'd',
            _ if letter.is_uppercase() => 'X',
            _ if letter.is_alphabetic() => 'x',
            _ => letter,
        };
        let same = shape.chars().rev().take_while(|before| *before == class).count();
        if same < if class == 'd' { 6 } else { 2 } {
            shape.push(class);
        }
    }
    shape
}

/// Whether a text has capitals only, none, or both.
fn case(text: &str) -> &'static str {
    match (text.contains(char::is_uppercase), text.contains(char::is_lowercase)) {
        (true, true) => "both",
        (true, false) => "upper",
        (false, _) => "lower",
    }
}

fn rows(words: &[Word], at: usize, case: &str) -> Vec<u32> {
    let word = |by: isize| at.checked_add_signed(by).and_then(|at| words.get(at));
    let lower = |by: isize| word(by).map_or("_", |word| word.lower.as_str());
    let shape = |by: isize| word(by).map_or("_", |word| word.shape.as_str());
    let form = |by: isize| word(by).map_or("", |word| word.form);
    let here = &words[at];
    let lines = ["0", "1", "2"][usize::from(here.lines.min(2))];
    let next = ["0", "1", "2"][usize::from(word(1).map_or(2, |next| next.lines.min(2)))];
    let after_next = word(2).map_or("2", |next| ["0", "1", "2"][usize::from(next.lines.min(2))]);
    let spaced = if here.spaced { "s" } else { "t" };
    let ahead = if word(1).is_some_and(|next| next.spaced) { "s" } else { "t" };
    let mut rows = Vec::with_capacity(44);
    let mut add = |parts: &[&str]| rows.push(row(parts));
    add(&["w", lower(0)]);
    add(&["w-", lower(-1)]);
    add(&["w+", lower(1)]);
    add(&["w--", lower(-2)]);
    add(&["w++", lower(2)]);
    add(&["w---", lower(-3)]);
    add(&["w-w", lower(-1), lower(0)]);
    add(&["ww+", lower(0), lower(1)]);
    add(&["w--w-", lower(-2), lower(-1)]);
    add(&["w+w++", lower(1), lower(2)]);
    add(&["s", shape(0), case]);
    add(&["s-", shape(-1), case]);
    add(&["s+", shape(1), case]);
    add(&["s-s", shape(-1), shape(0)]);
    add(&["ss+", shape(0), shape(1)]);
    add(&["s-ss+", shape(-1), shape(0), shape(1)]);
    add(&["s--s-s", shape(-2), shape(-1), shape(0)]);
    add(&["ss+s++", shape(0), shape(1), shape(2)]);
    add(&["w-s", lower(-1), shape(0), spaced]);
    add(&["sw+", shape(0), lower(1), ahead]);
    add(&["w-sw+", lower(-1), shape(0), lower(1)]);
    add(&["w--w-s", lower(-2), lower(-1), shape(0)]);
    add(&["sw+w++", shape(0), lower(1), lower(2)]);
    add(&["w--s-s", lower(-2), shape(-1), shape(0)]);
    for length in 1..=4 {
        add(&["p", ["", "1", "2", "3", "4"][length], first(lower(0), length)]);
        add(&["e", ["", "1", "2", "3", "4"][length], last(lower(0), length)]);
    }
    add(&["es", last(lower(0), 3), shape(0)]);
    add(&["e-", last(lower(-1), 3), shape(-1)]);
    add(&["e+", last(lower(1), 3), shape(1)]);
    add(&["f", form(0), form(-1)]);
    add(&["f+", form(0), form(1)]);
    add(&["l", lines, next, shape(0)]);
    add(&["l+", lines, next, after_next, shape(1)]);
    add(&["lw", lines, lower(0)]);
    add(&["lw-", lines, lower(-1), shape(0)]);
    rows
}

fn first(text: &str, letters: usize) -> &str {
    text.char_indices().nth(letters).map_or(text, |(end, _)| &text[..end])
}

fn last(text: &str, letters: usize) -> &str {
    text.char_indices().rev().nth(letters - 1).map_or(text, |(start, _)| &text[start..])
}

/// FNV-1a over the parts, folded to a row.
fn row(parts: &[&str]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let folded = (hash >> 32) ^ hash ^ (hash >> 17);
    u32::try_from(folded & u64::from(ROWS - 1)).unwrap_or_default()
}
