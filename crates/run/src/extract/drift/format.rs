//! Whether a file is still written as planned.

use super::names::matched;
use arrow::array::StringArray;
use windvane_connectors::{Connection, Context, Found, FoundKind, TextFormat};
use windvane_core::error::{Error, Result};
use windvane_core::schema::{DataType, Field, Schema, infer};
use windvane_core::spec::kinds::csv::CsvSource;
use windvane_core::spec::source::Source;
use windvane_know::discover;
use windvane_plan::Input;

/// The source as it is now.
#[derive(Debug)]
pub struct Seen {
    /// Read as planned.
    pub found: Found,
    /// What is not as planned, and the source as it would be read now.
    pub strange: Option<(String, Found)>,
}

/// Looks at the source of an input.
pub async fn look(source: &Source, input: &Input, context: &Context) -> Result<Seen> {
    let gone = || {
        Error::missing(format!("'{}' is no longer at the source", input.locator))
            .in_table(&input.name)
            .hint("Bring it back, or run `windvane plan SPEC` for what is there now")
    };
    let now = match context.full_scans.found(&input.source, &input.locator) {
        Some(found) => found,
        None => discover::again(source, &input.locator, context).await?.ok_or_else(gone)?,
    };
    if input.kind == FoundKind::Csv && now.fields.fields.is_empty() {
        let strange = Some(("the file is empty: it has neither a header nor rows".to_owned(), now.clone()));
        return Ok(Seen { found: now, strange });
    }
    let Some(planned) = input.format.as_ref().filter(|_| input.kind == FoundKind::Csv) else {
        return Ok(Seen { found: now, strange: None });
    };
    let changes = match &now.format {
        Some(format) => changes(planned, format),
        None => vec!["the files are no longer all written in the same way".to_owned()],
    };
    if changes.is_empty() {
        return Ok(Seen { found: now, strange: None });
    }
    let as_planned = discover::again(&fixed(source, planned), &input.locator, context).await?.ok_or_else(gone)?;
    let encoding = now.format.as_ref().is_some_and(|format| format.encoding != planned.encoding);
    // ASCII reads alike in all encodings.
    let misread = encoding && !Connection::open_source(source, context)?.ascii(&input.locator, input.kind).await?;
    let fits = matched(&input.schema, &as_planned.fields).pairs.iter().all(|(_, found)| found.is_some());
    if fits && !misread {
        return Ok(Seen { found: as_planned, strange: None });
    }
    Ok(Seen { found: as_planned, strange: Some((changes.join("; "), now)) })
}

/// Looks at all rows of the source of an input; for the rest of the run that is what it has.
pub async fn look_whole(source: &Source, input: &Input, context: &Context) -> Result<()> {
    let thorough = Context { thorough: true, ..context.clone() };
    if let Some(found) = discover::again(source, &input.locator, &thorough).await? {
        context.full_scans.keep(&input.source, found);
    }
    Ok(())
}

fn changes(planned: &TextFormat, now: &TextFormat) -> Vec<String> {
    let mut changes = Vec::new();
    if planned.delimiter != now.delimiter {
        changes.push(format!("its delimiter was {:?} and is {:?}", planned.delimiter, now.delimiter));
    }
    if planned.encoding != now.encoding {
        changes.push(format!("its encoding was {} and is {}", planned.encoding, now.encoding));
    }
    match (planned.header_rows, now.header_rows) {
        (before, after) if before == after => {}
        (_, 0) => changes.push("its header is missing: the first line holds values".to_owned()),
        (_, _) => changes.push("it has a header, where it had none".to_owned()),
    }
    changes
}

/// The source, read in this format whatever it looks like.
fn fixed(source: &Source, format: &TextFormat) -> Source {
    let csv = match source {
        Source::Csv(csv) => csv.clone(),
        Source::Files(files) => files.into(),
        other => return other.clone(),
    };
    Source::Csv(CsvSource {
        delimiter: Some(format.delimiter.clone()).filter(|text| !text.is_empty()),
        quote: Some(format.quote.clone().unwrap_or_default()),
        escape: format.escape.clone(),
        comment: format.comment.clone(),
        encoding: Some(format.encoding.clone()),
        header: Some(format.header_rows > 0),
        nulls: format.nulls.clone(),
        ..csv
    })
}

/// Whether the names of the columns are values: a first row was taken for the header.
pub(super) fn header_is_a_row(known: &Schema, now: &Schema) -> bool {
    if known.fields.len() != now.fields.len() {
        return false;
    }
    let typed = known.fields.iter().zip(&now.fields).filter(|(field, _)| field.data_type != DataType::Text);
    let (mut values, mut all) = (0, 0);
    for (field, Field { name, .. }) in typed {
        // A second column of the same name has a number behind it.
        let written =
            name.rsplit_once('_').filter(|(_, count)| count.parse::<u8>().is_ok()).map_or(&**name, |(name, _)| name);
        let (_, wrong) = infer::parse(&StringArray::from(vec![written]), field.data_type);
        all += 1;
        values += usize::from(wrong.is_empty());
    }
    values > 0 && values * 2 >= all
}
