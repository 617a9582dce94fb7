//! Sources and targets: connections by name, paths inside the allowed folders, settings that fit each other.

use super::judge::Judge;
use crate::spec::node::{Entry, Node, Value};
use crate::spec::path::shorten;
use crate::spec::source::Source;
use crate::spec::target::Target;
use crate::spec::template;
use std::path::{Component, Path, PathBuf};

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    judge.one_of(root, ["source", "sources"]);
    judge.key(root, "source", |judge, source| judge.every(source, from));
    judge.key(root, "sources", |judge, sources| {
        judge.not_empty(sources, "sources");
        judge.every(sources, |judge, source| {
            if !is_id(&source.key, "") {
                let message = format!("'{}' cannot name a source", shorten(&source.key));
                judge.problem(source.key_mark, message, "Use letters, digits, '_' and '-'");
            }
            judge.every(&source.node, from);
        });
    });
    judge.key(root, "target", |judge, target| judge.every(target, |judge, tagged| place(judge, tagged, Side::Target)));
    judge.key(root, "staging", staging);
    load_ids(judge, root);
}

/// `load_id` means something for appended tables only.
fn load_ids<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let Some(target) = root.get("target").and_then(|target| target.entries().first()) else { return };
    let mode = |node: &'a Node| node.get("mode").and_then(Node::text);
    let asks = |node: &Node| node.get("load_id").is_some_and(|asked| !matches!(asked.value, Value::Boolean(false)));
    let whole = mode(&target.node).unwrap_or("replace");
    let datasets = root.get("datasets").map(Node::entries).unwrap_or_default();
    let appends = |mode: &str| mode == "append";
    let none = !appends(whole) && !datasets.iter().any(|dataset| mode(&dataset.node).is_some_and(appends));
    if none && asks(&target.node) {
        judge.key(root, "target", |judge, target| {
            judge.every(target, |judge, tagged| {
                judge.key(&tagged.node, "load_id", |judge, asked| not_appended(judge, asked, whole));
            });
        });
    }
    let tables = Target::called(&target.key).is_some_and(|kind| kind.tables);
    judge.key(root, "datasets", |judge, datasets| {
        judge.every(datasets, |judge, dataset| {
            let mode = mode(&dataset.node).unwrap_or(whole);
            if !asks(&dataset.node) {
                return;
            }
            judge.key(&dataset.node, "load_id", |judge, asked| {
                if !tables {
                    let message = format!("a target of {} has no column 'load_id'", target.key);
                    let hint = "Leave it out; of files, the parts of a load are known without it";
                    judge.unsupported(asked.mark, message, hint);
                } else if !appends(mode) {
                    not_appended(judge, asked, mode);
                }
            });
        });
    });
}

fn not_appended(judge: &mut Judge<'_, '_>, asked: &Node, mode: &str) {
    let message = format!("'load_id' is for rows that are appended, and the mode is '{}'", shorten(mode));
    judge.problem(asked.mark, message, "Leave it out: other modes find their rows without it; or write 'mode: append'");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

fn from<'a>(judge: &mut Judge<'a, '_>, tagged: &'a Entry) {
    place(judge, tagged, Side::Source);
    // A dataset is called as its file is, and a name must not change from run to run.
    let settings = &tagged.node;
    let path = settings.get("path").and_then(Node::text).unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let file = last.contains("}}") && last.split("{{").any(|part| outside(part).contains(['.', '*', '?', '[']));
    if let Some(entry) = settings.entry("path")
        && file
        && !is_one_file(tagged, Side::Source)
        && settings.get("as_dataset").is_none()
    {
        let message = "the file's name changes from run to run, and so would the dataset's";
        judge.problem_at(entry, message, "Add 'as_dataset: NAME' beside the path");
    }
}

/// Whether its path is that of a file with all its tables.
fn is_one_file(tagged: &Entry, side: Side) -> bool {
    match side {
        Side::Source => Source::called(&tagged.key).is_some_and(|kind| kind.one_file),
        Side::Target => Target::called(&tagged.key).is_some_and(|kind| kind.one_file),
    }
}

/// What stands behind a template's braces.
fn outside(part: &str) -> &str {
    part.rsplit_once("}}").map_or(part, |(_, behind)| behind)
}

