//! What the user's own words ask for. Plain patterns: where they are unsure they say no.

use super::names::singular;

/// The lower-case words of a text, without punctuation.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let split = text.split(|character: char| !character.is_alphanumeric() && character != '_' && character != '\'');
    let words = split.map(|word| word.trim_matches('\'').trim_end_matches("'s").to_lowercase());
    words.filter(|word| !word.is_empty()).collect()
}

/// A rough stem, so that "completed orders" meets `complete`.
pub(super) fn stem(word: &str) -> String {
    let word = singular(&word.to_lowercase());
    for ending in ["ing", "ed", "e"] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.chars().count() >= 3) {
            return if ending == "e" { stem.to_owned() } else { stem.trim_end_matches('e').to_owned() };
        }
    }
    word
}

const WITHOUT: [&str; 14] = [
    "no",
    "without",
    "drop",
    "remove",
    "exclude",
    "excluding",
    "strip",
    "hide",
    "delete",
    "anonymise",
    "anonymize",
    "anonymised",
    "anonymized",
    "minus",
];

/// Whether the words ask that personal data stay behind.
pub(super) fn no_personal_data(words: &[String]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let personal = ["personal", "pii", "private", "sensitive", "personally"].contains(&word.as_str());
        let asked = words[at.saturating_sub(4)..at].iter().any(|before| WITHOUT.contains(&before.as_str()));
        let made = ["anonymise", "anonymize", "anonymised", "anonymized", "pseudonymised"].contains(&word.as_str());
        personal && asked || made
    })
}

/// Whether the words ask that this column be left out.
pub(super) fn without(words: &[String], column: &str) -> bool {
    let named: Vec<String> = crate::profile::semantic::words(column).iter().map(|word| stem(word)).collect();
    words.iter().enumerate().any(|(at, word)| {
        WITHOUT.contains(&word.as_str()) && {
            let after: Vec<String> = words.iter().skip(at + 1).take(6 + named.len()).map(|word| stem(word)).collect();
            words.iter().skip(at + 1).take(6).any(|word| word == &column.to_lowercase())
                || !named.is_empty() && after.windows(named.len()).any(|window| window == named.as_slice())
        }
    })
}

/// X of "one row per X", singular.
pub(super) fn one_row_per(words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, window) in words.windows(3).enumerate() {
        let per = ["per", "for", "a", "an"].contains(&window[2].as_str());
        if window[1].starts_with("row") | window[1].starts_with("record")
            && ["one", "1", "single"].contains(&window[0].as_str())
            && per
        {
            let rest =
                words.iter().skip(at + 3).find(|word| !["each", "every", "a", "an", "the"].contains(&word.as_str()));
            found.extend(rest.map(|word| singular(word)));
        }
    }
    found
}

/// Whether the words speak of rows that occur once.
pub(super) fn unique_rows(words: &[String]) -> bool {
    !one_row_per(words).is_empty()
        || words.iter().any(|word| {
            word.starts_with("dedup") || word.starts_with("duplicate") || word == "distinct" || word == "unique"
        })
}

/// Whether a word is meant as a condition on rows: "completed orders", "only completed ones", and not "not completed".
pub(super) fn selects(words: &[String], at: usize, noun: &str) -> bool {
    let negative = ["not", "no", "without", "non", "except", "excluding", "never", "or", "and", "but"];
    let before = &words[at.saturating_sub(2)..at];
    if before.iter().any(|word| negative.contains(&word.as_str())) {
        return false;
    }
    let next = words.get(at + 1).map(|word| singular(word));
    let only = before.iter().any(|word| ["only", "just", "solely"].contains(&word.as_str()));
    next.is_some_and(|next| next == noun) || only
}
