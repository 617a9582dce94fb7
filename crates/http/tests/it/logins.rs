//! Who asks: what of a connection goes into a request, and that nothing of it goes into a message.

use super::api::{Api, Asked, Reply, ids, open};
use serde_json::{Value, json};
use windvane_core::error::Kind;

fn source(auth: &Value) -> Value {
    json!({"auth": auth, "resources": {"orders": {"path": "orders"}}})
}

/// Login and password, with letters that a URL has its own ideas of.
const LOGIN: &str = "an%2Fna:s3c%26t+%2Bw%20rd@";
const PASSWORD: &str = "s3c&t++w rd";

#[tokio::test]
async fn each_login_is_sent_in_its_way() {
    type Look = fn(&Asked) -> Option<String>;
    let header = |asked: &Asked| asked.header("authorization").map(str::to_owned);
    let own = |asked: &Asked| asked.header("x-key").map(str::to_owned);
    let query = |asked: &Asked| asked.parameter("key");
    let basic = "Basic YW4vbmE6czNjJnQrK3cgcmQ=".to_owned();
    let ways: [(Value, Look, String); 5] = [
        (json!(null), header, basic.clone()),
        (json!("basic"), header, basic),
        (json!("bearer"), header, format!("Bearer {PASSWORD}")),
        (json!({"header": "X-Key"}), own, PASSWORD.to_owned()),
        (json!({"query": "key"}), query, PASSWORD.to_owned()),
    ];
    for (auth, look, shown) in ways {
        let api = Api::new(|_, _| Reply::json(&json!([{"id": 1}]))).await;
        ids(&api.source(LOGIN, &source(&auth)).unwrap()).await.unwrap();
        let asked = &api.asked()[0];
        assert_eq!(look(asked), Some(shown), "{auth}");
        // And in no other.
        let sent = [header(asked), own(asked), query(asked)];
        assert_eq!(sent.iter().flatten().count(), 1, "{auth} {asked:?}");
    }
}

#[tokio::test]
async fn what_a_request_is_made_of() {
    let api = Api::new(|_, _| Reply::json(&json!([]))).await;
    let url = format!("http://{}?X-Own=w%26rd&timeout=5", api.address);
    let with = |headers: Value| json!({"headers": headers, "resources": {"orders": {"path": "orders"}}});
    ids(&open(&url, &with(json!({"Accept": "application/vnd.shop+json"}))).unwrap()).await.unwrap();
    ids(&open(&url, &with(json!({}))).unwrap()).await.unwrap();
    let asked = api.asked();
    assert_eq!(asked[0].target, "/orders");
    let of = |name| [asked[0].header(name), asked[1].header(name)];
    assert_eq!(of("accept"), [Some("application/vnd.shop+json"), Some("application/json")]);
    assert_eq!(of("x-own"), [Some("w&rd"); 2]);
    assert_eq!(of("accept-encoding"), [Some("gzip"); 2]);
    assert!(of("user-agent")[0].unwrap().starts_with("windvane/"));
    assert_eq!([of("timeout"), of("authorization")], [[None; 2]; 2]);
}

#[tokio::test]
async fn an_api_that_repeats_a_secret_is_told_without_it() {
    for auth in [json!("basic"), json!("bearer"), json!({"header": "X-Key"}), json!({"query": "k"})] {
        // Everything that it was sent, as a page of a debugger would show it.
        let api = Api::new(|_, asked| Reply::status(403, "", format!("{}\n{}", asked.target, asked.head).as_bytes()));
        let api = api.await;
        let error = ids(&api.source(LOGIN, &source(&auth)).unwrap()).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("403: the API refuses us: /v1/orders"), "{told}");
        for secret in [PASSWORD, "s3c%26t", "YW4vbmE6czNj"] {
            assert!(!told.contains(secret), "{auth}: {told}");
        }
    }
}

#[test]
fn a_connection_is_shown_without_its_login() {
    let http = open("http://anna:hunter2@localhost/v1", &source(&json!(null))).unwrap();
    let told = format!("{http:?}");
    assert!(told.contains("localhost") && !told.contains("hunter2") && !told.contains("anna"), "{told}");
    let error = open("ftp://anna:hunter2@localhost", &source(&json!(null))).unwrap_err();
    assert!(error.kind() == Kind::Spec && !format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_login_that_cannot_be_sent_is_refused_before_anything_is() {
    for (url, auth, kind, words) in [
        ("http://[", json!(null), Kind::Spec, "cannot be read"),
        ("file:///etc/passwd", json!(null), Kind::Spec, "is not one of an API"),
        ("http://:hunter2@h", json!(null), Kind::Spec, "nothing says how to send it"),
        ("http://h", json!("basic"), Kind::Auth, "has no login"),
        ("http://h", json!("bearer"), Kind::Auth, "has no password"),
        ("http://anna@h", json!({"header": "X-Key"}), Kind::Auth, "has no password"),
        ("http://anna@h", json!({"query": "key"}), Kind::Auth, "has no password"),
        ("http://:hunter2@h", json!({"oauth2": {"token_url": "/t"}}), Kind::Auth, "has no login"),
        ("http://:hunter2@h", json!({"header": "X Key"}), Kind::Spec, "cannot name a header"),
        ("http://h?verify=false", json!(null), Kind::Unsupported, "'verify', which windvane cannot honour"),
        ("http://h?X-A=a%0d%0aX-B:b", json!(null), Kind::Spec, "'X-A' cannot be sent as a header"),
        ("http://h?__extra__=%5B%5D", json!(null), Kind::Spec, "no JSON object"),
    ] {
        let error = open(url, &source(&auth)).unwrap_err();
        assert!(error.message().contains(words) && error.kind() == kind, "{url}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn airflows_form_of_an_address_is_understood() {
    let api = Api::new(|_, _| Reply::json(&json!([]))).await;
    // The protocol stands where others have a database; extras are one JSON object.
    let url = format!("http://{}/http?__extra__=%7B%22X-Own%22%3A%20%22word%22%7D", api.address);
    ids(&open(&url, &source(&json!(null))).unwrap()).await.unwrap();
    let asked = &api.asked()[0];
    assert_eq!((asked.target.as_str(), asked.header("x-own")), ("/orders", Some("word")));
}
