//! What a model answers: the first byte chooses who has asked, the rest is the text. A refused answer says why; of one that
//! is taken, nothing is done that was not asked for: the rules' decisions stand, and the model adds no more than checks that
//! all rows were seen to pass.

use super::choices::Choices;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use windvane_agents::fuzzing::{diagnosed, judged, mapped, planned, repaired};
use windvane_agents::planner::rules;
use windvane_agents::question::Question;
use windvane_agents::{By, Change, ProposedChange, doctor, guard, mapper, qa, reflector};
use windvane_core::schema::Schema;
use windvane_core::spec::check::Check;
use windvane_core::spec::{Spec, read};
use windvane_know::discover::Catalog;
use windvane_know::profile::Profile;

const SPEC: &str = "
pipeline: shop
intent: Drop the column note of orders. Keep only orders whose status is paid.
source: {csv: {path: orders.csv}}
target: {parquet: {path: out}}
";

/// A dataset of five columns, each row of it read.
struct World {
    spec: Spec,
    catalog: Catalog,
    profiles: BTreeMap<String, Profile>,
    schema: Schema,
}

static WORLD: LazyLock<Option<World>> = LazyLock::new(world);

fn world() -> Option<World> {
    let columns = [
        ("id", "int64", 0, 100),
        ("amount", "decimal(10,2)", 3, 90),
        ("status", "text", 0, 2),
        ("note", "text", 40, 5),
        ("placed", "date", 0, 30),
    ];
    let figures = |(name, data_type, nulls, distinct): (&str, &str, u64, u64)| {
        let top = if name == "status" {
            json!([{"value": "paid", "count": 60}, {"value": "open", "count": 40}])
        } else {
            json!([])
        };
        json!({"name": name, "type": data_type, "feature_type": "other", "semantic_type": null, "semantic_confidence": 0.0,
               "pii": false, "nulls": nulls, "distinct": distinct, "distinct_exact": true, "min": null, "max": null,
               "mean": null, "std": null, "quantiles": {}, "top": top, "histogram": null, "lengths": null, "patterns": [],
               "suspects": []})
    };
    let fields =
        columns.map(|(name, data_type, nulls, _)| json!({"name": name, "type": data_type, "nullable": nulls > 0}));
    let found = json!({"name": "orders", "source": "source", "locator": "orders.csv", "kind": "csv", "rows": 100,
                       "rows_exact": true, "bytes": 4000, "fields": fields, "primary_key": [], "foreign_keys": []});
    let profile = json!({"dataset": "orders", "rows": 100, "bytes": 4000, "exact": true, "rejected": 0,
                         "columns": columns.map(figures), "keys": [["id"]], "dependencies": [], "foreign_keys": []});
    let catalog: Catalog = serde_json::from_value(json!({"datasets": [found]})).ok()?;
    let profiles = [("orders".to_owned(), serde_json::from_value(profile).ok()?)].into();
    let schema = catalog.dataset("orders")?.schema().clone();
    let spec = read::text("shop.windvane.yaml", SPEC, &read::Options::default()).ok()?;
    Some(World { spec, catalog, profiles, schema })
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let role = choices.byte() % 5;
    let Ok(text) = std::str::from_utf8(choices.0) else { return };
    let Some(world) = WORLD.as_ref() else { return assert!(WORLD.is_some(), "the world can be made") };
    let question =
        Question { spec: &world.spec, catalog: &world.catalog, profiles: &world.profiles, words: None, readings: None };
    let refused = match role {
        0 => planned(question, text).map(|(all, _)| adds_little(&rules(question).0, &all)).err(),
        1 => {
            let question = mapper::Question {
                source: &world.schema,
                target: &world.schema,
                source_profile: world.profiles.get("orders"),
                target_profile: None,
            };
            mapped(question, text).map(|all| names_once(&world.schema, &all)).err()
        }
        2 => {
            let question = doctor::Question { text: "something odd".to_owned(), ..doctor::Question::default() };
            let sane = |found: doctor::Diagnosis| {
                assert!((0.0..=1.0).contains(&found.confidence));
                assert!(found.retryable || found.delay <= 0.0, "nothing is waited for that is not tried again");
            };
            diagnosed(&question, text).map(sane).err()
        }
        3 => judged(&dry_run(), text).map(|found| objects_only(&found.value)).err(),
        _ => {
            let before = rules(question).0;
            let bad = [reflector::Refused { suggestion: 0, reason: "it failed".to_owned() }];
            repaired(&before, &bad, text).map(|after| takes_away(&before, &after)).err()
        }
    };
    assert!(refused.is_none_or(|why| !why.is_empty()), "a refusal says why");
}

/// What was accepted by the rules still is; beside it stand only checks that hold of every row.
fn adds_little(before: &[ProposedChange], after: &[ProposedChange]) {
    for (known, now) in before.iter().zip(after) {
        assert_eq!((&known.change, known.decision.accepted), (&now.change, now.decision.accepted));
    }
    for new in after.iter().skip(before.len()).filter(|new| new.decision.accepted) {
        assert_eq!(new.output, "orders");
        assert_eq!(new.decision.by, By::Model);
        let holds = match &new.change {
            Change::Check(Check::NotNull(columns)) => {
                columns.0.iter().all(|name| ["id", "status", "placed"].contains(&name.as_str()))
            }
            Change::Check(Check::Unique(columns)) => columns.0 == ["id"],
            Change::Step(_) | Change::Check(_) => false,
        };
        assert!(holds, "nobody asked for it: {new:?}");
    }
}

fn names_once(schema: &Schema, all: &[mapper::Mapping]) {
    let mut targets: Vec<&str> = all.iter().map(|mapping| mapping.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), all.len(), "a target's column twice");
    for mapping in all {
        assert!(schema.field(&mapping.source).is_some() && schema.field(&mapping.target).is_some());
        let columns: BTreeSet<&str> = schema.names().collect();
        let safe = mapping.transformation.as_deref().is_none_or(|text| guard::expression(text, &columns).is_ok());
        assert!(safe, "{mapping:?}");
    }
}

fn dry_run() -> qa::DryRun {
    let part = |by: &str, rows_out: u64| json!({"what": "filter", "is_check": false, "by": by, "rows_in": 100, "rows_out": rows_out, "filtered": 100 - rows_out, "rejected": 0});
    let run: Value = json!({"output": "orders", "parts": [part("spec", 50), part("rules", 40), part("model", 0)]});
    serde_json::from_value(run).unwrap_or_default()
}

/// The user's own part stays, and no objection of the rules is lifted.
fn objects_only(found: &qa::Verdict) {
    assert!(!found.accept && found.refused.iter().any(|refused| refused.part == 2), "{found:?}");
    assert!(found.refused.iter().all(|refused| [1, 2].contains(&refused.part)), "{found:?}");
}

fn takes_away(before: &[ProposedChange], after: &[ProposedChange]) {
    assert_eq!(before.len(), after.len());
    for (known, now) in before.iter().zip(after) {
        assert_eq!(known.change, now.change);
        assert!(known.decision.accepted || !now.decision.accepted, "a model accepts nothing");
        assert!(known.effect.is_none() || now.decision.accepted || now.decision.waits, "words are not forgotten");
    }
}
