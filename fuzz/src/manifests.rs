//! A manifest's text: what is read writes itself, and names no file outside its folder.

use super::errors::told;
use std::path::{Component, Path};
use windvane_files::fuzzing::manifest;

pub(crate) fn run(data: &[u8]) {
    let (text, names) = match manifest(data) {
        Ok(read) => read,
        Err(error) => return told(&error),
    };
    for name in &names {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        assert!(inside && !name.is_empty(), "'{name}' lies outside the folder");
    }
    assert_eq!(manifest(&text).ok(), Some((text, names)), "what was written reads back to itself");
}
