//! Client credentials: a token is asked for once, kept while it lives, and shown to nobody but the API.

use super::api::{Api, Asked, Reply, ids};
use serde_json::{Value, json};
use windvane_core::error::Kind;

/// The client's id and secret.
const CLIENT: &str = "sh%3Aop:hunter2@";

fn source(token_url: &str) -> Value {
    let auth = json!({"oauth2": {"token_url": token_url, "scope": "read all"}});
    json!({"auth": auth, "resources": {"orders": {"path": "orders", "paging": {"page": {}}}}})
}

/// Gives `word-0`, `word-1` and so on, by the number of the request.
fn token(number: usize, seconds: f64) -> Reply {
    Reply::json(&json!({"access_token": format!("word-{number}"), "expires_in": seconds}))
}

/// Two pages, the second one empty.
fn page(asked: &Asked) -> Reply {
    Reply::json(&if asked.target.ends_with("page=1") {
        json!([{"id": asked.header("authorization")}])
    } else {
        json!([])
    })
}

#[tokio::test]
async fn it_is_asked_for_once() {
    let api = Api::new(|count, asked| if asked.target == "/token" { token(count, 3600.0) } else { page(asked) }).await;
    let http = api.source(CLIENT, &source("/token")).unwrap();
    for _ in 0..2 {
        assert_eq!(ids(&http).await.unwrap(), ["Bearer word-0"]);
    }
    assert_eq!(api.targets().iter().filter(|target| *target == "/token").count(), 1);
    let asked = &api.asked()[0];
    assert!(asked.head.starts_with("POST /token "), "{asked:?}");
    // The id's colon is escaped: it would end the id.
    assert_eq!(asked.header("authorization"), Some("Basic c2glM0FvcDpodW50ZXIy"));
    assert_eq!(asked.body, "grant_type=client_credentials&scope=read+all");
}

#[tokio::test]
async fn one_that_is_at_its_end_is_not_used() {
    for seconds in [0.0, -5.0] {
        let api =
            Api::new(move |count, asked| if asked.target == "/token" { token(count, seconds) } else { page(asked) });
        let api = api.await;
        assert_eq!(ids(&api.source(CLIENT, &source("/token")).unwrap()).await.unwrap(), ["Bearer word-0"]);
        assert_eq!(api.targets(), ["/token", "/v1/orders?page=1", "/token", "/v1/orders?page=2"]);
    }
}

#[tokio::test]
async fn one_that_is_refused_is_asked_for_again_once() {
    let api = Api::new(|count, asked| match asked.target.as_str() {
        "/token" => token(count, 3600.0),
        _ if asked.header("authorization") == Some("Bearer word-2") => page(asked),
        _ => Reply::status(401, "", b""),
    });
    let api = api.await;
    assert_eq!(ids(&api.source(CLIENT, &source("/token")).unwrap()).await.unwrap(), ["Bearer word-2"]);
    assert_eq!(api.asked().len(), 5);

    let api = Api::new(|count, asked| match asked.target.as_str() {
        "/token" => token(count, 3600.0),
        _ => Reply::status(401, "", format!("{} is too old", asked.header("authorization").unwrap()).as_bytes()),
    });
    let api = api.await;
    let error = ids(&api.source(CLIENT, &source("/token")).unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), api.asked().len()), (Kind::Auth, 4), "{error}");
}

#[tokio::test]
async fn one_that_the_api_repeats_is_not_told() {
    let api = Api::new(|count, asked| match asked.target.as_str() {
        "/token" => token(count, 3600.0),
        _ => Reply::status(403, "", b"word-0 of hunter2 may not do this"),
    });
    let api = api.await;
    let error = ids(&api.source(CLIENT, &source("/token")).unwrap()).await.unwrap_err();
    assert_eq!(error.message(), "403: the API refuses us: [secret] of [secret] may not do this");
}

#[tokio::test]
async fn an_answer_without_one_is_not_repeated() {
    for body in ["", "[]", "<html>", r#"{"token":"word-0"}"#, r#"{"access_token":7}"#, r#"{"access_token":"word-0"#] {
        let api = Api::new(move |_, _| Reply::status(200, "", body.as_bytes())).await;
        let error = ids(&api.source(CLIENT, &source("/token")).unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), api.asked().len()), (Kind::Data, 1), "{error}");
        assert!(error.message().ends_with("holds none") && !format!("{error:?}").contains("word-0"), "{error:?}");
    }
    for status in [400, 401, 403, 302] {
        let api = Api::new(move |_, _| Reply::status(status, "", b"hunter2 is wrong")).await;
        let error = ids(&api.source(CLIENT, &source("/token")).unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), api.asked().len()), (Kind::Auth, 1), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn the_secret_goes_in_the_open_to_the_api_alone() {
    let other = Api::new(|count, _| token(count, 3600.0)).await;
    let there = other.address;
    let api = Api::new(move |_, _| Reply::status(307, &format!("Location: http://{there}/token\r\n"), b"")).await;
    for place in [format!("http://{there}/token"), format!("//{there}/token"), "ftp://h/token".to_owned()] {
        let error = ids(&api.source(CLIENT, &source(&place)).unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Spec, "`token_url` must begin with https://"), "{place}");
    }
    assert!(api.asked().is_empty());
    // Nor where the API sends it on to.
    let error = ids(&api.source(CLIENT, &source("/token")).unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), other.asked().len()), (Kind::Unsupported, 0), "{error}");
}
