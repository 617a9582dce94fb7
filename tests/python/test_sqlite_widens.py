"""SQLite alters no type: a table is built anew for a wider one, and only where that loses nothing somebody said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conformance import column
from test_connectors_sqlite import sqlite_home, sqlite_query, sqlite_run
from windvane.errors import ConflictError, SpecError

NUMBERS = [column("id", "int64"), column("n", "int64")]
LARGE = {"id": 1, "n": 2**40}


def widened(path: Path, *made: str, fields: Any = None, row: Any = None) -> list[Any]:
    sqlite_run(path, *made)
    home = sqlite_home(path)
    home.load("t", fields or NUMBERS, [row or LARGE], mode="append", widen=True, adopt=True, load_id="one")
    return sqlite_query(path, "SELECT * FROM t")


def declared(path: Path) -> dict[str, str]:
    return {row[1]: row[2] for row in sqlite_query(path, "PRAGMA table_info(t)")}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT2)", "PRIMARY"),
        ("CREATE TABLE t (id INTEGER NOT NULL, n INT2)", "NOT NULL"),
        ("CREATE TABLE t (id INTEGER, n INT2, g AS (n + 1))", "AS"),
        ('CREATE TABLE "t" ("id" INTEGER, "n" INT2, "g" GENERATED ALWAYS AS (n + 1))', "GENERATED|AS"),
        ("CREATE TABLE t (id INTEGER, n INT2 CHECK (n > 0))", "CHECK"),
        ("CREATE TABLE t (id INTEGER, n INT2 DEFAULT 3)", "DEFAULT"),
        ("CREATE TABLE t (id INTEGER UNIQUE, n INT2)", "UNIQUE"),
        ("CREATE TABLE t (id INTEGER, n INT2, s TEXT COLLATE NOCASE)", "COLLATE"),
        ('CREATE TABLE "t" ("id" INTEGER, "n" INT2, PRIMARY KEY (id)) WITHOUT ROWID', "PRIMARY|WITHOUT"),
        ("CREATE TABLE t (id INTEGER, n INT2 /* CHECK */)", "CHECK"),
    ],
)
def test_what_a_new_table_could_lose_stops_the_load(tmp_path: Path, table: str, said: str) -> None:
    path = tmp_path / "a.db"
    with pytest.raises(ConflictError, match=f"the table says ({said}), which building it anew could lose") as caught:
        widened(path, table, "INSERT INTO t (id, n) VALUES (7, 8)")
    assert "Nothing was changed" in str(caught.value)
    assert [row[:2] for row in sqlite_query(path, "SELECT id, n FROM t")] == [(7, 8)]
    assert declared(path)["n"] == "INT2"


def test_tables_and_triggers_that_hang_on_it_stop_the_load(tmp_path: Path) -> None:
    for name, more, said in [
        ("a", "CREATE TABLE o (r REFERENCES T(id))", "the table 'o' refers to it"),
        ("b", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", "the table says TRIGGER"),
    ]:
        with pytest.raises(ConflictError, match=said):
            widened(tmp_path / f"{name}.db", 'CREATE TABLE "t" ("id" INTEGER, "n" INT2)', more)
        assert declared(tmp_path / f"{name}.db")["n"] == "INT2"


def test_words_in_quotes_say_nothing(tmp_path: Path) -> None:
    table = "CREATE TABLE t (id INTEGER, n INT2, [not] TEXT, 'unique' TEXT, `default` TEXT, \"check\" TEXT)"
    rows = widened(tmp_path / "a.db", table, "INSERT INTO t VALUES (7, 8, 'a', 'b', 'c', 'd')")
    assert rows == [(7, 8, "a", "b", "c", "d"), (1, 2**40, None, None, None, None)]
    assert declared(tmp_path / "a.db") == {
        "id": "INTEGER", "n": "INTEGER", "not": "TEXT", "unique": "TEXT", "default": "TEXT", "check": "TEXT",
    }  # fmt: skip


def test_what_stands_in_our_own_words_stays(tmp_path: Path) -> None:
    """Where the types are told as we tell them, the table's own statement is taken over."""
    path = tmp_path / "a.db"
    table = 'CREATE TABLE "t" ("id" INTEGER NOT NULL, "n" INT2 CHECK (n > 0) DEFAULT 5)'
    rows = widened(
        path, table, "INSERT INTO t VALUES (7, 8)", "CREATE INDEX i ON t(n)", "CREATE VIEW v AS SELECT n FROM t"
    )
    assert rows == [(7, 8), (1, 2**40)]
    assert declared(path) == {"id": "INTEGER", "n": "INTEGER"}
    (statement,) = sqlite_query(path, "SELECT sql FROM sqlite_master WHERE name = 't'")[0]
    assert "NOT NULL" in statement
    assert "CHECK (n > 0) DEFAULT 5" in statement
    assert sqlite_query(path, "SELECT tbl_name FROM sqlite_master WHERE name = 'i'") == [("t",)]
    assert sqlite_query(path, "SELECT n FROM v") == [(8,), (2**40,)]


@pytest.mark.parametrize(
    ("old", "stored", "new", "given", "rows"),
    [
        (
            "DECIMAL_TEXT(9,1)",
            "'8.5'), (8, '9'), (9, NULL",
            "decimal(12,3)",
            "1.125",
            ["8.500", "9.000", None, "1.125"],
        ),
        ("DECIMAL_TEXT(9,0)", "'8'), (8, '-9'", "decimal(12,0)", "100000000000", ["8", "-9", "100000000000"]),
        ("DATE", "'2024-01-01'", "timestamp", "2024-01-01 10:00:00", ["2024-01-01T00:00:00", "2024-01-01T10:00:00"]),
        ("INT2", "8), (8, NULL", "text", "x", ["8", None, "x"]),
        ("INT2", "8), (8, -3", "float64", 0.5, [8.0, -3.0, 0.5]),
    ],
)
def test_what_is_there_is_of_the_wider_type(
    tmp_path: Path, old: str, stored: str, new: str, given: Any, rows: list[Any]
) -> None:
    path = tmp_path / "a.db"
    fields = [column("id", "int64"), column("v", new)]
    made = [f"CREATE TABLE t (id INTEGER, v {old})", f"INSERT INTO t VALUES (7, {stored})"]
    widened(path, *made, fields=fields, row={"id": 10, "v": given})
    home = sqlite_home(path)
    found = home.read("t", schema=fields)
    assert found["rejected"] == []
    assert [row["v"] for row in found["rows"]] == rows


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("", "is no name for a table"),
        ("a\0b", "no name for a table"),
        ("sqlite_x", "keeps"),
        ("Windvane_Loads", "keeps"),
    ],
)
def test_names_that_sqlite_or_we_keep_are_refused(tmp_path: Path, dataset: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        sqlite_home(tmp_path / "a.db").load(dataset, NUMBERS, [LARGE])
