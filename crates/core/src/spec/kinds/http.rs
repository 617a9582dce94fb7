//! A JSON API as a source: where its records are, how its pages follow each other, how often it may be asked.
//!
//! Secrets stand in the connection and nowhere here: the login and the password of `auth` are the connection's.

use super::source::{SourceKind, SourceSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

pub const SOURCE: SourceKind = SourceKind { word: "http", title: "HTTP API", ..SourceKind::PLAIN };

/// A JSON API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// The connection that holds the address (`https://host/base`), the login, the password and secret headers.
    pub connection: String,
    /// How the connection's login and password are sent; `basic` by default where there is a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Sent with every request. Secret ones belong in the connection's extra.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How often the API may be asked, by all processes that share a store together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Each becomes a dataset of this name; lists of objects inside its records become datasets of their own.
    pub resources: BTreeMap<String, Resource>,
}

/// How a request shows who it is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer <password>`.
    Bearer,
    /// `Authorization: Basic <login:password>`.
    Basic,
    /// A header of this name that holds the password.
    Header(String),
    /// A query parameter of this name that holds the password. Headers are safer: addresses end up in logs.
    Query(String),
    /// Client credentials: the login is the client's id, the password its secret.
    Oauth2(Oauth2),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// Where a token is given: an address, or a path at the connection's host.
    pub token_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Requests are spread evenly: never more than `requests` in any `per` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    #[schemars(range(min = 1))]
    pub requests: u32,
    /// Seconds; 1 by default.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub per: f64,
}

/// One list of records of an API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Below the connection's address.
    pub path: String,
    /// Query parameters: texts, numbers or booleans.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Value>,
    /// Where the records are in an answer: `data.items`; by default the answer is the list, or the one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// The columns that identify a record. Without them lists inside records stay JSON columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// How the next page is asked for; by default there is one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paging: Option<Paging>,
    /// More pages than this are an error; 100,000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pages: Option<u64>,
    /// The parameter by which the API gives only newer records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Since>,
    #[serde(default, skip_serializing_if = "Nested::is_columns")]
    pub nested: Nested,
}

/// What becomes of objects and lists inside records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nested {
    /// Members of objects become columns (`customer_name`), lists of objects datasets of their own (`orders_items`).
    #[default]
    Columns,
    /// They stay JSON.
    Json,
}

impl Nested {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_columns(&self) -> bool {
        *self == Self::Columns
    }
}

/// A column and the parameter that takes its lowest wanted value (inclusive or not: rows are filtered here as well).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Since {
    pub column: String,
    pub param: String,
}

/// How the pages of a resource follow each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// Pages are numbered; an empty page, or one shorter than `size`, is the last.
    Page(Numbered),
    /// So many records are left out; an empty page, or one shorter than `size`, is the last.
    Offset(Numbered),
    /// Each page names the next one.
    Cursor(Cursor),
    /// The `Link` header with `rel="next"`.
    LinkHeader,
    /// Where in an answer the address of the next page is: `links.next`.
    NextUrl(String),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Numbered {
    /// The parameter of the number; `page` or `offset` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// The parameter that takes `size`, where the API has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_param: Option<String>,
    /// How many records a full page has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub size: Option<u64>,
    /// The number of the first page; 1 by default (of an offset 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The parameter that takes it.
    pub param: String,
    /// Where in an answer the next one is: `meta.next_cursor`. Missing, null or empty: the page was the last.
    pub next: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_param: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub size: Option<u64>,
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(seconds: &f64) -> bool {
    seconds.to_bits() == one().to_bits()
}

/// The names in a locator: the resource, and the lists inside its records.
pub fn located(locator: &str) -> impl Iterator<Item = String> {
    locator.split('/').map(|name| name.replace("~1", "/").replace("~0", "~"))
}

impl HttpSource {
    /// Each of these paths is a resource.
    pub(super) fn at(connection: String, paths: Vec<String>) -> Self {
        let resource = |path: String| (path.clone(), Resource { path, ..Resource::default() });
        Self { connection, resources: paths.into_iter().map(resource).collect(), ..Self::default() }
    }
}

impl SourceSettings for HttpSource {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }

    fn narrow(&mut self, locator: &str) {
        let resource = located(locator).next().unwrap_or_default();
        self.resources.retain(|name, _| *name == resource);
    }
}
