//! How many rows the datasets have that an output joins to, or that its checks look into. A load keeps it among its facts, and
//! the next one is compared with it: what is left of a file that was cut is no reason to lose what the target has of the rest.

use crate::extract::staged::Joined;
use serde_json::{Value, json};
use windvane_connectors::rerun::Facts;
use windvane_core::error::Result;
use windvane_core::guard::{self, Allow, Existing, Incoming, Limits};
use windvane_core::spec::target::{Absent, Mode};
use windvane_plan::{Input, Output, Plan, order};

/// Writes them to what the load says of its inputs.
pub(super) fn note(facts: &mut Facts, joined: &Joined) {
    for input in &mut facts.inputs {
        let rows = input.get("name").and_then(Value::as_str).and_then(|name| joined.get(name)).copied();
        if let Some((rows, noted)) = rows.zip(input.get_mut("rows")) {
            *noted = json!(rows);
        }
    }
}

/// Refuses datasets that have lost too many of the rows that they had at the last load, or all.
pub(super) fn judge(plan: &Plan, output: &Output, allow: &Allow, joined: &Joined, last: &Facts) -> Result<()> {
    let before = last.inputs.iter().filter_map(|input| serde_json::from_value::<Input>(input.clone()).ok());
    for Input { name, rows, .. } in before {
        let Some((now, then)) = joined.get(&name).copied().zip(rows) else { continue };
        let limits = Limits::of(order::owner(plan, &name).map_or(&output.guard, |owner| &owner.guard));
        let brings = Incoming { mode: Mode::Replace, absent: Absent::Keep, incremental: false, rows: now };
        let found = guard::rows(&limits, &brings, &Existing { rows: None, last: Some(then) });
        let found = found.map(|mut found| {
            found.saw = format!(
                "'{name}', which it joins to or looks into, has {now} rows where it had {then} at the last load, and at \
                 least a share of {} of them is wanted",
                limits.rows
            );
            found.way = format!("Look at what the source gives of '{name}'");
            found
        });
        allow.judge(&name, found).map_err(|error| error.in_table(&output.name))?;
    }
    Ok(())
}
