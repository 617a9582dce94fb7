//! Figures of numbers: mean, standard deviation, quantiles, histogram, and the values far away from the others.
//!
//! NaN and the infinities are values but no quantities: they count as rows and distinct values and enter no figure here.

use super::figures::Histogram;
use std::collections::BTreeMap;

/// So many values are held; beyond, a uniform sample of this size stands for all.
const HELD: usize = 10_000;
const BINS: usize = 20;
/// How many of the smallest and of the largest values are remembered with their rows.
const EXTREMES: usize = 8;
const QUANTILES: [(&str, f64); 5] = [("0.05", 0.05), ("0.25", 0.25), ("0.5", 0.5), ("0.75", 0.75), ("0.95", 0.95)];

#[derive(Default)]
pub(super) struct Numbers {
    count: u64,
    mean: f64,
    /// The sum, and what rounding took from it (Neumaier): the running mean alone loses digits where values cancel.
    sum: f64,
    lost: f64,
    squares: f64,
    min: f64,
    max: f64,
    held: Vec<f64>,
    sequence: u64,
    low: Vec<(f64, u64)>,
    high: Vec<(f64, u64)>,
}

impl Numbers {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(super) fn observe(&mut self, value: f64, row: u64) {
        if !value.is_finite() {
            return;
        }
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = if self.count == 0 { value } else { self.max.max(value) };
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
        let sum = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
        self.hold(value);
        keep(&mut self.low, (value, row), |new, old| new < old);
        keep(&mut self.high, (value, row), |new, old| new > old);
    }

    /// Algorithm R with a fixed sequence in place of chance: the same data gives the same sample.
    fn hold(&mut self, value: f64) {
        if self.held.len() < HELD {
            self.held.push(value);
            return;
        }
        self.sequence = self.sequence.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.sequence;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let at = (bits ^ (bits >> 31)) % self.count;
        if let Some(slot) = usize::try_from(at).ok().and_then(|at| self.held.get_mut(at)) {
            *slot = value;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(super) fn mean(&self) -> Option<f64> {
        let exact = (self.sum + self.lost) / self.count as f64;
        // A sum beyond the largest float says nothing; the running mean still does.
        let mean = if exact.is_finite() { exact } else { self.mean };
        (self.count > 0 && mean.is_finite()).then_some(mean)
    }

    /// The standard deviation of a sample (n - 1); of one value there is none.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(super) fn std(&self) -> Option<f64> {
        let std = (self.squares.max(0.0) / (self.count.saturating_sub(1)) as f64).sqrt();
        (self.count > 1 && std.is_finite()).then_some(std)
    }

    pub(super) fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.held.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    pub(super) fn quantiles(sorted: &[f64]) -> BTreeMap<String, f64> {
        let known = QUANTILES.iter().filter_map(|(name, rank)| Some(((*name).to_owned(), quantile(sorted, *rank)?)));
        known.collect()
    }

    /// Counts in equally wide bins; they add up to the number of finite values, estimated when a sample stands for all.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bins")]
    pub(super) fn histogram(&self, sorted: &[f64]) -> Option<Histogram> {
        if sorted.is_empty() {
            return None;
        }
        let width = self.max - self.min;
        if width <= 0.0 || !width.is_finite() {
            return Some(Histogram { edges: vec![self.min, self.max], counts: vec![self.count] });
        }
        let bins = ((sorted.len() as f64).sqrt().ceil() as usize).clamp(1, BINS);
        let mut edges: Vec<f64> = (0..bins).map(|bin| self.min + width * bin as f64 / bins as f64).collect();
        edges.push(self.max);
        let below = |edge: f64| sorted.partition_point(|value| *value < edge) as f64 / sorted.len() as f64;
        let mut counts = Vec::with_capacity(bins);
        let mut before = 0;
        for (bin, edge) in edges.iter().enumerate().skip(1) {
            let until = if bin == bins { self.count } else { (below(*edge) * self.count as f64).round() as u64 };
            counts.push(until.saturating_sub(before));
            before = until.max(before);
        }
        Some(Histogram { edges, counts })
    }

    /// Values more than six robust standard deviations away from the median, with their rows; none when they are many.
    pub(super) fn outliers(&self, sorted: &[f64]) -> Vec<(f64, u64)> {
        let quartiles = quantile(sorted, 0.25).zip(quantile(sorted, 0.5)).zip(quantile(sorted, 0.75));
        let Some(((first, median), third)) = quartiles else { return Vec::new() };
        let robust = (third - first) / 1.349;
        if self.count < 20 || robust <= 0.0 {
            return Vec::new();
        }
        let far = |(value, _): &&(f64, u64)| (value - median).abs() > 6.0 * robust;
        let mut found: Vec<(f64, u64)> = Vec::new();
        for side in [&self.low, &self.high] {
            let outside: Vec<_> = side.iter().filter(far).copied().collect();
            // As many as are remembered: a long tail, not a mistake.
            if outside.len() < EXTREMES {
                found.extend(outside);
            }
        }
        found.sort_by_key(|(_, row)| *row);
        found
    }
}

fn keep(side: &mut Vec<(f64, u64)>, new: (f64, u64), before: impl Fn(f64, f64) -> bool) {
    if side.len() == EXTREMES && side.last().is_some_and(|worst| !before(new.0, worst.0)) {
        return;
    }
    let at = side.iter().position(|old| before(new.0, old.0)).unwrap_or(side.len());
    side.insert(at, new);
    side.truncate(EXTREMES);
}

/// Linear between the two nearest ranks, as numpy, polars ("linear") and duckdb (`quantile_cont`) do.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks")]
fn quantile(sorted: &[f64], rank: f64) -> Option<f64> {
    let position = rank * sorted.len().checked_sub(1)? as f64;
    let below = position.floor();
    let low = *sorted.get(below as usize)?;
    let high = *sorted.get(position.ceil() as usize)?;
    // Halves first: the difference of two huge values would overflow.
    let share = position - below;
    Some(low * (1.0 - share) + high * share)
}
