//! What a plan does, told from what was observed when it was made, what was meant by it and who said so.

use crate::{Plan, PlannedDuplicates, waiting};
use windvane_agents::By;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Schema, digest};

/// The hash of a plan's work: two plans with the same are the same work, whatever the counts, evidence and wording.
pub fn of(plan: &Plan) -> Result<String> {
    let bytes = serde_json::to_vec(&bare(plan)).map_err(|error| Error::internal(error.to_string()))?;
    Ok(digest(&bytes, 16))
}

fn bare(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for said in [&mut plan.id, &mut plan.work, &mut plan.spec_hash] {
        said.clear();
    }
    plan.words = None;
    // What stops a load until somebody has decided is part of what is done.
    plan.decisions.retain(waiting::stops);
    for decision in &mut plan.decisions {
        (decision.evidence, decision.confidence, decision.reason) = (Vec::new(), 0.0, String::new());
        (decision.model, decision.tokens) = (None, None);
    }
    for input in &mut plan.inputs {
        input.rows = None;
        input.fingerprint.clear();
        input.primary_key.clear();
        if input.kind.is_text() {
            observed(&mut input.schema);
        }
    }
    let texts: Vec<&str> =
        plan.inputs.iter().filter(|input| input.kind.is_text()).map(|input| input.name.as_str()).collect();
    for output in &mut plan.outputs {
        if texts.contains(&output.from.as_str()) {
            observed(&mut output.schema);
        }
        if let Some(declared) = &mut output.declared {
            declared.left_out.clear();
        }
        output.declared = output.declared.take().filter(|declared| !declared.is_empty());
        for step in &mut output.steps {
            (step.by, step.reason) = (By::Spec, String::new());
        }
        for check in &mut output.checks {
            (check.by, check.reason) = (By::Spec, String::new());
        }
        (output.strategy.by, output.strategy.reason) = (By::Spec, String::new());
        if let Some(PlannedDuplicates { by, reason, .. }) = &mut output.on_duplicate {
            (*by, *reason) = (By::Spec, String::new());
        }
    }
    plan
}

/// Whether a column of text had an empty value is what was seen, not what was declared.
fn observed(schema: &mut Schema) {
    schema.fields.iter_mut().for_each(|field| field.nullable = true);
}
