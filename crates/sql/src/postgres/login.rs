//! Logging in: who we are, and the proofs of a password that we know.

use super::failure::{not_ours, not_understood};
use super::raw::Raw;
use super::scram::{Binding, Proof, SCRAM_PLUS, Scram};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use windvane_core::error::Result;

const PROTOCOL: i32 = 196_608;

/// How far logging in with SCRAM is.
enum Auth {
    Asked(Scram),
    Answered(Proof),
    Proven,
}

impl Raw {
    pub(super) async fn log_in(&mut self) -> Result<()> {
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
            (10, None) => {
                let offered: Vec<&str> = rest_text()?.split('\0').collect();
                let binding = match self.end_point.clone() {
                    Some(end_point) if offered.contains(&SCRAM_PLUS) => Binding::EndPoint(end_point),
                    Some(_) => Binding::NotOffered,
                    None => Binding::Impossible,
                };
                let scram = Scram::new(&self.password()?, &random()?, binding);
                let scram = scram.filter(|scram| offered.contains(&scram.mechanism()));
                let scram = scram.ok_or_else(|| not_ours("such a password"))?;
                let first = scram.first();
                let length = i32::try_from(first.len()).map_err(|_| not_understood())?.to_be_bytes();
                self.send(Some(b'p'), &[scram.mechanism().as_bytes(), &[0], &length, first.as_bytes()].concat())
                    .await?;
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
}

/// From the system, where it has a file for it.
fn random() -> Result<[u8; 18]> {
    let mut bytes = [0; 18];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|_| not_ours("a nonce"))?;
    Ok(bytes)
}
