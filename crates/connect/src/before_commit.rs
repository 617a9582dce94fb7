//! The last looks at a load before its commit: it holds and accounts for what was promised.

use crate::expectation::Expectation;
use crate::load::LoadRequest;
use crate::read_back::not_the_same;
use crate::receipt::{Loaded, RefusedRow};
use crate::rerun::{Counts, Facts, replays};
use windvane_core::error::{Error, Result};
use windvane_core::faults;
use windvane_core::spec::target::Absent;

impl LoadRequest {
    /// What the ledger keeps of the load, now that its rows have come.
    pub fn noted(&self) -> Facts {
        let counts = self.expected.given().and_then(|promised| promised.counts);
        let mut noted = Facts { counts: counts.or(self.facts.counts), ..self.facts.clone() };
        if faults::planted("forgets_attempt") {
            noted.attempt = 0;
        }
        if faults::planted("forgets_window") {
            noted.window = None;
        }
        noted
    }

    /// Whether rows go whose keys the load does not have: not while rows of it are in quarantine (or `refused` here), which may
    /// be those.
    pub fn deletes(&self, refused: &[RefusedRow]) -> bool {
        let refused = refused.iter().filter(|row| !row.superseded).count() as u64;
        let aside =
            refused + self.expected.given().and_then(|promised| promised.counts).map_or(0, |counts| counts.quarantined);
        self.absent == Absent::Delete
            && (aside == 0 || faults::planted("deletes_quarantined"))
            && !faults::planted("deletes_nothing")
    }

    /// The last look before the commit: the receipt speaks of the rows that were promised, and of every one of them.
    pub fn close(&self, loaded: &Loaded) -> Result<()> {
        if faults::planted("closes_unseen") {
            return Ok(());
        }
        self.error_budget.leaves(loaded.rows)?;
        replays::close(self, loaded)?;
        let promised = match &self.expected {
            Expectation::Nobody => return Ok(()),
            Expectation::Known(promised) => promised,
            Expectation::AtTheEnd(promised) => {
                promised.get().ok_or_else(|| Error::internal("the rows came to no end: nothing was loaded"))?
            }
        };
        let (expected, gone) = (&promised.expected, loaded.refused.len() as u64);
        if loaded.rows + gone != expected.rows {
            let (rows, known) = (loaded.rows, expected.rows);
            return Err(Error::internal(format!(
                "{known} rows were to be loaded, the target has {rows} and refused {gone}: nothing was loaded"
            )));
        }
        if let Some(Counts { rows_in, added, filtered, quarantined }) = promised.counts
            && rows_in + added != loaded.rows + gone + filtered + quarantined
        {
            let rows = loaded.rows;
            return Err(Error::internal(format!(
                "{rows_in} rows came in and {added} were added, but {rows} at the target + {gone} refused there + \
                 {filtered} filtered + {quarantined} quarantined come out: nothing was loaded"
            )));
        }
        let sums = loaded.checksum.as_ref().zip(expected.checksum.as_ref()).filter(|_| gone == 0);
        if sums.is_some_and(|(there, promised)| there != promised) {
            return Err(not_the_same());
        }
        Ok(())
    }
}
