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
    /// Beside the key's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// Of an output: the foreign keys that its loads make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
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
    /// A default that names what only its own database has. Nobody else can take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_default: Option<String>,
    /// The server makes its values up: a serial, an identity, a computed column. Of an output: it counts here, too.
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

/// An index, by its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Index {
    pub name: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// How it is built, in the server's word; as the server builds any without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Empty where `rest` says it all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What stands behind the parts, in the server's words: `WHERE …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
    /// The columns that expressions and `rest` name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Why no other table can have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
}

/// A column or an expression of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Behind the column's name: how it is sorted and compared. Without a column the expression itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// A foreign key, by the names at the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub name: String,
    pub columns: Vec<String>,
    /// What they refer to.
    pub table: String,
    pub ref_columns: Vec<String>,
    /// What stands behind, in the server's words: `ON DELETE CASCADE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rest: String,
}

impl Index {
    /// Whether both are the same but for the name.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.unique, &self.method, &self.parts, &self.rest) == (other.unique, &other.method, &other.parts, &other.rest)
    }

    /// What follows the table's name.
    pub fn body(&self, quote: impl Fn(&str) -> String) -> String {
        let mut body = String::new();
        if !self.parts.is_empty() {
            let part =
                |part: &Part| format!("{}{}", part.column.as_deref().map(&quote).unwrap_or_default(), part.words);
            body = format!(" ({})", self.parts.iter().map(part).collect::<Vec<_>>().join(", "));
        }
        body.extend(self.rest.iter().flat_map(|rest| [" ", rest.as_str()]));
        body
    }
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
            bound_default: None,
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
    pub fn nothing(words: Dialect) -> Self {
        let (columns, primary_key, indexes) = (Vec::new(), Vec::new(), Vec::new());
        Self { words, columns, primary_key, indexes, references: Vec::new(), comment: None, left_out: Vec::new() }
    }

    /// Whether a table would be made with it as without it.
    pub fn is_empty(&self) -> bool {
        *self == Self::nothing(self.words)
    }

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
