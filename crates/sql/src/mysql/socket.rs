//! To a server's socket: its greeting, and from there on encrypted as the connection's `ssl-mode` wants it.

use super::connect::Access;
use super::failure::not_ours;
use super::login::{Greeting, opening};
use crate::tls::{self, Socket, Verify};
use sqlx::mysql::MySqlSslMode;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windvane_core::error::Result;

pub(super) struct Reached {
    pub(super) socket: Box<dyn Socket>,
    pub(super) encrypted: bool,
    pub(super) greeting: Greeting,
    /// The number of the packet that answers.
    pub(super) next: u8,
}

pub(super) async fn open(access: &Access) -> Result<Reached> {
    let options = &access.options;
    let mode = options.get_ssl_mode();
    let verify = match mode {
        MySqlSslMode::Disabled => None,
        MySqlSslMode::Preferred | MySqlSslMode::Required => Some(Verify::Nothing),
        MySqlSslMode::VerifyCa => Some(Verify::Authority),
        MySqlSslMode::VerifyIdentity => Some(Verify::Name),
    };
    if options.get_socket().is_some() {
        return Err(not_ours("a socket of the file system"));
    }
    let unreached = |_: io::Error| not_ours("a server that cannot be reached");
    let mut stream = TcpStream::connect((options.get_host(), options.get_port())).await.map_err(unreached)?;
    stream.set_nodelay(true).map_err(unreached)?;
    let (packet, next) = first(&mut stream).await.map_err(unreached)?;
    let greeting = Greeting::read(&packet)?;
    let verify = match verify {
        Some(verify) if greeting.offers_tls => verify,
        Some(_) if !matches!(mode, MySqlSslMode::Preferred) => return Err(not_ours("a server without TLS")),
        Some(_) | None => return Ok(Reached { socket: Box::new(stream), encrypted: false, greeting, next }),
    };
    let asked = opening(true);
    let message = [&[u8::try_from(asked.len()).unwrap_or(0), 0, 0, next], &asked[..]].concat();
    stream.write_all(&message).await.map_err(unreached)?;
    let stream = tls::encrypted(stream, options.get_host(), verify, &access.certificates).await;
    let socket = Box::new(stream.map_err(|_| not_ours("such a certificate"))?);
    Ok(Reached { socket, encrypted: true, greeting, next: next.wrapping_add(1) })
}

/// The first packet and no byte more, so that what else came in the clear meets the handshake, which it cannot pass.
async fn first(stream: &mut TcpStream) -> io::Result<(Vec<u8>, u8)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [low, middle, high, _] = head.map(usize::from);
    let mut packet = vec![0; low | middle << 8 | high << 16];
    stream.read_exact(&mut packet).await?;
    Ok((packet, head[3].wrapping_add(1)))
}
