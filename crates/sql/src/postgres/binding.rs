//! What a proof of the password is bound to: `tls-server-end-point` (RFC 5929), the hash of the server's certificate.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The hash that the certificate is signed with, where it is one that we know; SHA-256 in the place of the weak ones.
const SIGNED: [(&[u8], Hash); 9] = [
    // 1.2.840.113549.1.1: MD5, SHA-1, SHA-256, SHA-384, SHA-512 with RSA.
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], Hash::Sha384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], Hash::Sha512),
    // 1.2.840.10045.4: SHA-1, SHA-256, SHA-384, SHA-512 with ECDSA.
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], Hash::Sha384),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], Hash::Sha512),
];
const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 6;

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Nothing of a certificate whose signature names no hash that we know: then nothing is bound.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (inside, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(inside, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (name, _) = element(algorithm, OBJECT)?;
    let (_, hash) = SIGNED.iter().find(|(known, _)| *known == name)?;
    Some(match hash {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

/// The content of the first element (DER), which has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        short => (usize::from(short), rest),
    };
    if found == tag && first != 0x80 { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::end_point;
    use sha2::{Digest, Sha384};

    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let name = [&[6, 8], algorithm].concat();
        let (to_be_signed, signature) = ([&[0x30, 0x81, 200][..], &[7; 200]].concat(), [3, 2, 0, 1]);
        let body = [&to_be_signed[..], &[0x30, 10], &name, &signature].concat();
        [&[0x30, 0x81, u8::try_from(body.len()).unwrap_or(0)], &body[..]].concat()
    }

    #[test]
    fn the_hash_is_the_signatures() {
        let certificate = certificate(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]);
        assert_eq!(end_point(&certificate), Some(Sha384::digest(&certificate).to_vec()));
    }

    #[test]
    fn what_is_no_certificate_or_not_known_is_bound_to_nothing() {
        let certificate = certificate(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 9, 9]);
        assert_eq!(end_point(&certificate), None);
        for end in 0..certificate.len() {
            assert_eq!(end_point(&certificate[..end]), None);
        }
    }
}
