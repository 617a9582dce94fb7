//! A pace that all processes keep together: the same loop as a breaker's, and in the same table, because both are a
//! small state with a version.

use super::{Fields, Store};
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::clock;
use windvane_core::resilience::pace::{self, Pace};

/// One of the racers wins each round.
const ROUNDS: u32 = 200;

impl Store {
    /// Takes the next place of a pace; the seconds until it. See [`pace::take`].
    #[boxed]
    pub async fn take_pace(&self, name: &str, interval: f64, max_wait: f64) -> Result<f64> {
        self.move_pace(name, |state| pace::take(state, interval, max_wait, clock::now())).await
    }

    /// No call of this name before `seconds` from now.
    #[boxed]
    pub async fn hold_pace(&self, name: &str, seconds: f64) -> Result<()> {
        self.move_pace(name, |state| (pace::hold(state, seconds, clock::now()), ())).await
    }

    async fn move_pace<T>(&self, name: &str, step: impl Fn(Pace) -> (Pace, T)) -> Result<T> {
        let key = format!("pace:{name}");
        for _ in 0..ROUNDS {
            let read = |mut fields: Fields| Ok((fields.document()?, fields.integer()?));
            let sql = "SELECT state, version FROM breakers WHERE name = $1";
            let (before, version): (Pace, i64) =
                self.fetch(sql, vec![key.clone().into()], read).await?.pop().unwrap_or_default();
            let (after, answer) = step(before);
            if after == before || self.put_pace(&key, after, version).await? {
                return Ok(answer);
            }
        }
        Err(Error::new(Kind::Unavailable, format!("the pace '{name}' is kept by too many at once")).hint("Try again"))
    }

    async fn put_pace(&self, key: &str, state: Pace, version: i64) -> Result<bool> {
        let document = serde_json::to_string(&state)
            .map_err(|error| Error::internal("the state of a pace cannot be written").caused_by(&error))?;
        self.swap_state(key, document, version).await
    }
}
