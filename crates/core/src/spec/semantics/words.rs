//! Words that would mean nothing: templates where nothing fills them in, variables of a shell, patterns of tables. They
//! are refused with the way to say it, because what takes them by their letters makes a folder called `${HOME}`.

use super::judge::Judge;
use crate::spec::node::{Node, Value};
use crate::spec::path::shorten;
use crate::spec::template;

/// What only people read (`intent` is read by agents, once for all runs), and the overlays, which are judged where they are laid over.
const FREE: [&str; 2] = ["tags", "environments"];
/// What has a language of its own, in which a dollar and a tilde mean something.
const LANGUAGES: [&str; 3] = ["steps", "checks", "queries"];

pub(super) fn document<'a>(judge: &mut Judge<'a, '_>, root: &'a Node) {
    let mut keys = Vec::new();
    below(judge, root, &mut keys);
}

fn below<'a>(judge: &mut Judge<'a, '_>, node: &'a Node, keys: &mut Vec<&'a str>) {
    match &node.value {
        Value::Map(_) => judge.every(node, |judge, entry| {
            if FREE.contains(&entry.key.as_str()) {
                return;
            }
            if template::is_template(&entry.key) {
                judge.problem(entry.key_mark, "a key holds a template, and nothing fills it in", ELSEWHERE);
            }
            keys.push(&entry.key);
            below(judge, &entry.node, keys);
            keys.pop();
        }),
        Value::List(_) => judge.each(node, |judge, item| below(judge, item, keys)),
        Value::Text(text) => word(judge, node, text, keys),
        Value::Null { .. } | Value::Boolean(_) | Value::Number(_) => {}
    }
}

const ELSEWHERE: &str = "Templates are filled in in 'path', 'queries', 'params' and 'filter'. What differs between \
                         dev and prod stands in 'environments'";

fn word(judge: &mut Judge<'_, '_>, node: &Node, text: &str, keys: &[&str]) {
    if template::is_template(text) {
        if !template::may_stand(keys) {
            judge.problem(
                node.mark,
                format!("'{}' holds a template, and nothing fills it in here", shorten(text)),
                ELSEWHERE,
            );
        }
        return;
    }
    let tables = keys.last() == Some(&"tables");
    if tables && text.contains(['*', '?', '%']) {
        let message = format!("'{}' is not the name of a table: patterns mean nothing here", shorten(text));
        let hint = "Name each table, or leave 'tables' out to read all of the schema; 'datasets: {NAME: {load: false}}' \
                    leaves one out";
        judge.problem(node.mark, message, hint);
    }
    if keys.iter().any(|key| LANGUAGES.contains(key)) {
        return;
    }
    let named = |rest: &str| rest.starts_with(|first: char| first.is_ascii_uppercase());
    let variable = text.contains("${") || text.contains("$(") || text.strip_prefix('$').is_some_and(named);
    let home = keys.last() == Some(&"path") && (text == "~" || text.starts_with("~/"));
    if variable || home {
        let message = format!("'{}' is written for a shell: nothing replaces it here", shorten(text));
        let hint = "Write it out. What each run fills in is written {{ name }}, in 'path', 'queries', 'params' and \
                    'filter': by Airflow ({{ ds }}, {{ var.value.name }}), at the shell by --param name=VALUE";
        judge.problem(node.mark, message, hint);
    }
}
