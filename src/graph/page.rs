//! What people and other pipelines see of a pipeline: a page of Markdown, and the addresses of what it loads.

use crate::plan::Plan;
use crate::spec::Spec;
use crate::spec::source::Source;
use crate::spec::target::Target;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// The page of a pipeline.
pub(super) fn markdown(spec: &Spec, file: &str, plan: Option<&Plan>) -> String {
    let mut page = String::new();
    if let Some(intent) = &spec.intent {
        let _ = writeln!(page, "{}\n", intent.trim());
    }
    for (name, source) in spec.named_sources() {
        let _ = writeln!(page, "- **{name}**: {}", from(&source));
    }
    let _ = writeln!(page, "- **target**: {}", to(&spec.target));
    if let Some(plan) = plan {
        let names: Vec<String> = plan.outputs.iter().map(|output| format!("`{}`", output.name)).collect();
        let _ = writeln!(page, "- **datasets**: {}", names.join(", "));
        let _ = writeln!(page, "- **plan**: `{}`", plan.id);
    } else {
        page.push_str("- **plan**: made by each run\n");
    }
    let _ = write!(page, "\nWritten in `{file}`.");
    page
}

fn from(source: &Source) -> String {
    let kind = match source {
        Source::Files(_) => "files",
        Source::Csv(_) => "CSV",
        Source::Jsonl(_) => "JSON lines",
        Source::Parquet(_) => "Parquet",
        Source::Sqlite(_) => "SQLite",
        Source::Postgres(_) => "PostgreSQL",
        Source::Mysql(_) => "MySQL",
        Source::Http(_) => "HTTP API",
        Source::Python(_) => "Python",
        Source::Hook(_) => "database",
    };
    place(kind, source.connection(), source.path())
}

fn to(target: &Target) -> String {
    let kind = match target {
        Target::Parquet(_) => "Parquet",
        Target::Csv(_) => "CSV",
        Target::Jsonl(_) => "JSON lines",
        Target::Sqlite(_) => "SQLite",
        Target::Postgres(_) => "PostgreSQL",
        Target::Mysql(_) => "MySQL",
        Target::Python(_) => "Python",
    };
    place(kind, target.connection(), target.path())
}

fn place(kind: &str, connection: Option<&str>, path: Option<&str>) -> String {
    match (connection, path) {
        (Some(connection), _) => format!("{kind}, connection `{connection}`"),
        (None, Some(path)) => format!("{kind}, `{path}`"),
        (None, None) => kind.to_owned(),
    }
}

/// One address for each dataset that is loaded, or one for the target while the datasets are not known. The same on
/// every machine: a relative path counts from the folder of all specs, `below` is the spec's own folder in it.
pub(super) fn outlets(spec: &Spec, below: &Path, plan: Option<&Plan>) -> Vec<String> {
    let home = match &spec.target {
        Target::Postgres(target) => {
            format!("windvane://{}/{}", target.connection, escape(target.schema.as_deref().unwrap_or("public")))
        }
        Target::Mysql(target) => {
            format!("windvane://{}/{}", target.connection, escape(target.database.as_deref().unwrap_or("default")))
        }
        Target::Python(target) => format!("windvane://python/{}", escape(&target.object)),
        Target::Parquet(_) | Target::Csv(_) | Target::Jsonl(_) | Target::Sqlite(_) => {
            match (spec.target.connection(), spec.target.path()) {
                (Some(connection), _) => format!("windvane://{connection}"),
                (None, path) => file(&below.join(path.unwrap_or_default())),
            }
        }
    };
    let Some(plan) = plan else { return vec![home] };
    plan.outputs.iter().map(|output| format!("{home}/{}", escape(&output.dataset))).collect()
}

fn file(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(escape(&name.to_string_lossy())),
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            Component::ParentDir => parts.push("..".to_owned()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let scheme = if path.is_absolute() { "file:///" } else { "windvane://files/" };
    format!("{scheme}{}", parts.join("/"))
}

/// The folder of a spec, seen from the folder of all specs.
pub(super) fn below(folder: &Path, spec: &Path) -> PathBuf {
    spec.parent().and_then(|parent| parent.strip_prefix(folder).ok()).map(Path::to_path_buf).unwrap_or_default()
}

/// Percent-encodes all that is not unreserved in an address.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
