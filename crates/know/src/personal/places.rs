//! Values that stand between marks and not between the ends of words: addresses of the net, numbers with a plus.

use super::found::Found;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Addresses of both versions, with zones and lengths of networks (RFC 4291, 4007, 4632).
pub(super) fn addresses(text: &str, found: &mut Vec<Found>) {
    for (start, end) in runs(text, |letter| letter.is_ascii_hexdigit() || letter == ':' || letter == '.') {
        let whole = &text[start..end];
        let part = whole.trim_end_matches('.');
        let part = if part.ends_with("::") { part } else { part.trim_end_matches(':') };
        let before = text[..start].chars().next_back();
        let after = text[start + part.len()..].chars().next();
        let word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        let end = start + part.len();
        if part.contains("::") || part.matches(':').count() == 7 || part.matches(':').count() == 6 && part.contains('.')
        {
            let mixed = part.contains('.');
            if (mixed || !word(before)) && !word(after) && part.parse::<Ipv6Addr>().is_ok() {
                let end = end + suffix(&text[end..]);
                found.push(Found { kind: "ipv6", start, end, confidence: 0.9 });
                continue;
            }
        }
        // A port may follow one of version 4, letters may not surround it.
        let part = part.split(':').next().unwrap_or_default();
        let end = start + part.len();
        let free = !word(before) && before != Some('.') && !word(text[end..].chars().next());
        if free && part.parse::<Ipv4Addr>().is_ok() {
            let end = end + suffix(&text[end..]);
            found.push(Found { kind: "ipv4", start, end, confidence: 0.9 });
        }
    }
}

/// The length of a zone (`%eth0`) and of a network (`/24`) at the start of a text.
fn suffix(text: &str) -> usize {
    let zone = text
        .strip_prefix('%')
        .map_or(0, |rest| 1 + rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len()));
    let rest = &text[zone..];
    let network = rest.strip_prefix('/').map_or(0, |rest| {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        if (1..=3).contains(&digits) { digits + 1 } else { 0 }
    });
    zone + network
}

/// E.164: a plus and seven to fifteen digits, in groups or not; and numbers that begin with an area in brackets.
pub(super) fn telephones(text: &str, found: &mut Vec<Found>) {
    for (at, sign) in text.match_indices(['+', '(']) {
        let rest = &text[at..];
        let mut end = 0;
        let mut digits = 0;
        for (index, letter) in rest.char_indices() {
            if letter.is_ascii_digit() {
                (end, digits) = (index + 1, digits + 1);
                if digits > 15 {
                    break;
                }
            } else if !(index == 0 || " ()-./".contains(letter) && index - end < 3) {
                break;
            }
        }
        let free = !text[..at].ends_with(|letter: char| letter.is_alphanumeric());
        let least = if sign == "+" { 7 } else { 8 };
        let closed = rest[end..].starts_with('x') || !rest[end..].starts_with(char::is_alphabetic);
        if free && closed && (least..=15).contains(&digits) {
            let more = rest[end..]
                .strip_prefix('x')
                .map_or(0, |rest| 1 + rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len()));
            let confidence = if sign == "+" { 0.85 } else { 0.6 };
            found.push(Found { kind: "phone", start: at, end: at + end + more, confidence });
        }
    }
}

/// The stretches of a text whose letters are such.
fn runs(text: &str, such: impl Fn(char) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| such(*letter)) {
        let end = at + letter.len_utf8();
        match runs.last_mut() {
            Some(last) if last.1 == at => last.1 = end,
            Some(_) | None => runs.push((at, end)),
        }
    }
    runs
}
