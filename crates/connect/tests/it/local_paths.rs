//! Which paths of this machine may be touched, and which file a path means.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use windvane_connect::address::read;
use windvane_connect::{Context, LocalPaths};
use windvane_core::spec::source::Source;

/// `base/in.csv`, `other/secret.csv`, and links in `base` to that file and to that folder.
fn folders(name: &str) -> std::io::Result<(PathBuf, PathBuf)> {
    let home = std::env::temp_dir().join(format!("windvane-local-paths-{}-{name}", std::process::id()));
    let (base, other) = (home.join("base"), home.join("other"));
    fs::create_dir_all(&base)?;
    fs::create_dir_all(&other)?;
    fs::write(base.join("in.csv"), "id\n1\n")?;
    fs::write(other.join("secret.csv"), "id\n1\n")?;
    symlink(other.join("secret.csv"), base.join("link.csv"))?;
    symlink(&other, base.join("folder"))?;
    symlink(other.join("later.csv"), base.join("dangling.csv"))?;
    Ok((base, other))
}

#[test]
fn what_lies_outside_is_refused_also_behind_links() -> std::io::Result<()> {
    let (base, other) = folders("outside")?;
    let local = LocalPaths::new(base.clone(), vec![base.clone()]);
    for path in ["in.csv", "new.csv", "./in.csv", "new/in.csv"] {
        assert!(local.resolve(path).is_ok(), "{path}: {:?}", local.resolve(path));
    }
    let absolute = other.join("secret.csv").display().to_string();
    let outside =
        ["link.csv", "folder/secret.csv", "folder", "folder/../in.csv", "dangling.csv", "../other/secret.csv"];
    for path in outside.into_iter().chain(["a/../../x", &absolute]) {
        assert!(local.resolve(path).is_err(), "{path}");
    }
    for glob in ["folder/*.csv", "../other/*", "/**/*.csv"] {
        assert!(local.resolve_glob(glob).is_err(), "{glob}");
    }
    assert_eq!(local.resolve_glob("*.csv").ok(), Some(base.join("*.csv")));
    fs::remove_dir_all(base.parent().unwrap_or(&base))
}

#[test]
fn another_folder_is_allowed_beside_the_others_and_no_root_allows_all() -> std::io::Result<()> {
    let (base, other) = folders("allowed")?;
    let local = LocalPaths::new(base.clone(), vec![base.clone()]);
    assert!(local.from_folder(&other).resolve("secret.csv").is_ok());
    assert!(local.clone().with_root(&other).resolve("link.csv").is_ok());
    let free = LocalPaths::new(base.clone(), Vec::new());
    assert!(free.resolve("link.csv").is_ok());
    // Nothing was restricted, and nothing is from now on.
    assert!(free.with_root(&base).resolve("link.csv").is_ok());
    fs::remove_dir_all(base.parent().unwrap_or(&base))
}

#[test]
fn a_database_is_known_by_its_first_bytes_and_only_where_it_may_be_read() -> std::io::Result<()> {
    let (base, other) = folders("bytes")?;
    fs::write(base.join("shop.csv"), b"SQLite format 3\0and more")?;
    fs::write(other.join("shop.db"), b"SQLite format 3\0and more")?;
    let mut context = Context { local: LocalPaths::new(base.clone(), vec![base.clone()]), ..Context::default() };
    let mut is_sqlite =
        |text: &str| read(text, &mut context).map(|address| matches!(address.source, Source::Sqlite(_))).ok();
    assert_eq!(is_sqlite("shop.csv"), Some(true));
    assert_eq!(is_sqlite("shop.csv#orders"), Some(true));
    assert_eq!(is_sqlite("in.csv"), Some(false));
    assert_eq!(is_sqlite("folder/shop.db"), Some(false));
    fs::remove_dir_all(base.parent().unwrap_or(&base))
}
