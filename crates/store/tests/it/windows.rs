//! The windows of an incremental output follow each other, one at a time.

use super::Home;
use windvane_store::windows::WindowState;

#[tokio::test]
async fn one_is_open_at_most_whoever_asks() {
    let home = Home::new();
    home.store().version().await.unwrap();
    let opening = (0..6).map(|run| {
        let store = home.store();
        tokio::spawn(async move {
            store.open_window("shop", "orders", &format!("r{run}"), "p", (None, Some("9"))).await.unwrap()
        })
    });
    let mut opened = 0;
    for one in opening.collect::<Vec<_>>() {
        opened += u32::from(one.await.unwrap());
    }
    assert_eq!(opened, 1);
    // Another output's is another matter.
    assert!(home.store().open_window("shop", "customers", "r0", "p", (None, None)).await.unwrap());
}

#[tokio::test]
async fn the_watermark_is_the_end_of_the_last_that_is_done_and_held_rows() {
    let (home, output) = (Home::new(), ("shop", "orders"));
    let store = home.store();
    let mut low = None;
    for (run, high) in [("r1", Some("10")), ("r2", Some("20")), ("r3", None)] {
        assert!(store.open_window(output.0, output.1, run, "p", (low, high)).await.unwrap());
        let done = store.set_window(output.0, output.1, run, WindowState::Open, WindowState::Done).await.unwrap();
        assert!(done);
        low = high.or(low);
    }
    assert_eq!(store.watermark(output.0, output.1).await.unwrap().as_deref(), Some("20"));
    assert!(store.open_window(output.0, output.1, "r4", "p", (low, Some("30"))).await.unwrap());
    assert_eq!(store.watermark(output.0, output.1).await.unwrap().as_deref(), Some("20"));
    let kept: Vec<String> = store.windows(output.0, output.1).await.unwrap().into_iter().map(|one| one.run).collect();
    assert_eq!(kept, ["r4", "r3", "r2", "r1"]);
}

#[tokio::test]
async fn a_state_changes_only_from_the_one_that_is_meant() {
    let (home, of) = (Home::new(), ("shop", "orders", "r1"));
    let store = home.store();
    assert!(store.open_window(of.0, of.1, of.2, "p", (None, Some("10"))).await.unwrap());
    let change = async |from, to| store.set_window(of.0, of.1, of.2, from, to).await.unwrap();
    assert!(!change(WindowState::Released, WindowState::Done).await);
    assert!(change(WindowState::Open, WindowState::Released).await);
    assert!(change(WindowState::Released, WindowState::Superseded).await);
    // What is superseded is history: not listed, and its run may begin anew.
    assert!(store.windows(of.0, of.1).await.unwrap().is_empty());
    assert!(store.open_window(of.0, of.1, of.2, "p", (None, Some("12"))).await.unwrap());
    assert_eq!(store.windows(of.0, of.1).await.unwrap()[0].high.as_deref(), Some("12"));
}
