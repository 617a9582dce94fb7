"""Targets in rare states: keys that come twice, triggers that keep rows away, names that are taken, rows that are too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conformance import Home, column
from sql_homes import mysql_home, postgres_home
from test_connectors_sqlite import sqlite_home, sqlite_run
from windvane.errors import ConflictError, DataError, SpecError, WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

Row = dict[str, Any]
FIELDS = [
    column("id", "int64"),
    column("at", "float64"),
    column("d", "decimal(9,2)"),
    column("n", "int32"),
    column("tz", "timestamptz"),
]
VALUES = [
    (1, 2),
    (1, -3),
    (1, None),
    (1, 2),
    (2, None),
    (2, None),
    (3, -1),
    (3, -2),
    (4, 0),
    (5, 10),
    (5, 9),
    (6, -10),
    (6, -9),
]


def row(key: int, value: int | None) -> Row:
    """In whole seconds and in parts of them, in numbers of one and of two digits."""
    if value is None:
        return {"id": key, "at": None, "d": None, "n": None, "tz": None}
    tenths = value + 20
    moment = f"2024-01-01T10:00:0{tenths // 10}" + (f".{tenths % 10}" if tenths % 10 else "")
    return {"id": key, "at": value / 4, "d": f"{value}.50", "n": value * 5, "tz": f"{moment}Z"}


ROWS = [row(key, value) for key, value in VALUES]


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    if request.param == "sqlite":
        return sqlite_home(tmp_path / "a.db")
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        return postgres_home(server, server.database())
    server = request.getfixturevalue("mariadb")
    return mysql_home(server, server.database())


@pytest.mark.parametrize("mode", ["merge", "history"])
@pytest.mark.parametrize("choice", ["first", "last"])
def test_of_rows_with_one_key_the_column_says_which(home: Home, choice: str, mode: str) -> None:
    """A null is before all values; of equal values it is the order of the rows."""
    for by in ("at", "d", "n", "tz", None):
        places: dict[int, list[int]] = {}
        for at, row in enumerate(ROWS):
            places.setdefault(row["id"], []).append(at)

        def order(at: int, by: str | None = by) -> tuple[float, int]:
            value = VALUES[at][1] if by else 0
            return (float("-inf") if value is None else value, at)

        chosen = {(min if choice == "first" else max)(all_, key=order) for all_ in places.values()}
        more = {"mode": mode, "key": ["id"], "on_duplicate": choice, "latest_by": by, "load_id": f"{choice}{by}"}
        done = home.load(f"t{by}", FIELDS, ROWS, **more)
        assert {row["at"] for row in done["refused"]} == set(range(len(ROWS))) - chosen, by
        assert all(row["superseded"] for row in done["refused"])
        found = home.read(f"t{by}", schema=FIELDS)["rows"]
        assert {row["id"]: row["at"] for row in found} == {ROWS[at]["id"]: ROWS[at]["at"] for at in chosen}, by


def test_names_of_ours_and_of_two_columns_are_refused(home: Home) -> None:
    for dataset in ("", "windvane_loads"):
        with pytest.raises(SpecError) as caught:
            home.load(dataset, FIELDS, ROWS[:1])
        assert caught.value.hint
    with pytest.raises(WindvaneError, match="column"):
        home.load("t", [*FIELDS, column("id", "text")], [{"id": 1}])


AWAY = (
    "CREATE TABLE t (id bigint, n integer)",
    "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 2 THEN RETURN NULL; END IF;"
    " RETURN NEW; END $$",
    "CREATE TRIGGER away BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION away()",
)
SMALL = [column("id", "int64"), column("n", "int32")]
THREE = [{"id": n, "n": n} for n in (1, 2, 3)]


@pytest.mark.parametrize("more", [{"mode": "append"}, {"mode": "merge", "key": ["id"]}])
def test_a_trigger_that_keeps_rows_away_ends_the_load(postgres: Server, more: dict[str, Any]) -> None:
    database = postgres.database()
    for statement in AWAY:
        postgres.execute(statement, database=database)
    home = postgres_home(postgres, database)
    with pytest.raises(DataError, match="nothing was loaded") as caught:
        home.load("t", SMALL, THREE, load_id="one", **more)
    assert "trigger" in (caught.value.hint or "")
    assert home.rows("t") == []


def test_a_view_of_mysql_is_no_target(mariadb: MariadbServer) -> None:
    database = mariadb.database()
    for statement in ("CREATE TABLE b (id bigint, n int)", "CREATE VIEW t AS SELECT * FROM b"):
        mariadb.execute(statement, database=database)
    with pytest.raises(ConflictError, match="is a view"):
        mysql_home(mariadb, database).load("t", SMALL, THREE, mode="append")


def test_rows_longer_than_a_statement_of_mysql_are_sent_alone(mariadb: MariadbServer) -> None:
    home = mysql_home(mariadb, mariadb.database())
    fields = [column("id", "int64"), column("note", "text")]
    rows = [{"id": n, "note": chr(97 + n) * (3 << 20)} for n in range(5)]
    home.load("t", fields, rows)
    assert [(row["id"], row["note"][:1], len(row["note"])) for row in home.rows("t")] == [
        (n, chr(97 + n), 3 << 20) for n in range(5)
    ]


def test_a_key_of_mysql_that_cannot_hold_long_texts_does_not_widen(mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, n int)", database=database)
    fields = [column("id", "text"), column("n", "int32")]
    with pytest.raises(ConflictError, match="part of the table's key") as caught:
        mysql_home(mariadb, database).load("t", fields, [{"id": "x", "n": 1}], mode="append", widen=True, adopt=True)
    assert "Nothing was changed" in str(caught.value)


def test_a_table_of_sqlite_that_hides_its_row_numbers_takes_no_appends(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sqlite_run(path, "CREATE TABLE t (rowid TEXT, _rowid_ TEXT, oid TEXT)")
    fields = [column(name, "text") for name in ("rowid", "_rowid_", "oid")]
    with pytest.raises(WindvaneError, match="hides its row numbers"):
        sqlite_home(path).load("t", fields, [{"rowid": "1"}], mode="append", adopt=True)
