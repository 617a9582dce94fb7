//! One request: its turn, its attempts, and the words for what went wrong. No message holds a query or a secret.

use super::access::{Access, same_place};
use super::answer::{broken, next_link, place, text, wait_of, words};
use super::token::Tokens;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING};
use reqwest::{Client, Response, StatusCode, redirect};
use url::Url;
use windvane_connect::rate_limiter::RateLimiter;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::retry::{self, Policy};
use windvane_core::resilience::timeouts;
use windvane_core::spec::kinds::http::{Auth, HttpSource};

const MAX_REDIRECTS: usize = 5;
const POLICY: Policy = Policy { attempts: 5, base: 0.5, max_delay: 30.0, max_elapsed: 300.0 };

/// An API that can be asked.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) access: Access,
    client: Client,
    tokens: Tokens,
    rate_limiter: RateLimiter,
    /// Whose turns they are.
    name: String,
    /// Seconds between two requests.
    interval: f64,
}

/// What came back.
pub(super) struct Answer {
    pub(super) body: String,
    pub(super) url: Url,
    /// The target of the `Link` header with `rel="next"`.
    pub(super) next: Option<String>,
}

impl Api {
    pub(super) fn new(source: &HttpSource, access: Access, rate_limiter: RateLimiter) -> Result<Self> {
        // A second installation is refused by rustls: the first one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::custom(follow))
            .connect_timeout(timeouts::connect())
            .read_timeout(timeouts::idle())
            .user_agent(concat!("windvane/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::internal("no HTTP client could be made").caused_by(&error))?;
        let interval = source.rate.map_or(0.0, |rate| rate.per / f64::from(rate.requests.max(1)));
        if !interval.is_finite() || source.rate.is_some() && interval <= 0.0 {
            return Err(Error::spec("`per` must be a positive number of seconds")
                .at_path("source.http.rate.per")
                .hint("Write how many seconds `requests` are for; 1 is the default"));
        }
        let name = format!("{}@{}", source.connection, access.base.host_str().unwrap_or_default());
        Ok(Self { access, client, tokens: Tokens::default(), rate_limiter, name, interval })
    }

    /// Gets an address of the API; tried again while that can help.
    pub(super) async fn get(&self, url: &Url) -> Result<Answer> {
        if !self.access.is_home(url) {
            return Err(Error::new(Kind::Unsupported, "the API names a page at another host")
                .hint("Secrets are only sent to the connection's own host and port")
                .in_file(place(url)));
        }
        let seed = u64::from(std::process::id());
        let got = retry::run(&POLICY, seed, |_| self.attempt(url)).await;
        got.map_err(|error| if error.place().file.is_some() { error } else { error.in_file(place(url)) })
    }

    async fn attempt(&self, url: &Url) -> Result<Answer> {
        let mut response = self.send(url).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.tokens.forget() {
            response = self.send(url).await?;
        }
        let url = response.url().clone();
        let next = next_link(response.headers());
        if !response.status().is_success() {
            let error = self.refusal(response).await;
            if let Some(seconds) = error.retry_after_seconds() {
                self.rate_limiter.pause(&self.name, seconds).await;
            }
            return Err(error);
        }
        Ok(Answer { body: text(response).await?, url, next })
    }

    async fn send(&self, url: &Url) -> Result<Response> {
        let mut url = url.clone();
        let mut request_headers = self.access.headers.clone();
        request_headers.entry(ACCEPT).or_insert(reqwest::header::HeaderValue::from_static("application/json"));
        request_headers.insert(ACCEPT_ENCODING, reqwest::header::HeaderValue::from_static("gzip"));
        if let Some(Auth::Query(name)) = &self.access.auth {
            set(&mut url, name, &self.access.password);
        }
        let request = self.client.get(url).headers(request_headers);
        let access = &self.access;
        let request = match &access.auth {
            None | Some(Auth::Query(_)) => request,
            Some(Auth::Basic) => request.basic_auth(&access.login, Some(&access.password)),
            Some(Auth::Bearer) => request.bearer_auth(&access.password),
            Some(Auth::Header(name)) => {
                let value = reqwest::header::HeaderValue::from_str(&access.password).map(|mut value| {
                    value.set_sensitive(true);
                    value
                });
                let value = value.map_err(|_| Error::new(Kind::Auth, "the password cannot be sent in a header"))?;
                request.header(name.as_str(), value)
            }
            Some(Auth::Oauth2(settings)) => {
                request.bearer_auth(self.tokens.current(&self.client, settings, access).await?)
            }
        };
        self.rate_limiter.acquire(&self.name, self.interval).await?;
        request.send().await.map_err(|error| broken(error, "cannot be reached"))
    }

    async fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let wait = wait_of(response.headers());
        let words = self.access.quiet(&self.tokens.hidden_in(&words(response).await));
        let said = if words.is_empty() { words } else { format!(": {words}") };
        let number = status.as_u16();
        let hinted = |kind, what: &str, hint: &str| Error::new(kind, format!("{number}: {what}{said}")).hint(hint);
        let error = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                hinted(Kind::Auth, "the API refuses us", "Check `auth`, and login and password of the connection")
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                hinted(Kind::Missing, "the API has no such address", "Check the resource's `path` and the connection")
            }
            StatusCode::TOO_MANY_REQUESTS => {
                hinted(Kind::Throttled, "the API asks us to slow down", "Set `rate` to what the API allows")
            }
            StatusCode::REQUEST_TIMEOUT => hinted(Kind::Timeout, "the API timed out", "Ask for smaller pages"),
            status if status.is_server_error() => {
                hinted(Kind::Unavailable, "the API is broken", "Try again later; ask who runs it")
            }
            status if status.is_redirection() => {
                hinted(Kind::Unsupported, "the API redirects us elsewhere", "Write that address into the connection")
            }
            _ => hinted(Kind::Spec, "the API refuses the request", "Check `path` and `params` of the resource"),
        };
        match wait {
            Some(seconds) if error.retryable() => error.retry_after(seconds),
            Some(_) | None => error,
        }
    }
}

/// Sets a query parameter, in the place of one of the same name.
pub(super) fn set(url: &mut Url, name: &str, value: &str) {
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(key, _)| key != name).map(|(key, value)| (key.into(), value.into())).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let stays = attempt.previous().last().is_some_and(|last| same_place(last, attempt.url()));
    if stays && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.error("a redirect that is not followed")
    }
}
