//! Pages that are kept: what changes in one is read in the commit. `WINDVANE_SNAPSHOTS=write make rust-test` writes them.

use std::path::PathBuf;

pub(crate) fn check(name: &str, page: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/it/snapshots", name].iter().collect();
    if std::env::var_os("WINDVANE_SNAPSHOTS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == page, "{name} has changed: WINDVANE_SNAPSHOTS=write make rust-test, and look at the difference");
}
