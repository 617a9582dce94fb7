//! Logging in: the server's greeting, our answer, and the two proofs of a password that need neither encryption nor a key.

use super::failure::not_understood;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use windvane_core::error::{Error, Result};

const VERSION: u8 = 10;
/// Flags of the protocol: long columns, the words of 4.1, transactions, a scramble of 20 bytes, plugins. Not the first
/// bit, which MariaDB leaves out to tell that it is not MySQL.
const WANTED: u32 = 0x4 | 0x200 | 0x2000 | 0x8000 | PLUGINS;
const PLUGINS: u32 = 0x8_0000;
const TLS: u32 = 0x800;
/// The longest packet that is taken.
const LONGEST: u32 = 1 << 30;
/// `utf8mb4_general_ci`, which every server knows.
const LETTERS: u8 = 45;
const NATIVE: &str = "mysql_native_password";
const CACHING: &str = "caching_sha2_password";

/// What the server says first.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) session: u32,
    pub(super) offers_tls: bool,
    plugin: String,
    scramble: Vec<u8>,
}

impl Greeting {
    pub(super) fn read(packet: &[u8]) -> Result<Self> {
        Self::parse(packet).ok_or_else(not_understood)
    }

    fn parse(packet: &[u8]) -> Option<Self> {
        let (version, rest) = packet.split_first()?;
        let (_, rest) = text(rest)?;
        let (session, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_at_checked(8)?;
        // A zero, low flags, letters, status, high flags, the scramble's length, ten bytes that are reserved.
        let (&[_, low, low2, _, _, _, high, high2, _], rest) = rest.split_first_chunk()?;
        let rest = rest.get(10..)?;
        let flags = u32::from_le_bytes([low, low2, high, high2]);
        if *version != VERSION || flags & WANTED != WANTED {
            return None;
        }
        let (second, rest) = rest.split_at_checked(12)?;
        let (plugin, _) = text(rest.get(1..)?)?;
        Some(Self {
            session: u32::from_le_bytes(*session),
            offers_tls: flags & TLS != 0,
            plugin: plugin.to_owned(),
            scramble: [first, second].concat(),
        })
    }

    pub(super) fn answer(&self, user: &str, password: &str, encrypted: bool) -> Result<Vec<u8>> {
        let proof = proof(&self.plugin, &self.scramble, password)?;
        let mut packet = opening(encrypted);
        packet.extend(user.as_bytes());
        packet.push(0);
        packet.push(u8::try_from(proof.len()).map_err(|_| not_understood())?);
        packet.extend(proof);
        packet.extend(self.plugin.as_bytes());
        packet.push(0);
        Ok(packet)
    }
}

/// How an answer begins. Alone it asks for TLS.
pub(super) fn opening(encrypted: bool) -> Vec<u8> {
    let wanted = if encrypted { WANTED | TLS } else { WANTED };
    let mut packet = wanted.to_le_bytes().to_vec();
    packet.extend(LONGEST.to_le_bytes());
    packet.push(LETTERS);
    packet.extend([0; 23]);
    packet
}

/// The answer to a server that wants another plugin than it said first.
pub(super) fn switched(request: &[u8], password: &str) -> Result<Vec<u8>> {
    let (plugin, scramble) = text(request).ok_or_else(not_understood)?;
    proof(plugin, scramble.strip_suffix(&[0]).unwrap_or(scramble), password)
}

fn proof(plugin: &str, scramble: &[u8], password: &str) -> Result<Vec<u8>> {
    let word = password.as_bytes();
    match plugin {
        NATIVE | CACHING if word.is_empty() => Ok(Vec::new()),
        NATIVE => {
            let once = Sha1::digest(word);
            let twice = Sha1::digest(once);
            Ok(mixed(&once, &Sha1::new().chain_update(scramble).chain_update(twice).finalize()))
        }
        CACHING => {
            let once = Sha256::digest(word);
            let twice = Sha256::digest(Sha256::digest(once));
            Ok(mixed(&once, &Sha256::new().chain_update(twice).chain_update(scramble).finalize()))
        }
        _ => Err(Error::unsupported(format!("logging in by {plugin} is the driver's"))),
    }
}

fn mixed(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

/// A text that a zero ends, and what follows it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}
