//! A dataset as its home describes it.

use crate::foreign_key::ForeignKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windvane_core::schema::declared::Declared;
use windvane_core::schema::{DataType, Schema};

/// A dataset as its home describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// What `read` takes: `schema.table`, or a path or glob relative to the base folder.
    pub locator: String,
    pub kind: FoundKind,
    pub rows: Option<u64>,
    pub rows_exact: bool,
    pub bytes: Option<u64>,
    pub fields: Schema,
    pub primary_key: Vec<String>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Columns that not every file of it has, and a file that lacks each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partial: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// Of a server's table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundKind {
    Table,
    View,
    Csv,
    Jsonl,
    Parquet,
}

impl FoundKind {
    /// Whether its types are ours to infer: text declares none.
    pub fn is_text(self) -> bool {
        match self {
            Self::Csv | Self::Jsonl => true,
            Self::Table | Self::View | Self::Parquet => false,
        }
    }
}

impl Found {
    /// What drift is judged by: the columns, and their types where the source itself declares them.
    pub fn shape(&self) -> Schema {
        let mut shape = self.fields.clone();
        if self.kind.is_text() {
            for field in &mut shape.fields {
                (field.data_type, field.nullable) = (DataType::Text, true);
            }
        }
        shape
    }
}

/// How a delimited text file is written, detected or given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextFormat {
    pub encoding: String,
    pub delimiter: String,
    #[serde(default)]
    pub quote: Option<String>,
    #[serde(default)]
    pub escape: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Lines that name the columns: 0 or 1.
    pub header_rows: u64,
    /// Texts that mean null, beside the empty one.
    #[serde(default)]
    pub nulls: Vec<String>,
}
