//! What a column's sampled values look like, counted.

use super::forms::FORMS;
use super::name::{add, hash};

/// Buckets of pieces of the values' shapes, and of their words.
pub(super) const SHAPES: usize = 192;
pub(super) const WORDS: usize = 128;

/// Frequent words of English text.
const STOPS: [&str; 36] = [
    "the", "of", "and", "to", "a", "in", "is", "for", "on", "that", "by", "this", "with", "i", "you", "it", "not",
    "or", "be", "are", "from", "at", "as", "your", "all", "have", "an", "was", "we", "will", "can", "if", "has", "but",
    "my", "which",
];
const MARKS: [char; 12] = [',', ';', ':', '|', '/', '-', '_', '.', '#', '"', '(', '['];

/// Most characters of one value that are looked at: the figures of a longer text are no others.
const LOOKED_AT: usize = 2_000;

#[expect(clippy::cast_precision_loss, reason = "counts of short texts")]
pub(super) fn count(values: &[&str], into: &mut Vec<f32>) {
    let values: Vec<String> = values.iter().map(|value| value.chars().take(LOOKED_AT).collect()).collect();
    let share = |which: &dyn Fn(&str) -> bool| mean(values.iter().map(|value| f32::from(which(value))));
    into.push(values.len() as f32);
    into.extend(FORMS.iter().map(|form| share(form)));
    for mark in MARKS {
        into.push(mean(values.iter().map(|value| value.matches(mark).count() as f32)));
    }
    let lengths: Vec<f32> = values.iter().map(|value| value.chars().count() as f32).collect();
    spread(&lengths, into);
    let words: Vec<f32> = values.iter().map(|value| value.split_whitespace().count() as f32).collect();
    spread(&words, into);
    let stops: Vec<f32> = values.iter().map(|value| stops(value)).collect();
    spread(&stops, into);
    for kind in [char::is_alphabetic, char::is_numeric, char::is_uppercase, char::is_whitespace] {
        into.push(mean(
            values
                .iter()
                .map(|value| value.chars().filter(|c| kind(*c)).count() as f32 / value.chars().count().max(1) as f32),
        ));
    }
    numbers(&values, into);
    let mut shapes = vec![0.0; SHAPES];
    let mut seen = vec![0.0; WORDS];
    let mut outlines = Vec::new();
    for value in &values {
        let outline = outline(value);
        let framed: Vec<char> = ['^'].into_iter().chain(outline.chars().take(60)).chain(['$']).collect();
        for piece in framed.windows(3) {
            add(&mut shapes, hash(piece.iter().copied()));
        }
        for word in value.split_whitespace().take(8) {
            add(&mut seen, hash(word.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphabetic())));
        }
        outlines.push(outline);
    }
    let first = outlines.first().cloned().unwrap_or_default();
    outlines.sort();
    outlines.dedup();
    into.push(outlines.len() as f32);
    into.push(f32::from(first.len() <= 4));
    into.extend(shapes.iter().chain(&seen).map(|sum: &f32| sum / values.len().max(1) as f32));
}

/// Figures of the values that are numbers: how many, ends, sorted, steps of one, digits.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "features are short floats")]
fn numbers(values: &[String], into: &mut Vec<f32>) {
    let numbers: Vec<f64> =
        values.iter().filter_map(|value| value.parse::<f64>().ok()).filter(|n| n.is_finite()).collect();
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let pairs = |which: fn(f64, f64) -> bool| {
        numbers.windows(2).filter(|pair| which(pair[0], pair[1])).count() as f32 / numbers.len().max(2) as f32
    };
    let places = |value: &String| value.split_once('.').map_or(0, |(_, rest)| rest.len()) as f32;
    into.extend([
        numbers.len() as f32,
        if numbers.is_empty() { -1.0 } else { least as f32 },
        if numbers.is_empty() { -1.0 } else { most as f32 },
        if numbers.is_empty() { -1.0 } else { (most - least) as f32 },
        pairs(|a, b| b > a),
        pairs(|a, b| (b - a - 1.0).abs() < 1e-9),
        numbers.iter().filter(|number| **number == 0.0).count() as f32,
        numbers.iter().filter(|number| number.fract() == 0.0 && number.abs() < 10.0).count() as f32,
        if numbers.is_empty() { 0.0 } else { mean(values.iter().map(places)) },
        values.iter().filter(|value| value.parse::<i64>().is_ok_and(|number| number >= 10 && number % 10 == 0)).count()
            as f32,
    ]);
}

fn stops(value: &str) -> f32 {
    let words = value.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    words.fold(0.0, |sum, word| sum + f32::from(STOPS.contains(&word.as_str())))
}

/// Letters are `A` or `a`, digits `9`, all else itself; a run of one kind counts up to four.
fn outline(value: &str) -> String {
    let mut outline = String::new();
    let (mut last, mut run) = ('\0', 0);
    for letter in value.chars() {
        let class = match letter {
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            c if c.is_numeric() => '9',
            c => c,
        };
        run = if class == last { run + 1 } else { 1 };
        last = class;
        if run <= 4 {
            outline.push(class);
        }
    }
    outline
}

#[expect(clippy::cast_precision_loss, reason = "few values")]
fn mean(figures: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = figures.len().max(1) as f32;
    figures.fold(0.0, |sum, figure| sum + figure) / count
}

/// Mean, deviation, smallest and largest.
fn spread(figures: &[f32], into: &mut Vec<f32>) {
    let middle = mean(figures.iter().copied());
    let around = mean(figures.iter().map(|figure| (figure - middle) * (figure - middle))).sqrt();
    let least = figures.iter().copied().reduce(f32::min).unwrap_or(0.0);
    let most = figures.iter().copied().reduce(f32::max).unwrap_or(0.0);
    into.extend([middle, around, least, most]);
}
