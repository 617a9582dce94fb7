//! TLS under the sessions that read: with the certificates that the driver trusts, and judged as the driver judges them.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Encrypted bytes are taken from the system so many at a time: rustls asks for 4 kB.
const AHEAD: usize = 256 << 10;

/// A connection to a server, encrypted or not.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Socket for T {}

pub(crate) type Encrypted = TlsStream<BufReader<TcpStream>>;

/// What of the server's certificate is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verify {
    Nothing,
    /// Who signed it.
    Authority,
    /// And that it is the host's.
    Name,
}

/// Of a connection: paths of PEM files, or their text.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    /// Trusted beside those that everybody trusts.
    pub(crate) root: Option<String>,
    /// What we show, and its key.
    pub(crate) own: Option<String>,
    pub(crate) key: Option<String>,
}

impl Certificates {
    fn config(&self, verify: Verify) -> io::Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(root) = self.root.as_ref().filter(|_| verify != Verify::Nothing) {
            for certificate in certificates(root)? {
                roots.add(certificate).map_err(io::Error::other)?;
            }
        }
        let known = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let judge = Judge { known: known.build().map_err(io::Error::other)?, verify };
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(io::Error::other)?.dangerous().with_custom_certificate_verifier(Arc::new(judge));
        match (&self.own, &self.key) {
            (Some(own), Some(key)) => {
                let key = PrivateKeyDer::from_pem_slice(&pem(key)?).map_err(io::Error::other)?;
                config.with_client_auth_cert(certificates(own)?, key).map_err(io::Error::other)
            }
            (None, None) => Ok(config.with_no_client_auth()),
            (Some(_), None) | (None, Some(_)) => Err(ErrorKind::InvalidInput.into()),
        }
    }
}

/// Shakes hands on a connection from which nothing was read that belongs to it.
pub(crate) async fn encrypted(
    stream: TcpStream,
    host: &str,
    verify: Verify,
    certificates: &Certificates,
) -> io::Result<Encrypted> {
    let host = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(certificates.config(verify)?));
    connector.connect(host, BufReader::with_capacity(AHEAD, stream)).await
}

/// The certificate that the server showed.
pub(crate) fn shown(stream: &Encrypted) -> Option<&CertificateDer<'static>> {
    stream.get_ref().1.peer_certificates().and_then(<[_]>::first)
}

fn certificates(given: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(&pem(given)?).collect::<Result<_, _>>().map_err(io::Error::other)
}

/// The text that was given, or of the file that it names.
fn pem(given: &str) -> io::Result<Vec<u8>> {
    let text = given.trim();
    if text.starts_with("-----BEGIN") && text.ends_with("-----") {
        Ok(given.as_bytes().to_vec())
    } else {
        std::fs::read(given)
    }
}

#[derive(Debug)]
struct Judge {
    known: Arc<WebPkiServerVerifier>,
    verify: Verify,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = || self.known.verify_server_cert(shown, between, host, ocsp, now);
        match self.verify {
            Verify::Nothing => Ok(ServerCertVerified::assertion()),
            Verify::Authority => match judged() {
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                judged => judged,
            },
            Verify::Name => judged(),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.known.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.known.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_verify_schemes()
    }
}
