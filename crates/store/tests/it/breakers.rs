//! A breaker that several stores share: no failure is lost, and an open one lets nobody through.

use super::Home;
use std::sync::atomic::{AtomicU32, Ordering};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::breaker::Settings;
use windvane_store::breaker::guard;

const THRESHOLD: u32 = 8;

fn settings() -> Settings {
    Settings {
        failure_threshold: THRESHOLD,
        cooldown: 3600.0,
        probes: 1,
        successes: None,
        probe_timeout: 60.0,
        window: None,
    }
}

async fn fails() -> Result<()> {
    Err(Error::new(Kind::Unavailable, "the server is gone"))
}

#[tokio::test]
async fn failures_of_many_open_it_for_all() {
    let home = Home::new();
    let calls = (0..THRESHOLD).map(|_| {
        let store = home.store();
        tokio::spawn(async move { guard(Some(&store), "shop", &settings(), fails()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap_err().to_string(), "the server is gone");
    }
    let done = AtomicU32::new(0);
    let work = async {
        done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let refused = guard(Some(&home.store()), "shop", &settings(), work).await.unwrap_err();
    assert_eq!((refused.kind(), done.load(Ordering::Relaxed)), (Kind::Unavailable, 0));
    assert!(refused.retry_after_seconds().is_some_and(|seconds| seconds > 0.0));
    // Others are not held up by it, and a reset lets the next one through.
    assert!(guard(Some(&home.store()), "lake", &settings(), async { Ok(()) }).await.is_ok());
    home.store().reset_breaker("shop").await.unwrap();
    assert!(guard(Some(&home.store()), "shop", &settings(), async { Ok(()) }).await.is_ok());
}

#[tokio::test]
async fn a_state_is_put_in_the_place_of_the_one_it_was_made_from_only() {
    let home = Home::new();
    let (one, other) = (home.store(), home.store());
    let (state, version) = one.breaker("shop").await.unwrap();
    assert_eq!(version, 0);
    assert!(one.update_breaker("shop", &state, version).await.unwrap());
    assert!(!other.update_breaker("shop", &state, version).await.unwrap());
    let (state, version) = other.breaker("shop").await.unwrap();
    assert!(other.update_breaker("shop", &state, version).await.unwrap());
}

#[tokio::test]
async fn without_a_store_the_work_is_done() {
    assert_eq!(guard(None, "shop", &settings(), async { Ok(7) }).await.unwrap(), 7);
}
