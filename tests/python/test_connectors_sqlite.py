"""SQLite: the conformance suite and what only it has."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from conformance import Conformance, Home, Row, call, column, ordered
from conformance_modes import ConformanceModes
from sql_homes import CHARACTERS, load_refused, refused

if TYPE_CHECKING:
    from collections.abc import Callable


class TestSqliteConforms(Conformance):
    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        sqlite3.connect(tmp_path / "lake.db").close()
        (tmp_path / "lake.db").write_bytes(b"")
        place = {"sqlite": {"path": "lake.db"}}
        return Home(target=place, source=place, base=str(tmp_path), roots=[str(tmp_path)], keeps_not_a_number=False)

    def test_replace_may_change_the_columns(self, home: Home) -> None:
        """Columns that the load does not bring stay: the table may be more than ours."""
        home.load("items", [column("id", "int64")], [{"id": 1}], load_id="one")
        home.load("items", [column("name", "text")], [{"name": "a"}], load_id="two")
        assert home.rows("items") == [{"id": None, "name": "a"}]


class TestSqliteModes(ConformanceModes):
    REFUSED: ClassVar[list[tuple[Row, str]]] = [
        (row, "name" if named == "one_name" else named) for row, named in ConformanceModes.REFUSED
    ]
    """SQLite names the columns of a key and not the constraint."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        return sqlite_home(tmp_path / "lake.db")

    @pytest.fixture
    def execute(self, tmp_path: Path) -> Callable[[str], None]:
        return lambda sql: sqlite_run(tmp_path / "lake.db", sql)


# ------------------------------------------------------------------------------------------------------------ SQLite


def sqlite_home(path: Path, **place: Any) -> Home:
    where = {"sqlite": {"path": path.name, **place}}
    target = {"sqlite": {"path": path.name}}
    return Home(target=target, source=where, base=str(path.parent), keeps_not_a_number=False)


