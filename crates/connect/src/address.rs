//! SOURCE and TARGET as people write them at a shell: a path, a URL or `conn:ID`, with `#table` behind it.

use crate::context::Context;
use crate::objects::is_address;
use std::fs::File;
use std::io::Read;
use url::Url;
use windvane_core::error::{Error, Result};
use windvane_core::spec::kinds::files::FilesSource;
use windvane_core::spec::kinds::http::{HttpSource, Resource};
use windvane_core::spec::kinds::{ADDRESSED, AddressedFile};
use windvane_core::spec::source::Source;

/// The connection id under which a URL given as an argument is kept.
const ARGUMENT: &str = "argument";

/// An address, read: a source, and the dataset behind `#`.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    pub source: Source,
    pub table: Option<String>,
}

/// Reads an address. A URL, which may hold a password, is moved into the context's secrets.
pub fn read(text: &str, context: &mut Context) -> Result<Address> {
    let (place, table) = match text.rsplit_once('#') {
        Some((place, table)) if !place.is_empty() && !table.is_empty() => (place, Some(table.to_owned())),
        _ => (text, None),
    };
    let tables: Vec<String> = table.iter().cloned().collect();
    let source = if let Some(id) = place.strip_prefix("conn:") {
        let scheme = context.url(id)?.split("://").next().unwrap_or_default().to_owned();
        of_connection(id, &scheme, tables)?
    } else if place.starts_with("https://") || place.starts_with("http://") {
        return resource(place, table, context);
    } else if is_address(place) {
        Source::Files(FilesSource { path: place.to_owned(), ..FilesSource::default() })
    } else if let Some((scheme, _)) = place.split_once("://") {
        context.secrets.0.insert(ARGUMENT.to_owned(), place.to_owned());
        of_connection(ARGUMENT, scheme, tables)?
    } else if let Some(file) = known_file(place, context) {
        (file.source)(place.to_owned(), tables)
    } else {
        Source::Files(FilesSource { path: place.to_owned(), ..FilesSource::default() })
    };
    Ok(Address { source, table })
}

fn of_connection(id: &str, scheme: &str, tables: Vec<String>) -> Result<Source> {
    if let Some(known) = ADDRESSED.iter().find(|known| known.schemes.contains(&scheme)) {
        return Ok((known.source)(id.to_owned(), tables));
    }
    let mut known = ADDRESSED.iter().map(|known| known.example).collect::<Vec<_>>().join(", ");
    if let Some((others, last)) = known.rsplit_once(", ") {
        known = format!("{others} and {last}");
    }
    // What stands before `://` is not always a scheme, and may hold a password.
    let plain = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
    let kind = if plain { format!("'{scheme}'") } else { "this".to_owned() };
    Err(Error::unsupported(format!("{kind} is not a kind of source that windvane reads"))
        .hint(format!("Known are files, s3://…, gs://…, az://…, {known}")))
}

/// One page of JSON behind a URL; what stands behind `#` says where its records are (`data.items`).
fn resource(text: &str, records: Option<String>, context: &mut Context) -> Result<Address> {
    let url = Url::parse(text).map_err(|_| Error::spec("the address cannot be read"))?;
    let last = url.path_segments().and_then(|mut names| names.rfind(|name| !name.is_empty())).unwrap_or("records");
    let name = last.strip_suffix(".json").unwrap_or(last).to_owned();
    let ending = last.rsplit_once('.').map_or("", |(_, ending)| ending);
    if matches!(ending, "csv" | "tsv" | "parquet" | "jsonl" | "ndjson" | "gz" | "zst" | "zip" | "xlsx") {
        return Err(Error::unsupported(format!("a remote .{ending} file is not read; JSON is"))
            .hint("Download the file first, and give its path"));
    }
    let params = url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect();
    let resource = Resource { path: String::new(), params, records, ..Resource::default() };
    let mut place = url.clone();
    place.set_query(None);
    context.secrets.0.insert(ARGUMENT.to_owned(), place.into());
    let source =
        HttpSource { connection: ARGUMENT.to_owned(), resources: [(name, resource)].into(), ..HttpSource::default() };
    Ok(Address { source: Source::Http(source), table: None })
}

/// By its first bytes, so that a database is known whatever it is called.
fn known_file(place: &str, context: &Context) -> Option<&'static AddressedFile> {
    let path = context.local.resolve(place).ok()?;
    let begins = |file: &&AddressedFile| {
        let mut head = vec![0; file.begins.len()];
        let read = File::open(&path).and_then(|mut opened| opened.read_exact(&mut head));
        read.is_ok() && head == file.begins
    };
    ADDRESSED.iter().filter_map(|known| known.file.as_ref()).find(begins)
}
