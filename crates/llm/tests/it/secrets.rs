//! The key goes to the service and into no message, whatever the service makes of it.

use super::service::{KEY, Reply, Service, refused, settings};
use serde_json::json;
use windvane_llm::Gateway;

#[tokio::test]
async fn a_service_that_repeats_the_key_is_told_without_it() {
    let words = format!("Your key {KEY} of anna@example.com (password=hunter2) is odd");
    for status in [400, 401, 404, 429, 500] {
        for body in [words.clone(), json!({"error": {"message": words}}).to_string()] {
            // No waiting: the wait that is asked for is too long.
            let service = Service::new([Reply::status(status, "Retry-After: 999\r\n", &body)]).await;
            let error = refused(&service.gateway()).await;
            let told = format!("{error} {error:?}");
            assert!(told.contains("Your key [key] of [email] (password=[secret]"), "{told}");
            assert!(!told.contains(KEY) && !told.contains("anna") && !told.contains("hunter2"), "{told}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_key_is_told_without_it() {
    for reply in [
        Reply::message(&json!({"role": "assistant", "content": null, "refusal": format!("not with {KEY}")}), "stop"),
        Reply::says(&json!({"table": "orders", "keys": KEY}).to_string()),
        Reply::says(&json!({"table": "orders", "keys": [], KEY: 1}).to_string()),
    ] {
        let service = Service::new([reply]).await;
        let error = refused(&service.gateway()).await;
        let told = format!("{error} {error:?}");
        assert!(told.contains("[key]") && !told.contains(KEY), "{told}");
    }
}

#[tokio::test]
async fn what_is_said_is_one_short_line() {
    let service = Service::new([Reply::status(400, "", &"many\nwords ".repeat(1_000))]).await;
    let error = refused(&service.gateway()).await;
    assert!(error.message().contains("many words many") && error.message().chars().count() < 300, "{error}");
}

#[test]
fn the_key_is_in_no_debugging_words() {
    let settings = settings();
    let told = format!("{settings:?} {:?}", Gateway::new(&settings, None).unwrap());
    assert!(told.contains("127.0.0.1") && !told.contains(KEY), "{told}");
}
