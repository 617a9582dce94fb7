//! How data meets what is there: the words of a load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a load meets what is already there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The loaded rows become the whole content.
    #[default]
    Replace,
    /// The loaded rows are added, once a run.
    Append,
    /// By key: rows that are there are updated, others are added; `absent` says what happens to those not loaded.
    Merge,
    /// By key: every version of a row is kept, with the times from which and to which it held (slowly changing
    /// dimension, type 2).
    History,
}

impl Mode {
    /// Its word in the spec.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Append => "append",
            Self::Merge => "merge",
            Self::History => "history",
        }
    }

    /// Whether rows meet those of their key: rows that are read a second time find the ones that are there.
    pub const fn by_key(self) -> bool {
        match self {
            Self::Merge | Self::History => true,
            Self::Replace | Self::Append => false,
        }
    }

    /// Whether rows are only added to those that are there.
    pub const fn adds(self) -> bool {
        match self {
            Self::Append => true,
            Self::Replace | Self::Merge | Self::History => false,
        }
    }
}

/// What a merge does to rows of the target whose key the load does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    #[default]
    Keep,
    /// They are deleted; in a history their last version ends.
    Delete,
}

/// Which of several rows with one key a load by key takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// The earliest one, by the watermark or in the order of reading; the others count as filtered.
    First,
    /// The latest one; the others count as filtered.
    Last,
    /// The first one that was read; the others go to quarantine.
    #[default]
    Quarantine,
    /// None: the run fails and nothing is loaded.
    Fail,
}

/// How a load is proved before it becomes visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// `content` up to a million rows, `rows` above.
    #[default]
    Auto,
    /// Every row is read back from the target and compared by checksum.
    Content,
    /// The target's own count of the rows it took.
    Rows,
}

/// The column of an appended table that holds the id of the load that brought a row: `true`, or the column's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadId(Option<String>);

impl LoadId {
    /// What `true` means.
    pub const NAME: &str = "load_id";

    /// The column, where there is one.
    pub fn column(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl Serialize for LoadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.column() {
            None => false.serialize(serializer),
            Some(Self::NAME) => true.serialize(serializer),
            Some(name) => name.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LoadId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        match value.as_bool() {
            Some(asked) => Ok(Self(asked.then(|| Self::NAME.to_owned()))),
            None => serde_json::from_value(value).map(|name| Self(Some(name))).map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for LoadId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LoadId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A column of an appended table that holds the id of the load that brought a row: `true` (it is \
                            called `load_id`), or its name. A run that is done again replaces its own rows by it.",
            "anyOf": [{"type": "boolean"}, {"type": "string", "minLength": 1, "maxLength": 63}]
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Snappy,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_default(mode: &Mode) -> bool {
    *mode == Mode::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn is_off(load_id: &LoadId) -> bool {
    load_id.column().is_none()
}
