//! What a change of the source's columns does to a run: the policy of the spec, applied before a row is read.

use crate::connectors::Found;
use crate::error::{Error, Kind, Result};
use crate::plan::Input;
use crate::schema::diff::{Change, diff};
use crate::schema::{DataType, Field, Schema};
use crate::spec::Drift;

/// What to read, given what the source has now.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub read: Schema,
    /// Columns that are read only to find rows that hold a value in them: those rows go to quarantine.
    pub refused: Vec<String>,
    /// For the log: what changed.
    pub changes: Vec<String>,
}

impl Judged {
    /// The columns of the rows that may go on.
    pub fn kept(&self) -> Schema {
        Schema::new(self.read.fields.iter().filter(|field| !self.refused.contains(&field.name)).cloned().collect())
    }
}

/// Judges the source as it is now against the plan.
pub fn judge(policy: Drift, input: &Input, now: &Found) -> Result<Judged> {
    let mut judged = Judged { read: input.schema.clone(), refused: Vec::new(), changes: Vec::new() };
    let shape = now.shape();
    if shape.fingerprint() == input.fingerprint {
        return Ok(judged);
    }
    let changes = changes(input, now);
    judged.changes = changes.iter().map(Change::in_words).collect();
    let refuse = || {
        Err(Error::new(Kind::Conflict, format!("the source has changed: {}", judged.changes.join("; ")))
            .in_table(&input.name)
            .hint("Run `windvane plan SPEC`, review the new plan with `windvane diff`, and commit it"))
    };
    match policy {
        Drift::Fail if !changes.is_empty() => return refuse(),
        Drift::Freeze | Drift::Quarantine if changes.iter().any(|change| matches!(change, Change::Removed(_))) => {
            return refuse();
        }
        Drift::Evolve | Drift::Freeze | Drift::Quarantine | Drift::Fail => {}
    }
    for change in changes {
        match (policy, change) {
            (Drift::Evolve, Change::Added(field)) => judged.read.fields.push(field),
            (Drift::Quarantine, Change::Added(field)) => {
                judged.refused.push(field.name.clone());
                judged.read.fields.push(field);
            }
            (Drift::Evolve, Change::TypeChanged { name, from, to }) => {
                for field in judged.read.fields.iter_mut().filter(|field| field.name == name) {
                    field.data_type = wider(from, to);
                }
            }
            // A removed column is read as nulls; what the plan froze is read in the planned types.
            (Drift::Evolve, Change::Removed(_) | Change::NullabilityChanged { .. })
            | (Drift::Freeze | Drift::Fail, _)
            | (
                Drift::Quarantine,
                Change::Removed(_) | Change::TypeChanged { .. } | Change::NullabilityChanged { .. },
            ) => {}
        }
    }
    Ok(judged)
}

/// Text declares no types: only its columns can drift.
fn changes(input: &Input, now: &Found) -> Vec<Change> {
    if !now.kind.is_text() {
        return diff(&input.schema, &now.fields);
    }
    let added = |field: &Field| {
        // A type that was inferred from a part of the file may not hold for the rest.
        let data_type = if now.rows_exact { field.data_type } else { DataType::Text };
        Field { data_type, nullable: true, ..field.clone() }
    };
    let names_only = diff(&input.schema, &now.fields).into_iter();
    names_only
        .filter_map(|change| match change {
            Change::Added(field) => Some(Change::Added(added(&field))),
            Change::Removed(field) => Some(Change::Removed(field)),
            Change::TypeChanged { .. } | Change::NullabilityChanged { .. } => None,
        })
        .collect()
}

/// A type that holds the values of both.
fn wider(from: DataType, to: DataType) -> DataType {
    use DataType as T;
    let rank = |kind: T| match kind {
        T::Int16 => Some(1),
        T::Int32 => Some(2),
        T::Int64 => Some(3),
        _ => None,
    };
    match (from, to) {
        (a, b) if rank(a).is_some() && rank(b).is_some() => {
            if rank(a) > rank(b) {
                a
            } else {
                b
            }
        }
        (T::Float32, T::Float64) | (T::Float64, T::Float32) => T::Float64,
        (T::Decimal { precision: p, scale: s }, T::Decimal { precision: q, scale: r }) => {
            let scale = s.max(r);
            let whole = (i16::from(p) - i16::from(s)).max(i16::from(q) - i16::from(r));
            let precision = u8::try_from(whole + i16::from(scale)).unwrap_or(38).min(38);
            T::Decimal { precision, scale }
        }
        (_, other) => other,
    }
}
