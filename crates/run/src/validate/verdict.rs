//! The judgement of an output.

use crate::extract::Staged;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
