//! Text to [`Spec`]: every mistake located, all of them at once.

use super::Spec;
pub use super::hash::of as hash;
use super::locate::{Mark, Problems};
use super::node::Node;
use super::path::{self, Part, Segment, path_of, shorten};
use super::problem::{Finding, Problem};
use super::semantics::Ground;
use super::{hint, overlay, rules, scalar, semantics, tree, validate};
use crate::error::{Error, Kind, Place};
use std::path::{Path, PathBuf};

/// A spec is written by people; what is larger than this is something else.
const LARGEST: u64 = 1024 * 1024;

/// What the text alone does not say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The environment whose overlay applies.
    pub environment: Option<String>,
    /// The folder that relative paths mean: the spec's own, when empty.
    pub base: PathBuf,
    /// Folders, beside the base, that paths may lie in.
    pub roots: Vec<PathBuf>,
    /// What rooms below know to be wrong with a document (see `engine::lint`).
    pub judge: Option<Judge>,
    /// The folder that a target's relative path means: the base, when there is none.
    pub home: Option<PathBuf>,
    /// Folders in which no target may lie: DAG bundles.
    pub read_only: Vec<PathBuf>,
}

/// Looks at a document and tells what is wrong with it.
pub type Judge = fn(&serde_json::Value) -> Vec<Finding>;

/// A text that could be read, not yet judged: for callers that need to know little, fast.
#[derive(Debug)]
pub struct Document {
    file: String,
    root: Node,
    problems: Problems,
}

/// Reads and judges a text. `file_name` is what problems call it.
pub fn text(file_name: &str, text: &str, options: &Options) -> Result<Spec, Vec<Problem>> {
    document(file_name, text)?.spec(options)
}

/// Reads and judges a file.
pub fn file(path: &Path, options: &Options) -> Result<Spec, Vec<Problem>> {
    let name = path.display().to_string();
    let content = bytes(path).and_then(|bytes| decoded(&name, bytes))?;
    let mut options = options.clone();
    if options.base.as_os_str().is_empty() {
        options.base = path.parent().map(Path::to_path_buf).unwrap_or_default();
    }
    text(&name, &content, &options)
}

/// The bytes of a file that is small enough to be a spec.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Vec<Problem>> {
    let name = path.display().to_string();
    let fail = |error: std::io::Error| {
        let (kind, message) = match error.kind() {
            std::io::ErrorKind::NotFound => (Kind::Missing, "there is no such file".to_owned()),
            std::io::ErrorKind::PermissionDenied => (Kind::Auth, "the file may not be read".to_owned()),
            _ => (Kind::Missing, format!("the file cannot be read: {error}")),
        };
        vec![whole(&name, kind, message)]
    };
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > LARGEST {
        return Err(vec![whole(&name, Kind::Spec, format!("the file has {size} bytes; a spec has at most {LARGEST}"))]);
    }
    std::fs::read(path).map_err(fail)
}

/// The text of a file: UTF-8, or the place where it is not.
pub fn decoded(name: &str, bytes: Vec<u8>) -> Result<String, Vec<Problem>> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let before = String::from_utf8_lossy(valid);
        let mut problems = Problems::new(name);
        let hint = Some("Save the file as UTF-8".to_owned());
        problems.add(Mark::behind(&before), String::new(), "this byte is not UTF-8 text", hint);
        problems.finish()
    })
}

/// Reads a text without judging it.
pub fn document(file_name: &str, text: &str) -> Result<Document, Vec<Problem>> {
    let mut problems = Problems::new(file_name);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err(vec![whole(file_name, Kind::Spec, format!("the text is longer than {LARGEST} bytes"))]);
    }
    match tree::read(&scalar::without_surrogates(text), &mut problems) {
        Some(root) => Ok(Document { file: file_name.to_owned(), root, problems }),
        None => Err(problems.finish()),
    }
}

impl Document {
    /// The pipeline's id as written, right or wrong.
    pub fn pipeline(&self) -> Option<&str> {
        self.root.get("pipeline").and_then(Node::text)
    }

    /// A problem with the pipeline's id, which only the caller can see.
    pub fn problem_at_pipeline(&self, message: String, hint: String) -> Problem {
        let mark = self.root.get("pipeline").map_or(self.root.mark, |node| node.mark);
        let Mark { line, column, .. } = mark;
        let path = "pipeline".to_owned();
        Problem { file: self.file.clone(), line, column, path, kind: Kind::Conflict, message, hint: Some(hint) }
    }

    /// Whether anything differs between environments.
    pub fn has_environments(&self) -> bool {
        self.root.get("environments").is_some()
    }

