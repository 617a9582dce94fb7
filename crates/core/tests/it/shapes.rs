//! Columns that are richer at home: their names, and their values as they go and come back.

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, DurationMillisecondArray, DurationNanosecondArray, DurationSecondArray,
    Int32Array, ListViewArray, RecordBatch, StringArray, StringDictionaryBuilder, Time32MillisecondArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{self as a, Decimal128Type, Int32Type};
use std::sync::Arc;
use windvane_core::error::Kind;
use windvane_core::schema::arrow::{from_arrow, pick, refused};
use windvane_core::schema::native::{misfits, to_native};
use windvane_core::schema::sql::{Dialect, declared};
use windvane_core::schema::{DataType, Field, Schema, Shape};

fn batch(column: ArrayRef) -> RecordBatch {
    let field = a::Field::new("c", column.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(a::Schema::new(vec![field])), vec![column]).unwrap()
}

fn schema(data_type: DataType, shape: &str) -> Schema {
    let shape = Some(shape.parse().unwrap());
    Schema::new(vec![Field { shape, ..Field::new("c", data_type) }])
}

/// What they are here, whatever they are called at home.
fn known(given: &RecordBatch) -> Schema {
    let known = from_arrow(&given.schema()).unwrap();
    Schema::new(known.fields.into_iter().map(|field| Field { native_type: None, ..field }).collect())
}

fn texts(values: &[Option<&str>]) -> RecordBatch {
    batch(Arc::new(StringArray::from(values.to_vec())))
}

