"""Names, children and rights that change at one exact message of a read: rows of one table, or an error."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from services.postgres_messages import MessageProxy, Session
from sql_homes import postgres_home
from test_table_changes import Read, filled, live_and_next

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.postgres import Server

THERE = "ALTER SCHEMA live RENAME TO old; ALTER SCHEMA next RENAME TO live"
BACK = "ALTER SCHEMA live RENAME TO next; ALTER SCHEMA old RENAME TO live"


def behind(postgres: Server, database: str, proxy: MessageProxy) -> dict[str, Any]:
    home = postgres_home(postgres, database)
    request = home.request(source=home.source)
    return json.loads(json.dumps(request).replace(f":{postgres.port}/", f":{proxy.port}/"))


def once(what: Callable[[], None]) -> Callable[[], None]:
    done: list[bool] = []

    def act() -> None:
        if not done:
            done.append(True)
            what()

    return act


@pytest.mark.parametrize("rows", [100, 20_000, 60_000], ids=["the one that looked", "one session", "several"])
@pytest.mark.parametrize(
    "word", [b"pg_relation_filenode", b"relkind", b"attrelid", b"pg_relation_size", b"windvane_lock"]
)
def test_schemas_that_are_exchanged_while_a_read_begins(postgres: Server, rows: int, word: bytes) -> None:
    """The columns of one table never read the rows of the other: eight bytes of a float are no int64."""
    database = postgres.database()
    for schema, kind in (("live", "bigint"), ("next", "float8")):
        fill = f"SELECT n::{kind} AS id, repeat('x', 300) AS note FROM generate_series(1, {rows}) n"
        postgres.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.items AS {fill}", database=database)
    swap = once(lambda: postgres.execute(THERE, database=database))

    def up(session: Session, tag: bytes, body: bytes) -> None:
        if word in body:
            swap()

    with MessageProxy(postgres.port, up) as proxy:
        read = Read(behind(postgres, database, proxy), "live.items")
        read.join()
    assert read.error is not None or sorted(row["id"] for row in read.rows) == list(range(1, rows + 1))
    if read.error is not None:
        assert read.error.kind == "unavailable", read.error


def test_a_child_that_comes_while_a_table_is_read(postgres: Server) -> None:
    """All of its rows or none."""
    database = postgres.database()
    filled(postgres, database, 60_000)
    postgres.execute(
        "CREATE TABLE child (id bigint NOT NULL, note text); INSERT INTO child SELECT -n, repeat('c', 400) FROM generate_series(1, 60000) n",
        database=database,
    )
    inherit = once(lambda: postgres.execute("ALTER TABLE child INHERIT items", database=database))

    def up(session: Session, tag: bytes, body: bytes) -> None:
        session.copies += body.startswith(b"COPY")
        if session.copies == 2:
            inherit()

    with MessageProxy(postgres.port, up) as proxy:
        read = Read(behind(postgres, database, proxy))
        read.join()
    assert read.error is not None
    assert "replaced while it was read" in str(read.error)
    read = Read(postgres_home(postgres, database).request(source=postgres_home(postgres, database).source))
    read.join()
    assert len(read.rows) == 120_000


def test_schemas_that_are_exchanged_and_exchanged_back_around_one_run_of_pages(postgres: Server) -> None:
    """The name means the same before and after it; values beside the rows are looked up while they flow."""
    database = live_and_next(postgres)
    for schema, note in (("live", "a"), ("next", "b")):
        postgres.execute(
            f"DROP TABLE {schema}.items; CREATE TABLE {schema}.items (id bigint, pad text, note text);"
            f"ALTER TABLE {schema}.items ALTER note SET STORAGE EXTERNAL;"
            f"INSERT INTO {schema}.items SELECT n, repeat('p', 800), repeat('{note}', 2100) FROM generate_series(1, 30000) n",
            database=database,
        )
    others_are_done, swapped, back = threading.Event(), threading.Event(), threading.Event()

    def up(session: Session, tag: bytes, body: bytes) -> None:
        if not body.startswith(b"COPY"):
            return
        session.copies += 1
        if session.copies == 2 and session.number == 2:
            others_are_done.wait(20)
            postgres.execute(THERE, database=database)
            swapped.set()
        elif session.copies == 2:
            back.wait(20)

    def down(session: Session, tag: bytes, body: bytes) -> None:
        if tag == b"Z" and session.number == 3 and session.copies == 1:
            others_are_done.set()
        if swapped.is_set() and session.number == 2 and tag == b"d" and not back.is_set():
            postgres.execute(BACK, database=database)
            back.set()

    with MessageProxy(postgres.port, up, down) as proxy:
        read = Read(behind(postgres, database, proxy), "live.items")
        read.join()
    assert swapped.is_set()
    assert read.error is not None or {row["note"][0] for row in read.rows} == {"a"}


def test_a_large_table_without_the_right_to_export_a_snapshot(postgres: Server) -> None:
    """One session reads it."""
    database = postgres.database()
    filled(postgres, database, 60_000)
    postgres.execute(
        "REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC; CREATE ROLE no_snapshot LOGIN PASSWORD 'p';"
        "GRANT SELECT ON items TO no_snapshot",
        database=database,
    )
    try:
        home = postgres_home(postgres, database)
        home.connections["db"] = postgres.url(database, "no_snapshot", "p")
        read = Read(home.request(source=home.source))
        read.join()
        assert read.error is None
        assert sorted(row["id"] for row in read.rows) == list(range(1, 60_001))
    finally:
        postgres.execute("DROP OWNED BY no_snapshot; DROP ROLE no_snapshot", database=database)
