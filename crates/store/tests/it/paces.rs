//! A pace that several stores keep: each caller gets a place of its own.

use super::Home;

#[tokio::test]
async fn many_callers_stand_in_one_line() {
    let home = Home::new();
    let taking = (0..5).map(|_| {
        let store = home.store();
        tokio::spawn(async move { store.take_pace("shop", 100.0, 1e6).await.unwrap() })
    });
    let mut waits = Vec::new();
    for one in taking.collect::<Vec<_>>() {
        waits.push(one.await.unwrap());
    }
    waits.sort_by(f64::total_cmp);
    // A place is 100 seconds behind the one before it; how long the callers themselves took is far below that.
    for (place, wait) in (0_u8..).zip(&waits) {
        let least = f64::from(place) * 100.0 - 50.0;
        assert!((least..least + 100.0).contains(wait), "{waits:?}");
    }
}

#[tokio::test]
async fn a_place_too_far_away_is_not_taken() {
    let home = Home::new();
    home.store().hold_pace("shop", 1000.0).await.unwrap();
    for _ in 0..3 {
        let wait = home.store().take_pace("shop", 100.0, 10.0).await.unwrap();
        assert!((900.0..=1000.0).contains(&wait), "{wait}");
    }
}
