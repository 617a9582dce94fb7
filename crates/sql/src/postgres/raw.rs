//! A session of our own for reading: just enough of the protocol to hand each row of a COPY on from the buffer that the
//! socket filled. The driver would allocate and wake a task for each of them, which costs as much as decoding it.
//!
//! Plain connections only, with the passwords that it knows; whatever else is asked for is the driver's: see `lane`.

use super::connect::{Access, at_work, silent};
use super::failure::{Said, from_server};
use super::scram::{Proof, Scram};
use sqlx::postgres::PgSslMode;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::patience;

/// Room for what the server sends; one row that is larger makes it grow.
const BUFFER: usize = 256 << 10;
/// No message is longer: a row of one gigabyte and what frames it.
const LONGEST: usize = (1 << 30) + (1 << 20);
const PROTOCOL: i32 = 196_608;
const ASK_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

trait Socket: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Socket for T {}

pub(super) struct Raw {
    socket: Box<dyn Socket>,
    buffer: Vec<u8>,
    /// What of the buffer came and was not taken yet.
    here: Range<usize>,
    access: Access,
    /// The server's process, once it is known; 0 before.
    process: i32,
}

impl Raw {
    pub(super) async fn open(access: &Access) -> Result<Self> {
        let options = &access.options;
        let socket: Box<dyn Socket> = if let Some(path) = socket_path(access) {
            Box::new(UnixStream::connect(path).await.map_err(|error| broke(&error))?)
        } else {
            let stream = TcpStream::connect((options.get_host(), options.get_port())).await;
            let stream = stream.map_err(|error| broke(&error))?;
            stream.set_nodelay(true).map_err(|error| broke(&error))?;
            Box::new(stream)
        };
        let mut raw = Self { socket, buffer: vec![0; BUFFER], here: 0..0, access: access.clone(), process: 0 };
        match options.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow => {}
            PgSslMode::Prefer if socket_path(access).is_some() => {}
            PgSslMode::Prefer => raw.without_tls().await?,
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => return Err(not_ours("TLS")),
        }
        raw.start().await?;
        Ok(raw)
    }

    /// TLS is preferred: goes on only with a server that has none.
    async fn without_tls(&mut self) -> Result<()> {
        self.socket.write_all(&ASK_FOR_TLS).await.map_err(|error| broke(&error))?;
        let answer = self.socket.read_u8().await.map_err(|error| broke(&error))?;
        if answer == b'N' { Ok(()) } else { Err(not_ours("TLS")) }
    }

    async fn start(&mut self) -> Result<()> {
        let options = self.access.options.clone();
        let user = options.get_username();
        let mut pairs = vec![
            ("user", user),
            ("database", options.get_database().unwrap_or(user)),
            ("client_encoding", "UTF8"),
            ("application_name", options.get_application_name().unwrap_or("windvane")),
        ];
        pairs.extend(options.get_options().map(|options| ("options", options)));
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        self.send(None, &body).await?;
        let mut proof = None;
        loop {
            match self.message().await? {
                (b'R', body) => proof = self.authenticate(body, proof).await?,
                (b'Z', _) => return Ok(()),
                (b'S' | b'K' | b'N', _) => {}
                _ => return Err(not_understood()),
            }
        }
    }

    async fn authenticate(&mut self, body: Range<usize>, proof: Option<Auth>) -> Result<Option<Auth>> {
        let body = self.buffer[body].to_vec();
        let (method, rest) = body.split_first_chunk().ok_or_else(not_understood)?;
        let rest_text = || std::str::from_utf8(rest).map_err(|_| not_understood());
        match (i32::from_be_bytes(*method), proof) {
            (0, None | Some(Auth::Proven)) => Ok(None),
            (3, None) => {
                let password = self.password()?;
                self.send(Some(b'p'), &[password.as_bytes(), &[0]].concat()).await?;
                Ok(None)
            }
            (10, None) if rest_text()?.split('\0').any(|name| name == "SCRAM-SHA-256") => {
                let scram = Scram::new(&self.password()?, &random()?).ok_or_else(|| not_ours("such a password"))?;
                let first = scram.first();
                let length = i32::try_from(first.len()).map_err(|_| not_understood())?.to_be_bytes();
                self.send(Some(b'p'), &[b"SCRAM-SHA-256\0".as_slice(), &length, first.as_bytes()].concat()).await?;
                Ok(Some(Auth::Asked(scram)))
            }
            (11, Some(Auth::Asked(scram))) => {
                let proof = scram.answer(rest_text()?).ok_or_else(not_understood)?;
                self.send(Some(b'p'), proof.message.as_bytes()).await?;
                Ok(Some(Auth::Answered(proof)))
            }
            (12, Some(Auth::Answered(proof))) if rest_text()? == proof.expected => Ok(Some(Auth::Proven)),
            _ => Err(not_ours("this way to log in")),
        }
    }

    fn password(&self) -> Result<String> {
        self.access.password().map(str::to_owned).ok_or_else(|| not_ours("a password from elsewhere"))
    }

    /// Begins a transaction with these statements.
    pub(super) async fn begin(&mut self, sql: &str) -> Result<()> {
        let process = self.execute(&format!("{sql}; SELECT pg_backend_pid()")).await?;
        self.process = process.and_then(|process| process.parse().ok()).ok_or_else(not_understood)?;
        Ok(())
    }

    /// Runs statements; the last value of the last row that came.
    async fn execute(&mut self, sql: &str) -> Result<Option<String>> {
        self.query(sql).await?;
        let mut value = None;
        loop {
            match self.message().await? {
                (b'Z', _) => return Ok(value),
                (b'D', body) => value = last_value(&self.buffer[body]),
                (b'T' | b'C' | b'I' | b'S' | b'N' | b'A', _) => {}
                _ => return Err(not_understood()),
            }
        }
    }

    pub(super) async fn close(mut self) -> Result<()> {
        self.execute("COMMIT").await?;
        self.send(Some(b'X'), &[]).await
    }

    /// Begins a COPY out; [`Raw::rows`] gives its messages.
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

    /// Gives messages to `take` until it says stop (true) or the COPY is done (false).
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
                    b'c' | b'C' | b'S' | b'N' | b'A' => {}
                    b'E' => return Err(self.refused(body)),
                    _ => return Err(not_understood()),
                }
            }
            self.fill().await?;
        }
    }

    async fn query(&mut self, sql: &str) -> Result<()> {
        self.send(Some(b'Q'), &[sql.as_bytes(), &[0]].concat()).await
    }

    async fn send(&mut self, tag: Option<u8>, body: &[u8]) -> Result<()> {
        let length = i32::try_from(body.len() + 4).map_err(|_| not_understood())?.to_be_bytes();
        let message = [tag.as_slice(), &length, body].concat();
        match tokio::time::timeout(patience::silence(), self.socket.write_all(&message)).await {
            Ok(sent) => sent.map_err(|error| broke(&error)),
            Err(_) => Err(silent(&self.access.options)),
        }
    }

    /// The next message, whatever it is; an error that the server reports is an error here.
    async fn message(&mut self) -> Result<(u8, Range<usize>)> {
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
            let read =
                tokio::time::timeout(patience::silence(), self.socket.read(&mut self.buffer[self.here.end..])).await;
            match read {
                Ok(Ok(0)) => return Err(broke(&std::io::Error::from(std::io::ErrorKind::UnexpectedEof))),
                Ok(Ok(count)) => {
                    self.here.end += count;
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

/// How far logging in with SCRAM is.
enum Auth {
    Asked(Scram),
    Answered(Proof),
    Proven,
}

/// Of a socket in the file system, where the connection names one.
fn socket_path(access: &Access) -> Option<String> {
    let (folder, port) = (access.options.get_socket()?, access.options.get_port());
    Some(format!("{}/.s.PGSQL.{port}", folder.display()))
}

/// From the system, where it has a file for it.
fn random() -> Result<[u8; 18]> {
    let mut bytes = [0; 18];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|_| not_ours("a nonce"))?;
    Ok(bytes)
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

fn broke(error: &std::io::Error) -> Error {
    Error::new(Kind::Unavailable, "the connection to the PostgreSQL server broke")
        .hint("Run it again: what was not committed is not there, what was is found by its load id")
        .caused_by(error)
}

fn not_understood() -> Error {
    Error::new(Kind::Unavailable, "the server's answer was not understood")
        .hint("Check that a PostgreSQL server listens there, not a proxy or another service")
}

/// The driver can do it.
fn not_ours(what: &str) -> Error {
    Error::unsupported(format!("{what} is the driver's"))
}
