//! Types that hold what others hold: what a column becomes when its values outgrow it.

use super::{DataType, infer};

/// Digits of all numbers that we keep exactly.
const MOST_DIGITS: i16 = 38;

/// Whether every value of the one type is a value of the other, of the same kind.
pub fn holds(wide: DataType, narrow: DataType) -> bool {
    wide == narrow || widened(narrow, wide) == Some(wide)
}

/// The type of the same kind that holds the values of both, where there is one.
pub fn widened(from: DataType, to: DataType) -> Option<DataType> {
    use DataType as T;
    let digits = |kind: T| match kind {
        T::Int16 => Some((5, 0)),
        T::Int32 => Some((10, 0)),
        T::Int64 => Some((19, 0)),
        T::Decimal { precision, scale } => Some((i16::from(precision) - i16::from(scale), i16::from(scale))),
        _ => None,
    };
    if from == to {
        return Some(from);
    }
    match (from, to) {
        (T::Float32, T::Float64) | (T::Float64, T::Float32) => Some(T::Float64),
        (T::Int16 | T::Int32, T::Float64) | (T::Float64, T::Int16 | T::Int32) => Some(T::Float64),
        // Neither holds the other's, and a double holds both.
        (T::Int32, T::Float32) | (T::Float32, T::Int32) => Some(T::Float64),
        (T::Int16, T::Float32) | (T::Float32, T::Int16) => Some(T::Float32),
        (T::Date, T::Timestamp) | (T::Timestamp, T::Date) => Some(T::Timestamp),
        _ => {
            let (one, other) = (digits(from)?, digits(to)?);
            if one.1 == 0 && other.1 == 0 && !matches!((from, to), (T::Decimal { .. }, _) | (_, T::Decimal { .. })) {
                return Some(if one.0 > other.0 { from } else { to });
            }
            let (whole, scale) = (one.0.max(other.0), one.1.max(other.1));
            let fits = whole + scale <= MOST_DIGITS;
            fits.then(|| T::Decimal {
                precision: u8::try_from(whole + scale).unwrap_or(38),
                scale: i8::try_from(scale).unwrap_or(0),
            })
        }
    }
}

/// The decimal for a column that declares no digits and holds so many, whole and behind the point: with room for longer and
/// for finer numbers later, so that it can widen. Nothing where 38 digits are too few.
pub fn roomy(whole: usize, scale: usize) -> Option<DataType> {
    const ROOM: usize = 20;
    let most = usize::try_from(MOST_DIGITS).unwrap_or(0);
    let whole = whole.max(ROOM.min(most.saturating_sub(scale)));
    let fits = whole + scale <= most;
    let (precision, scale) = (u8::try_from(whole + scale).ok()?, i8::try_from(scale).ok()?);
    fits.then_some(DataType::Decimal { precision, scale })
}

/// The type for a column of the one type that is to take the other too; text where that keeps every value as it is
/// written.
pub fn joined(theirs: DataType, ours: DataType) -> Option<DataType> {
    widened(theirs, ours).or_else(|| (ours == DataType::Text && is_plain_as_text(theirs)).then_some(DataType::Text))
}

/// Whether everybody writes the values of a type alike.
fn is_plain_as_text(data_type: DataType) -> bool {
    match data_type {
        DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Date
        | DataType::Uuid => true,
        DataType::Boolean
        | DataType::Float32
        | DataType::Float64
        | DataType::Binary
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json => false,
    }
}

/// What a column of a known type must become to hold this text, which it does not. Nothing where the text is a slip (`n/a`
/// among numbers) and no proper value of a wider type.
pub fn outgrown(known: DataType, text: &str) -> Option<DataType> {
    let text = text.trim();
    match known {
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal { .. } => {
            if let Some(number) = number(text) {
                // A number of too many digits is none to calculate with.
                return Some(widened(known, number).unwrap_or(DataType::Text));
            }
            let whole = !matches!(known, DataType::Decimal { scale, .. } if scale != 0);
            (whole && is_code(text)).then_some(DataType::Text)
        }
        DataType::Date => infer::timestamp(text).map(|_| DataType::Timestamp),
        DataType::Uuid => is_code(text).then_some(DataType::Text),
        DataType::Boolean
        | DataType::Float32
        | DataType::Float64
        | DataType::Text
        | DataType::Binary
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json => None,
    }
}

/// The type of a number that is plainly written.
fn number(text: &str) -> Option<DataType> {
    let (whole, scale) = infer::digits(text)?;
    if scale == 0 && text.parse::<i64>().is_ok() {
        return Some(DataType::Int64);
    }
    let fits = whole + scale <= usize::try_from(MOST_DIGITS).unwrap_or(0);
    // Of too many digits: what no decimal holds.
    let (precision, scale) = if fits { (whole + scale, scale) } else { (38, 38) };
    Some(DataType::Decimal { precision: u8::try_from(precision).ok()?, scale: i8::try_from(scale).ok()? })
}

/// A code among whole numbers: `W9 3RG`, `A-102`, `12A4`, `007`; not a number with its unit or a comment (`10 kg`, `n/a`).
fn is_code(text: &str) -> bool {
    let marks = |byte: u8| matches!(byte, b' ' | b'-' | b'/' | b'.' | b'_');
    if text.len() > 40 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks(byte)) {
        return false;
    }
    if !text.bytes().any(|byte| byte.is_ascii_digit()) || infer::date(text).is_some() {
        return false;
    }
    let letters = |byte: &u8| byte.is_ascii_alphabetic();
    let begins = text.as_bytes().first().is_some_and(letters);
    // Digits, letters, digits again.
    let between = text.trim_matches(|letter: char| letter.is_ascii_digit()).bytes().any(|byte| letters(&byte))
        && text.as_bytes().last().is_some_and(u8::is_ascii_digit);
    begins || between || is_padded(text.as_bytes())
}

/// Whether digits begin with a zero that a number would lose.
fn is_padded(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    matches!(digits, [b'0', second, ..] if second.is_ascii_digit())
}
