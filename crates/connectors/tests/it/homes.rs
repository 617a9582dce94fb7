//! Where a target's relative path lands, and where no target may lie.

use super::rooms::{Room, at, source, target};
use arrow::array::{Int64Array, RecordBatch};
use futures::{StreamExt, stream};
use serde_json::json;
use std::sync::Arc;
use windvane_connectors::{Context, LoadRequest, LocalPaths, Rows};
use windvane_core::error::Kind;
use windvane_core::schema::{DataType, Field, Schema, arrow::to_arrow};

#[test]
fn a_relative_path_counts_from_the_home_or_else_from_the_spec() {
    let room = Room::new();
    let context = room.context();
    let homed = Context { home: Some(room.folder("home")), ..context.clone() };
    for (ours, theirs) in at("out/x").into_iter().zip(at("out/x")) {
        assert_eq!(target(ours, &context).unwrap().place(), room.0.join("base/out/x").display().to_string());
        assert_eq!(target(theirs, &homed).unwrap().place(), room.0.join("home/out/x").display().to_string());
    }
}

#[test]
fn a_whole_path_and_an_address_stay_what_they_are() {
    let room = Room::new();
    let homed = Context { home: Some(room.folder("home")), ..room.context() };
    let whole = room.0.join("lake/x").display().to_string();
    for settings in at(&whole) {
        assert_eq!(target(settings, &homed).unwrap().place(), whole);
    }
    let bucket = json!({"parquet": {"path": "s3://lake/out/", "connection": "lake"}});
    let mut context = homed;
    context.secrets.0.insert("lake".to_owned(), "aws://key:word@/?region_name=eu-central-1".to_owned());
    assert_eq!(target(bucket, &context).unwrap().place(), "s3://lake/out");
}

#[tokio::test]
async fn rows_land_where_the_place_says() {
    let room = Room::new();
    let context = Context { home: Some(room.folder("home")), ..room.context() };
    let schema = Schema::new(vec![Field::new("id", DataType::Int64)]);
    let batch = RecordBatch::try_new(to_arrow(&schema), vec![Arc::new(Int64Array::from(vec![1, 2]))]).unwrap();
    let opened = target(json!({"csv": {"path": "out"}}), &context).unwrap();
    let rows = Rows::flowing(stream::iter([Ok(batch)]).boxed());
    let loaded = opened.load(LoadRequest::whole("orders", schema, "l1"), rows).await.unwrap();
    assert_eq!(loaded.rows, 2);
    let parts = std::fs::read_dir(room.0.join("home/out/orders")).unwrap().flatten();
    let parts: Vec<_> = parts.filter(|part| part.file_name().to_string_lossy().ends_with(".csv")).collect();
    assert_eq!(
        parts.iter().map(|part| std::fs::read_to_string(part.path()).unwrap()).collect::<String>(),
        "id\n1\n2\n"
    );
    assert_eq!(std::fs::read_dir(&context.local.resolve("").unwrap()).unwrap().count(), 0);
}

#[test]
fn a_source_does_not_move_to_the_home() {
    let room = Room::new();
    let context = Context { home: Some(room.folder("home")), ..room.context() };
    for kind in ["files", "csv", "sqlite"] {
        let opened = source(json!({kind: {"path": "in.db"}}), &context).unwrap();
        assert_eq!(opened.place(), room.0.join("base/in.db").display().to_string());
    }
}

#[test]
fn the_home_is_a_root_for_targets_alone() {
    let room = Room::new();
    let context = Context { home: Some(room.folder("home")), ..room.bounded() };
    let inside = room.0.join("home/in.db").display().to_string();
    let outside = room.0.join("other/in.db").display().to_string();
    for settings in [at("out"), at(&inside), at("../base/out")].into_iter().flatten() {
        assert!(target(settings.clone(), &context).is_ok(), "{settings}");
    }
    for settings in [at("../other"), at(&outside), at("../../etc")].into_iter().flatten() {
        let error = target(settings.clone(), &context).unwrap_err();
        assert!(error.kind() == Kind::Spec && error.message().contains("outside"), "{settings}: {error}");
    }
    assert!(source(json!({"sqlite": {"path": inside}}), &context).is_err());
    // No roots, no bounds: a home sets none.
    let context = Context { home: Some(room.folder("home")), ..room.context() };
    for settings in at(&outside) {
        assert!(target(settings, &context).is_ok());
    }
}

#[test]
fn no_target_lies_in_a_dag_bundle() {
    let room = Room::new();
    let bundle = room.folder("bundle");
    let dags = room.folder("bundle/dags");
    std::os::unix::fs::symlink(&bundle, room.0.join("link")).unwrap();
    let context = Context {
        local: LocalPaths::new(dags.clone(), Vec::new()),
        read_only: vec![room.0.join("gone"), bundle],
        ..Context::default()
    };
    let [inside, linked] = ["bundle/out", "link/new/out"].map(|path| room.0.join(path).display().to_string());
    for path in ["out", ".", "..", "../dags/deep/er", &inside, &linked] {
        for settings in at(path) {
            let error = target(settings.clone(), &context).unwrap_err();
            assert_eq!((error.kind(), error.retryable()), (Kind::Spec, false), "{settings}");
            assert!(error.message().contains("in a DAG bundle"), "{settings}: {error}");
            assert!(error.place().file.as_ref().unwrap().starts_with(&room.0.join("bundle").display().to_string()));
        }
    }
    assert_eq!(std::fs::read_dir(&dags).unwrap().count(), 0);
    // Beside it, and in the home, they may; sources may be read where the code is.
    let beside = room.0.join("bundle-2/out").display().to_string();
    for settings in [at(&beside), at("../../out")].into_iter().flatten() {
        assert!(target(settings.clone(), &context).is_ok(), "{settings}");
    }
    let homed = Context { home: Some(room.folder("home")), ..context.clone() };
    assert_eq!(
        target(json!({"csv": {"path": "out"}}), &homed).unwrap().place(),
        room.0.join("home/out").display().to_string()
    );
    assert!(source(json!({"csv": {"path": "in.csv"}}), &context).is_ok());
}

#[test]
fn a_link_that_leads_nowhere_is_not_followed() {
    let room = Room::new();
    let context = room.context();
    std::os::unix::fs::symlink(room.0.join("nowhere"), context.local.resolve("").unwrap().join("link")).unwrap();
    for settings in at("link/out") {
        assert_eq!(target(settings, &context).unwrap_err().message(), "the path cannot be followed");
    }
}