#[test]
fn a_shape_prints_and_parses_to_itself() {
    let plain = "boolean int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 text binary date uuid";
    let units = ["time", "timestamp", "timestamptz", "duration"]
        .iter()
        .flat_map(|word| ["s", "ms", "us", "ns"].map(|unit| format!("{word}({unit})")));
    let others = [
        "decimal(38,3)",
        "decimal(39,-2)",
        "list<list<int32>>",
        "map<text, list<float64>>",
        "struct<a: int8, \"b c\": list<text>, \"\": date, ü_1: map<uuid, text>>",
    ];
    for text in plain.split(' ').map(str::to_owned).chain(units).chain(others.map(str::to_owned)) {
        assert_eq!(text.parse::<Shape>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_no_shape_is_refused() {
    for text in [
        "",
        "list",
        "list<",
        "list<int32",
        "list<int32>>",
        "lst<int32>",
        "map<int32>",
        "struct<a int8>",
        "struct<a: int8 b>",
        "time",
        "time(m)",
        "time(us",
        "decimal(5)",
        "decimal(0,0)",
        "decimal(77,1)",
        "decimal(x,1)",
        "struct<\"a: int8>",
        "int128",
    ] {
        let error = text.parse::<Shape>().unwrap_err();
        assert!(error.kind() == Kind::Spec && error.hint_text().is_some_and(|hint| hint.contains("list<T>")), "{text}");
    }
    assert!(serde_json::from_str::<Shape>("\"nothing\"").unwrap_err().to_string().contains("'nothing' is not a shape"));
}

/// The text comes out of files.
#[test]
fn a_shape_without_an_end_takes_nothing_down() {
    for word in ["list<", "map<text, ", "struct<a: "] {
        assert!(format!("{}int8", word.repeat(1_000_000)).parse::<Shape>().is_err());
    }
    let deep = format!("{}int8{}", "list<".repeat(100), ">".repeat(100));
    assert_eq!(deep.parse::<Shape>().unwrap().to_string(), deep);
}

#[test]
fn durations_come_back_in_their_unit() {
    let all: [(&str, ArrayRef); 4] = [
        ("s", Arc::new(DurationSecondArray::from(vec![Some(0), Some(90), Some(-1), None]))),
        ("ms", Arc::new(DurationMillisecondArray::from(vec![Some(0), Some(90_500), Some(-1), None]))),
        (
            "us",
            cast(
                &DurationMillisecondArray::from(vec![0, 1, -90_001]),
                &a::DataType::Duration(a::TimeUnit::Microsecond),
            )
            .unwrap(),
        ),
        ("ns", Arc::new(DurationNanosecondArray::from(vec![Some(1), Some(i64::MAX), Some(-1), None]))),
    ];
    for (unit, array) in all {
        let given = batch(array.clone());
        let known = known(&given);
        assert_eq!(known, schema(DataType::Text, &format!("duration({unit})")));
        let gone = pick(&given, &known).unwrap();
        assert_eq!(to_native(&gone, &known).unwrap().column(0).to_data(), array.to_data(), "{unit}");
    }
}

#[test]
fn a_duration_that_the_unit_does_not_hold_is_refused() {
    let known = schema(DataType::Text, "duration(ms)");
    let given = texts(&[Some("PT0.0001S"), Some("PT1S"), None, Some("P1D"), Some("PT1"), Some("1S"), Some("P0D")]);
    let found = misfits(&given, &known).unwrap();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 3, 4, 5]);
    assert_eq!(found[&0], ("c".to_owned(), "the value does not fit duration(ms)".to_owned()));
    let error = to_native(&given, &known).unwrap_err();
    assert_eq!((error.kind(), error.place().row, error.place().path.as_deref()), (Kind::Data, Some(1), Some("c")));
}

/// Where a whole column cannot be built, its values are tried one by one.
#[test]
fn only_the_values_that_do_not_fit_are_told() {
    let known = schema(DataType::Json, "map<text, int32>");
    let given =
        texts(&[Some(r#"{"a": 1}"#), Some(r#"[{"key": null, "value": 1}]"#), None, Some(r#"{"a": 1.5}"#), Some("[1]")]);
    assert_eq!(misfits(&given, &known).unwrap().keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
    let sound = texts(&[Some(r#"{"a": 1}"#), None, Some(r#"[{"key":"b","value":2},{"key":"b","value":3}]"#)]);
    assert!(misfits(&sound, &known).unwrap().is_empty());
    assert_eq!(to_native(&sound, &known).unwrap().column(0).as_map().value_length(2), 2);
}

#[test]
fn views_of_lists_are_lists() {
    let field = Arc::new(a::Field::new("item", a::DataType::Int32, true));
    let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4]));
    let views = ListViewArray::try_new(field, vec![2, 0].into(), vec![2, 3].into(), values, None).unwrap();
    let given = batch(Arc::new(views));
    let known = known(&given);
    assert_eq!(known, schema(DataType::Json, "list<int32>"));
    let gone = pick(&given, &known).unwrap();
    assert_eq!(gone.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["[3,4]", "[1,2,3]"]);
    let back = to_native(&gone, &known).unwrap();
    assert_eq!(back.column(0).as_list::<i32>().value(0).as_primitive::<Int32Type>().values(), &[3, 4]);
}

#[test]
fn what_stands_inside_of_lists_has_its_plainest_form() {
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    words.extend([Some("a"), None, Some("a")]);
    let zoned = TimestampMicrosecondArray::from(vec![0, 1, 2]).with_timezone("+02:00");
    let times = Time32MillisecondArray::from(vec![0, 1, 86_399_999]);
    let members: Vec<(Arc<a::Field>, ArrayRef)> =
        [("word", Arc::new(words.finish()) as ArrayRef), ("at", Arc::new(zoned)), ("time", Arc::new(times))]
            .into_iter()
            .map(|(name, array)| (Arc::new(a::Field::new(name, array.data_type().clone(), true)), array))
            .collect();
    let given = batch(Arc::new(arrow::array::StructArray::from(members)));
    let known = known(&given);
    assert_eq!(known, schema(DataType::Json, "struct<word: text, at: timestamptz(us), time: time(ms)>"));
    let gone = pick(&given, &known).unwrap();
    let text = gone.column(0).as_string::<i32>().value(2);
    assert!(text.contains(r#""word":"a""#) && text.contains("1970-01-01") && text.contains("23:59:59.999"), "{text}");
    assert!(misfits(&gone, &known).unwrap().is_empty());
}

#[test]
fn digits_in_front_of_the_point_come_as_zeros() {
    let hundreds = Decimal128Array::from(vec![Some(12), Some(-3), None]).with_precision_and_scale(5, -2).unwrap();
    let given = batch(Arc::new(hundreds));
    let known = known(&given);
    assert_eq!(known.fields[0].data_type, DataType::Decimal { precision: 7, scale: 0 });
    let gone = pick(&given, &known).unwrap();
    assert_eq!(
        gone.column(0).as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(),
        [Some(1200), Some(-300), None]
    );
}

#[test]
fn a_column_that_cannot_be_moved_is_named() {
    let field = a::Field::new(
        "odd",
        a::DataType::RunEndEncoded(
            Arc::new(a::Field::new("run_ends", a::DataType::Int32, false)),
            Arc::new(a::Field::new("values", a::DataType::Int32, true)),
        ),
        true,
    );
    let error = from_arrow(&a::Schema::new(vec![field])).unwrap_err();
    assert!(error.kind() == Kind::Unsupported && error.place().path.as_deref() == Some("odd"));
}

#[test]
fn a_value_that_a_narrower_column_does_not_hold_is_told_with_the_value() {
    let given = batch(Arc::new(Int32Array::from(vec![Some(1), Some(70_000), None])));
    let known = Schema::new(vec![Field::new("c", DataType::Int16)]);
    let found = refused(&given, &known).unwrap();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [1]);
    assert!(found[&1].1.contains("'70000' does not fit"), "{found:?}");
    let error = pick(&given, &known).unwrap_err();
    assert_eq!((error.kind(), error.place().path.as_deref()), (Kind::Data, Some("c")));
}

/// An array's elements hold every value exactly, or the column is JSON.
#[test]
fn arrays_of_postgresql_hold_what_the_lists_hold() {
    for (item, element) in [
        ("boolean", "boolean"),
        ("int8", "smallint"),
        ("uint8", "smallint"),
        ("int16", "smallint"),
        ("uint16", "integer"),
        ("int32", "integer"),
        ("uint32", "bigint"),
        ("int64", "bigint"),
        ("uint64", "numeric(20,0)"),
        ("float32", "real"),
        ("float64", "double precision"),
        ("decimal(50,3)", "numeric(50,3)"),
        ("decimal(9,0)", "numeric(9,0)"),
        ("text", "text"),
        ("binary", "bytea"),
        ("date", "date"),
        ("time(s)", "time"),
        ("time(us)", "time"),
        ("timestamp(ms)", "timestamp"),
        ("timestamptz(us)", "timestamptz"),
        ("uuid", "uuid"),
    ] {
        let known = schema(DataType::Json, &format!("list<{item}>"));
        let told = declared(&known.fields[0], Dialect::Postgres);
        assert_eq!(told, format!("{element}[]"), "{item}");
        assert!(!declared(&known.fields[0], Dialect::Sqlite).contains("[]"));
    }
    for item in [
        "time(ns)",
        "timestamp(ns)",
        "timestamptz(ns)",
        "duration(us)",
        "decimal(9,-2)",
        "list<int32>",
        "map<text, text>",
    ] {
        assert_eq!(
            declared(&schema(DataType::Json, &format!("list<{item}>")).fields[0], Dialect::Postgres),
            "jsonb",
            "{item}"
        );
    }
}
