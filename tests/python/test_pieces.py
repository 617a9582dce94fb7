"""A dataset in pieces is the dataset: every row once, the same receipt as in one go."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pipelines import move, outside, write_spec
from windvane import stages

ROWS = 30_000


def postgres_source(postgres: Any, *, key: bool) -> dict[str, str]:
    database = postgres.database()
    postgres.execute(f"CREATE TABLE items (id int{' PRIMARY KEY' if key else ''}, name text)", database=database)
    postgres.execute(
        f"INSERT INTO items SELECT n, repeat('x', n % 300) FROM generate_series(1, {ROWS}) n", database=database
    )
    postgres.execute("ANALYZE items", database=database)
    return {"db": postgres.url(database)}


@pytest.fixture(params=["pages", "keys", "sqlite", "mysql", "files", "groups"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """A source that can be split, and its connections."""
    kind = request.param
    rows = [(n, "x" * (n % 300)) for n in range(1, ROWS + 1)]
    if kind in ("pages", "keys"):
        connections = postgres_source(request.getfixturevalue("postgres"), key=kind == "keys")
        return {"postgres": {"connection": "db", "tables": ["items"]}}, connections
    if kind == "mysql":
        server = request.getfixturevalue("mariadb")
        database = server.database()
        server.execute("CREATE TABLE items (id int PRIMARY KEY, name text)", database=database)
        server.execute(f"INSERT INTO items SELECT seq, repeat('x', seq % 300) FROM seq_1_to_{ROWS}", database=database)
        return {"mysql": {"connection": "db", "tables": ["items"]}}, {"db": server.url(database)}
    if kind == "sqlite":
        with sqlite3.connect(tmp_path / "source.db") as file:
            file.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
            file.executemany("INSERT INTO items VALUES (?, ?)", rows)
        file.close()
        return {"sqlite": {"path": "source.db", "tables": ["items"]}}, {}
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"id": [row[0] for row in rows], "name": [row[1] for row in rows]})
    if kind == "files":
        (tmp_path / "items").mkdir()
        for number in range(5):
            part = table.slice(number * ROWS // 5, ROWS // 5)
            pq.write_table(part, tmp_path / "items" / f"{number}.parquet")
        return {"parquet": {"path": "items/*.parquet", "as_dataset": "items"}}, {}
    pq.write_table(table, tmp_path / "items.parquet", row_group_size=4_000)
    return {"parquet": {"path": "items.parquet"}}, {}


def test_in_pieces_as_in_one_go(source: tuple[dict[str, Any], dict[str, str]], tmp_path: Path) -> None:
    place, connections = source
    done = {}
    for parts in (1, 4):
        spec = write_spec(
            tmp_path,
            f"in{parts}",
            source=place,
            target={"parquet": {"path": f"out{parts}"}},
            datasets={"items": {"partitions": parts, "checks": [{"expression": "id % 1000 <> 7"}]}},
        )
        done[parts] = move(spec, **outside(tmp_path, **connections))
    whole, pieces = done[1]["outputs"][0], done[4]["outputs"][0]
    for name in ("rows_in", "loaded", "quarantined", "checksum_source", "checksum_target"):
        assert whole[name] == pieces[name], name
    assert whole["rows_in"] == ROWS
    extracts = [step for step in done[4]["steps"] if ".extract." in step["step"]]
    assert len(extracts) >= 2
    assert sum(step["rows_in"] for step in extracts) == ROWS
    assert all(step["rows_in"] for step in extracts)


def test_pieces_by_separate_calls_in_any_order(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "source.db") as file:
        file.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        file.executemany("INSERT INTO items VALUES (?, ?)", [(n, "x") for n in range(100)])
    file.close()
    spec = write_spec(
        tmp_path,
        "items",
        source={"sqlite": {"path": "source.db"}},
        target={"parquet": {"path": "out"}},
        datasets={"items": {"partitions": 3}},
    )
    world = {**outside(tmp_path), "run": "r1"}
    planned = stages.plan(str(spec), **world)
    pieces = stages.split(planned["plan_file"], "items", base=str(tmp_path), **world)
    assert [piece["index"] for piece in pieces] == [0, 1, 2]
    # A row that comes after the split belongs to the last piece, whose end is open.
    with sqlite3.connect(tmp_path / "source.db") as file:
        file.execute("INSERT INTO items VALUES (1000, 'late')")
    file.close()
    extracted = [
        stages.extract(planned["plan_file"], "items", piece=piece, base=str(tmp_path), **world)
        for piece in reversed(pieces)
    ]
    transformed = stages.transform(planned["plan_file"], "items", extracted, base=str(tmp_path), **world)
    verdict = stages.validate(planned["plan_file"], "items", transformed, extracted, base=str(tmp_path), **world)
    receipt = stages.load(planned["plan_file"], "items", verdict, base=str(tmp_path), **world)
    assert (receipt["rows_in"], receipt["loaded"]) == (101, 101)
    with pytest.raises(Exception, match="not all"):
        stages.transform(planned["plan_file"], "items", extracted[1:], base=str(tmp_path), **world)
