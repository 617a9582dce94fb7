//! The tables that a resource makes, as a look at its first pages finds them.

use super::api::{Api, Reply, open};
use serde_json::{Value, json};
use windvane_connect::Found;
use windvane_connect::connector::Connector;
use windvane_core::error::{Kind, Result};

async fn found(resource: Value, records: Value) -> Result<Vec<(String, Found)>> {
    let api = Api::new(move |_, _| Reply::json(&records)).await;
    api.orders(&resource).datasets().await
}

/// Every table as `name: column type, …`.
fn told(tables: &[(String, Found)]) -> Vec<String> {
    let column = |field: &windvane_core::schema::Field| format!("{} {}", field.name, field.data_type);
    let columns = |found: &Found| found.fields.fields.iter().map(column).collect::<Vec<_>>().join(", ");
    tables.iter().map(|(name, found)| format!("{name}: {}", columns(found))).collect()
}

#[tokio::test]
async fn members_of_objects_become_columns_and_lists_tables() {
    let records = json!([
        {"id": 1, "customer": {"name": "Anna", "home": {"zip": "10115"}}, "tags": ["a"], "items": [{"sku": "x"}]},
        {"id": 2, "customer": null, "tags": [], "items": [], "note": "late"},
    ]);
    let tables = found(json!({"path": "", "key": ["id"]}), records.clone()).await.unwrap();
    assert_eq!(
        told(&tables),
        [
            "orders: customer_home_zip text, customer_name text, id int64, tags json, note text",
            "orders_items: _parent_id int64, _position int64, sku text",
        ]
    );
    assert_eq!((tables[0].1.rows, tables[0].1.rows_exact, tables[1].1.rows), (Some(2), true, None));
    assert_eq!(
        (tables[0].1.primary_key.clone(), tables[1].1.locator.as_str()),
        (vec!["id".to_owned()], "orders/items")
    );
    // Without a key, nothing says which record an item is of; and who wants JSON has it.
    let tables = found(json!({"path": ""}), records.clone()).await.unwrap();
    let flat = "orders: customer_home_zip text, customer_name text, id int64, items json, tags json, note text";
    assert_eq!(told(&tables), [flat]);
    let tables = found(json!({"path": "", "key": ["id"], "nested": "json"}), records).await.unwrap();
    assert_eq!(told(&tables), ["orders: customer json, id int64, items json, tags json, note text"]);
}

#[tokio::test]
async fn names_that_would_meet_stay_apart() {
    let records = json!([{"a": {"b": {"c": 1}, "d": 2}, "a_b": {"c": 3}, "a_d": 4}]);
    let tables = found(json!({"path": ""}), records).await.unwrap();
    let mut names: Vec<&str> = tables[0].1.fields.names().collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), told(&tables)), (all, vec!["orders: a json, a_b json, a_d int64".to_owned()]));
}

#[tokio::test]
async fn a_member_of_two_kinds_stays_one_column() {
    let records = json!([{"who": {"name": "Anna"}}, {"who": "Anna"}, {"all": [{"n": 1}]}, {"all": [1]}]);
    let tables = found(json!({"path": "", "key": []}), records).await.unwrap();
    assert_eq!(told(&tables), ["orders: who text, all json"]);
}

#[tokio::test]
async fn a_key_must_be_a_column_and_no_item_may_have_our_names() {
    let error = found(json!({"path": "", "key": ["nr"]}), json!([{"id": 1}])).await.unwrap_err();
    assert_eq!((error.kind(), error.hint_text()), (Kind::Spec, Some("They have: id")));
    assert!(found(json!({"path": "", "key": ["nr"]}), json!([])).await.is_ok());
    let taken = json!([{"id": 1, "items": [{"_position": 7}]}]);
    let error = found(json!({"path": "", "key": ["id"]}), taken).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.message().contains("'_position'"), "{error}");
}

#[tokio::test]
async fn a_look_is_at_the_first_pages_and_counts_only_what_it_has_seen_whole() {
    let api = Api::new(|count, _| Reply::json(&json!([{"id": count}]))).await;
    let resource = json!({"path": "", "paging": {"page": {}}});
    let tables = api.orders(&resource).datasets().await.unwrap();
    assert_eq!((api.asked().len(), tables[0].1.rows, tables[0].1.rows_exact), (5, None, false));
}

#[tokio::test]
async fn tables_of_one_name_are_told_apart() {
    let api = Api::new(|_, _| Reply::json(&json!([{"id": 1, "items": [{"n": 1}]}]))).await;
    let resources = json!({"orders": {"path": "", "key": ["id"]}, "orders_items": {"path": ""}});
    let http = open(&format!("http://{}", api.address), &json!({"resources": resources})).unwrap();
    let tables = http.datasets().await.unwrap();
    let named: Vec<(&str, &str)> = tables.iter().map(|(name, found)| (name.as_str(), found.locator.as_str())).collect();
    assert_eq!(named, [("orders", "orders"), ("orders__items", "orders/items"), ("orders_items", "orders_items")]);
}

#[tokio::test]
async fn a_test_asks_for_one_page_of_one_resource() {
    let api = Api::new(|_, _| Reply::json(&json!([{"id": 1}]))).await;
    let resources = json!({"a": {"path": "a", "paging": {"page": {}}}, "b": {"path": "b"}});
    let http = api.source("", &json!({ "resources": resources })).unwrap();
    http.test().await.unwrap();
    assert_eq!(api.targets(), ["/v1/a?page=1"]);
    let none = api.source("", &json!({"resources": {}})).unwrap();
    assert_eq!(none.test().await.unwrap_err().kind(), Kind::Spec);
}
