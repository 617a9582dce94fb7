//! What sources and targets share, from outside: judgments that are pure.
#![cfg(test)]

mod closing;
mod facts;
mod fitting;
mod intervals;
mod local_paths;
mod narrow;
mod requests;
mod second_tries;
