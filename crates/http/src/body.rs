//! What an answer holds: its records, and what it says about the next page.

use serde_json::value::RawValue;
use windvane_core::error::{Error, Result};
use windvane_files::Members;

/// The answer as one JSON value.
pub(super) fn parse(body: &str) -> Result<&RawValue> {
    serde_json::from_str(body).map_err(|error| {
        let start = body.trim_start();
        // The parser takes a number that is cut, such as `1.`, for a wrong one: with a digit more it is at the end, too.
        let is_cut =
            error.is_eof() || serde_json::from_str::<&RawValue>(&format!("{body}0")).is_err_and(|error| error.is_eof());
        if is_cut && !start.is_empty() {
            return Error::data("the answer is cut short: its JSON has no end")
                .hint("Ask for smaller pages; try again");
        }
        let what = if start.is_empty() {
            "empty"
        } else if start.starts_with('<') {
            "HTML or XML"
        } else {
            "something else"
        };
        Error::data(format!("the answer is not JSON but {what}"))
            .hint("Check the resource's `path`, and whether the API wants another `Accept` header or a login")
            .caused_by(&error)
    })
}

/// The value at a path such as `data.items`.
pub(super) fn at<'a>(value: &'a RawValue, path: &str) -> Result<Option<&'a RawValue>> {
    let mut value = value;
    for name in path.split('.') {
        if !is_object(value) {
            return Ok(None);
        }
        match member(value, name)? {
            Some(inner) => value = inner,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// The records of an answer: the list at the path, or the one object there. Null is no record.
pub(super) fn records<'a>(answer: &'a RawValue, path: Option<&str>) -> Result<Vec<&'a RawValue>> {
    let found = match path {
        Some(path) => at(answer, path)?.ok_or_else(|| {
            Error::data(format!("the answer has nothing at '{path}'"))
                .hint(format!("It has: {}. Correct `records`", names(answer)))
        })?,
        None => answer,
    };
    match found.get().as_bytes().first() {
        Some(b'[') => items(found),
        Some(b'n') => Ok(Vec::new()),
        Some(b'{') => Ok(vec![found]),
        Some(_) | None => Err(Error::data("where records were expected, the answer has a single value")
            .hint("Say with `records` where the list of records is: data.items")),
    }
}

/// A value that names a page, as text; nothing when it is empty.
pub(super) fn word(answer: &RawValue, path: &str) -> Result<Option<String>> {
    let Some(found) = at(answer, path)? else { return Ok(None) };
    match found.get().as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(found.get()).map_err(|error| odd(&error))?;
            Ok(Some(text).filter(|text| !text.is_empty()))
        }
        Some(b'n' | b'f') | None => Ok(None),
        Some(b'{' | b'[' | b't') => Err(Error::data(format!("what the answer has at '{path}' names no page"))
            .hint("Correct `paging`: it must lead to a text or a number")),
        Some(_) => Ok(Some(found.get().to_owned())),
    }
}

pub(super) fn items(list: &RawValue) -> Result<Vec<&RawValue>> {
    serde_json::from_str(list.get()).map_err(|error| odd(&error))
}

pub(super) fn member<'a>(object: &'a RawValue, name: &str) -> Result<Option<&'a RawValue>> {
    let Members(members) = serde_json::from_str(object.get()).map_err(|error| odd(&error))?;
    Ok(members.into_iter().rev().find(|(known, _)| known == name).map(|(_, value)| value))
}

pub(super) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

fn names(answer: &RawValue) -> String {
    match serde_json::from_str::<Members<'_>>(answer.get()) {
        Ok(Members(members)) => members.into_iter().map(|(name, _)| name).take(20).collect::<Vec<_>>().join(", "),
        Err(_) => "no names, it is a list".to_owned(),
    }
}

fn odd(error: &serde_json::Error) -> Error {
    Error::data("the answer holds JSON that cannot be read").caused_by(error)
}
