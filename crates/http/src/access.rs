//! Where an API is and who asks: what the connection's URL and the spec's `auth` say.
//!
//! A URL is `https://login:password@host:port/base?Header=value`, or Airflow's own form of it (`http://…/https`, extras
//! under `__extra__`). Secrets live here and in requests, nowhere else.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;
use windvane_connect::parameters::{AIRFLOW_EXTRAS, extras, readable};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::redact;
use windvane_core::spec::kinds::http::{Auth, HttpSource};

/// What Airflow's own hook takes from the extras beside headers, where leaving it out is safe.
const IGNORED: [&str; 5] = ["timeout", "allow_redirects", "max_redirects", "trust_env", "check_response"];
/// What we would have to honour, and do not.
const REFUSED: [&str; 4] = ["verify", "cert", "proxies", "stream"];
const SHOWN_CHARACTERS: usize = 200;

/// The address without secrets, and the secrets.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) base: Url,
    pub(super) auth: Option<Auth>,
    pub(super) login: String,
    pub(super) password: String,
    pub(super) headers: HeaderMap,
    /// What no message may hold.
    secrets: Vec<String>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Access {
    pub(super) fn new(source: &HttpSource, url: &str) -> Result<Self> {
        let id = &source.connection;
        let wrong = |what: &str| {
            Error::spec(format!("the URL of connection '{id}' {what}"))
                .hint("It should look like https://login:password@api.example.com/v1; write special characters as %XX")
        };
        let mut base = Url::parse(url).map_err(|_| wrong("cannot be read"))?;
        let (login, password) = (readable(base.username()), readable(base.password().unwrap_or_default()));
        // They cannot fail: the URL has a host, or is refused right after.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("is not one of an API"));
        }
        let extras = extras(&base);
        if extras.iter().any(|(name, _)| name == AIRFLOW_EXTRAS) {
            return Err(wrong("has extras that are no JSON object"));
        }
        base.set_query(None);
        base.set_fragment(None);
        // Airflow's form keeps the protocol where others keep the database.
        let scheme = base.path().trim_matches('/').to_owned();
        if matches!(scheme.as_str(), "http" | "https") {
            base.set_path("/");
            let _ = base.set_scheme(&scheme);
        }
        // As a query holds it, too: whoever repeats an address repeats that.
        let encoded: String = url::form_urlencoded::byte_serialize(password.as_bytes()).collect();
        let secrets = [&login, &password, &encoded];
        let mut access = Self {
            auth: source.auth.clone(),
            headers: HeaderMap::new(),
            secrets: secrets.into_iter().filter(|text| text.len() > 2).cloned().collect(),
            base,
            login,
            password,
        };
        for (name, value) in &source.headers {
            access.header(name, value)?;
        }
        for (name, value) in extras {
            if REFUSED.contains(&name.as_str()) {
                let message = format!("connection '{id}' has the extra '{name}', which windvane cannot honour");
                return Err(Error::unsupported(message).hint("Delete it, or use another connection for windvane"));
            }
            if !IGNORED.contains(&name.as_str()) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                access.header(&name, &value)?;
                access.secrets.extend((value.len() > 2).then_some(value));
            }
        }
        access.settle(id)?;
        Ok(access)
    }

    /// What is sent when nothing was said, and whether what was said can be sent.
    fn settle(&mut self, id: &str) -> Result<()> {
        if let Some(Auth::Header(name)) = &self.auth
            && HeaderName::from_bytes(name.as_bytes()).is_err()
        {
            return Err(Error::spec(format!("'{name}' cannot name a header"))
                .at_path("source.http.auth.header")
                .hint("Write a name such as X-Api-Key"));
        }
        if self.auth.is_none() && !self.login.is_empty() {
            self.auth = Some(Auth::Basic);
        }
        let lacks = match &self.auth {
            None if !self.password.is_empty() => {
                return Err(Error::spec(format!("connection '{id}' has a password, and nothing says how to send it"))
                    .at_path("source.http.auth")
                    .hint("Add auth: bearer, {header: X-Api-Key}, …"));
            }
            Some(Auth::Oauth2(_)) if self.login.is_empty() => Some("login (the client's id)"),
            Some(Auth::Oauth2(_) | Auth::Bearer | Auth::Header(_) | Auth::Query(_)) if self.password.is_empty() => {
                Some("password")
            }
            Some(Auth::Basic) if self.login.is_empty() => Some("login"),
            None | Some(Auth::Oauth2(_) | Auth::Bearer | Auth::Header(_) | Auth::Query(_) | Auth::Basic) => None,
        };
        match lacks {
            Some(what) => Err(Error::new(Kind::Auth, format!("connection '{id}' has no {what}, which `auth` sends"))
                .hint("Add it to the connection")),
            None => Ok(()),
        }
    }

    fn header(&mut self, name: &str, value: &str) -> Result<()> {
        let wrong = || {
            Error::spec(format!("'{name}' cannot be sent as a header"))
                .hint("A header's name and value are one line of plain characters")
        };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        self.headers.insert(key, HeaderValue::from_str(value).map_err(|_| wrong())?);
        Ok(())
    }

    /// The address of a resource.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut base = self.base.clone();
        let whole = format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/'));
        let whole = if path.is_empty() { base.path().to_owned() } else { whole };
        base.set_path(&whole);
        base
    }

    /// Whether an address is at the connection's own host, so that secrets may go there.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        same_place(&self.base, url)
    }

    /// Words from outside: one short line without secrets.
    pub(super) fn quiet(&self, words: &str) -> String {
        let line = redact::text(&redact::without(words, &self.secrets, "[secret]"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        line.chars().take(SHOWN_CHARACTERS).collect()
    }
}

pub(super) fn same_place(one: &Url, other: &Url) -> bool {
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    place(one) == place(other)
}
