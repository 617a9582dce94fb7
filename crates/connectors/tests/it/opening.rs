//! Opening each kind.

use super::python::Scripted;
use super::rooms::{Room, source, target};
use serde_json::{Value, json};
use std::sync::Arc;
use windvane_connectors::Context;
use windvane_core::error::Kind;
use windvane_core::spec::source::Source;
use windvane_core::spec::target::Target;

/// One source of each kind, its word and the URL of the connection that it names.
fn sources() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("files", json!({"path": "none"}), ""),
        ("csv", json!({"path": "none/*.csv"}), ""),
        ("jsonl", json!({"path": "none"}), ""),
        ("parquet", json!({"path": "none"}), ""),
        ("sqlite", json!({"path": "none.db"}), ""),
        ("postgres", json!({"connection": "shop"}), "postgres://u:s3cret@db.invalid/shop"),
        ("mysql", json!({"connection": "shop"}), "mysql://u:s3cret@db.invalid/shop"),
        ("http", json!({"connection": "shop", "resources": {}}), "https://u:s3cret@api.invalid"),
        ("python", json!({"object": "shop.tables:orders"}), ""),
        ("hook", json!({"connection": "shop", "tables": ["orders"]}), ""),
    ]
}

fn targets() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("parquet", json!({"path": "none"}), ""),
        ("csv", json!({"path": "none"}), ""),
        ("jsonl", json!({"path": "none"}), ""),
        ("sqlite", json!({"path": "none.db"}), ""),
        ("postgres", json!({"connection": "shop"}), "postgres://u:s3cret@db.invalid/shop"),
        ("mysql", json!({"connection": "shop"}), "mysql://u:s3cret@db.invalid/shop"),
        ("python", json!({"object": "shop.tables:take"}), ""),
    ]
}

fn knowing(mut context: Context, url: &str) -> Context {
    context.secrets.0.insert("shop".to_owned(), url.to_owned());
    context
}

#[test]
fn every_kind_opens_without_a_look_at_what_it_names() {
    let room = Room::new();
    let context = Context { python: Some(Arc::new(Scripted::default())), ..room.context() };
    for (word, settings, url) in sources() {
        let opened = source(json!({word: settings}), &knowing(context.clone(), url));
        assert!(!format!("{:?}", opened.unwrap()).contains("s3cret"), "{word}");
    }
    for (word, settings, url) in targets() {
        let opened = target(json!({word: settings}), &knowing(context.clone(), url));
        assert!(!format!("{:?}", opened.unwrap()).contains("s3cret"), "{word}");
    }
    assert_eq!(std::fs::read_dir(context.local.resolve("").unwrap()).unwrap().count(), 0);
    // A new kind is opened here, too.
    let words: Vec<&str> = Source::KINDS.iter().map(|kind| kind.word).collect();
    assert_eq!(sources().into_iter().map(|(word, ..)| word).collect::<Vec<_>>(), words);
    let words: Vec<&str> = Target::KINDS.iter().map(|kind| kind.word).collect();
    assert_eq!(targets().into_iter().map(|(word, ..)| word).collect::<Vec<_>>(), words);
}

#[test]
fn a_connection_that_nobody_knows_is_missing() {
    let room = Room::new();
    for (word, settings, url) in sources() {
        if !url.is_empty() {
            let error = source(json!({word: settings}), &room.context()).unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::Missing, "connection 'shop' is not defined"), "{word}");
        }
    }
    for (word, settings, url) in targets() {
        if !url.is_empty() {
            let error = target(json!({word: settings}), &room.context()).unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::Missing, "connection 'shop' is not defined"), "{word}");
        }
    }
}

#[test]
fn a_connection_of_another_kind_is_refused_without_its_password() {
    let room = Room::new();
    let context = knowing(room.context(), "ftp://u:s3cret@db.invalid/shop");
    for (word, settings, _) in sources().into_iter().filter(|(_, _, url)| !url.is_empty()) {
        let error = source(json!({word: settings}), &context).unwrap_err();
        assert!(!error.retryable() && !format!("{error:?}").contains("s3cret"), "{word}: {error:?}");
    }
    for word in ["sqlite", "postgres", "mysql"] {
        let error = target(json!({word: {"connection": "shop"}}), &context).unwrap_err();
        assert!(!error.retryable() && !format!("{error:?}").contains("s3cret"), "{word}: {error:?}");
    }
}

#[test]
fn python_is_refused_where_there_is_none() {
    let room = Room::new();
    for (word, settings, _) in sources().into_iter().filter(|(word, ..)| ["python", "hook"].contains(word)) {
        let error = source(json!({word: settings}), &room.context()).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Internal, "Python objects cannot be reached from here"));
    }
    let error = target(json!({"python": {"object": "shop:take"}}), &room.context()).unwrap_err();
    assert_eq!(error.message(), "Python objects cannot be reached from here");
}

#[test]
fn a_hook_must_be_told_what_to_read() {
    let context = Context { python: Some(Arc::new(Scripted::default())), ..Context::default() };
    let error = source(json!({"hook": {"connection": "shop"}}), &context).unwrap_err();
    assert_eq!((error.kind(), error.place().path.as_deref()), (Kind::Spec, Some("source.hook")));
}

#[tokio::test]
async fn a_kind_of_files_lists_its_own() {
    let room = Room::new();
    let context = room.context();
    std::fs::write(context.local.resolve("").unwrap().join("a.csv"), "id\n1\n").unwrap();
    std::fs::write(context.local.resolve("").unwrap().join("b.jsonl"), "{\"id\":1}\n").unwrap();
    for (kind, own) in [("files", &["a", "b"][..]), ("csv", &["a"]), ("jsonl", &["b"])] {
        let found = source(json!({kind: {"path": "."}}), &context).unwrap().datasets().await.unwrap();
        assert_eq!(found.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), own, "{kind}");
    }
}

#[tokio::test]
async fn a_source_outside_of_the_roots_is_not_looked_at() {
    let room = Room::new();
    let context = room.bounded();
    std::fs::write(room.folder("other").join("a.csv"), "id\n1\n").unwrap();
    std::os::unix::fs::symlink(room.folder("other"), room.0.join("base/link")).unwrap();
    let whole = room.0.join("other").display().to_string();
    for path in ["../other", "../other/a.csv", "../other/*.csv", "link", "link/a.csv", &whole] {
        let found = match source(json!({"csv": {"path": path}}), &context) {
            Ok(opened) => opened.datasets().await,
            Err(error) => Err(error),
        };
        let error = found.unwrap_err();
        assert!(error.kind() == Kind::Spec && error.message().contains("outside"), "{path}: {error}");
    }
}
