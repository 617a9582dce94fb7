"""Two pipelines look at one new table at the very same time, when nobody's rows are there: one is loaded, one is refused."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pymysql
import pytest
from pipelines import parquet_rows
from test_shared_places import ran, spec
from windvane.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODES: dict[str, tuple[str, dict[str, Any]]] = {
    "replace": ("replace", {}),
    "merge": ("merge", {"key": "id", "absent": "delete"}),
    "history": ("history", {"key": "id", "absent": "delete"}),
}


class Warehouse:
    """A database of a server, whose lock of the table `orders` a test can hold."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        parts = urlsplit(url)
        self.database = parts.path.strip("/")
        if kind == "postgres":
            self.link: Any = psycopg2.connect(url)
            self.link.autocommit = True
        else:
            self.link = pymysql.connect(
                host=parts.hostname, port=parts.port or 3306, user=parts.username or "root",
                password=parts.password or "", database=self.database, autocommit=True,
            )  # fmt: skip

    def ask(self, sql: str) -> Any:
        with closing(self.link.cursor()) as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def lock(self, free: bool = False) -> None:
        if self.kind == "postgres":
            verb = "pg_advisory_unlock" if free else "pg_advisory_lock"
            self.ask(f"SELECT {verb}(hashtextextended('windvane:public.orders', 0))")
            return
        name = hashlib.sha256(f"`{self.database}`.`orders`".encode()).hexdigest()[:32]
        self.ask(f"SELECT {'RELEASE_LOCK' if free else 'GET_LOCK'}('windvane:{name}'{'' if free else ', 10'})")

    def waiting(self) -> int:
        if self.kind == "postgres":
            ours = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            return int(
                self.ask(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {ours}")[0][0]
            )
        ours = f"state = 'User lock' AND (db = '{self.database}' OR db IS NULL)"
        return int(self.ask(f"SELECT count(*) FROM information_schema.processlist WHERE {ours}")[0][0])

    @contextmanager
    def held(self, loads: list[Any], many: int) -> Iterator[None]:
        """Nobody gets the table's lock before so many wait for it, or have ended."""
        self.lock()
        yield
        while self.waiting() + sum(load.done() for load in loads) < many:
            time.sleep(0.01)
        self.lock(free=True)


@pytest.fixture(params=["postgres", "mysql"])
def warehouse(request: pytest.FixtureRequest) -> Iterator[tuple[Warehouse, str]]:
    url = request.getfixturevalue(f"{request.param}_database")
    known = Warehouse(request.param, url)
    with closing(known.link):
        yield known, url


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(
    ("warehouse", "strategy"),
    # PostgreSQL alone does the steps itself.
    [("postgres", "staged"), ("postgres", "fused"), ("postgres", "pushdown"), ("mysql", "staged"), ("mysql", "fused")],
    indirect=["warehouse"],
)
@pytest.mark.parametrize("mode", MODES)
def test_one_of_two_is_refused(
    warehouse: tuple[Warehouse, str], tmp_path: Path, mode: str, strategy: str, adopt: bool
) -> None:
    place, url = warehouse
    word, settings = MODES[mode]
    target = {place.kind: {"connection": "warehouse", "mode": word}}
    datasets = {"orders": {"strategy": strategy, "adopt": adopt, "guard": {"rows": 0}, **settings}}
    specs = [spec(tmp_path, name, target, datasets=datasets) for name in ("north", "south")]
    loads: list[Any] = []
    with ThreadPoolExecutor(2) as pool:
        with place.held(loads, 2):
            loads += [pool.submit(ran, one, "r1", tmp_path, {"warehouse": url}) for one in specs]
        errors = [load.exception() for load in loads]
    won = [name for name, error in zip(("north", "south"), errors, strict=True) if error is None]
    if adopt:
        assert len(won) == 2
        return
    assert len(won) == 1, errors
    (lost,) = [error for error in errors if error is not None]
    assert isinstance(lost, ConflictError)
    assert f"whose last load was one of the pipeline '{won[0]}'" in str(lost)
    assert "adopt: true" in str(lost)
    assert {row[0] for row in place.ask("SELECT shop FROM orders")} == set(won)
    assert place.ask("SELECT count(*) FROM orders")[0][0] == 20
    # Its own next load is none of another's.
    assert ran(specs[0 if won == ["north"] else 1], "r2", tmp_path, {"warehouse": url})["status"] == "success"


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_files_and_sqlite(tmp_path: Path, kind: str, strategy: str) -> None:
    """Without a lock that a test could watch: whoever comes when, never both are well."""
    target = {kind: {"path": "lake.db" if kind == "sqlite" else "lake"}}
    datasets = {"orders": {"strategy": strategy}}
    specs = [spec(tmp_path, name, target, datasets=datasets) for name in ("north", "south")]
    begin = threading.Barrier(2)

    def run(path: Path) -> Any:
        begin.wait()
        return ran(path, "r1", tmp_path, {})

    with ThreadPoolExecutor(2) as pool:
        errors = [load.exception() for load in [pool.submit(run, one) for one in specs]]
    assert len([error for error in errors if error is None]) == 1, errors
    if kind == "parquet":
        assert len(parquet_rows(tmp_path / "lake" / "orders")) == 20
