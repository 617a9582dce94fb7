//! Shapes of text: `Anna Berg` is `Aa+ Aa+`, `+49 30 1234` is `+9+ 9+ 9+`.

use super::distinct::shown;
use super::figures::{Lengths, PatternCount, Suspect};
use ahash::AHashMap as HashMap;
use std::collections::hash_map::Entry;

/// Different shapes that are counted; a column with more has no shape worth telling.
const SHAPES: usize = 1_000;
/// A shape is cut here: prose needs no longer one.
const SHAPE_CHARACTERS: usize = 60;
const SHOWN: usize = 10;
/// Examples kept of each shape.
const EXAMPLES: usize = 2;

#[derive(Default)]
pub(super) struct Shapes {
    known: HashMap<String, Shape>,
    texts: u64,
    min: u64,
    max: u64,
    characters: u64,
}

#[derive(Default)]
struct Shape {
    count: u64,
    examples: Vec<(u64, String)>,
}

impl Shapes {
    pub(super) fn observe(&mut self, text: &str, row: u64) {
        let length = text.chars().count() as u64;
        self.min = if self.texts == 0 { length } else { self.min.min(length) };
        self.max = self.max.max(length);
        self.characters += length;
        self.texts += 1;
        let pattern = pattern(text);
        let full = self.known.len() >= SHAPES;
        let shape = match self.known.entry(pattern) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if full => return,
            Entry::Vacant(new) => new.insert(Shape::default()),
        };
        shape.count += 1;
        if shape.examples.len() < EXAMPLES {
            shape.examples.push((row, shown(text)));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let mean = self.characters as f64 / self.texts as f64;
        (self.texts > 0).then_some(Lengths { min: self.min, max: self.max, mean })
    }

    fn sorted(&self) -> Vec<(&String, &Shape)> {
        let mut sorted: Vec<_> = self.known.iter().collect();
        sorted.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(b.0)));
        sorted
    }

    pub(super) fn patterns(&self) -> Vec<PatternCount> {
        let sorted = self.sorted();
        let few = sorted.into_iter().take(SHOWN);
        few.map(|(pattern, shape)| PatternCount { pattern: pattern.clone(), count: shape.count }).collect()
    }

    /// Texts of a rare shape (below 1 %) in a column that is otherwise of one shape (above 90 %).
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(super) fn suspects(&self) -> Vec<Suspect> {
        let sorted = self.sorted();
        let Some((usual, first)) = sorted.first() else { return Vec::new() };
        let share = |count: u64| count as f64 / self.texts as f64;
        if self.texts < 20 || share(first.count) < 0.9 {
            return Vec::new();
        }
        let rare = sorted.iter().skip(1).filter(|(_, shape)| share(shape.count) < 0.01 || shape.count == 1);
        let mut found: Vec<Suspect> = rare
            .flat_map(|(pattern, shape)| {
                shape.examples.iter().map(move |(row, value)| Suspect {
                    row: *row,
                    value: value.clone(),
                    reason: format!("its shape '{pattern}' is rare; most values look like '{usual}'"),
                })
            })
            .collect();
        found.sort_by_key(|suspect| suspect.row);
        found
    }
}

/// The shape of a text.
pub(super) fn pattern(text: &str) -> String {
    let mut shape = String::new();
    let mut last = None;
    let mut folded = false;
    for character in text.chars() {
        let class = match character {
            letter if letter.is_uppercase() => 'A',
            letter if letter.is_alphabetic() => 'a',
            digit if digit.is_numeric() => '9',
            other => other,
        };
        if last == Some(class) {
            if !folded {
                shape.push('+');
                folded = true;
            }
            continue;
        }
        if shape.chars().count() >= SHAPE_CHARACTERS {
            shape.push('…');
            break;
        }
        shape.push(class);
        last = Some(class);
        folded = false;
    }
    shape
}
