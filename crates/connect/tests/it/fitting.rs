//! Whether a table takes our columns, and what is said of all that do not fit at once.

use windvane_connect::compatibility::{Compatibility, Mismatch, TargetColumn, fits, mismatch, stays};
use windvane_core::error::Kind;
use windvane_core::schema::{DataType, Field};

fn theirs(name: &str, data_type: DataType, generated: bool) -> TargetColumn<'_> {
    TargetColumn { name, generated, data_type, declared: "theirs", digits: 38 }
}

fn against(ours: DataType, other: DataType) -> Option<Mismatch> {
    mismatch(&Field::new("a", ours), &theirs("a", other, false), "SQLite")
}

#[test]
fn names_and_computed_columns_are_refused() {
    let ours = Field::new("a", DataType::Int64);
    let error = fits(&ours, &theirs("A", DataType::Int64, false), "SQLite").unwrap_err();
    assert!(error.message().contains("'a' is written 'A'") && error.hint_text().unwrap().contains("SQLite"), "{error}");
    let error = fits(&ours, &theirs("a", DataType::Int64, true), "SQLite").unwrap_err();
    assert!(error.message().contains("computes column 'a' itself"), "{error}");
    for wrong in [theirs("A", DataType::Text, false), theirs("a", DataType::Text, true)] {
        let found = mismatch(&Field::new("a", DataType::Int64), &wrong, "SQLite").unwrap();
        assert_eq!((found.cast, found.widens), (None, false), "no cast helps");
    }
}

#[test]
fn a_cast_is_named_only_where_no_value_is_lost_in_silence() {
    use DataType as T;
    let decimal = |precision, scale| T::Decimal { precision, scale };
    for (ours, other, cast, through) in [
        (T::Int64, T::Int32, Some(T::Int32), None),
        (T::Int64, T::Boolean, Some(T::Boolean), None),
        (T::Text, T::Date, Some(T::Date), None),
        (T::Timestamp, T::TimestampTz, Some(T::TimestampTz), None),
        (T::Int64, T::Float64, Some(T::Float64), Some(decimal(15, 0))),
        (T::Int32, T::Float32, Some(T::Float32), Some(decimal(7, 0))),
        (decimal(20, 3), T::Float64, Some(T::Float64), Some(decimal(15, 3))),
        (decimal(9, 3), T::Float64, Some(T::Float64), None),
        (T::Text, T::Binary, None, None),
        (T::Binary, T::Text, None, None),
        (T::Float64, decimal(9, 2), None, None),
        (T::Float64, T::Float32, None, None),
        (decimal(30, 20), T::Float64, None, None),
    ] {
        let found = against(ours, other).unwrap_or_else(|| panic!("{ours} fits {other}"));
        assert_eq!((found.cast, found.through), (cast, through), "{ours} into {other}");
    }
    for (ours, other) in
        [(T::Int16, T::Int64), (T::Json, T::Text), (decimal(9, 2), decimal(12, 3)), (T::Float32, T::Float64)]
    {
        assert_eq!(against(ours, other), None, "{ours} into {other}");
    }
}

#[test]
fn all_that_does_not_fit_is_said_at_once() {
    let one =
        |name: &str, ours, other| mismatch(&Field::new(name, ours), &theirs(name, other, false), "SQLite").unwrap();
    let mut found = Compatibility { exists: true, ..Compatibility::default() };
    assert!(found.judge(false).is_ok());
    found.mismatches.push(one("a", DataType::Int64, DataType::Decimal { precision: 9, scale: 2 }));
    let error = found.judge(false).unwrap_err();
    assert_eq!((error.kind(), error.place().path.as_deref()), (Kind::Conflict, Some("a")));
    assert!(error.hint_text().unwrap().contains("Cast 'a'"), "{error}");
    found.mismatches.push(one("b", DataType::Text, DataType::Date));
    found.mismatches.push(one("c", DataType::Text, DataType::Binary));
    found.mismatches.push(Mismatch::required("d"));
    found.mismatches.push(Mismatch::spelt("e", "E"));
    found.new.push("f".to_owned());
    let error = found.judge(false).unwrap_err();
    assert_eq!(error.place().path, None);
    assert!(error.message().starts_with("6 columns do not fit the target's table: column 'a'"), "{error}");
    assert!(error.message().contains("no column 'f'"), "{error}");
    let hint = error.hint_text().unwrap();
    assert!(hint.contains("`cast: {a: 'decimal(9,2)', b: date}`"), "{hint}");
    assert!(
        ["Cast 'c'", "Load 'd' too", "rename: {e: E}", "`drift: evolve`"].iter().all(|way| hint.contains(way)),
        "{hint}"
    );
    assert!(found.judge(true).unwrap_err().message().starts_with("5 columns"));
}

#[test]
fn a_column_that_cannot_widen_says_why_and_that_nothing_happened() {
    let error = stays(&Field::new("a", DataType::Int64), "integer", "a view needs it");
    assert_eq!((error.kind(), error.place().path.as_deref()), (Kind::Conflict, Some("a")));
    assert!(error.message().ends_with("integer at the target; a view needs it"), "{error}");
    assert!(error.hint_text().unwrap().starts_with("Nothing was changed"));
}
