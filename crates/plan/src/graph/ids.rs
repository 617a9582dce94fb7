//! Ids out of names: letters, digits, `-` and `_`, unique, and stable when other outputs come and go.

use std::collections::BTreeMap;
use windvane_core::schema::digest;

/// Room for a stage behind it, within the 250 characters that orchestrators allow.
const LONGEST: usize = 120;
/// Taken by the pipeline's own stages.
const TAKEN: [&str; 3] = ["discover", "plan", "record"];

/// Each name with its id, in the given order.
pub(super) fn of<'a>(names: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut wanted: BTreeMap<String, u32> = BTreeMap::new();
    for name in names {
        *wanted.entry(plain(name)).or_default() += 1;
    }
    let id = |name: &'a str| {
        let plain = plain(name);
        let changed = plain != name;
        let shared = wanted.get(&plain).is_some_and(|count| *count > 1);
        // The hash is the name's own, so that no other output can change this id.
        let marked = (changed && shared) || TAKEN.contains(&plain.as_str()) || name.len() > LONGEST;
        let hash = digest(name.as_bytes(), 16);
        let id = if marked { format!("{plain}-{}", hash.get(..8).unwrap_or_default()) } else { plain };
        (name, id)
    };
    names.iter().map(|name| id(name)).collect()
}

fn plain(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let id: String = name.chars().take(LONGEST).map(|c| if fits(c) { c } else { '_' }).collect();
    if id.is_empty() { "_".to_owned() } else { id }
}
