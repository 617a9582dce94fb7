//! All figures of a column's evidence, in the order that the model was trained with.

use super::evidence::Evidence;
use super::{name, samples};

/// The features of a column. The length is the same for every evidence; what is not known is 0.
pub fn vector(evidence: &Evidence) -> Vec<f32> {
    let mut vector = Vec::with_capacity(1_300);
    counts(evidence, &mut vector);
    samples::count(&evidence.values(), &mut vector);
    name::count(&evidence.name, &mut vector);
    vector
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "features are short floats")]
fn counts(evidence: &Evidence, into: &mut Vec<f32>) {
    let (total, nulls, distinct) = (evidence.total as f64, evidence.nulls as f64, evidence.distinct as f64);
    let present = (total - nulls).max(0.0);
    let numbers = evidence.numbers();
    let [mean, std, min, max] = numbers.unwrap_or_default();
    let whole = min.fract() == 0.0 && max.fract() == 0.0;
    let range = max - min;
    let figures = [
        total.ln_1p(),
        present.ln_1p(),
        nulls / total.max(1.0),
        distinct.ln_1p(),
        distinct,
        distinct / total.max(1.0),
        distinct / present.max(1.0),
        present - distinct,
        mean,
        std,
        min,
        max,
        std / mean.abs().max(1e-9),
        range,
        (mean - min) / range.max(1e-9),
        distinct / (range + 1.0),
        (max - distinct).abs().ln_1p(),
        f64::from(numbers.is_some()),
        f64::from(numbers.is_some() && whole),
        f64::from(evidence.samples.iter().any(|sample| sample.trim().is_empty())),
    ];
    // A short float cannot hold every double: what is too large is the largest.
    into.extend(figures.iter().map(|figure| (*figure as f32).clamp(f32::MIN, f32::MAX)));
}
