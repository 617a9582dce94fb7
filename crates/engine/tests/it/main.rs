//! Expressions against models that compute one row at a time, from outside.
#![cfg(test)]

mod arithmetic;
mod big;
mod chains;
mod compare;
mod frames;
mod logic;
