//! To a server's socket, encrypted as the connection's `sslmode` wants it.

use super::binding;
use super::failure::{broke, not_ours};
use crate::tls::{self, Certificates, Socket, Verify};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use windvane_core::error::Result;

const ASK_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The socket and, where it is encrypted, what a proof of the password may be bound to.
pub(super) async fn open(
    options: &PgConnectOptions,
    certificates: &Certificates,
) -> Result<(Box<dyn Socket>, Option<Vec<u8>>)> {
    let mode = options.get_ssl_mode();
    if let Some(folder) = options.get_socket() {
        return match mode {
            PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => {
                let path = format!("{}/.s.PGSQL.{}", folder.display(), options.get_port());
                Ok((Box::new(UnixStream::connect(path).await.map_err(|error| broke(&error))?), None))
            }
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => {
                Err(not_ours("TLS over a socket in the file system"))
            }
        };
    }
    let stream = TcpStream::connect((options.get_host(), options.get_port())).await;
    let mut stream = stream.map_err(|error| broke(&error))?;
    stream.set_nodelay(true).map_err(|error| broke(&error))?;
    let verify = match mode {
        PgSslMode::Disable | PgSslMode::Allow => return Ok((Box::new(stream), None)),
        PgSslMode::Prefer | PgSslMode::Require => Verify::Nothing,
        PgSslMode::VerifyCa => Verify::Authority,
        PgSslMode::VerifyFull => Verify::Name,
    };
    stream.write_all(&ASK_FOR_TLS).await.map_err(|error| broke(&error))?;
    // One byte and no more: what else came in the clear meets the handshake, which it cannot pass.
    match stream.read_u8().await.map_err(|error| broke(&error))? {
        b'S' => {}
        b'N' if matches!(mode, PgSslMode::Prefer) => return Ok((Box::new(stream), None)),
        _ => return Err(not_ours("a server without TLS")),
    }
    let stream = tls::encrypted(stream, options.get_host(), verify, certificates).await;
    let stream = stream.map_err(|error| broke(&error))?;
    let end = tls::shown(&stream).and_then(|certificate| binding::end_point(certificate));
    Ok((Box::new(stream), end))
}
