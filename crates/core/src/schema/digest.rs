//! What identifies schemas, specs, plans and loads: hashes as hex digits.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The first hex digits (at most 64) of the SHA-256 of some bytes: what identifies schemas, specs, plans and loads.
pub fn digest(bytes: &[u8], digits: usize) -> String {
    let mut text = hex(&Sha256::digest(bytes));
    text.truncate(digits);
    text
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
