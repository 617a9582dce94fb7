//! What a profile shows, from outside.
#![cfg(test)]

mod feature;
mod mask;
