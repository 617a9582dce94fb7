//! Call not for more than this: counters of tokens and of money with limits.

use crate::error::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

/// What may be spent; a missing limit is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    #[serde(default)]
    pub calls: Option<u64>,
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Millionths of the currency that prices are in: sums of whole numbers do not drift.
    #[serde(default)]
    pub cost_micros: Option<u64>,
}

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    pub calls: u64,
    pub tokens: u64,
    pub cost_micros: u64,
}

/// Asks before a call whether it may be made: a limit that is reached refuses. A call that is under way may overshoot,
/// because what it costs is known only afterwards.
pub fn allow(spent: &Spent, limits: &Limits) -> Result<()> {
    let counters = [
        ("calls", spent.calls, limits.calls),
        ("tokens", spent.tokens, limits.tokens),
        ("cost", spent.cost_micros, limits.cost_micros),
    ];
    for (what, used, limit) in counters {
        if let Some(limit) = limit.filter(|limit| used >= *limit) {
            return Err(Error::new(Kind::Budget, format!("the budget of {what} is spent: {used} of {limit}"))
                .hint(format!("Raise the limit of {what}, or go on with rules only")));
        }
    }
    Ok(())
}

/// Adds what one call used.
#[must_use]
pub fn spend(spent: &Spent, tokens: u64, cost_micros: u64) -> Spent {
    Spent {
        calls: spent.calls.saturating_add(1),
        tokens: spent.tokens.saturating_add(tokens),
        cost_micros: spent.cost_micros.saturating_add(cost_micros),
    }
}
