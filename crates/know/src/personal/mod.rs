//! What in a text is personal: numbers with their check digits, and names, places and days in sentences.
//!
//! Deliberately absent: what a column is (profile), what to do about it (mask, agents).
//!
//! Doors: [`find`] (all that is likely), [`asked`] (everything that may be one of some kinds).
//!
//! Invariants: no value leaves this room but as a place in the caller's text; what a number's standard calls wrong is never
//! found; places do not overlap in [`find`]; the same text gives the same places.
//!
//! A form says little by itself: nine digits may be anything. As in Presidio (Microsoft, MIT) a weak form counts where words
//! around it speak for it. Names are found by a small model of our own (`tagger`).

mod checks;
mod features;
mod found;
mod kinds;
mod places;
mod recogniser;
mod tagger;

pub use features::{Token, tokens};
pub use found::Found;

/// What is less likely is not called personal.
pub const LIKELY: f64 = 0.5;

/// Longer texts are looked at so far, in bytes.
const LONGEST: usize = 100_000;

/// All personal values of a text, in their order; they do not overlap. A single word or number has no neighbours that would say
/// whose it is: only its form counts.
pub fn find(text: &str) -> Vec<Found> {
    let text = head(text);
    let forms = formed(text);
    let tagged = tagger::tag(text, &forms, 2);
    let mut found = forms;
    found.extend(tagged);
    apart(found)
}

/// The same, numbers and addresses of the net only: what has a form of its own.
pub fn formed(text: &str) -> Vec<Found> {
    let text = head(text);
    let mut found = candidates(text, |_| true);
    found.retain(|one| one.confidence >= LIKELY);
    apart(found)
}

/// Whatever may be one of these kinds, likely or not: a caller who knows what to expect decides.
pub fn asked(text: &str, kinds: &[&str]) -> Vec<Found> {
    let text = head(text);
    let mut found = candidates(text, |kind| kinds.contains(&kind));
    if tagger::KINDS.iter().any(|kind| kinds.contains(kind)) {
        let tagged = tagger::tag(text, &formed(text), 1);
        found.extend(tagged.into_iter().filter(|one| kinds.contains(&one.kind)));
    }
    apart(found)
}

/// The kind of a whole value whose check digit holds, of each that fits: for the values of a column.
pub fn checked(value: &str) -> Vec<&'static str> {
    let value = value.trim();
    if value.len() > 40 || !value.contains(|letter: char| letter.is_ascii_digit()) {
        return Vec::new();
    }
    let whole = |places: Vec<(usize, usize)>| places.contains(&(0, value.len()));
    let fits = kinds::all().filter(|one| one.is_checked() && one.worth >= 0.3 && whole(one.places(value)));
    fits.map(|one| one.kind).filter(|kind| !["phone", "date_time"].contains(kind)).collect()
}

/// The kinds that have a form.
pub fn kinds() -> Vec<&'static str> {
    let mut names: Vec<_> = kinds::all().map(|one| one.kind).chain(["ipv4", "ipv6"]).chain(tagger::KINDS).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether all patterns can be read.
pub fn is_sound() -> bool {
    kinds::all().all(recogniser::Recogniser::is_sound)
}

fn head(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

fn candidates(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<Found> {
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    // Every form has a digit, a sign of an address or the dot of a domain in it.
    if !digits && !text.contains(['@', '.', ':', '/', '-']) && !wanted("swift_bic") {
        return Vec::new();
    }
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for one in kinds::all().filter(|one| wanted(one.kind)) {
        for (start, end) in one.places(text) {
            found.push(Found { kind: one.kind, start, end, confidence: one.confidence(&lower, start, end) });
        }
    }
    let mut others = Vec::new();
    places::addresses(text, &mut others);
    places::telephones(text, &mut others);
    found.extend(others.into_iter().filter(|one| wanted(one.kind)));
    found
}

/// Without those that overlap a better one: the more likely, then the longer, then the first in the table.
fn apart(mut found: Vec<Found>) -> Vec<Found> {
    let length = |one: &Found| one.end - one.start;
    found.retain(|one| one.end > one.start);
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(length(b).cmp(&length(a))));
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        if kept.iter().all(|other| one.end <= other.start || other.end <= one.start) {
            kept.push(one);
        }
    }
    kept.sort_by_key(|one| one.start);
    kept
}
