//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the client's side (RFC 5802, RFC 7677).

use sha2::{Digest, Sha256};

pub(super) const SCRAM: &str = "SCRAM-SHA-256";
pub(super) const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";
/// As the RFC has it: more would let a false server keep us busy.
const MOST_ROUNDS: u32 = 100_000;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether the proof holds for one encrypted connection only.
pub(super) enum Binding {
    /// The connection has nothing to be bound to.
    Impossible,
    /// We would, but the server did not offer it: it refuses if it did and somebody between took that away.
    NotOffered,
    /// To this server's certificate: see `binding`.
    EndPoint(Vec<u8>),
}

/// What the proof is made from.
pub(super) struct Scram {
    nonce: String,
    password: String,
    binding: Binding,
}

/// The answer to the server's challenge, and what the server must say to prove itself.
pub(super) struct Proof {
    pub(super) message: String,
    pub(super) expected: String,
}

impl Scram {
    /// Of an ASCII password: others would need SASLprep, which the driver has.
    pub(super) fn new(password: &str, random: &[u8; 18], binding: Binding) -> Option<Self> {
        password.is_ascii().then(|| Self { nonce: encode(random), password: password.to_owned(), binding })
    }

    pub(super) fn mechanism(&self) -> &'static str {
        match self.binding {
            Binding::Impossible | Binding::NotOffered => SCRAM,
            Binding::EndPoint(_) => SCRAM_PLUS,
        }
    }

    fn header(&self) -> &'static str {
        match self.binding {
            Binding::Impossible => "n,,",
            Binding::NotOffered => "y,,",
            Binding::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// The header again, and what the proof is bound to.
    fn channel(&self) -> String {
        let end: &[u8] = match &self.binding {
            Binding::Impossible | Binding::NotOffered => &[],
            Binding::EndPoint(end) => end,
        };
        encode(&[self.header().as_bytes(), end].concat())
    }

    pub(super) fn first(&self) -> String {
        format!("{}n=,r={}", self.header(), self.nonce)
    }

    pub(super) fn answer(&self, challenge: &str) -> Option<Proof> {
        let field = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name));
        let nonce = field("r=").filter(|nonce| nonce.starts_with(&self.nonce))?;
        let salt = decode(field("s=")?)?;
        let rounds = field("i=")?.parse().ok().filter(|rounds| (1..=MOST_ROUNDS).contains(rounds))?;
        let salted = stretch(self.password.as_bytes(), &salt, rounds);
        let bare = format!("c={},r={nonce}", self.channel());
        let signed = format!("n=,r={},{challenge},{bare}", self.nonce);
        let key = keyed(&salted, &[b"Client Key"]);
        let mut proof = keyed(&Sha256::digest(key).into(), &[signed.as_bytes()]);
        for (byte, key) in proof.iter_mut().zip(key) {
            *byte ^= key;
        }
        let server = keyed(&keyed(&salted, &[b"Server Key"]), &[signed.as_bytes()]);
        Some(Proof { message: format!("{bare},p={}", encode(&proof)), expected: format!("v={}", encode(&server)) })
    }
}

/// PBKDF2 with one block.
fn stretch(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut last = keyed_by(password, &[salt, &1_u32.to_be_bytes()]);
    let mut sum = last;
    for _ in 1..rounds {
        last = keyed_by(password, &[&last]);
        for (sum, byte) in sum.iter_mut().zip(last) {
            *sum ^= byte;
        }
    }
    sum
}

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    keyed_by(key, parts)
}

/// HMAC-SHA-256.
fn keyed_by(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36));
    for part in parts {
        inner.update(part);
    }
    Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)).chain_update(inner.finalize()).finalize().into()
}

/// Base 64 with padding.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            text.push(if place <= group.len() { char::from(LETTERS[letter]) } else { '=' });
        }
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}
