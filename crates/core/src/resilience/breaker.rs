//! Stop calling what does not answer: a circuit breaker as two pure functions, [`admit`] and [`record`].
//!
//! Closed: calls go through; enough retryable failures open it. Open: calls are refused until the cool-down is over.
//! Half-open: a limited number of probes goes through; enough successes close it, one failure opens it again. A probe
//! that never reports back loses its place after `probe_timeout`, so a killed process blocks nobody.
//!
//! A permit names the generation of the state that granted it. What is reported with a permit of another generation, or
//! of a probe that lost its place, says nothing about the outside as it is now and changes nothing.

use super::clock::Now;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// When to open, how long to stay open, and what it takes to close again. Durations are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// So many failures in a row open it.
    pub failure_threshold: u32,
    pub cooldown: f64,
    /// So many calls may be under way at a time while it is half-open.
    pub probes: u32,
    /// So many probes must succeed to close it; missing: as many as `probes`.
    pub successes: Option<u32>,
    /// A probe that has not reported after this long is given up.
    pub probe_timeout: f64,
    /// Also open at this rate of failures.
    pub window: Option<Window>,
}

/// Opens when at least `rate` of at least `calls` calls of the last `seconds` failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub seconds: f64,
    pub calls: u32,
    /// Above 0, at most 1.
    pub rate: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { failure_threshold: 5, cooldown: 30.0, probes: 1, successes: None, probe_timeout: 60.0, window: None }
    }
}

impl Settings {
    /// Refuses settings that would never open, never close or never let a probe through.
    pub fn check(&self) -> Result<()> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let wrong =
            |what: &str| Err(Error::spec(format!("breaker settings: {what}")).hint("Leave it out for the default"));
        if self.failure_threshold == 0 || self.probes == 0 || self.successes == Some(0) {
            return wrong("failure_threshold, probes and successes must be at least 1");
        }
        if !positive(self.cooldown) || !positive(self.probe_timeout) {
            return wrong("cooldown and probe_timeout must be above 0 seconds");
        }
        match self.window {
            Some(window)
                if !positive(window.seconds) || window.calls == 0 || !(window.rate > 0.0 && window.rate <= 1.0) =>
            {
                wrong("a window needs seconds above 0, calls of at least 1 and a rate above 0 and at most 1")
            }
            Some(_) | None => Ok(()),
        }
    }

    fn successes(&self) -> u32 {
        self.successes.unwrap_or(self.probes)
    }
}

/// All that is known about one name; a new breaker is closed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Grows with every change of phase.
    pub generation: u64,
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Closed {
        /// In a row, up to now.
        failures: u32,
        /// Of the window, oldest first; at most [`SLICES`] + 1.
        slices: Vec<Slice>,
    },
    Open {
        since: Now,
    },
    HalfOpen {
        /// Under way.
        probes: Vec<Probe>,
        successes: u32,
        /// The number of the next probe.
        next: u64,
    },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { failures: 0, slices: Vec::new() }
    }
}

/// The calls of one tenth of a window: keeps the state small however many calls there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    pub start: Now,
    pub calls: u32,
    pub failures: u32,
}

/// How many slices a window has.
const SLICES: f64 = 10.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    pub number: u64,
    pub expires: Now,
}

/// The right to make one call; to be given back with [`record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    pub generation: u64,
    /// Of a probe.
    pub probe: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    Granted {
        permit: Permit,
    },
    /// Do not call. Asking again is worth it after this many seconds.
    Refused {
        retry_after: f64,
    },
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    /// A failure that another attempt could cure: the outside did not answer, was too slow or asked us to wait.
    Failure,
    /// Says nothing about the health of the outside: a wrong password, broken data, a cancelled call.
    Neither,
}

impl Outcome {
    /// Only what is retryable counts as a failure; the refusal of another breaker is not a call at all.
    pub fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(error) if error.retryable() && error.stage() != Some(STAGE) => Self::Failure,
            Err(_) => Self::Neither,
        }
    }
}

/// The stage of a refusal's error.
pub const STAGE: &str = "breaker";

/// May a call be made now?
pub fn admit(mut state: State, settings: &Settings, now: Now) -> (State, Admission) {
    if let Phase::Open { since } = &mut state.phase {
        // Opened by a machine whose clock is ahead of ours: nobody waits longer than one cool-down.
        since.0 = since.0.min(now.0);
        let left = since.0 + settings.cooldown - now.0;
        if left > 0.0 {
            return (state, Admission::Refused { retry_after: left });
        }
        state = State {
            generation: state.generation + 1,
            phase: Phase::HalfOpen { probes: Vec::new(), successes: 0, next: 0 },
        };
    }
    let generation = state.generation;
    let probe = match &mut state.phase {
        Phase::Closed { .. } | Phase::Open { .. } => None,
        Phase::HalfOpen { probes, next, .. } => {
            probes.retain(|probe| probe.expires > now);
            if probes.len() >= settings.probes as usize {
                let soonest = probes.iter().map(|probe| probe.expires.0 - now.0).fold(settings.cooldown, f64::min);
                return (state, Admission::Refused { retry_after: soonest });
            }
            let number = *next;
            *next += 1;
            probes.push(Probe { number, expires: Now(now.0 + settings.probe_timeout) });
            Some(number)
        }
    };
    (state, Admission::Granted { permit: Permit { generation, probe } })
}

/// Takes a permit back and learns from how the call went.
pub fn record(mut state: State, settings: &Settings, permit: Permit, outcome: Outcome, now: Now) -> State {
    if permit.generation != state.generation {
        return state;
    }
    let next = match &mut state.phase {
        Phase::Open { .. } => None,
        Phase::Closed { failures, slices } => {
            let tripped = match outcome {
                Outcome::Neither => false,
                Outcome::Success => {
                    *failures = 0;
                    count(slices, settings, false, now)
                }
                Outcome::Failure => {
                    *failures = failures.saturating_add(1);
                    count(slices, settings, true, now) || *failures >= settings.failure_threshold
                }
            };
            tripped.then_some(Phase::Open { since: now })
        }
        Phase::HalfOpen { probes, successes, .. } => {
            let held = probes.iter().position(|probe| Some(probe.number) == permit.probe && probe.expires > now);
            let Some(held) = held else { return state };
            probes.remove(held);
            match outcome {
                Outcome::Neither => None,
                Outcome::Failure => Some(Phase::Open { since: now }),
                Outcome::Success => {
                    *successes += 1;
                    (*successes >= settings.successes()).then(Phase::default)
                }
            }
        }
    };
    if let Some(phase) = next {
        state = State { generation: state.generation + 1, phase };
    }
    state
}

/// Counts a call into its slice of the window; whether this failure makes the rate too high.
fn count(slices: &mut Vec<Slice>, settings: &Settings, failed: bool, now: Now) -> bool {
    let Some(window) = settings.window else {
        slices.clear();
        return false;
    };
    slices.retain(|slice| slice.start.0 > now.0 - window.seconds);
    let one = u32::from(failed);
    match slices.last_mut().filter(|slice| now.0 < slice.start.0 + window.seconds / SLICES) {
        Some(slice) => {
            slice.calls = slice.calls.saturating_add(1);
            slice.failures = slice.failures.saturating_add(one);
        }
        None => slices.push(Slice { start: now, calls: 1, failures: one }),
    }
    let calls = slices.iter().fold(0u32, |sum, slice| sum.saturating_add(slice.calls));
    let failures = slices.iter().fold(0u32, |sum, slice| sum.saturating_add(slice.failures));
    failed && calls >= window.calls && f64::from(failures) >= window.rate * f64::from(calls)
}
