//! What a profile shows, from outside.
#![cfg(test)]

mod dependencies;
mod keys;
mod feature;
mod mask;
mod personal;
