//! What the name of a file says.

use std::path::Path;
use windvane_connect::FoundKind;

/// What a file is by its ending, compression aside.
pub(super) fn kind_by_extension(path: &Path) -> Option<FoundKind> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match Path::new(plain).extension()?.to_str()? {
        "csv" | "tsv" | "txt" => Some(FoundKind::Csv),
        "jsonl" | "ndjson" | "json" => Some(FoundKind::Jsonl),
        "parquet" => Some(FoundKind::Parquet),
        _ => None,
    }
}

/// `orders` of `orders.csv.gz`.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let cut = [".gz", ".zst"].iter().find(|ending| lower.ends_with(*ending)).map_or(0, |ending| ending.len());
    let plain = name.get(..name.len() - cut).unwrap_or(&name);
    match plain.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        Some(_) | None => plain.to_owned(),
    }
}

pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}
