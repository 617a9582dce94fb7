"""The ledger of a target is dropped or emptied by hand, and its runs come again: the store remembers what was appended."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from conformance import column
from pipelines import outside, write_spec
from tries import KINDS, Case, made
from windvane import _core
from windvane.errors import WindvaneError

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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_replace_says_what_was_lost(
    tmp_path: Path, kind: str, way: str, loss: str, request: pytest.FixtureRequest
) -> None:
    one = made(tmp_path, kind, "replace", way, request)
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    one.execute(loss)
    one.source(range(12))
    for run in ("d1", "d2"):
        refused = one.run(run)
        said = json.dumps(refused)
        assert refused["status"] == "failed", refused
        assert "its ledger (windvane_loads) says nothing of them: it was lost" in said
        assert "the store remembers that run 'd1' has loaded 10 rows at" in said.lower()
        assert "Bring windvane_loads back from a backup, or empty the table" in said
        assert "that windvane has not loaded" not in said
        assert one.ids() == list(range(10))
    # Without the store nobody can say that.
    assert "that windvane has not loaded" in json.dumps(one.run("d1", store="other.db"))
    one.empty()
    for _ in range(2):
        assert one.run("d1")["status"] == "success"
    assert one.ids() == list(range(12))


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_other_modes_do_it_again(tmp_path: Path, kind: str, mode: str, request: pytest.FixtureRequest) -> None:
    one = made(tmp_path, kind, mode, "staged", request, settings={"adopt": True} if mode == "replace" else {})
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    one.execute(LOSSES[0])
    one.source(range(12))
    assert one.run("d1")["status"] == "success"
    assert one.ids() == list(range(12))


BY_INTERVAL = {"incremental": {"column": "at", "by": "interval"}}


def hours(first: int, last: int) -> tuple[str, str]:
    return (f"2024-03-01T{first:02d}:00:00Z", f"2024-03-01T{last:02d}:00:00Z")


def fill_hours(one: Case) -> None:
    rows = "".join(f"{n},2024-03-01T{n:02d}:00:00Z\n" for n in range(24))
    (one.folder / "items.csv").write_text(f"id,at\n{rows}")


@pytest.mark.parametrize("place", KINDS)
def test_intervals_are_looked_at_under_the_lock_of_the_target(
    tmp_path: Path, place: str, request: pytest.FixtureRequest
) -> None:
    """Loads whose runs have both seen nothing of each other before they read."""
    one = made(tmp_path, place, "append", "staged", request)

    def load(run: str, first: int, last: int, rows: int = 2, **facts: Any) -> Any:
        window = {"column": "at", "low": hours(first, last)[0], "high": hours(first, last)[1], "interval": True}
        asked = {
            "target": json.loads(one.spec.read_text())["target"], "base": str(tmp_path), "roots": [],
            "connections": {"lake": one.url} if one.url else {}, "dataset": "items", "mode": "append",
            "schema": [column("id", "int64")], "rows": [{"id": n} for n in range(rows)], "load_id": run,
            "facts": {"pipeline": "p", "output": "items", "run": run, "window": window, "attempt": 1, **facts},
        }  # fmt: skip
        return json.loads(_core.load_rows(json.dumps(asked)))

    assert load("mid", 8, 12)["rows"] == 2
    for first, last in ((8, 12), (10, 14), (6, 9), (6, 14), (9, 10)):
        with pytest.raises(WindvaneError, match="run 'mid' has loaded the rows from") as caught:
            load("other", first, last)
        assert caught.value.kind == "conflict"
    assert load("late", 12, 14)["rows"] == 2
    assert load("early", 6, 8)["rows"] == 2
    assert load("none", 14, 16, rows=0)["rows"] == 0
    assert load("past-none", 15, 17)["rows"] == 2
    assert load("of-another", 8, 12, output="others")["rows"] == 2
    assert load("mid", 8, 12)["already"]
    assert len(one.ids()) == 10


@pytest.mark.parametrize("place", KINDS)
def test_intervals_at_the_very_same_time(tmp_path: Path, place: str, request: pytest.FixtureRequest) -> None:
    one = made(tmp_path, place, "append", "staged", request, settings=BY_INTERVAL)
    fill_hours(one)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(one.run, run, interval=hours(*ends)) for run, ends in (("a", (0, 12)), ("b", (6, 18)))]
        answers = [answer.result() for answer in both]
    (failed,) = [answer for answer in answers if answer["status"] == "failed"]
    # It may have met the other one in the middle of its work: then it says why when it is tried again.
    again = one.run(failed["run"], interval=hours(*(0, 12) if failed["run"] == "a" else (6, 18)))
    assert "what lies in both would be there twice" in json.dumps(again), failed
    assert len(one.ids()) == 12


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("way", WAYS)
def test_intervals_of_other_runs_that_only_the_store_knows(
    tmp_path: Path, kind: str, way: str, loss: str, request: pytest.FixtureRequest
) -> None:
    one = made(tmp_path, kind, "append", way, request, settings=BY_INTERVAL)
    fill_hours(one)
    for run, first, last in (("a", 0, 6), ("b", 6, 12)):
        assert one.run(run, interval=hours(first, last))["status"] == "success"
    one.execute(loss)
    refused = one.run("c", interval=hours(9, 15))
    assert refused["status"] == "failed", refused
    assert "run 'b' has loaded the rows from" in json.dumps(refused)
    assert one.run("d", interval=hours(12, 15))["status"] == "success"
    assert "run 'a' has loaded the rows from" in json.dumps(one.run("e", interval=hours(3, 5)))
    assert one.ids() == list(range(15))
    # Table and ledger are gone: what the ledger says since is whole.
    one.execute("DROP TABLE items")
    one.execute(LOSSES[0])
    for run, first, last in (("x", 3, 9), ("y", 9, 12), ("z", 0, 3)):
        assert one.run(run, interval=hours(first, last))["status"] == "success"
    assert one.ids() == list(range(12))


def test_the_same_run_into_another_target(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """What the store remembers is of one place."""
    one = made(tmp_path, kind, "append", "staged", request)
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    first, spec = one.url, one.spec.read_text()
    other = made(tmp_path, "sqlite", "append", "staged", request)
    other.spec.write_text(other.spec.read_text().replace("lake.db", "other.db"))
    with closing(sqlite3.connect(tmp_path / "other.db")) as file, file:
        file.execute("CREATE TABLE items (id INTEGER, amount TEXT)")
        file.execute("INSERT INTO items VALUES (-1, '0.25')")
    answer = other.run("d1")
    assert answer["status"] == "success", answer
    assert not answer["outputs"][0]["already"]
    with closing(sqlite3.connect(tmp_path / "other.db")) as file:
        assert file.execute("SELECT count(*) FROM items").fetchone() == (11,)
    # Of the first one it still knows.
    one.spec.write_text(spec)
    one.execute(LOSSES[0])
    is_refused(one.run("d1"))
    if kind == "sqlite":
        return
    # The connection means another database now.
    server = request.getfixturevalue({"postgres": "postgres", "mysql": "mariadb"}[kind])
    fresh = server.url(server.database())
    elsewhere = Case(tmp_path, kind, fresh, one.spec)
    elsewhere.execute("CREATE TABLE items (id bigint, amount decimal(18,2))")
    elsewhere.execute("INSERT INTO items VALUES (-1, 0.25)")
    answer = elsewhere.run("d1")
    assert answer["status"] == "success", answer
    assert elsewhere.ids() == [-1, *range(10)]
    assert first != fresh


@pytest.mark.parametrize("mode", ["append", "replace", "merge"])
def test_a_lost_manifest_of_an_object_store(tmp_path: Path, mode: str, s3: Any) -> None:
    bucket, settings = s3.bucket(), {"key": "id"} if mode == "merge" else {}
    spec = write_spec(
        tmp_path, "p", source={"csv": {"path": "items.csv"}}, datasets={"items": settings},
        target={"parquet": {"path": f"s3://{bucket}/lake", "connection": "store", "mode": mode}},
    )  # fmt: skip
    one, world = Case(tmp_path, "parquet", None, spec), outside(tmp_path, store=s3.connection())
    one.source(range(10))
    for run in ("d1", "d2"):
        wv.run(spec, run=run, rules_only=True, **world)
    older = s3.get(bucket, "lake/items/_manifest.json")
    wv.run(spec, run="d3", rules_only=True, **world)
    before = s3.keys(bucket)
    s3.client.delete_object(Bucket=bucket, Key="lake/items/_manifest.json")
    for run in ("d1", "d4"):
        with pytest.raises(WindvaneError, match=r"_manifest.json was lost, or is an older one") as caught:
            wv.run(spec, run=run, rules_only=True, **world)
        assert caught.value.kind == "conflict"
        assert "Bring _manifest.json back" in (caught.value.hint or "")
    assert s3.keys(bucket) == [key for key in before if not key.endswith("_manifest.json")]
    if mode == "append":
        s3.put(bucket, "lake/items/_manifest.json", older)
        with pytest.raises(WindvaneError, match=r"_manifest.json was lost, or is an older one"):
            wv.run(spec, run="d4", rules_only=True, **world)
