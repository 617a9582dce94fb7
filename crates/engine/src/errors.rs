//! What is said of columns that are not there, and of what cannot happen.

use windvane_core::error::Error;
use windvane_core::schema::Schema;

/// The error for a column that is not there, with the nearest one that is.
pub fn no_column(name: &str, schema: &Schema) -> Error {
    let error = Error::spec(format!("column '{name}' does not exist"));
    let listed: Vec<&str> = schema.names().take(30).collect();
    match nearest(name, schema.names()) {
        Some(near) => error.hint(format!("Did you mean '{near}'? Columns at this point: {}", listed.join(", "))),
        None => error.hint(format!("Columns at this point: {}", listed.join(", "))),
    }
}

/// The known word that looks most like a misspelt one.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .map(|word| (strsim::jaro_winkler(&name, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, word)| word)
}

/// An Arrow failure that correct code cannot meet.
pub fn broken(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::internal("the engine could not compute a column").caused_by(error)
}

/// An expression that no stack or no sensible memory would hold.
pub(crate) fn too_large(message: String) -> Error {
    Error::unsupported(message).hint(
        "Split it into several steps, or use IN (...) instead of many ORs, and CASE x WHEN instead of many conditions",
    )
}
