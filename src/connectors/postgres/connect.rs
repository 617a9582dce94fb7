//! From a connection's URL to a session.

use super::failure::translate;
use crate::error::{Error, Kind, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// What of a URL's query reaches the driver; Airflow and other drivers put more there than it knows.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
];
/// Airflow keeps extras that are not flat under this key, as one JSON object.
const AIRFLOW_EXTRAS: &str = "__extra__";

/// What the URL of the connection `id` says. Messages name the connection, never its URL.
pub(super) fn options(id: &str, url: &str) -> Result<PgConnectOptions> {
    let wrong = |what: &str| {
        Error::spec(format!("the URL of connection '{id}' {what}"))
            .hint("It should look like postgresql://user:password@host:5432/database; write special characters as %XX")
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    let family = scheme.split('+').next().unwrap_or(scheme);
    if !matches!(family, "postgres" | "postgresql") {
        return Err(wrong("is not one of PostgreSQL"));
    }
    let mut url = Url::parse(&format!("postgres://{rest}")).map_err(|_| wrong("cannot be read"))?;
    let mut known: Vec<(String, String)> = Vec::new();
    for (key, value) in url.query_pairs() {
        if key == AIRFLOW_EXTRAS {
            known.extend(extras(&value));
        } else {
            known.push((key.into_owned(), value.into_owned()));
        }
    }
    known.retain(|(key, _)| PARAMETERS.contains(&key.as_str()));
    url.set_query(None);
    if !known.is_empty() {
        url.query_pairs_mut().extend_pairs(known);
    }
    let options: PgConnectOptions = url.as_str().parse().map_err(|_: sqlx::Error| wrong("cannot be used"))?;
    Ok(options.application_name("windvane").disable_statement_logging())
}

fn extras(json: &str) -> Vec<(String, String)> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    object.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
}

pub(super) async fn open(options: &PgConnectOptions) -> Result<PgConnection> {
    let server = || format!("{}:{}", options.get_host(), options.get_port());
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(sqlx::Error::Io(error))) => {
            Err(Error::new(Kind::Unavailable, format!("the PostgreSQL server at {} cannot be reached", server()))
                .hint("Check the host and the port of the connection, and that the server is up")
                .caused_by(&error))
        }
        Ok(Err(error)) => Err(translate(&error)),
        Err(_) => {
            let seconds = CONNECT_TIMEOUT.as_secs();
            Err(Error::new(
                Kind::Timeout,
                format!("the PostgreSQL server at {} did not answer in {seconds} s", server()),
            )
            .hint("Check the host and the port of the connection, and that no firewall drops the packets"))
        }
    }
}
