//! From a connection's URL to a session.
//!
//! A server that accepts us has [`timeouts::connect`] to do so. One that then says nothing for [`timeouts::idle`] is asked through
//! a second session whether it is still at work on what we wait for (a view may take long to begin); if not, or if that
//! cannot be asked either, the connection is taken for dead: `timeout`.

use super::failure::translate;
use super::statement::{BEGIN, execute};
use crate::tls::Certificates;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::pin::pin;
use std::time::Duration;
use url::Url;
use windvane_connect::parameters::{KnownParameters, decoded, parameters};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::timeouts;

/// What the texts of values depend on, for one transaction: see `wire`. And that a server at a long statement looks now
/// and then whether we are still there, and stops if not: those before 14 cannot, those on some systems refuse. Nothing of a session outlives its transaction,
/// so that a pooler may give each transaction another session.
pub(super) const CANONICAL: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; \
SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; \
SET LOCAL lc_monetary = 'C'; SET LOCAL idle_in_transaction_session_timeout = 0; \
SELECT set_config('client_connection_check_interval', '2s', true) WHERE version() ~ 'linux|darwin|bsd' \
AND EXISTS (SELECT FROM pg_settings WHERE name = 'client_connection_check_interval')";
/// What of a connection's extras is followed; libpq's own names, JDBC's and Airflow's.
const WORDS: KnownParameters = KnownParameters {
    used: &[
        ("sslmode", "sslmode"),
        ("sslrootcert", "sslrootcert"),
        ("sslcert", "sslcert"),
        ("sslkey", "sslkey"),
        ("host", "host"),
        ("hostaddr", "hostaddr"),
        ("port", "port"),
        ("dbname", "dbname"),
        ("user", "user"),
        ("password", "password"),
        ("options", "options"),
        ("application_name", "application_name"),
        (SEARCH_PATH, SEARCH_PATH),
        ("currentSchema", SEARCH_PATH),
        (CHANNEL_BINDING, CHANNEL_BINDING),
    ],
    harmless: &[
        "async_fallback",
        "client_encoding",
        "connect_timeout",
        "cursor",
        "enable_log_db_messages",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "log_sql",
        "prepared_statement_cache_size",
        "sqlalchemy_query",
        "sqlalchemy_scheme",
        "statement_cache_size",
        "tcp_user_timeout",
    ],
};
const SEARCH_PATH: &str = "search_path";
const CHANNEL_BINDING: &str = "channel_binding";

/// How to reach a server.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) options: Box<PgConnectOptions>,
    /// The driver knows it too, but does not tell.
    password: Option<String>,
    /// Nor these.
    pub(super) certificates: Certificates,
    /// The schemas in which the connection looks for names, where it says so.
    pub(super) search_path: Vec<String>,
}

impl Access {
    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("server", &server(&self.options)).finish_non_exhaustive()
    }
}

/// What the URL of the connection `id` says. Messages name the connection, never its URL.
pub(super) fn access(id: &str, url: &str) -> Result<Access> {
    let wrong = |what: &str| {
        Error::spec(format!("the URL of connection '{id}' {what}"))
            .hint("It should look like postgresql://user:password@host:5432/database; write special characters as %XX")
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    let family = scheme.split('+').next().unwrap_or(scheme);
    if !matches!(family, "postgres" | "postgresql") {
        return Err(wrong("is not one of PostgreSQL"));
    }
    // The host may stand among the parameters.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (who, place) = rest.split_at(end);
    let host = if who.is_empty() || who.ends_with('@') { "localhost" } else { "" };
    let mut url = Url::parse(&format!("postgres://{who}{host}{place}")).map_err(|_| wrong("cannot be read"))?;
    let mut known = parameters(id, &url, &WORDS)?;
    let mut search_path =
        known.iter().filter(|(key, _)| key == SEARCH_PATH).map(|(_, value)| value.clone()).next_back();
    if let Some((_, value)) =
        known.iter().find(|(key, value)| key == CHANNEL_BINDING && !matches!(value.as_str(), "prefer" | "disable"))
    {
        // Our own sessions bind; the driver's, which look and write, cannot.
        return Err(Error::unsupported(format!(
            "connection '{id}' sets 'channel_binding' to '{value}', which not every session can follow"
        ))
        .hint("sslmode=verify-full shuts out whoever stands between; with it 'channel_binding' may be 'prefer'"));
    }
    known.retain(|(key, _)| key != SEARCH_PATH && key != CHANNEL_BINDING);
    for (_, value) in known.iter().filter(|(key, _)| key == "options") {
        search_path = said_path(value).or(search_path);
    }
    let search_path = search_path.map(|path| schemas(&path)).unwrap_or_default();
    let said = |name: &str| known.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let named = said("application_name");
    let file = |name: &str| said(name).or_else(|| of_environment(name));
    let certificates = Certificates { root: file("sslrootcert"), own: file("sslcert"), key: file("sslkey") };
    let password = said("password").or_else(|| url.password().and_then(decoded));
    url.set_query(None);
    if !known.is_empty() {
        url.query_pairs_mut().extend_pairs(known);
    }
    let options: PgConnectOptions = url.as_str().parse().map_err(|_: sqlx::Error| wrong("cannot be used"))?;
    // Neither is more than a pooler in transaction mode takes: no statement that outlives a transaction, and no setting
    // at the start that it does not know.
    let options = options.statement_cache_capacity(0).extra_float_digits(None);
    let named = named.unwrap_or_else(|| "windvane".to_owned());
    let options = options.application_name(&named).disable_statement_logging();
    Ok(Access { options: Box::new(options), password, certificates, search_path })
}

/// What the driver asks the environment for where the connection is silent.
#[expect(clippy::disallowed_methods, reason = "both sessions of a read must trust the same and show the same")]
fn of_environment(name: &str) -> Option<String> {
    std::env::var(format!("PG{}", name.to_uppercase())).ok()
}

/// What `-c search_path=a,b` among a session's options says.
fn said_path(options: &str) -> Option<String> {
    let options = options.replace("\\ ", "\u{0}");
    let mut words = options.split_whitespace();
    let mut said = None;
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            Some("") => words.next().unwrap_or_default(),
            Some(setting) => setting,
            None => continue,
        };
        if let Some(path) = setting.strip_prefix("search_path=") {
            said = Some(path.replace('\u{0}', " "));
        }
    }
    said
}

