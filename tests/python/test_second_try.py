"""A run that comes a second time, over every target and mode: it never doubles a row, and when it had ended it is done
again. Neither a new plan nor a new store makes another load of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import windvane as wv
from hostile_api import Asked, serving
from pipelines import outside, write_spec
from tries import FILES, KINDS, MODES, WAYS, Case, made
from windvane.errors import WindvaneError


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", MODES)
def test_the_source_grows_between_two_tries(
    tmp_path: Path, kind: str, mode: str, way: str, request: pytest.FixtureRequest
) -> None:
    case = made(tmp_path, kind, mode, way, request)
    case.source(range(100))
    assert case.run()["status"] == "success"
    case.source(range(105))
    again = case.run()
    if mode == "append" and kind not in FILES:
        assert again["status"] == "failed"
        assert "its source has changed since" in json.dumps(again)
        assert case.ids() == list(range(100))
    else:
        assert again["status"] == "success", again
        assert again["outputs"][0]["loaded"] == 105
        assert case.ids() == list(range(105))
    # And a new run is a new load.
    case.source(range(200, 205))
    assert case.run("d2")["status"] == "success"
    kept = {"replace": [], "append": case.ids()[:-5], "merge": list(range(105))}[mode]
    assert case.ids() == [*kept, *range(200, 205)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", MODES)
def test_the_source_shrinks_between_two_tries(
    tmp_path: Path, kind: str, mode: str, way: str, request: pytest.FixtureRequest
) -> None:
    case = made(tmp_path, kind, mode, way, request)
    case.source(range(100))
    case.run()
    case.source(range(60))
    again = case.run()
    if mode == "append" and kind not in FILES:
        assert again["status"] == "failed"
    else:
        assert again["status"] == "success", again
    assert case.ids() == list(range(100 if mode == "merge" or again["status"] == "failed" else 60))


@pytest.mark.parametrize("mode", MODES)
def test_a_new_store_doubles_nothing(tmp_path: Path, kind: str, mode: str, request: pytest.FixtureRequest) -> None:
    case = made(tmp_path, kind, mode, "staged", request)
    case.source(range(100))
    case.run()
    case.source(range(105))
    shutil.rmtree(tmp_path / "staging", ignore_errors=True)
    again = case.run(store="another.db")
    # Whether the run had ended nobody can tell any more: it is done again where its rows can be told, else refused.
    refused = mode == "append" and kind not in FILES
    assert again["status"] == ("failed" if refused else "success")
    assert case.ids() == list(range(100 if refused else 105))


@pytest.mark.parametrize("mode", MODES)
def test_a_plan_that_saw_something_else_is_no_other_load(
    tmp_path: Path, kind: str, mode: str, request: pytest.FixtureRequest
) -> None:
    case = made(tmp_path, kind, mode, "staged", request)
    case.source(range(100))
    first = wv.plan(case.spec, rules_only=True, words="all of them", **case.world())
    case.run()
    second = wv.plan(case.spec, rules_only=True, words="everything as it is", **case.world())
    assert first["id"] != second["id"]
    again = case.run()
    assert again["status"] == "success", again
    assert case.ids() == list(range(100))


@pytest.mark.parametrize("mode", MODES)
def test_what_the_ledger_says_is_believed_after_a_look(
    tmp_path: Path, kind: str, mode: str, request: pytest.FixtureRequest
) -> None:
    """With a new store the run counts as its first attempt, so that only the ledger speaks."""
    case = made(tmp_path, kind, mode, "staged", request)
    case.source(range(100))
    case.run()
    case.empty()
    again = case.run(store="another.db")
    if mode == "merge" and kind in FILES:
        # Rows that are to be merged into are gone with their files: nobody can say what they were.
        assert again["status"] == "failed"
        assert "part-" in json.dumps(again)
        return
    assert again["status"] == "success", again
    assert not again["outputs"][0]["already"]
    assert case.ids() == list(range(100))


def test_rows_that_somebody_took_away_are_not_appended_again(tmp_path: Path) -> None:
    case = Case(tmp_path, "sqlite", None, tmp_path / "p.windvane.json")
    write_spec(
        tmp_path, "p", source={"csv": {"path": "items.csv"}}, target={"sqlite": {"path": "lake.db", "mode": "append"}}
    )
    case.source(range(100))
    case.run()
    with sqlite3.connect(tmp_path / "lake.db") as file:
        file.execute("DELETE FROM items WHERE id < 10")
    again = case.run()
    assert again["status"] == "failed"
    assert "somebody has taken rows away" in json.dumps(again)
    assert case.ids() == list(range(10, 100))


def incremental(folder: Path, kind: str, request: pytest.FixtureRequest) -> Case:
    case = made(folder, kind, "append", "staged", request)
    document = json.loads(case.spec.read_text())
    document["datasets"]["items"] = {"incremental": {"column": "id"}}
    case.spec.write_text(json.dumps(document))
    return case


def test_the_ledger_gives_a_lost_window_back(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    case = incremental(tmp_path, kind, request)
    case.source(range(100))
    case.run("d1")
    shutil.copy(tmp_path / "store.db", tmp_path / "old.db")
    case.source(range(110))
    case.run("d2")
    case.source(range(115))
    for store, run, until in (("new.db", "d3", 115), ("old.db", "d4", 120), ("newer.db", "d4", 120)):
        case.source(range(until))
        assert case.run(run, store=store)["status"] == "success"
        assert case.ids() == list(range(until))


@pytest.mark.parametrize("kind", FILES)
def test_rows_that_were_compacted_cannot_be_swapped(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    case = made(tmp_path, kind, "append", "staged", request)
    case.source(range(100))
    case.run("d1")
    case.source(range(200, 250))
    case.run("d2")
    wv.compact(str(tmp_path / "lake"), "items")
    before = case.ids()
    case.source(range(105))
    again = case.run("d1")
    assert again["status"] == "failed"
    assert "compacted" in json.dumps(again)
    assert case.ids() == before


CHILD = """
import sys, json
import windvane as wv
wv.run(sys.argv[1], run="d1", rules_only=True, **json.loads(sys.argv[2]))
"""


def test_the_same_run_twice_at_once_and_a_killed_one(tmp_path: Path) -> None:
    """One process is at it, another one is told so; when the first is killed, the next begins at once."""
    rows = [{"id": n, "amount": n} for n in range(300)]
    asked, free = threading.Event(), threading.Event()
    free.set()

    def answer(_: Asked) -> list[dict[str, int]]:
        # The source is what holds the first one up, however fast it is.
        if not free.is_set():
            asked.set()
        assert free.wait(60)
        return rows

    with serving(answer) as api:
        spec = write_spec(
            tmp_path, "p", source={"http": {"connection": "api", "resources": {"items": {"path": "/items"}}}},
            target={"sqlite": {"path": "lake.db", "mode": "append"}},
            datasets={"items": {"incremental": {"column": "id"}}},
        )  # fmt: skip
        world = outside(tmp_path, api=api.url())
        wv.plan(spec, rules_only=True, **world)
        free.clear()
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(spec), json.dumps(world)])
        assert asked.wait(60), "the first one never asked for its rows"
        with pytest.raises(WindvaneError, match="is at work") as caught:
            wv.run(spec, run="d1", rules_only=True, **world)
        assert str(child.pid) in str(caught.value)
        child.kill()
        child.wait()
        free.set()
        # Another run of the dataset does not wait for the killed one either.
        assert wv.run(spec, run="d2", rules_only=True, **world)["status"] == "success"
    with sqlite3.connect(tmp_path / "lake.db") as file:
        assert file.execute("SELECT count(*), count(DISTINCT id) FROM items").fetchone() == (300, 300)
