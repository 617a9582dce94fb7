//! The file of a store.

use super::Home;
use std::os::unix::fs::PermissionsExt;
use windvane_core::error::Kind;
use windvane_store::Store;

#[tokio::test]
async fn it_can_be_read_by_its_owner_only() {
    let home = Home::new();
    home.store().version().await.unwrap();
    let mode = std::fs::metadata(home.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[tokio::test]
async fn many_may_open_a_new_one_at_once() {
    let home = Home::new();
    let opening = (0..8).map(|_| {
        let store = home.store();
        tokio::spawn(async move { store.version().await.unwrap() })
    });
    let mut versions = Vec::new();
    for one in opening.collect::<Vec<_>>() {
        versions.push(one.await.unwrap());
    }
    versions.dedup();
    assert_eq!(versions.len(), 1);
}

#[tokio::test]
async fn what_is_no_store_is_left_as_it_is() {
    let home = Home::new();
    std::fs::write(home.file(), "name,price\nbread,2\n".repeat(100)).unwrap();
    let before = std::fs::read(home.file()).unwrap();
    assert!(home.store().version().await.is_err());
    assert_eq!(std::fs::read(home.file()).unwrap(), before);
}

#[test]
fn a_url_of_another_kind_is_refused_without_its_password() {
    let error = Store::at("mysql://u:s3cret@h/db").unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(!error.to_string().contains("s3cret"));
}
