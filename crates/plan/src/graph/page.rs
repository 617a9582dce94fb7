//! What people see of a pipeline: a page of Markdown.

use crate::{Output, Plan, sentences, waiting};
use std::fmt::Write as _;
use windvane_core::spec::check::Check;
use windvane_core::spec::source::Source;
use windvane_core::spec::step::Step;
use windvane_core::spec::target::{Mode, Target};
use windvane_core::spec::{DatasetSpec, Spec};

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
            let steps: Vec<&Step> = output.steps.iter().map(|planned| &planned.step).collect();
            let checks: Vec<&Check> = output.checks.iter().map(|planned| &planned.check).collect();
            work(&output.name, &planned(output), &steps, &checks, &mut page);
        }
        waits(plan, &mut page);
    } else {
        page.push_str("- **plan**: made by each run, which adds what the data shows to what the spec says\n");
        if spec.intent.is_some() {
            page.push_str(
                "- **words** that a person must decide about stop the load: `windvane plan`, `windvane approve`\n",
            );
        }
        let (steps, checks) = (spec.steps.iter().collect::<Vec<_>>(), spec.checks.iter().collect::<Vec<_>>());
        work("every dataset", &how(spec.target.mode(), &[]), &steps, &checks, &mut page);
        for (name, dataset) in &spec.datasets {
            asked(spec, name, dataset, &mut page);
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

/// What the spec says of one dataset, before there is a plan.
fn asked(spec: &Spec, name: &str, dataset: &DatasetSpec, page: &mut String) {
    let key = dataset.key.as_ref().map(|key| key.0.as_slice()).unwrap_or_default();
    let how = how(dataset.mode.unwrap_or_else(|| spec.target.mode()), key);
    let (steps, checks) = (dataset.steps.iter().collect::<Vec<_>>(), dataset.checks.iter().collect::<Vec<_>>());
    work(name, &how, &steps, &checks, page);
}

/// How a planned dataset reaches its target.
fn planned(output: &Output) -> String {
    how(output.mode, &output.key)
}

/// The mode, and the key where one is known; without a plan the source's own key is not.
fn how(mode: Mode, key: &[String]) -> String {
    let key = match key {
        [_, ..] => format!(" by `{}`", key.join("`, `")),
        [] if mode.by_key() => " by the source's primary key".to_owned(),
        [] => String::new(),
    };
    format!("`{}`{key}", mode.word())
}

/// What is done to a dataset: how it is loaded, and step by step what before.
fn work(name: &str, how: &str, steps: &[&Step], checks: &[&Check], page: &mut String) {
    let _ = writeln!(page, "\n**{name}**: {how}");
    if !steps.is_empty() {
        page.push('\n');
    }
    for (at, step) in steps.iter().enumerate() {
        let _ = writeln!(page, "{}. {}", at + 1, sentences::step(step));
    }
    if !checks.is_empty() {
        page.push('\n');
    }
    for check in checks {
        let _ = writeln!(page, "- check that {}", sentences::check(check));
    }
}

fn from(source: &Source) -> String {
    place(source.kind().title, source.connection(), source.path())
}

fn to(target: &Target) -> String {
    place(target.kind().title, target.connection(), target.path())
}

fn place(kind: &str, connection: Option<&str>, path: Option<&str>) -> String {
    match (connection, path) {
        (Some(connection), _) => format!("{kind}, connection `{connection}`"),
        (None, Some(path)) => format!("{kind}, `{path}`"),
        (None, None) => kind.to_owned(),
    }
}
