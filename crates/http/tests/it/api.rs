//! An API whose script is a function of what it is asked, and a source that reads it.

use arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use windvane_connect::connector::Connector;
use windvane_connect::{Batch, Context, FoundKind, ReadRequest};
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, Schema};
use windvane_http::Http;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The path and what stands behind it.
    pub(crate) target: String,
    /// All lines above the body.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// One answer, as it goes over the wire.
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    pub(crate) fn json(document: &Value) -> Self {
        Self::with("", document)
    }

    /// `headers`: whole lines.
    pub(crate) fn with(headers: &str, document: &Value) -> Self {
        Self::status(200, headers, document.to_string().as_bytes())
    }

    pub(crate) fn status(status: u16, headers: &str, body: &[u8]) -> Self {
        Self::cut(status, headers, body, body.len())
    }

    /// A body that is said to have another length.
    pub(crate) fn cut(status: u16, headers: &str, body: &[u8], length: usize) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
        Self([head.as_bytes(), body].concat())
    }
}

pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    /// `script`: the answer to the request of this number, from 0.
    pub(crate) async fn new(script: impl Fn(usize, &Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::default();
        tokio::spawn(serve(listener, script, Arc::clone(&asked)));
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked for, in order.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.target).collect()
    }

    /// A source of one resource, `orders`, without a login.
    pub(crate) fn orders(&self, resource: &Value) -> Http {
        self.source("", &json!({"resources": {"orders": resource}})).unwrap()
    }

    /// `login` stands before the host: `user:password@`.
    pub(crate) fn source(&self, login: &str, source: &Value) -> Result<Http> {
        open(&format!("http://{login}{}/v1", self.address), source)
    }
}

pub(crate) fn open(url: &str, source: &Value) -> Result<Http> {
    let mut source = source.clone();
    source["connection"] = json!("shop");
    let mut context = Context::default();
    context.secrets.0.insert("shop".to_owned(), url.to_owned());
    Http::open_source(&serde_json::from_value(source).unwrap(), &context)
}

/// All of `orders`.
pub(crate) fn request(columns: &[&str]) -> ReadRequest {
    let fields = columns.iter().map(|name| Field::new(*name, DataType::Text)).collect();
    ReadRequest::whole("orders".to_owned(), FoundKind::Jsonl, None, Schema::new(fields))
}

pub(crate) async fn batches(http: &Http, request: ReadRequest) -> Result<Vec<Batch>> {
    http.read(request).await?.try_collect().await
}

/// The rows, each as its values with commas between them.
pub(crate) async fn read(http: &Http, request: ReadRequest) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches(http, request).await? {
        for row in 0..batch.rows.num_rows() {
            let cells = batch.rows.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
            rows.push(cells.collect::<Vec<_>>().join(","));
        }
    }
    Ok(rows)
}

/// The column `id` of all of `orders`.
pub(crate) async fn ids(http: &Http) -> Result<Vec<String>> {
    read(http, request(&["id"])).await
}

async fn serve(listener: TcpListener, script: impl Fn(usize, &Asked) -> Reply, asked: Arc<Mutex<Vec<Asked>>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(request) = hear(&mut stream).await else { continue };
        let number = asked.lock().unwrap().len();
        let reply = script(number, &request);
        asked.lock().unwrap().push(request);
        // Who has enough closes before the end.
        drop(stream.write_all(&reply.0).await);
    }
}

async fn hear(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let asked = Asked { target, head: head.to_owned(), body: body.to_owned() };
        let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
        if asked.body.len() >= length {
            return Some(asked);
        }
    }
}
