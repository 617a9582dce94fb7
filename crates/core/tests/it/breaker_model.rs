//! A breaker as one would write it down: since when it is open, and the calls that are under way.

use windvane_core::resilience::breaker::{Outcome, Settings};

/// What we believe: since when it is shut, or what is under way.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) era: usize,
    failures: u32,
    pub(crate) open_since: Option<f64>,
    /// While half-open: the number and the end of each probe.
    pub(crate) probes: Option<Vec<(usize, f64)>>,
    successes: u32,
}

impl Model {
    pub(crate) fn admits(&mut self, settings: &Settings, now: f64, number: usize) -> bool {
        if let Some(since) = self.open_since {
            if now - since < settings.cooldown {
                return false;
            }
            (self.open_since, self.probes, self.successes) = (None, Some(Vec::new()), 0);
            self.era += 1;
        }
        let Some(probes) = &mut self.probes else { return true };
        probes.retain(|(_, end)| *end > now);
        if probes.len() >= settings.probes as usize {
            return false;
        }
        probes.push((number, now + settings.probe_timeout));
        true
    }

    pub(crate) fn learns(&mut self, settings: &Settings, now: f64, (era, number): (usize, usize), outcome: Outcome) {
        if era != self.era {
            return;
        }
        if let Some(probes) = &mut self.probes {
            let Some(at) = probes.iter().position(|(known, end)| *known == number && *end > now) else { return };
            probes.remove(at);
            match outcome {
                Outcome::Success => self.successes += 1,
                Outcome::Failure => (self.open_since, self.probes) = (Some(now), None),
                Outcome::Neither => {}
            }
            if self.successes >= settings.successes.unwrap_or(settings.probes) {
                (self.probes, self.failures) = (None, 0);
            }
            self.era += usize::from(self.probes.is_none());
            return;
        }
        match outcome {
            Outcome::Success => self.failures = 0,
            Outcome::Failure => self.failures += 1,
            Outcome::Neither => {}
        }
        if self.failures >= settings.failure_threshold {
            (self.open_since, self.failures) = (Some(now), 0);
            self.era += 1;
        }
    }
}
