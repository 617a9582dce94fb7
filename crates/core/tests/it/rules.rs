//! Rules of a spec that few meet: where the mistake is, what is wrong and how it is mended.

use windvane_core::spec::problem::Problem;
use windvane_core::spec::read::{Options, text};

fn told(document: &str) -> Vec<Problem> {
    let base = Options { base: "/pipelines".into(), ..Options::default() };
    text("a.windvane.yaml", document, &base).err().unwrap_or_default()
}

fn with_source(source: &str) -> Vec<Problem> {
    told(&format!("pipeline: orders\nsource:\n  {source}\ntarget:\n  parquet: {{path: lake}}\n"))
}

fn with(lines: &str) -> Vec<Problem> {
    told(&format!("pipeline: orders\nsource:\n  csv: {{path: data}}\ntarget:\n  parquet: {{path: lake}}\n{lines}\n"))
}

/// One problem, at this path, that says so.
fn is(problems: &[Problem], path: &str, message: &str, hint: &str) {
    let [problem] = problems else { panic!("{problems:?}") };
    assert_eq!(problem.path, path);
    assert!(problem.message.contains(message), "{problem:?}");
    assert!(problem.hint.as_deref().unwrap_or_default().contains(hint), "{problem:?}");
}

#[test]
fn sources() {
    for (source, path, message, hint) in [
        ("csv: {path: data, delimiter: 'ab'}", "source.csv.delimiter", "expected exactly 1 character(s), found 2", ""),
        ("csv: {path: data, delimiter: \"\\n\"}", "source.csv.delimiter", "one ASCII character of a line", "';'"),
        ("csv: {path: data, quote: é}", "source.csv.quote", "one ASCII character of a line", "';'"),
        ("csv: {path: data, delimiter: ';', quote: ';'}", "source.csv.quote", "the same character", "Change one"),
        ("csv: {path: ' '}", "source.csv.path", "the path is empty", "'.' is the spec's own folder"),
        ("csv: {path: \"a\\0b\"}", "source.csv.path", "no file name can have", "Delete it"),
        ("csv: {path: 's3://bucket/a?b'}", "source.csv.path", "no object of ours has", "s3://bucket/folder"),
        ("csv: {path: true}", "source.csv.path", "expected text, found true", "quotes"),
        ("csv: {path: null}", "source.csv.path", "expected text, found null", "quotes"),
        (
            "http: {connection: api, resources: {'a b': {path: x}}}",
            "source.http.resources[\"a b\"]",
            "'a b' cannot name a resource",
            "its `path` may be anything",
        ),
        (
            "http: {connection: api, resources: {a: {path: x, params: {api_key: abc}}}}",
            "source.http.resources.a.params.api_key",
            "a parameter of this name holds a secret",
            "Put it into the connection",
        ),
        ("http: {connection: api, resources: {}}", "source.http.resources", "there are no resources", "Add one"),
        ("type: csv\n  path: data", "source.type", "unknown word 'type'", "Write source: {csv: {path: data}}"),
    ] {
        is(&with_source(source), path, message, hint);
    }
    assert_eq!(with_source("csv: {path: './a/./b/..'}"), []);
}

