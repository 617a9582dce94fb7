//! Telephone numbers: E.164 with its prefix, and the ways in which countries group what they dial at home.

use crate::personal::checks::{digits, is_day};
use crate::personal::recogniser::Recogniser;

pub(in crate::personal) static KINDS: [Recogniser; 7] = [
    // `+` is no letter: it stands before the end of a word, so the pattern begins behind it.
    Recogniser::new("phone", r"(?:00)?[1-9][0-9]{0,2}[ .-]?\(0\)[ .-]?[0-9](?:[ ./-]?[0-9]){5,11}", 0.85)
        .check(is_long),
    Recogniser::new("phone", r"[2-9][0-9]{2}[-. ][2-9][0-9]{2}[-. ][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?", 0.7)
        .near(WORDS),
    Recogniser::new("phone", r"001-[0-9]{3}-[0-9]{3}-[0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?", 0.8),
    Recogniser::new("phone", r"1-[0-9]{3}-[0-9]{3}-[0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?", 0.75).near(WORDS),
    Recogniser::new("phone", r"0[0-9]{1,4}[ /-][0-9]{2,4}(?:[ -]?[0-9]{2,4}){1,3}", 0.6).check(is_long).near(WORDS),
    Recogniser::new("phone", r"0[1-9](?:[ .][0-9]{2}){4}", 0.75).near(WORDS),
    Recogniser::new("phone", r"[0-9]{1,5}(?:[ ./-]?[0-9]{2,5}){1,4}", 0.1).check(is_long).near(WORDS),
];

const WORDS: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "fax",
    "cell",
    "call",
    "dial",
    "contact",
    "text me",
    "whatsapp",
    "telefon",
    "handy",
    "sms",
];

/// Seven to fifteen digits that are no date.
fn is_long(text: &str) -> bool {
    let parts: Vec<u32> = text.split(['/', '.', '-', ' ']).filter_map(|part| part.parse().ok()).collect();
    let day = match parts.as_slice() {
        [a, b, c] => is_day(None, *a, *b) || is_day(None, *b, *a) || is_day(None, *b, *c),
        _ => false,
    };
    (7..=15).contains(&digits(text).len()) && !day
}