/// A source or a target: the tag with its settings.
fn place<'a>(judge: &mut Judge<'a, '_>, tagged: &'a Entry, side: Side) {
    let settings = &tagged.node;
    let one_file = is_one_file(tagged, side);
    if one_file {
        judge.one_of(settings, ["path", "connection"]);
    }
    judge.key(settings, "connection", connection);
    judge.key(settings, "path", |judge, node| path(judge, node, !one_file, side));
    judge.key(settings, "tables", |judge, tables| judge.distinct(tables, "table"));
    judge.key(settings, "partition_by", |judge, by| judge.distinct(by, "column"));
    judge.key(settings, "nulls", Judge::distinct_values);
    for key in ["schema", "as_dataset"] {
        judge.key(settings, key, Judge::not_blank);
    }
    if tagged.key == "csv" {
        csv(judge, settings);
    }
    if tagged.key == "http" {
        http(judge, settings);
    }
    if Target::called(&tagged.key).is_some_and(|kind| kind.text) {
        judge.key(settings, "compression", |judge, compression| {
            if compression.text() == Some("snappy") {
                judge.problem(compression.mark, "text files are not compressed with snappy", "Use gzip, zstd or none");
            }
        });
    }
}

fn csv<'a>(judge: &mut Judge<'a, '_>, settings: &'a Node) {
    for key in ["delimiter", "quote"] {
        judge.key(settings, key, |judge, value| {
            let unfit = |text: &str| !text.is_ascii() || text.contains(['\n', '\r']);
            if value.text().is_some_and(unfit) {
                judge.problem(
                    value.mark,
                    format!("the {key} must be one ASCII character of a line"),
                    "Use one such as ';'",
                );
            }
        });
    }
    let both = settings.get("delimiter").and_then(Node::text).zip(settings.get("quote").and_then(Node::text));
    if let (Some((delimiter, quote)), Some(entry)) = (both, settings.entry("quote"))
        && delimiter == quote
    {
        judge.problem_at(entry, "the delimiter and the quote are the same character", "Change one of them");
    }
    judge.key(settings, "encoding", |judge, encoding| {
        let Some(label) = encoding.text() else { return };
        if encoding_rs::Encoding::for_label(label.as_bytes()).is_none() {
            let message = format!("'{}' is not an encoding", shorten(label));
            judge.problem(encoding.mark, message, "Use a WHATWG label such as utf-8, windows-1252 or utf-16le");
        }
    });
}

/// Secrets of an API stand in its connection; what looks like one here is never repeated.
fn http<'a>(judge: &mut Judge<'a, '_>, settings: &'a Node) {
    let refuse = |judge: &mut Judge<'a, '_>, entry: &'a Entry, what: &str| {
        if looks_secret(&entry.key) {
            let message = format!("{what} of this name holds a secret, and secrets do not belong in a spec");
            judge.problem_at(entry, message, "Put it into the connection (password or extra) and say how with `auth`");
        }
    };
    judge.key(settings, "headers", |judge, headers| {
        headers.entries().iter().for_each(|entry| refuse(judge, entry, "a header"));
    });
    judge.key(settings, "resources", |judge, resources| {
        judge.not_empty(resources, "resources");
        judge.every(resources, |judge, resource| {
            if !is_id(&resource.key, "") {
                let message = format!("'{}' cannot name a resource", shorten(&resource.key));
                judge.problem(
                    resource.key_mark,
                    message,
                    "Use letters, digits, '_' and '-'; its `path` may be anything",
                );
            }
            judge.key(&resource.node, "params", |judge, params| {
                params.entries().iter().for_each(|entry| refuse(judge, entry, "a parameter"));
            });
            judge.key(&resource.node, "key", |judge, key| judge.distinct(key, "column"));
        });
    });
}

fn looks_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let marks = ["authorization", "cookie", "apikey", "token", "secret", "password"];
    marks.iter().any(|mark| plain.ends_with(mark))
}

/// A name of a connection. What is not one may be a secret, so it is never repeated.
fn connection(judge: &mut Judge<'_, '_>, node: &Node) {
    let Some(id) = node.text() else { return };
    if is_id(id, ".") {
        return;
    }
    if id.contains("://") {
        let hint = "Create an Airflow connection, or set WINDVANE_CONN_<ID>, and write its id here";
        judge.problem(
            node.mark,
            "this is an address, not the id of a connection: secrets do not belong in a spec",
            hint,
        );
    } else {
        judge.problem(node.mark, "this cannot be the id of a connection", "Use letters, digits, '_', '-' and '.'");
    }
}

