//! Delimited text: three bytes choose what the user says about it and in which portions it is read, the rest is the file.
//! However it is cut, its rows are the same.

use super::batches::all;
use super::choices::{Choices, cut};
use super::errors::told;
use super::scratch;
use windvane_connect::FoundKind;
use windvane_core::spec::kinds::csv::CsvSource;
use windvane_files::fuzzing::{described, in_portions, rows};

fn given(choice: u8) -> CsvSource {
    let plain = CsvSource::default();
    let text = |text: &str| Some(text.to_owned());
    match choice % 12 {
        0 => CsvSource { header: Some(true), ..plain },
        1 => CsvSource { header: Some(false), delimiter: text(";"), ..plain },
        2 => CsvSource { escape: text("\\"), ..plain },
        3 => CsvSource { comment: text("#"), ..plain },
        4 => CsvSource { quote: text("'"), nulls: vec!["NA".to_owned()], ..plain },
        5 => CsvSource { quote: text(""), delimiter: text("\t"), escape: text("\\"), ..plain },
        6 => CsvSource { encoding: text("utf-16le"), ..plain },
        7 => CsvSource { encoding: text("shift_jis"), ..plain },
        8 => CsvSource { delimiter: text(" "), comment: text("#"), escape: text("\\"), ..plain },
        _ => plain,
    }
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let (given, chunk, stretch) = (given(choices.byte()), choices.byte(), choices.byte());
    let text = choices.0;
    let path = scratch::file("csv", text);
    let known = described(&path, FoundKind::Csv, &given);
    let (schema, format) = match &known {
        Ok((schema, Some(format))) => (schema, format),
        Ok((_, None)) => return,
        Err(error) => return told(error),
    };
    let whole = match rows(&path, FoundKind::Csv, Some(format), schema) {
        Ok(batches) => all(schema, batches),
        Err(error) => return told(&error),
    };
    let read = |batches| all(schema, batches);
    let portions = (usize::from(chunk) + 1, u64::from(stretch) + 1);
    let apart = in_portions(&path, format, portions, schema).map(read).map_err(|error| error.to_string());
    assert_eq!(apart.as_ref(), Ok(&whole), "read {portions:?} bytes at a time");
    if !text.starts_with(&[0x1F, 0x8B]) && !text.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
        let path = scratch::file("csv.gz", &scratch::compressed(&cut(text, &[chunk, stretch])));
        let apart = rows(&path, FoundKind::Csv, Some(format), schema).map(read).map_err(|error| error.to_string());
        assert_eq!(apart.as_ref(), Ok(&whole), "read compressed, in three members");
    }
}
