//! How the rows of a load are told from the others of a table.

use crate::range_filter::{RangeBound, RangeFilter, is_plainly_ordered};
use crate::rerun::Window;
use arrow::array::StringArray;
use arrow::compute::kernels::cmp::lt_eq;
use windvane_core::schema::{DataType, infer};

#[derive(Debug, Clone, PartialEq)]
pub enum LoadMarker {
    /// This column holds the id of the load that brought a row.
    Column(String),
    /// They lie in the window that the load has read, if no other load has brought any that do.
    Window { within: RangeFilter, window: Window },
}

impl LoadMarker {
    /// By a window whose ends every target compares alike; nothing where it has none.
    pub fn window(column: &str, data_type: DataType, window: &Window) -> Option<Self> {
        let end = |value: &Option<String>, inclusive| value.clone().map(|value| RangeBound { value, inclusive });
        let within = RangeFilter {
            column: column.to_owned(),
            data_type,
            from: end(&window.low, window.interval),
            to: end(&window.high, !window.interval),
            nulls: false,
        };
        (is_plainly_ordered(data_type) && within.to.is_some()).then(|| Self::Window { within, window: window.clone() })
    }
}

/// Whether no row lies in both.
pub fn disjoint(one: &Window, other: &Window, data_type: DataType) -> bool {
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
