//! An expression over a table with a column of every type: what is accepted is accepted as it is printed, computes the
//! same for every row whatever stands beside it, and has words for PostgreSQL that are an expression too.

use super::batches::typed as retyped;
use super::errors::told;
use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use std::sync::{Arc, LazyLock};
use windvane_core::error::Kind;
use windvane_core::schema::{DataType, Field, Schema, arrow::to_arrow};
use windvane_core::spec::step::Step;
use windvane_engine::expression::inspect::{Standing, inspect};
use windvane_engine::expression::{Evaluated, Expression, rewritten};
use windvane_engine::frame::Frame;
use windvane_engine::{code, pushdown};

static FRAME: LazyLock<Option<Frame>> = LazyLock::new(frame);

fn column(name: &str) -> (DataType, ArrayRef) {
    let texts = |values: [Option<&str>; 4]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    match name {
        "b" => (DataType::Boolean, Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]))),
        "s" => (DataType::Int16, Arc::new(Int16Array::from(vec![Some(1), Some(i16::MIN), None, Some(0)]))),
        "i" => (DataType::Int32, Arc::new(Int32Array::from(vec![Some(7), Some(i32::MAX), Some(0), None]))),
        "n" => (DataType::Int64, Arc::new(Int64Array::from(vec![Some(-3), Some(i64::MIN), Some(i64::MAX), None]))),
        "r" => (DataType::Float32, Arc::new(Float32Array::from(vec![Some(0.5), Some(f32::MAX), None, Some(-0.0)]))),
        "f" => (
            DataType::Float64,
            Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), Some(f64::NEG_INFINITY), None])),
        ),
        "d" => (
            DataType::Decimal { precision: 12, scale: 2 },
            Arc::new(Decimal128Array::from(vec![Some(12_345), Some(-999_999_999_999), Some(0), None])),
        ),
        "big" => (
            DataType::Decimal { precision: 38, scale: 10 },
            Arc::new(Decimal128Array::from(vec![Some(1), Some(10_i128.pow(38) - 1), Some(1 - 10_i128.pow(38)), None])),
        ),
        "t" => (DataType::Text, texts([Some("Abc é 12"), Some(""), Some(" 2024-02-29 "), None])),
        "x" => {
            (DataType::Binary, Arc::new(BinaryArray::from_opt_vec(vec![Some(b"ab\0"), Some(b""), None, Some(b"\xff")])))
        }
        "day" => (DataType::Date, Arc::new(Date32Array::from(vec![Some(0), Some(2_932_896), Some(-719_162), None]))),
        "clock" => (
            DataType::Time,
            Arc::new(Time64MicrosecondArray::from(vec![Some(0), Some(86_399_999_999), Some(3_600_000_000), None])),
        ),
        "at" => (
            DataType::Timestamp,
            Arc::new(TimestampMicrosecondArray::from(vec![Some(0), Some(253_402_300_799_999_999), Some(-1), None])),
        ),
        "tz" => (
            DataType::TimestampTz,
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1), Some(-62_135_596_800_000_000), Some(0), None])),
        ),
        "j" => (DataType::Json, texts([Some("{\"a\": [1, null]}"), Some("3"), Some("\"x\""), None])),
        _ => (DataType::Uuid, texts([Some("00000000-0000-0000-0000-00000000000a"), None, None, None])),
    }
}

fn frame() -> Option<Frame> {
    let names = ["b", "s", "i", "n", "r", "f", "d", "big", "t", "x", "day", "clock", "at", "tz", "j", "u"];
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for name in names {
        let (data_type, values) = column(name);
        fields.push(Field { nullable: true, ..Field::new(name, data_type) });
        columns.push(values);
    }
    let schema = Schema::new(fields);
    let arrow = to_arrow(&schema);
    let typed = columns.iter().zip(arrow.fields()).map(|(values, field)| retyped(values, field.data_type()));
    Frame::new(schema, typed.collect::<Result<_, _>>().ok()?, Int64Array::from(vec![1, 2, 3, 4])).ok()
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(frame) = FRAME.as_ref() else { return assert!(FRAME.is_some(), "the table can be made") };
    let expression = match Expression::parse(text, &frame.schema) {
        Ok(expression) => expression,
        Err(error) => return told(&error),
    };
    let inspected = inspect(text, Standing::Row);
    assert!(inspected.is_ok(), "what columns cannot mend does not parse: {inspected:?}");
    let whole = computed(&expression, frame);
    row_by_row(&expression, frame, whole.as_ref());
    printed(text, frame, whole.as_ref());
    words(text, frame);
}

/// The values, which are what the field says.
fn computed(expression: &Expression, frame: &Frame) -> Option<Evaluated> {
    let field = expression.field("value");
    let done = match expression.evaluate(frame) {
        Ok(done) => done,
        Err(error) => {
            told(&error);
            return None;
        }
    };
    assert_eq!(done.values.len(), frame.len());
    let arrow = to_arrow(&Schema::new(vec![field.clone()]));
    assert_eq!(arrow.fields().first().map(|field| field.data_type()), Some(done.values.data_type()));
    for row in 0..frame.len() {
        let failed = done.failures.contains_key(&row);
        assert!(failed || field.nullable || done.values.is_valid(row), "row {row} is null and is said not to be");
    }
    Some(done)
}

fn row_by_row(expression: &Expression, frame: &Frame, whole: Option<&Evaluated>) {
    for row in 0..frame.len() {
        let alone = computed(expression, &frame.slice(row, 1));
        let Some((alone, whole)) = alone.zip(whole) else { continue };
        assert_eq!(alone.failures.get(&0), whole.failures.get(&row), "row {row} alone fails otherwise");
        if alone.failures.is_empty() {
            assert_eq!(&alone.values, &whole.values.slice(row, 1), "row {row} alone is another value");
        }
    }
}

/// What the parser understood, written down and read again.
fn printed(text: &str, frame: &Frame, whole: Option<&Evaluated>) {
    let printed = rewritten(text).unwrap_or_default();
    let again = Expression::parse(&printed, &frame.schema);
    // Brackets around signs may nest deeper than an expression may.
    let deep = again.as_ref().is_err_and(|error| error.kind() == Kind::Unsupported);
    let Ok(again) = again else { return assert!(deep, "printed as {printed}: {again:?}") };
    let Some((again, whole)) = computed(&again, frame).zip(whole) else { return };
    assert_eq!(again.failures, whole.failures, "printed as {printed}");
    for row in (0..frame.len()).filter(|row| !whole.failures.contains_key(row)) {
        assert_eq!(&again.values.slice(row, 1), &whole.values.slice(row, 1), "printed as {printed}");
    }
}

fn words(text: &str, frame: &Frame) {
    let steps = [Step::Derive([("value".to_owned(), text.to_owned())].into())];
    let none = |_: &str| None;
    drop(code::polars(&steps, &frame.schema, &none, &|name: &str| name.to_owned()));
    let staged = match pushdown::staged(&steps, "rows", &frame.schema, &none) {
        Ok(staged) => staged.query.rows(),
        Err(error) => return told(&error),
    };
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(&staged).and_then(|mut parser| parser.parse_query());
    // Deeper than this parser goes, which is no matter.
    let good = parsed.is_ok() || parsed == Err(ParserError::RecursionLimitExceeded);
    assert!(good, "{parsed:?}: {staged}");
}
