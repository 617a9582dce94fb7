//! What a server declares of a table beside the types of its columns: what a table that is made for its rows takes over.

use crate::schema::DataType;
use crate::schema::sql::Dialect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Of a source: in its server's own words. Of an output: in the words of the target, where it makes the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Whose words `native` and `default` are.
    pub words: Dialect,
    pub columns: Vec<Facts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Of an output: what of the source's table it does not get, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// Of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub name: String,
    /// The type that its values have here; for values of another one `native` says nothing.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// The type as it is declared: `character varying(12)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<String>,
    /// The most letters that a text may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letters: Option<u32>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// An expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Its values travel as the server's own text, because some of them have no word here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carried: bool,
    /// The server makes its values up: a serial, an identity, a computed column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
}

/// How a server makes up the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    Counted,
    Computed,
}

impl Facts {
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self {
            name: name.into(),
            data_type,
            native: None,
            letters: None,
            required: false,
            default: None,
            comment: None,
            carried: false,
            made: None,
        }
    }

    /// The declared type, where it takes texts for which another declared one is too short.
    pub fn longer_than(&self, declared: &str) -> Option<&str> {
        let has = letters(declared)?;
        let native = self.native.as_deref()?;
        let grows = match self.letters {
            Some(wanted) => wanted > has,
            None => native.split(' ').next() == Some("text"),
        };
        grows.then_some(native)
    }

    /// Whether anything is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::new(self.name.clone(), self.data_type)
    }
}

impl Declared {
    pub fn column(&self, name: &str) -> Option<&Facts> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What is known of a column, as long as its values are of the type that it is known for.
    pub fn fitting(&self, name: &str, data_type: DataType) -> Option<&Facts> {
        self.column(name).filter(|column| column.data_type == data_type)
    }

    /// Whether a column's text is the server's own for another type of its own.
    pub fn carries(&self, name: &str) -> bool {
        self.column(name).is_some_and(|column| column.carried && column.data_type == DataType::Text)
    }
}

/// The letters that a declared type like `varchar(12)` or `character(3)` takes.
pub fn letters(declared: &str) -> Option<u32> {
    let lower = declared.trim().to_ascii_lowercase();
    let (word, rest) = lower.split_once('(')?;
    if !matches!(word.trim(), "varchar" | "character varying" | "char" | "character" | "nvarchar" | "nchar" | "bpchar")
    {
        return None;
    }
    rest.split_once(')')?.0.trim().parse().ok()
}
