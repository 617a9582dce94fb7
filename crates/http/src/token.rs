//! OAuth client credentials: a token, kept in memory until shortly before it expires.

use super::access::Access;
use super::answer::{broken, place};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use url::Url;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::redact;
use windvane_core::resilience::clock;
use windvane_core::spec::kinds::http::Oauth2;

/// A token that the server gives no time for is asked for again after this many seconds.
const USUAL_LIFE: f64 = 300.0;
/// So many seconds before its end a token is not used any more.
const MARGIN: f64 = 10.0;
const TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

/// The token of one API; clones share it.
#[derive(Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    current: Option<Token>,
    /// All that there were.
    given: Vec<String>,
}

struct Token {
    text: String,
    until: f64,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Tokens {
    /// Forgets the token, because the API refused it; false when there was none.
    pub(super) fn forget(&self) -> bool {
        self.state().current.take().is_some()
    }

    /// Words from outside without any token: the API has seen them, and may repeat them.
    pub(super) fn hidden_in(&self, words: &str) -> String {
        redact::without(words, &self.state().given, "[secret]")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token, a new one when there is none or it is at its end.
    pub(super) async fn current(&self, client: &Client, settings: &Oauth2, access: &Access) -> Result<String> {
        if let Some(token) = &self.state().current
            && clock::now().0 < token.until
        {
            return Ok(token.text.clone());
        }
        let given = ask(client, settings, access).await?;
        let life = given.expires_in.unwrap_or(USUAL_LIFE);
        let token = Token { text: given.access_token.clone(), until: clock::now().0 + (life - MARGIN).max(life / 2.0) };
        let mut state = self.state();
        state.given.push(token.text.clone());
        state.current = Some(token);
        Ok(given.access_token)
    }
}

async fn ask(client: &Client, settings: &Oauth2, access: &Access) -> Result<Given> {
    let url = address(settings, access)?;
    let request = client
        .post(url.clone())
        .timeout(TIMEOUT)
        .basic_auth(form_encoded(&access.login), Some(form_encoded(&access.password)))
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form(settings));
    let response = request.send().await.map_err(|error| broken(error, "gives no token: it cannot be reached"))?;
    let status = response.status();
    let number = status.as_u16();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Error::new(Kind::Unavailable, format!("{number}: no token is given now"))
            .hint("Try again later")
            .in_file(place(&url)));
    }
    if !status.is_success() {
        return Err(Error::new(Kind::Auth, format!("{number}: no token is given to this client"))
            .hint("Check `token_url`, `scope`, and login (client id) and password (its secret) of the connection")
            .in_file(place(&url)));
    }
    // Without a cause: the answer holds the token.
    let given = response.json::<Given>().await;
    given.map_err(|_| Error::data("the answer to the request for a token holds none").in_file(place(&url)))
}

fn form(settings: &Oauth2) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.extend_pairs(settings.scope.iter().map(|scope| ("scope", scope)));
    form.finish()
}

/// Where the token is given. The client's secret goes there: in the open only where the API itself is.
fn address(settings: &Oauth2, access: &Access) -> Result<Url> {
    let wrong = |what: &str| Error::spec(format!("`token_url` {what}")).at_path("source.http.auth.oauth2.token_url");
    let url = access.base.join(&settings.token_url).map_err(|_| wrong("is no address"))?;
    if url.scheme() != "https" && !access.is_home(&url) {
        return Err(wrong("must begin with https://").hint("The client's secret is sent there"));
    }
    Ok(url)
}

/// As RFC 6749 wants the id and the secret before they are put into the header.
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
