//! The feature type of a profiled column: by its type of storage where that settles it, else by the judge.

use crate::feature::{Class, Evidence, SAMPLES, judge as by_evidence};
use windvane_core::schema::DataType;

/// A sampled value is cut here: the judge counts no longer text.
const CHARACTERS: usize = 2_000;

/// The first different values of a column, as they were met.
#[derive(Default)]
pub(super) struct Sampled {
    values: Vec<String>,
    missing: bool,
}

impl Sampled {
    /// Takes in a value that was not seen before.
    pub(super) fn observe(&mut self, text: &str) {
        if self.values.len() < SAMPLES {
            self.values.push(text.chars().take(CHARACTERS).collect());
        }
    }

    pub(super) fn missing(&mut self) {
        self.missing |= self.values.len() < SAMPLES;
    }

    /// The figures together with the samples.
    pub(super) fn evidence(self, figures: Evidence) -> Evidence {
        let missing = self.missing.then(String::new);
        Evidence { samples: self.values.into_iter().chain(missing).collect(), ..figures }
    }
}

/// The feature type and its probability.
pub(super) fn judge(evidence: &Evidence, data_type: DataType) -> (&'static str, f64) {
    if evidence.total == evidence.nulls {
        return ("empty", 1.0);
    }
    match data_type {
        DataType::Boolean => ("boolean", 1.0),
        DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz => ("datetime", 1.0),
        DataType::Binary | DataType::Json => ("other", 1.0),
        DataType::Uuid => ("identifier", 1.0),
        DataType::Text
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. } => {
            let judged = by_evidence(evidence);
            (word(judged.feature_type, evidence), judged.confidence)
        }
    }
}

/// The profile's word for a class: of columns that teach nothing it says why, where the counts do.
fn word(class: Class, evidence: &Evidence) -> &'static str {
    let present = evidence.total - evidence.nulls;
    match class {
        Class::NotGeneralizable if evidence.distinct == 1 => "constant",
        Class::NotGeneralizable if evidence.distinct.saturating_mul(2) >= present => "identifier",
        class => class.name(),
    }
}
