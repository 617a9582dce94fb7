//! What a change of the source does to a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one sort of change does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// New columns are loaded, types widen.
    #[default]
    Evolve,
    /// The known columns are loaded in the known types, new ones are left out.
    Freeze,
    /// As `freeze`, and rows that hold a value in a new column go to quarantine.
    Quarantine,
    /// Any change fails the run.
    Fail,
}

/// Columns and types apart; written as one word where both are the same. What breaks (a column that is gone, renamed or of
/// another kind of type) stops a run under every policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drift {
    pub columns: Policy,
    pub types: Policy,
}

impl Drift {
    pub fn all(policy: Policy) -> Self {
        Self { columns: policy, types: policy }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Apart {
    #[serde(default)]
    columns: Policy,
    #[serde(default)]
    types: Policy,
}

impl Serialize for Drift {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.columns == self.types {
            return self.columns.serialize(serializer);
        }
        Apart { columns: self.columns, types: self.types }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Drift {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = if value.is_string() {
            serde_json::from_value(value).map(Self::all)
        } else {
            serde_json::from_value(value).map(|Apart { columns, types }| Self { columns, types })
        };
        read.map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Drift {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Drift".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words = ["evolve", "freeze", "quarantine", "fail"];
        schemars::json_schema!({
            "description": "What a change of the source's columns and types does to a run.",
            "anyOf": [
                {"enum": words},
                {
                    "type": "object",
                    "properties": {
                        "columns": {"description": "Of new columns.", "enum": words},
                        "types": {"description": "Of values that the known types do not hold.", "enum": words}
                    },
                    "additionalProperties": false
                }
            ]
        })
    }
}
