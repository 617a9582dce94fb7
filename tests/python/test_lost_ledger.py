"""The ledger of a target is dropped or emptied by hand, and its runs come again: the store remembers what was appended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tries import Case, made

if TYPE_CHECKING:
    from pathlib import Path

LOSSES = ("DROP TABLE windvane_loads", "DELETE FROM windvane_loads")
WAYS = ("staged", "fused")


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def is_refused(answer: Any, run: str = "d1") -> None:
    assert answer["status"] == "failed", answer
    said = json.dumps(answer)
    assert f"the store remembers that run '{run}' has appended" in said
    assert '"kind": "conflict"' in said


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_only_the_store_knows_adds_nothing(
    tmp_path: Path, kind: str, way: str, loss: str, request: pytest.FixtureRequest
) -> None:
    one = made(tmp_path, kind, "append", way, request)
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    one.execute(loss)
    for rows in (10, 12):
        one.source(range(rows))
        is_refused(one.run("d1"))
        assert one.ids() == list(range(10))
    # Another run is another load; the one before stays unknown to the ledger.
    one.source(range(20, 25))
    assert one.run("d2")["status"] == "success"
    is_refused(one.run("d1"))
    assert one.ids() == [*range(10), *range(20, 25)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("way", WAYS)
def test_rows_that_carry_their_load_are_swapped(
    tmp_path: Path, kind: str, way: str, loss: str, request: pytest.FixtureRequest
) -> None:
    one = made(tmp_path, kind, "append", way, request, load_id=True)
    for run, ids in (("d1", range(10)), ("d2", range(20, 25))):
        one.source(ids)
        assert one.run(run)["status"] == "success"
    one.execute(loss)
    for rows in (10, 12, 12):
        one.source(range(rows))
        again = one.run("d1")
        assert again["status"] == "success", again
        assert one.ids() == [*range(rows), *range(20, 25)]


def test_steps_at_the_target(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    one = made(
        tmp_path, "postgres", "append", "pushdown", request,
        settings={"steps": [{"derive": {"twice": "amount * 2"}}]},
    )  # fmt: skip
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    one.execute(LOSSES[0])
    is_refused(one.run("d1"))
    assert one.ids() == list(range(10))


@pytest.mark.parametrize("gone", ["DROP TABLE items", "DELETE FROM items"])
def test_what_is_gone_with_its_ledger_is_loaded_again(
    tmp_path: Path, kind: str, gone: str, request: pytest.FixtureRequest
) -> None:
    one = made(tmp_path, kind, "append", "staged", request)
    one.source(range(10))
    one.run("d1")
    one.execute(LOSSES[0])
    one.execute(gone)
    assert one.run("d1")["status"] == "success"
    assert one.ids() == list(range(10))


def test_a_backup_that_is_older_than_the_run(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Its ledger accounts for every row of the table: those of the later run are not there."""
    one = made(tmp_path, kind, "append", "staged", request)
    for run, ids in (("d1", range(10)), ("d2", range(20, 25))):
        one.source(ids)
        one.run(run)
    (last,) = [row[0] for row in one.execute("SELECT load_id, facts FROM windvane_loads") if '"run":"d2"' in row[1]]
    one.execute(f"DELETE FROM windvane_loads WHERE load_id = '{last}'")
    is_refused(one.run("d2"), "d2")
    one.execute("DELETE FROM items WHERE id >= 20")
    assert one.run("d2")["status"] == "success"
    assert one.ids() == [*range(10), *range(20, 25)]


@pytest.mark.parametrize("way", WAYS)
def test_a_watermark_goes_on(tmp_path: Path, kind: str, way: str, request: pytest.FixtureRequest) -> None:
    one: Case = made(tmp_path, kind, "append", way, request, settings={"incremental": {"column": "id"}})
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    one.execute(LOSSES[0])
    one.source(range(15))
    is_refused(one.run("d1"))
    assert one.run("d2")["status"] == "success"
    assert one.ids() == list(range(15))


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_other_modes_do_it_again(tmp_path: Path, kind: str, mode: str, request: pytest.FixtureRequest) -> None:
    one = made(tmp_path, kind, mode, "staged", request, settings={"adopt": True} if mode == "replace" else {})
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    one.execute(LOSSES[0])
    one.source(range(12))
    assert one.run("d1")["status"] == "success"
    assert one.ids() == list(range(12))
