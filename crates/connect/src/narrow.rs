//! Values that a table which is there would change without a word: digits that a column rounds or cuts, blanks that it
//! drops, bytes that it fills up. Servers take them and say nothing: their rows are refused here, before they are sent.

use super::RefusedRow;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{
    DataType as Arrow, Decimal128Type, Float32Type, Float64Type, Int16Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use std::collections::{BTreeMap, HashSet};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{Field, Schema};

/// What a column keeps of the values that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeps {
    /// So many digits of a second.
    Fraction(u8),
    /// So many digits behind the point.
    Places(u8),
    /// So many letters; blanks behind them are dropped, others refused by the server.
    Letters(usize),
    /// So many bytes.
    Bytes(usize),
    /// A text without the blanks at its end; where the server gives it back filled up, that of so many letters.
    Unpadded(Option<usize>),
    /// Just so many bytes: shorter values are filled up.
    Filled(usize),
    /// Years of four digits: others are taken for some of these.
    Years,
    /// Numbers in texts as numbers: other digits than theirs come back.
    Numbers,
    /// One of these, or (`true`) several in this order: others are taken for numbers, or for one that is alike.
    Members(Vec<String>, bool),
}

/// The columns of a load that are narrower than their type here.
#[derive(Debug, Clone, Default)]
pub struct Narrow(Vec<Column>);

#[derive(Debug, Clone)]
struct Column {
    at: usize,
    name: String,
    keeps: Keeps,
    reason: String,
}

