//! Names that differ in nothing but their writing: case, blanks, punctuation.

use std::collections::BTreeSet;

/// A name without case, blanks and punctuation.
pub fn normalized(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What the columns of one file are called in a dataset that has these: a name that the dataset does not have is the one
/// of its names that is only written otherwise, where one alone is meant and the file does not have that, too.
pub fn matched<'a>(names: &[&'a str], known: &'a BTreeSet<String>) -> Vec<&'a str> {
    let strange = |name: &&str| !known.contains(*name);
    let one = |name: &'a str| {
        let wanted = normalized(name);
        let alone = names.iter().copied().filter(strange).filter(|other| normalized(other) == wanted).count() == 1;
        let mut meant = known.iter().filter(|known| !names.contains(&known.as_str()) && normalized(known) == wanted);
        match (meant.next(), meant.next()) {
            (Some(meant), None) if alone && !wanted.is_empty() => meant.as_str(),
            _ => name,
        }
    };
    names.iter().map(|name| if strange(name) { one(name) } else { *name }).collect()
}
