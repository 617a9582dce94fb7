//! How the rows of a load are told from the others of a table.

use crate::again::{Earlier, Known, Manner, Own, Window, taken_name};
use crate::within::is_plainly_ordered;
use crate::{LoadRequest, Within};
use arrow::array::StringArray;
use arrow::compute::kernels::cmp::lt_eq;
use windvane_core::error::Result;
use windvane_core::schema::{DataType, Field, infer};

#[derive(Debug, Clone, PartialEq)]
pub enum Tell {
    /// This column holds the id of the load that brought a row.
    Column(String),
    /// They lie in the window that the load has read, if no other load has brought any that do.
    Window { within: Within, window: Window },
}

impl Tell {
    /// By a window whose ends every target compares alike; nothing where it has none.
    pub fn window(column: &str, data_type: DataType, window: &Window) -> Option<Self> {
        let end = |value: &Option<String>, inclusive| value.clone().map(|value| super::Limit { value, inclusive });
        let within = Within {
            column: column.to_owned(),
            data_type,
            from: end(&window.low, window.interval),
            to: end(&window.high, !window.interval),
            nulls: false,
        };
        (is_plainly_ordered(data_type) && within.to.is_some()).then(|| Self::Window { within, window: window.clone() })
    }
}

impl LoadRequest {
    /// The column that takes the load's id, where there is one.
    pub fn marks(&self) -> Option<&str> {
        match &self.tell {
            Some(Tell::Column(column)) => Some(column),
            Some(Tell::Window { .. }) | None => None,
        }
    }

    /// The same as a field of the table.
    pub fn marked(&self) -> Option<Field> {
        self.marks().map(|column| Field::new(column, DataType::Text))
    }

    /// The load's id as SQL: letters and digits.
    pub fn mark_sql(&self) -> String {
        format!("'{}'", self.load_id.replace('\'', ""))
    }

    /// What follows the column in a condition that chooses the rows of this load and of these.
    pub fn marked_sql(&self, also: &[String]) -> String {
        let own = self.mark_sql();
        let also = also.iter().map(|id| format!("'{}'", id.replace('\'', "")));
        format!("IN ({})", std::iter::once(own).chain(also).collect::<Vec<_>>().join(", "))
    }

    /// The rows may not bring the column that is ours.
    pub fn check_mark(&self) -> Result<()> {
        let own = self.marks().and_then(|mark| self.schema.names().find(|name| name.eq_ignore_ascii_case(mark)));
        own.map_or(Ok(()), |own| Err(taken_name(own)))
    }
}

impl Earlier {
    /// How the rows of the earlier try are told in a table that has these columns; they are still to be counted.
    pub fn told(&self, request: &LoadRequest, has: impl Fn(&str) -> bool) -> Own {
        match &request.tell {
            Some(Tell::Column(column)) if has(column) && self.facts.load_id.as_ref() == Some(column) => Own::Marked(0),
            Some(Tell::Window { within, window }) if request.swap && has(&within.column) => {
                Own::Inside { rows: 0, alone: alone(&request.load_id, within, window, &self.loads), same: None }
            }
            Some(Tell::Column(_) | Tell::Window { .. }) | None => Own::Untold,
        }
    }
}

/// Whether none of the other loads of a dataset may have brought rows of this window.
fn alone(load_id: &str, within: &Within, window: &Window, loads: &[Known]) -> bool {
    let others = loads.iter().filter(|load| load.load_id != load_id && load.rows > 0 && load.manner != Manner::Gone);
    let apart = |load: &Known| load.facts.window.as_ref().is_some_and(|other| apart(window, other, within.data_type));
    others.filter(|load| !apart(load)).count() == 0
}

fn apart(one: &Window, other: &Window, data_type: DataType) -> bool {
    // Ends of one kind may meet: what one has, the other has not.
    let meet = one.interval == other.interval;
    let ends = |high: &Option<String>, low: &Option<String>| {
        let (Some(high), Some(low)) = (high, low) else { return false };
        if high == low {
            return meet;
        }
        let parse = |text: &str| {
            let (value, wrong) = infer::parse(&StringArray::from(vec![text]), data_type);
            wrong.is_empty().then_some(value)
        };
        let (Some(high), Some(low)) = (parse(high), parse(low)) else { return false };
        lt_eq(&high, &low).is_ok_and(|before| before.true_count() == 1)
    };
    one.column == other.column && (ends(&one.high, &other.low) || ends(&other.high, &one.low))
}
