"""Whoever alters, replaces or fills a PostgreSQL table while a read of it begins is seen whole, or told: never by half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from conformance import call, column
from fault_proxy import Fault, FaultProxy
from sql_homes import Home, postgres_home
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.postgres import Server

LOCKS = "SELECT count(*) FROM pg_locks WHERE relation = 'items'::regclass AND mode = 'AccessShareLock' AND granted = %s"
COLUMNS = [column("id", "int64"), column("note", "text")]


def filled(postgres: Server, database: str, rows: int, width: int = 400) -> str:
    postgres.execute("CREATE TABLE items (id bigint PRIMARY KEY, note text)", database=database)
    fill = f"INSERT INTO items SELECT n, repeat('x', {width}) FROM generate_series(1, {rows}) n"
    postgres.execute(fill, database=database)
    return fill


def distant(home: Home, proxy: FaultProxy, postgres: Server) -> dict[str, Any]:
    """The same place, behind the proxy."""
    request = home.request(source=home.source)
    return json.loads(json.dumps(request).replace(f":{postgres.port}/", f":{proxy.port}/"))


class Read(threading.Thread):
    """A read beside; its rows, or the error."""

    def __init__(self, request: dict[str, Any], locator: str = "public.items") -> None:
        super().__init__()
        self.request = {**request, "locator": locator, "kind": "table", "schema": COLUMNS}
        self.rows: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        self.error: WindvaneError | None = None
        self.start()

    def run(self) -> None:
        try:
            answer = call("read_rows", self.request)
            self.rows, self.rejected = answer["rows"], answer["rejected"]
        except WindvaneError as error:
            self.error = error

    def until(self, seen: Callable[[], bool]) -> None:
        while self.is_alive() and not seen():
            time.sleep(0.002)


@pytest.fixture
def proxy(postgres: Server) -> Iterator[FaultProxy]:
    with FaultProxy(postgres.port) as proxy:
        yield proxy


@pytest.mark.parametrize("rows", [100, 20_000, 60_000], ids=["the one that looked", "one session", "several"])
@pytest.mark.parametrize("to", ["float8", "timestamp USING to_timestamp(id)"])
def test_a_type_that_changes_while_a_read_begins(postgres: Server, proxy: FaultProxy, rows: int, to: str) -> None:
    """Eight bytes of another type are no number."""
    database = postgres.database()
    filled(postgres, database, rows)
    proxy.fault = Fault(latency=0.05)
    read = Read(distant(postgres_home(postgres, database), proxy, postgres))
    read.until(lambda: postgres.query(LOCKS, True, database=database) != [(0,)])
    statement = f"ALTER TABLE items ALTER id TYPE {to}"
    alter = threading.Thread(target=postgres.execute, args=(statement,), kwargs={"database": database})
    alter.start()
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'items'::regclass AND mode = 'AccessExclusiveLock'"
    read.until(lambda: not alter.is_alive() or postgres.query(waits, database=database) != [(0,)])
    proxy.calm()
    read.join()
    alter.join()
    if read.error is None and to == "float8":
        assert sorted(row["id"] for row in read.rows) == list(range(1, rows + 1))
    elif read.error is None:
        # As numbers, or as moments, which are told.
        assert sorted(row["id"] for row in read.rows) in ([], list(range(1, rows + 1)))
        assert len(read.rows) + len(read.rejected) == rows
        assert all("is not a valid int64" in rejected["reason"] for rejected in read.rejected)


def test_a_session_that_dies_before_the_others_have_the_table(postgres: Server, proxy: FaultProxy) -> None:
    """It alone kept the table from being emptied and filled, which an older snapshot shows as empty."""
    database = postgres.database()
    fill = filled(postgres, database, 20_000, 1_000)
    leader = "SELECT pid FROM pg_locks WHERE relation = 'items'::regclass AND mode = 'AccessShareLock' AND granted"
    for _ in range(3):
        proxy.fault = Fault(latency=0.03)
        read = Read(distant(postgres_home(postgres, database), proxy, postgres))
        read.until(lambda: postgres.query(LOCKS, True, database=database) != [(0,)])
        holders = postgres.query(leader, database=database)
        refill = threading.Thread(
            target=postgres.execute, args=(f"TRUNCATE items; {fill}",), kwargs={"database": database}
        )
        refill.start()
        read.until(lambda: postgres.query(LOCKS, False, database=database) != [(0,)])
        proxy.calm()
        for (process,) in holders:
            postgres.execute("SELECT pg_terminate_backend(%s)", process, database=database)
        refill.join()
        read.join()
        if read.error is None:
            assert sorted(row["id"] for row in read.rows) == list(range(1, 20_001))


def live_and_next(postgres: Server) -> str:
    """A database with two schemas of a table each, of one name and other rows."""
    database = postgres.database()
    for schema, note in (("live", "a"), ("next", "b")):
        fill = f"SELECT n::bigint AS id, repeat('{note}', 400) AS note FROM generate_series(1, 60000) n"
        postgres.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.items AS {fill}", database=database)
    return database


def test_schemas_that_are_exchanged_while_a_table_is_read(postgres: Server, proxy: FaultProxy) -> None:
    """The name of a schema is locked by nobody."""
    database = live_and_next(postgres)
    proxy.fault = Fault(bandwidth=4e6)
    read = Read(distant(postgres_home(postgres, database), proxy, postgres), "live.items")
    read.until(lambda: proxy.passed("down") > 3_000_000)
    swap = "ALTER SCHEMA live RENAME TO old; ALTER SCHEMA next RENAME TO live"
    postgres.execute(swap, database=database)
    proxy.calm()
    read.join()
    assert read.error is not None
    assert read.error.kind == "unavailable"
    assert "replaced while it was read" in str(read.error)


def test_schemas_that_are_exchanged_and_exchanged_back(postgres: Server, proxy: FaultProxy) -> None:
    database = live_and_next(postgres)
    proxy.fault = Fault(bandwidth=6e6)
    read = Read(distant(postgres_home(postgres, database), proxy, postgres), "live.items")
    for passed, swap in (
        (1_500_000, "ALTER SCHEMA live RENAME TO old; ALTER SCHEMA next RENAME TO live"),
        (13_000_000, "ALTER SCHEMA live RENAME TO next; ALTER SCHEMA old RENAME TO live"),
    ):
        read.until(lambda passed=passed: proxy.passed("down") > passed)  # type: ignore[misc]
        postgres.execute(swap, database=database)
    read.join()
    if read.error is None:
        assert {row["note"][0] for row in read.rows} == {"a"}


def impatient(request: dict[str, Any]) -> subprocess.Popen[str]:
    """A read in a process of its own, in which a server may be silent for three seconds."""
    program = "import sys; from windvane import _core; print(_core.read_rows(sys.stdin.read()))"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "WINDVANE_NET_TIMEOUT": "3"},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({**request, "locator": "public.items", "kind": "table", "schema": COLUMNS}))
    process.stdin.close()
    process.stdin = None
    return process


@pytest.mark.parametrize("word", [b"pg_relation_filenode", b"COPY (SELECT", b"windvane_lock"])
def test_a_network_that_falls_silent_is_told(postgres: Server, proxy: FaultProxy, word: bytes) -> None:
    """Small tables are read by the driver, which waits for ever where it is not told to stop."""
    database = postgres.database()
    filled(postgres, database, 100)
    proxy.fault = Fault(mute=frozenset({"down"}), word=word)
    process = impatient(distant(postgres_home(postgres, database), proxy, postgres))
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 or "fell silent for 3 s" in said


def test_somebody_who_has_the_table_for_himself_for_long_is_waited_for(postgres: Server) -> None:
    """The server is at work, not silent."""
    database = postgres.database()
    filled(postgres, database, 100)
    home = postgres_home(postgres, database)
    with psycopg2.connect(postgres.url(database)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
        process = impatient(home.request(source=home.source))
        while process.poll() is None and postgres.query(LOCKS, False, database=database) == [(0,)]:
            time.sleep(0.01)
        # Longer than a server may be silent.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(8)
    answer, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert len(json.loads(answer)["rows"]) == 100


def test_rights_on_some_columns_are_enough_however_large_the_table_is(postgres: Server) -> None:
    database = postgres.database()
    filled(postgres, database, 60_000)
    postgres.execute(
        "CREATE ROLE columns_only LOGIN PASSWORD 'p'; GRANT SELECT (id, note) ON items TO columns_only",
        database=database,
    )
    try:
        home = postgres_home(postgres, database)
        home.connections["db"] = postgres.url(database, "columns_only", "p")
        read = Read(home.request(source=home.source))
        read.join()
        assert read.error is None
        assert sorted(row["id"] for row in read.rows) == list(range(1, 60_001))
    finally:
        postgres.execute("DROP OWNED BY columns_only; DROP ROLE columns_only", database=database)
