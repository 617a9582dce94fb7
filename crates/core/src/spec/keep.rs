//! What of a source's table a table takes over that is made for its rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table that is there is never changed by these words, but for `foreign_keys`. Columns keep their properties under another name; columns that
/// steps compute have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keeps {
    /// The primary key, where all its columns are loaded as they are and the mode is `replace`; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<bool>,
    /// NOT NULL; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_null: Option<bool>,
    /// Between servers of one kind the declared types, between others the lengths of texts; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<bool>,
    /// Between servers of one kind; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<bool>,
    /// Of the table and its columns; `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments: Option<bool>,
    /// Indexes beside the key: between servers of one kind also those of expressions, of a part of the rows and of other
    /// methods; `false` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexes: Option<bool>,
    /// The counter of a serial, identity or `AUTO_INCREMENT` column, which goes on behind the largest value; `false` by
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<bool>,
    /// From PostgreSQL to PostgreSQL: foreign keys between tables that the pipeline loads, or to tables that are there. They are
    /// also made for tables that are there. `false` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_keys: Option<bool>,
}

impl Keeps {
    /// These words, and for what they do not say those of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            key: self.key.or(other.key),
            not_null: self.not_null.or(other.not_null),
            types: self.types.or(other.types),
            defaults: self.defaults.or(other.defaults),
            comments: self.comments.or(other.comments),
            indexes: self.indexes.or(other.indexes),
            counters: self.counters.or(other.counters),
            foreign_keys: self.foreign_keys.or(other.foreign_keys),
        }
    }
}
