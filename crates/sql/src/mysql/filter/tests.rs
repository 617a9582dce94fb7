//! Values in statements: only what is one of the type gets through, and nothing of it gets out of its quotes.

use super::*;

fn written(value: &str, data_type: DataType) -> Option<String> {
    literal(value, data_type, "c").ok()
}

#[test]
fn a_value_stands_as_the_server_reads_it() {
    use DataType as T;
    for (value, data_type, sql) in [
        ("true", T::Boolean, "1"),
        ("false", T::Boolean, "0"),
        ("-7", T::Int16, "-7"),
        ("9223372036854775807", T::Int64, "9223372036854775807"),
        ("0.1", T::Float64, "1e-1"),
        ("-1.50", T::Decimal { precision: 5, scale: 2 }, "-1.50"),
        ("\\x00fF", T::Binary, "X'00fF'"),
        ("\\x", T::Binary, "X''"),
        ("2024-02-29", T::Date, "DATE'2024-02-29'"),
        ("23:59:59.5", T::Time, "TIME'23:59:59.5'"),
    ] {
        assert_eq!(written(value, data_type).as_deref(), Some(sql), "{value}");
    }
    let moment = written("2024-02-29 10:11:12.5", T::Timestamp).unwrap();
    assert!(moment.contains("2024-02-29 10:11:12.5"), "{moment}");
    assert_eq!(written("2024-02-29T12:11:12.5+02:00", T::TimestampTz), Some(moment));
    let text = written("it's ' OR 1=1 -- \\", T::Text).unwrap();
    assert!(!text.contains("OR"), "{text}");
}

#[test]
fn what_is_no_value_of_the_type_is_refused() {
    use DataType as T;
    for (value, data_type) in [
        ("yes", T::Boolean),
        ("1.5", T::Int32),
        ("1; DROP TABLE t", T::Int64),
        ("inf", T::Float64),
        ("NaN", T::Float64),
        ("1.234", T::Decimal { precision: 5, scale: 2 }),
        ("00ff", T::Binary),
        ("\\x0", T::Binary),
        ("\\x0g", T::Binary),
        ("2024-02-30", T::Date),
        ("2024-01-01' OR '1'='1", T::Date),
        ("25:00", T::Time),
        ("10:00' OR '1'='1", T::Time),
        ("2024-02-29", T::TimestampTz),
    ] {
        let error = literal(value, data_type, "c").unwrap_err();
        assert_eq!(error.place().path.as_deref(), Some("c"), "{value}");
        assert!(error.message().contains(&format!("not a valid {data_type}")), "{value}");
    }
}

fn existing() -> Existing {
    let column = super::super::table::NativeColumn {
        name: "At".to_owned(),
        declared: "datetime(6)".to_owned(),
        base: "datetime".to_owned(),
        marked: None,
        required: false,
        generated: false,
        hidden: false,
        counted: false,
        holds_numbers: false,
        comment: None,
        default: None,
        fills: false,
        collation: None,
    };
    Existing {
        is_view: false,
        engine: "InnoDB".to_owned(),
        rows: None,
        bytes: None,
        columns: vec![column],
        primary: Vec::new(),
        comment: None,
    }
}

#[test]
fn a_range_says_which_rows_without_a_value_are_inside() {
    let bound = |value: &str, inclusive| Some(RangeBound { value: value.to_owned(), inclusive });
    let range = |from, to, nulls| RangeFilter { column: "at".to_owned(), data_type: DataType::Date, from, to, nulls };
    for (range, sql) in [
        (range(None, None, true), "TRUE"),
        (range(None, None, false), "`At` IS NOT NULL"),
        (range(bound("2024-01-01", true), None, false), "(`At` >= DATE'2024-01-01')"),
        (
            range(bound("2024-01-01", false), bound("2024-02-01", true), true),
            "(`At` > DATE'2024-01-01' AND `At` <= DATE'2024-02-01' OR `At` IS NULL)",
        ),
        (range(None, bound("2024-02-01", false), false), "(`At` < DATE'2024-02-01')"),
    ] {
        assert_eq!(one(&range, &existing()).unwrap(), sql);
    }
    let other = RangeFilter { column: "gone".to_owned(), ..range(None, None, true) };
    let error = one(&other, &existing()).unwrap_err();
    assert!(error.kind() == windvane_core::error::Kind::Missing && error.message().contains("'gone'"));
}
