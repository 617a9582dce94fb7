"""Inside a crate, too, modules have an order: an import leads downwards, and the circles that stay are named here with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from rust_modules import Crate

ROOT = Path(__file__).parents[2]

# By crate ("lib" is its root), each circle as the names of its modules. Take out what you break; put in only what is one thing by
# nature, and say why.
ALLOWED = {
    "connectors": [
        "python python::give python::read",
    ],
    "sql": [
        # A session that is silent is asked after through another one, which has to be opened.
        "mysql::connect mysql::session",
    ],
}


@pytest.mark.parametrize("crate", sorted(path.name for path in (ROOT / "crates").iterdir()))
def test_only_the_named_circles(crate: str) -> None:
    allowed = {frozenset(names.split()) for names in ALLOWED.get(crate, ())}
    assert Crate.of(ROOT / "crates" / crate / "src").circles() == allowed


def test_the_doorway_has_none() -> None:
    assert Crate.of(ROOT / "src").circles() == set()


def test_it_finds_a_circle_and_looks_through_what_a_parent_hands_on() -> None:
    parent = "mod rows;\nmod read;\nmod write;\npub use rows::Rows;\n"
    read = "use super::{Rows, write::{self, Sink as Target}};"
    crate = {(): "pub mod csv;", ("csv",): parent, ("csv", "rows"): "pub struct Rows;", ("csv", "read"): read}
    assert Crate(crate | {("csv", "write"): "use crate::csv::Rows;"}).circles() == set()
    assert Crate(crate | {("csv", "write"): 'fn f() { super::read::g("csv::rows::h") }'}).circles() == {
        frozenset({"csv::read", "csv::write"})
    }
    # A parent that defines what its children import, and uses them.
    ground = parent + "pub struct Sink;\nfn f() { write::g() }"
    assert Crate(crate | {("csv",): ground, ("csv", "write"): "use super::Sink; // use super::read"}).circles() == {
        frozenset({"csv", "csv::write"})
    }