    /// Judges the document and each of its environments.
    pub fn spec(mut self, options: &Options) -> Result<Spec, Vec<Problem>> {
        let rules = rules::of_spec().map_err(|error| vec![whole(&self.file, error.kind(), error.to_string())])?;
        let ground = ground(options);
        let problems = &mut self.problems;
        validate::document(rules, &self.root, problems);
        semantics::document(&self.root, &ground, problems);
        judged(options.judge, &self.root, problems);
        let mut chosen = None;
        let overlays = self.root.get("environments").map(Node::entries).unwrap_or_default();
        for entry in overlays {
            environment_name(&entry.key, entry.key_mark, problems);
            problems.in_environment(Some(&entry.key));
            let merged = overlay::merged(&self.root, &entry.key, &entry.node, problems);
            validate::document(rules, &merged, problems);
            semantics::document(&merged, &ground, problems);
            judged(options.judge, &merged, problems);
            problems.in_environment(None);
            if options.environment.as_ref() == Some(&entry.key) {
                chosen = Some(merged);
            }
        }
        if let (Some(wanted), None) = (&options.environment, &chosen) {
            let names: Vec<&str> = overlays.iter().map(|entry| entry.key.as_str()).collect();
            let mark = self.root.entry("environments").map_or(self.root.mark, |entry| entry.key_mark);
            let hint = hint::did_you_mean(wanted, &names, "environments");
            let message = format!("there is no environment '{}'", shorten(wanted));
            problems.add(mark, "environments".to_owned(), message, Some(hint));
        }
        if !self.problems.is_empty() {
            return Err(self.problems.finish());
        }
        let tree = chosen.as_ref().unwrap_or(&self.root);
        // The schema comes from the same types, so this can only fail by a constraint that the schema does not hold.
        serde_json::from_value(tree.to_json()).map_err(|error| {
            self.problems.add(tree.mark, String::new(), error.to_string(), None);
            self.problems.finish()
        })
    }
}

/// What a judge finds, each at its place.
fn judged(judge: Option<Judge>, root: &Node, problems: &mut Problems) {
    let Some(judge) = judge else { return };
    for Finding { path, error } in judge(&root.to_json()) {
        let segments: Vec<Segment<'_>> = path.iter().map(Segment::from).collect();
        let hint = error.hint_text().map(str::to_owned);
        problems.add_kind(error.kind(), deepest(root, &path), path_of(&segments), error.message(), hint);
    }
}

/// Where the value at a path begins, or the innermost one on the way to it that is there.
fn deepest(root: &Node, path: &[Part]) -> Mark {
    let mut node = root;
    for part in path {
        let next = match part {
            Part::Key(key) => node.get(key),
            Part::Index(index) => node.items().get(*index),
        };
        let Some(next) = next else { break };
        node = next;
    }
    node.mark
}

/// Gives an error that knows its path inside a spec the line and column too.
pub fn located(error: Error, file: &Path) -> Error {
    let Some(path) = error.place().path.clone().filter(|_| error.place().line.is_none()) else { return error };
    let name = file.display().to_string();
    let read = bytes(file).and_then(|bytes| decoded(&name, bytes)).and_then(|text| document(&name, &text));
    let Ok(document) = read else { return error };
    let Mark { line, column, .. } = deepest(&document.root, &path::parts(&path));
    let place = Place { file: Some(name), line: Some(line), column: Some(column), ..error.place().clone() };
    error.at(place)
}

fn environment_name(name: &str, mark: Mark, problems: &mut Problems) {
    let fits =
        !name.is_empty() && name.len() <= 60 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if !fits {
        let path = path_of(&[Segment::Key("environments"), Segment::Key(name)]);
        let message = format!("'{}' cannot name an environment", shorten(name));
        problems.add(mark, path, message, Some("Use letters, digits, '_' and '-', at most 60".to_owned()));
    }
}

/// The folders in whole form, so that they can be compared by their letters.
fn ground(options: &Options) -> Ground {
    let absolute = |path: &Path| {
        let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        semantics::normal(&std::path::absolute(here).unwrap_or_else(|_| here.to_path_buf()))
    };
    let base = absolute(&options.base);
    let all = |folders: &[PathBuf]| folders.iter().map(|folder| absolute(folder)).collect::<Vec<_>>();
    let (mut roots, read_only) = (all(&options.roots), all(&options.read_only));
    let home = options.home.as_deref().map_or_else(|| base.clone(), absolute);
    roots.extend([base.clone(), home.clone()]);
    Ground { base, roots, home, read_only }
}

fn whole(file: &str, kind: Kind, message: String) -> Problem {
    Problem { file: file.to_owned(), line: 1, column: 1, path: String::new(), kind, message, hint: None }
}
