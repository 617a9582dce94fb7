//! What a text may lose when the server makes a value of it.

use super::super::table::{NativeColumn, Shape};

/// What may be lost of a text that becomes a value of such a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loses {
    /// The server writes it in a form of its own, and that is all.
    Nothing,
    /// Digits of a second behind the sixth.
    Fraction,
    /// Those, and parts of a month or a year.
    Parts,
    /// Those, and the day.
    Day,
    /// The time of the day.
    Time,
    /// Any of its numbers: it is compared number by number.
    Numbers,
    /// Digits behind the second.
    Cents,
    /// Another value may have been meant: only the server's own form goes.
    All,
}

/// What a text may lose in a column, and whether length or digits that it declares may take more.
pub(super) fn loses(column: &NativeColumn) -> (Loses, bool) {
    if column.shape == Shape::Composite {
        return (Loses::Numbers, false);
    }
    let element = column.resolved.trim_end_matches("[]");
    let (word, digits) = element.split_once('(').map_or((element, ""), |(word, rest)| (word.trim(), rest));
    let behind = digits.split_once(')').map_or("", |(_, rest)| rest.trim());
    let word = if behind.is_empty() { word.to_owned() } else { format!("{word} {behind}") };
    let declared = !digits.is_empty() || word.starts_with("interval ");
    let loses = match word.as_str() {
        word if word.starts_with("interval") => Loses::Parts,
        "time with time zone" => Loses::Day,
        "timestamp with time zone" | "tstzrange" | "tstzmultirange" => Loses::Fraction,
        "daterange" | "datemultirange" => Loses::Time,
        "smallint"
        | "integer"
        | "bigint"
        | "numeric"
        | "real"
        | "double precision"
        | "date"
        | "tsrange"
        | "tsmultirange"
        | "timestamp without time zone"
        | "time without time zone"
        | "point"
        | "line"
        | "lseg"
        | "box"
        | "path"
        | "polygon"
        | "circle" => Loses::Numbers,
        "money" => Loses::Cents,
        "oid" | "xid" | "cid" | "character" => Loses::All,
        word if word.starts_with("reg") => Loses::All,
        _ => return (Loses::Nothing, false),
    };
    (loses, declared)
}
