//! One page after the other: every record once, and an end whatever the API says.

use super::api::{Api, Asked, Reply, ids, read, request};
use serde_json::{Value, json};
use windvane_connect::{RangeBound, RangeFilter};
use windvane_core::error::Kind;
use windvane_core::schema::DataType;

/// Five records by their numbers.
fn records(from: usize, most: usize) -> Value {
    (from..5).take(most).map(|id| json!({"id": id})).collect()
}

fn number(asked: &Asked, name: &str) -> usize {
    asked.parameter(name).map_or(0, |text| text.parse().unwrap())
}

const ALL: [&str; 5] = ["0", "1", "2", "3", "4"];

#[tokio::test]
async fn numbered_pages_are_asked_for_until_one_is_empty() {
    let api = Api::new(|_, asked| {
        let (page, size) = (number(asked, "page"), number(asked, "per"));
        Reply::json(&records((page - 1) * size, size))
    });
    let api = api.await;
    let paging = json!({"page": {"size_param": "per", "size": 2}});
    let http = api.orders(&json!({"path": "/orders", "params": {"open": true}, "paging": paging}));
    assert_eq!(ids(&http).await.unwrap(), ALL);
    let pages: Vec<String> = (1..=4).map(|page| format!("/v1/orders?open=true&per=2&page={page}")).collect();
    assert_eq!(api.targets(), pages);
}

#[tokio::test]
async fn a_missing_page_behind_the_last_one_is_the_end_and_a_missing_first_one_is_not() {
    let script = |_: usize, asked: &Asked| match number(asked, "p") {
        0 => Reply::json(&records(0, 5)),
        _ => Reply::status(404, "", b""),
    };
    let api = Api::new(script).await;
    let paging = |first: u64| json!({"path": "orders", "paging": {"page": {"param": "p", "first": first}}});
    assert_eq!(ids(&api.orders(&paging(0))).await.unwrap(), ALL);
    assert_eq!(ids(&api.orders(&paging(7))).await.unwrap_err().kind(), Kind::Missing);
}

#[tokio::test]
async fn offsets_move_by_what_has_come() {
    // The API gives fewer than are asked for.
    let api = Api::new(|_, asked| Reply::json(&records(number(asked, "offset"), 2))).await;
    let paging = json!({"offset": {"size_param": "limit", "size": 50}});
    assert_eq!(ids(&api.orders(&json!({"path": "orders", "paging": paging}))).await.unwrap(), ALL);
    let offsets: Vec<usize> = api.asked().iter().map(|asked| number(asked, "offset")).collect();
    assert_eq!(offsets, [0, 2, 4, 5]);
}

#[tokio::test]
async fn a_cursor_is_sent_as_it_was_given_until_there_is_none() {
    for end in [json!({}), json!({"next": null}), json!({"next": ""}), json!({"next": false})] {
        let api = Api::new(move |_, asked| {
            let (from, meta) = match asked.parameter("after").as_deref() {
                None => (0, json!({"next": "a&b=c d/é"})),
                Some("a&b=c d/é") => (2, json!({"next": 4})),
                Some("4") => (4, end.clone()),
                Some(_) => (9, json!({"next": "lost"})),
            };
            Reply::json(&json!({"data": records(from, 2), "meta": meta}))
        });
        let paging = json!({"cursor": {"param": "after", "next": "meta.next", "size_param": "n", "size": 2}});
        let api = api.await;
        let http = api.orders(&json!({"path": "orders", "records": "data", "paging": paging}));
        assert_eq!((ids(&http).await.unwrap(), api.asked().len()), (ALL.map(str::to_owned).to_vec(), 3));
        assert!(api.asked().iter().all(|asked| number(asked, "n") == 2));
    }
}

#[tokio::test]
async fn the_link_header_is_followed_by_its_relation() {
    let api = Api::new(|count, _| {
        let link = match count {
            0 => "Link: </v1/orders?p=9>; rel=\"last\", <orders?p=1>; title=x; rel=\"prefetch NEXT\"\r\n",
            1 => "Link: <?p=0>; rel=prev\r\nLink: </v1/more?p=2>;rel=next\r\n",
            _ => "Link: <orders?p=0>; rel=\"first\", <orders?p=1>; rel=\"nextish\"\r\n",
        };
        Reply::with(link, &records(2 * count, 2))
    });
    let api = api.await;
    assert_eq!(ids(&api.orders(&json!({"path": "orders", "paging": "link_header"}))).await.unwrap(), ALL);
    assert_eq!(api.targets(), ["/v1/orders", "/v1/orders?p=1", "/v1/more?p=2"]);
}

