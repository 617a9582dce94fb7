//! What everything else speaks, from outside: one binary, for linking is what costs.
#![cfg(test)]

mod breaker;
mod breaker_model;
mod calendar;
mod checksum;
mod decimals;
mod guards;
mod inference;
mod json;
mod kinds;
mod limits;
mod problems;
mod redaction;
mod retries;
mod rules;
mod shapes;
mod snapshot;
mod widening;
