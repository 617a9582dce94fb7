//! Gathers the messages of our own errors, so that the doctor knows each of them by its kind: whoever writes a new one has
//! nothing to keep in step.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Constructors and the kind that they stand for; of `new` the kind is the first argument.
const CONSTRUCTORS: [(&str, Option<&str>); 6] = [
    ("Error::spec(", Some("spec")),
    ("Error::data(", Some("data")),
    ("Error::missing(", Some("missing")),
    ("Error::unsupported(", Some("unsupported")),
    ("Error::internal(", Some("internal")),
    ("Error::new(", None),
];

fn main() -> io::Result<()> {
    let mut found = BTreeSet::new();
    for folder in ["src", "crates"] {
        println!("cargo:rerun-if-changed={folder}");
        gather(Path::new(folder), &mut found)?;
    }
    let lines: Vec<String> = found.into_iter().collect();
    let folder = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(folder.join("own_messages.txt"), lines.join("\n"))
}

fn gather(folder: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            scan(&fs::read_to_string(&path)?, found);
        }
    }
    Ok(())
}

fn scan(text: &str, found: &mut BTreeSet<String>) {
    for (constructor, kind) in CONSTRUCTORS {
        for (at, _) in text.match_indices(constructor) {
            let Some(mut rest) = text.get(at + constructor.len()..).map(str::trim_start) else { continue };
            let mut kind = kind.map(str::to_owned);
            if kind.is_none() {
                let Some((argument, after)) = rest.split_once(',') else { continue };
                let Some((_, name)) = argument.rsplit_once("Kind::") else { continue };
                if !name.chars().all(char::is_alphanumeric) {
                    continue;
                }
                kind = Some(name.to_lowercase());
                rest = after.trim_start();
            }
            let message = literal(rest).or_else(|| named(text, at, rest));
            if let (Some(kind), Some(message)) = (kind, message) {
                found.insert(format!("{kind}\t{}", message.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
    }
}

/// The message is in a variable: `let message = format!("...")` not far above.
fn named(text: &str, at: usize, rest: &str) -> Option<String> {
    let end = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'))?;
    let pattern = format!("let {} =", rest.get(..end).filter(|name| !name.is_empty())?);
    let before = text.get(..at)?;
    let from = before.rfind(&pattern).filter(|from| at - from < 800)?;
    literal(before.get(from + pattern.len()..)?.trim_start())
}

/// A string literal, or the one inside `format!(...)`.
fn literal(text: &str) -> Option<String> {
    let text = text.strip_prefix("format!(").map_or(text, str::trim_start);
    let mut letters = text.strip_prefix('"')?.chars();
    let mut message = String::new();
    loop {
        match letters.next()? {
            '"' => return Some(message),
            '\\' => match letters.next()? {
                '\n' | 'n' | 't' => message.push(' '),
                other => message.push(other),
            },
            other => message.push(other),
        }
    }
}
