//! What sources and targets share, from outside: judgments that are pure.
#![cfg(test)]

mod facts;
mod intervals;
mod local_paths;
mod requests;
mod second_tries;
