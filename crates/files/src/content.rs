//! What a file is, whatever its name says: an error page, an archive or a picture must never become a table.

use super::decode;
use serde::de::IgnoredAny;
use std::path::Path;
use windvane_connect::FoundKind;
use windvane_core::error::{Error, Result};

/// How much of a file is looked at.
const HEAD: usize = 64 << 10;
/// So much of a title or a message is shown.
const SHOWN: usize = 80;

/// First bytes that only files of one kind have.
const MAGIC: [(&[u8], &str); 22] = [
    (b"PK\x03\x04", "a ZIP archive (or an Excel workbook)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xFF\xD8\xFF", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"PAR1", "a Parquet file"),
    (b"PARE", "an encrypted Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Office document"),
    (b"Rar!\x1A\x07", "a RAR archive"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"\xFD7zXZ\0", "an xz archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\x7FELF", "a program"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"\x28\xB5\x2F\xFD", "a zstd archive"),
    (b"{\\rtf", "a rich text document"),
];

/// Refuses a file that is not of the kind it is read as.
pub(super) fn check(path: &Path, kind: FoundKind) -> Result<()> {
    let wanted = match kind {
        FoundKind::Csv => "delimited text",
        FoundKind::Jsonl => "JSON",
        FoundKind::Parquet => "Parquet",
        FoundKind::Table | FoundKind::View => return Ok(()),
    };
    let (sample, whole) = decode::head(path, HEAD)?;
    let Some(what) = named(&sample, whole, kind) else { return Ok(()) };
    Err(Error::data(format!("this is {what}, not {wanted}")).in_file(path.display().to_string()).hint(
        "Nothing was read. Look at what the source delivers: an error page or another kind of file lies in its place",
    ))
}

/// What the bytes are, when they are nothing of this kind.
fn named(sample: &[u8], whole: bool, kind: FoundKind) -> Option<String> {
    let is_parquet = kind == FoundKind::Parquet;
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| sample.starts_with(magic)) {
        // `ORC` may be the name of a column.
        let text = sample.iter().take(512).all(|byte| *byte >= 0x20 || byte.is_ascii_whitespace());
        return (!(is_parquet && sample.starts_with(b"PAR1"))
            && (!text || sample.starts_with(b"%PDF") || sample.starts_with(b"{\\rtf")))
        .then(|| (*what).to_owned());
    }
    // UTF-16 of markup and JSON is theirs too, without its zeros.
    let wide = sample.starts_with(&[0xFF, 0xFE]) || sample.starts_with(&[0xFE, 0xFF]);
    let narrow: Vec<u8> =
        if wide { sample.iter().skip(2).copied().filter(|byte| *byte != 0).collect() } else { Vec::new() };
    let text = if wide { &narrow } else { sample };
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).trim_ascii_start();
    if let Some(markup) = markup(text) {
        return Some(markup);
    }
    match kind {
        FoundKind::Csv => json(text, whole).or_else(|| binary(sample)),
        FoundKind::Jsonl => error_document(text, whole),
        FoundKind::Parquet => json(text, whole),
        FoundKind::Table | FoundKind::View => None,
    }
}

/// HTML and XML, with the title when there is one.
fn markup(text: &[u8]) -> Option<String> {
    let second = text.get(1)?;
    if text.first() != Some(&b'<') || !(second.is_ascii_alphabetic() || matches!(second, b'!' | b'?')) {
        return None;
    }
    let whole = String::from_utf8_lossy(text);
    // Letter by letter: places in one are places in the other.
    let lower = whole.to_ascii_lowercase();
    let html = ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| lower.contains(tag));
    let xml = lower.starts_with("<?xml") || lower.contains("</") && lower.contains('>');
    if !html && !xml {
        return None;
    }
    let kind = if html { "an HTML page" } else { "an XML document" };
    let title = ["title", "h1", "message"].iter().find_map(|tag| {
        let open = format!("<{tag}>");
        let rest = whole.get(lower.find(&open)? + open.len()..)?;
        let title = rest.split('<').next()?.trim();
        (!title.is_empty()).then(|| title.chars().take(SHOWN).collect::<String>())
    });
    Some(title.map_or_else(|| kind.to_owned(), |title| format!("{kind} ('{title}')")))
}

/// A JSON document, or lines of JSON objects, where a table was expected.
fn json(text: &[u8], whole: bool) -> Option<String> {
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return None;
    }
    if let Some(error) = error_document(text, whole) {
        return Some(error);
    }
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let object = text.first() == Some(&b'{');
    let line = first.len() < text.len() && serde_json::from_slice::<IgnoredAny>(first).is_ok();
    let parsed = serde_json::from_slice::<IgnoredAny>(text);
    // What is cut off by the end of the sample is JSON so far.
    let document = parsed.as_ref().is_ok() || !whole && parsed.as_ref().is_err_and(serde_json::Error::is_eof);
    (document || object && line).then(|| "a JSON document".to_owned())
}

/// One object that tells of an error.
fn error_document(text: &[u8], whole: bool) -> Option<String> {
    if !whole || text.first() != Some(&b'{') {
        return None;
    }
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text).ok()?;
    let has = |names: &[&str]| names.iter().find_map(|name| members.get(*name)).filter(|value| !value.is_null());
    let told = has(&["message", "detail", "error_description", "title"]);
    let error = has(&["error", "errors", "fault", "exception", "Error"]);
    // A row may have a status and a title; only the numbers of failed answers speak for themselves.
    let failed = has(&["status", "statusCode", "status_code", "code"]).is_some_and(|code| {
        let number = code.as_u64().or_else(|| code.as_str()?.parse().ok());
        number.is_some_and(|number| (400..600).contains(&number))
    });
    let named = has(&["code", "__type"]).is_some() && has(&["message"]).is_some() && members.len() <= 3;
    if error.is_none() && !(told.is_some() && members.len() <= 6 && (failed || named)) || members.len() > 12 {
        return None;
    }
    let text = [error, told].into_iter().flatten().find_map(|value| {
        value.as_str().or_else(|| value.get("message").and_then(serde_json::Value::as_str)).map(str::to_owned)
    });
    let text = text.map(|text| text.chars().take(SHOWN).collect::<String>());
    Some(text.map_or_else(|| "a JSON error document".to_owned(), |text| format!("a JSON error document ('{text}')")))
}

/// Bytes that no text has, many of them.
fn binary(sample: &[u8]) -> Option<String> {
    let sample = sample.get(..sample.len().min(8192))?;
    if encoding_rs::Encoding::for_bom(sample).is_some() || decode::detect(sample, false).name().starts_with("UTF-16") {
        return None;
    }
    let first = sample.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if !first.iter().any(|byte| matches!(byte, 0..=8 | 14..=26) && *byte != 1) {
        return None;
    }
    let odd = sample.iter().filter(|byte| matches!(byte, 0..=8 | 14..=26) && **byte != 1).count();
    (odd >= 16 && odd * 20 > sample.len()).then(|| "binary data".to_owned())
}
