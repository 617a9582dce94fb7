//! Files that are one dataset, and what it is called.

use super::manifest::Manifest;
use super::piece::Piece;
use std::collections::BTreeMap;
use std::path::Path;
use windvane_connect::FoundKind;
use windvane_core::error::{Error, Result};

/// How the user named a file. One that is named is meant whatever its ending; only a path means a hidden file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    No,
    ByGlob,
    ByPath,
}

/// Files that are one dataset.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub name: String,
    pub locator: String,
    pub kind: FoundKind,
    pub files: Vec<Piece>,
    pub manifest: Option<Manifest>,
}

/// Several files as one dataset; they must be of one kind.
pub(super) fn as_one(name: &str, locator: &str, found: Vec<Item>) -> Result<Option<Item>> {
    let Some(first) = found.first() else { return Ok(None) };
    let kind = first.kind;
    if let [only] = found.as_slice() {
        return Ok(Some(Item { name: name.to_owned(), ..only.clone() }));
    }
    if found.iter().any(|item| item.kind != kind) {
        return Err(Error::spec(format!("the files of '{name}' are of different kinds"))
            .in_file(locator.to_owned())
            .hint("Narrow the path with a glob such as *.csv"));
    }
    let files = found.into_iter().flat_map(|item| item.files).collect();
    Ok(Some(Item { name: name.to_owned(), locator: locator.to_owned(), kind, files, manifest: None }))
}

/// Datasets of the same stem get their file's ending, then their whole locator, as their name.
pub(super) fn name_apart(items: &mut [Item]) {
    for longer in [file_name as fn(&Item) -> String, |item| item.locator.clone()] {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for item in items.iter() {
            *count.entry(item.name.clone()).or_default() += 1;
        }
        for item in items.iter_mut().filter(|item| count.get(&item.name).is_some_and(|count| *count > 1)) {
            item.name = longer(item);
        }
    }
}

fn file_name(item: &Item) -> String {
    let path = Path::new(&item.locator);
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
