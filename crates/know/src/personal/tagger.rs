//! Names, places, addresses and days in sentences: a linear-chain conditional random field (Lafferty, McCallum, Pereira 2001) over
//! hashed features, its weights a byte each.
//!
//! `tagger.bin` is made by `scripts/train_personal.py` and holds numbers only: the factor of the bytes, what follows what
//! (rows before, columns after), what begins, as little-endian `f32`; then a byte for each row and label.

use super::features::{ROWS, tokens};
use super::found::Found;

/// What a word may be; the first is nothing personal. The order of the file.
pub(super) const KINDS: [&str; 9] = [
    "person_name",
    "location",
    "street_address",
    "organisation",
    "nationality",
    "title",
    "age",
    "date_time",
    "personal_number",
];
const LABELS: usize = KINDS.len() + 1;
type Scores = [f32; LABELS];

static FILE: &[u8] = include_bytes!("tagger.bin");

/// A word is something when all that it may be is at least so likely together.
const LEAST: f32 = 0.5;

/// The stretches of a text that are one thing; a text of fewer than `least` words and marks says too little.
pub(super) fn tag(text: &str, forms: &[Found], least: usize) -> Vec<Found> {
    let tokens = tokens(text, forms);
    if tokens.len() < least {
        return Vec::new();
    }
    let scores: Vec<Scores> = tokens.iter().map(|token| score(&token.rows)).collect();
    let likely = marginals(&scores);
    let mut found: Vec<Found> = Vec::new();
    let mut open: Option<usize> = None;
    for (token, shares) in tokens.iter().zip(&likely) {
        let personal = 1.0 - shares[0];
        let best = (1..LABELS).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(1);
        // What has a form is what its form says.
        let formed = forms.iter().any(|form| form.start < token.end && token.start < form.end);
        if personal < LEAST || formed {
            open = None;
            continue;
        }
        let confidence = f64::from(personal);
        match found.last_mut().filter(|_| open == Some(best)) {
            Some(last) => (last.end, last.confidence) = (token.end, last.confidence.max(confidence)),
            None => {
                found.push(Found { kind: KINDS[best - 1], start: token.start, end: token.end, confidence });
            }
        }
        open = Some(best);
    }
    for one in &mut found {
        trim(text, one);
    }
    found
}

/// Marks at the ends belong to the sentence, except the dot of an abbreviation.
fn trim(text: &str, one: &mut Found) {
    let part = &text[one.start..one.end];
    let kept = part.trim_matches(|letter: char| ",;:!?\"'<>|".contains(letter));
    one.start += part.len() - part.trim_start_matches(|letter: char| ",;:!?\"'<>|".contains(letter)).len();
    one.end = one.start + kept.len();
    // Names are less sure than numbers with check digits.
    one.confidence = one.confidence.min(0.94);
}

fn number(at: usize) -> f32 {
    let bytes = FILE.get(at * 4..at * 4 + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0.0, f32::from_le_bytes)
}

fn score(rows: &[u32]) -> Scores {
    let bytes = (1 + LABELS * LABELS + LABELS) * 4;
    let mut sums = [0_i32; LABELS];
    for row in rows {
        let start = bytes + (row % ROWS) as usize * LABELS;
        for (sum, weight) in sums.iter_mut().zip(FILE.get(start..start + LABELS).unwrap_or_default()) {
            *sum += i32::from(weight.cast_signed());
        }
    }
    let factor = number(0);
    #[expect(clippy::cast_precision_loss, reason = "forty bytes are far below what an f32 holds")]
    sums.map(|sum| sum as f32 * factor)
}

/// How likely each label is for each word: forward and backward over the chain, scaled at each word.
fn marginals(scores: &[Scores]) -> Vec<Scores> {
    let follows: Vec<Scores> =
        (0..LABELS).map(|from| std::array::from_fn(|to| number(1 + from * LABELS + to).exp())).collect();
    let words: Vec<Scores> = scores
        .iter()
        .map(|scores| {
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            scores.map(|score| (score - most).exp())
        })
        .collect();
    let mut forward: Vec<Scores> = Vec::with_capacity(words.len());
    for word in &words {
        let sums: Scores = match forward.last() {
            None => std::array::from_fn(|to| number(1 + LABELS * LABELS + to).exp() * word[to]),
            Some(before) => std::array::from_fn(|to| {
                word[to] * before.iter().zip(&follows).map(|(share, follows)| share * follows[to]).sum::<f32>()
            }),
        };
        forward.push(shares(sums));
    }
    let mut after = [1.0; LABELS];
    for at in (0..words.len()).rev() {
        let here = forward[at];
        forward[at] = shares(std::array::from_fn(|label| here[label] * after[label]));
        let next = &words[at];
        after = shares(std::array::from_fn(|from| {
            (0..LABELS).map(|to| follows[from][to] * next[to] * after[to]).sum::<f32>()
        }));
    }
    forward
}

/// The same, with the sum 1.
fn shares(scores: Scores) -> Scores {
    let sum: f32 = scores.iter().sum();
    scores.map(|score| if sum > 0.0 { score / sum } else { 0.0 })
}
