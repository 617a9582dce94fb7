"""PostgreSQL: the conformance suite and what only it has."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from conformance import Conformance, Home, call, column
from sql_homes import CHARACTERS, load_refused, postgres_home, refused

if TYPE_CHECKING:
    from services.postgres import Server


@pytest.fixture
def database(postgres: Server) -> str:
    """A new, empty database of the throwaway server."""
    return postgres.database()


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
            ("numeric", "123.4500", "decimal(24,4)", "123.4500"),
            ("numeric", "1" + "0" * 30, "decimal(31,0)", "1" + "0" * 30),
            ("numeric", "1" + "0" * 40, "text", "1" + "0" * 40),
            ("numeric(60,5)", "1.5", "decimal(25,5)", "1.50000"),
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
            ("integer[]", "{1,NULL,3}", "json", [1, None, 3]),
            ("integer[]", "{{1,2},{3,4}}", "json", [[1, 2], [3, 4]]),
            ("text[]", '{"a b",NULL,""}', "json", ["a b", None, ""]),
            ("bytea[]", r'{"\\x00ff"}', "json", ["\\x00ff"]),
            ("timestamptz[]", "{2024-07-01 12:00:00+02}", "json", ["2024-07-01T10:00:00+00:00"]),
            ("interval[]", "{1 day 02:00:00}", "json", ["P1DT2H"]),
            ("mood[]", "{sad,happy}", "json", ["sad", "happy"]),
            ("mood", "happy", "text", "happy"),
            ("positive", "7", "int32", 7),
            ("price", "7.5", "decimal(10,2)", "7.50"),
            ("numbers", "{7,8}", "json", [7, 8]),
            ("place", "(1,two)", "json", {"x": 1, "name": "two"}),
            ("place[]", '{"(1,two)"}', "json", [{"x": 1, "name": "two"}]),
            ("interval", "1 day 2 hours", "text", "P1DT2H"),
            ("interval", "-1 year 2 mons -3.5 secs", "text", "P-10MT-3.5S"),
            ("int4range", "[1,5)", "text", "[1,5)"),
            ("tstzrange", "[2024-07-01 12:00:00+02,)", "text", '["2024-07-01 10:00:00+00",)'),
            ("inet", "10.0.0.1/8", "text", "10.0.0.1/8"),
            ("cidr", "10.0.0.0/8", "text", "10.0.0.0/8"),
            ("macaddr", "08:00:2b:01:02:03", "text", "08:00:2b:01:02:03"),
            ("macaddr8", "08:00:2b:01:02:03:04:05", "text", "08:00:2b:01:02:03:04:05"),
            ("tsvector", "'a' 'b'", "text", "'a' 'b'"),
            ("bit(3)", "101", "text", "101"),
            ("varbit", "10", "text", "10"),
            ("money", "1234.5", "decimal(19,2)", "1234.50"),
            ("timetz", "12:00:00+02", "text", "12:00:00+02"),
            ("xml", "<a/>", "text", "<a/>"),
            ("oid", "4294967295", "text", "4294967295"),
            ("point", "(1,2)", "text", "(1,2)"),
            ("hstore", '"a"=>"1"', "text", '"a"=>"1"'),
        ],
    )
    def test_a_type(self, postgres: Server, types: str, declared: str, literal: str, kind: str, value: object) -> None:
        postgres.execute("DROP TABLE IF EXISTS typed", database=types)
        postgres.execute(f"CREATE TABLE typed (id int, value {declared})", database=types)
        postgres.execute(f"INSERT INTO typed VALUES (1, %s::{declared}), (2, NULL)", literal, database=types)
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
            "CREATE DOMAIN amount AS numeric(10,2)",
            "CREATE DOMAIN price AS amount CHECK (value > 0)",
            "CREATE DOMAIN numbers AS int[]",
        ]:
            postgres.execute(sql, database=database)
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
        insert = f"INSERT INTO odd VALUES (1, NULL, 'a'), (2, %s::{declared}, 'b'), (3, NULL, 'c')"
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
        postgres.execute(f"INSERT INTO raw VALUES {rows}, (4, '1', '31/02/2024')", database=database)
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
        key = {"columns": ["y", "x"], "ref_dataset": "parent", "ref_columns": ["b", "a"], "name": "child_y_x_fkey"}
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
        from services.process import free_port

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

    @pytest.mark.parametrize("binding", ["prefer", "disable"])
    def test_a_channel_may_be_bound_or_not(self, postgres: Server, database: str, binding: str) -> None:
        home = postgres_home(postgres, database, query=f"?channel_binding={binding}")
        assert call("test_connection", home.request(source=home.source)) == {"ok": True}

    def test_a_channel_that_must_be_bound_is_refused(self, postgres: Server, database: str) -> None:
        # The driver's sessions do not bind: going on without would be what the connection forbids.
        home = postgres_home(postgres, database, query="?channel_binding=require")
        error = refused("unsupported", "test_connection", home.request(source=home.source))
        assert "channel_binding" in str(error)
        assert "verify-full" in error.hint

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
            ("numeric", "text"),
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
        error = load_refused("data", home, CHARACTERS, rows, mode=mode, refused="fail")
        assert "short" in str(error)
        assert "items" in str(error)
        assert "row 2" in str(error)
        assert "confidential" not in f"{error} {error.hint}"
        assert postgres.query("SELECT * FROM items", database=database) == [(1, "old")]

    def test_a_deferred_constraint_is_data_too(self, postgres: Server, database: str, home: Home) -> None:
        postgres.execute(
            "CREATE TABLE items (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED, name text)", database=database
        )
        rows = [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]
        error = load_refused("data", home, CHARACTERS, rows, refused="fail")
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
        error = load_refused("data", home, CHARACTERS, [{"id": 99, "name": "z"}], mode="append", refused="fail")
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
        load_refused("data", home, CHARACTERS, [{"id": 1, "name": "a\x00b"}], refused="fail")
        assert "items" not in home.datasets()
