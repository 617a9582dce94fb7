//! The judgment: which class, and how likely.

use super::evidence::Evidence;
use super::trees::Forest;
use super::vector;
use serde::Serialize;
use std::sync::LazyLock;

/// Made by `scripts/train_feature_types.py`.
static BYTES: &[u8] = include_bytes!("model.bin");
static MODEL: LazyLock<Option<Forest>> = LazyLock::new(|| Forest::read(BYTES));

/// What a column is good for. The order is the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Numeric,
    Categorical,
    Datetime,
    Sentence,
    Url,
    EmbeddedNumber,
    List,
    /// Identifiers, constants and columns without values: nothing can be learnt from them.
    NotGeneralizable,
    /// What needs somebody who knows: free codes, addresses, names, documents.
    ContextSpecific,
}

impl Class {
    pub const ALL: [Self; 9] = [
        Self::Numeric,
        Self::Categorical,
        Self::Datetime,
        Self::Sentence,
        Self::Url,
        Self::EmbeddedNumber,
        Self::List,
        Self::NotGeneralizable,
        Self::ContextSpecific,
    ];

    /// As documents write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Categorical => "categorical",
            Self::Datetime => "datetime",
            Self::Sentence => "sentence",
            Self::Url => "url",
            Self::EmbeddedNumber => "embedded-number",
            Self::List => "list",
            Self::NotGeneralizable => "not-generalizable",
            Self::ContextSpecific => "context-specific",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judgment {
    pub feature_type: Class,
    /// The probability that the model gives to its answer.
    pub confidence: f64,
}

/// The class of a column by its evidence. A column without any value is not generalizable for sure.
pub fn judge(evidence: &Evidence) -> Judgment {
    if evidence.total > 0 && evidence.nulls >= evidence.total {
        return Judgment { feature_type: Class::NotGeneralizable, confidence: 1.0 };
    }
    let probabilities = model().map(|model| model.probabilities(&vector(evidence))).unwrap_or_default();
    let best = Class::ALL.into_iter().zip(probabilities).max_by(|a, b| a.1.total_cmp(&b.1));
    let (feature_type, confidence) = best.unwrap_or((Class::ContextSpecific, 0.0));
    Judgment { feature_type, confidence }
}

/// The model that the wheel holds; nothing only where its file is broken, which a test rules out.
pub fn model() -> Option<&'static Forest> {
    MODEL.as_ref()
}

/// Size of the model's file.
pub fn model_bytes() -> usize {
    BYTES.len()
}
