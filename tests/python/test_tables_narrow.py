"""A table that is there keeps less than the values have: their rows go to quarantine, nothing is rounded, cut or filled up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pipelines import move, outside, write_spec
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

WAYS = [(mode, strategy) for mode in ("append", "replace", "merge", "history") for strategy in ("staged", "fused")]
FITS = '{"id": 0, "k": "2024-12-31T23:59:59.000", "t": "10:00:00.0", "v": "abc", "c": "ab"}\n'
ROWS = [
    '{"id": 1, "k": "2024-12-31T23:59:59.700"}',
    '{"id": 2, "k": "2024-01-01T00:00:00.4"}',
    '{"id": 3, "t": "10:00:00.6"}',
    '{"id": 4, "v": "abc  "}',
    '{"id": 5, "c": "ab  "}',
]
CASTS = [{"cast": {"id": "int32", "k": "timestamp", "t": "time", "v": "text", "c": "text"}}]
COLUMNS = "id int, k {moment}, t {time}, v varchar(3), c char(3)"
VERSIONS = ", valid_from {stamp} NOT NULL, valid_to {stamp}, is_current {truth} NOT NULL"


def spec(folder: Path, target: dict[str, Any], strategy: str, mode: str, **more: Any) -> Path:
    (folder / "t.jsonl").write_text(FITS + "\n".join(ROWS))
    dataset: dict[str, Any] = {"strategy": strategy, "adopt": True, "guard": {"quarantined": 1}}
    if mode in ("merge", "history"):
        dataset["key"] = "id"
    source, steps = {"jsonl": {"path": "t.jsonl"}}, CASTS
    if strategy == "pushdown":
        typed(folder / "t.parquet")
        source, steps = {"parquet": {"path": "t.parquet"}}, []
    return write_spec(folder, "narrow", source=source, target=target, datasets={"t": dataset}, steps=steps, **more)


def typed(path: Path) -> None:
    """The same rows with types of their own: SQL has no word for a cast of text to time."""
    import polars as pl

    rows = [json.loads(line) for line in [FITS, *ROWS]]
    texts = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String) | {"id": pl.Int32})
    moments = pl.col("k").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us")
    texts.with_columns(moments, pl.col("t").str.to_time("%H:%M:%S%.f")).write_parquet(path)


def aside(record: dict[str, Any]) -> None:
    sums = record["reconciliation"]
    assert (sums["rows_in"], sums["loaded"], sums["quarantined"]) == (6, 1, 5)
    lines = [line for file in record["outputs"][0]["quarantine"] for line in Path(file).read_text().splitlines()]
    told = [(entry["column"], "does not fit" in entry["reason"]) for entry in map(json.loads, lines)]
    assert sorted(told) == [("c", True), ("k", True), ("k", True), ("t", True), ("v", True)]


@pytest.mark.parametrize("verify", ["rows", "auto"])
@pytest.mark.parametrize(("mode", "strategy"), [*WAYS, ("append", "pushdown"), ("merge", "pushdown")])
def test_postgres(tmp_path: Path, postgres: Server, mode: str, strategy: str, verify: str) -> None:
    database = postgres.database()
    columns = COLUMNS.format(moment="timestamp(0)", time="time(0)")
    columns += VERSIONS.format(stamp="timestamptz", truth="boolean") if mode == "history" else ""
    postgres.execute(f"CREATE TABLE t ({columns})", database=database)
    target = {"postgres": {"connection": "db", "mode": mode}}
    record = move(spec(tmp_path, target, strategy, mode, verify=verify), **outside(tmp_path, db=postgres.url(database)))
    aside(record)
    rows = postgres.query("SELECT id, k::text, t::text, v, c FROM t", database=database)
    assert rows == [(0, "2024-12-31 23:59:59", "10:00:00", "abc", "ab ")]


@pytest.mark.parametrize("verify", ["rows", "auto"])
@pytest.mark.parametrize(("mode", "strategy"), WAYS)
def test_mysql(tmp_path: Path, mariadb: MariadbServer, mode: str, strategy: str, verify: str) -> None:
    database = mariadb.database()
    columns = COLUMNS.format(moment="datetime", time="time")
    columns += VERSIONS.format(stamp="datetime(6)", truth="tinyint(1)") if mode == "history" else ""
    mariadb.execute(f"CREATE TABLE t ({columns})", database=database)
    target = {"mysql": {"connection": "db", "mode": mode}}
    record = move(spec(tmp_path, target, strategy, mode, verify=verify), **outside(tmp_path, db=mariadb.url(database)))
    aside(record)
    rows = mariadb.query("SELECT id, CAST(k AS CHAR), CAST(t AS CHAR), v, c FROM t", database=database)
    assert rows == [(0, "2024-12-31 23:59:59", "10:00:00", "abc", "ab")]


def test_a_key_of_whole_seconds(tmp_path: Path, mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute("CREATE TABLE t (k datetime PRIMARY KEY, v int)", database=database)
    (tmp_path / "t.csv").write_text("k,v\n2024-01-01 00:00:00.4,1\n2024-01-01 00:00:00.3,2\n2024-01-01 00:00:01.0,3\n")
    path = write_spec(
        tmp_path,
        "key",
        source={"csv": {"path": "t.csv"}},
        target={"mysql": {"connection": "db", "mode": "merge"}},
        datasets={"t": {"key": "k", "guard": {"quarantined": 1}}},
        steps=[{"cast": {"v": "int32"}}],
    )
    sums = move(path, **outside(tmp_path, db=mariadb.url(database)))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (1, 2)
    assert mariadb.query("SELECT CAST(k AS CHAR), v FROM t", database=database) == [("2024-01-01 00:00:01", 3)]


def test_a_load_that_takes_every_row_names_the_first(tmp_path: Path, postgres: Server, mariadb: MariadbServer) -> None:
    homes = {"postgres": (postgres, "timestamp(0)", "time(0)"), "mysql": (mariadb, "datetime", "time")}
    for word, (server, moment, time) in homes.items():
        database = server.database()
        server.execute(f"CREATE TABLE t ({COLUMNS.format(moment=moment, time=time)})", database=database)
        (tmp_path / word).mkdir()
        target = {word: {"connection": "db", "mode": "append"}}
        path = spec(tmp_path / word, target, "staged", "append", errors={"rows": "fail"})
        with pytest.raises(WindvaneError) as caught:
            move(path, **outside(tmp_path / word, db=server.url(database)))
        assert "does not fit" in str(caught.value)
        assert "'k'" in str(caught.value) or "k" in str(caught.value.place)
        assert server.query("SELECT count(*) FROM t", database=database) == [(0,)]


def test_what_else_mysql_would_change(tmp_path: Path, mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute(
        "CREATE TABLE t (id int, e enum('red','it''s'), s set('p','q'), f double(10,2), y year)", database=database
    )
    (tmp_path / "t.jsonl").write_text(
        '{"id": 0, "e": "it\'s", "s": "p,q", "f": 1.25, "y": 1999}\n'
        '{"id": 1, "e": "Red"}\n{"id": 2, "e": "1"}\n{"id": 3, "s": "q,p"}\n{"id": 4, "f": 1.005}\n{"id": 5, "y": 24}\n'
    )
    path = write_spec(
        tmp_path,
        "odd",
        source={"jsonl": {"path": "t.jsonl"}},
        target={"mysql": {"connection": "db", "mode": "append"}},
        datasets={"t": {"guard": {"quarantined": 1}}},
        steps=[{"cast": {"id": "int32", "e": "text", "s": "text", "f": "float64", "y": "int16"}}],
        verify="rows",
    )
    sums = move(path, **outside(tmp_path, db=mariadb.url(database)))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (1, 5)
    assert mariadb.query("SELECT id, e, s, f, y FROM t", database=database) == [(0, "it's", "p,q", 1.25, 1999)]
