//! A session of our own for reading: just enough of the protocol to decode each row of a prepared SELECT from the buffer
//! that the socket filled. The driver would allocate for each of them and describe it anew, which costs more than
//! decoding it.
//!
//! Over TCP, encrypted as the connection's `ssl-mode` wants it, with the passwords that `login` knows; whatever else is
//! asked for is the driver's: see `read_session`.

use super::connect::{Access, SETTINGS};
use super::failure::{not_ours, not_understood, said};
use super::login::{Greeting, switched};
use super::row::Shape;
use super::session::Watch;
use super::socket::{self, Reached};
use crate::tls::Socket;
use std::ops::Range;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use windvane_core::error::{Error, Result};
use windvane_core::resilience::timeouts;

/// Room for what the server sends; one packet that is larger makes it grow.
const BUFFER: usize = 256 << 10;
/// A packet of this length goes on in the next one.
const CUT: usize = 0xff_ffff;
const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
const CLOSE: u8 = 0x19;

pub(super) struct Raw {
    socket: Box<dyn Socket>,
    buffer: Vec<u8>,
    /// What of the buffer came and was not taken yet.
    here: Range<usize>,
    /// A packet that came in several.
    long: Vec<u8>,
    cut: bool,
    /// The number of the next packet of an exchange.
    next: u8,
    watch: Watch,
    statement: [u8; 4],
    /// How the columns of the statement are sent.
    shapes: Vec<Shape>,
}

enum Packet {
    Here(Range<usize>),
    Long,
}

impl Raw {
    pub(super) async fn open(access: &Access) -> Result<Self> {
        match tokio::time::timeout(timeouts::connect(), Self::opened(access)).await {
            Ok(raw) => raw,
            Err(_) => Err(not_ours("a slow server")),
        }
    }

    async fn opened(access: &Access) -> Result<Self> {
        let Reached { socket, encrypted, greeting, next } = socket::open(access).await?;
        let mut raw = Self {
            socket,
            buffer: vec![0; BUFFER],
            here: 0..0,
            long: Vec::new(),
            cut: false,
            next,
            watch: Watch::new((*access.options).clone(), 0),
            statement: [0; 4],
            shapes: Vec::new(),
        };
        raw.log_in(access, &greeting, encrypted).await?;
        for statement in SETTINGS {
            raw.execute(statement).await?;
        }
        Ok(raw)
    }

    async fn log_in(&mut self, access: &Access, greeting: &Greeting, encrypted: bool) -> Result<()> {
        let (user, password) = (access.options.get_username(), &access.password);
        self.send(&greeting.answer(user, password, encrypted)?).await?;
        loop {
            let packet = self.packet().await?;
            let answer = match self.bytes(&packet) {
                [0, ..] => break,
                [0xfe, request @ ..] => switched(request, password)?,
                // The server remembers the password: its word that all is well follows.
                [1, 3] => continue,
                // It does not, and wants the password itself.
                [1, 4] if encrypted => [password.as_bytes(), &[0]].concat(),
                _ => return Err(not_ours("this way to log in")),
            };
            self.send(&answer).await?;
        }
        self.watch = Watch::new((*access.options).clone(), u64::from(greeting.session));
        Ok(())
    }

