"""Inside a crate, too, modules have an order: an import leads downwards, and the circles that stay are named here with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from rust_modules import Crate

ROOT = Path(__file__).parents[2]

# By crate ("lib" is its root), each circle as the names of its modules. Take out what you break; put in only what is one thing by
# nature, and say why.
ALLOWED = {
    "connect": [
        "address again again::overlap again::owner again::replays allowance guests lib objects objects::open "
        "promise read_back shelf shown tell within",
        "column gather",
    ],
    "connectors": [
        "guest guest::give guest::read",
    ],
    "files": [
        "compact content csv decode folder int96 jsonl lane lib load locate manifest merge parquet parts "
        "piece read sniff split stretches unique widen work write",
    ],
    "http": [
        "client token",
    ],
    "sql": [
        "mysql::connect mysql::session mysql::table",
        "mysql::lane mysql::read mysql::snapshot",
        "mysql::load mysql::merge mysql::stage",
        "postgres postgres::beyond postgres::catalog postgres::connect postgres::filter postgres::lane "
        "postgres::load postgres::load::changed postgres::load::compare postgres::load::copy "
        "postgres::load::differs postgres::load::ledger postgres::load::links postgres::load::moves "
        "postgres::load::pushed postgres::load::returning postgres::load::sift postgres::load::staged "
        "postgres::load::straight postgres::load::target postgres::raw postgres::read postgres::split "
        "postgres::watch",
        "sqlite::catalog sqlite::ledger sqlite::load sqlite::merge sqlite::read sqlite::target sqlite::widen",
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
