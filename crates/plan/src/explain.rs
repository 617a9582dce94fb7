//! A plan in words: what is read, each step and why, what is checked, where it goes, who decided what.

use super::output::plain;
use crate::{Output, Plan, PlannedDuplicates, sentences, table, verbatim, waiting};
use std::fmt::Write;
use windvane_agents::By;
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, epoch::Epoch};
use windvane_core::spec::target::{Mode, OnDuplicate};
use windvane_core::spec::{Incremental, Progress, Strategy};
use windvane_engine as engine;

/// Markdown, the same on every run.
pub fn explain(plan: &Plan) -> String {
    let mut text = format!("# Plan {} of pipeline {}\n\n", plan.id, plan.pipeline);
    if let Some(words) = &plan.words {
        let _ = writeln!(text, "> {}\n", words.trim());
    }
    let _ = writeln!(text, "## Reads\n");
    for input in &plan.inputs {
        let rows = input.rows.map_or_else(|| "rows not known".to_owned(), |rows| format!("{rows} rows when planned"));
        let column = |field: &Field| {
            let unit = Epoch::of(field).map(|unit| format!(" (its numbers are {} since 1970)", unit.words()));
            format!("{} {}{}", field.name, field.data_type, unit.unwrap_or_default())
        };
        let columns: Vec<String> = input.schema.fields.iter().map(column).collect();
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
        explain_output(plan, output, &mut text);
    }
    let (open, decided): (Vec<_>, Vec<_>) = plan.decisions.iter().partition(|decision| decision.waits);
    let (accepted, refused): (Vec<_>, Vec<_>) = decided.into_iter().partition(|decision| decision.accepted);
    let groups = [("Waits for a person", open), ("Accepted proposals", accepted), ("Refused proposals", refused)];
    for (title, decisions) in groups {
        if decisions.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## {title}\n");
        if title.starts_with("Waits") {
            let _ = writeln!(
                text,
                "Nothing of this is done. Decide with `windvane approve SPEC` (`--all`, `--proposal ID`, `--reject`), or \
                 write what you want into the spec's steps or checks. What is marked stops the load of its dataset.\n"
            );
        }
        for decision in decisions {
            let by = by(decision.by);
            let what =
                sentences::proposal(&decision.proposal).map(|what| format!(" {}.", capital(&what))).unwrap_or_default();
            let mark = match (decision.waits, waiting::stops(decision)) {
                (true, true) => format!("`{}` **stops** ", waiting::id(decision)),
                (true, false) => format!("`{}` ", waiting::id(decision)),
                (false, _) => String::new(),
            };
            let _ = writeln!(
                text,
                "- {mark}{} ({by}, confidence {:.2}): {}{what} {}.",
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
        let steps = plain(&output.steps);
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

/// What becomes of appended rows when their run is done again.
fn again(plan: &Plan, output: &Output) -> String {
    let window = output.incremental.as_ref().and_then(|incremental| plan.reaches(output, &incremental.column));
    match (&output.load_id, window) {
        _ if plan.target.kind().files => "A run that is done again replaces its own files.".to_owned(),
        (Some(column), _) => {
            format!(
                "Every row carries the id of its load in `{column}`; a run that is done again replaces its own rows."
            )
        }
        (None, Some(column)) => format!(
            "A run that is done again replaces the rows of its own window of `{column}`, if no other load has brought any."
        ),
        (None, None) => "A run that is done again changes nothing, and is refused if its source has changed: its rows \
                         cannot be told from others without `load_id: true`."
            .to_owned(),
    }
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

fn explain_output(plan: &Plan, output: &Output, text: &mut String) {
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
    if let Some(incremental) = &output.incremental {
        let _ = writeln!(text, "{}\n", reading(output.mode, incremental));
    }
    if let Some(planned) = &output.on_duplicate {
        let _ = writeln!(text, "{}\n", duplicates(output, planned));
    }
    if output.mode == Mode::Append {
        let _ = writeln!(text, "{}\n", again(plan, output));
    }
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
    for said in verbatim::lost(plan, output) {
        let _ = writeln!(text, "\n{said}");
    }
    if let Some(declared) = &output.declared {
        text.push_str(&table::sentences(declared));
    }
    if let Some(sql) = &output.strategy.sql {
        let _ = writeln!(text, "\nAt the target, over the rows as they were read:\n\n```sql\n{sql}\n```");
    }
}

/// What an incremental run reads.
fn reading(mode: Mode, incremental: &Incremental) -> String {
    let column = &incremental.column;
    let again = mode.by_key();
    let lag = incremental.lag.filter(|lag| *lag > 0.0);
    let mut said = match (incremental.by, lag) {
        (Progress::Interval, None) => format!("Reads only the rows whose '{column}' lies in the run's data interval."),
        (Progress::Interval, Some(lag)) => {
            format!("Reads only the rows whose '{column}' lies in the run's data interval, or up to {lag} before it.")
        }
        (Progress::Watermark, lag) => {
            let begin =
                format!("Reads only what is new: a run begins at the largest '{column}' that the last one read");
            match (again, lag) {
                (true, None) => format!(
                    "{begin}, and rows with that value are read again, which changes nothing. Rows that arrive later \
                     with a smaller value are not read: `lag` says how far back to look for them."
                ),
                (true, Some(lag)) => format!("{begin}, less the lag of {lag}, so that late rows are read too."),
                (false, None) => format!(
                    "{begin} and leaves out rows with that value or a smaller one that arrive later: with `lag`, rows \
                     are read only when they are that far behind the newest, so that late ones are among them."
                ),
                (false, Some(lag)) => {
                    format!(
                        "{begin}. Rows wait until they are {lag} behind the newest one, so that late ones are among them."
                    )
                }
            }
        }
    };
    said.push_str(if again {
        " Rows without a value are read every time."
    } else {
        " Rows without a value go to quarantine: nothing tells whether they were loaded before."
    });
    if incremental.by == Progress::Watermark {
        let ahead = incremental.seconds_ahead();
        let _ = write!(said, " Dates and times more than {ahead} s ahead of now go to quarantine.");
    }
    said
}

fn duplicates(output: &Output, planned: &PlannedDuplicates) -> String {
    let key = output.key.join(", ");
    let order =
        planned.column.as_ref().map_or_else(|| "in the order of reading".to_owned(), |name| format!("by {name}"));
    let taken = match planned.choice {
        OnDuplicate::Last => format!("the last one {order} is loaded and the others count as filtered"),
        OnDuplicate::First => format!("the first one {order} is loaded and the others count as filtered"),
        OnDuplicate::Quarantine => "the first one that was read is loaded and the others go to quarantine".to_owned(),
        OnDuplicate::Fail => "the run fails and nothing is loaded".to_owned(),
    };
    format!(
        "Of several rows with one key ({key}, as the target compares it), {taken} ({}: {}).",
        by(planned.by),
        planned.reason
    )
}

fn by(by: By) -> &'static str {
    match by {
        By::Spec => "spec",
        By::Rules => "rules",
        By::Model => "model",
    }
}
