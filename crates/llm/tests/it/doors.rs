//! Which settings a gateway is made of.

use super::service::settings;
use serde_json::json;
use windvane_core::error::Kind;
use windvane_llm::{Gateway, Settings};

#[test]
fn a_deadline_is_a_positive_number_of_seconds() {
    for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        let error = Gateway::new(&Settings { timeout_seconds: seconds, ..settings() }, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Spec, "{seconds}");
        assert!(error.message().contains("timeout"), "{seconds}: {error}");
    }
}

#[test]
fn an_address_is_one_of_the_web() {
    for address in ["", "api.example.com/v1", "file:///etc/passwd", "ftp://example.com", "HTTP//example.com"] {
        let error = Gateway::new(&Settings { base_url: address.to_owned(), ..settings() }, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Spec, "{address}");
    }
    assert!(Gateway::new(&Settings { base_url: "https://example.com".to_owned(), ..settings() }, None).is_ok());
}

#[test]
fn a_proxy_that_cannot_be_read_is_not_repeated() {
    let proxy = Some("http://anna:hunter2@[".to_owned());
    let error = Gateway::new(&Settings { proxy, ..settings() }, None).unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Spec, "the model's proxy address is malformed"));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn what_is_not_said_has_its_default_and_what_is_not_known_is_refused() {
    let least = json!({"base_url": "http://localhost:1", "model": "m"});
    let read: Settings = serde_json::from_value(least.clone()).unwrap();
    assert_eq!((read.timeout_seconds, read.max_attempts, read.budget_tokens), (60.0, 3, None));
    assert!(read.proxy.is_none() && read.api_key.is_empty());
    let mut more = least;
    more["budget"] = json!(7);
    assert!(serde_json::from_value::<Settings>(more).unwrap_err().to_string().contains("budget"));
}
