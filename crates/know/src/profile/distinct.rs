//! How many different values there are, which ones are frequent, and whether each occurs once.

use super::cells::Cell;
use super::figures::TopValue;
use ahash::{AHashMap as HashMap, AHashSet as HashSet};
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};
use datasketches::hll::{HllSketch, HllType};
use windvane_core::schema::DataType;

/// Up to here every different value is held with its count.
const FEW: usize = 10_000;
/// A value shown in a profile is cut here.
const SHOWN_CHARACTERS: usize = 120;
const TOP: usize = 10;

pub(super) struct Distinct {
    few: HashMap<u128, (Box<str>, u64)>,
    many: Option<Many>,
    /// How many hashes may be held to see whether a column with very many values repeats none.
    unique_limit: usize,
    order: Order,
}

/// What replaces the exact counts when there are too many.
struct Many {
    estimate: HllSketch,
    frequent: FrequentItemsSketch<String>,
    /// All values so far, while none has occurred twice.
    unique: Option<HashSet<u128>>,
    values: u64,
}

/// Whether the values come strictly ascending or descending: then all are different, however many there are.
enum Order {
    Start,
    One(Key),
    Sorted { last: Key, ascending: bool },
    Broken,
}

#[derive(PartialEq, PartialOrd)]
enum Key {
    Ordinal(i128),
    Text(Box<str>),
}

impl Distinct {
    pub(super) fn new(unique_limit: usize) -> Self {
        Self { few: HashMap::new(), many: None, unique_limit, order: Order::Start }
    }

    /// Counts a value; true when it was not seen before (of very many values: false).
    pub(super) fn observe(&mut self, cell: Cell<'_>, data_type: DataType) -> bool {
        self.order.observe(cell);
        let hash = cell.hash();
        if let Some(many) = &mut self.many {
            many.observe(hash, &shown(&cell.text(data_type)), self.unique_limit);
            return false;
        }
        if let Some((_, count)) = self.few.get_mut(&hash) {
            *count += 1;
            return false;
        }
        self.few.insert(hash, (shown(&cell.text(data_type)).into(), 1));
        if self.few.len() > FEW {
            self.many = Many::from(&std::mem::take(&mut self.few));
        }
        true
    }

    /// The number of different values and whether it is exact.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate is a count")]
    pub(super) fn count(&self) -> (u64, bool) {
        match &self.many {
            None => (self.few.len() as u64, true),
            Some(many) if many.unique.is_some() || self.order.sorted() => (many.values, true),
            Some(many) => ((many.estimate.estimate().round() as u64).min(many.values), false),
        }
    }

    /// The most frequent values, ties in the order of their text.
    pub(super) fn top(&self) -> Vec<TopValue> {
        let mut all: Vec<TopValue> = match &self.many {
            None => {
                self.few.values().map(|(value, count)| TopValue { value: value.to_string(), count: *count }).collect()
            }
            Some(many) => {
                let rows = many.frequent.frequent_items(ErrorType::NoFalsePositives);
                rows.iter().map(|row| TopValue { value: row.item().clone(), count: row.lower_bound() }).collect()
            }
        };
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        all.truncate(TOP);
        all
    }
}

impl Many {
    fn from(few: &HashMap<u128, (Box<str>, u64)>) -> Option<Self> {
        // Fixed sizes, known to be valid: 2^14 registers (0.8 % error) and 2^14 counters.
        let mut many = Self {
            estimate: HllSketch::new(14, HllType::Hll8).ok()?,
            frequent: FrequentItemsSketch::new(1 << 14).ok()?,
            unique: few.values().all(|(_, count)| *count == 1).then(|| few.keys().copied().collect()),
            values: few.values().map(|(_, count)| count).sum(),
        };
        // In the order of the hashes, so that the sketch does not depend on the map's random order.
        let mut entries: Vec<_> = few.iter().collect();
        entries.sort_by_key(|(hash, _)| **hash);
        for (hash, (value, count)) in entries {
            many.estimate.update(*hash);
            many.frequent.update_with_count(value.to_string(), *count);
        }
        Some(many)
    }

    fn observe(&mut self, hash: u128, value: &str, unique_limit: usize) {
        self.values += 1;
        self.estimate.update(hash);
        self.frequent.update_ref(value);
        if self.unique.as_mut().is_some_and(|seen| seen.len() >= unique_limit || !seen.insert(hash)) {
            self.unique = None;
        }
    }
}

impl Order {
    fn observe(&mut self, cell: Cell<'_>) {
        let key = match (&*self, cell) {
            (Self::Broken, _) => return,
            (_, Cell::Ordinal(value)) => Key::Ordinal(value),
            (_, Cell::Text(value)) => Key::Text(value.into()),
            (_, Cell::Float(_) | Cell::Binary(_)) => {
                *self = Self::Broken;
                return;
            }
        };
        *self = match std::mem::replace(self, Self::Broken) {
            Self::Start => Self::One(key),
            Self::One(last) if key != last => Self::Sorted { ascending: key > last, last: key },
            Self::Sorted { last, ascending } if key != last && (key > last) == ascending => {
                Self::Sorted { last: key, ascending }
            }
            Self::One(_) | Self::Sorted { .. } | Self::Broken => Self::Broken,
        };
    }

    fn sorted(&self) -> bool {
        matches!(self, Self::One(_) | Self::Sorted { .. })
    }
}

/// A value cut to what a profile shows.
pub(super) fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN_CHARACTERS) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}
