//! From a connection's URL to a session.

use super::failure::translate;
use super::flavour::Flavour;
use super::session::Session;
use crate::tls::Certificates;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions, Connection};
use url::Url;
use windvane_connect::parameters::{KnownParameters, decoded, parameters};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::timeouts;

/// What of a connection's extras is followed; the names of the server's own programs, of drivers, and Airflow's.
const WORDS: KnownParameters = KnownParameters {
    used: &[
        ("sslmode", "ssl-mode"),
        ("ssl-mode", "ssl-mode"),
        ("ssl_mode", "ssl-mode"),
        ("sslca", "ssl-ca"),
        ("ssl-ca", "ssl-ca"),
        ("ssl_ca", "ssl-ca"),
        ("sslcert", "ssl-cert"),
        ("ssl-cert", "ssl-cert"),
        ("ssl_cert", "ssl-cert"),
        ("sslkey", "ssl-key"),
        ("ssl-key", "ssl-key"),
        ("ssl_key", "ssl-key"),
        ("socket", "socket"),
        ("unix_socket", "socket"),
    ],
    harmless: &[
        "autocommit",
        "charset",
        "client",
        "collation",
        "connect_timeout",
        "cursor",
        "enable_log_db_messages",
        "local_infile",
        "log_sql",
        "read_timeout",
        "sqlalchemy_query",
        "sqlalchemy_scheme",
        "use_unicode",
        "write_timeout",
    ],
};
/// Times in UTC; nothing is cut, rounded or replaced silently; our quoting and not the server's habit. What a server's
/// settings or its `init_connect` say of letters and of rows at most would change what is read; a target that stalls must not end a read. A
/// transaction that `init_connect` has begun is none of ours.
pub(super) const SETTINGS: [&str; 2] = [
    "\
SET NAMES utf8mb4, SESSION autocommit = 1, SESSION time_zone = '+00:00', \
SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', \
SESSION sql_select_limit = 18446744073709551615, SESSION sql_big_selects = 1, \
SESSION net_write_timeout = GREATEST(@@SESSION.net_write_timeout, 600)",
    "COMMIT AND NO CHAIN NO RELEASE",
];

/// How to reach a server.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) options: Box<MySqlConnectOptions>,
    /// The driver knows it too, but does not tell.
    pub(super) password: String,
    /// Nor these.
    pub(super) certificates: Certificates,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let server = format!("{}:{}", self.options.get_host(), self.options.get_port());
        f.debug_struct("Access").field("server", &server).finish_non_exhaustive()
    }
}

/// What the URL of the connection `id` says, and the database that it names. Messages name the connection, never its
/// URL. Sessions are opened without a database: a missing one is ours to explain, and names are always written in full.
pub(super) fn access(id: &str, url: &str) -> Result<(Access, Option<String>)> {
    let wrong = |what: &str| {
        Error::spec(format!("the URL of connection '{id}' {what}"))
            .hint("It should look like mysql://user:password@host:3306/database; write special characters as %XX")
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    let family = scheme.split('+').next().unwrap_or(scheme);
    if !matches!(family, "mysql" | "mariadb") {
        return Err(wrong("is not one of MySQL or MariaDB"));
    }
    let mut url = Url::parse(&format!("mysql://{rest}")).map_err(|_| wrong("cannot be read"))?;
    let known = parameters(id, &url, &WORDS)?;
    let named: MySqlConnectOptions = url.as_str().parse().map_err(|_: sqlx::Error| wrong("cannot be used"))?;
    let database = named.get_database().map(str::to_owned);
    let said = |name: &str| known.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let certificates = Certificates { root: said("ssl-ca"), own: said("ssl-cert"), key: said("ssl-key") };
    url.set_path("");
    url.set_query(None);
    if !known.is_empty() {
        url.query_pairs_mut().extend_pairs(known);
    }
    let options: MySqlConnectOptions = url.as_str().parse().map_err(|_: sqlx::Error| wrong("cannot be used"))?;
    // The modes are set below, all at once.
    let options = options.pipes_as_concat(false).no_engine_substitution(false).timezone(None);
    let password = match url.password() {
        Some(password) => decoded(password).ok_or_else(|| wrong("cannot be used"))?,
        None => String::new(),
    };
    Ok((Access { options: Box::new(options.disable_statement_logging()), password, certificates }, database))
}

pub(super) async fn open(options: &MySqlConnectOptions) -> Result<Session> {
    let server = || format!("{}:{}", options.get_host(), options.get_port());
    let hint = "Check the host and the port of the connection, and that the server is up";
    match tokio::time::timeout(timeouts::connect(), established(options)).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(sqlx::Error::Io(error))) => {
            Err(Error::new(Kind::Unavailable, format!("the MySQL server at {} cannot be reached", server()))
                .hint(hint)
                .caused_by(&error))
        }
        Ok(Err(error)) => Err(translate(&error)),
        Err(_) => {
            let seconds = timeouts::connect().as_secs_f64();
            Err(Error::new(Kind::Timeout, format!("the MySQL server at {} did not answer in {seconds} s", server()))
                .hint("Check the host and the port of the connection, and that no firewall drops the packets"))
        }
    }
}

async fn established(options: &MySqlConnectOptions) -> Result<Session, sqlx::Error> {
    let mut link = MySqlConnection::connect_with(options).await?;
    for statement in SETTINGS {
        sqlx::raw_sql(statement).execute(&mut link).await?;
    }
    let (version, id, packet): (String, u64, u64) =
        sqlx::query_as("SELECT VERSION(), CONNECTION_ID(), CAST(@@max_allowed_packet AS UNSIGNED)")
            .fetch_one(&mut link)
            .await?;
    Ok(Session::new(link, options.clone(), id, packet, Flavour::of(&version)))
}
