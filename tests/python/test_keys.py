"""Keys of loads: compared as the target compares them; of several rows with one key, the one that is meant."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from conformance import Home, Row, column
from pipelines import move, outside, parquet_rows, write_spec
from sql_homes import mysql_home, postgres_home
from windvane.errors import DataError

if TYPE_CHECKING:
    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

TEXTS = [column("id", "text"), column("v", "text")]


def loaded(home: Home, rows: list[Row], **more: Any) -> dict[str, Any]:
    asked = {"mode": "merge", "key": ["id"], "on_duplicate": "last", **more}
    return home.load("t", TEXTS, rows, **asked)


def found(home: Home) -> list[tuple[Any, Any]]:
    return sorted((row["id"], row["v"]) for row in home.rows("t"))


LOOSE = {
    "citext": "CREATE EXTENSION citext; CREATE TABLE t (id citext PRIMARY KEY, v text)",
    "citext elsewhere": "CREATE SCHEMA x; CREATE EXTENSION citext SCHEMA x; CREATE TABLE t (id x.citext PRIMARY KEY, v text)",
    "domain": "CREATE EXTENSION citext; CREATE DOMAIN mail AS citext CHECK (VALUE <> '');"
    "CREATE TABLE t (id mail PRIMARY KEY, v text)",
    "collation": "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
    "CREATE TABLE t (id text COLLATE ci PRIMARY KEY, v text)",
    "index": "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
    "CREATE TABLE t (id text NOT NULL, v text); CREATE UNIQUE INDEX ON t (id COLLATE ci)",
    "no index": "CREATE EXTENSION citext; CREATE TABLE t (id citext, v text)",
}


@pytest.mark.parametrize("made", LOOSE)
def test_postgres_compares_as_the_table_does(postgres: Server, made: str) -> None:
    database = postgres.database()
    for statement in LOOSE[made].split(";"):
        postgres.execute(statement, database=database)
    postgres.execute("INSERT INTO t VALUES ('Ann', 'old'), ('Bob', 'old')", database=database)
    home = postgres_home(postgres, database)
    rows = [{"id": "ANN", "v": "1"}, {"id": "ann", "v": "2"}, {"id": "bob", "v": "old"}, {"id": "Cid", "v": "3"}]
    done = loaded(home, rows, load_id="one")
    assert [row["at"] for row in done["refused"] if row["superseded"]] == [0]
    assert len(done["refused"]) == 1
    assert found(home) == [("Cid", "3"), ("ann", "2"), ("bob", "old")]
    done = loaded(home, [{"id": "CID", "v": "4"}], load_id="two", absent="delete")
    assert found(home) == [("CID", "4")]
    assert done["changes"]["deleted"] == 2


def test_postgres_keys_that_are_none_of_the_targets_type_are_refused_alone(postgres: Server) -> None:
    database = postgres.database()
    postgres.execute("CREATE TABLE t (id inet PRIMARY KEY, v text)", database=database)
    home = postgres_home(postgres, database)
    rows = [{"id": "10.0.0.1", "v": "1"}, {"id": "x", "v": "2"}, {"id": "10.0.0.1/32", "v": "3"}]
    done = loaded(home, rows, load_id="one")
    assert {row["at"]: row.get("superseded", False) for row in done["refused"]} == {0: True, 1: False}
    assert [row["v"] for row in home.rows("t")] == ["3"]


def test_mysql_compares_as_the_table_does(mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute(
        "CREATE TABLE t (id varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, v text)",
        database=database,
    )
    mariadb.execute("INSERT INTO t VALUES ('Ann', 'old'), ('Bob', 'old')", database=database)
    home = mysql_home(mariadb, database)
    rows = [{"id": "ANN", "v": "1"}, {"id": "ann", "v": "2"}, {"id": "bob", "v": "old"}, {"id": "Cid", "v": "3"}]
    done = loaded(home, rows, load_id="one")
    assert [(row["at"], row["superseded"]) for row in done["refused"]] == [(0, True)]
    assert found(home) == [("Cid", "3"), ("ann", "2"), ("bob", "old")]
    loaded(home, [{"id": "CID", "v": "4"}], load_id="two", absent="delete")
    assert found(home) == [("CID", "4")]


def test_mysql_tables_of_ours_tell_all_texts_apart(mariadb: MariadbServer) -> None:
    home = mysql_home(mariadb, mariadb.database())
    rows = [{"id": text, "v": text} for text in ("a", "A", "ä", "a ")]
    for mode in ("merge", "history"):
        home.load(mode, TEXTS, rows, mode=mode, key=["id"], load_id=mode)
        assert sorted(row["id"] for row in home.rows(mode)) == sorted(row["id"] for row in rows)


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY, v TEXT)",
        "CREATE TABLE t (id TEXT, v TEXT); CREATE UNIQUE INDEX i ON t (id COLLATE NOCASE)",
        "CREATE TABLE t (id TEXT COLLATE NOCASE, v TEXT)",
    ],
)
def test_sqlite_compares_as_the_table_does(tmp_path: Path, made: str) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "t.db")) as file:
        file.executescript(f"{made}; INSERT INTO t VALUES ('Ann', 'old'), ('Bob', 'old')")
    where = {"sqlite": {"path": "t.db"}}
    home = Home(target=where, source=where, base=str(tmp_path))
    rows = [{"id": "ANN", "v": "1"}, {"id": "ann", "v": "2"}, {"id": "bob", "v": "old"}, {"id": "Cid", "v": "3"}]
    done = loaded(home, rows, load_id="one")
    assert [(row["at"], row["superseded"]) for row in done["refused"]] == [(0, True)]
    assert found(home) == [("Cid", "3"), ("ann", "2"), ("bob", "old")]
    loaded(home, [{"id": "CID", "v": "4"}], load_id="two", absent="delete")
    assert found(home) == [("CID", "4")]


TARGETS = ["sqlite", "postgres", "mysql", "parquet"]


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """A target, its connection, and how its rows are looked at."""
    kind = request.param
    if kind in ("parquet", "sqlite"):
        path = "lake" if kind == "parquet" else "out.db"
        return {"target": {kind: {"path": path, "mode": "merge"}}, "connections": {}, "kind": kind}
    server = request.getfixturevalue("postgres" if kind == "postgres" else "mariadb")
    url = server.url(server.database())
    return {"target": {kind: {"connection": "out", "mode": "merge"}}, "connections": {"out": url}, "kind": kind}


def values(folder: Path, target: dict[str, Any]) -> dict[int, str]:
    if target["kind"] == "parquet":
        return {row["id"]: row["v"] for row in parquet_rows(folder / "lake" / "t")}
    source = {
        kind: {key: value for key, value in place.items() if key != "mode"} for kind, place in target["target"].items()
    }
    home = Home(target=source, source=source, base=str(folder), connections=target["connections"])
    return {row["id"]: row["v"] for row in home.rows("t")}


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("choice", [None, "first", "last", "quarantine", "fail"])
def test_the_row_that_is_meant(tmp_path: Path, target: dict[str, Any], choice: str | None, strategy: str) -> None:
    """Files have an order: by default the last one is loaded. Nothing is lost on the way."""
    (tmp_path / "t.csv").write_text("id,v\n1,a\n2,b\n1,c\n3,d\n1,e\n")
    dataset = {"key": "id", "strategy": strategy} | ({"on_duplicate": choice} if choice else {})
    path = write_spec(
        tmp_path,
        "keys",
        source={"csv": {"path": "t.csv"}},
        target=target["target"],
        datasets={"t": dataset},
        errors={"max_quarantined": 1.0},
    )
    world = outside(tmp_path, **target["connections"])
    if choice == "fail":
        with pytest.raises(DataError, match="same key"):
            move(path, **world)
        return
    record = move(path, **world)
    last = choice in (None, "last")
    assert values(tmp_path, target) == {1: "e" if last else "a", 2: "b", 3: "d"}
    sums = record["reconciliation"]
    assert (sums["rows_in"], sums["loaded"]) == (5, 3)
    assert (sums["filtered"], sums["quarantined"]) == ((0, 2) if choice == "quarantine" else (2, 0))
    assert sums["balanced"]


def test_the_last_one_by_the_watermark(tmp_path: Path, target: dict[str, Any]) -> None:
    (tmp_path / "t.csv").write_text("id,v,at\n1,new,2024-02-02\n1,old,2024-01-01\n2,b,2024-01-01\n")
    path = write_spec(
        tmp_path,
        "keys",
        source={"csv": {"path": "t.csv"}},
        target=target["target"],
        datasets={"t": {"key": "id", "incremental": {"column": "at"}}},
    )
    world = outside(tmp_path, **target["connections"])
    move(path, **world)
    assert values(tmp_path, target) == {1: "new", 2: "b"}
    plan = wv.plan(path, rules_only=True, **world)
    assert plan["outputs"][0]["on_duplicate"]["column"] == "at"
    assert "the last one by at is loaded" in wv.explain(path.with_name("keys.plan.json"))


def test_rows_of_tables_without_a_watermark_have_no_order(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "in.db")) as file:
        file.executescript("CREATE TABLE t (id INT, v TEXT); INSERT INTO t VALUES (1, 'a'), (1, 'b')")
    path = write_spec(
        tmp_path,
        "keys",
        source={"sqlite": {"path": "in.db"}},
        target={"sqlite": {"path": "out.db", "mode": "merge"}},
        datasets={"t": {"key": "id"}},
        errors={"max_quarantined": 1.0},
    )
    record = move(path, **outside(tmp_path))
    assert record["reconciliation"]["quarantined"] == 1
    lines = Path(record["outputs"][0]["quarantine"][0]).read_text().splitlines()
    assert "an earlier row of the load has the same key" in json.loads(lines[0])["reason"]
