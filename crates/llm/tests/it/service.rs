//! A service that looks like a model and behaves as its script says: each request gets the next reply, the last one for
//! ever.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use windvane_core::error::Error;
use windvane_llm::{Answer, Gateway, Question, Refusal, Settings};

/// Nothing that redaction would know for a key by itself.
pub(crate) const KEY: &str = "our-own-word";
pub(crate) const GOOD: &str = r#"{"table":"orders","keys":["id"]}"#;

/// What is asked for in these tests.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    pub(crate) table: String,
    pub(crate) keys: Vec<String>,
}

/// What goes over the wire.
#[derive(Clone)]
pub(crate) enum Reply {
    Bytes(Vec<u8>),
    /// The connection stays open, and nothing comes.
    Silence,
}

impl Reply {
    /// An answer of a model, with these words in it.
    pub(crate) fn says(content: &str) -> Self {
        Self::message(&json!({"role": "assistant", "content": content}), "stop")
    }

    pub(crate) fn message(message: &Value, finish: &str) -> Self {
        let usage = json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10});
        let choice = json!({"index": 0, "message": message, "finish_reason": finish});
        Self::completion(&json!([choice]), &usage)
    }

    pub(crate) fn completion(choices: &Value, usage: &Value) -> Self {
        let whole = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage,
        });
        Self::status(200, "", &whole.to_string())
    }

    /// `headers`: whole lines.
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        Self::cut(status, headers, body, body.len())
    }

    /// A body that is said to have another length.
    pub(crate) fn cut(status: u16, headers: &str, body: &str, length: usize) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
        Self::Bytes((head + body).into_bytes())
    }
}

pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Value,
}

pub(crate) struct Service {
    address: SocketAddr,
    /// Accepted answers are kept by address, and a port may come again.
    number: u32,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    pub(crate) async fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::default();
        tokio::spawn(serve(listener, script.into_iter().collect(), Arc::clone(&asked)));
        Self { address, number: NUMBER.fetch_add(1, Ordering::Relaxed), asked }
    }

    pub(crate) fn settings(&self) -> Settings {
        let base_url = format!("http://{}/{}/", self.address, self.number);
        Settings { base_url, max_attempts: 3, ..settings() }
    }

    pub(crate) fn gateway(&self) -> Gateway {
        Gateway::new(&self.settings(), None).unwrap()
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn asked<T>(&self, number: usize, look: impl FnOnce(&Asked) -> T) -> T {
        look(&self.asked.lock().unwrap()[number])
    }
}

/// Of a service where nobody is.
pub(crate) fn settings() -> Settings {
    Settings {
        base_url: "http://127.0.0.1:9".to_owned(),
        api_key: KEY.to_owned(),
        model: "m".to_owned(),
        timeout_seconds: 30.0,
        max_attempts: 1,
        budget_tokens: None,
        proxy: None,
    }
}

/// Asks about `data` and takes every answer of the right shape.
pub(crate) async fn ask(gateway: &Gateway, data: &Value) -> Result<Answer<Keys>, Refusal> {
    let question = Question { agent: "keys", instructions: "Find the key.", data };
    gateway.ask(question, |_: &Keys| Ok(())).await
}

/// The error of a question that gets no answer.
pub(crate) async fn refused(gateway: &Gateway) -> Error {
    ask(gateway, &json!({})).await.unwrap_err().error
}

async fn serve(listener: TcpListener, script: Vec<Reply>, asked: Arc<Mutex<Vec<Asked>>>) {
    let mut held = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(request) = request(&mut stream).await else { continue };
        let number = {
            let mut asked = asked.lock().unwrap();
            asked.push(request);
            asked.len() - 1
        };
        match &script[number.min(script.len() - 1)] {
            // Who has enough closes before the end.
            Reply::Bytes(bytes) => drop(stream.write_all(bytes).await),
            Reply::Silence => held.push(stream),
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(body) = serde_json::from_str(body) {
            return Some(Asked { head: head.to_owned(), body });
        }
    }
}
