//! What the name of a column says, counted: its length and kinds of letters, and its words and pieces by their hash.

use super::forms::is_month;

/// Buckets of pieces of three letters, and of whole words.
pub(super) const PIECES: usize = 384;
pub(super) const WORDS: usize = 384;

#[expect(clippy::cast_precision_loss, reason = "lengths of a name")]
pub(super) fn count(name: &str, into: &mut Vec<f32>) {
    let words = words(name);
    let letters = name.chars().count();
    let share = |which: fn(char) -> bool| name.chars().filter(|c| which(*c)).count() as f32 / letters.max(1) as f32;
    let flag = f32::from;
    let trimmed = name.trim();
    into.extend([
        letters as f32,
        words.len() as f32,
        share(|c| c.is_ascii_digit()),
        share(char::is_uppercase),
        share(|c| c == '_'),
        share(|c| c == ' '),
        share(|c| c == '.'),
        share(|c| !c.is_alphanumeric()),
        flag(trimmed.ends_with(|c: char| c.is_ascii_digit())),
        flag(trimmed.starts_with(|c: char| c.is_ascii_digit())),
        trimmed.parse::<u32>().map_or(0.0, |number| number as f32),
        flag(words.iter().any(|word| is_month(word))),
        words.iter().map(|word| word.chars().count()).max().unwrap_or(0) as f32,
        flag(name.contains(['%', '$', '(', '#', '?'])),
    ]);
    let mut pieces = vec![0.0; PIECES];
    let mut whole = vec![0.0; WORDS];
    let framed: Vec<char> = words.iter().flat_map(|word| word.chars().chain(['_'])).collect();
    let framed: Vec<char> = ['_'].into_iter().chain(framed).collect();
    for piece in framed.windows(3) {
        add(&mut pieces, hash(piece.iter().copied()));
    }
    for (index, word) in words.iter().enumerate() {
        add(&mut whole, hash(word.chars()));
        if index + 1 == words.len() {
            add(&mut whole, hash("$".chars().chain(word.chars())));
        }
    }
    into.extend(pieces);
    into.extend(whole);
}

pub(super) fn add(buckets: &mut [f32], hash: u32) {
    let count = u32::try_from(buckets.len()).unwrap_or(u32::MAX).max(1);
    if let Some(bucket) = usize::try_from(hash % count).ok().and_then(|at| buckets.get_mut(at)) {
        *bucket += 1.0;
    }
}

/// FNV-1a, 32 bits: the same on every machine.
pub(super) fn hash(letters: impl Iterator<Item = char>) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for letter in letters {
        for byte in u32::from(letter).to_le_bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    // FNV's low bits are its weakest.
    hash ^ (hash >> 15)
}

/// Words in small letters; a number is `9`, whatever it is.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for letter in name.chars() {
        let kind = match letter {
            c if c.is_ascii_digit() => '9',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            _ => ' ',
        };
        let begins = match (last, kind) {
            (_, ' ') => false,
            (Some('A'), 'a') => false,
            (Some(before), _) => before != kind,
            (None, _) => true,
        };
        if begins {
            words.push(String::new());
        }
        match (kind, words.last_mut()) {
            ('9', Some(word)) if word.is_empty() => word.push('9'),
            ('9' | ' ', _) | (_, None) => {}
            (_, Some(word)) => word.extend(letter.to_lowercase()),
        }
        last = Some(kind);
    }
    words
}
