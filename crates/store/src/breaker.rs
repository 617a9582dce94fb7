//! A circuit breaker that all processes share: load the state, apply the pure transition, swap it in if nobody else
//! was faster, otherwise begin again. A healthy breaker only reads.

use super::{Fields, Store};
use std::future::Future;
use windvane_core::boxed;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::resilience::breaker::{self, Admission, Outcome, Permit, STAGE, Settings, State};
use windvane_core::resilience::clock::{self, Now};

/// One of the racers wins each round, so this many rounds are lost only by a process that is starved.
const ROUNDS: u32 = 200;

impl Store {
    /// The state of a breaker and its version; nobody has used a missing one, its version is 0.
    #[boxed]
    pub async fn breaker(&self, name: &str) -> Result<(State, i64)> {
        let read = |mut fields: Fields| Ok((fields.document()?, fields.integer()?));
        let mut rows =
            self.fetch("SELECT state, version FROM breakers WHERE name = $1", vec![name.into()], read).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    /// Puts a state in the place of the version it was made from; false when somebody else was faster.
    #[boxed]
    pub async fn update_breaker(&self, name: &str, state: &State, version: i64) -> Result<bool> {
        let document = serde_json::to_string(state)
            .map_err(|error| Error::internal("the state of a breaker cannot be written").caused_by(&error))?;
        self.swap_state(name, document, version).await
    }

    /// Puts a state, of a breaker or a pace, in the place of the version it was made from.
    pub(super) async fn swap_state(&self, name: &str, document: String, version: i64) -> Result<bool> {
        let at = clock::now().rfc3339();
        let cells = vec![document.into(), at.into(), name.into()];
        let changed = if version == 0 {
            let sql = "INSERT INTO breakers (state, updated_at, name, version) VALUES ($1, $2, $3, 1) \
                       ON CONFLICT (name) DO NOTHING";
            self.execute(sql, cells).await?
        } else {
            let sql = "UPDATE breakers SET state = $1, updated_at = $2, version = version + 1 \
                       WHERE name = $3 AND version = $4";
            self.execute(sql, [cells, vec![version.into()]].concat()).await?
        };
        Ok(changed == 1)
    }

    /// Closes a breaker, whatever it was. Permits that are out stay without effect.
    #[boxed]
    pub async fn reset_breaker(&self, name: &str) -> Result<()> {
        let reset = |state: State| (State { generation: state.generation + 1, ..State::default() }, ());
        transition(self, name, reset).await
    }
}

/// May a call be made now?
#[boxed]
pub async fn admit(store: &Store, name: &str, settings: &Settings, now: Now) -> Result<Admission> {
    settings.check()?;
    transition(store, name, |state| breaker::admit(state, settings, now)).await
}

/// Takes a permit back and learns from how the call went; gives the state after it.
#[boxed]
pub async fn record(
    store: &Store,
    name: &str,
    settings: &Settings,
    permit: Permit,
    outcome: Outcome,
    now: Now,
) -> Result<State> {
    settings.check()?;
    transition(store, name, |state| {
        let state = breaker::record(state, settings, permit, outcome, now);
        (state.clone(), state)
    })
    .await
}

/// Admits, does the work, records how it went. Refused, it is an `unavailable` error with `retry_after`, and the work is
/// not begun. With no store, or one that does not answer, the work is done unguarded: what protects others must not
/// become the thing that stops them.
pub async fn guard<T>(
    store: Option<&Store>,
    name: &str,
    settings: &Settings,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(store) = store else { return work.await };
    let permit = match admit(store, name, settings, clock::now()).await {
        Ok(Admission::Granted { permit }) => permit,
        Ok(Admission::Refused { retry_after }) => return Err(refusal(name, retry_after)),
        Err(error) if error.retryable() => {
            if store.given_up().is_none() {
                tracing::warn!(breaker = name, "going on without the breaker: {error}");
            }
            return work.await;
        }
        Err(error) => return Err(error),
    };
    let result = work.await;
    if let Err(error) = record(store, name, settings, permit, Outcome::of(&result), clock::now()).await
        && store.given_up().is_none()
    {
        tracing::warn!(breaker = name, "the breaker did not learn how a call went: {error}");
    }
    result
}

/// What a caller is told instead of being let through.
pub fn refusal(name: &str, retry_after: f64) -> Error {
    Error::new(Kind::Unavailable, format!("breaker '{name}' is open: too many calls failed"))
        .hint(format!("The next call is let through in {retry_after:.1} s to see whether it works again"))
        .retry_after(retry_after)
        .in_stage(STAGE)
}

async fn transition<T>(store: &Store, name: &str, step: impl Fn(State) -> (State, T)) -> Result<T> {
    for _ in 0..ROUNDS {
        let (before, version) = store.breaker(name).await?;
        let (after, answer) = step(before.clone());
        if after == before || store.update_breaker(name, &after, version).await? {
            return Ok(answer);
        }
    }
    Err(Error::new(Kind::Unavailable, format!("breaker '{name}' is used by too many at once")).hint("Try again"))
}
