//! Requests go to the connection's own host and nowhere else, wherever the API points.

use super::api::{Api, Reply, ids, open};
use serde_json::json;
use windvane_core::error::Kind;

const BEARER: &str = ":hunter2@";

#[tokio::test]
async fn a_next_page_elsewhere_is_not_asked_for() {
    let other = Api::new(|_, _| Reply::json(&json!([]))).await;
    let there = other.address;
    for next in [
        format!("http://{there}/v1/orders"),
        format!("//{there}/v1/orders"),
        format!("https://{there}/v1/orders"),
        format!("http://localhost:{}/v1/orders", there.port()),
        format!("http://HOME@{there}/v1/orders"),
        format!("\\\\{there}\\orders"),
        "file:///etc/passwd".to_owned(),
        "data:application/json,[]".to_owned(),
    ] {
        for paging in [json!("link_header"), json!({"next_url": "next"})] {
            let next = next.clone();
            let api = Api::new(move |_, asked| {
                let next = next.replace("HOME", asked.header("host").unwrap());
                Reply::with(&format!("Link: <{next}>; rel=next\r\n"), &json!({"id": 1, "next": next}))
            });
            let api = api.await;
            let source = json!({"auth": "bearer", "resources": {"orders": {"path": "orders", "paging": paging}}});
            let error = ids(&api.source(BEARER, &source).unwrap()).await.unwrap_err();
            assert_eq!(error.message(), "the API names a page at another host");
            assert_eq!((error.kind(), api.asked().len(), other.asked().len()), (Kind::Unsupported, 1, 0));
        }
    }
}

#[tokio::test]
async fn a_redirect_is_followed_at_home_only() {
    let other = Api::new(|_, _| Reply::json(&json!([]))).await;
    let there = other.address;
    let api = Api::new(move |_, asked| match asked.target.as_str() {
        "/v1/old" => Reply::status(301, "Location: /v2/orders?x=1\r\n", b""),
        "/v2/orders?x=1" => Reply::json(&json!([{"id": asked.header("authorization")}])),
        "/v1/round" => Reply::status(302, "Location: /v1/round\r\n", b""),
        "/v1/nowhere" => Reply::status(304, "", b""),
        _ => Reply::status(307, &format!("Location: http://{there}/v1/orders\r\n"), b""),
    });
    let api = api.await;
    let at =
        |path: &str| api.source(BEARER, &json!({"auth": "bearer", "resources": {"orders": {"path": path}}})).unwrap();
    assert_eq!(ids(&at("old")).await.unwrap(), ["Bearer hunter2"]);
    for (path, words) in [
        ("away", "redirects to another host, or in a circle"),
        ("round", "redirects to another host, or in a circle"),
        ("nowhere", "304: the API redirects us elsewhere"),
    ] {
        let error = ids(&at(path)).await.unwrap_err();
        assert!(error.message().contains(words) && error.kind() == Kind::Unsupported, "{error}");
    }
    assert_eq!((api.asked().len(), other.asked().len()), (2 + 1 + 6 + 1, 0));
}

#[tokio::test]
async fn a_path_stays_below_the_address() {
    for (base, path, target) in [
        ("", "orders", "/v1/orders"),
        ("", "/orders", "/v1/orders"),
        ("/", "orders", "/v1/orders"),
        ("", "", "/v1"),
        ("", "a?b#c d", "/v1/a%3Fb%23c%20d"),
        ("", "//evil.example/x", "/v1/evil.example/x"),
        ("", "http://evil.example/x", "/v1/http://evil.example/x"),
    ] {
        let api = Api::new(|_, _| Reply::json(&json!([]))).await;
        let url = format!("http://{}/v1{base}", api.address);
        let http = open(&url, &json!({"resources": {"orders": {"path": path}}})).unwrap();
        ids(&http).await.unwrap();
        assert_eq!(api.targets(), [target], "{base} {path}");
    }
}
