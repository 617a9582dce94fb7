//! What comes back from an API: bodies and headers, and the words for an answer that broke off. No message holds a query.

use chrono::DateTime;
use flate2::read::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, LINK, RETRY_AFTER};
use std::io::Read;
use url::Url;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock;

/// No page is larger.
pub(super) const MAX_PAGE: usize = 64 << 20;
const MAX_WORDS: usize = 16 << 10;

/// The path of an address: what messages may show of it.
pub(super) fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// What went wrong below HTTP. Without the address: it may hold a secret.
pub(super) fn broken(error: reqwest::Error, what: &str) -> Error {
    let error = error.without_url();
    if error.is_redirect() {
        return Error::unsupported("the API redirects to another host, or in a circle")
            .hint("Redirects are followed at the connection's own host only; write the new address into it");
    }
    let kind = if error.is_timeout() { Kind::Timeout } else { Kind::Unavailable };
    let hint = "Check the connection's host and port, and that the API is up; http:// must be written out";
    Error::new(kind, format!("the API {what}")).caused_by(&error).hint(hint)
}

/// The whole body, bounded.
pub(super) async fn text(mut response: Response) -> Result<String> {
    let url = response.url().clone();
    let large = || {
        Error::data(format!("the answer is larger than {} MB", MAX_PAGE >> 20))
            .hint("Ask for smaller pages: `size` with `size_param`")
            .in_file(place(&url))
    };
    let encoding = response.headers().get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(error, "broke off its answer"))? {
        if body.len() + chunk.len() > MAX_PAGE {
            return Err(large());
        }
        body.extend_from_slice(&chunk);
    }
    match encoding.as_deref() {
        None | Some("" | "identity") => {}
        Some("gzip" | "x-gzip") => {
            let mut plain = Vec::new();
            MultiGzDecoder::new(body.as_slice())
                .take(MAX_PAGE as u64 + 1)
                .read_to_end(&mut plain)
                .map_err(|error| Error::new(Kind::Unavailable, "the API broke off its answer").caused_by(&error))?;
            if plain.len() > MAX_PAGE {
                return Err(large());
            }
            body = plain;
        }
        Some(other) => {
            return Err(Error::unsupported(format!("the answer is encoded as '{other}', which was not asked for"))
                .hint("Only gzip is read"));
        }
    }
    if body.starts_with(b"\xef\xbb\xbf") {
        body.drain(..3);
    }
    String::from_utf8(body).map_err(|_| {
        Error::data("the answer is no UTF-8")
            .hint("JSON is written in UTF-8; ask who runs the API")
            .in_file(place(&url))
    })
}

/// The first words of a refusal; what cannot be read says nothing.
pub(super) async fn words(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= MAX_WORDS {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// Seconds, or a date.
pub(super) fn wait_of(headers: &HeaderMap) -> Option<f64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = if let Ok(seconds) = text.parse::<f64>() {
        seconds
    } else {
        let date = DateTime::parse_from_rfc2822(text).ok()?;
        // A date has whole seconds: one more, or we come too early.
        f64::from(u32::try_from(date.timestamp()).ok()?) + 1.0 - clock::now().0
    };
    (seconds.is_finite() && seconds > 0.0).then_some(seconds)
}

/// `<https://api/orders?page=2>; rel="next", <…>; rel="last"`.
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(|text| {
        let mut rest = text;
        while let Some((_, opened)) = rest.split_once('<') {
            let (target, after) = opened.split_once('>')?;
            let end = after.find(",<").or_else(|| after.find(", <")).unwrap_or(after.len());
            let (parameters, further) = after.split_at(end);
            let is_next = parameters.split(';').filter_map(|one| one.split_once('=')).any(|(name, value)| {
                let relations = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && relations.split_whitespace().any(|one| one.eq_ignore_ascii_case("next"))
            });
            if is_next {
                return Some(target.to_owned());
            }
            rest = further;
        }
        None
    })
}
