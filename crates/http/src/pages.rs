//! The pages of a resource, one after the other; whatever the API answers, they end.

use super::body;
use super::client::{Answer, Api, set};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashSet;
use twox_hash::XxHash3_128;
use url::Url;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::kinds::http::{Numbered, Paging, Resource};

const MAX_PAGES: u64 = 100_000;
/// An API with cursors may give empty pages, but not for ever.
const MAX_EMPTY: u64 = 20;

pub(super) struct Pages<'a> {
    api: &'a Api,
    resource: &'a Resource,
    /// The next page; nothing behind the last.
    url: Option<Url>,
    /// Pages so far.
    pub(super) count: u64,
    /// The page number or offset of the next page.
    number: u64,
    empty: u64,
    /// The records of the page before, hashed.
    before: Option<u128>,
    /// Cursors and addresses that were given.
    given: HashSet<String>,
}

impl<'a> Pages<'a> {
    /// `since`: the parameter and value that leave older records out.
    pub(super) fn new(api: &'a Api, resource: &'a Resource, since: Option<(&str, &str)>) -> Result<Self> {
        let mut url = api.access.url(&resource.path);
        for (name, value) in &resource.params {
            set(&mut url, name, &parameter(name, value)?);
        }
        if let Some((name, value)) = since {
            set(&mut url, name, value);
        }
        let mut number = 0;
        let sized = match &resource.paging {
            Some(Paging::Page(page)) => {
                number = page.first.unwrap_or(1);
                page.size_param.as_ref().zip(page.size)
            }
            Some(Paging::Offset(offset)) => {
                number = offset.first.unwrap_or(0);
                offset.size_param.as_ref().zip(offset.size)
            }
            Some(Paging::Cursor(cursor)) => cursor.size_param.as_ref().zip(cursor.size),
            None | Some(Paging::LinkHeader | Paging::NextUrl(_)) => None,
        };
        if let Some((name, size)) = sized {
            set(&mut url, name, &size.to_string());
        }
        let mut pages =
            Self { api, resource, url: Some(url), count: 0, number, empty: 0, before: None, given: HashSet::new() };
        pages.turn_to_number();
        Ok(pages)
    }

    /// Gives the records of the next page to `each`; false when there is no page any more.
    pub(super) async fn next(&mut self, mut each: impl FnMut(&[&RawValue]) -> Result<()>) -> Result<bool> {
        let Some(url) = self.url.take() else { return Ok(false) };
        let most = self.resource.max_pages.unwrap_or(MAX_PAGES);
        if self.count >= most {
            return Err(Error::data(format!("the resource has more than {most} pages"))
                .hint("Raise `max_pages`, or ask for larger pages with `size`"));
        }
        let answer = match self.api.get(&url).await {
            // Some APIs have no page behind the last one.
            Err(error) if error.kind() == Kind::Missing && self.count > 0 && self.is_numbered() => return Ok(false),
            other => other?,
        };
        self.count += 1;
        let named = |error: Error| error.in_file(super::answer::place(&answer.url));
        if answer.body.trim().is_empty() && self.count == 1 {
            return Err(named(Error::data("the answer is empty").hint("Check the resource's `path` and `params`")));
        }
        if answer.body.trim().is_empty() {
            return Ok(false);
        }
        let whole = body::parse(&answer.body).map_err(named)?;
        let records = body::records(whole, self.resource.records.as_deref()).map_err(named)?;
        self.url = self.following(url, &answer, whole, &records).map_err(named)?;
        each(&records)?;
        Ok(true)
    }

    /// Whether there is no further page to ask for.
    pub(super) fn ended(&self) -> bool {
        self.url.is_none()
    }

    fn is_numbered(&self) -> bool {
        matches!(self.resource.paging, Some(Paging::Page(_) | Paging::Offset(_)))
    }

    fn turn_to_number(&mut self) {
        let name = match &self.resource.paging {
            Some(Paging::Page(Numbered { param, .. })) => param.as_deref().unwrap_or("page"),
            Some(Paging::Offset(Numbered { param, .. })) => param.as_deref().unwrap_or("offset"),
            None | Some(Paging::Cursor(_) | Paging::LinkHeader | Paging::NextUrl(_)) => return,
        };
        if let Some(url) = &mut self.url {
            set(url, name, &self.number.to_string());
        }
    }

    /// The address of the page behind this one.
    fn following(
        &mut self,
        mut url: Url,
        answer: &Answer,
        whole: &RawValue,
        records: &[&RawValue],
    ) -> Result<Option<Url>> {
        let found = match &self.resource.paging {
            None => return Ok(None),
            Some(Paging::Page(_) | Paging::Offset(_)) if records.is_empty() => return Ok(None),
            Some(numbered @ (Paging::Page(_) | Paging::Offset(_))) => {
                let is_page = matches!(numbered, Paging::Page(_));
                self.must_differ(records)?;
                self.number += if is_page { 1 } else { records.len() as u64 };
                self.url = Some(url);
                self.turn_to_number();
                return Ok(self.url.take());
            }
            Some(Paging::Cursor(cursor)) => body::word(whole, &cursor.next)?.inspect(|next| {
                set(&mut url, &cursor.param, next);
            }),
            Some(Paging::LinkHeader) => answer.next.clone(),
            Some(Paging::NextUrl(path)) => body::word(whole, path)?,
        };
        let Some(next) = found else { return Ok(None) };
        if !matches!(self.resource.paging, Some(Paging::Cursor(_))) {
            url = answer.url.join(&next).map_err(|_| Error::data("the API's name of the next page is no address"))?;
        }
        if !self.given.insert(next) {
            return Err(Error::data(format!("page {} names a next page that was read already", self.count))
                .hint("The API goes in a circle: check `paging`, or ask who runs it"));
        }
        self.empty = if records.is_empty() { self.empty + 1 } else { 0 };
        if self.empty > MAX_EMPTY {
            return Err(Error::data(format!("{MAX_EMPTY} pages in a row are empty and name a next one"))
                .hint("Check `records` and `paging` of the resource"));
        }
        Ok(Some(url))
    }

    /// An API that does not know the parameter of the page gives the same page for ever.
    fn must_differ(&mut self, records: &[&RawValue]) -> Result<()> {
        let whole: Vec<&str> = records.iter().map(|record| record.get()).collect();
        let hash = XxHash3_128::oneshot(whole.join("\n").as_bytes());
        if self.before.replace(hash) == Some(hash) {
            return Err(Error::data(format!("page {} has the same records as the page before", self.count))
                .hint("Does the API know the parameter of `paging`? Correct `param`"));
        }
        Ok(())
    }
}

fn parameter(name: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Error::spec(format!("the parameter '{name}' is no text, number or boolean"))
                .hint("Write one value; a list as the API takes it: \"a,b\""))
        }
    }
}
