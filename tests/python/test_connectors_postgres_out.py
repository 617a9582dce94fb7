"""PostgreSQL as a source: parallel reads in one snapshot, ranges, parts, types there and back, sessions."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from conformance import Home, Row, call, column
from patience import until
from sql_homes import postgres_home, refused
from windvane import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.postgres import Server

LARGE = 40_000
"""Rows of a table with more pages than one session reads alone (``read::LARGE``)."""
LARGE_FIELDS = [column("id", "int64"), column("note", "text"), column("amount", "decimal(10,2)")]


def script(postgres: Server, database: str, *statements: str) -> None:
    for sql in statements:
        postgres.execute(sql, database=database)


@pytest.fixture
def database(postgres: Server) -> str:
    return postgres.database()


@pytest.fixture(scope="module")
def large(postgres: Server) -> str:
    """A table of more than 2,000 pages with dead rows among the living; `wide` rows, so that few are enough."""
    database = postgres.database()
    script(
        postgres,
        database,
        "CREATE TABLE big (id bigint, note text, amount numeric(10,2)) WITH (autovacuum_enabled = off)",
        f"INSERT INTO big SELECT n, repeat('x', 400) || n, n / 100.0 FROM generate_series(1, {LARGE}) n",
        "UPDATE big SET note = 'changed ' || id WHERE id % 7 = 0",
        "DELETE FROM big WHERE id % 11 = 0",
    )
    ((pages,),) = postgres.query("SELECT pg_relation_size('big') / 8192", database=database)
    assert pages > 2_000
    return database


def living() -> list[int]:
    return [number for number in range(1, LARGE + 1) if number % 11]


def in_page_order(postgres: Server, database: str) -> list[int]:
    return [number for (number,) in postgres.query("SELECT id FROM big ORDER BY ctid", database=database)]


def big(home: Home, **more: Any) -> dict[str, Any]:
    asked = {"locator": "public.big", "kind": "table", "schema": LARGE_FIELDS, **more}
    return call("read_rows", home.request(source=home.source, **asked))


class TestTogether:
    """Several sessions, one snapshot."""

    def test_every_row_once_in_the_order_of_the_pages(self, postgres: Server, large: str) -> None:
        answer = big(postgres_home(postgres, large))
        assert [row["id"] for row in answer["rows"]] == in_page_order(postgres, large)
        assert answer["numbers"] == list(range(1, len(living()) + 1))
        assert answer["rejected"] == []
        assert answer == big(postgres_home(postgres, large))

    def test_values_are_the_servers(self, postgres: Server, large: str) -> None:
        rows = postgres.query("SELECT id, note, amount::text FROM big ORDER BY ctid", database=large)
        expected = [{"id": number, "note": note, "amount": amount} for number, note, amount in rows]
        assert big(postgres_home(postgres, large))["rows"] == expected

    def test_a_rejected_row_is_numbered_as_the_others(self, postgres: Server, database: str) -> None:
        script(
            postgres,
            database,
            "CREATE TABLE big (id bigint, note text, amount numeric(10,2))",
            f"INSERT INTO big SELECT n, repeat('x', 400), CASE WHEN n % 9999 = 0 THEN 'NaN' ELSE n / 100.0 END"
            f" FROM generate_series(1, {LARGE}) n",
        )
        answer = big(postgres_home(postgres, database))
        assert [item["row"] for item in answer["rejected"]] == [9999, 19998, 29997, 39996]
        assert [item["record"]["id"] for item in answer["rejected"]] == ["9999", "19998", "29997", "39996"]
        assert answer["numbers"] == [number for number in range(1, LARGE + 1) if number % 9999]

    def test_writers_in_between_are_not_seen(self, postgres: Server, database: str) -> None:
        """Every transaction keeps the sum of all amounts at zero: so does every snapshot."""
        script(
            postgres,
            database,
            "CREATE TABLE big (id bigint PRIMARY KEY, note text, amount numeric(10,2))",
            f"INSERT INTO big SELECT n, repeat('x', 400), 0 FROM generate_series(1, {LARGE}) n",
        )
        stop = threading.Event()

        def write() -> int:
            moved = 0
            with contextlib.closing(psycopg2.connect(postgres.url(database))) as connection:
                while not stop.is_set():
                    one, other = 1 + moved * 37 % LARGE, 1 + (LARGE - 1 - moved * 53) % LARGE
                    with connection, connection.cursor() as cursor:
                        cursor.execute("UPDATE big SET amount = amount + 1 WHERE id = %s", [one])
                        cursor.execute("UPDATE big SET amount = amount - 1 WHERE id = %s", [other])
                    moved += 1
            return moved

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write)
            try:
                for _ in range(3):
                    rows = big(postgres_home(postgres, database))["rows"]
                    assert sorted(row["id"] for row in rows) == list(range(1, LARGE + 1))
                    assert sum(round(float(row["amount"]) * 100) for row in rows) == 0
            finally:
                stop.set()
            assert writer.result() > 0

    def test_one_session_is_enough_when_there_are_no_more(self, postgres: Server, database: str) -> None:
        script(
            postgres,
            database,
            "CREATE TABLE big (id bigint, note text, amount numeric(10,2))",
            f"INSERT INTO big SELECT n, repeat('x', 400), 1 FROM generate_series(1, {LARGE}) n",
            "DROP ROLE IF EXISTS single",
            "CREATE ROLE single LOGIN PASSWORD 'p' CONNECTION LIMIT 1",
            "GRANT SELECT ON big TO single",
        )
        home = Home({}, {"postgres": {"connection": "db"}}, connections={"db": postgres.url(database, "single", "p")})
        answer = big(home)
        assert answer["numbers"] == list(range(1, LARGE + 1))
        script(postgres, database, "DROP OWNED BY single", "DROP ROLE single")

    @pytest.mark.parametrize("query", ["", "?sslmode=disable", "?sslmode=allow"])
    def test_a_password_is_given_as_asked(self, postgres: Server, large: str, query: str) -> None:
        script(
            postgres,
            large,
            "DROP ROLE IF EXISTS guarded",
            "CREATE ROLE guarded LOGIN PASSWORD 'p%:/@ ''w'",
            "GRANT SELECT ON big TO guarded",
        )
        url = postgres.url(large, "guarded", "p%25%3A%2F%40%20%27w", query)
        home = Home({}, {"postgres": {"connection": "db"}}, connections={"db": url})
        assert len(big(home)["rows"]) == len(living())
        script(postgres, large, "DROP OWNED BY guarded", "DROP ROLE guarded")

    def test_a_view_is_read_too(self, postgres: Server, database: str) -> None:
        script(
            postgres,
            database,
            f"CREATE VIEW big AS SELECT n AS id, 'x' || n AS note, 1.5 AS amount FROM generate_series(1, {LARGE}) n",
        )
        answer = big(postgres_home(postgres, database), kind="view", schema=LARGE_FIELDS[:2])
        assert [row["id"] for row in answer["rows"]] == list(range(1, LARGE + 1))

    def test_an_error_in_the_middle_is_told(self, postgres: Server, database: str) -> None:
        sql = f"CREATE VIEW big AS SELECT n AS id, 1 / (n - 30000) AS note FROM generate_series(1, {LARGE}) n"
        script(postgres, database, sql)
        home = postgres_home(postgres, database)
        asked = {"locator": "public.big", "kind": "view", "schema": LARGE_FIELDS[:2]}
        error = refused("data", "read_rows", home.request(source=home.source, **asked))
        assert "division by zero" in str(error)

    def test_rows_larger_than_any_buffer(self, postgres: Server, database: str) -> None:
        script(
            postgres,
            database,
            "CREATE TABLE big (id bigint, note text, amount numeric(10,2))",
            "INSERT INTO big SELECT n, repeat(md5(n::text), n * 20000), n FROM generate_series(1, 9) n",
            "INSERT INTO big SELECT n, repeat('y', 700), n FROM generate_series(10, 2000) n",
        )
        rows = big(postgres_home(postgres, database))["rows"]
        assert [len(row["note"]) for row in rows[:9]] == [number * 640_000 for number in range(1, 10)]
        assert len(rows) == 2000

    def test_no_session_is_left_behind(self, postgres: Server, large: str) -> None:
        big(postgres_home(postgres, large))
        until(lambda: postgres.sessions(large) == 0)


# ------------------------------------------------------------------------------------------------ ranges of values


class TestWithin:
    @pytest.fixture(scope="class")
    @staticmethod
    def dated(postgres: Server) -> str:
        database = postgres.database()
        script(
            postgres,
            database,
            "CREATE TABLE events (id int, day date, at timestamptz, local timestamp, price numeric, ratio float8,"
            " name text, key uuid, raw bytea, flag boolean, clock time)",
            "INSERT INTO events SELECT n, '2024-01-01'::date + n, '2024-01-01 00:00:00Z'::timestamptz + n * '1h'::interval,"
            " '2024-01-01'::timestamp + n * '1h'::interval, n * 1.5, n / 2.0, chr(64 + n), lpad(n::text, 32, '0')::uuid,"
            " decode(lpad(n::text, 2, '0'), 'hex'), n > 5, '00:00'::time + n * '1h'::interval"
            " FROM generate_series(1, 10) n",
            "INSERT INTO events (id) VALUES (99)",
        )
        return database

    @pytest.mark.parametrize(
        ("name", "kind", "start", "end"),
        [
            ("id", "int32", "3", "7"),
            ("day", "date", "2024-01-04", "2024-01-08"),
            ("at", "timestamptz", "2024-01-01T03:00:00Z", "2024-01-01T09:00:00+02:00"),
            ("local", "timestamp", "2024-01-01T03:00:00", "2024-01-01T07:00:00"),
            ("price", "decimal(38,1)", "4.5", "10.5"),
            ("ratio", "float64", "1.5", "3.5"),
            ("name", "text", "C", "G"),
            ("key", "uuid", "00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-000000000007"),
            ("raw", "binary", "\\x03", "\\x07"),
            ("clock", "time", "03:00:00", "07:00:00"),
        ],
    )
    def test_both_ends_of_every_type(
        self, postgres: Server, dated: str, name: str, kind: str, start: str, end: str
    ) -> None:
        def ids(**limits: Any) -> list[int]:
            within = [{"column": name, "data_type": kind, "nulls": False, **limits}]
            answer = postgres_home(postgres, dated).read("events", schema=[column("id", "int32")], within=within)
            return sorted(row["id"] for row in answer["rows"])

        lost = [] if name == "id" else [99]
        above = [99] if name == "id" else []
        low, high = {"value": start, "inclusive": True}, {"value": end, "inclusive": False}
        assert ids(**{"from": low, "to": high}) == [3, 4, 5, 6]
        assert ids(**{"from": {**low, "inclusive": False}, "to": {**high, "inclusive": True}}) == [4, 5, 6, 7]
        assert ids(**{"from": low}) == [*range(3, 11), *above]
        assert ids(to=high, nulls=True) == [1, 2, 3, 4, 5, 6, *lost]
        assert ids() == [*range(1, 11), *above]
        assert ids(nulls=True) == [*range(1, 11), 99]

    def test_all_of_several(self, postgres: Server, dated: str) -> None:
        within = [
            {"column": "id", "data_type": "int32", "nulls": False, "from": {"value": "3", "inclusive": True}},
            {"column": "name", "data_type": "text", "nulls": False, "to": {"value": "E", "inclusive": True}},
        ]
        rows = postgres_home(postgres, dated).read("events", schema=[column("id", "int32")], within=within)["rows"]
        assert [row["id"] for row in rows] == [3, 4, 5]

    @pytest.mark.parametrize("value", ["'; DROP TABLE events; --", "\\'; DROP TABLE events; --", "E''", "表"])
    def test_a_limit_is_only_a_value(self, postgres: Server, dated: str, value: str) -> None:
        within = [{"column": "name", "data_type": "text", "nulls": False, "from": {"value": value, "inclusive": True}}]
        expected = [chr(64 + number) for number in range(1, 11) if chr(64 + number) >= value]
        rows = postgres_home(postgres, dated).read("events", schema=[column("name", "text")], within=within)["rows"]
        assert [row["name"] for row in rows] == expected

    def test_texts_compare_by_their_bytes(self, postgres: Server, database: str) -> None:
        script(postgres, database, 'CREATE TABLE words (word text COLLATE "C")')
        script(postgres, database, "INSERT INTO words VALUES ('a'), ('B'), ('ä'), ('Z'), ('z')")
        within = [{"column": "word", "data_type": "text", "nulls": False, "from": {"value": "a", "inclusive": True}}]
        rows = postgres_home(postgres, database).read("words", within=within)["rows"]
        assert sorted(row["word"] for row in rows) == ["a", "z", "ä"]

    def test_a_limit_of_another_type_and_a_column_that_is_gone_are_said(self, postgres: Server, dated: str) -> None:
        home = postgres_home(postgres, dated)
        for name, kind, expected in [("name", "date", "unsupported"), ("gone", "date", "missing")]:
            within = [{"column": name, "data_type": kind, "nulls": False}]
            error = refused(expected, "read_rows", home.request(source=home.source, dataset="events", within=within))
            assert name in str(error)


# ------------------------------------------------------------------------------------------------ parts


def split(home: Home, parts: int, **more: Any) -> list[Row]:
    asked = {"locator": "public.big", "kind": "table", "schema": LARGE_FIELDS, "parts": parts, **more}
    return call("split_rows", home.request(source=home.source, **asked))["parts"]


KEYS = {
    "bigint": "n::bigint",
    "smallint": "(n % 30000 - 15000)::smallint",
    "date": "'2020-01-01'::date + n",
    "uuid": "md5(n::text)::uuid",
}


class TestParts:
    @pytest.mark.parametrize("kind", ["none", "text", *KEYS])
    @pytest.mark.parametrize("parts", [2, 5])
    def test_every_row_once_although_rows_come_and_go(
        self, postgres: Server, database: str, kind: str, parts: int
    ) -> None:
        expression = KEYS.get(kind, "n::text")
        key = f", key {'text' if kind == 'none' else kind}" + ("" if kind == "none" else " PRIMARY KEY")
        script(
            postgres,
            database,
            f"CREATE TABLE big (id bigint, note text{key})",
            f"INSERT INTO big SELECT n, repeat('x', 500), {expression} FROM generate_series(1000, 9000) n",
        )
        home = postgres_home(postgres, database)
        found = split(home, parts)
        assert len(found) == parts
        kinds = {next(iter(part)) for part in found}
        assert kinds == ({"keys"} if kind in KEYS else {"pages"})
        # Rows below, between and above what was there at the split.
        inserted = "SELECT n, 'late', {} FROM generate_series({}) n"
        for numbers in ["1, 999", "9001, 12000"]:
            script(postgres, database, f"INSERT INTO big {inserted.format(expression, numbers)}")
        if kind in KEYS:
            script(postgres, database, "UPDATE big SET note = 'moved' WHERE id % 3 = 0")
        wanted = [column("id", "int64")]
        ids: list[int] = []
        for part in found:
            answer = big(home, schema=wanted, part=part)
            assert answer["numbers"] == list(range(1, len(answer["rows"]) + 1))
            ids += [row["id"] for row in answer["rows"]]
        assert sorted(ids) == list(range(1, 12_001))

    def test_a_large_part_of_pages_is_read_together(self, postgres: Server, large: str) -> None:
        home = postgres_home(postgres, large)
        first = {"pages": {"from": 0, "to": 2_200}}
        last = {"pages": {"from": 2_200, "to": None}}
        ids = [row["id"] for part in (first, last) for row in big(home, part=part)["rows"]]
        assert ids == in_page_order(postgres, large)

    def test_what_cannot_be_split(self, postgres: Server, database: str) -> None:
        script(postgres, database, "CREATE VIEW big AS SELECT 1 AS id, 'a' AS note")
        home = postgres_home(postgres, database)
        assert split(home, 4, kind="view") == []
        script(postgres, database, "DROP VIEW big", "CREATE TABLE big (id bigint PRIMARY KEY, note text)")
        assert split(home, 4) == []
        script(postgres, database, "INSERT INTO big VALUES (1, 'a')")
        assert split(home, 1) == []
        assert len(split(home, 4)) <= 1
        script(postgres, database, "INSERT INTO big VALUES (9223372036854775807, 'z'), (-9223372036854775808, 'a')")
        parts = split(home, 4)
        assert len(parts) == 4
        ids = [row["id"] for part in parts for row in big(home, schema=LARGE_FIELDS[:2], part=part)["rows"]]
        assert sorted(ids) == [-(2**63), 1, 2**63 - 1]

    def test_a_missing_table_is_missing(self, postgres: Server, database: str) -> None:
        home = postgres_home(postgres, database)
        asked = {"locator": "public.nothing", "kind": "table", "schema": LARGE_FIELDS, "parts": 2}
        refused("missing", "split_rows", home.request(source=home.source, **asked))


# ------------------------------------------------------------------------------------------------ types, and back


ROUND_TRIPS = [
    ("interval", ["1 year 2 mons -3 days 04:05:06.789", "-1 day", "00:00:00", "178000000 years"]),
    ("int4range", ["[1,5)", "empty", "(,5)", "[1,)"]),
    ("numrange", ["[1.50,2.500)", "empty"]),
    ("tsrange", ['["2024-01-01 00:00:00","2024-02-01 00:00:00")']),
    ("tstzrange", ['["2024-07-01 12:00:00+02",)']),
    ("daterange", ["[2024-01-01,2024-02-01)"]),
    ("inet", ["10.0.0.1/8", "::1", "192.168.0.1"]),
    ("cidr", ["10.0.0.0/8", "2001:db8::/32"]),
    ("macaddr", ["08:00:2b:01:02:03"]),
    ("macaddr8", ["08:00:2b:01:02:03:04:05"]),
    ("money", ["1234.5", "-0.01", "92233720368547758.07"]),
    ("bit(5)", ["10101"]),
    ("varbit", ["101", ""]),
    ("timetz", ["12:00:00.123456+02:30", "24:00:00-15"]),
    ("xml", ["<a b='1'>&amp;</a>"]),
    ("tsvector", ["'a':1A 'b c':2,3"]),
    ("tsquery", ["'a' & !( 'b' | 'c':* )"]),
    ("oid", ["4294967295"]),
    ("pg_lsn", ["16/B374D848"]),
    ("point", ["(0.1,-1e-300)"]),
    ("polygon", ["((0,0),(1,1),(1,0))"]),
    ('"char"', ["x"]),
    ("jsonpath", ['$."a"[*]']),
    ("mood", ["happy", 'it\'s "so" so']),
    ("numeric", ["1" * 50 + "." + "2" * 50, "-0.000", "NaN"]),
    ("integer[]", ["{1,NULL,3}", "{}", "{{1,2},{3,4}}"]),
    ("numeric[]", ["{1.10,12345678901234567890.123456789012345678901234567890}"]),
    ("float8[]", ["{0.1,1e300,NaN,-Infinity}"]),
    ("text[]", ['{"a b",NULL,"","\\"q\\"","{x}","null"}']),
    ("bytea[]", [r'{"\\x00ff"}']),
    ("timestamptz[]", ["{2024-07-01 12:00:00+02,infinity}"]),
    ("interval[]", ["{1 day 02:00:00}"]),
    ("mood[]", ["{sad,happy}"]),
    ("place", ["(1,two)", '(,"a,b")']),
    ("place[]", ['{"(1,two)","(2,)"}']),
    ("positive", ["7"]),
]


@pytest.fixture(scope="module")
def typed(postgres: Server) -> str:
    database = postgres.database()
    script(
        postgres,
        database,
        "CREATE TYPE mood AS ENUM ('sad', 'happy', 'it''s \"so\" so')",
        "CREATE DOMAIN positive AS int CHECK (value > 0)",
        "CREATE TYPE place AS (x int, name text)",
    )
    return database


class TestThereAndBack:
    """What arrives casts back to the value that it came from, whatever the server's own settings are."""

    @pytest.mark.parametrize(("declared", "literals"), ROUND_TRIPS, ids=[declared for declared, _ in ROUND_TRIPS])
    def test_a_type(self, postgres: Server, typed: str, declared: str, literals: list[str]) -> None:
        script(postgres, typed, "DROP TABLE IF EXISTS there", "DROP TABLE IF EXISTS back")
        script(postgres, typed, f"CREATE TABLE there (id int, value {declared})")
        for number, literal in enumerate(literals):
            postgres.execute(f"INSERT INTO there VALUES (%s, %s::{declared})", number, literal, database=typed)
        for setting in ["IntervalStyle = 'sql_standard'", "DateStyle = 'SQL, DMY'", "extra_float_digits = -5"]:
            script(postgres, typed, f"ALTER DATABASE {typed} SET {setting}")
        home = postgres_home(postgres, typed)
        kind = home.datasets()["there"]["fields"][1]["type"]
        answer = home.read("there")
        assert answer["rejected"] == []
        script(postgres, typed, f"CREATE TABLE back (id int, value {declared})")
        connecting = contextlib.closing(psycopg2.connect(postgres.url(typed)))
        with connecting as connection, connection, connection.cursor() as cursor:
            cursor.execute("SET lc_monetary = 'C'")
            for row in answer["rows"]:
                value = json.dumps(row["value"]) if kind == "json" else row["value"]
                back = f"%s::{declared}"
                if kind == "json":
                    back = "(json_populate_record(NULL::back, json_build_object('value', %s::json))).value"
                cursor.execute(f"INSERT INTO back VALUES (%s, {back})", [row["id"], value])
        sql = "SELECT t.id FROM there t JOIN back b USING (id) WHERE t.value::text IS DISTINCT FROM b.value::text"
        lost = postgres.query(sql, database=typed)
        # JSON numbers pass through Python's floats here, which is the test's doing.
        assert lost == [] or declared == "numeric[]"
        assert postgres.query("SELECT count(*) FROM back", database=typed) == [(len(literals),)]

    def test_numbers_in_json_keep_their_digits(self, postgres: Server, typed: str) -> None:
        digits = "12345678901234567890.123456789012345678901234567890"
        script(postgres, typed, "DROP TABLE IF EXISTS there", "CREATE TABLE there (value numeric[])")
        script(postgres, typed, f"INSERT INTO there VALUES ('{{{digits}}}')")
        home = postgres_home(postgres, typed)
        text = _core.read_rows(json.dumps(home.request(source=home.source, dataset="there")))
        assert digits in text

    def test_an_array_wanted_as_text_is_the_servers_text(self, postgres: Server, typed: str) -> None:
        script(postgres, typed, "DROP TABLE IF EXISTS there", "CREATE TABLE there (value int[])")
        script(postgres, typed, "INSERT INTO there VALUES ('{1,NULL}')")
        rows = postgres_home(postgres, typed).read("there", schema=[column("value", "text")])["rows"]
        assert rows == [{"value": "{1,NULL}"}]


