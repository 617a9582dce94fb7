//! What stages leave on a disk, written and read again.
#![cfg(test)]

mod quarantine;
