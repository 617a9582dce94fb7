//! How a delimited text file is written: encoding, delimiter, quote, escape, header. What the user gave wins.

use super::decode;
use super::dialect::{dialect, names};
use super::fields::{Dialect, Record};
use super::tokens::{Token, Tokenizer};
use arrow::array::StringArray;
use encoding_rs::Encoding;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use windvane_connect::TextFormat;
use windvane_connect::disk::failure;
use windvane_core::error::Result;
use windvane_core::schema::{DataType, infer, infer::Inference};
use windvane_core::spec::kinds::csv::CsvSource;

/// Tried first; then those that are also part of ordinary texts.
const USUAL: [u8; 4] = *b",;\t|";
const RARE: [u8; 6] = [b':', b'^', b'~', b' ', 0x01, 0x1F];
/// How much text and how many rows the dialect is judged by.
const SAMPLE_TEXT: u64 = 256 << 10;
const SAMPLE_ROWS: usize = 500;
/// A text of fewer bytes is the whole file.
const ENOUGH: usize = 128 << 10;

/// The format of a file, by its first rows.
pub(super) fn detect(path: &Path, given: &CsvSource) -> Result<TextFormat> {
    let (sample, whole) = decode::head(path, decode::SAMPLE)?;
    let encoding = match &given.encoding {
        Some(label) => decode::named(label)?,
        None => decode::detect(&sample, whole),
    };
    let text = sample_text(path, encoding)?;
    let quote = given.quote.clone().unwrap_or_else(|| {
        let delimiter = given.delimiter.as_deref().and_then(|text| text.bytes().next());
        quote_of(&text, delimiter).to_owned()
    });
    let mut format = TextFormat {
        encoding: encoding.name().to_ascii_lowercase(),
        delimiter: String::new(),
        escape: given.escape.clone().filter(|escape| !escape.is_empty()),
        comment: given.comment.clone(),
        quote: Some(quote).filter(|quote| !quote.is_empty()),
        header_rows: 1,
        nulls: given.nulls.clone(),
    };
    format.delimiter = match &given.delimiter {
        Some(delimiter) => delimiter.clone(),
        None => char::from(delimiter_of(&text, dialect(&format, false)?)).to_string(),
    };
    if given.escape.is_none() {
        escape(&mut format, &text, given)?;
    }
    let has_header = match given.header {
        Some(header) => header,
        None => looks_like_header(&records(&text, dialect(&format, false)?), &format.nulls),
    };
    format.header_rows = u64::from(has_header);
    Ok(format)
}

/// The first whole lines of the file, as UTF-8.
fn sample_text(path: &Path, encoding: &'static Encoding) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let input = decode::text(path, encoding)?;
    input.take(SAMPLE_TEXT).read_to_end(&mut text).map_err(|error| failure(path, "read", &error))?;
    if text.len() as u64 == SAMPLE_TEXT {
        let end = text.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(text.len(), |at| at + 1);
        text.truncate(end);
    }
    Ok(text)
}

fn records(text: &[u8], dialect: Dialect) -> Vec<Record> {
    let mut tokens = Tokenizer::new(text, dialect);
    let mut found = Vec::new();
    let mut record = Record::default();
    while found.len() < SAMPLE_ROWS {
        match tokens.next(&mut record) {
            Ok(Token::Record) => found.push(record.clone()),
            Ok(Token::Broken { .. }) => {}
            Ok(Token::End) | Err(_) => break,
        }
    }
    found
}

/// `'` where it wraps fields and the rows agree better under it than under `"`.
fn quote_of(text: &[u8], given: Option<u8>) -> &'static str {
    let judge = |quote: u8| {
        let base = Dialect {
            delimiter: given,
            quote: Some(quote),
            escape: None,
            comment: None,
            strict: false,
            blank_rows: false,
        };
        let delimiter = given.unwrap_or_else(|| delimiter_of(text, base));
        let records = records(text, Dialect { delimiter: Some(delimiter), ..base });
        let wrapped = records.iter().map(|one| (0..one.len()).filter(|at| one.quoted(*at)).count()).sum::<usize>();
        let loose = records.iter().filter(|one| one.loose()).count();
        (wrapped, loose, judgement(&records))
    };
    let (double, single) = (judge(b'"'), judge(b'\''));
    let sound = single.0 >= 2 && single.1 * 10 <= single.0;
    let better = single.2.score > double.2.score || (double.0 == 0 && single.2.score >= double.2.score);
    if sound && better { "'" } else { "\"" }
}