    /// A statement without rows.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<()> {
        self.command(QUERY, sql.as_bytes()).await?;
        let packet = self.packet().await?;
        if self.bytes(&packet).first() == Some(&0) { Ok(()) } else { Err(not_understood()) }
    }

    /// Begins a SELECT; [`Raw::rows`] gives its rows.
    pub(super) async fn select(&mut self, sql: &str) -> Result<()> {
        self.command(PREPARE, sql.as_bytes()).await?;
        let packet = self.packet().await?;
        let &[0, a, b, c, d, low, high, 0, 0, ..] = self.bytes(&packet) else { return Err(not_understood()) };
        self.statement = [a, b, c, d];
        let columns = u16::from_le_bytes([low, high]);
        self.columns(columns).await?;
        // No cursor, once.
        self.command(EXECUTE, &[a, b, c, d, 0, 1, 0, 0, 0]).await?;
        self.packet().await?;
        self.columns(columns).await
    }

    async fn columns(&mut self, count: u16) -> Result<()> {
        self.shapes.clear();
        for _ in 0..count {
            let packet = self.packet().await?;
            let shape = Shape::of(self.bytes(&packet)).ok_or_else(not_understood)?;
            self.shapes.push(shape);
        }
        let packet = self.packet().await?;
        if is_end(self.bytes(&packet)) { Ok(()) } else { Err(not_understood()) }
    }

    /// Gives rows to `take` until it says stop (true) or there are no more (false).
    pub(super) async fn rows(&mut self, mut take: impl FnMut(&[u8], &[Shape]) -> Result<bool>) -> Result<bool> {
        loop {
            while let Some(packet) = self.parsed() {
                match self.bytes(&packet) {
                    row @ [0, ..] => {
                        if take(row, &self.shapes)? {
                            return Ok(true);
                        }
                    }
                    end if is_end(end) => {
                        self.command(CLOSE, &self.statement.clone()).await?;
                        return Ok(false);
                    }
                    [0xff, error @ ..] => return Err(refused(error)),
                    _ => return Err(not_understood()),
                }
            }
            self.fill().await?;
        }
    }

    async fn command(&mut self, command: u8, body: &[u8]) -> Result<()> {
        self.next = 0;
        self.send(&[&[command], body].concat()).await
    }

    async fn send(&mut self, body: &[u8]) -> Result<()> {
        // Shorter than a packet may be: names and lists of columns.
        let [low, middle, high, 0] = u32::try_from(body.len()).map_err(|_| not_understood())?.to_le_bytes() else {
            return Err(not_ours("such a long statement"));
        };
        let message = [&[low, middle, high, self.next], body].concat();
        let socket = &mut self.socket;
        self.watch
            .patient(async {
                socket.write_all(&message).await.map_err(sqlx::Error::Io)?;
                socket.flush().await.map_err(sqlx::Error::Io)
            })
            .await
    }

    fn bytes(&self, packet: &Packet) -> &[u8] {
        match packet {
            Packet::Here(body) => &self.buffer[body.clone()],
            Packet::Long => &self.long,
        }
    }

    /// The next packet, whatever it is; an error that the server reports is an error here.
    async fn packet(&mut self) -> Result<Packet> {
        loop {
            if let Some(packet) = self.parsed() {
                return match self.bytes(&packet) {
                    [0xff, error @ ..] => Err(refused(error)),
                    _ => Ok(packet),
                };
            }
            self.fill().await?;
        }
    }

    /// The packet that is here whole, if one is.
    fn parsed(&mut self) -> Option<Packet> {
        loop {
            let (head, _) = self.buffer[self.here.clone()].split_first_chunk::<4>()?;
            let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            let end = self.here.start + head.len() + length;
            if end > self.here.end {
                // Room for all of it.
                if end - self.here.start > self.buffer.len() {
                    self.buffer.resize(end - self.here.start, 0);
                }
                return None;
            }
            self.next = head[3].wrapping_add(1);
            let body = self.here.start + head.len()..end;
            self.here.start = end;
            if !self.cut {
                if length < CUT {
                    return Some(Packet::Here(body));
                }
                self.long.clear();
            }
            self.long.extend_from_slice(&self.buffer[body]);
            self.cut = length == CUT;
            if !self.cut {
                return Some(Packet::Long);
            }
        }
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.here.clone(), 0);
        self.here = 0..self.here.len();
        let (socket, room) = (&mut self.socket, &mut self.buffer[self.here.end..]);
        let read = async {
            match socket.read(room).await {
                Ok(0) => Err(sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => Ok(count),
                Err(error) => Err(sqlx::Error::Io(error)),
            }
        };
        self.here.end += self.watch.patient(read).await?;
        Ok(())
    }
}

/// The packet after the last column and after the last row.
fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

/// Its number, `#` and the SQLSTATE, the message.
fn refused(error: &[u8]) -> Error {
    let Some((number, rest)) = error.split_first_chunk() else { return not_understood() };
    let (state, message) = match rest {
        [b'#', rest @ ..] => rest.split_at_checked(5).unwrap_or_default(),
        rest => (b"HY000".as_slice(), rest),
    };
    let state = String::from_utf8_lossy(state);
    said(u16::from_le_bytes(*number), &state, &String::from_utf8_lossy(message))
}
