//! The table that is made at the target, in sentences.

use std::fmt::Write;
use windvane_core::schema::declared::{Declared, Facts, Made};

pub(super) fn sentences(declared: &Declared) -> String {
    let mut text = String::new();
    let columns: Vec<String> = declared.columns.iter().map(column).filter(|said| !said.is_empty()).collect();
    let key = &declared.primary_key;
    if !columns.is_empty() || !key.is_empty() || !declared.indexes.is_empty() || !declared.references.is_empty() {
        let _ = writeln!(text, "\nWhere the table is made, it takes over from the source's (`keep`):\n");
        if !key.is_empty() {
            let _ = writeln!(text, "- the primary key ({})", key.join(", "));
        }
        for index in &declared.indexes {
            let unique = if index.unique { "unique " } else { "" };
            let method = index.method.as_ref().map(|method| format!(", {method}")).unwrap_or_default();
            let _ = writeln!(text, "- the {unique}index {}:`{}`{method}", index.name, index.body(str::to_owned));
        }
        for key in &declared.references {
            let (columns, other) = (key.columns.join(", "), key.ref_columns.join(", "));
            let rest = if key.rest.is_empty() { String::new() } else { format!(" {}", key.rest) };
            let _ = writeln!(text, "- the foreign key {}: ({columns}) to {} ({other}){rest}", key.name, key.table);
        }
        text.extend(columns.iter().map(|column| format!("- {column}\n")));
    }
    if !declared.left_out.is_empty() {
        let _ = writeln!(text, "\nIt does not take over:\n");
        text.extend(declared.left_out.iter().map(|line| format!("- {line}\n")));
    }
    text
}

fn column(facts: &Facts) -> String {
    let mut said: Vec<String> = Vec::new();
    said.extend(facts.native.as_ref().map(|native| format!("`{native}`")));
    said.extend(facts.carried.then(|| "its values travel as the server's own text".to_owned()));
    said.extend((facts.made == Some(Made::Counted)).then(|| "counted on by the server".to_owned()));
    said.extend(facts.required.then(|| "not null".to_owned()));
    said.extend(facts.default.as_ref().map(|default| format!("default `{default}`")));
    said.extend(facts.comment.as_ref().map(|_| "its comment".to_owned()));
    if said.is_empty() { String::new() } else { format!("{}: {}", facts.name, said.join(", ")) }
}