/// Whether a backslash escapes, by all rows of the sample: where more of them fit so than without, and never by one value
/// that would change what another one says.
fn escape(format: &mut TextFormat, text: &[u8], given: &CsvSource) -> Result<()> {
    if memchr::memchr(b'\\', text).is_none() {
        return Ok(());
    }
    let without = Fit::of(text, dialect(format, false)?);
    let mut other = TextFormat { escape: Some("\\".to_owned()), ..format.clone() };
    if given.delimiter.is_none() {
        other.delimiter = char::from(delimiter_of(text, dialect(&other, false)?)).to_string();
    }
    // A database's text: tabs, no quotes, and `\N` as a whole field.
    let is_dump = other.delimiter == "\t" && given.quote.as_deref().is_none_or(str::is_empty) && without.quoted == 0;
    if is_dump {
        other.quote = None;
    }
    let with = Fit::of(text, dialect(&other, false)?);
    let nulls = is_dump && without.nulls > 0 && with.misfits <= without.misfits;
    // One value may decide where no other one holds a backslash.
    let decided =
        without.misfits > with.misfits + 1 || (without.escaped == 1 && without.backslashes == 1 && text.len() < ENOUGH);
    let quotes = decided && with.misfits < without.misfits && without.escaped > 0 && without.misfits > without.doubled;
    let breaks = without.quoted == 0 && with.misfits + 1 < without.misfits;
    if nulls || quotes || breaks {
        *format = other;
    }
    Ok(())
}

/// How well the rows of a sample fit a dialect.
#[derive(Default)]
struct Fit {
    /// Rows that are broken, of another width than most, or go on behind a closing quote.
    misfits: usize,
    /// Rows with a quoted field, with a backslash, with a quote behind one that ends no field, with a doubled quote.
    quoted: usize,
    backslashes: usize,
    escaped: usize,
    doubled: usize,
    /// Fields that are `\N`.
    nulls: usize,
}

impl Fit {
    fn of(text: &[u8], dialect: Dialect) -> Self {
        let mut fit = Self::default();
        let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
        let mut tokens = Tokenizer::new(text, dialect);
        let mut record = Record::default();
        let mut rows = 0;
        loop {
            match tokens.next(&mut record) {
                Ok(Token::Record) if record.loose() => fit.misfits += 1,
                Ok(Token::Record) => {
                    rows += 1;
                    *widths.entry(record.len()).or_default() += 1;
                }
                Ok(Token::Broken { .. }) => fit.misfits += 1,
                Ok(Token::End) | Err(_) => break,
            }
            fit.quoted += usize::from((0..record.len()).any(|at| record.quoted(at)));
            fit.backslashes += usize::from(record.text().contains(&b'\\'));
            fit.escaped += usize::from(record.escaped_quote());
            fit.doubled +=
                usize::from(!record.loose() && dialect.quote.is_some_and(|quote| record.text().contains(&quote)));
            fit.nulls += (0..record.len()).filter(|at| record.field(*at) == b"\\N").count();
        }
        fit.misfits += rows - widths.values().max().copied().unwrap_or(0);
        fit
    }
}

/// The delimiter under which rows agree most on their number of fields and fields look most like values.
fn delimiter_of(text: &[u8], base: Dialect) -> u8 {
    let judge = |delimiter: u8| judgement(&records(text, Dialect { delimiter: Some(delimiter), ..base }));
    let best = |candidates: &[u8], least: f64| {
        let judged = candidates.iter().map(|delimiter| (*delimiter, judge(*delimiter)));
        let good = judged.filter(|(_, one)| one.fields > 1 && one.agreement >= least);
        good.fold(None, |best: Option<(u8, Judgement)>, (delimiter, one)| match best {
            Some((_, known)) if known.score >= one.score => best,
            Some(_) | None => Some((delimiter, one)),
        })
    };
    let usual = best(&USUAL, 0.5);
    let single = records(text, Dialect { delimiter: None, ..base });
    if usual.is_none() && (single.len() < 2 || is_typed(single.iter().skip(1))) {
        return b',';
    }
    // Signs that are also part of ordinary texts must divide all rows alike, and much better than the usual ones.
    match (usual, best(&RARE, 0.95)) {
        (Some((_, usual)), Some((delimiter, rare))) if rare.score > 2.0 * usual.score => delimiter,
        (Some((delimiter, _)), _) | (None, Some((delimiter, _))) => delimiter,
        (None, None) => b',',
    }
}

