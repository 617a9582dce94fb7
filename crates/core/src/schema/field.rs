//! Columns with their names, and the schema that they make.

use super::data_type::DataType;
use super::digest::digest;
use super::shape::Shape;

/// A column: its name, its type here, and what its home calls that type.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: DataType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_type: Option<String>,
    /// What it is where types are richer: a list, a struct, a map, a duration, a finer timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    pub nullable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Field {
    /// Nothing but nulls, of no type: what writers of Parquet make of Arrow's null type.
    pub fn is_void(&self) -> bool {
        self.native_type.as_deref().is_some_and(|native| native.ends_with(" (Unknown)"))
    }

    /// A nullable column.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type, native_type: None, shape: None, nullable: true, comment: None }
    }

    /// The shape that a target may give the column back in: its values are all there, as JSON or text.
    pub fn native(&self) -> Option<&Shape> {
        self.shape.as_ref().filter(|shape| shape.is_held_by(self.data_type))
    }

    /// Whether its home holds values that our type would cut: their rows are refused.
    pub fn is_finer(&self) -> bool {
        self.shape.is_some() && self.native().is_none()
    }
}

/// The columns of a dataset, in order. Names are unique.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Schema {
    pub fields: Vec<Field>,
}

impl Schema {
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// A hash of names, types, shapes and nullability, in order: 16 hex digits. Comments and native words do not count.
    pub fn fingerprint(&self) -> String {
        let shape = |field: &Field| field.native().map_or_else(String::new, |shape| format!("{shape}:"));
        let words: Vec<String> = self
            .fields
            .iter()
            .map(|field| format!("{:?}:{}:{}{};", field.name, field.data_type, shape(field), field.nullable))
            .collect();
        digest(words.concat().as_bytes(), 16)
    }
}
