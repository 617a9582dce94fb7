//! What a table holds now, and which of its rows are those of a load.

use super::facts::{Known, Manner};

/// What the table holds now.
#[derive(Debug, Clone, Copy)]
pub struct There {
    /// Nothing: there is no table.
    pub rows: Option<u64>,
    pub own: Own,
}

/// Which rows of a table are those of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Those of its files.
    Parts,
    /// So many carry its id.
    Marked(u64),
    /// So many lie in its window; whether no other load may have brought any of them, and whether they are what it has
    /// brought, where that was compared.
    Inside {
        rows: u64,
        alone: bool,
        same: Option<bool>,
    },
    Untold,
}

impl Own {
    /// Whether there is something to count.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Marked(_) | Self::Inside { .. })
    }

    /// Whether those of a window are what the load has brought.
    #[must_use]
    pub fn compared(self, same: bool) -> Self {
        match self {
            Self::Inside { rows, alone, .. } => Self::Inside { rows, alone, same: Some(same) },
            Self::Marked(_) | Self::Parts | Self::Untold => self,
        }
    }

    /// So many of them are there.
    #[must_use]
    pub fn counted(self, rows: u64) -> Self {
        match self {
            Self::Marked(_) => Self::Marked(rows),
            Self::Inside { alone, same, .. } => Self::Inside { rows, alone, same },
            Self::Parts | Self::Untold => self,
        }
    }
}

/// How many rows the newest loads have brought that only added to others.
pub(super) fn appended(loads: &[Known]) -> u64 {
    let mut sum = 0;
    for load in loads {
        match load.manner {
            Manner::Added => sum += load.rows,
            Manner::Replaced => return sum + load.rows,
            // What they deleted or left alone is not told by their rows.
            Manner::Changed => return sum,
            Manner::Gone => {}
        }
    }
    sum
}
