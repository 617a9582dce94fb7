//! A session of our own for reading: just enough of the protocol to hand each row of a COPY on from the buffer that the
//! socket filled. The driver would allocate and wake a task for each of them, which costs as much as decoding it.
//!
//! Over `socket`, with the passwords that `login` knows; whatever else is asked for is the driver's: see `read_session`.

use super::connect::{Access, at_work, silent};
use super::failure::{Said, broke, from_server, not_understood};
use super::socket;
use crate::tls::Socket;
use futures::FutureExt;
use std::ops::Range;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use windvane_core::error::{Error, Result};
use windvane_core::resilience::timeouts;

/// Room for what the server sends; one row that is larger makes it grow.
const BUFFER: usize = 256 << 10;
/// No message is longer: a row of one gigabyte and what frames it.
const LONGEST: usize = (1 << 30) + (1 << 20);
/// An answer that is longer than this will go on: where nothing of it is here, it is left alone for a moment. The server
/// sends 8 kB at a time, and to be woken for each costs both sides more than to decode it (a tenth of a large read).
const LONG: usize = 1 << 20;
const MOMENT: Duration = Duration::from_millis(1);

pub(super) struct Raw {
    socket: Box<dyn Socket>,
    /// What a proof of the password is bound to, where it can be.
    pub(super) end_point: Option<Vec<u8>>,
    pub(super) buffer: Vec<u8>,
    /// What of the buffer came and was not taken yet.
    here: Range<usize>,
    /// Bytes of the answer to what was asked last.
    came: usize,
    /// The last value of the last row that was answered.
    answer: Option<String>,
    pub(super) access: Access,
    /// The server's process, once it is known; 0 before.
    process: i32,
}

impl Raw {
    pub(super) async fn open(access: &Access) -> Result<Self> {
        let (socket, end_point) = socket::open(&access.options, &access.certificates).await?;
        let mut raw = Self {
            socket,
            end_point,
            buffer: vec![0; BUFFER],
            here: 0..0,
            came: 0,
            answer: None,
            access: access.clone(),
            process: 0,
        };
        raw.log_in().await?;
        Ok(raw)
    }

    /// Begins a transaction with these statements.
    pub(super) async fn begin(&mut self, sql: &str) -> Result<()> {
        let process = self.execute(&format!("{sql}; SELECT pg_backend_pid()")).await?;
        self.process = process.and_then(|process| process.parse().ok()).ok_or_else(not_understood)?;
        Ok(())
    }

