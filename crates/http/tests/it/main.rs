//! A JSON API as a source, from outside: an API on this machine answers by a script, and rows or an error come of it.
#![cfg(test)]

mod answers;
mod api;
mod logins;
mod pages;
mod places;
mod records;
mod refusals;
mod shapes;
mod tokens;
