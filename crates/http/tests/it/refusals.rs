//! An API that says no, or later.

use super::api::{Api, Reply, ids, open};
use futures::future::join_all;
use serde_json::json;
use windvane_core::error::Kind;

#[tokio::test]
async fn a_no_is_told_once_with_the_apis_words() {
    for (status, kind, words) in [
        (400, Kind::Spec, "400: the API refuses the request: no such field"),
        (401, Kind::Auth, "401: the API refuses us: no such field"),
        (403, Kind::Auth, "403: the API refuses us: no such field"),
        (404, Kind::Missing, "404: the API has no such address: no such field"),
        (410, Kind::Missing, "410: the API has no such address: no such field"),
        (451, Kind::Spec, "451: the API refuses the request: no such field"),
    ] {
        let api = Api::new(move |_, _| Reply::status(status, "Retry-After: 0.01\r\n", b"no\n such \n field")).await;
        let http = api.orders(&json!({"path": "orders", "params": {"q": "where-anna-lives"}}));
        let error = ids(&http).await.unwrap_err();
        assert_eq!((error.kind(), error.message(), error.retry_after_seconds()), (kind, words, None));
        assert_eq!((error.place().table.as_deref(), api.asked().len()), (Some("orders"), 1));
        // Where it was, without what was asked.
        assert!(error.to_string().contains("/v1/orders") && !error.to_string().contains("anna"), "{error}");
    }
}

#[tokio::test]
async fn long_words_are_cut() {
    let api = Api::new(|_, _| Reply::status(400, "", &b"word \xff ".repeat(100_000))).await;
    let error = ids(&api.orders(&json!({"path": "orders"}))).await.unwrap_err();
    assert!(error.message().starts_with("400: ") && error.message().chars().count() < 300, "{error}");
}

#[tokio::test]
async fn a_short_wait_is_waited_for() {
    let api = Api::new(|count, _| match count {
        0 => Reply::status(429, "Retry-After: 0.001\r\n", b""),
        _ => Reply::json(&json!([{"id": 1}])),
    });
    let api = api.await;
    assert_eq!(ids(&api.orders(&json!({"path": "orders"}))).await.unwrap(), ["1"]);
    assert_eq!(api.asked().len(), 2);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_told_and_kept_to() {
    for (status, kind) in [(429, Kind::Throttled), (503, Kind::Unavailable), (408, Kind::Timeout)] {
        for (said, least) in [("3600", 3600.0), (" 3600.5 ", 3600.5), ("Thu, 31 Dec 2099 23:59:59 GMT", 1e9)] {
            let headers = format!("Retry-After: {said}\r\n");
            let api = Api::new(move |_, _| Reply::status(status, &headers, b"")).await;
            let http = api.orders(&json!({"path": "orders"}));
            let error = ids(&http).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.retry_after_seconds().is_some_and(|seconds| seconds >= least), "{said}: {error:?}");
            // Nobody who shares the pace asks before that, whatever it is for.
            let error = ids(&http).await.unwrap_err();
            assert!(error.kind() == Kind::Throttled && error.retry_after_seconds().is_some(), "{error:?}");
            assert_eq!(api.asked().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_none_is_not_kept_to() {
    let said = ["-1", "0", "soon", "inf", "NaN", "", "Thu, 01 Jan 1970 00:00:00 GMT"];
    // All at once: each is tried again after a moment.
    join_all(said.map(|said| async move {
        let headers = format!("Retry-After: {said}\r\n");
        let api = Api::new(move |count, _| match count {
            0 => Reply::status(503, &headers, b""),
            _ => Reply::status(404, "", b""),
        });
        let api = api.await;
        assert_eq!(ids(&api.orders(&json!({"path": "orders"}))).await.unwrap_err().kind(), Kind::Missing, "{said}");
        assert_eq!(api.asked().len(), 2);
    }))
    .await;
}

#[test]
fn a_pace_that_is_none_is_refused() {
    for (per, fine) in [(0.0, false), (-1.0, false), (1e-300, true), (1.0, true)] {
        let source = json!({"rate": {"requests": 1, "per": per}, "resources": {}});
        let opened = open("http://localhost", &source);
        assert_eq!(opened.is_ok(), fine, "{per}");
        if let Err(error) = opened {
            assert_eq!((error.kind(), error.place().path.as_deref()), (Kind::Spec, Some("source.http.rate.per")));
        }
    }
}
