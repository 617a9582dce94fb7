//! The few values of a column that look wrong.

use super::figures::Suspect;

const SHOWN: usize = 10;

/// Unusual shapes and far-away numbers, first rows first.
pub(super) fn gather(shapes: Vec<Suspect>, outliers: Vec<(f64, u64)>) -> Vec<Suspect> {
    let numbers = outliers.into_iter().map(|(value, row)| Suspect {
        row,
        value: value.to_string(),
        reason: "it is more than 6 robust standard deviations away from the median".to_owned(),
    });
    let mut all: Vec<Suspect> = shapes.into_iter().chain(numbers).collect();
    all.sort_by_key(|suspect| suspect.row);
    all.truncate(SHOWN);
    all
}
