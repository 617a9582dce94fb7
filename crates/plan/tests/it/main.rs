//! Plans from outside: pure, canonical, addressed by their content.
#![cfg(test)]

mod given;
mod purity;
mod snapshots;
