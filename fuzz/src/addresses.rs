//! Addresses and the URLs of connections: the first line is a SOURCE or TARGET as people write it, the second the URL of the
//! connection `x`. Nothing is connected to. A password is never told.

use super::errors::told;
use url::Url;
use windvane_connect::address::read;
use windvane_connect::objects::{Location, is_address};
use windvane_connect::parameters::{decoded, readable};
use windvane_connectors::{Connection, Context, LocalPaths};
use windvane_core::error::Error;
use windvane_core::spec::kinds::http::HttpSource;
use windvane_core::spec::kinds::mysql::MysqlSource;
use windvane_core::spec::kinds::postgres::PostgresSource;
use windvane_core::spec::kinds::sqlite::SqliteSource;
use windvane_core::spec::source::Source;

/// Looked for in what is said to people.
const PASSWORD: &str = "hunter22";

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (place, url) = text.split_once('\n').unwrap_or((text, text));
    let mut context = Context { local: LocalPaths::new("/nowhere".into(), Vec::new()), ..Context::default() };
    context.secrets.0.insert("x".to_owned(), url.to_owned());
    // `https:/user:…` is a path, whatever it was meant to be.
    let secret = |url: &str| {
        !url.starts_with("sqlite:") // Of which the path is all.
            && url.split_once('@').is_some_and(|(before, _)| before.contains("://"))
            && Url::parse(url).is_ok_and(|url| url.password() == Some(PASSWORD))
    };
    let secret = text.matches(PASSWORD).count() == 1 && (secret(place) || secret(url));
    let hidden = |said: &str| assert!(!secret || !said.contains(PASSWORD), "a password is told: {said}");
    let refused = |error: &Error| {
        told(error);
        hidden(&format!("{error} {error:?}"));
    };
    let opened = |source: &Source, context: &Context| match Connection::open_source(source, context) {
        Ok(connection) => hidden(&format!("{connection:?}")),
        Err(error) => refused(&error),
    };
    match read(place, &mut context) {
        Ok(address) if has_client(&address.source) => hidden(&format!("{context:?}")),
        Ok(address) => opened(&address.source, &context),
        Err(error) => refused(&error),
    }
    let connection = "x".to_owned();
    let (schema, tables) = (None, Vec::new());
    opened(
        &Source::Postgres(PostgresSource { connection: connection.clone(), schema, tables: tables.clone() }),
        &context,
    );
    let database = None;
    opened(&Source::Mysql(MysqlSource { connection: connection.clone(), database, tables: tables.clone() }), &context);
    opened(&Source::Sqlite(SqliteSource { path: None, connection: Some(connection.clone()), tables }), &context);
    if data.len() % 64 == 1 {
        opened(&Source::Http(HttpSource { connection, ..HttpSource::default() }), &context);
    }
    match Location::read(place) {
        Ok(location) => {
            assert!(is_address(place));
            let shown = location.shown(&location.key);
            assert_eq!(location.key_of(&shown).as_ref(), Some(&location.key), "{shown}");
            assert_eq!(Location::read(&shown).ok(), Some(location), "{shown}");
        }
        Err(error) => refused(&error),
    }
    drop((decoded(place), readable(place)));
}

/// Making one takes longer than all the rest.
fn has_client(source: &Source) -> bool {
    matches!(source, Source::Http(_)) || source.path().is_some_and(is_address)
}
