//! The gateway, from outside: a service on this machine answers by a script, and the gateway makes something of it.
#![cfg(test)]

mod accounts;
mod answers;
mod attempts;
mod doors;
mod questions;
mod refusals;
mod secrets;
mod service;
