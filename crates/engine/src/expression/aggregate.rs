//! An aggregate, its argument and its result.

use super::node::Node;
use windvane_core::error::Error;
use windvane_core::schema::DataType;

#[derive(Debug, Clone)]
pub(super) struct AggregateCall {
    pub(super) aggregate: Aggregate,
    pub(super) argument: Option<Node>,
    pub(super) data_type: DataType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    Avg,
}

impl AggregateCall {
    /// The type of what is aggregated.
    pub(super) fn from(&self) -> DataType {
        self.argument.as_ref().map_or(DataType::Int64, |argument| argument.data_type)
    }

    pub(super) fn overflow(&self, row: u64) -> Error {
        Error::data(format!("the sum of a group is out of range of {}", self.data_type))
            .in_row(row)
            .hint("Cast the column to decimal(38,0), or to float64 when digits do not matter")
    }
}