# ------------------------------------------------------------------------------------------------ sessions


class TestSessions:
    def test_nothing_is_prepared_or_set_beyond_a_transaction(self, postgres: Server, large: str) -> None:
        """What a pooler in transaction mode could not carry: seen in the server's own log of statements."""
        before = log(postgres)
        script(postgres, large, f"ALTER DATABASE {large} SET log_statement = 'all'")
        try:
            big(postgres_home(postgres, large))
        finally:
            script(postgres, large, f"ALTER DATABASE {large} RESET log_statement")
        said = log(postgres)[len(before) :]
        statements = re.findall(r"(?:statement|execute [^:]*): (.*(?:\n\t.*)*)", said)
        assert any("COPY (SELECT" in statement for statement in statements)
        for statement in statements:
            for part in statement.split(";"):
                assert not re.match(r"\s*SET (?!LOCAL|TRANSACTION)", part), part
        assert not re.search(r"LOG:  execute (?!<unnamed>)", said)

    def test_a_server_that_says_nothing_is_a_timeout(self) -> None:
        with black_hole() as port:
            url = f"postgresql://u@127.0.0.1:{port}/db?sslmode=disable"
            request = {"source": {"postgres": {"connection": "db"}}, "connections": {"db": url}}
            error = refused("timeout", "test_connection", request)
            assert error.retryable


def data_folder(postgres: Server) -> Path:
    ((folder,),) = postgres.query("SHOW data_directory")
    return Path(folder)


def log(postgres: Server) -> str:
    return (data_folder(postgres).parent / "log").read_text(errors="replace")


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Takes connections and bytes, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