impl Narrow {
    /// `known`: how the target declares a column of ours, and what it keeps.
    pub fn of(schema: &Schema, known: impl Fn(&Field) -> Option<(String, Keeps)>) -> Self {
        let one = |(at, field): (usize, &Field)| {
            let (declared, keeps) = known(field)?;
            let reason = format!("the value does not fit {declared} at the target: {}", keeps.words());
            Some(Column { at, name: field.name.clone(), keeps, reason })
        };
        Self(schema.fields.iter().enumerate().filter_map(one).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows that would not arrive as they are, in their order; the first row's place is `first`.
    pub fn misfits(&self, batch: &RecordBatch, first: u64) -> Vec<RefusedRow> {
        let mut rows = BTreeMap::new();
        for column in &self.0 {
            for row in column.keeps.misfits(batch.column(column.at)) {
                rows.entry(row).or_insert_with(|| RefusedRow {
                    at: first + row as u64,
                    column: Some(column.name.clone()),
                    reason: column.reason.clone(),
                    superseded: false,
                });
            }
        }
        rows.into_values().collect()
    }
}

/// For loads that must take every row.
pub fn must_fit(row: &RefusedRow) -> Error {
    let error = Error::data(row.reason.clone()).in_row(row.at + 1).hint(
        "Round or trim it in a step, give the target's column room for it, or let such rows go to quarantine \
         (`errors: {rows: quarantine}`): nothing was loaded",
    );
    match &row.column {
        Some(column) => error.at_path(column),
        None => error,
    }
}

/// The rows that are not refused, and their places in the load.
pub fn others(batch: &RecordBatch, first: u64, refused: &[RefusedRow]) -> Result<(RecordBatch, Vec<u64>)> {
    let places = first..first + batch.num_rows() as u64;
    if refused.is_empty() {
        return Ok((batch.clone(), places.collect()));
    }
    let gone: HashSet<u64> = refused.iter().map(|row| row.at).collect();
    let keep: BooleanArray = places.clone().map(|place| Some(!gone.contains(&place))).collect();
    let rest = filter_record_batch(batch, &keep)
        .map_err(|error| Error::internal("rows cannot be told apart").caused_by(&error))?;
    Ok((rest, places.filter(|place| !gone.contains(place)).collect()))
}

impl Keeps {
    /// Why a value is not kept.
    fn words(&self) -> String {
        match self {
            Self::Fraction(0) => "it keeps whole seconds only".to_owned(),
            Self::Fraction(digits) => format!("it keeps {digits} digits of a second"),
            Self::Places(digits) => format!("it keeps {digits} digits behind the point"),
            Self::Letters(most) => format!("the blanks behind {most} letters would be lost"),
            Self::Bytes(most) => format!("what is behind {most} bytes would be lost"),
            Self::Unpadded(_) => "blanks at its end do not count there".to_owned(),
            Self::Filled(length) => format!("it would be filled up to {length} bytes"),
            Self::Years => "it would be taken for another year".to_owned(),
            Self::Numbers => "it would be taken for a number".to_owned(),
            Self::Members(..) => "it is none of its members".to_owned(),
        }
    }

    fn misfits(&self, values: &ArrayRef) -> Vec<usize> {
        match self {
            Self::Fraction(digits) => fractions(values, *digits),
            Self::Places(digits) => places(values, *digits),
            Self::Letters(most) => texts(values, |text| behind(text, *most).is_some_and(is_blank)),
            Self::Bytes(most) => texts(values, |text| text.len() > *most),
            Self::Unpadded(None) => texts(values, |text| text.ends_with(' ')),
            Self::Unpadded(Some(full)) => {
                let letters = |text: &str| text.chars().count();
                // Texts of such a column elsewhere come filled up, all of them.
                let bare = !texts(values, |text| letters(text) < *full).is_empty();
                texts(values, |text| text.ends_with(' ') && (bare || letters(text) != *full))
            }
            Self::Filled(length) => {
                let Some(values) = values.as_binary_opt::<i32>() else { return Vec::new() };
                rows(values, |row| values.value(row).len() < *length)
            }
            Self::Years => {
                let Some(values) = values.as_primitive_opt::<Int16Type>() else { return Vec::new() };
                rows(values, |row| (1..100).contains(&values.value(row)))
            }
            Self::Numbers => texts(values, is_other_number),
            Self::Members(members, several) => texts(values, |text| !is_member(text, members, *several)),
        }
    }
}

fn rows(values: &dyn Array, misfit: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..values.len()).filter(|row| values.is_valid(*row) && misfit(*row)).collect()
}

fn texts(values: &ArrayRef, misfit: impl Fn(&str) -> bool) -> Vec<usize> {
    let Some(values) = values.as_string_opt::<i32>() else { return Vec::new() };
    rows(values, |row| misfit(values.value(row)))
}

fn fractions(values: &ArrayRef, digits: u8) -> Vec<usize> {
    let unit = 10_i64.pow(6_u32.saturating_sub(digits.into()));
    if let Some(times) = values.as_primitive_opt::<Time64MicrosecondType>() {
        return rows(times, |row| times.value(row) % unit != 0);
    }
    if let Some(moments) = values.as_primitive_opt::<TimestampMicrosecondType>() {
        return rows(moments, |row| moments.value(row) % unit != 0);
    }
    // The server's own words for a value.
    texts(values, |text| {
        let fraction = text.rsplit_once('.').map_or("", |(_, rest)| rest);
        let known = fraction.bytes().take_while(u8::is_ascii_digit);
        known.skip(digits.into()).any(|digit| digit != b'0')
    })
}

fn places(values: &ArrayRef, digits: u8) -> Vec<usize> {
    let unit = 10_f64.powi(digits.into());
    if let Some(numbers) = values.as_primitive_opt::<Float64Type>() {
        return rows(numbers, |row| {
            let number = numbers.value(row);
            ((number * unit).round() / unit - number).abs() > 0.0
        });
    }
    if let Some(numbers) = values.as_primitive_opt::<Float32Type>() {
        return rows(numbers, |row| {
            let number = f64::from(numbers.value(row));
            #[expect(clippy::cast_possible_truncation, reason = "as the column holds it")]
            let there = ((number * unit).round() / unit) as f32;
            (there - numbers.value(row)).abs() > 0.0
        });
    }
    match (values.as_primitive_opt::<Decimal128Type>(), values.data_type()) {
        (Some(numbers), Arrow::Decimal128(_, scale)) => {
            let more = u32::try_from(i16::from(*scale) - i16::from(digits)).unwrap_or(0);
            let unit = 10_i128.checked_pow(more).unwrap_or(i128::MAX);
            rows(numbers, |row| numbers.value(row) % unit != 0)
        }
        _ => Vec::new(),
    }
}

/// What a text has behind so many letters.
fn behind(text: &str, most: usize) -> Option<&str> {
    if text.len() <= most {
        return None;
    }
    text.char_indices().nth(most).map(|(at, _)| &text[at..])
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ')
}

/// Whether a text is a number that is written otherwise as one: `007`, `1.10`, `12E3`.
fn is_other_number(text: &str) -> bool {
    let bare = text.trim_matches(|letter: char| letter.is_ascii_whitespace() || letter == '\u{b}');
    let begins = bare.trim_start_matches(['+', '-']).starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let Some(number) = bare.parse::<f64>().ok().filter(|_| begins) else { return false };
    let whole = bare.parse::<i64>().is_ok_and(|whole| whole.to_string() == text);
    !whole && (number.fract() == 0.0 || format!("{number:?}") != text)
}

fn is_member(text: &str, members: &[String], several: bool) -> bool {
    let place = |word: &str| members.iter().position(|member| member == word);
    if !several {
        return place(text).is_some();
    }
    let places: Option<Vec<usize>> = text.split(',').map(place).collect();
    text.is_empty() || places.is_some_and(|places| places.windows(2).all(|two| two[0] < two[1]))
}
