//! The different values of a column as hashes that other columns' can be compared with, whatever their types.

use ahash::AHashSet as HashSet;

/// Hashes of a column's values. Where there are too many, those above a threshold are let go: which values are held depends on
/// the values alone, so that what two columns still hold can be compared (bottom-k sampling; Thorup, STOC 2013).
#[derive(Debug, Default)]
pub struct Values {
    held: HashSet<u64>,
    /// How often the threshold was halved.
    halved: u32,
    limit: usize,
    rows: u64,
    repeats: bool,
    whole: Option<(i128, i128)>,
    only_whole: bool,
}

/// The same, at rest.
#[derive(Debug, Clone, Default)]
pub struct Held {
    sorted: Vec<u64>,
    halved: u32,
    /// Values that are not null, repetitions counted.
    pub rows: u64,
    /// Whether a held value occurred twice.
    pub repeats: bool,
    /// The least and the greatest, where all are whole numbers.
    pub whole: Option<(i128, i128)>,
}

impl Values {
    pub fn new(limit: usize) -> Self {
        Self { limit, only_whole: true, ..Self::default() }
    }

    /// Adds a value by its hash; `whole` where it is a whole number.
    pub fn add(&mut self, hash: u128, whole: Option<i128>) {
        match (whole, self.whole) {
            (Some(value), Some((least, greatest))) => self.whole = Some((least.min(value), greatest.max(value))),
            (Some(value), None) => self.whole = Some((value, value)),
            (None, _) => self.only_whole = false,
        }
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
        let hash = hash as u64;
        self.rows += 1;
        if hash > u64::MAX >> self.halved {
            return;
        }
        if !self.held.insert(hash) {
            self.repeats = true;
        }
        while self.held.len() > self.limit {
            self.halved += 1;
            let most = u64::MAX >> self.halved;
            self.held.retain(|hash| *hash <= most);
        }
    }

    pub fn finish(self) -> Held {
        let mut sorted: Vec<u64> = self.held.into_iter().collect();
        sorted.sort_unstable();
        let whole = self.whole.filter(|_| self.only_whole);
        Held { sorted, halved: self.halved, rows: self.rows, repeats: self.repeats, whole }
    }
}

impl Held {
    /// Whether every value is here.
    pub fn exact(&self) -> bool {
        self.halved == 0
    }

    /// How many different values there are; estimated where not all are held.
    pub fn distinct(&self) -> u64 {
        (self.sorted.len() as u64) << self.halved.min(40)
    }

    /// The share of this column's different values that occur in the other; `None` without values to compare.
    pub fn covered_by(&self, other: &Self) -> Option<f64> {
        let most = u64::MAX >> self.halved.max(other.halved);
        let mine = &self.sorted[..self.sorted.partition_point(|hash| *hash <= most)];
        let found = mine.iter().filter(|hash| other.sorted.binary_search(hash).is_ok()).count();
        let count = |length: usize| f64::from(u32::try_from(length).unwrap_or(u32::MAX));
        (!mine.is_empty()).then(|| count(found) / count(mine.len()))
    }
}
