"""PostgreSQL and SQLite: the conformance suite and what only databases have."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from conformance import Conformance, Home, Row, call, column, ordered

from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from services.postgres import Server

CHARACTERS = [column("id", "int64"), column("name", "text")]


@pytest.fixture
def database(postgres: Server) -> str:
    """A new, empty database of the throwaway server."""
    return postgres.database()


def postgres_home(postgres: Server, database: str, *, user: str = "postgres", query: str = "", **place: Any) -> Home:
    url = postgres.url(database, user, query=query)
    return Home(
        target={"postgres": {"connection": "db", **place}},
        source={"postgres": {"connection": "db", **place}},
        connections={"db": url},
    )


class TestPostgresConforms(Conformance):
    @pytest.fixture
    def home(self, postgres: Server, database: str) -> Home:
        return postgres_home(postgres, database)

    def test_replace_may_change_the_columns(self, home: Home) -> None:
        """Columns that the load does not bring stay: the table may be more than ours."""
        home.load("items", [column("id", "int64")], [{"id": 1}], load_id="one")
        home.load("items", [column("name", "text")], [{"name": "a"}], load_id="two")
        assert home.rows("items") == [{"id": None, "name": "a"}]


class TestPostgresSchemaConforms(TestPostgresConforms):
    """The same in a schema that does not exist before."""

    @pytest.fixture
    def home(self, postgres: Server, database: str) -> Home:
        return postgres_home(postgres, database, schema='a "lake".house')

    @pytest.fixture(autouse=True)
    def made(self, home: Home) -> None:
        home.load("first", CHARACTERS, [])
        url = home.connections["db"]
        with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute('DROP TABLE "a ""lake"".house".first')
            cursor.execute('DELETE FROM "a ""lake"".house".windvane_loads')


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


def refused(kind: str, verb: str, request: dict[str, Any]) -> WindvaneError:
    """The error of a call that must fail with this kind; every one has a hint."""
    with pytest.raises(WindvaneError) as caught:
        call(verb, request)
    assert caught.value.kind == kind, str(caught.value)
    assert caught.value.hint
    return caught.value


def load_refused(kind: str, home: Home, fields: list[Row], rows: list[Row], **more: Any) -> WindvaneError:
    asked = {"dataset": "items", "mode": "replace", "load_id": "refused", **more}
    return refused(kind, "load_rows", home.request(target=home.target, schema=fields, rows=rows, **asked))


# ------------------------------------------------------------------------------------------------ PostgreSQL, reading


class TestPostgresTypes:
    """Every type of the server, as the catalog names it and as its values come."""

    @pytest.mark.parametrize(
        ("declared", "literal", "kind", "value"),
        [
            ("boolean", "true", "boolean", True),
            ("smallint", "-32768", "int16", -32768),
            ("integer", "2147483647", "int32", 2147483647),
            ("bigint", "-9223372036854775808", "int64", -9223372036854775808),
            ("real", "1.25", "float32", 1.25),
            ("double precision", "1e-300", "float64", 1e-300),
            ("double precision", "NaN", "float64", "NaN"),
            ("double precision", "-Infinity", "float64", "-Infinity"),
            ("numeric(10,2)", "-12345678.90", "decimal(10,2)", "-12345678.90"),
            ("numeric(5,0)", "10000", "decimal(5,0)", "10000"),
            ("numeric(38,38)", "0.00000000000000000000000000000000000001", "decimal(38,38)", "0." + "0" * 37 + "1"),
            ("numeric(38,0)", "9" * 38, "decimal(38,0)", "9" * 38),
            ("numeric", "123.4500", "decimal(38,4)", "123.4500"),
            ("numeric", "1" + "0" * 30, "decimal(38,0)", "1" + "0" * 30),
            ("numeric", "1" + "0" * 40, "text", "1" + "0" * 40),
            ("numeric(60,5)", "1.5", "decimal(38,5)", "1.50000"),
            ("text", "Zoë 表 🦀", "text", "Zoë 表 🦀"),
            ("varchar(20)", " padded ", "text", " padded "),
            ("char(4)", "ab", "text", "ab  "),
            ("name", "a_name", "text", "a_name"),
            ('"char"', "x", "text", "x"),
            ("bytea", "\\x00ff", "binary", "\\x00ff"),
            ("date", "0001-01-01", "date", "0001-01-01"),
            ("date", "9999-12-31", "date", "9999-12-31"),
            ("time", "23:59:59.999999", "time", "23:59:59.999999"),
            ("time(0)", "12:00", "time", "12:00:00"),
            ("timestamp", "1969-12-31 23:59:59.999999", "timestamp", "1969-12-31T23:59:59.999999"),
            ("timestamp(3)", "2024-02-29 12:00:00.5", "timestamp", "2024-02-29T12:00:00.500"),
            ("timestamptz", "2024-07-01 12:00:00+02", "timestamptz", "2024-07-01T10:00:00Z"),
            ("json", '{"b":  1, "a": [null]}', "json", {"b": 1, "a": [None]}),
            ("jsonb", '"text"', "json", "text"),
            ("uuid", "123E4567-E89B-12D3-A456-426614174000", "uuid", "123e4567-e89b-12d3-a456-426614174000"),
            ("integer[]", "{1,NULL,3}", "text", "{1,NULL,3}"),
            ("numeric(10,2)[]", "{1.10}", "text", "{1.10}"),
            ("mood", "happy", "text", "happy"),
            ("positive", "7", "text", "7"),
            ("place", "(1,two)", "text", "(1,two)"),
            ("interval", "1 day 2 hours", "text", "1 day 02:00:00"),
            ("int4range", "[1,5)", "text", "[1,5)"),
            ("inet", "10.0.0.1/8", "text", "10.0.0.1/8"),
            ("cidr", "10.0.0.0/8", "text", "10.0.0.0/8"),
            ("macaddr", "08:00:2b:01:02:03", "text", "08:00:2b:01:02:03"),
            ("tsvector", "'a' 'b'", "text", "'a' 'b'"),
            ("bit(3)", "101", "text", "101"),
            ("varbit", "10", "text", "10"),
            ("money", "1234.5", "text", "$1,234.50"),
            ("timetz", "12:00:00+02", "text", "12:00:00+02"),
            ("xml", "<a/>", "text", "<a/>"),
            ("oid", "4294967295", "text", "4294967295"),
            ("point", "(1,2)", "text", "(1,2)"),
            ("hstore", '"a"=>"1"', "text", '"a"=>"1"'),
        ],
    )
    def test_a_type(self, postgres: Server, types: str, declared: str, literal: str, kind: str, value: object) -> None:
        if declared == "hstore" and not postgres.query("SELECT FROM pg_type WHERE typname = 'hstore'", database=types):
            pytest.skip("the server has no hstore extension")
        postgres.execute("DROP TABLE IF EXISTS typed", database=types)
        postgres.execute(f"CREATE TABLE typed (id int, value {declared})", database=types)
        postgres.execute(f"INSERT INTO typed VALUES (1, %s::{declared}), (2, NULL)", literal, database=types)  # noqa: S608
        home = postgres_home(postgres, types)
        field = home.datasets()["typed"]["fields"][1]
        assert field["type"] == kind
        assert home.rows("typed") == [{"id": 1, "value": value}, {"id": 2, "value": None}]

    @pytest.fixture(scope="class")
    @staticmethod
    def types(postgres: Server) -> str:
        database = postgres.database()
        for sql in [
            "CREATE TYPE mood AS ENUM ('sad', 'happy')",
            "CREATE DOMAIN positive AS int CHECK (value > 0)",
            "CREATE TYPE place AS (x int, name text)",
        ]:
            postgres.execute(sql, database=database)
        with contextlib.suppress(psycopg2.Error):
            postgres.execute("CREATE EXTENSION hstore", database=database)
        return database

    @pytest.mark.parametrize(
        ("declared", "literal"),
        [
            ("numeric(10,2)", "NaN"),
            ("numeric", "NaN"),
            ("date", "infinity"),
            ("date", "-infinity"),
            ("date", "0044-03-15 BC"),
            ("date", "10000-01-01"),
            ("timestamp", "infinity"),
            ("timestamp", "0001-12-31 23:59:59 BC"),
            ("timestamp", "294276-12-31 23:59:59"),
            ("timestamptz", "-infinity"),
            ("time", "24:00:00"),
        ],
    )
    def test_a_value_we_have_no_word_for_is_rejected(
        self, postgres: Server, types: str, declared: str, literal: str
    ) -> None:
        postgres.execute("DROP TABLE IF EXISTS odd", database=types)
        postgres.execute(f"CREATE TABLE odd (id int, value {declared}, note text)", database=types)
        insert = f"INSERT INTO odd VALUES (1, NULL, 'a'), (2, %s::{declared}, 'b'), (3, NULL, 'c')"  # noqa: S608
        postgres.execute(insert, literal, database=types)
        home = postgres_home(postgres, types)
        assert home.datasets()["odd"]["fields"][1]["type"] != "text"
        answer = home.read("odd")
        assert [row["id"] for row in answer["rows"]] == [1, 3]
        assert answer["numbers"] == [1, 3]
        (rejected,) = answer["rejected"]
        assert (rejected["row"], rejected["column"]) == (2, "value")
        assert rejected["record"]["id"] == "2"
        assert rejected["record"]["note"] == "b"
        assert rejected["record"]["value"]
        assert rejected["record"]["value"] in rejected["reason"]

    def test_numerics_of_every_size_are_exact(self, postgres: Server, database: str) -> None:
        values = [Decimal(f"{sign}{digits}E-10") for digits in DIGITS for sign in ("", "-")]
        postgres.execute("CREATE TABLE numbers (id serial, value numeric(38,10))", database=database)
        for value in values:
            postgres.execute("INSERT INTO numbers (value) VALUES (%s)", value, database=database)
        rows = postgres_home(postgres, database).read("numbers")["rows"]
        assert [Decimal(row["value"]) for row in rows] == values

    def test_loaded_decimals_of_every_scale_are_exact(self, postgres: Server, database: str) -> None:
        home = postgres_home(postgres, database)
        for scale in range(39):
            fields = [column("value", f"decimal(38,{scale})")]
            values = [Decimal(f"{sign}{digits}E-{scale}") for digits in DIGITS for sign in ("", "-")]
            rows = [{"value": format(value, "f")} for value in values]
            home.load("numbers", fields, rows, load_id=f"scale{scale}")
            seen = postgres.query("SELECT value FROM numbers", database=database)
            assert sorted(value for (value,) in seen) == sorted(values)
            postgres.execute("DROP TABLE numbers", database=database)

    def test_a_wanted_type_other_than_the_columns(self, postgres: Server, database: str) -> None:
        postgres.execute("CREATE TABLE raw (id bigint, amount text, day text)", database=database)
        rows = "(1, '10.50', '2024-01-31'), (2, 'many', '2024-01-31'), (99999999999, '1', '2024-01-31')"
        postgres.execute(f"INSERT INTO raw VALUES {rows}, (4, '1', '31/02/2024')", database=database)  # noqa: S608
        wanted = [column("id", "int32"), column("amount", "decimal(10,2)"), column("day", "date")]
        answer = postgres_home(postgres, database).read("raw", schema=wanted)
        assert answer["rows"] == [{"id": 1, "amount": "10.50", "day": "2024-01-31"}]
        assert [(item["row"], item["column"]) for item in answer["rejected"]] == [(2, "amount"), (3, "id"), (4, "day")]


DIGITS = [0, 1, 9, 10, 99, 9_999, 10_000, 10_001, 99_999_999, 10**20, 12_345_678_901_234_567_890, 10**37, 10**38 - 1]


class TestPostgresCatalog:
    def test_kinds_keys_comments_and_estimates(self, postgres: Server, database: str) -> None:
        for sql in [
            "CREATE TABLE parent (a int, b int, PRIMARY KEY (b, a))",
            "CREATE TABLE child (id int PRIMARY KEY, x int NOT NULL, y int,"
            " FOREIGN KEY (y, x) REFERENCES parent (b, a))",
            "COMMENT ON COLUMN child.x IS 'the first part'",
            "CREATE VIEW seen AS SELECT id, x * 1.5 AS more FROM child",
            "CREATE MATERIALIZED VIEW kept AS SELECT id FROM child",
            "CREATE TABLE parted (id int, day date) PARTITION BY RANGE (day)",
            "CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
            "CREATE SCHEMA other",
            "CREATE TABLE other.far (id int PRIMARY KEY, parent_a int, parent_b int,"
            " FOREIGN KEY (parent_b, parent_a) REFERENCES public.parent (b, a))",
            "INSERT INTO parted SELECT n, '2024-05-05' FROM generate_series(1, 100) n",
            "ANALYZE parted",
            "ANALYZE part1",
        ]:
            postgres.execute(sql, database=database)
        found = postgres_home(postgres, database).datasets()
        assert list(found) == ["child", "kept", "parent", "parted", "seen"]
        kinds = {name: item["kind"] for name, item in found.items()}
        assert kinds == {"child": "table", "kept": "table", "parent": "table", "parted": "table", "seen": "view"}
        assert found["parent"]["primary_key"] == ["b", "a"]
        key = {"columns": ["y", "x"], "ref_dataset": "parent", "ref_columns": ["b", "a"]}
        assert found["child"]["foreign_keys"] == [key]
        x = found["child"]["fields"][1]
        expected = {
            "name": "x",
            "type": "int32",
            "native_type": "integer",
            "nullable": False,
            "comment": "the first part",
        }
        assert x == expected
        assert (found["parted"]["rows"], found["parted"]["rows_exact"]) == (100, False)
        assert found["child"]["rows"] is None
        assert found["parted"]["bytes"] > 0
        assert found["child"]["locator"] == "public.child"

        listed = postgres_home(postgres, database, tables=["other.far", "parent"]).datasets()
        assert list(listed) == ["other.far", "parent"]
        assert listed["other.far"]["foreign_keys"][0]["ref_dataset"] == "parent"
        outside = postgres_home(postgres, database, schema="other").datasets()
        assert outside["far"]["foreign_keys"][0]["ref_dataset"] == "public.parent"

    def test_a_missing_table_names_the_nearest(self, postgres: Server, database: str) -> None:
        postgres.execute("CREATE TABLE customers (id int)", database=database)
        home = postgres_home(postgres, database, tables=["custmers"])
        error = refused("missing", "datasets", home.request(source=home.source))
        assert "customers" in (error.hint or "")

    def test_a_missing_schema_is_missing(self, postgres: Server, database: str) -> None:
        home = postgres_home(postgres, database, schema="publik")
        error = refused("missing", "datasets", home.request(source=home.source))
        assert "public" in (error.hint or "")

    def test_a_column_that_is_gone_is_null_and_sql_in_names_is_only_a_name(
        self, postgres: Server, database: str
    ) -> None:
        hostile = 'x" FROM pg_user; DROP TABLE y; --'
        postgres.execute("CREATE TABLE y (id int)", database=database)
        home = postgres_home(postgres, database)
        answer = call(
            "read_rows",
            home.request(source=home.source, locator="public.y", kind="table", schema=[column(hostile, "text")]),
        )
        assert answer["rows"] == []
        assert "y" in home.datasets()


class TestPostgresConnection:
    def test_a_wrong_password_is_auth_and_is_not_told(self, postgres: Server, database: str) -> None:
        postgres.execute("DROP ROLE IF EXISTS reader")
        postgres.execute("CREATE ROLE reader LOGIN PASSWORD 'right'")
        home = Home(
            target={"postgres": {"connection": "db"}},
            source={"postgres": {"connection": "db"}},
            connections={"db": postgres.url(database, "reader", "wr0ng-s3cret")},
        )
        error = refused("auth", "test_connection", home.request(source=home.source))
        assert "wr0ng-s3cret" not in f"{error} {error.hint} {error!r} {error.__dict__}"

    def test_nothing_listening_is_unavailable(self) -> None:
        from services.process import free_port  # noqa: PLC0415

        url = f"postgresql://u:s3cret@127.0.0.1:{free_port()}/db"
        request = {"source": {"postgres": {"connection": "db"}}, "connections": {"db": url}}
        error = refused("unavailable", "test_connection", request)
        assert error.retryable
        assert "s3cret" not in f"{error} {error.hint}"

    def test_a_missing_database_is_missing(self, postgres: Server) -> None:
        home = postgres_home(postgres, "nowhere")
        refused("missing", "test_connection", home.request(source=home.source))

    def test_a_missing_connection_is_missing(self) -> None:
        refused("missing", "test_connection", {"source": {"postgres": {"connection": "shop"}}})

    @pytest.mark.parametrize("url", ["mysql://u:s3cret@h/db", "no url s3cret", "postgresql://u:s3cret@h:port/db"])
    def test_a_url_that_is_none_is_refused_without_telling_it(self, url: str) -> None:
        request = {"source": {"postgres": {"connection": "db"}}, "connections": {"db": url}}
        error = refused("spec", "test_connection", request)
        assert "s3cret" not in f"{error} {error.hint}"

    @pytest.mark.parametrize(
        "query",
        [
            "?sslmode=prefer&keepalives=1&gssencmode=disable",
            "?__extra__=%7B%22sslmode%22%3A+%22disable%22%2C+%22cursor%22%3A+%22dictcursor%22%7D",
        ],
    )
    def test_airflows_extras_do_no_harm(self, postgres: Server, database: str, query: str) -> None:
        home = postgres_home(postgres, database, query=query)
        assert call("test_connection", home.request(source=home.source)) == {"ok": True}

    def test_airflows_sslmode_is_honoured(self, postgres: Server, database: str) -> None:
        home = postgres_home(postgres, database, query="?sslmode=require")
        refused("unavailable", "test_connection", home.request(source=home.source))

    def test_no_rights_on_a_table_is_auth(self, postgres: Server, database: str) -> None:
        postgres.execute("CREATE TABLE secret_table (id int, free numeric)", database=database)
        postgres.execute("DROP ROLE IF EXISTS nobody_much")
        postgres.execute("CREATE ROLE nobody_much LOGIN PASSWORD 'p'")
        home = Home(
            target={"postgres": {"connection": "db"}},
            source={"postgres": {"connection": "db"}},
            connections={"db": postgres.url(database, "nobody_much", "p")},
        )
        error = refused("auth", "read_rows", home.request(source=home.source, dataset="secret_table"))
        assert "secret_table" in str(error)


# ------------------------------------------------------------------------------------------------ PostgreSQL, loading


class TestPostgresLoads:
    @pytest.fixture
    def home(self, postgres: Server, database: str) -> Home:
        return postgres_home(postgres, database)

    @pytest.mark.parametrize("mode", ["replace", "append"])
    def test_grants_indexes_views_and_defaults_stay(
        self, postgres: Server, database: str, home: Home, mode: str
    ) -> None:
        postgres.execute("DROP ROLE IF EXISTS analyst")
        postgres.execute("CREATE ROLE analyst")
        for sql in [
            "CREATE TABLE items (id bigint PRIMARY KEY, name varchar(20), loaded timestamptz NOT NULL DEFAULT now())",
            "CREATE INDEX by_name ON items (name)",
            "CREATE VIEW named AS SELECT name FROM items",
            "GRANT SELECT ON items TO analyst",
            "INSERT INTO items VALUES (1, 'old')",
        ]:
            postgres.execute(sql, database=database)
        home.load("items", CHARACTERS, [{"id": 2, "name": "new"}], mode=mode)
        expected = [("new",)] if mode == "replace" else [("new",), ("old",)]
        assert sorted(postgres.query("SELECT name FROM named", database=database)) == expected
        assert postgres.query("SELECT has_table_privilege('analyst', 'items', 'SELECT')", database=database) == [
            (True,)
        ]
        indexes = postgres.query("SELECT count(*) FROM pg_indexes WHERE tablename = 'items'", database=database)
        assert indexes == [(2,)]
        postgres.execute("DROP OWNED BY analyst", database=database)
        postgres.execute("DROP ROLE analyst")

    def test_new_columns_are_added(self, home: Home) -> None:
        home.load("items", [column("id", "int64")], [{"id": 1}], load_id="one")
        home.load("items", CHARACTERS, [{"id": 2, "name": "b"}], load_id="two", mode="append")
        assert home.rows("items") == [{"id": 1, "name": None}, {"id": 2, "name": "b"}]

    @pytest.mark.parametrize(
        ("declared", "ours"),
        [
            ("integer", "int64"),
            ("text", "int64"),
            ("numeric(10,2)", "decimal(12,2)"),
            ("numeric(10,2)", "decimal(10,3)"),
            ("timestamptz", "timestamp"),
            ("integer[]", "text"),
            ("double precision", "decimal(10,2)"),
            ("bigint GENERATED ALWAYS AS (1) STORED", "int64"),
        ],
    )
    def test_a_column_that_would_not_hold_every_value_is_a_conflict(
        self, postgres: Server, database: str, home: Home, declared: str, ours: str
    ) -> None:
        postgres.execute(f"CREATE TABLE items (other int, value {declared})", database=database)
        postgres.execute("INSERT INTO items (other) VALUES (1)", database=database)
        error = load_refused("conflict", home, [column("value", ours)], [])
        assert "value" in str(error)
        assert postgres.query("SELECT count(*) FROM items", database=database) == [(1,)]

    @pytest.mark.parametrize(
        ("declared", "ours", "value"),
        [
            ("bigint", "int16", -5),
            ("integer", "int16", 5),
            ("numeric", "int64", 2**62),
            ("numeric(30,0)", "int32", 70_000),
            ("numeric(20,6)", "decimal(10,2)", "1.10"),
            ("double precision", "float32", 0.5),
            ("varchar(36)", "uuid", "123e4567-e89b-12d3-a456-426614174000"),
            ("text", "json", {"a": [1]}),
            ("json", "json", {"a": [1]}),
        ],
    )
    def test_a_wider_column_takes_ours(
        self, postgres: Server, database: str, home: Home, declared: str, ours: str, value: object
    ) -> None:
        postgres.execute(f"CREATE TABLE items (value {declared})", database=database)
        assert home.load("items", [column("value", ours)], [{"value": value}, {"value": None}])["rows"] == 2

    @pytest.mark.parametrize("mode", ["replace", "append"])
    def test_a_broken_constraint_is_data_and_changes_nothing(
        self, postgres: Server, database: str, home: Home, mode: str
    ) -> None:
        postgres.execute(
            "CREATE TABLE items (id bigint, name text CONSTRAINT short CHECK (length(name) < 5))", database=database
        )
        postgres.execute("INSERT INTO items VALUES (1, 'old')", database=database)
        rows = [{"id": 2, "name": "fine"}, {"id": 3, "name": "confidential"}]
        error = load_refused("data", home, CHARACTERS, rows, mode=mode)
        assert "short" in str(error)
        assert "items" in str(error)
        assert "row 2" in str(error)
        assert "confidential" not in f"{error} {error.hint}"
        assert postgres.query("SELECT * FROM items", database=database) == [(1, "old")]

    def test_a_deferred_constraint_is_data_too(self, postgres: Server, database: str, home: Home) -> None:
        postgres.execute(
            "CREATE TABLE items (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED, name text)", database=database
        )
        error = load_refused("data", home, CHARACTERS, [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}])
        assert "items_id_key" in str(error)
        assert postgres.query("SELECT count(*) FROM items", database=database) == [(0,)]

    def test_a_trigger_that_changes_rows_is_found_out(self, postgres: Server, database: str, home: Home) -> None:
        for sql in [
            "CREATE TABLE items (id bigint, name text)",
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN new.name := upper(new.name); RETURN new; END $$",
            "CREATE TRIGGER shout BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION shout()",
        ]:
            postgres.execute(sql, database=database)
        load_refused("data", home, CHARACTERS, [{"id": 1, "name": "quiet"}])
        assert postgres.query("SELECT count(*) FROM items", database=database) == [(0,)]

    def test_a_view_in_the_way_is_a_conflict(self, postgres: Server, database: str, home: Home) -> None:
        postgres.execute("CREATE VIEW items AS SELECT 1 AS id", database=database)
        load_refused("conflict", home, CHARACTERS, [])

    def test_partitioned_tables_take_loads(self, postgres: Server, database: str, home: Home) -> None:
        postgres.execute("CREATE TABLE items (id bigint, name text) PARTITION BY RANGE (id)", database=database)
        postgres.execute("CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (10)", database=database)
        postgres.execute("CREATE TABLE high PARTITION OF items FOR VALUES FROM (10) TO (20)", database=database)
        home.load("items", CHARACTERS, [{"id": 1, "name": "a"}, {"id": 11, "name": "b"}], load_id="one")
        home.load("items", CHARACTERS, [{"id": 2, "name": "c"}], mode="append", load_id="two")
        assert postgres.query("SELECT count(*) FROM low", database=database) == [(2,)]
        error = load_refused("data", home, CHARACTERS, [{"id": 99, "name": "z"}], mode="append")
        assert "items" in str(error)

    def test_concurrent_loads_with_one_id_load_once(self, home: Home) -> None:
        rows = [{"id": number, "name": f"n{number}"} for number in range(5_000)]
        barrier = threading.Barrier(4)

        def load() -> dict[str, Any]:
            barrier.wait()
            return home.load("items", CHARACTERS, rows, mode="append", load_id="same")

        with ThreadPoolExecutor(4) as pool:
            answers = [future.result() for future in [pool.submit(load) for _ in range(4)]]
        assert sorted(answer["already"] for answer in answers) == [False, True, True, True]
        assert {answer["checksum"] for answer in answers} == {answers[0]["checksum"]}
        assert len(home.rows("items")) == len(rows)

    def test_concurrent_first_loads_of_other_datasets_all_come_through(self, home: Home) -> None:
        barrier = threading.Barrier(4)

        def load(number: int) -> dict[str, Any]:
            barrier.wait()
            return home.load(f"t{number}", CHARACTERS, [{"id": number, "name": None}], load_id=f"id{number}")

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(load, range(4)))
        assert [answer["rows"] for answer in answers] == [1, 1, 1, 1]
        assert len(home.datasets()) == 4

    def test_readers_see_the_old_rows_while_a_replace_waits(self, postgres: Server, database: str, home: Home) -> None:
        """A replace takes no lock that a reader would wait for, nor does it wait for readers."""
        home.load("items", CHARACTERS, [{"id": 1, "name": "old"}], load_id="one")
        with contextlib.closing(psycopg2.connect(postgres.url(database))) as reader, reader.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT name FROM items")
            home.load("items", CHARACTERS, [{"id": 2, "name": "new"}], load_id="two")
            cursor.execute("SELECT name FROM items")
            assert cursor.fetchall() == [("old",)]
        assert home.rows("items") == [{"id": 2, "name": "new"}]

    def test_the_ledger_says_what_was_loaded(self, postgres: Server, database: str, home: Home) -> None:
        loaded = home.load("items", CHARACTERS, [{"id": 1, "name": "a"}], load_id="abc", mode="append")
        sql = "SELECT load_id, dataset, mode, rows, checksum, loaded_at IS NOT NULL FROM windvane_loads"
        expected = [("abc", "items", "append", 1, loaded["checksum"], True)]
        assert postgres.query(sql, database=database) == expected

    def test_a_schema_is_created(self, postgres: Server, database: str) -> None:
        home = postgres_home(postgres, database, schema="New House")
        home.load("items", CHARACTERS, [{"id": 1, "name": "a"}])
        assert postgres.query('SELECT id FROM "New House".items', database=database) == [(1,)]

    def test_no_right_to_write_is_auth(self, postgres: Server, database: str, home: Home) -> None:
        home.load("items", CHARACTERS, [{"id": 1, "name": "a"}])
        postgres.execute("DROP ROLE IF EXISTS looker")
        postgres.execute("CREATE ROLE looker LOGIN PASSWORD 'p'")
        postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker", database=database)
        reader = Home(home.target, home.source, connections={"db": postgres.url(database, "looker", "p")})
        load_refused("auth", reader, CHARACTERS, [{"id": 2, "name": "b"}])
        postgres.execute("DROP OWNED BY looker", database=database)

    def test_names_that_the_server_would_cut_are_refused(self, home: Home) -> None:
        load_refused("spec", home, [column("c" * 64, "int64")], [])
        load_refused("spec", home, CHARACTERS, [], dataset="t" * 64)
        load_refused("spec", home, CHARACTERS, [], dataset="windvane_loads")

    def test_a_text_with_a_zero_byte_is_data(self, home: Home) -> None:
        load_refused("data", home, CHARACTERS, [{"id": 1, "name": "a\x00b"}])
        assert "items" not in home.datasets()


# ------------------------------------------------------------------------------------------------------- the samples

SAMPLES = {
    "chinook": ("chinook", "Chinook_PostgreSql.sql"),
    "northwind": ("northwind-pg", "northwind_pg.sql"),
    "pagila": ("pagila", "pagila_pg.sql"),
    "world": ("world-pg", "world_pg.sql"),
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_database_is_found_and_read_whole(
    postgres: Server, shared_data: Path, tmp_path: Path, sample: str
) -> None:
    folder, script = SAMPLES[sample]
    source = shared_data / "05a-relational-databases" / folder
    database = postgres.database()
    lines = (source / script).read_bytes().splitlines(keepends=True)
    # A script that makes its own database would leave ours.
    kept = [
        line for line in lines if not line.lstrip(b"\xef\xbb\xbf").startswith((b"DROP DAT", b"CREATE DAT", b"\\c "))
    ]
    (tmp_path / script).write_bytes(b"".join(kept))
    postgres.script(tmp_path / script, database)
    truth = json.loads((source / "truth.json").read_text())
    home = postgres_home(postgres, database)
    found = home.datasets()
    tables = {name: item for name, item in found.items() if item["kind"] == "table" and item["primary_key"] is not None}
    for table in truth:
        item = tables[table["table"]]
        assert [field["name"] for field in item["fields"]] == [field["name"] for field in table["columns"]]
        assert [field["nullable"] for field in item["fields"]] == [field["nullable"] for field in table["columns"]]
        assert item["primary_key"] == table["primary_key"]
        keys = [(key["columns"], key["ref_dataset"], key["ref_columns"]) for key in item["foreign_keys"]]
        expected = [(key["columns"], key["ref_table"], key["ref_columns"]) for key in table["foreign_keys"]]
        assert sorted(keys) == sorted(expected), table["table"]
        answer = home.read(table["table"])
        assert answer["rejected"] == []
        assert len(answer["rows"]) == table["rows"], table["table"]


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
            ("NUMERIC(20,0)", "'12345678901234567890'", "decimal(20,0)", "12345678901234600000"),
            ("DECIMAL_TEXT(20,0)", "'12345678901234567890'", "decimal(20,0)", "12345678901234567890"),
            ("REAL", "1", "float64", 1.0),
            ("DOUBLE", "9e999", "float64", "Infinity"),
            ("VARCHAR(3)", "'longer'", "text", "longer"),
            ("TEXT", "5", "text", "5"),
            ("", "5", "text", "5"),
            ("", "2.5", "text", "2.5"),
            ("BLOB", "x'00ff'", "binary", "\\x00ff"),
            ("BOOLEAN", "1", "boolean", True),
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
        insert = f"INSERT INTO typed VALUES (1, {stored}), (2, NULL)"  # noqa: S608
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
            ("BOOLEAN", "2"),
            ("TIME", "12"),
            ("JSON", "'{'"),
            ("TEXT", "x'00ff'"),
            ("TEXT", "CAST(x'ff' AS TEXT)"),
        ],
    )
    def test_a_value_that_is_not_of_its_type_is_rejected(self, tmp_path: Path, declared: str, stored: str) -> None:
        path = tmp_path / "a.db"
        insert = f"INSERT INTO odd VALUES (1, NULL, 'a'), (2, {stored}, 'b'), (3, NULL, 'c')"  # noqa: S608
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
        error = load_refused("data", sqlite_home(path), CHARACTERS, [{"id": 2, "name": "confidential"}], mode=mode)
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
        error = load_refused("data", home, [column("x", "float64")], [{"x": 1.0}, {"x": "NaN"}])
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
