//! Rows to a Python callable: all of them, and only those that were promised.

use super::python::{Says, Scripted, batch};
use super::rooms::{source, target};
use futures::{StreamExt, stream};
use serde_json::json;
use std::sync::Arc;
use windvane_connectors::{Connection, Expectation, Expected, ExpectedLoad, LoadRequest, Loaded, RowStream, Rows};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::checksum::Checksum;
use windvane_core::schema::{DataType, Field, Schema};

fn taker(says: Says) -> (Arc<Scripted>, Connection) {
    let (python, context) = Scripted { says, ..Scripted::default() }.context();
    (python, target(json!({"python": {"object": "shop:take"}}), &context).unwrap())
}

/// Three rows in two batches, and what may follow them.
fn rows(last: Option<Error>) -> RowStream {
    let all = [batch(&[(1, "a"), (2, "b")]), batch(&[(3, "c")])].map(Ok);
    stream::iter(all).chain(stream::iter(last.map(Err))).boxed()
}

fn request() -> LoadRequest {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64), Field::new("name", DataType::Text)]);
    LoadRequest { key: vec!["id".to_owned()], ..LoadRequest::whole("orders", schema, "l1") }
}

async fn give(taker: &Connection, request: LoadRequest) -> Result<Loaded> {
    taker.load(request, Rows::flowing(rows(None))).await
}

fn promised(rows: u64, checksum: Option<String>) -> Expectation {
    Expectation::Known(Box::new(ExpectedLoad { expected: Expected { rows, checksum }, counts: None }))
}

#[tokio::test]
async fn a_callable_gets_all_rows_and_the_words_of_the_load() {
    for says in [Says::Nothing, Says::Took(3)] {
        let (python, taker) = taker(says);
        let loaded = give(&taker, request()).await.unwrap();
        assert_eq!((loaded.rows, loaded.load_id.as_str(), loaded.already), (3, "l1", false));
        let seen = python.seen.lock().unwrap();
        assert_eq!((seen.rows, seen.ended), (3, true));
        assert_eq!(seen.words, json!({"load_id": "l1", "mode": "replace", "dataset": "orders", "key": ["id"]}));
    }
}

#[tokio::test]
async fn one_that_returns_before_the_end_has_not_loaded() {
    for (batches, given) in [(0, 0), (1, 2), (2, 3)] {
        let (_, taker) = taker(Says::Leaves(batches));
        let error = give(&taker, request()).await.unwrap_err();
        assert_eq!(error.message(), format!("'shop:take' returned after {given} rows, and there are more"));
        assert_eq!((error.kind(), error.place().path.as_deref()), (Kind::Data, Some("shop:take")));
    }
}

#[tokio::test]
async fn one_that_counts_otherwise_has_lost_or_doubled_some() {
    for took in [0, 2, 4] {
        let (_, taker) = taker(Says::Took(took));
        let error = give(&taker, request()).await.unwrap_err();
        assert_eq!(error.message(), format!("'shop:take' took {took} rows and was given 3"));
    }
}

#[tokio::test]
async fn what_it_raises_is_the_error() {
    let (_, taker) = taker(Says::Raises);
    assert_eq!(give(&taker, request()).await.unwrap_err().message(), "the callable raised");
}

#[tokio::test]
async fn the_sources_own_error_comes_first() {
    let (python, taker) = taker(Says::Nothing);
    let gone = Error::new(Kind::Unavailable, "the server is gone");
    let error = taker.load(request(), Rows::flowing(rows(Some(gone)))).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Unavailable, "the server is gone"));
    assert!(!python.seen.lock().unwrap().ended);
}

#[tokio::test]
async fn rows_that_are_not_the_promised_ones_never_come_to_their_end() {
    let mut sum = Checksum::default();
    for one in [batch(&[(1, "a"), (2, "b")]), batch(&[(3, "c")])] {
        sum.update(&one).unwrap();
    }
    let sum = sum.finish();
    for (expected, fine) in [
        (promised(3, None), true),
        (promised(3, Some(sum.clone())), true),
        (promised(2, None), false),
        (promised(4, Some(sum)), false),
        (promised(3, Some("another".to_owned())), false),
    ] {
        let (python, taker) = taker(Says::Nothing);
        let loaded = give(&taker, LoadRequest { expected, ..request() }).await;
        // A callable may show its rows as soon as it has read them to the end.
        assert_eq!((loaded.is_ok(), python.seen.lock().unwrap().ended), (fine, fine), "{loaded:?}");
        if let Err(error) = loaded {
            assert!(!error.retryable(), "{error}");
        }
    }
}

#[tokio::test]
async fn a_source_takes_nothing() {
    let (_, context) = Scripted::default().context();
    for settings in
        [json!({"python": {"object": "shop:orders"}}), json!({"hook": {"connection": "shop", "tables": ["orders"]}})]
    {
        let error = give(&source(settings, &context).unwrap(), request()).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Internal, "a source is no target"));
    }
}