def sqlite_run(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def sqlite_query(path: Path, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


class TestSqliteRanges:
    """Whatever a value is stored as, it is compared as what it means."""

    DAYS = ("'2024-01-09'", "'2024-01-10 00:00:00'", "2460320.5", "NULL", "'2024-01-12'")
    FROM: ClassVar[Row] = {"column": "day", "data_type": "date", "from": {"value": "2024-01-10", "inclusive": True}}

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        rows = [f"INSERT INTO items VALUES ({number + 1}, {day})" for number, day in enumerate(self.DAYS)]
        sqlite_run(tmp_path / "a.db", "CREATE TABLE items (id INTEGER PRIMARY KEY, day DATE)", *rows)
        return sqlite_home(tmp_path / "a.db")

    def ids(self, home: Home, *within: Row, **more: Any) -> list[int]:
        return [row["id"] for row in home.read("items", within=list(within), **more)["rows"]]

    def test_ends_are_in_or_out_and_nulls_when_asked(self, home: Home) -> None:
        until = {"value": "2024-01-12", "inclusive": False}
        assert self.ids(home, {**self.FROM, "nulls": False}) == [2, 3, 5]
        assert self.ids(home, {**self.FROM, "nulls": True}) == [2, 3, 4, 5]
        assert self.ids(home, {**self.FROM, "to": until, "nulls": False}) == [2, 3]
        assert self.ids(home, {**self.FROM, "nulls": False}, limit=2) == [2, 3]

    def test_a_column_that_is_only_looked_at(self, home: Home) -> None:
        rows = home.read("items", schema=[column("id", "int64")], within=[{**self.FROM, "nulls": False}])["rows"]
        assert rows == [{"id": 2}, {"id": 3}, {"id": 5}]

    def test_parts_are_ranges_of_row_numbers(self, home: Home) -> None:
        cut = {"value": "3", "inclusive": False}
        first = {"column": "id", "data_type": "int64", "to": cut, "nulls": True}
        rest = {"column": "id", "data_type": "int64", "from": {**cut, "inclusive": True}, "nulls": False}
        assert self.ids(home, part={"keys": first}) + self.ids(home, part={"keys": rest}) == [1, 2, 3, 4, 5]

    def test_a_value_of_another_type_is_refused(self, home: Home) -> None:
        wrong = {**self.FROM, "from": {"value": "1 OR 1=1", "inclusive": True}, "nulls": False}
        refused("spec", "read_rows", home.request(source=home.source, dataset="items", within=[wrong]))


class TestSqliteValues:
    """A declared type promises nothing: each value is looked at."""

    @pytest.mark.parametrize(
        ("declared", "stored", "kind", "value"),
        [
            ("INTEGER", "5", "int64", 5),
            ("INT", "'12'", "int64", 12),
            ("BIGINT", "9223372036854775807", "int64", 9223372036854775807),
            ("DECIMAL(10,2)", "0.99", "decimal(10,2)", "0.99"),
            ("DECIMAL(10,2)", "0.1 + 0.2", "decimal(10,2)", "0.30"),
            ("NUMERIC(10,2)", "-7", "decimal(10,2)", "-7.00"),
            ("NUMERIC(20,0)", "'12345678901234567890'", "decimal(20,0)", "12345678901234567000"),
            ("DECIMAL_TEXT(20,0)", "'12345678901234567890'", "decimal(20,0)", "12345678901234567890"),
            ("REAL", "1", "float64", 1.0),
            ("DOUBLE", "9e999", "float64", "Infinity"),
            ("VARCHAR(3)", "'longer'", "text", "longer"),
            ("TEXT", "5", "text", "5"),
            ("", "5", "text", "5"),
            ("", "2.5", "text", "2.5"),
            ("BLOB", "x'00ff'", "binary", "\\x00ff"),
            ("BOOLEAN", "1", "boolean", True),
            ("BOOLEAN", "2", "int64", 2),
            ("BOOLEAN", "'false'", "boolean", False),
            ("DATE", "'2024-02-29'", "date", "2024-02-29"),
            ("DATE", "'2024-02-29 00:00:00'", "date", "2024-02-29"),
            ("DATE", "2460369.5", "date", "2024-02-29"),
            ("DATETIME", "'2024-02-29 12:34'", "timestamp", "2024-02-29T12:34:00"),
            ("DATETIME", "'2024-02-29'", "timestamp", "2024-02-29T00:00:00"),
            ("DATETIME", "86400", "timestamp", "1970-01-02T00:00:00"),
            ("DATETIME", "1709208000123", "timestamp", "2024-02-29T12:00:00.123"),
            ("TIMESTAMP", "2460370.25", "timestamp", "2024-02-29T18:00:00"),
            ("TIME", "'12:34:56'", "time", "12:34:56"),
            ("JSON", "'[1]'", "json", [1]),
            ("UUID_TEXT", "x'123e4567e89b12d3a456426614174000'", "uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ],
    )
    def test_a_value(self, tmp_path: Path, declared: str, stored: str, kind: str, value: object) -> None:
        path = tmp_path / "a.db"
        insert = f"INSERT INTO typed VALUES (1, {stored}), (2, NULL)"
        sqlite_run(path, f"CREATE TABLE typed (id INTEGER, value {declared})", insert)
        home = sqlite_home(path)
        assert home.datasets()["typed"]["fields"][1]["type"] == kind
        assert home.rows("typed") == [{"id": 1, "value": value}, {"id": 2, "value": None}]

    @pytest.mark.parametrize(
        ("declared", "stored"),
        [
            ("INTEGER", "'abc'"),
            ("INTEGER", "1.5"),
            ("INT2", "40000"),
            ("DECIMAL(10,2)", "1.005"),
            ("DECIMAL(4,2)", "1000"),
            ("REAL", "'much'"),
            ("DATE", "'31/02/2024'"),
            ("DATE", "'2024-02-30'"),
            ("DATE", "20240229"),
            ("DATETIME", "'yesterday'"),
            ("BOOLEAN", "'maybe'"),
            ("TIME", "12"),
            ("JSON", "'{'"),
            ("TEXT", "x'00ff'"),
            ("TEXT", "CAST(x'ff' AS TEXT)"),
        ],
    )
    def test_a_value_that_is_not_of_its_type_is_rejected(self, tmp_path: Path, declared: str, stored: str) -> None:
        path = tmp_path / "a.db"
        insert = f"INSERT INTO odd VALUES (1, NULL, 'a'), (2, {stored}, 'b'), (3, NULL, 'c')"
        sqlite_run(path, f"CREATE TABLE odd (id INTEGER, value {declared}, note TEXT)", insert)
        answer = sqlite_home(path).read("odd")
        assert [row["id"] for row in answer["rows"]] == [1, 3]
        (rejected,) = answer["rejected"]
        assert (rejected["row"], rejected["column"]) == (2, "value")
        assert rejected["record"]["note"] == "b"
        assert rejected["record"]["value"]
        assert rejected["reason"]


class TestSqliteCatalog:
    def test_kinds_keys_and_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        sqlite_run(
            path,
            "CREATE TABLE Parent (a INT, b INT NOT NULL, PRIMARY KEY (b, a))",
            "CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, x INT, y INT, FOREIGN KEY (y, x) REFERENCES parent,"
            " FOREIGN KEY (x) REFERENCES child (id))",
            "INSERT INTO child (x) VALUES (NULL), (1)",
            "CREATE VIEW seen AS SELECT id, x AS other FROM child",
            "CREATE VIEW broken AS SELECT * FROM gone",
        )
        found = sqlite_home(path).datasets()
        assert list(found) == ["Parent", "child", "seen"]
        assert found["Parent"]["primary_key"] == ["b", "a"]
        assert found["child"]["foreign_keys"] == [
            {"columns": ["y", "x"], "ref_dataset": "Parent", "ref_columns": ["b", "a"]},
            {"columns": ["x"], "ref_dataset": "child", "ref_columns": ["id"]},
        ]
        assert (found["child"]["rows"], found["child"]["rows_exact"]) == (2, True)
        assert found["child"]["fields"][0]["nullable"] is False
        assert (found["seen"]["kind"], found["seen"]["rows"]) == ("view", None)
        assert list(sqlite_home(path, tables=["CHILD"]).datasets()) == ["child"]
        home = sqlite_home(path, tables=["chld"])
        error = refused("missing", "datasets", home.request(source=home.source))
        assert "child" in (error.hint or "")

    def test_chinook_is_found_and_read_whole(self, shared_data: Path) -> None:
        folder = shared_data / "05a-relational-databases" / "chinook"
        truth = {table["table"].replace("_", ""): table for table in json.loads((folder / "truth.json").read_text())}
        home = sqlite_home(folder / "Chinook_Sqlite.sqlite")
        found = home.datasets()
        assert {name.lower() for name in found} == set(truth)
        keys = 0
        for name, item in found.items():
            answer = home.read(name)
            assert answer["rejected"] == []
            assert len(answer["rows"]) == item["rows"] == truth[name.lower()]["rows"]
            assert len(item["primary_key"]) == len(truth[name.lower()]["primary_key"])
            keys += len(item["foreign_keys"])
        assert keys == sum(len(table["foreign_keys"]) for table in truth.values())


class TestSqlitePlaces:
    def test_a_missing_source_is_missing_and_not_created(self, tmp_path: Path) -> None:
        home = sqlite_home(tmp_path / "nowhere.db")
        refused("missing", "datasets", home.request(source=home.source))
        assert not (tmp_path / "nowhere.db").exists()

    def test_a_target_is_created_with_its_folder(self, tmp_path: Path) -> None:
        home = Home({"sqlite": {"path": "a/b/new.db"}}, {"sqlite": {"path": "a/b/new.db"}}, base=str(tmp_path))
        home.load("items", CHARACTERS, [{"id": 1, "name": "a"}])
        assert sqlite_query(tmp_path / "a/b/new.db", "PRAGMA journal_mode") == [("wal",)]

    def test_a_connections_url_names_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "with space.db"
        sqlite_run(path, "CREATE TABLE items (id INTEGER)")
        for url in [f"sqlite://{path.parent}/with%20space.db", f"sqlite:///{path.parent}/with%20space.db?mode=ro"]:
            place = {"sqlite": {"connection": "db"}}
            assert list(Home(place, place, connections={"db": url}).datasets()) == ["items"]

    def test_a_file_outside_the_roots_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        sqlite_run(tmp_path / "out.db", "CREATE TABLE items (id INTEGER)")
        (tmp_path / "in" / "link.db").symlink_to(tmp_path / "out.db")
        for path in ["../out.db", str(tmp_path / "out.db"), "link.db"]:
            place = {"sqlite": {"path": path}}
            request = {"source": place, "base": str(tmp_path / "in"), "roots": [str(tmp_path / "in")]}
            refused("spec", "datasets", request)

    def test_a_file_that_is_no_database_is_data(self, tmp_path: Path) -> None:
        (tmp_path / "a.db").write_text("this is not a database, but long enough to look like a header of one, perhaps")
        home = sqlite_home(tmp_path / "a.db")
        refused("data", "datasets", home.request(source=home.source))


class TestSqliteLoads:
    @pytest.mark.parametrize("mode", ["replace", "append"])
    def test_indexes_views_and_defaults_stay(self, tmp_path: Path, mode: str) -> None:
        path = tmp_path / "a.db"
        sqlite_run(
            path,
            "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, kept TEXT DEFAULT 'x')",
            "CREATE INDEX by_name ON items (name)",
            "CREATE VIEW named AS SELECT name FROM items",
            "INSERT INTO items VALUES (5, 'old', 'y')",
        )
        sqlite_home(path).load("items", CHARACTERS, [{"id": 2, "name": "new"}], mode=mode)
        expected = [("new",)] if mode == "replace" else [("new",), ("old",)]
        assert sqlite_query(path, "SELECT name FROM named ORDER BY 1") == expected
        assert len(sqlite_query(path, "SELECT 1 FROM sqlite_master WHERE name = 'by_name'")) == 1

    def test_columns_named_like_the_row_number(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        fields = [column("rowid", "int64"), column("_rowid_", "text")]
        home = sqlite_home(path)
        home.load("items", fields, [{"rowid": 7, "_rowid_": "a"}], mode="append", load_id="one")
        home.load("items", fields, [{"rowid": 1, "_rowid_": "b"}], mode="append", load_id="two")
        assert home.rows("items") == ordered([{"rowid": 7, "_rowid_": "a"}, {"rowid": 1, "_rowid_": "b"}])

    def test_without_rowid_can_be_replaced_but_not_appended(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        sqlite_run(path, "CREATE TABLE items (id INTEGER, name TEXT PRIMARY KEY) WITHOUT ROWID")
        home = sqlite_home(path)
        home.load("items", CHARACTERS, [{"id": 1, "name": "a"}], load_id="one")
        load_refused("unsupported", home, CHARACTERS, [{"id": 2, "name": "b"}], mode="append")
        assert home.rows("items") == [{"id": 1, "name": "a"}]

    @pytest.mark.parametrize(
        ("declared", "ours", "fits"),
        [
            ("INTEGER", "int32", True),
            ("INT4", "int64", False),
            ("DECIMAL(10,2)", "decimal(10,2)", True),
            ("DECIMAL(20,2)", "decimal(20,2)", False),
            ("DECIMAL_TEXT(20,2)", "decimal(20,2)", True),
            ("TEXT", "uuid", True),
            ("TEXT", "int64", False),
            ("DOUBLE", "float32", True),
        ],
    )
    def test_a_column_must_hold_every_value(self, tmp_path: Path, declared: str, ours: str, *, fits: bool) -> None:
        path = tmp_path / "a.db"
        sqlite_run(path, f"CREATE TABLE items (value {declared})")
        home = sqlite_home(path)
        if fits:
            assert home.load("items", [column("value", ours)], [{"value": None}])["rows"] == 1
        else:
            assert "value" in str(load_refused("conflict", home, [column("value", ours)], []))

    @pytest.mark.parametrize("mode", ["replace", "append"])
    def test_a_broken_constraint_is_data_and_changes_nothing(self, tmp_path: Path, mode: str) -> None:
        path = tmp_path / "a.db"
        check = "CREATE TABLE items (id INTEGER, name TEXT CONSTRAINT short CHECK (length(name) < 5))"
        sqlite_run(path, check, "INSERT INTO items VALUES (1, 'old')")
        rows = [{"id": 2, "name": "confidential"}]
        error = load_refused("data", sqlite_home(path), CHARACTERS, rows, mode=mode, refused="fail")
        assert "short" in str(error)
        assert "confidential" not in f"{error} {error.hint}"
        assert sqlite_query(path, "SELECT * FROM items") == [(1, "old")]

    def test_a_trigger_that_changes_rows_is_found_out(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        sqlite_run(
            path,
            "CREATE TABLE items (id INTEGER, name TEXT)",
            "CREATE TRIGGER shout AFTER INSERT ON items BEGIN"
            " UPDATE items SET name = upper(name) WHERE rowid = new.rowid; END",
        )
        load_refused("data", sqlite_home(path), CHARACTERS, [{"id": 1, "name": "quiet"}], mode="append")
        assert sqlite_query(path, "SELECT count(*) FROM items") == [(0,)]

    def test_not_a_number_is_refused(self, tmp_path: Path) -> None:
        home = sqlite_home(tmp_path / "a.db")
        error = load_refused("data", home, [column("x", "float64")], [{"x": 1.0}, {"x": "NaN"}], refused="fail")
        assert "row 2" in str(error)

    def test_concurrent_loads_with_one_id_load_once(self, tmp_path: Path) -> None:
        home = sqlite_home(tmp_path / "a.db")
        home.load("other", CHARACTERS, [])
        rows = [{"id": number, "name": f"n{number}"} for number in range(2_000)]
        barrier = threading.Barrier(4)

        def load() -> dict[str, Any]:
            barrier.wait()
            return home.load("items", CHARACTERS, rows, mode="append", load_id="same")

        with ThreadPoolExecutor(4) as pool:
            answers = [future.result() for future in [pool.submit(load) for _ in range(4)]]
        assert sorted(answer["already"] for answer in answers) == [False, True, True, True]
        assert len(home.rows("items")) == len(rows)

    def test_sqlites_own_dates_work_on_what_was_loaded(self, tmp_path: Path) -> None:
        fields = [column("at", "timestamp"), column("zoned", "timestamptz"), column("money", "decimal(20,2)")]
        row = {"at": "2024-02-29T12:34:56.5", "zoned": "2024-02-29T12:34:56Z", "money": "123456789012345678.90"}
        sqlite_home(tmp_path / "a.db").load("items", fields, [row])
        sql = "SELECT strftime('%s', at), strftime('%s', zoned), typeof(money), money FROM items"
        expected = [("1709210096", "1709210096", "text", "123456789012345678.90")]
        assert sqlite_query(tmp_path / "a.db", sql) == expected


class TestSqliteParts:
    @pytest.mark.parametrize("key", ["id INTEGER PRIMARY KEY", "id INTEGER", "id INTEGER, rowid TEXT"])
    def test_every_row_once_although_rows_come_and_go(self, tmp_path: Path, key: str) -> None:
        path = tmp_path / "lake.db"
        home = sqlite_home(path)
        with contextlib.closing(sqlite3.connect(path)) as file:
            file.execute(f"CREATE TABLE big ({key})")
            fill = "INSERT INTO big (id) VALUES (?)"
            file.executemany(fill, [(number,) for number in range(1000, 2001)])
            file.commit()
            parts = call("split_rows", home.request(source=home.source, dataset="big", parts=4))["parts"]
            assert [next(iter(part)) for part in parts] == ["keys"] * 4
            file.executemany(fill, [(number,) for number in [*range(1, 1000), *range(2001, 3001)]])
            file.commit()
        ids = [row["id"] for part in parts for row in home.read("big", part=part)["rows"]]
        assert sorted(ids) == list(range(1, 3_001))

    def test_what_cannot_be_split(self, tmp_path: Path) -> None:
        path = tmp_path / "lake.db"
        sqlite_run(path, "CREATE TABLE big (id TEXT PRIMARY KEY) WITHOUT ROWID")
        sqlite_run(path, "INSERT INTO big VALUES ('a'), ('b')")
        sqlite_run(path, "CREATE TABLE empty (id INTEGER PRIMARY KEY)")
        home = sqlite_home(path)
        for dataset in ("big", "empty"):
            assert call("split_rows", home.request(source=home.source, dataset=dataset, parts=4))["parts"] == []


# ------------------------------------------------------------------------------------- another library in the process


def test_a_call_has_closed_the_file_when_it_returns(tmp_path: Path) -> None:
    home = sqlite_home(tmp_path / "lake.db")
    home.load("items", CHARACTERS, [{"id": 1, "name": "a"}], load_id="one")
    for act in (lambda: home.rows("items"), home.datasets):
        act()
        links = [Path(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")]
        assert [link.readlink() for link in links if link.is_symlink() and "lake.db" in str(link.readlink())] == []


def test_a_root_that_is_not_there_yet_is_one(tmp_path: Path) -> None:
    """The first file below the home of relative targets was "outside the folders that may be used"."""
    roots = {"base": str(tmp_path), "roots": [str(tmp_path / "home"), str(tmp_path / "home")]}
    home = Home(target={"sqlite": {"path": "home/lake.db"}}, source={}, **roots)
    home.load("items", CHARACTERS, [{"id": 1, "name": "a"}], load_id="one")
    assert sqlite_query(tmp_path / "home/lake.db", "SELECT count(*) FROM items") == [(1,)]
    out = Home(target={"sqlite": {"path": "elsewhere/lake.db"}}, source={}, **roots)
    error = load_refused("spec", out, CHARACTERS, [])
    assert (error.hint or "").count(str(tmp_path / "home")) == 1
