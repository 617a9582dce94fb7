//! Types that a source does not declare but that its values have: PostgreSQL's `numeric` without digits, and SQLite's
//! columns, which keep what they are given.

use super::case::Case;
use windvane_core::schema::sql::from_native;
use windvane_core::schema::widen::{holds, widened};
use windvane_core::schema::{DataType, Field, epoch};
use windvane_core::spec::source::Source;

/// Whether the column's type now was found by looking at its values.
pub(super) fn by_values(case: Case<'_>, here: &Field) -> bool {
    let declared = epoch::declared(here).unwrap_or_default();
    let Some(kind) = case.plan.sources.get(&case.input.source).map(Source::kind) else { return false };
    kind.unmeasured.is_some_and(|unmeasured| declared == unmeasured)
        || kind.loose && kind.words.is_some_and(|words| from_native(declared, words) != here.data_type)
}

/// Whether SQLite's column has the type of its name now: no value speaks for another one, and that it was read in another
/// one stays.
pub(super) fn is_default(case: Case<'_>, field: &Field, here: &Field) -> bool {
    let declared = epoch::declared(here).unwrap_or_default();
    let kind = case.plan.sources.get(&case.input.source).map(Source::kind).filter(|kind| kind.loose);
    field.data_type != here.data_type
        && kind.and_then(|kind| kind.words).is_some_and(|words| from_native(declared, words) == here.data_type)
}

/// What holds the values of then and now; nothing where they are of another kind.
pub(super) fn wider(case: Case<'_>, field: &Field, now: DataType) -> Option<DataType> {
    let watched = case.output.incremental.as_ref().is_some_and(|incremental| incremental.column == field.name);
    joined(field.data_type, now, watched)
}

/// `watched`: windows are compared by the column's values, which texts do not order.
pub(super) fn joined(before: DataType, now: DataType, watched: bool) -> Option<DataType> {
    if holds(before, now) {
        return Some(before);
    }
    match (before, now) {
        // More digits than any number has here: those few go to quarantine where numbers are compared.
        (DataType::Decimal { .. }, DataType::Text) => Some(if watched { before } else { DataType::Text }),
        // All values of now are known to fit, which must do where both do not go together.
        (DataType::Decimal { .. }, DataType::Decimal { .. }) => Some(widened(before, now).unwrap_or(now)),
        _ => widened(before, now),
    }
}
