//! A spec's text: it is a spec that reads back to itself, or every mistake has a place in the text.

use windvane_core::spec::problem::Problem;
use windvane_core::spec::read::{Options, decoded, text};
use windvane_core::spec::{advice, hash, template};
use windvane_engine::lint;

pub(crate) fn run(data: &[u8]) {
    let written = match decoded("fuzz.windvane.yaml", data.to_vec()) {
        Ok(written) => written,
        Err(problems) => return placed(&String::from_utf8_lossy(data), &problems),
    };
    let options = Options { judge: Some(lint::document), ..Options::default() };
    let spec = match text("fuzz.windvane.yaml", &written, &options) {
        Ok(spec) => spec,
        Err(problems) => return placed(&written, &problems),
    };
    let canonical = serde_json::to_string(&spec).unwrap_or_default();
    let again = text("again.windvane.yaml", &canonical, &options);
    assert_eq!(again.as_ref(), Ok(&spec), "what was read reads back to itself");
    assert_eq!(again.map(|again| hash::of(&again)), Ok(hash::of(&spec)));
    for text in template::texts(&spec) {
        let filled = template::TemplateValues::default().text(&text);
        assert!(filled.is_err() || !template::is_template(&text), "nothing is filled in with nothing: {text}");
    }
    drop(advice::of(&spec));
}

/// Every problem stands in the text, or right behind its end.
fn placed(written: &str, problems: &[Problem]) {
    assert!(!problems.is_empty(), "a refusal says why");
    let lines: Vec<&str> = written.split(['\n', '\r']).collect();
    let longest = |line: &&str| line.chars().count() as u64;
    let widest = lines.iter().map(longest).max().unwrap_or(0);
    for problem in problems {
        let Problem { line, column, message, .. } = problem;
        assert!(*line >= 1 && *line <= lines.len() as u64, "line {line} of {}: {message}", lines.len());
        assert!(*column >= 1 && *column <= widest + 1, "column {column} of {widest}: {message}");
        assert!(!message.is_empty());
    }
}
