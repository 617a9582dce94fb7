//! What a profile shows, from outside.
#![cfg(test)]

mod mask;
mod personal;
