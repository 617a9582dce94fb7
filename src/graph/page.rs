//! What people see of a pipeline: a page of Markdown.

use crate::plan::{Output, Plan, sentences, waiting};
use crate::spec::Spec;
use crate::spec::source::Source;
use crate::spec::target::Target;
use std::fmt::Write as _;

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
        for output in &plan.outputs {
            work(output, &mut page);
        }
        waits(plan, &mut page);
    } else {
        page.push_str("- **plan**: made by each run\n");
        if spec.intent.is_some() {
            page.push_str(
                "- **words** that a person must decide about stop the load: `windvane plan`, `windvane approve`\n",
            );
        }
    }
    let _ = write!(page, "\nWritten in `{file}`.");
    page
}

/// What a person must decide, and what it stops.
fn waits(plan: &Plan, page: &mut String) {
    let open: Vec<_> = waiting::undecided(plan).collect();
    if open.is_empty() {
        return;
    }
    page.push_str("\n**Waits for a person** (`windvane approve SPEC`)\n\n");
    for decision in open {
        let of = decision.output.as_ref().map(|name| format!("`{name}`: ")).unwrap_or_default();
        let stops = if waiting::stops(decision) { "; nothing is loaded before" } else { "" };
        let _ = writeln!(page, "- {of}{}{stops}", waiting::said(decision));
    }
}

/// What is done to a dataset, step by step.
fn work(output: &Output, page: &mut String) {
    if output.steps.is_empty() && output.checks.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n**{}**\n", output.name);
    for (at, planned) in output.steps.iter().enumerate() {
        let _ = writeln!(page, "{}. {}", at + 1, sentences::step(&planned.step));
    }
    if !output.steps.is_empty() && !output.checks.is_empty() {
        page.push('\n');
    }
    for planned in &output.checks {
        let _ = writeln!(page, "- check that {}", sentences::check(&planned.check));
    }
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
