//! Staged -> Verdict + quarantine: what may be loaded.
//!
//! Doors: [`run`], [`judge`] (the same on frames in memory).
//!
//! Deliberately absent: judging with hindsight. Each check looks at all rows that came in, also at those that another
//! check refuses: a second row of a key is refused even when its first row is refused for something else.
//!
//! Invariants: a row that breaks a check is in quarantine with the reason and not in the verdict's file; `load` takes a
//! [`Verdict`], so loading unvalidated data does not type-check.

mod calendar;
mod run;

use crate::extract::Staged;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use run::{Sum, Tests, counted, first_failure};
pub use run::{judge, run};

/// The judgement of one output: what passed, and how each check went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The rows that passed; quarantine counts include this stage's.
    pub staged: Staged,
    /// Of `schema::checksum` over the passed rows in the output's schema; nothing when they are too many to be read
    /// back from the target.
    #[serde(default)]
    pub checksum: Option<String>,
    pub checks: Vec<CheckResult>,
    /// Columns that have no value in any row that passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// As people say it: `unique: [order_id]`.
    pub check: String,
    /// Rows it looked at.
    pub rows: u64,
    /// Rows that broke it.
    pub failed: u64,
    /// They were loaded all the same: nobody has written or reviewed the check.
    #[serde(default, skip_serializing_if = "is_false")]
    pub warns: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What people should hear of the checks that only count.
pub fn warnings(checks: &[CheckResult]) -> Vec<String> {
    let broken = checks.iter().filter(|check| check.warns && check.failed > 0);
    let told = broken.map(|one| {
        format!(
            "{} of {} rows break the proposed check `{}`; they are loaded, because nobody has reviewed it in a plan file",
            one.failed, one.rows, one.check
        )
    });
    told.collect()
}
