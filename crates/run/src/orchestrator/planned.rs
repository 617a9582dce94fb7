//! What a plan calls by name, and whose breaker a source or target has.

use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::source::Source;
use windvane_core::spec::target::Target;
use windvane_plan::{Output, Plan, waiting};

pub(super) fn source_breaker(source: &Source) -> Option<String> {
    source.connection().map(|id| format!("connection:{id}"))
}

pub(super) fn target_breaker(target: &Target) -> Option<String> {
    target.connection().map(|id| format!("connection:{id}"))
}

/// The output of this name, when nothing about it waits for a person.
pub(super) fn decided<'a>(plan: &'a Plan, output: &str) -> Result<&'a Output> {
    let planned = named(plan.output(output), "output", output, plan)?;
    waiting::allow(plan, planned)?;
    Ok(planned)
}

pub(super) fn named<'a, T>(found: Option<&'a T>, what: &str, name: &str, plan: &Plan) -> Result<&'a T> {
    found.ok_or_else(|| {
        let known: Vec<&str> = plan.outputs.iter().map(|output| output.name.as_str()).collect();
        Error::new(Kind::Missing, format!("the plan has no {what} '{name}'"))
            .hint(format!("It has: {}", known.join(", ")))
    })
}
