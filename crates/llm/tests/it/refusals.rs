//! Answers that are none, and services that say no: each is asked once, and told as what it is.

use super::service::{Reply, Service, ask, refused};
use serde_json::{Value, json};
use windvane_core::error::Kind;

#[tokio::test]
async fn an_answer_without_words_is_named_and_not_repaired() {
    let says = |message: &Value| Reply::message(message, "stop");
    for (reply, words) in [
        (Reply::completion(&json!([]), &Value::Null), "the model gave no answer"),
        (says(&json!({"role": "assistant"})), "the model gave an empty answer"),
        (says(&json!({"role": "assistant", "content": " \n"})), "the model gave an empty answer"),
        (Reply::message(&json!({"role": "assistant", "content": "{"}), "content_filter"), "filtered the answer"),
        (
            says(&json!({"role": "assistant", "content": "{}", "refusal": "Not for\n1234567890"})),
            "refused: Not for [number]",
        ),
    ] {
        let service = Service::new([reply]).await;
        let error = refused(&service.gateway()).await;
        assert!(error.message().contains(words), "{error}");
        assert_eq!((error.kind(), error.retryable(), service.count()), (Kind::Data, false, 1), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_chat_completion_is_named() {
    let huge = json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": u64::MAX});
    for reply in [
        Reply::status(200, "", ""),
        Reply::status(200, "", "null"),
        Reply::status(200, "", "[]"),
        Reply::status(200, "", r#"{"choices":"#),
        Reply::status(200, "", r#"{"error":{"message":"anna@example.com"}}"#),
        Reply::status(200, "Content-Type: text/html\r\n", "<html>Log in</html>"),
        Reply::completion(&json!({}), &Value::Null),
        Reply::completion(&json!([{"index": 0, "message": "orders"}]), &Value::Null),
        Reply::completion(&json!([]), &huge),
    ] {
        let service = Service::new([reply]).await;
        let error = refused(&service.gateway()).await;
        assert_eq!(error.to_string(), "the model's service answered with something that is no chat completion");
        assert_eq!((error.kind(), service.count()), (Kind::Data, 1));
    }
}

#[tokio::test]
async fn a_service_that_says_no_is_asked_once() {
    for (status, kind, words) in [
        (400, Kind::Spec, "400: the model's service refused the request: No such"),
        (401, Kind::Auth, "401: the model's service refused the key"),
        (403, Kind::Auth, "403: the model's service refused the key"),
        (404, Kind::Missing, "404: there is no such address or model"),
        (422, Kind::Spec, "422: the model's service refused the request"),
    ] {
        let body = json!({"error": {"message": "No \n such"}}).to_string();
        let service = Service::new([Reply::status(status, "Retry-After: 0\r\n", &body)]).await;
        let error = refused(&service.gateway()).await;
        assert!(error.message().starts_with(words), "{error}");
        assert_eq!((error.kind(), service.count()), (kind, 1), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Service::new([Reply::says("{}")]).await;
    for status in [301, 302, 307, 308] {
        let location = format!("Location: {}\r\n", other.settings().base_url);
        let service = Service::new([Reply::status(status, &location, "")]).await;
        let error = refused(&service.gateway()).await;
        assert!(error.message().contains("redirects are not followed"), "{error}");
        assert_eq!((error.kind(), service.count(), other.count()), (Kind::Unavailable, 1, 0));
    }
}

#[tokio::test]
async fn no_answer_is_read_beyond_its_limit() {
    let large = "x".repeat(5 << 20);
    let whole = Reply::says(&large);
    // Without a length, it ends where the connection does.
    let endless = Reply::Bytes(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{large}").into_bytes());
    for reply in [whole, endless] {
        let service = Service::new([reply]).await;
        let error = refused(&service.gateway()).await;
        assert_eq!(error.message(), "the model's answer is larger than 4 MiB");
        assert_eq!((error.kind(), service.count()), (Kind::Data, 1));
    }
    // What a refusal says in so many words is not read either, and it stays one.
    let service = Service::new([Reply::status(401, "", &large)]).await;
    assert_eq!(refused(&service.gateway()).await.message(), "401: the model's service refused the key");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let service = Service::new([Reply::cut(200, "", r#"{"choices":[]"#, 500)]).await;
    let error = refused(&service.gateway()).await;
    assert_eq!(error.message(), "the model's service broke off its answer");
    assert_eq!((error.kind(), service.count()), (Kind::Unavailable, 1));
    assert!(ask(&service.gateway(), &json!({"rows": 2})).await.is_err());
}