/// The schemas of a search path, without the one that is named after the user.
fn schemas(path: &str) -> Vec<String> {
    let named = path.split(',').map(str::trim).filter(|name| !name.is_empty() && !name.contains("$user"));
    let plain = |name: &str| match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_lowercase(),
    };
    named.map(plain).collect()
}

pub(super) async fn open(options: &PgConnectOptions) -> Result<PgConnection> {
    match tokio::time::timeout(timeouts::connect(), PgConnection::connect_with(options)).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(sqlx::Error::Io(error))) => Err(Error::new(
            Kind::Unavailable,
            format!("the PostgreSQL server at {} cannot be reached", server(options)),
        )
        .hint("Check the host and the port of the connection, and that the server is up")
        .caused_by(&error)),
        Ok(Err(error)) => Err(translate(&error)),
        Err(_) => Err(too_late(options, timeouts::connect())),
    }
}

/// The same for something else that reaches the server.
pub(super) async fn in_time<T>(options: &PgConnectOptions, opening: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(timeouts::connect(), opening)
        .await
        .unwrap_or_else(|_| Err(too_late(options, timeouts::connect())))
}

/// What should be answered at once, or the error that says it was not.
pub(super) async fn answered<T>(options: &PgConnectOptions, answer: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(timeouts::idle(), answer).await.unwrap_or_else(|_| Err(silent(options)))
}

/// The same of what may wait for somebody's lock: as long as the server's process is at work.
pub(super) async fn answered_by<T>(
    options: &PgConnectOptions,
    process: i32,
    answer: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut answer = pin!(answer);
    loop {
        match tokio::time::timeout(timeouts::idle(), &mut answer).await {
            Ok(answer) => return answer,
            Err(_) if at_work(options, process).await => {}
            Err(_) => return Err(silent(options)),
        }
    }
}

/// Whether the server's process works on a statement, other than by waiting for us.
pub(super) async fn at_work(options: &PgConnectOptions, process: i32) -> bool {
    let asked = async {
        let mut session = open(options).await?;
        execute(&mut session, BEGIN).await?;
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
             WHERE pid = $1 AND state = 'active' AND wait_event_type IS DISTINCT FROM 'Client')",
        )
        .bind(process)
        .persistent(false)
        .fetch_one(&mut session)
        .await
        .map_err(|error| translate(&error))
    };
    in_time(options, asked).await.unwrap_or(false)
}

pub(super) fn silent(options: &PgConnectOptions) -> Error {
    Error::new(
        Kind::Timeout,
        format!("the PostgreSQL server at {} fell silent for {} s", server(options), timeouts::idle().as_secs_f64()),
    )
    .hint("Look at the network between here and the server; run it again")
}

fn too_late(options: &PgConnectOptions, timeout: Duration) -> Error {
    let seconds = timeout.as_secs_f64();
    Error::new(Kind::Timeout, format!("the PostgreSQL server at {} did not answer in {seconds} s", server(options)))
        .hint("Check the host and the port of the connection, and that no firewall drops the packets")
}

pub(super) fn server(options: &PgConnectOptions) -> String {
    format!("{}:{}", options.get_host(), options.get_port())
}

#[cfg(test)]
mod tests;
