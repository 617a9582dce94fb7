//! Expressions against models that compute one row at a time, from outside.
#![cfg(test)]

mod arithmetic;
mod big;
mod compare;
mod frames;
mod logic;