fn is_id(text: &str, more: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c) || more.contains(c))
}

/// The schemes of object stores.
const STORES: [&str; 6] = ["s3", "s3a", "gs", "az", "abfs", "abfss"];

/// `files`: where an address of an object store can stand too.
fn path(judge: &mut Judge<'_, '_>, node: &Node, files: bool, side: Side) {
    let Some(text) = node.text() else { return };
    if text.trim().is_empty() {
        judge.problem(node.mark, "the path is empty", "Write a path; '.' is the spec's own folder");
    } else if let Some((scheme, rest)) = text.split_once("://") {
        // Not repeated: an address can hold a password.
        let container = scheme.starts_with("abfs");
        let bucket = rest.split('/').next().unwrap_or_default();
        if !files || !STORES.contains(&scheme) {
            let hint = "Write a path relative to the spec's folder, or s3://, gs:// or az://; a database is named by 'connection'";
            judge.unsupported(node.mark, "this is an address that cannot stand here", hint);
        } else if bucket.contains(':') || bucket.contains('@') != container || bucket.is_empty() {
            let hint = "Write s3://bucket/folder, and the credentials into a connection: name its id in 'connection'";
            judge.problem(node.mark, "the address holds more than a bucket and a path", hint);
        } else if rest.contains(['?', '#']) && !rest.contains('*') || rest.contains('\0') {
            judge.problem(
                node.mark,
                "the address holds characters that no object of ours has",
                "Write s3://bucket/folder",
            );
        }
    } else if text.split_once(":/").is_some_and(|(scheme, _)| STORES.contains(&scheme) || scheme == "file") {
        let hint = "Write s3://bucket/folder, with two slashes; a local path is written without a scheme";
        judge.problem(node.mark, "this is neither an address nor a path: a slash is missing", hint);
    } else if text.contains('\0') {
        judge.problem(node.mark, "the path holds a character that no file name can have", "Delete it");
    } else if !template::is_template(text) {
        local(judge, node, text, side);
    }
}

/// Where rows rest; before an @ stands the id of a connection.
fn staging(judge: &mut Judge<'_, '_>, node: &Node) {
    let Some(text) = node.text() else { return };
    let hint = "Write an absolute folder that all workers share, or s3://bucket/folder, gs://bucket/folder or \
                az://container/folder; a connection is named before the bucket: s3://CONNECTION@bucket/folder";
    let Some((scheme, rest)) = text.split_once("://") else {
        if !Path::new(text).is_absolute() || text.contains('\0') {
            judge.problem(node.mark, "staging must be an absolute folder or the address of one", hint);
        }
        return;
    };
    let bucket = rest.split('/').next().unwrap_or_default();
    let (connection, bucket) = bucket.split_once('@').unwrap_or(("", bucket));
    // Not repeated: an address can hold a password.
    if !STORES.contains(&scheme) {
        judge.unsupported(node.mark, "staging cannot be at this kind of address", hint);
    } else if !is_id(bucket, ".") || !(connection.is_empty() || is_id(connection, ".")) || rest.contains(['?', '#']) {
        judge.problem(node.mark, "the address holds more than a connection's id, a bucket and a path", hint);
    }
}

/// A path whose folder is known before the run.
fn local(judge: &mut Judge<'_, '_>, node: &Node, text: &str, side: Side) {
    let base = if side == Side::Target { &judge.ground.home } else { &judge.ground.base };
    let whole = normal(&base.join(text));
    if side == Side::Target && judge.ground.read_only.iter().any(|folder| whole.starts_with(folder)) {
        let message =
            format!("path '{}' leads into a DAG bundle, which holds code and is replaced as a whole", shorten(text));
        let hint = "Write a relative path: it lands where [windvane] home says, which must lie outside of bundles too; or \
                    an absolute path outside";
        judge.problem(node.mark, message, hint);
    } else if !judge.ground.roots.iter().any(|root| whole.starts_with(root)) {
        let message = format!("path '{}' leaves the allowed folders", shorten(text));
        let hint = "Write a path below the spec's folder, or allow its folder: --root FOLDER (or WINDVANE_ROOTS) at the \
                    shell, [windvane] roots in Airflow";
        judge.problem(node.mark, message, hint);
    }
}

/// The path without `.` and `..`, by its letters only: links are judged where files are opened.
pub(in crate::spec) fn normal(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => whole.push(part),
        }
    }
    whole
}
