//! What changed between two schemas.

use crate::schema::{DataType, Field, Schema, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Added(Field),
    Removed(Field),
    TypeChanged {
        name: String,
        from: DataType,
        to: DataType,
    },
    /// What is inside of a nested column, or the unit of a wide one.
    ShapeChanged {
        name: String,
        from: Shape,
        to: Shape,
    },
    NullabilityChanged {
        name: String,
        nullable: bool,
    },
}

impl Change {
    /// The change in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Added(field) => format!("column '{}' ({}) is new", field.name, field.data_type),
            Self::Removed(field) => format!("column '{}' ({}) is gone", field.name, field.data_type),
            Self::TypeChanged { name, from, to } => format!("column '{name}' was {from} and is {to}"),
            Self::ShapeChanged { name, from, to } => format!("column '{name}' was {from} and is {to}"),
            Self::NullabilityChanged { name, nullable: true } => format!("column '{name}' may be null now"),
            Self::NullabilityChanged { name, nullable: false } => format!("column '{name}' is never null now"),
        }
    }
}

/// The shapes of a column where they are known and not the same.
pub fn reshaped<'a>(before: &'a Field, after: &'a Field) -> Option<(&'a Shape, &'a Shape)> {
    let both = before.native().zip(after.native());
    both.filter(|(from, to)| before.data_type == after.data_type && from != to)
}

/// All changes, in the order of the old columns, then the added ones. Equal schemas give none.
pub fn diff(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in &old.fields {
        let Some(after) = new.field(&before.name) else {
            changes.push(Change::Removed(before.clone()));
            continue;
        };
        if before.data_type != after.data_type {
            let name = before.name.clone();
            changes.push(Change::TypeChanged { name, from: before.data_type, to: after.data_type });
        }
        if let Some((from, to)) = reshaped(before, after) {
            changes.push(Change::ShapeChanged { name: before.name.clone(), from: from.clone(), to: to.clone() });
        }
        if before.nullable != after.nullable {
            changes.push(Change::NullabilityChanged { name: before.name.clone(), nullable: after.nullable });
        }
    }
    changes.extend(new.fields.iter().filter(|field| old.field(&field.name).is_none()).cloned().map(Change::Added));
    changes
}
