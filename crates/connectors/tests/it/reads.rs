//! What objects and hooks give.

use super::python::Scripted;
use super::rooms::{source, target};
use arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use windvane_connectors::{Batch, Connection, FoundKind, RangeBound, RangeFilter, ReadRequest};
use windvane_core::error::{Kind, Result};
use windvane_core::schema::{DataType, Field, Schema};

fn request(locator: &str, columns: &[(&str, DataType)]) -> ReadRequest {
    let fields = columns.iter().map(|(name, data_type)| Field::new(*name, *data_type)).collect();
    ReadRequest::whole(locator.to_owned(), FoundKind::Table, None, Schema::new(fields))
}

async fn batches(source: &Connection, request: ReadRequest) -> Result<Vec<Batch>> {
    source.read(request).await?.try_collect().await
}

/// Each row as its number in the source and its values.
async fn read(source: &Connection, request: ReadRequest) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches(source, request).await.unwrap() {
        for (at, number) in batch.numbers.iter().enumerate() {
            let cells = batch.rows.columns().iter().map(|column| array_value_to_string(column, at).unwrap());
            rows.push(format!("{number}: {}", cells.collect::<Vec<_>>().join(",")));
        }
    }
    rows
}

fn three() -> Scripted {
    Scripted {
        batches: vec![Some(vec![(1, "a"), (2, "b")]), Some(vec![]), Some(vec![(3, "c")])],
        ..Scripted::default()
    }
}

#[tokio::test]
async fn an_object_is_one_dataset_with_its_own_name_or_another() {
    for (settings, name) in [
        (json!({"object": "shop.tables:orders"}), "orders"),
        (json!({"object": "shop.tables.orders"}), "orders"),
        (json!({"object": "shop.tables:orders", "as_dataset": "sales"}), "sales"),
    ] {
        let (_, context) = three().context();
        let found = source(json!({ "python": settings }), &context).unwrap().datasets().await.unwrap();
        assert_eq!((found.len(), found[0].0.as_str()), (1, name));
        assert_eq!(found[0].1.locator, settings["object"].as_str().unwrap());
        assert_eq!(found[0].1.fields.names().collect::<Vec<_>>(), ["id", "name"]);
    }
}

#[tokio::test]
async fn the_wanted_columns_come_in_their_order_and_types() {
    let (python, context) = three().context();
    let orders = source(json!({"python": {"object": "shop:orders"}}), &context).unwrap();
    let wanted = [("name", DataType::Text), ("absent", DataType::Date), ("id", DataType::Int32)];
    assert_eq!(read(&orders, request("shop:orders", &wanted)).await, ["1: a,,1", "2: b,,2", "3: c,,3"]);
    let asked = python.wanted.lock().unwrap();
    assert_eq!(asked[0].1.columns.as_ref().unwrap(), &["name", "absent", "id"]);
}

#[tokio::test]
async fn ranges_and_limits_leave_rows_out() {
    let (python, context) = three().context();
    let orders = source(json!({"python": {"object": "shop:orders"}}), &context).unwrap();
    let mut few = request("shop:orders", &[("name", DataType::Text)]);
    few.limit = Some(1);
    assert_eq!(read(&orders, few.clone()).await, ["1: a"]);
    let from = Some(RangeBound { value: "1".to_owned(), inclusive: false });
    few.within =
        vec![RangeFilter { column: "id".to_owned(), data_type: DataType::Int64, from, to: None, nulls: false }];
    assert_eq!(read(&orders, few.clone()).await, ["2: b"]);
    few.limit = None;
    assert_eq!(read(&orders, few).await, ["2: b", "3: c"]);
    // The object may leave rows out by itself: not by their number, where a range makes some of them not count.
    let limits: Vec<Option<u64>> = python.wanted.lock().unwrap().iter().map(|(_, wanted)| wanted.limit).collect();
    assert_eq!(limits, [Some(1), None, None]);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_no_end() {
    let broken = vec![Some(vec![(1, "a")]), None];
    let (_, context) = Scripted { batches: broken, ..Scripted::default() }.context();
    let orders = source(json!({"python": {"object": "shop:orders"}}), &context).unwrap();
    let error = batches(&orders, request("shop:orders", &[("id", DataType::Int64)])).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Data, "the rows of 'shop:orders' broke off"));
    assert!(error.to_string().contains("the lake is dry"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let (_, context) = three().context();
    let id = [("id", DataType::Int64)];
    for settings in
        [json!({"python": {"object": "shop:orders"}}), json!({"hook": {"connection": "shop", "tables": ["orders"]}})]
    {
        let opened = source(settings, &context).unwrap();
        assert_eq!(batches(&opened, request("others", &id)).await.unwrap_err().kind(), Kind::Missing);
    }
    let taker = target(json!({"python": {"object": "shop:take"}}), &context).unwrap();
    assert_eq!(batches(&taker, request("shop:take", &id)).await.unwrap_err().kind(), Kind::Missing);
    assert!(taker.datasets().await.unwrap().is_empty());
}

fn hook() -> Scripted {
    let orders = Schema::new(vec![Field::new("id", DataType::Int64), Field::new("total", DataType::Text)]);
    Scripted {
        columns: BTreeMap::from([("orders".to_owned(), orders.clone()), ("SELECT 1".to_owned(), orders)]),
        texts: vec![vec![Some("1"), Some("1.10")], vec![Some("one"), Some("2")], vec![Some("3"), None]],
        ..Scripted::default()
    }
}

#[tokio::test]
async fn a_table_that_a_hook_does_not_find_is_no_reason_to_know_nothing_of_others() {
    let (_, context) = hook().context();
    let settings = json!({"connection": "shop", "tables": ["gone", "orders"], "queries": {"one": "SELECT 1"}});
    let opened = source(json!({ "hook": settings }), &context).unwrap();
    let listed = opened.listed().await.unwrap();
    let known: Vec<(&str, bool)> = listed.iter().map(|(name, found)| (name.as_str(), found.is_ok())).collect();
    assert_eq!(known, [("gone", false), ("one", true), ("orders", true)]);
    let error = opened.datasets().await.unwrap_err();
    assert_eq!((error.kind(), error.place().table.as_deref()), (Kind::Missing, Some("gone")));
}

#[tokio::test]
async fn the_texts_of_a_hook_keep_their_digits_or_are_rejected() {
    let (python, context) = hook().context();
    let settings = json!({"connection": "shop", "queries": {"one": "SELECT 1"}});
    let opened = source(json!({ "hook": settings }), &context).unwrap();
    let wanted = request("one", &[("id", DataType::Int64), ("total", DataType::Text)]);
    assert_eq!(read(&opened, wanted.clone()).await, ["1: 1,1.10", "3: 3,"]);
    let all = batches(&opened, wanted).await.unwrap();
    let rejected: Vec<_> = all.iter().flat_map(|batch| &batch.rejected).collect();
    assert_eq!((rejected.len(), rejected[0].row, rejected[0].column.as_deref()), (1, 2, Some("id")));
    assert_eq!(python.wanted.lock().unwrap()[0].0, "SELECT 1");
}
