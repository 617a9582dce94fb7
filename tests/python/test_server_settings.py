"""Settings of a server that would change what is read, silently: isolation, letters, a limit of rows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg2
import pymysql
import pytest
from conformance import call, column
from sql_homes import mysql_home, postgres_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

ROWS = 130_000
"""Enough for several sessions."""


@pytest.fixture
def setting(mariadb: MariadbServer) -> Iterator[Callable[[str, str], None]]:
    """Makes a setting of the server; what it was comes back."""
    before: dict[str, Any] = {}

    def make(name: str, value: str) -> None:
        ((before[name],),) = mariadb.query(f"SELECT @@GLOBAL.{name}")
        mariadb.execute(f"SET GLOBAL {name} = {value}")

    yield make
    for name, value in before.items():
        mariadb.execute(f"SET GLOBAL {name} = %s", value)


class TestMysql:
    @pytest.mark.parametrize("level", ["READ-COMMITTED", "READ-UNCOMMITTED", "SERIALIZABLE"])
    def test_every_row_once_at_any_level_of_isolation(
        self, mariadb: MariadbServer, setting: Callable[[str, str], None], level: str
    ) -> None:
        """Rows move from one end of the key to the other, each in a transaction: a snapshot holds each once."""
        database = mariadb.database()
        mariadb.execute("CREATE TABLE big (id BIGINT PRIMARY KEY, account BIGINT)", database=database)
        half, far = ROWS // 2, 10 * ROWS
        fill = f"INSERT INTO big SELECT IF(seq > {half}, seq + {far}, seq), seq FROM seq_1_to_{ROWS}"
        mariadb.execute(fill, database=database)
        mariadb.execute("ANALYZE TABLE big", database=database)
        setting("tx_isolation", f"'{level}'")
        stop, moved = threading.Event(), 0

        def write() -> None:
            nonlocal moved
            connection = pymysql.connect(
                host="127.0.0.1", port=mariadb.port, user="root", database=database, autocommit=True
            )
            with connection, connection.cursor() as cursor:
                while not stop.is_set():
                    moved += 1
                    cursor.execute(f"UPDATE big SET id = id + {2 * far} WHERE id = {moved}")
                    cursor.execute(f"UPDATE big SET id = id - {2 * far} WHERE id = {ROWS + far + 1 - moved}")

        asked = {"locator": "big", "kind": "table", "schema": [column("id", "int64"), column("account", "int64")]}
        home = mysql_home(mariadb, database)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                rows = call("read_rows", home.request(source=home.source, **asked))["rows"]
                assert sorted(row["account"] for row in rows) == list(range(1, ROWS + 1))
        finally:
            stop.set()
            writer.join()
        assert moved

    def test_a_limit_of_rows_is_no_limit_of_ours(
        self, mariadb: MariadbServer, setting: Callable[[str, str], None]
    ) -> None:
        database = mariadb.database()
        mariadb.execute("CREATE TABLE items (id INT PRIMARY KEY)", database=database)
        mariadb.execute("INSERT INTO items SELECT seq FROM seq_1_to_5000", database=database)
        setting("sql_select_limit", "1000")
        for query in ("", f"?socket={mariadb.query('SELECT @@socket')[0][0]}"):
            assert len(mysql_home(mariadb, database, query=query).read("items")["rows"]) == 5_000

    @pytest.mark.parametrize(
        "said",
        [
            "SET NAMES latin1",
            "SET NAMES utf8mb3",
            "SET autocommit = 0",
            "BEGIN",
            "START TRANSACTION READ ONLY",
            "SET completion_type = CHAIN",
            "SET max_join_size = 1",
        ],
    )
    def test_letters_are_those_of_the_table_whatever_a_session_begins_with(
        self, mariadb: MariadbServer, setting: Callable[[str, str], None], said: str
    ) -> None:
        database, letters = mariadb.database(), ["plain", "Zoë", "表", "🦀 crab", "Ã©"]
        mariadb.execute("CREATE TABLE words (id INT PRIMARY KEY, x TEXT) CHARSET utf8mb4", database=database)
        for at, text in enumerate(letters):
            mariadb.execute("INSERT INTO words VALUES (%s, %s)", at, text, database=database)
        mariadb.execute("CREATE USER IF NOT EXISTS reader@'127.0.0.1' IDENTIFIED BY ''")
        mariadb.execute(f"GRANT SELECT ON {database}.* TO reader@'127.0.0.1'")
        # Of those who may do everything the server asks nothing.
        setting("init_connect", f"'{said}'")
        answer = mysql_home(mariadb, database, user="reader").read("words")
        assert ([row["x"] for row in answer["rows"]], answer["rejected"]) == (letters, [])


class TestPostgres:
    """A snapshot that is older than the lock would show a table that was filled anew as empty."""

    @pytest.mark.parametrize("rows", [200, 20_000, 40_000], ids=["the one that looked", "one session", "several"])
    @pytest.mark.parametrize("refill", ["TRUNCATE items", "ALTER TABLE items ALTER id TYPE numeric"])
    def test_a_table_that_is_filled_anew_meanwhile_is_read_whole(
        self, postgres: Server, rows: int, refill: str
    ) -> None:
        database = postgres.database()
        fill = f"INSERT INTO items SELECT n, repeat('x', 400) FROM generate_series(1, {rows}) n"
        postgres.execute("CREATE TABLE items (id bigint, note text)", database=database)
        postgres.execute(fill, database=database)
        home, answers = postgres_home(postgres, database), []
        asked = {"locator": "public.items", "kind": "table", "schema": [column("id", "int64"), column("note", "text")]}
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass"
        with psycopg2.connect(postgres.url(database)) as connection, connection.cursor() as cursor:
            cursor.execute(refill)
            if refill.startswith("TRUNCATE"):
                cursor.execute(fill)
            reader = threading.Thread(
                target=lambda: answers.append(call("read_rows", home.request(source=home.source, **asked)))
            )
            reader.start()
            while reader.is_alive() and postgres.query(waits, database=database) == [(0,)]:
                reader.join(0.05)
        reader.join()
        assert sorted(int(row["id"]) for row in answers[0]["rows"]) == list(range(1, rows + 1))

    def test_whoever_wants_the_table_for_himself_hangs_nobody(self, postgres: Server) -> None:
        """He stands in line behind our first lock: those of ours that come later must not wait for him."""
        database = postgres.database()
        postgres.execute("CREATE TABLE items (id bigint, note text)", database=database)
        fill = "INSERT INTO items SELECT n, repeat('x', 400) FROM generate_series(1, 40000) n"
        postgres.execute(fill, database=database)
        home, stop = postgres_home(postgres, database), threading.Event()
        asked = {"locator": "public.items", "kind": "table", "schema": [column("id", "int64"), column("note", "text")]}

        def refresh() -> None:
            with psycopg2.connect(postgres.url(database)) as connection:
                while not stop.is_set():
                    with connection, connection.cursor() as cursor:
                        cursor.execute("TRUNCATE items")
                        cursor.execute(fill)

        other = threading.Thread(target=refresh)
        other.start()
        try:
            for _ in range(5):
                rows = call("read_rows", home.request(source=home.source, **asked))["rows"]
                assert sorted(row["id"] for row in rows) == list(range(1, 40_001))
        finally:
            stop.set()
            other.join()
