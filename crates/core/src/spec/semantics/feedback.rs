//! A pipeline whose next run would read what this one wrote, and load every row again.

use super::judge::Judge;
use super::sources_and_targets::normal;
use crate::spec::node::Node;
use crate::spec::source::Source;
use crate::spec::target::Target;
use crate::spec::template;
use glob::{MatchOptions, Pattern};
use std::path::{Path, PathBuf};

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let many = root.get("sources").into_iter().flat_map(Node::entries).map(|named| &named.node);
    let sources = root.get("source").into_iter().chain(many).flat_map(Node::entries);
    let files = sources.filter(|source| Source::called(&source.key).is_some_and(|kind| kind.files));
    let read = files.filter_map(|source| {
        let text = source.node.get("path")?.text()?;
        let path = real(whole(&judge.ground.base, text)?);
        let name = source.node.get("as_dataset").and_then(Node::text);
        Some(Read { kind: &source.key, path, is_glob: text.contains(['*', '?', '[']), name })
    });
    let read: Vec<Read<'_>> = read.collect();
    judge.key(root, "target", |judge, target| {
        judge.every(target, |judge, tagged| {
            if Target::called(&tagged.key).is_some_and(|kind| kind.one_file) {
                return;
            }
            judge.key(&tagged.node, "path", |judge, node| {
                let Some(folder) = node.text().and_then(|text| whole(&judge.ground.home, text)) else { return };
                // Of a path that leaves the allowed folders that is said.
                let allowed = |root: &PathBuf| folder.starts_with(root) || is_address(&folder);
                let is_inside = judge.ground.roots.iter().any(allowed);
                let folder = real(folder);
                if is_inside && read.iter().any(|read| read.finds(&folder, &tagged.key)) {
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

/// What a source reads.
struct Read<'a> {
    kind: &'a str,
    path: PathBuf,
    is_glob: bool,
    /// Of the one dataset that all of it is.
    name: Option<&'a str>,
}

impl Read<'_> {
    /// Whether it leads to a file that is loaded into a folder, or to the folder of a dataset there.
    fn finds(&self, folder: &Path, kind: &str) -> bool {
        let dataset = folder.join(self.name.unwrap_or("dataset"));
        let part = dataset.join(format!("part-0.{kind}"));
        let literally = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        // Folders of another kind are passed over.
        let alike = self.kind == "files" || self.kind == kind;
        if !self.is_glob {
            return alike && (self.path == folder || self.name.is_some() && self.path == dataset);
        }
        let leads = |pattern: Pattern| {
            pattern.matches_path_with(&part, literally) || alike && pattern.matches_path_with(&dataset, literally)
        };
        Pattern::new(&self.path.to_string_lossy()).is_ok_and(leads)
    }
}

/// With the links of its longest existing part followed: two names may be one folder.
fn real(path: PathBuf) -> PathBuf {
    if is_address(&path) {
        return path;
    }
    let known = path.ancestors().find_map(|ancestor| {
        let rest = path.strip_prefix(ancestor).ok()?;
        Some(ancestor.canonicalize().ok()?.join(rest))
    });
    known.unwrap_or(path)
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
