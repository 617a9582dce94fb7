//! The way out of a mistake: the nearest right word, or all right words.

/// The right word that the wrong one most likely meant.
pub(super) fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody misspells a word of that length, and the distance costs length times length.
    if wrong.len() > 100 {
        return None;
    }
    let folded = fold(wrong);
    let near = right.into_iter().map(|word| (strsim::damerau_levenshtein(&folded, &fold(word)), word));
    let (distance, word) = near.min_by_key(|(distance, _)| *distance)?;
    let allowed = (folded.chars().count().max(word.chars().count()) / 3).max(1);
    (distance <= allowed).then_some(word)
}

/// `Did you mean 'schedule'?`, or the list of what may stand there.
pub(super) fn did_you_mean(wrong: &str, right: &[&str], what: &str) -> String {
    match nearest(wrong, right.iter().copied()) {
        Some(word) => format!("Did you mean '{word}'?"),
        None if right.is_empty() => format!("There are no {what} here"),
        None => format!("Known {what} are {}", right.join(", ")),
    }
}

fn fold(word: &str) -> String {
    word.to_lowercase().replace(['-', ' '], "_")
}
