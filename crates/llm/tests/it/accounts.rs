//! What questions may cost, and a breaker that gateways share.

use super::service::{GOOD, Reply, Service, ask, refused};
use serde_json::{Value, json};
use std::path::PathBuf;
use windvane_core::error::Kind;
use windvane_core::resilience::breaker;
use windvane_llm::{Gateway, Settings};
use windvane_store::Store;

fn with_budget(service: &Service, tokens: u64) -> Gateway {
    Gateway::new(&Settings { budget_tokens: Some(tokens), ..service.settings() }, None).unwrap()
}

#[tokio::test]
async fn a_spent_budget_ends_the_asking() {
    let service = Service::new([Reply::says(GOOD)]).await;
    let gateway = with_budget(&service, 20);
    for rows in 0..2 {
        assert_eq!(ask(&gateway, &json!({"rows": rows})).await.unwrap().tokens, 10);
    }
    // What clones have spent is spent.
    let refusal = ask(&gateway.clone(), &json!({"rows": 2})).await.unwrap_err();
    assert_eq!((refusal.error.kind(), refusal.tokens, service.count()), (Kind::Budget, 0, 2));
    assert_eq!(refusal.error.message(), "the budget of 20 tokens for the model is spent");
    // An answer that is known costs nothing.
    assert!(ask(&gateway, &json!({"rows": 1})).await.is_ok());
}

#[tokio::test]
async fn no_budget_is_no_question() {
    let service = Service::new([Reply::says(GOOD)]).await;
    assert_eq!((refused(&with_budget(&service, 0)).await.kind(), service.count()), (Kind::Budget, 0));
}

#[tokio::test]
async fn a_repair_counts_too() {
    let service = Service::new([Reply::says("{}"), Reply::says(GOOD)]).await;
    let refusal = ask(&with_budget(&service, 10), &json!({})).await.unwrap_err();
    assert_eq!((refusal.error.kind(), refusal.tokens, service.count()), (Kind::Budget, 10, 1));
}

#[tokio::test]
async fn what_a_refused_answer_has_cost_is_told() {
    let silent = json!({"role": "assistant", "content": null});
    let service = Service::new([Reply::message(&silent, "stop")]).await;
    let gateway = with_budget(&service, 5);
    assert_eq!(ask(&gateway, &json!({})).await.unwrap_err().tokens, 10);
    assert_eq!(refused(&gateway).await.kind(), Kind::Budget);
}

#[tokio::test]
async fn a_service_that_does_not_count_is_counted() {
    let choices = json!([{"index": 0, "message": {"role": "assistant", "content": GOOD}, "finish_reason": "stop"}]);
    let service = Service::new([Reply::completion(&choices, &Value::Null)]).await;
    let gateway = service.gateway();
    let short = ask(&gateway, &json!({})).await.unwrap().tokens;
    let long = ask(&gateway, &json!({"text": "x".repeat(4_000)})).await.unwrap().tokens;
    assert!(short > 0 && (1_000..1_010).contains(&(long - short)), "{short} {long}");
}

#[tokio::test]
async fn a_breaker_that_others_have_opened_lets_nobody_ask() {
    let folder = Folder::new();
    let store = Store::at(&format!("sqlite://{}", folder.0.join("store.db").display())).unwrap();
    let threshold = breaker::Settings::default().failure_threshold as usize;
    let service = Service::new([Reply::status(500, "", "")]).await;
    // A wrong key says nothing of whether the service is there.
    let strict = Service::new([Reply::status(401, "", "")]).await;
    for _ in 0..threshold {
        for one in [&service, &strict] {
            let settings = Settings { max_attempts: 1, ..one.settings() };
            refused(&Gateway::new(&settings, Some(&store)).unwrap()).await;
        }
    }
    let error = refused(&Gateway::new(&service.settings(), Some(&store)).unwrap()).await;
    assert!(error.message().contains("is open") && error.kind() == Kind::Unavailable, "{error}");
    assert!(refused(&Gateway::new(&strict.settings(), Some(&store)).unwrap()).await.kind() == Kind::Auth);
    assert_eq!((service.count(), strict.count()), (threshold, threshold + 1));
    // Without a store there is no breaker.
    refused(&Gateway::new(&Settings { max_attempts: 1, ..service.settings() }, None).unwrap()).await;
    assert_eq!(service.count(), threshold + 1);
}

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("windvane-llm-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
