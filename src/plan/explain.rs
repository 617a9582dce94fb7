//! A plan in words: what is read, each step and why, what is checked, where it goes, who decided what.

use crate::agents::By;
use crate::engine;
use crate::error::{Error, Result};
use crate::plan::{Output, Plan, sentences};
use crate::spec::Strategy;
use crate::spec::step::Step;
use crate::spec::target::Mode;
use std::fmt::Write;

/// Markdown, the same on every run.
pub fn explain(plan: &Plan) -> String {
    let mut text = format!("# Plan {} of pipeline {}\n\n", plan.id, plan.pipeline);
    if let Some(words) = &plan.words {
        let _ = writeln!(text, "> {}\n", words.trim());
    }
    let _ = writeln!(text, "## Reads\n");
    for input in &plan.inputs {
        let rows = input.rows.map_or_else(|| "rows not known".to_owned(), |rows| format!("{rows} rows when planned"));
        let columns: Vec<String> =
            input.schema.fields.iter().map(|field| format!("{} {}", field.name, field.data_type)).collect();
        let _ = writeln!(
            text,
            "- **{}** from {} `{}` ({rows}): {}",
            input.name,
            input.source,
            input.locator,
            columns.join(", ")
        );
    }
    for output in &plan.outputs {
        explain_output(output, &mut text);
    }
    let (waiting, decided): (Vec<_>, Vec<_>) = plan.decisions.iter().partition(|decision| decision.waits);
    let (accepted, refused): (Vec<_>, Vec<_>) = decided.into_iter().partition(|decision| decision.accepted);
    let groups = [("Waits for a person", waiting), ("Accepted proposals", accepted), ("Refused proposals", refused)];
    for (title, decisions) in groups {
        if decisions.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## {title}\n");
        if title.starts_with("Waits") {
            let _ = writeln!(text, "Nothing of this is done. To have it, write it into the spec's steps or checks.\n");
        }
        for decision in decisions {
            let by = by(decision.by);
            let what =
                sentences::proposal(&decision.proposal).map(|what| format!(" {}.", capital(&what))).unwrap_or_default();
            let _ = writeln!(
                text,
                "- {} ({by}, confidence {:.2}): {}{what} {}.",
                decision.agent,
                decision.confidence,
                decision.question,
                capital(&decision.reason)
            );
            for line in decision.evidence.iter().filter(|_| decision.waits) {
                let _ = writeln!(text, "  - {line}");
            }
        }
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The same plan as polars code: one function an output, with the frames of its datasets as arguments.
pub fn code(plan: &Plan) -> Result<String> {
    let mut text = format!("\"\"\"Plan {} of pipeline {}.\"\"\"\n\n{}", plan.id, plan.pipeline, engine::code::HEAD);
    for output in &plan.outputs {
        let lookup = |name: &str| plan.input(name).map(|input| input.schema.clone());
        let from = lookup(&output.from)
            .ok_or_else(|| Error::internal(format!("the plan lacks the input '{}'", output.from)))?;
        let steps: Vec<Step> = output.steps.iter().map(|planned| planned.step.clone()).collect();
        let calls = engine::code::polars(&steps, &from, &lookup, &variable)?;
        let joined: Vec<String> =
            steps.iter().flat_map(engine::step::reads).filter(|name| *name != output.from).collect();
        let joined: std::collections::BTreeSet<String> = joined.iter().map(|name| variable(name)).collect();
        let arguments: String = joined.iter().fold(String::new(), |all, name| format!("{all}, {name}: pl.LazyFrame"));
        let _ = writeln!(
            text,
            "\n\ndef load_{}({}: pl.LazyFrame{arguments}) -> pl.LazyFrame:\n    frame = {1}",
            variable(&output.name),
            variable(&output.from)
        );
        calls.lines().for_each(|line| _ = writeln!(text, "    {line}"));
        text.push_str("    return frame\n");
    }
    Ok(text)
}

/// A dataset's name as a name of Python.
fn variable(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) || KEYWORDS.contains(&name.as_str()) {
        return format!("{name}_");
    }
    name
}

/// Of Python, and the names that the program uses itself.
const KEYWORDS: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "frame", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass",
    "pl", "raise", "return", "total", "try", "while", "with", "yield",
];

fn explain_output(output: &Output, text: &mut String) {
    let mode = match output.mode {
        Mode::Replace => "replaces the content of",
        Mode::Append => "is appended, once a run, to",
        Mode::Merge => "is merged by key into",
        Mode::History => "keeps its history in",
    };
    let _ = writeln!(text, "\n## {} {mode} `{}`\n", output.name, output.dataset);
    let way = match output.strategy.strategy {
        Strategy::Staged => "in stages",
        Strategy::Pushdown => "with its steps at the target",
        Strategy::Fused => "in one stream",
    };
    let _ = writeln!(text, "Moves {way} ({}: {}).\n", by(output.strategy.by), output.strategy.reason);
    let _ = writeln!(text, "1. start from {}", output.from);
    for (at, planned) in output.steps.iter().enumerate() {
        let step = sentences::step(&planned.step);
        let _ = writeln!(text, "{}. {step} ({}: {})", at + 2, by(planned.by), planned.reason);
    }
    for planned in &output.checks {
        let check = sentences::check(&planned.check);
        let only = if planned.warns { "only counts: " } else { "" };
        let _ = writeln!(text, "- check that {check} ({only}{}: {})", by(planned.by), planned.reason);
    }
    let columns: Vec<String> =
        output.schema.fields.iter().map(|field| format!("{} {}", field.name, field.data_type)).collect();
    let _ = writeln!(text, "\nColumns: {}", columns.join(", "));
    if let Some(sql) = &output.strategy.sql {
        let _ = writeln!(text, "\nAt the target, over the rows as they were read:\n\n```sql\n{sql}\n```");
    }
}

fn by(by: By) -> &'static str {
    match by {
        By::Spec => "spec",
        By::Rules => "rules",
        By::Model => "model",
    }
}
