//! Every kind of source and target behind one door, from outside: what opens, where it lies, and what Python gives and
//! takes.
#![cfg(test)]

mod gives;
mod homes;
mod opening;
mod python;
mod reads;
mod rooms;
