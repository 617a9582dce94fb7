//! What steps and checks make of a schema, without any data.

use crate::check::Test;
use crate::step::Program;
use windvane_core::error::Result;
use windvane_core::schema::Schema;
use windvane_core::spec::check::Check;
use windvane_core::spec::step::Step;

/// The columns after these steps, or the first mistake with the step's index, the column and the way out.
pub fn plan_schema(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Schema> {
    Program::new(steps, input, lookup).map(|program| program.schema().clone())
}

/// Whether the check fits these columns; `lookup` knows the other inputs.
pub fn check_schema(check: &Check, schema: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<()> {
    Test::new(check, schema, lookup).map(|_| ())
}
