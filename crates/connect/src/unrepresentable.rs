//! Which columns hold values for which there is no word here.

use windvane_core::schema::Schema;

/// The columns of which the answer, in their order, says yes; all of them without one.
pub fn named(columns: &Schema, answer: Option<&[bool]>) -> Vec<String> {
    let says = |at: usize| answer.is_none_or(|answer| answer.get(at).copied().unwrap_or(true));
    columns.names().enumerate().filter(|(at, _)| says(*at)).map(|(_, name)| name.to_owned()).collect()
}
