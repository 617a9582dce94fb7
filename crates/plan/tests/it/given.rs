//! A spec and what was found at its source, as texts.

use serde_json::json;
use std::collections::BTreeMap;
use windvane_core::spec::read::{Options, hash, text};
use windvane_know::discover::Catalog;
use windvane_plan::build::build;
use windvane_plan::{Plan, PlanInputs, file};

/// Orders and customers of a shop, as CSV files.
pub(crate) fn catalog() -> Catalog {
    let field = |name: &str, kind: &str| json!({"name": name, "type": kind, "nullable": true});
    let dataset = |name: &str, rows: u64, fields: serde_json::Value| {
        json!({
            "name": name, "source": "source", "locator": format!("{name}.csv"), "kind": "csv", "rows": rows,
            "rows_exact": true, "bytes": 1000, "fields": fields, "primary_key": [], "foreign_keys": [],
        })
    };
    let orders =
        [("id", "int64"), ("customer", "int64"), ("amount", "decimal(18,2)"), ("status", "text"), ("at", "timestamp")];
    let customers = [("id", "int64"), ("country", "text"), ("email", "text")];
    let fields = |all: &[(&str, &str)]| all.iter().map(|(name, kind)| field(name, kind)).collect::<serde_json::Value>();
    let datasets = [dataset("customers", 40, fields(&customers)), dataset("orders", 1200, fields(&orders))];
    serde_json::from_value(json!({"datasets": datasets})).unwrap()
}

/// The plan of a spec's text, or the message that refuses it.
pub(crate) fn plan(spec: &str) -> Result<Plan, String> {
    let options = Options { base: "/pipelines".into(), ..Options::default() };
    let spec = text("shop.windvane.yaml", spec, &options).map_err(|problems| format!("{problems:?}"))?;
    let plan = build(PlanInputs::of((&spec, &hash(&spec), None), &catalog(), &BTreeMap::new()));
    plan.map_err(|error| format!("[{}] {error}\n  {}", error.kind().as_str(), error.hint_text().unwrap_or("-")))
}

pub(crate) fn bytes(spec: &str) -> String {
    file::text(&plan(spec).unwrap()).unwrap()
}