/// Whether all records, as one field each, are dates, times, numbers or the like.
fn is_typed<'a>(records: impl Iterator<Item = &'a Record>) -> bool {
    let mut seen = Inference::default();
    for record in records {
        seen.observe(std::str::from_utf8(record.field(0)).ok());
    }
    seen.data_type() != DataType::Text
}

#[derive(Debug, Clone, Copy)]
struct Judgement {
    fields: usize,
    agreement: f64,
    score: f64,
}

/// Consistency after van den Burg, Nazábal and Sutton (2019): a pattern score times a type score.
#[expect(clippy::cast_precision_loss, reason = "counts of a sample are small")]
fn judgement(records: &[Record]) -> Judgement {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut cells, mut clean) = (0_usize, 0_usize);
    for record in records {
        *counts.entry(record.len()).or_default() += 1;
        cells += record.len();
        clean += (0..record.len()).filter(|at| record.quoted(*at) || looks_clean(record.field(*at))).count();
    }
    let (fields, most) =
        counts.iter().max_by_key(|(_, count)| **count).map_or((0, 0), |(fields, count)| (*fields, *count));
    let total = records.len().max(1) as f64;
    let weigh =
        |(fields, count): (&usize, &usize)| *count as f64 * ((*fields as f64 - 1.0).max(0.001) / *fields as f64);
    let pattern = counts.iter().map(weigh).sum::<f64>() / counts.len().max(1) as f64;
    let kind = (clean as f64 / cells.max(1) as f64).max(1e-9);
    // Agreement counts twice: one broken row in a hundred must not outweigh a delimiter that divides all others alike.
    let agreement = most as f64 / total;
    Judgement { fields, agreement, score: pattern / total * kind * agreement }
}

/// A number, a date, a word, a sentence without the signs that delimit.
fn looks_clean(field: &[u8]) -> bool {
    !field.iter().any(|byte| matches!(byte, b',' | b';' | b'\t' | b'|' | b'"'))
}

/// Whether the first record names the columns: it does unless its cells are values of the types below them.
fn looks_like_header(records: &[Record], nulls: &[String]) -> bool {
    let Some((first, rest)) = records.split_first() else { return true };
    let texts: Vec<&str> =
        (0..first.len()).map(|at| std::str::from_utf8(first.field(at)).unwrap_or("?").trim()).collect();
    let mut typed = 0;
    for (at, text) in texts.iter().enumerate() {
        let mut below = Inference::default();
        for record in rest.iter().filter(|record| record.len() == first.len()) {
            let cell = std::str::from_utf8(record.field(at)).ok();
            below.observe(cell.filter(|cell| !nulls.iter().any(|null| null == cell)));
        }
        let data_type = below.data_type();
        if data_type != DataType::Text {
            typed += 1;
            let (_, failed) = infer::parse(&StringArray::from(vec![*text]), loosened(data_type));
            if !failed.is_empty() && !text.is_empty() {
                return true;
            }
        }
    }
    if typed > 0 {
        // Years over columns of figures are names, though they are numbers too.
        return are_years(&texts);
    }
    // Nothing below has a type: a first row with a value in it is a row.
    let mut alone = texts.iter().map(|text| {
        let mut one = Inference::default();
        one.observe(Some(text));
        one.data_type()
    });
    let known = names(first, true, false);
    !alone.any(|data_type| data_type != DataType::Text) || (rest.len() > 1 && are_years(&texts) && known.len() > 1)
}

/// A first cell may be wider than the cells below it.
fn loosened(data_type: DataType) -> DataType {
    match data_type {
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Decimal { .. } => {
            DataType::Float64
        }
        DataType::Boolean
        | DataType::Float64
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Json
        | DataType::Uuid => data_type,
    }
}

fn are_years(texts: &[&str]) -> bool {
    let years: Vec<u32> =
        texts.iter().filter_map(|text| text.parse().ok()).filter(|year| (1800..2101).contains(year)).collect();
    years.len() >= 2 && years.windows(2).all(|pair| pair[1] == pair[0] + 1)
}
