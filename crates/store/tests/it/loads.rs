//! The ledger as the store remembers it.

use super::Home;
use serde_json::json;
use windvane_store::ledger::{LedgerRow, Loads};

fn row(load_id: &str, target: &str, rows: u64) -> LedgerRow {
    LedgerRow {
        load_id: load_id.to_owned(),
        run: "r1".to_owned(),
        pipeline: "shop".to_owned(),
        output: "orders".to_owned(),
        dataset: "public.orders".to_owned(),
        rows,
        checksum: "ab".to_owned(),
        target: target.to_owned(),
        window: None,
        loaded_at: String::new(),
    }
}

#[tokio::test]
async fn another_attempt_takes_the_place_of_the_first() {
    let home = Home::new();
    let store = home.store();
    assert!(store.put_ledger(&row("l1", "here", 5)).await.unwrap());
    assert!(!store.put_ledger(&row("l1", "here", 7)).await.unwrap());
    // The same load into another target is another note.
    assert!(store.put_ledger(&row("l1", "there", 5)).await.unwrap());
    let noted = home.store().ledger("shop", 10).await.unwrap();
    let mut rows: Vec<(String, u64)> = noted.into_iter().map(|one| (one.target, one.rows)).collect();
    rows.sort();
    assert_eq!(rows, [("here".to_owned(), 7), ("there".to_owned(), 5)]);
}

#[tokio::test]
async fn a_note_that_does_not_say_where_may_be_of_any_target() {
    let home = Home::new();
    let store = home.store();
    store.put_ledger(&row("l1", "", 5)).await.unwrap();
    assert_eq!(store.load("l1", "here").await.unwrap().unwrap().rows, 5);
    store.put_ledger(&row("l2", "there", 5)).await.unwrap();
    assert!(store.load("l2", "here").await.unwrap().is_none());
}

#[tokio::test]
async fn only_what_read_a_part_is_listed_with_its_part() {
    let home = Home::new();
    let store = home.store();
    store.put_ledger(&row("l1", "here", 5)).await.unwrap();
    let part = LedgerRow { window: Some(json!({"low": "1", "high": "2"})), ..row("l2", "here", 6) };
    store.put_ledger(&part).await.unwrap();
    let loads = Loads { pipeline: "shop", output: "orders", dataset: "public.orders", target: "here" };
    let listed = store.windowed_loads(&loads).await.unwrap();
    assert_eq!(listed.iter().map(|one| &*one.load_id).collect::<Vec<_>>(), ["l2"]);
    assert_eq!(listed[0].window, part.window);
    assert_eq!(store.last_load(&loads).await.unwrap().unwrap().load_id, "l2");
}