#[test]
fn datasets_and_their_work() {
    let tag = "x".repeat(101);
    for (lines, path, message, hint) in [
        ("datasets: {'': {to: x}}", "datasets[\"\"]", "the name of the dataset is empty", "Write its name"),
        ("datasets: {a: {to: x}, x: {}}", "datasets.x", "the same place as dataset 'a'", "another 'to'"),
        (
            "steps:\n- split: {column: a, pattern: '(?<x>a)', into: [b]}",
            "steps[0].split.into",
            "names its columns itself",
            "Delete 'into'",
        ),
        ("checks:\n- range: {column: a}", "checks[0].range", "one of 'min' and 'max' is missing", "Add"),
        ("checks:\n- range: {column: a, min: 2, max: 1}", "checks[0].range.max", "is less than 'min'", "Swap"),
        ("checks:\n- range: 5", "checks[0].range", "expected a map, found a number", ""),
        ("checks:\n- kind: not_null\n  columns: [a]", "checks[0].kind", "unknown word 'kind'", "Write not_null: …"),
        ("steps:\n- name: sort\n  by: [a]", "steps[0].name", "unknown word 'name'", "Write sort: {by: [a]}"),
        ("steps:\n- sort: [a, b]", "steps[0].sort", "expected a map, found a list", "Write sort: {by: [a, b]}"),
        ("steps:\n- sort: null", "steps[0].sort", "expected a map, found null", ""),
        (
            "steps:\n- derive: {'{{ ds }}': a}",
            "steps[0].derive[\"{{ ds }}\"]",
            "a key holds a template",
            "'environments'",
        ),
        ("tags: 7", "tags", "expected a list, found a number", "Put it in brackets"),
        (&format!("tags: ['{tag}']"), "tags[0]", "at most 100 characters", "Shorten it"),
        ("schedule: '@zzzzzz'", "schedule", "is not a preset", "Presets are @once"),
        ("timezone: Qqqqqqqq", "timezone", "is not a time zone", "Europe/Stockholm"),
        ("owner: {a: b}", "owner", "expected text, found a map", ""),
        ("drift: 5", "drift", "expected one of evolve, freeze, quarantine, fail", "quotes"),
    ] {
        is(&with(lines), path, message, hint);
    }
    assert_eq!(with("checks:\n- range: {column: a, min: '1', max: 0}"), []);
    assert_eq!(with("steps:\n- pivot: {by: a, column: b, values: [1, 2], names: [x, y], value: c}"), []);
}

#[test]
fn words_where_a_truth_is_wanted() {
    for (word, guess) in [
        ("'no'", "false"),
        ("'Off'", "false"),
        ("'n'", "false"),
        ("'0'", "false"),
        ("'yes'", "true"),
        ("'flase'", "false"),
    ] {
        is(
            &with(&format!("catchup: {word}")),
            "catchup",
            "expected true or false, found text",
            &format!("Did you mean {guess}?"),
        );
    }
    is(&with("retries: false"), "retries", "expected a whole number, found false", "");
}

/// YAML has more ways to write a whole number than one.
#[test]
fn numbers() {
    let retries = |text: &str| {
        let document = format!(
            "pipeline: a\nsource:\n  csv: {{path: data}}\ntarget:\n  parquet: {{path: lake}}\nretries: {text}\n"
        );
        let base = Options { base: "/pipelines".into(), ..Options::default() };
        text_of(&document, &base)
    };
    fn text_of(document: &str, base: &Options) -> Result<serde_json::Value, Vec<Problem>> {
        text("a.windvane.yaml", document, base).map(|spec| serde_json::to_value(&spec).unwrap()["retries"].clone())
    }
    for (text, value) in [("0x10", 16), ("0o17", 15), ("+7", 7), ("0", 0)] {
        assert_eq!(retries(text).unwrap(), value, "{text}");
    }
    for text in ["0xfffffffffffffffff", "99999999999999999999999", "1e999", "-99999999999999999999999"] {
        is(&retries(text).unwrap_err(), "retries", "more digits than a spec can hold", "quotes");
    }
    for text in ["0x", "0o8", "0xg"] {
        is(&retries(text).unwrap_err(), "retries", "expected a whole number, found text", "");
    }
    is(&retries(".inf").unwrap_err(), "retries", "is not a number that a spec can hold", "quotes");
}

#[test]
fn a_key_is_a_text() {
    let problems = with("x: &a {b: c}\n? *a\n: 1");
    assert!(problems.iter().any(|problem| problem.message == "an alias cannot be a key"), "{problems:?}");
    let problems = with("? [a, b]\n: c");
    assert!(problems.iter().any(|problem| problem.message.contains("a key must be text")), "{problems:?}");
}