    /// Runs statements; the last value of the last row that came.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<Option<String>> {
        self.query(sql).await?;
        loop {
            match self.message().await? {
                (b'Z', _) => return Ok(self.answer.take()),
                (b'D', body) => self.answer = last_value(&self.buffer[body]),
                (b'T' | b'C' | b'I' | b'S' | b'N' | b'A', _) => {}
                _ => return Err(not_understood()),
            }
        }
    }

    pub(super) async fn close(mut self) -> Result<()> {
        self.execute("COMMIT").await?;
        self.send(Some(b'X'), &[]).await
    }

    /// Begins a COPY out, which a question may follow; [`Raw::rows`] gives its messages.
    pub(super) async fn copy(&mut self, sql: &str) -> Result<()> {
        self.query(sql).await?;
        loop {
            match self.message().await? {
                (b'H', _) => return Ok(()),
                (b'S' | b'N' | b'A', _) => {}
                _ => return Err(not_understood()),
            }
        }
    }

    /// Gives messages to `take` until it says stop (true) or all is done (false).
    pub(super) async fn rows(&mut self, mut take: impl FnMut(&[u8]) -> Result<bool>) -> Result<bool> {
        loop {
            while let Some((tag, body)) = self.parsed()? {
                match tag {
                    b'd' => {
                        if take(&self.buffer[body])? {
                            return Ok(true);
                        }
                    }
                    b'Z' => return Ok(false),
                    b'D' => self.answer = last_value(&self.buffer[body]),
                    b'c' | b'C' | b'T' | b'S' | b'N' | b'A' => {}
                    b'E' => return Err(self.refused(body)),
                    _ => return Err(not_understood()),
                }
            }
            self.fill().await?;
        }
    }

    /// What the question after the COPY was answered.
    pub(super) fn answer(&mut self) -> Option<String> {
        self.answer.take()
    }

    async fn query(&mut self, sql: &str) -> Result<()> {
        (self.came, self.answer) = (0, None);
        self.send(Some(b'Q'), &[sql.as_bytes(), &[0]].concat()).await
    }

    pub(super) async fn send(&mut self, tag: Option<u8>, body: &[u8]) -> Result<()> {
        let length = i32::try_from(body.len() + 4).map_err(|_| not_understood())?.to_be_bytes();
        let message = [tag.as_slice(), &length, body].concat();
        let sending = async {
            self.socket.write_all(&message).await?;
            self.socket.flush().await
        };
        match tokio::time::timeout(timeouts::idle(), sending).await {
            Ok(sent) => sent.map_err(|error| broke(&error)),
            Err(_) => Err(silent(&self.access.options)),
        }
    }

    /// The next message, whatever it is; an error that the server reports is an error here.
    pub(super) async fn message(&mut self) -> Result<(u8, Range<usize>)> {
        loop {
            match self.parsed()? {
                Some((b'E', body)) => return Err(self.refused(body)),
                Some(message) => return Ok(message),
                None => self.fill().await?,
            }
        }
    }

    /// The message that is here whole, if one is.
    fn parsed(&mut self) -> Result<Option<(u8, Range<usize>)>> {
        let Some((head, _)) = self.buffer[self.here.clone()].split_first_chunk::<5>() else { return Ok(None) };
        let [tag, length @ ..] = *head;
        let length = usize::try_from(i32::from_be_bytes(length)).ok().filter(|length| (4..LONGEST).contains(length));
        let end = self.here.start + 1 + length.ok_or_else(not_understood)?;
        if end > self.here.end {
            // Room for all of it.
            if end - self.here.start > self.buffer.len() {
                self.buffer.resize(end - self.here.start, 0);
            }
            return Ok(None);
        }
        let body = self.here.start + 5..end;
        self.here.start = end;
        Ok(Some((tag, body)))
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.here.clone(), 0);
        self.here = 0..self.here.len();
        loop {
            let at_once = self.socket.read(&mut self.buffer[self.here.end..]).now_or_never();
            let read = if let Some(read) = at_once {
                Ok(read)
            } else {
                if self.came > LONG {
                    tokio::time::sleep(MOMENT).await;
                }
                tokio::time::timeout(timeouts::idle(), self.socket.read(&mut self.buffer[self.here.end..])).await
            };
            match read {
                Ok(Ok(0)) => return Err(broke(&std::io::Error::from(std::io::ErrorKind::UnexpectedEof))),
                Ok(Ok(count)) => {
                    self.here.end += count;
                    self.came += count;
                    return Ok(());
                }
                Ok(Err(error)) => return Err(broke(&error)),
                Err(_) if at_work(&self.access.options, self.process).await => {}
                Err(_) => return Err(silent(&self.access.options)),
            }
        }
    }

    fn refused(&self, body: Range<usize>) -> Error {
        let text = String::from_utf8_lossy(&self.buffer[body]).into_owned();
        let field = |code: char| text.split('\0').find_map(|field| field.strip_prefix(code));
        from_server(&Said {
            code: field('C').unwrap_or_default(),
            message: field('M').unwrap_or_default(),
            hint: field('H'),
            schema: field('s'),
            table: field('t'),
            column: field('c'),
            constraint: field('n'),
            context: field('W'),
        })
    }
}

/// The last column of a data row.
fn last_value(body: &[u8]) -> Option<String> {
    let mut rest = body.get(2..)?;
    let mut value = None;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (text, after) = after.split_at_checked(length)?;
        value = Some(String::from_utf8_lossy(text).into_owned());
        rest = after;
    }
    value
}
