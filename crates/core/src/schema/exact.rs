//! Floats that give back the number that a text wrote: what the nearest one would change is no value of theirs.

use super::DataType;
use super::infer::{double, is_exponent_code, single};
use arrow::array::{ArrayRef, Float32Builder, Float64Builder, StringArray};
use std::sync::Arc;

/// So many digits a program writes of a double to tell it from all others, though fewer may do.
const WRITTEN_OUT: usize = 17;

/// A number without the zeros around its digits: its sign, they, and the power of ten of the last one.
type Number = (bool, String, i64);

/// Texts as floats, and the indices of those that are none or would be changed (null in the array).
pub fn parse(texts: &StringArray, to: DataType) -> (ArrayRef, Vec<usize>) {
    let mut failed = Vec::new();
    macro_rules! column {
        ($builder:expr, $value:expr) => {{
            let mut builder = $builder;
            for (index, text) in texts.iter().enumerate() {
                let value = text.and_then(|text| $value(text.trim()));
                if text.is_some() && value.is_none() {
                    failed.push(index);
                }
                builder.append_option(value);
            }
            Arc::new(builder.finish()) as ArrayRef
        }};
    }
    let array = if to == DataType::Float32 {
        column!(Float32Builder::new(), kept_single)
    } else {
        column!(Float64Builder::new(), kept_double)
    };
    (array, failed)
}

/// What is wrong with a text that has no such float, behind its name.
pub fn why(text: &str, to: DataType) -> String {
    let text = text.trim();
    let nearest = match to {
        DataType::Float32 => single(text).map(|value| value.to_string()),
        _ => double(text).map(|value| value.to_string()),
    };
    match nearest {
        None => format!("is not {}", to.with_article()),
        Some(_) if is_exponent_code(text) => "is written as codes are, not as a number".to_owned(),
        Some(nearest) => format!("has more digits than {} holds: it would become {nearest}", to.with_article()),
    }
}

fn kept_double(text: &str) -> Option<f64> {
    let value = double(text).filter(|_| !is_exponent_code(text))?;
    let written_out =
        || value.fract().abs() > 0.0 && number(text).is_some_and(|(_, digits, _)| digits.len() <= WRITTEN_OUT);
    (!value.is_finite() || is(text, &format!("{value:e}")) || written_out()).then_some(value)
}

fn kept_single(text: &str) -> Option<f32> {
    let value = single(text).filter(|_| !is_exponent_code(text))?;
    (!value.is_finite() || is(text, &format!("{value:e}"))).then_some(value)
}

fn is(text: &str, other: &str) -> bool {
    number(text).is_some_and(|one| number(other) == Some(one))
}

fn number(text: &str) -> Option<Number> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = all.trim_end_matches('0');
    let behind = i64::try_from(fraction.len()).ok()? - i64::try_from(all.len() - digits.len()).ok()?;
    let digits = digits.trim_start_matches('0').to_owned();
    let last = if digits.is_empty() { 0 } else { exponent.parse::<i64>().ok()?.checked_sub(behind)? };
    Some((negative, digits, last))
}
