//! What is at the target before a load, and the guards that compare with it.

use crate::connectors::{Connection, Context};
use crate::error::Result;
use crate::guard::{self, Allow, Brings, Limits, There};
use crate::plan::{Output, Plan};
use crate::spec::drift::Policy;
use crate::spec::target::Mode;

/// Looked up before the load takes its locks: a question from beside would wait for them.
#[derive(Debug, Clone, Default)]
pub struct Before {
    there: There,
    /// Columns that have values.
    filled: Vec<String>,
    /// Another pipeline, when it was the last one to load the dataset.
    other: Option<String>,
}

impl Before {
    /// Asks the target; for these columns also whether they have values.
    pub async fn look(plan: &Plan, output: &Output, context: &Context, columns: &[String]) -> Result<Self> {
        let connection = Connection::open_target(&plan.target, context)?;
        let held = connection.holds(&output.dataset).await?;
        let there = There { rows: held.rows, last: held.last.map(|last| last.rows) };
        let asks =
            held.rows.is_none_or(|rows| rows > 0) && reads_whole(output) && Limits::of(&output.guard).emptied_columns;
        let filled = if held.exists && asks {
            connection.filled(&plan.target, context, &output.dataset, columns).await?
        } else {
            Vec::new()
        };
        let newest =
            if there.last.is_some() { connection.loads(&output.dataset).await?.into_iter().next() } else { None };
        let other = newest.map(|facts| facts.pipeline).filter(|name| !name.is_empty() && *name != plan.pipeline);
        Ok(Self { there, filled, other })
    }

    /// Whether types of the target's columns may widen: the policy says so, and what is there was loaded by us.
    pub fn widens(&self, plan: &Plan, output: &Output) -> bool {
        plan.drift_of(output).types == Policy::Evolve && self.there.last.is_some()
    }

    /// Judges a load of so many rows, in which these columns have no value.
    pub fn judge(&self, output: &Output, allow: &Allow, rows: u64, empty: &[String]) -> Result<()> {
        let limits = Limits::of(&output.guard);
        let incremental = output.incremental.is_some();
        let brings = Brings { mode: output.mode, absent: output.absent, incremental, rows };
        allow.judge(&output.name, guard::adopted(output.adopt, &brings, &self.there, self.other.as_deref()))?;
        allow.judge(&output.name, guard::rows(&limits, &brings, &self.there))?;
        let emptied: Vec<String> = empty.iter().filter(|column| self.filled.contains(column)).cloned().collect();
        allow.judge(&output.name, guard::emptied(&limits, &emptied))
    }
}

/// Whether a load brings all that there is: a window, or rows that are added to others, may lack a value by right.
fn reads_whole(output: &Output) -> bool {
    let adds = match output.mode {
        Mode::Append => true,
        Mode::Replace | Mode::Merge | Mode::History => false,
    };
    output.incremental.is_none() && !adds
}
