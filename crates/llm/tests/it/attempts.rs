//! A service that is busy, broken or away: how often it is asked, and when not any more.

use super::service::{GOOD, Reply, Service, ask, refused, settings};
use serde_json::json;
use tokio::net::TcpListener;
use windvane_core::error::Kind;
use windvane_llm::{Gateway, Settings};

/// The service names a wait that no test feels.
const SOON: &str = "Retry-After: 0.001\r\n";

fn busy(status: u16, headers: &str) -> Reply {
    Reply::status(status, headers, "later")
}

#[tokio::test]
async fn a_bad_day_passes() {
    let service = Service::new([busy(429, SOON), busy(503, SOON), Reply::says(GOOD)]).await;
    let answer = ask(&service.gateway(), &json!({})).await.unwrap();
    assert_eq!((answer.tokens, service.count()), (10, 3));
}

#[tokio::test]
async fn it_is_given_up_after_so_many_attempts() {
    for (status, kind) in
        [(408, Kind::Timeout), (429, Kind::Throttled), (500, Kind::Unavailable), (503, Kind::Unavailable)]
    {
        let service = Service::new([busy(status, SOON)]).await;
        let error = refused(&service.gateway()).await;
        assert_eq!((error.kind(), error.retryable(), service.count()), (kind, true, 3), "{error}");
        assert!(error.message().ends_with(": later: still so at attempt 3 after waits of 0.001 s"), "{error}");
    }
}

#[tokio::test]
async fn attempts_have_bounds_whatever_is_asked_for() {
    for (asked, sent) in [(0, 1), (1, 1), (u32::MAX, 10)] {
        let service = Service::new([busy(500, SOON)]).await;
        let gateway = Gateway::new(&Settings { max_attempts: asked, ..service.settings() }, None).unwrap();
        refused(&gateway).await;
        assert_eq!(service.count(), sent, "{asked}");
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_not_waited_for() {
    let service = Service::new([busy(429, "Retry-After: 3600\r\n")]).await;
    let error = refused(&service.gateway()).await;
    assert_eq!((error.kind(), error.retry_after_seconds(), service.count()), (Kind::Throttled, Some(3600.0), 1));
    assert!(error.message().ends_with("asked to wait 3600 s, which is too long"), "{error}");
    // No more than a question may take is waited, either.
    let service = Service::new([busy(429, "Retry-After: 2\r\n")]).await;
    let gateway = Gateway::new(&Settings { timeout_seconds: 1.5, ..service.settings() }, None).unwrap();
    assert_eq!((refused(&gateway).await.retry_after_seconds(), service.count()), (Some(2.0), 1));
}

#[tokio::test]
async fn a_wait_that_is_no_number_of_seconds_is_our_own() {
    for said in ["-1", "soon", "inf", "NaN", "1e300", "", "Wed, 21 Oct 2099 07:28:00 GMT"] {
        let service = Service::new([busy(503, &format!("Retry-After: {said}\r\n"))]).await;
        let gateway = Gateway::new(&Settings { max_attempts: 1, ..service.settings() }, None).unwrap();
        let error = refused(&gateway).await;
        assert_eq!(error.retry_after_seconds(), Some(0.2), "{said}: {error}");
    }
}

#[tokio::test]
async fn a_service_that_was_away_is_not_asked_again() {
    let service = Service::new([busy(500, SOON), busy(500, SOON), busy(500, SOON), Reply::says(GOOD)]).await;
    let gateway = service.gateway();
    refused(&gateway).await;
    let again = ask(&gateway, &json!({"rows": 1})).await.unwrap_err();
    assert!(again.error.message().starts_with("the model was not asked again: 500"), "{}", again.error);
    assert_eq!((again.error.kind(), again.tokens, service.count()), (Kind::Unavailable, 0, 3));
    // Clones know of it; a new gateway begins anew.
    assert!(ask(&gateway.clone(), &json!({})).await.is_err());
    assert_eq!(service.count(), 3);
    assert!(ask(&service.gateway(), &json!({})).await.is_ok());
}

#[tokio::test]
async fn a_service_that_said_no_is_asked_the_next_question() {
    let service = Service::new([busy(400, ""), Reply::says(GOOD)]).await;
    let gateway = service.gateway();
    assert_eq!(refused(&gateway).await.kind(), Kind::Spec);
    assert!(ask(&gateway, &json!({"rows": 1})).await.is_ok());
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let service = Service::new([Reply::Silence]).await;
    let gateway = Gateway::new(&Settings { timeout_seconds: 0.05, ..service.settings() }, None).unwrap();
    assert_eq!(refused(&gateway).await.kind(), Kind::Timeout);
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let base_url = format!("http://127.0.0.1:{port}/v1");
    let error = refused(&Gateway::new(&Settings { base_url, ..settings() }, None).unwrap()).await;
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().starts_with("the model's service cannot be reached"), "{error}");
    assert!(!error.to_string().contains(&port.to_string()), "{error}");
}
