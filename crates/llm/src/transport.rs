//! How one request is sent: attempts, waits and the words for what went wrong.
//!
//! Stands where async-openai has its own retries, so that every wait is bounded and every failure is named.

use super::settings::Settings;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use std::time::Duration;
use windvane_core::error::{Error, Kind};
use windvane_core::redact;

/// A service that asks for a longer wait is treated as away.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// No answer of ours is this long.
const LARGEST_BODY: usize = 4 * 1024 * 1024;
const SHOWN_CHARACTERS: usize = 200;

/// The way to the service and the time that it may take.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client,
    attempts: u32,
    longest_wait: Duration,
    api_key: String,
}

/// Our error on its way through async-openai, which boxes it: see `found_in`.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Error);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for OpenAIError {
    fn from(failure: Failure) -> Self {
        Self::Boxed(Box::new(failure))
    }
}

enum Attempt {
    Done(Response),
    /// Worth another try, after this wait when the service named one.
    Again(Error, Option<Duration>),
    Failed(Error),
}

impl Transport {
    pub(super) fn new(client: Client, settings: &Settings) -> Self {
        let timeout = Duration::try_from_secs_f64(settings.timeout_seconds).unwrap_or(LONGEST_WAIT);
        Self {
            client,
            attempts: settings.max_attempts.clamp(1, 10),
            longest_wait: timeout.min(LONGEST_WAIT),
            api_key: settings.api_key.clone(),
        }
    }

    /// Sends until there is an answer, a failure that no repetition helps, or no attempt left.
    pub(super) async fn send(self, factory: HttpRequestFactory) -> Result<Response, Failure> {
        let mut backoff = FIRST_BACKOFF;
        let mut attempt = 1;
        loop {
            let (error, asked) = match self.once(&factory).await {
                Attempt::Done(response) => return Ok(response),
                Attempt::Failed(error) => return Err(Failure(error)),
                Attempt::Again(error, asked) => (error, asked),
            };
            let wait = asked.unwrap_or(backoff);
            if wait > self.longest_wait {
                let message = format!("{}: asked to wait {} s, which is too long", error.message(), wait.as_secs_f64());
                return Err(Failure(Error::new(error.kind(), message).retry_after(wait.as_secs_f64())));
            }
            if attempt >= self.attempts {
                let after = asked.map_or_else(String::new, |wait| format!(" after waits of {} s", wait.as_secs_f64()));
                let message = format!("{}: still so at attempt {attempt}{after}", error.message());
                return Err(Failure(Error::new(error.kind(), message).retry_after(wait.as_secs_f64())));
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
            backoff *= 2;
        }
    }

    async fn once(&self, factory: &HttpRequestFactory) -> Attempt {
        let request = match factory.build().await {
            Ok(request) => request,
            Err(error) => {
                return Attempt::Failed(Error::spec("the request to the model is malformed").caused_by(&error));
            }
        };
        let response = match self.client.execute(request).await {
            Ok(response) => response,
            // Without the address: it may hold a secret.
            Err(error) => {
                let error = error.without_url();
                let kind = if error.is_timeout() { Kind::Timeout } else { Kind::Unavailable };
                return Attempt::Again(
                    Error::new(kind, "the model's service cannot be reached").caused_by(&error),
                    None,
                );
            }
        };
        let status = response.status();
        if status.is_success() {
            return match read(response).await {
                Ok(body) => answered(status, body),
                Err(Unread::Large) => Attempt::Failed(Error::data("the model's answer is larger than 4 MiB")),
                Err(Unread::Broken) => {
                    Attempt::Failed(Error::new(Kind::Unavailable, "the model's service broke off its answer"))
                }
            };
        }
        let asked =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
        let asked = asked.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let error = self.refused(response).await;
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Attempt::Again(error, asked),
            status if status.is_server_error() => Attempt::Again(error, asked),
            _ => Attempt::Failed(error),
        }
    }

    async fn refused(&self, response: Response) -> Error {
        let status = response.status();
        let number = status.as_u16();
        let body = read(response).await.unwrap_or_default();
        let said = self.said(&String::from_utf8_lossy(&body));
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Error::new(Kind::Auth, format!("{number}: the model's service refused the key{said}"))
            }
            StatusCode::NOT_FOUND => Error::missing(format!("{number}: there is no such address or model{said}")),
            StatusCode::TOO_MANY_REQUESTS => {
                Error::new(Kind::Throttled, format!("{number}: the model's service is busy{said}"))
            }
            StatusCode::REQUEST_TIMEOUT => {
                Error::new(Kind::Timeout, format!("{number}: the model's service timed out{said}"))
            }
            status if status.is_redirection() => Error::new(
                Kind::Unavailable,
                format!("{number}: the model's service redirects; redirects are not followed"),
            ),
            status if status.is_server_error() => {
                Error::new(Kind::Unavailable, format!("{number}: the model's service is broken{said}"))
            }
            _ => Error::spec(format!("{number}: the model's service refused the request{said}")),
        }
    }

    /// The service's words, short, without what a message must not hold.
    fn said(&self, body: &str) -> String {
        let document: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let words = document.pointer("/error/message").and_then(|message| message.as_str()).unwrap_or(body);
        let short = self.quiet(words);
        if short.is_empty() { short } else { format!(": {short}") }
    }

    /// Words from outside: one short line without secrets.
    pub(super) fn quiet(&self, words: &str) -> String {
        let line = redact::text(&self.without_key(words)).split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().take(SHOWN_CHARACTERS).collect()
    }

    /// Whoever answers has seen the key, and may repeat it.
    pub(super) fn without_key(&self, words: &str) -> String {
        redact::without(words, &[&self.api_key], "[key]")
    }
}

/// Why a body was not taken.
enum Unread {
    Large,
    Broken,
}

/// The body, whatever its framing or encoding says of its length: what is read counts, and it is counted as it comes.
async fn read(mut response: Response) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Unread::Broken)? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(Unread::Large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The answer as async-openai takes it, with all of its body at hand.
fn answered(status: StatusCode, body: Vec<u8>) -> Attempt {
    match http::Response::builder().status(status).body(body) {
        Ok(response) => Attempt::Done(Response::from(response)),
        Err(error) => Attempt::Failed(Error::internal("the answer cannot be handed on").caused_by(&error)),
    }
}

/// Our own error inside async-openai's, or its words.
pub(super) fn found_in(error: &OpenAIError) -> Error {
    match error {
        OpenAIError::Boxed(boxed) => match boxed.downcast_ref::<Failure>() {
            Some(failure) => failure.0.clone(),
            None => Error::new(Kind::Unavailable, "the request to the model failed"),
        },
        OpenAIError::JSONDeserialize(..) => {
            Error::data("the model's service answered with something that is no chat completion")
        }
        OpenAIError::Reqwest(_) => Error::new(Kind::Unavailable, "the model's service broke off its answer"),
        OpenAIError::ApiError(_)
        | OpenAIError::FileSaveError(_)
        | OpenAIError::FileReadError(_)
        | OpenAIError::StreamError(_)
        | OpenAIError::InvalidArgument(_) => Error::new(Kind::Unavailable, "the request to the model failed"),
    }
}
