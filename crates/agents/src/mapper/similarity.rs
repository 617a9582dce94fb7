//! How likely two columns are the same: by their types and by the values that their profiles show.

use std::collections::BTreeSet;
use windvane_core::schema::DataType;
use windvane_know::profile::column::is_numeric;
use windvane_know::profile::{ColumnProfile, Profile};

pub(super) fn figures<'a>(profile: Option<&'a Profile>, name: &str) -> Option<&'a ColumnProfile> {
    profile?.columns.iter().find(|column| column.name == name)
}

pub(super) enum Fit {
    Same,
    Near,
    Strange,
}

pub(super) fn compatible(source: DataType, target: DataType) -> Fit {
    let temporal = |data_type| matches!(data_type, DataType::Date | DataType::Timestamp | DataType::TimestampTz);
    if source == target {
        Fit::Same
    } else if is_numeric(source) && is_numeric(target)
        || temporal(source) && temporal(target)
        || source == DataType::Text
        || target == DataType::Text
    {
        Fit::Near
    } else {
        Fit::Strange
    }
}

/// What the values have in common, 0 to 1; nothing when the figures cannot tell.
#[expect(clippy::cast_precision_loss, reason = "at most ten values")]
pub(super) fn overlap(left: &ColumnProfile, right: &ColumnProfile, evidence: &mut Vec<String>) -> Option<f64> {
    let mut scores = Vec::new();
    if let (Some(mine), Some(other)) = (&left.semantic_type, &right.semantic_type) {
        if mine == other {
            evidence.push(format!("Both hold values of the kind {mine}."));
        }
        scores.push((if mine == other { 0.9 } else { 0.0 }, 2.0));
    }
    let top = |column: &ColumnProfile| -> BTreeSet<String> {
        column.top.iter().map(|top| top.value.trim().to_lowercase()).collect()
    };
    let (mine, other) = (top(left), top(right));
    let shared = mine.intersection(&other).count();
    // Two lists of e-mail addresses need not be of the same people.
    let told = shared > 0 || left.semantic_type.is_none() || left.semantic_type != right.semantic_type;
    if told && left.distinct <= 50 && right.distinct <= 50 && !mine.is_empty() && !other.is_empty() {
        let share = shared as f64 / mine.len().min(other.len()) as f64;
        if shared > 0 {
            evidence.push(format!("They share {shared} frequent values."));
        }
        scores.push((share, 2.0));
    }
    if let Some(share) = ranges(left, right) {
        scores.push((share, 1.0));
    }
    if let (Some(mine), Some(other)) = (&left.lengths, &right.lengths) {
        let ratio = (mine.mean.min(other.mean) + 1.0) / (mine.mean.max(other.mean) + 1.0);
        scores.push((ratio, 0.5));
        let shapes =
            |column: &ColumnProfile| column.patterns.iter().map(|shape| shape.pattern.clone()).collect::<BTreeSet<_>>();
        let (mine, other) = (shapes(left), shapes(right));
        let share = mine.intersection(&other).count() as f64 / mine.len().min(other.len()).max(1) as f64;
        scores.push((share, 1.0));
    }
    let weight: f64 = scores.iter().map(|(_, weight)| weight).sum();
    (weight > 0.0).then(|| scores.iter().map(|(score, weight)| score * weight).sum::<f64>() / weight)
}

/// The share of the wider quartile range that both cover.
fn ranges(left: &ColumnProfile, right: &ColumnProfile) -> Option<f64> {
    let range = |column: &ColumnProfile| Some((*column.quantiles.get("0.05")?, *column.quantiles.get("0.95")?));
    let ((low, high), (other_low, other_high)) = (range(left)?, range(right)?);
    let shared = high.min(other_high) - low.max(other_low);
    let whole = high.max(other_high) - low.min(other_low);
    Some(if whole <= 0.0 { 1.0 } else { (shared / whole).clamp(0.0, 1.0) })
}
