//! Whether a column that is there takes our values as they are.

use crate::error::{Error, Kind, Result};
use crate::schema::{DataType, Field, widen};

/// A column of a target's table.
pub(super) struct Theirs<'a> {
    pub(super) name: &'a str,
    pub(super) generated: bool,
    pub(super) data_type: DataType,
    /// Its type, for people.
    pub(super) declared: &'a str,
    /// So many digits it keeps of a decimal, whatever it declares.
    pub(super) digits: u8,
}

/// Whether it holds each value of ours exactly. `database`: one that does not tell upper from lower case.
pub(super) fn fits(ours: &Field, theirs: &Theirs<'_>, database: &str) -> Result<()> {
    let name = &ours.name;
    let conflict = |message: String, hint: String| Err(Error::new(Kind::Conflict, message).at_path(name).hint(hint));
    if theirs.name != name {
        return conflict(
            format!("column '{name}' is written '{}' at the target", theirs.name),
            format!("{database} does not tell upper from lower case: write it as the target does"),
        );
    }
    if theirs.generated {
        let hint = "Leave the column out in the steps";
        return conflict(format!("the target computes column '{name}' itself"), hint.to_owned());
    }
    let fits = match (ours.data_type, theirs.data_type) {
        (DataType::Decimal { precision, scale }, DataType::Decimal { precision: p, scale: s }) => {
            let whole = i16::from(precision) - i16::from(scale);
            precision <= theirs.digits && s >= scale && i16::from(p) - i16::from(s) >= whole
        }
        (DataType::Int16, DataType::Int32 | DataType::Int64)
        | (DataType::Int32, DataType::Int64)
        | (DataType::Float32, DataType::Float64)
        | (DataType::Json | DataType::Uuid, DataType::Text) => true,
        (ours, theirs) => ours == theirs,
    };
    if fits {
        return Ok(());
    }
    conflict(
        format!("column '{name}' is {} here and {} at the target", ours.data_type, theirs.declared),
        format!("Cast '{name}' in a step to {}, or change the target's column", theirs.data_type),
    )
}

/// The type that their column must get to hold ours as well, where that is only wider.
pub(super) fn wider(ours: &Field, theirs: DataType) -> Option<DataType> {
    widen::joined(theirs, ours.data_type).filter(|wide| *wide != theirs)
}

/// A column that cannot widen where it is.
pub(super) fn stays(ours: &Field, declared: &str, why: &str) -> Error {
    let (name, data_type) = (&ours.name, ours.data_type);
    Error::new(Kind::Conflict, format!("column '{name}' is {data_type} here and {declared} at the target; {why}"))
        .at_path(name)
        .hint("Nothing was changed. Widen the target's column by hand, and run again")
}
