"""What a run without a plan file compares its source with: its own last load, as the source was then; and what is left at the target."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError, DataError, WindvaneError

if TYPE_CHECKING:
    from services.postgres import Server

TIMES = ["2026-03-01T10:00:00", "2026-03-02T11:00:00", "2026-03-03T12:30:00", "2026-03-04T01:00:00"]


def feed(folder: Path, name: str, target: dict[str, Any], text: str = "", **settings: Any) -> Path:
    """A pipeline of its own that loads its file into the table `events`."""
    own = folder / name
    own.mkdir(exist_ok=True)
    if text:
        (own / "events.csv").write_text(text)
    source = {"csv": {"path": f"{name}/events.csv"}}
    return write_spec(folder, name, source=source, target=target, datasets={"events": settings})


def place(kind: str) -> dict[str, Any]:
    if kind in {"sqlite", "parquet", "csv"}:
        return {kind: {"path": "w.db" if kind == "sqlite" else "lake", "adopt": True}}
    return {kind: {"connection": "warehouse", "adopt": True}}


@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize("kind", ["sqlite", "parquet", "csv"])
def test_another_feed_of_the_same_table_has_its_own_columns(tmp_path: Path, kind: str, mode: str) -> None:
    world = outside(tmp_path)
    settings = {"mode": mode, **({"key": "id"} if mode == "merge" else {})}
    target = place(kind)
    first = feed(tmp_path, "a", target, "id,v,extra\n1,10,x\n2,20,y\n", **settings)
    other = feed(tmp_path, "b", target, "id,v\n2,21\n3,30\n", **settings)
    move(first, "r1", **world)
    if mode == "merge" and kind != "sqlite":
        # Files are replaced whole: rather than nulls over values, nothing is written.
        with pytest.raises(ConflictError, match="the load lacks the column 'extra', which the target has"):
            move(other, "r1", **world)
        return
    assert move(other, "r1", **world)["reconciliation"]["loaded"] == 2
    # And the first one is compared with itself, not with what the other has loaded last.
    (tmp_path / "a" / "events.csv").write_text("id,v\n4,40\n")
    with pytest.raises(ConflictError, match="column 'extra' .* is gone"):
        move(first, "r2", **world)
    if kind == "sqlite":
        with sqlite3.connect(tmp_path / "w.db") as database:
            rows = database.execute("SELECT id, v, extra FROM events ORDER BY id, v").fetchall()
        values = {"append": [(1, 10, "x"), (2, 20, "y"), (2, 21, None), (3, 30, None)]}
        values["merge"] = [(1, 10, "x"), (2, 21, "y"), (3, 30, None)]
        assert rows == values[mode]


def test_servers_have_feeds_too(tmp_path: Path, postgres: Server, postgres_database: str, mysql_database: str) -> None:
    for kind, url in [("postgres", postgres_database), ("mysql", mysql_database)]:
        folder = tmp_path / kind
        folder.mkdir()
        world = outside(folder, warehouse=url)
        target = place(kind)
        settings = {"mode": "merge", "key": "id"}
        move(feed(folder, "a", target, "id,v,extra\n1,10,x\n2,20,y\n", **settings), "r1", **world)
        other = feed(folder, "b", target, "id,v\n2,21\n3,30\n", **settings)
        assert move(other, "r1", **world)["reconciliation"]["loaded"] == 2


@pytest.mark.parametrize("again", [None, "k text, v text"])
def test_a_table_that_is_gone_is_no_measure(tmp_path: Path, again: str | None) -> None:
    world = outside(tmp_path)
    target = place("sqlite")
    move(feed(tmp_path, "a", target, "k,v\n2024-01-01T00:00:00Z,1\n2024-01-02T00:00:00Z,2\n"), "r1", **world)
    with sqlite3.connect(tmp_path / "w.db") as database:
        database.execute("DROP TABLE events")
        if again:
            database.execute(f"CREATE TABLE events ({again})")
    other = feed(tmp_path, "b", target, "k,v\nabc,q\ndef,r\n")
    assert move(other, "r1", **world)["reconciliation"]["loaded"] == 2


STEPS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "cast": [{"cast": {"price": "decimal(12,2)"}}],
    "rename": [{"rename": {"qty": "price", "price": "qty"}}],
    "parse": [{"parse": {"columns": ["seen"], "to": "date", "formats": ["%Y-%m-%dT%H:%M:%S"]}}],
}


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
@pytest.mark.parametrize("steps", STEPS)
def test_a_lost_store_and_the_same_source(tmp_path: Path, steps: str, kind: str, mode: str) -> None:
    world = outside(tmp_path)
    data = {"id": [1, 2, 3, 4], "qty": [1, 2, 3, 4], "price": [1.5, 2.5, 3.5, 4.0], "seen": TIMES}
    pq.write_table(pa.table(data), tmp_path / "events.parquet")
    settings = {"mode": mode, "steps": STEPS[steps], **({"key": "id"} if mode == "merge" else {})}
    source = {"parquet": {"path": "events.parquet"}}
    spec = write_spec(tmp_path, "a", source=source, target=place(kind), datasets={"events": settings})
    move(spec, "r1", **world)
    for left in tmp_path.glob("store.db*"):
        left.unlink()
    assert move(spec, "r2", **world)["reconciliation"]["loaded"] == 4
    # What has changed is still seen.
    for left in tmp_path.glob("store.db*"):
        left.unlink()
    pq.write_table(pa.table({**data, "seen": [1, 2, 3, 4]}), tmp_path / "events.parquet")
    with pytest.raises(WindvaneError, match="column 'seen' (was text and is int64|is int64 and not text)"):
        move(spec, "r3", **world)


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize(("kind", "mode"), [("sqlite", "merge"), ("sqlite", "history"), ("parquet", "merge")])
def test_rows_that_give_way_are_not_left(tmp_path: Path, kind: str, mode: str, strategy: str, planned: bool) -> None:
    one_key(tmp_path, place(kind), outside(tmp_path), mode, strategy, planned)


@pytest.mark.parametrize("mode", ["merge", "history"])
def test_rows_that_give_way_are_not_left_at_servers(
    tmp_path: Path, mode: str, postgres: Server, postgres_database: str, mysql_database: str
) -> None:
    for kind, url, ways in [
        ("postgres", postgres_database, ["staged", "fused", "pushdown"]),
        ("mysql", mysql_database, ["staged", "fused"]),
    ]:
        for way in ways:
            folder = tmp_path / f"{kind}_{way}"
            folder.mkdir()
            world = outside(folder, warehouse=url)
            one_key(folder, place(kind), world, mode, way, way == "pushdown", to=f"events_{mode}_{way}")


def one_key(
    folder: Path, target: dict[str, Any], world: dict[str, Any], mode: str, strategy: str, planned: bool, **more: Any
) -> None:
    """A load whose rows all have one key must not take the others away."""
    settings = {"mode": mode, "key": "sku", "absent": "delete", "strategy": strategy, **more}
    spec = feed(folder, "a", target, "sku,qty\n" + "".join(f"K{n:03},{n}\n" for n in range(1, 101)), **settings)
    if planned:
        wv.plan(spec, rules_only=True, **world)
    move(spec, "r1", **world)
    (folder / "a" / "events.csv").write_text("sku,qty\n" + "".join(f"K00,{n}\n" for n in range(1, 101)))
    with pytest.raises(DataError, match="1 rows are left to load where there were 100 before"):
        move(spec, "r2", **world)
    # Nothing has become visible: the same rows as before change nothing.
    (folder / "a" / "events.csv").write_text("sku,qty\n" + "".join(f"K{n:03},{n}\n" for n in range(1, 101)))
    assert move(spec, "r3", **world)["outputs"][0]["changes"]["unchanged"] == 100
    (folder / "a" / "events.csv").write_text("sku,qty\n" + "".join(f"K00,{n}\n" for n in range(1, 101)))
    record = move(spec, "r4", allow=["rows"], **world)
    assert (record["reconciliation"]["loaded"], record["reconciliation"]["filtered"]) == (1, 99)
    assert [passed["guard"] for passed in record["passed"]] == ["rows"]


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("parquet", "append"), ("parquet", "replace"), ("jsonl", "append"), ("csv", "merge"), ("sqlite", "append")],
)
def test_a_text_that_became_numbers_is_another_column(tmp_path: Path, kind: str, mode: str, planned: bool) -> None:
    world = outside(tmp_path)
    pq.write_table(pa.table({"id": [1, 2, 3, 4], "code": ["a", "b", "c", "d"]}), tmp_path / "events.parquet")
    settings = {"mode": mode, **({"key": "id"} if mode == "merge" else {})}
    path = "w.db" if kind == "sqlite" else "lake"
    spec = write_spec(
        tmp_path,
        "a",
        source={"parquet": {"path": "events.parquet"}},
        target={kind: {"path": path}},
        datasets={"events": settings},
    )
    if planned:
        wv.plan(spec, rules_only=True, **world)
    move(spec, "r1", **world)
    pq.write_table(pa.table({"id": [5, 6, 7, 8], "code": [10, 20, 30, 40]}), tmp_path / "events.parquet")
    for run in ["r2", "r2", "r3"]:
        with pytest.raises(ConflictError, match="column 'code' was text and is int64"):
            move(spec, run, **world)


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "sqlite"])
def test_texts_of_another_moment_go_into_the_same_column(tmp_path: Path, kind: str) -> None:
    world = outside(tmp_path)
    target = {kind: {"path": "w.db" if kind == "sqlite" else "lake", "mode": "append"}}
    spec = write_spec(tmp_path, "a", source={"parquet": {"path": "events.parquet"}}, target=target)

    def day(run: str, texts: list[str]) -> tuple[int, int]:
        pq.write_table(pa.table({"id": list(range(len(texts))), "at": texts}), tmp_path / "events.parquet")
        told = move(spec, run, **world)["reconciliation"]
        return told["loaded"], told["quarantined"]

    assert day("r1", TIMES) == (4, 0)
    assert day("r2", ["2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08"]) == (4, 0)
    assert day("r3", ["2026-03-05T10:00:00", "n/a", "2026-03-07T10:00:00", "2026-03-08T10:00:00"]) == (3, 1)
    # And the same again: nothing more, nothing else.
    assert day("r3", ["2026-03-05T10:00:00", "n/a", "2026-03-07T10:00:00", "2026-03-08T10:00:00"]) == (3, 1)
    if kind == "parquet":
        rows = parquet_rows(tmp_path / "lake" / "events")
        moments = [row["at"] if isinstance(row, dict) else row[1] for row in rows]
        assert len(moments) == 11
        assert all(isinstance(moment, datetime) and isinstance(moment, date) for moment in moments)