#[tokio::test]
async fn a_next_address_may_be_relative_or_whole() {
    let api = Api::new(|count, asked| {
        let host = asked.header("host").unwrap();
        let next = [json!("?p=1"), json!(format!("http://{host}/v1/orders?p=2")), Value::Null][count].clone();
        Reply::json(&json!({"items": records(2 * count, 2), "links": {"next": next}}))
    });
    let api = api.await;
    let http = api.orders(&json!({"path": "orders", "records": "items", "paging": {"next_url": "links.next"}}));
    assert_eq!(ids(&http).await.unwrap(), ALL);
    assert_eq!(api.targets(), ["/v1/orders", "/v1/orders?p=1", "/v1/orders?p=2"]);
}

#[tokio::test]
async fn no_paging_goes_on_for_ever() {
    let page = json!({"page": {}});
    let cursor = json!({"cursor": {"param": "after", "next": "next"}});
    for (paging, same, words, asked) in [
        (page, json!([{"id": 1}]), "page 2 has the same records as the page before", 2),
        (cursor.clone(), json!({"id": 1, "next": "a"}), "page 2 names a next page that was read already", 2),
        (cursor, json!({"id": 1, "next": {"page": 2}}), "what the answer has at 'next' names no page", 1),
        (json!({"next_url": "next"}), json!({"id": 1, "next": "http://["}), "next page is no address", 1),
    ] {
        let api = Api::new(move |_, _| Reply::json(&same)).await;
        let error = ids(&api.orders(&json!({"path": "orders", "paging": paging}))).await.unwrap_err();
        assert!(error.message().contains(words), "{error}");
        assert_eq!((error.kind(), api.asked().len()), (Kind::Data, asked), "{error}");
    }
    // Each names another one, and none has a record.
    let api = Api::new(|count, _| Reply::json(&json!({"items": [], "next": count + 1}))).await;
    let paging = json!({"cursor": {"param": "after", "next": "next"}});
    let http = api.orders(&json!({"path": "orders", "records": "items", "paging": paging}));
    assert!(ids(&http).await.unwrap_err().message().contains("pages in a row are empty"));
    assert_eq!(api.asked().len(), 21);
}

#[tokio::test]
async fn more_pages_than_were_allowed_are_an_error_and_not_a_part() {
    let api = Api::new(|_, asked| Reply::json(&records(number(asked, "offset"), 2))).await;
    let most = |pages: u64| api.orders(&json!({"path": "orders", "paging": {"offset": {}}, "max_pages": pages}));
    assert!(ids(&most(3)).await.unwrap_err().message().contains("more than 3 pages"));
    assert_eq!(ids(&most(4)).await.unwrap(), ALL);
}

#[tokio::test]
async fn a_reader_of_few_rows_asks_for_no_page_more() {
    let api = Api::new(|_, asked| Reply::json(&records(number(asked, "offset"), 2))).await;
    let http = api.orders(&json!({"path": "orders", "paging": {"offset": {}}}));
    let mut few = request(&["id"]);
    few.limit = Some(3);
    assert_eq!(read(&http, few.clone()).await.unwrap(), ["0", "1", "2"]);
    assert_eq!(api.asked().len(), 2);
    few.limit = Some(0);
    assert!(read(&http, few).await.unwrap().is_empty());
    assert_eq!(api.asked().len(), 2);
}

#[tokio::test]
async fn newer_records_are_asked_for_and_others_left_out_here() {
    let api = Api::new(|_, _| Reply::json(&records(0, 5))).await;
    let cursor = json!({"column": "id", "param": "since"});
    let http = api.orders(&json!({"path": "orders", "cursor": cursor}));
    let from = RangeBound { value: "3".to_owned(), inclusive: true };
    let range = |nulls| RangeFilter {
        column: "id".to_owned(),
        data_type: DataType::Int64,
        from: Some(from.clone()),
        to: None,
        nulls,
    };
    let mut newer = request(&[]);
    newer.within = vec![range(false)];
    let rows: usize =
        super::api::batches(&http, newer.clone()).await.unwrap().iter().map(|one| one.rows.num_rows()).sum();
    assert_eq!((rows, api.targets()), (2, vec!["/v1/orders?since=3".to_owned()]));
    // The API would leave out those without a value.
    newer.within = vec![range(true)];
    super::api::batches(&http, newer).await.unwrap();
    assert_eq!(api.targets()[1], "/v1/orders");
}
