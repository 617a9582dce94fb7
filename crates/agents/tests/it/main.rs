//! What agents may pass on, from outside.
#![cfg(test)]

mod guard;
