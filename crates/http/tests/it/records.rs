//! The records of an answer: where they are, and that each is a row or a rejected row.

use super::api::{Api, Reply, batches, ids, read, request};
use serde_json::{Value, json};
use windvane_connect::connector::Connector;
use windvane_connect::sampled_columns::{SampledColumns, is_unsampled};
use windvane_core::error::Kind;

async fn of(body: &'static str, resource: Value) -> (Api, windvane_http::Http) {
    let api = Api::new(move |_, _| Reply::status(200, "", body.as_bytes())).await;
    let http = api.orders(&resource);
    (api, http)
}

#[tokio::test]
async fn they_are_the_list_or_the_one_object_at_a_path() {
    for (body, path, found) in [
        (r#"[{"id":1},{"id":2}]"#, None, &["1", "2"][..]),
        (r#"{"id":3}"#, None, &["3"]),
        ("[]", None, &[]),
        ("null", None, &[]),
        (r#"{"data":{"items":[{"id":4}]}}"#, Some("data.items"), &["4"]),
        (r#"{"data":{"items":{"id":5}}}"#, Some("data.items"), &["5"]),
        (r#"{"data":{"items":null}}"#, Some("data.items"), &[]),
        // The last of two keys counts, as in every other reader of JSON.
        (r#"{"data":[],"data":[{"id":6}]}"#, Some("data"), &["6"]),
    ] {
        let (_api, http) = of(body, json!({"path": "", "records": path})).await;
        assert_eq!(ids(&http).await.unwrap(), found, "{body}");
    }
}

#[tokio::test]
async fn a_wrong_path_says_what_is_there() {
    for (body, path, words) in [
        (r#"{"total":0,"items":[]}"#, "data", "It has: total, items."),
        (r#"{"data":[]}"#, "data.items", "It has: data."),
        ("[]", "data", "it is a list"),
    ] {
        let (_api, http) = of(body, json!({"path": "", "records": path})).await;
        let error = ids(&http).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Data, format!("the answer has nothing at '{path}'").as_str())
        );
        assert!(error.hint_text().unwrap().contains(words), "{:?}", error.hint_text());
    }
    for body in ["7", "true", "\"orders\""] {
        let (_api, http) = of(body, json!({"path": ""})).await;
        assert!(ids(&http).await.unwrap_err().message().contains("a single value"), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_row_is_rejected_with_its_reason() {
    let body = r#"[{"id":1},7,{"id":2,"id":3},null,[{"id":4}],{"id":{"a":1,"a":2}},{"id":5}]"#;
    let (_api, http) = of(body, json!({"path": ""})).await;
    let all = batches(&http, request(&["id"])).await.unwrap();
    let numbers: Vec<u64> = all.iter().flat_map(|batch| batch.numbers.clone()).collect();
    let rejected: Vec<_> = all.iter().flat_map(|batch| batch.rejected.clone()).collect();
    let rows: Vec<u64> = rejected.iter().map(|one| one.row).collect();
    assert_eq!((numbers, rows), (vec![1, 7], vec![2, 3, 4, 5, 6]));
    assert!(rejected.iter().all(|one| one.reason.starts_with("not a JSON object")), "{rejected:?}");
    assert!(rejected[1].reason.contains("the key 'id' is there twice"), "{}", rejected[1].reason);
    assert_eq!(rejected[0].record["_raw"], "7");
}

#[tokio::test]
async fn numbers_keep_the_digits_they_are_written_with() {
    let body = r#"[{"id":12345678901234567890123,"total":1.10},{"id":1e2,"total":-0.0},{"id":"007","total":null}]"#;
    let (_api, http) = of(body, json!({"path": ""})).await;
    let rows = read(&http, request(&["id", "total", "absent"])).await.unwrap();
    assert_eq!(rows, ["12345678901234567890123,1.10,", "1e2,-0.0,", "007,,"]);
}

#[tokio::test]
async fn items_are_rows_of_their_own_with_the_key_of_what_they_are_in() {
    let body = r#"[
        {"id":1,"items":[{"sku":"a","parts":[{"n":1},{"n":2}]},{"sku":"b","parts":[]}]},
        {"id":2,"items":null}, {"id":3}, {"id":4,"items":{"sku":"c"}},
        {"items":[{"sku":"lost"}]}
    ]"#;
    let (_api, http) = of(body, json!({"path": "", "key": ["id"]})).await;
    let mut items = request(&["_parent_id", "_position", "sku"]);
    items.locator = "orders/items".to_owned();
    let all = batches(&http, items.clone()).await.unwrap();
    let rejected: Vec<_> = all.iter().flat_map(|batch| batch.rejected.clone()).collect();
    assert_eq!(rejected.len(), 1);
    assert!(rejected[0].reason.contains("no value of its key 'id'"), "{}", rejected[0].reason);
    assert_eq!(read(&http, items).await.unwrap(), ["1,1,a", "1,2,b", "4,1,c"]);
    let mut parts = request(&["_parent_id", "_position_1", "_position", "n"]);
    parts.locator = "orders/items/parts".to_owned();
    assert_eq!(read(&http, parts).await.unwrap(), ["1,1,1,1", "1,1,2,2"]);
}

#[tokio::test]
async fn a_member_that_no_look_has_shown_ends_the_read() {
    let (_api, http) = of(r#"[{"id":1},{"id":2,"late":true}]"#, json!({"path": ""})).await;
    let mut sampled = request(&["id"]);
    sampled.shown = SampledColumns::new(["id"].into_iter(), true);
    assert!(is_unsampled(&read(&http, sampled.clone()).await.unwrap_err()));
    sampled.shown = SampledColumns::new(["id", "late"].into_iter(), true);
    assert_eq!(read(&http, sampled).await.unwrap(), ["1", "2"]);
}

#[tokio::test]
async fn a_resource_that_is_not_there_is_named() {
    let (api, http) = of("[]", json!({"path": ""})).await;
    let mut other = request(&["id"]);
    other.locator = "customers".to_owned();
    let error = http.read(other).await.err().unwrap();
    assert_eq!((error.kind(), error.hint_text()), (Kind::Missing, Some("It has: orders")));
    assert!(api.asked().is_empty());
}
