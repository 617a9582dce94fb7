//! stub
use crate::{error::Result, schema::Schema, spec::step::Step};
pub fn plan_schema(steps: &[Step], input: &Schema, lookup: &dyn Fn(&str) -> Option<Schema>) -> Result<Schema> { let _ = (steps, lookup); Ok(input.clone()) }
