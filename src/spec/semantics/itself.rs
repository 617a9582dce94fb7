//! A pipeline whose next run would read what this one wrote, and load every row again.

use super::Judge;
use super::places::normal;
use crate::spec::template;
use crate::spec::tree::Node;
use glob::{MatchOptions, Pattern};
use std::path::{Path, PathBuf};

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let many = root.get("sources").into_iter().flat_map(Node::entries).map(|named| &named.node);
    let sources = root.get("source").into_iter().chain(many).flat_map(Node::entries);
    let files = sources.filter(|source| ["files", "csv", "jsonl", "parquet"].contains(&source.key.as_str()));
    let read = files.filter_map(|source| whole(&judge.ground.base, source.node.get("path")?.text()?));
    let read: Vec<PathBuf> = read.collect();
    judge.key(root, "target", |judge, target| {
        judge.every(target, |judge, tagged| {
            if tagged.key == "sqlite" {
                return;
            }
            judge.key(&tagged.node, "path", |judge, node| {
                let Some(folder) = node.text().and_then(|text| whole(&judge.ground.home, text)) else { return };
                // Of a path that leaves the allowed folders that is said.
                let allowed = |root: &PathBuf| folder.starts_with(root) || is_address(&folder);
                if judge.ground.roots.iter().any(allowed) && read.iter().any(|read| finds(read, &folder, &tagged.key)) {
                    judge.problem(
                        node.mark,
                        "the pipeline reads its own target: each run would load what the last one wrote",
                        "Write to another folder, or read with a path that leaves it out",
                    );
                }
            });
        });
    });
}

/// Whether a glob leads to a file that is loaded into a folder.
fn finds(read: &Path, folder: &Path, ending: &str) -> bool {
    let part = folder.join("dataset").join(format!("part-0.{ending}"));
    let literally = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
    let found = |pattern: Pattern| pattern.matches_path_with(&part, literally);
    Pattern::new(&read.to_string_lossy()).is_ok_and(found)
}

/// A path or an address as a path, when its folder is known before the run.
fn whole(base: &Path, text: &str) -> Option<PathBuf> {
    match text {
        _ if template::is_template(text) => None,
        _ if is_address(Path::new(text)) => Some(PathBuf::from(text)),
        _ => Some(normal(&base.join(text))),
    }
}

fn is_address(path: &Path) -> bool {
    path.to_string_lossy().contains("://")
}
