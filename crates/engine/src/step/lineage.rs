//! Which columns of the result are columns of the input.
//!
//! The columns carry marks through the steps where their home's words stand: a step that changes values drops the native
//! type of the column and keeps its comment.

use super::program::Program;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;

/// What became of the columns of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// Of each column of the result; nothing of those that steps made.
    pub columns: Vec<Option<Origin>>,
    /// A row of the input is one row of the result at most.
    pub single: bool,
}

/// The column of the input that a column of the result was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub column: String,
    /// Its values are the input's own, or null where the result says that it may be.
    pub same: bool,
}

pub fn lineage(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Lineage> {
    let marked = |schema: &Schema, mine: bool| {
        let mut schema = schema.clone();
        for field in &mut schema.fields {
            let mark = mine.then(|| field.name.clone());
            (field.native_type, field.comment) = (mark.clone(), mark);
        }
        schema
    };
    let others = |name: &str| lookup(name).map(|schema| marked(&schema, false));
    let program = Program::new(steps, &marked(input, true), &others)?;
    let origin = |field: &windvane_core::schema::Field| {
        let same = field.native_type.is_some();
        field.native_type.clone().or_else(|| field.comment.clone()).map(|column| Origin { column, same })
    };
    let columns = program.schema().fields.iter().map(origin).collect();
    Ok(Lineage { columns, single: program.keeps_rows_single() })
}
