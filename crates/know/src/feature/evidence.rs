//! What is known of a column before it is judged.

use serde::Deserialize;

/// So many different values are looked at; the model was trained on as many.
pub const SAMPLES: usize = 5;

/// A column's name, some of its values and its figures.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub name: String,
    /// Values as text, as they were met; an empty one is missing. More than [`SAMPLES`] different ones are not looked at.
    #[serde(default)]
    pub samples: Vec<String>,
    /// Rows, those without a value among them.
    pub total: u64,
    #[serde(default)]
    pub nulls: u64,
    /// Different values.
    pub distinct: u64,
    /// Of columns whose values are all numbers.
    #[serde(default)]
    pub mean: Option<f64>,
    #[serde(default)]
    pub std: Option<f64>,
    #[serde(default)]
    pub min: Option<f64>,
    #[serde(default)]
    pub max: Option<f64>,
}

impl Evidence {
    /// The first different values that are there, trimmed.
    pub(super) fn values(&self) -> Vec<&str> {
        let mut values: Vec<&str> = Vec::new();
        for sample in self.samples.iter().map(|sample| sample.trim()).filter(|sample| !sample.is_empty()) {
            if values.len() == SAMPLES {
                break;
            }
            if !values.contains(&sample) {
                values.push(sample);
            }
        }
        values
    }

    /// Mean, deviation, smallest and largest, where at least one says something: without numbers all are 0.
    pub(super) fn numbers(&self) -> Option<[f64; 4]> {
        let numbers = [self.mean, self.std, self.min, self.max].map(|number| number.unwrap_or(0.0));
        numbers.iter().any(|number| *number != 0.0).then_some(numbers)
    }
}
