//! The kinds of personal values that have a form: tables by region.

mod america;
mod asia;
mod europe;
mod germany;
mod phones;
mod south;
mod world;

use super::recogniser::Recogniser;

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Recogniser> {
    let near = world::KINDS.iter().chain(&phones::KINDS).chain(&germany::KINDS).chain(&europe::KINDS);
    near.chain(&america::KINDS).chain(&asia::KINDS).chain(&south::KINDS)
}
