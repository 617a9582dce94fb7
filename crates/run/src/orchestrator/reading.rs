//! What a flow reads, and what it does to it.

use std::collections::BTreeMap;
use windvane_core::schema::Schema;
use windvane_core::spec::step::Step;
use windvane_engine::frame::Frame;

/// What a flow reads, and what it does to it.
pub(super) struct Reading {
    /// The datasets that joins and checks look into, in memory.
    pub(super) others: BTreeMap<String, Vec<Frame>>,
    /// Their columns, also those that were not read.
    pub(super) schemas: BTreeMap<String, Schema>,
    /// Over the columns that are read.
    pub(super) steps: Vec<Step>,
    /// The columns of the rows that flow.
    pub(super) kept: Schema,
    /// All columns are read.
    pub(super) whole: bool,
}
