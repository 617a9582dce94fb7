"""Runs in processes of their own, between places that are reached through a TCP proxy: what tests of faults and of
stops share. A new connector is one more class here and one line in :data:`SOURCES` or :data:`TARGETS`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hostile_api import Asked, serving
from pipelines import outside, write_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = ("id", "name", "amount")
# Silence that a run bears before it gives up; the default is a minute.
PATIENCE = 1.5

CHILD = """
import json, signal, sys
from windvane.errors import WindvaneError
import windvane as wv
spec, run, world, stage = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]

class Stopped(Exception):
    pass

def stop(number, frame):
    raise Stopped(number)

signal.signal(signal.SIGTERM, stop)
if stage == "plan":
    wv.plan(spec, rules_only=True, **world)
    sys.exit()
print("ready", flush=True)
try:
    record = wv.run(spec, run=run, rules_only=True, **world)
except WindvaneError as error:
    told = {"kind": error.kind, "message": str(error), "hint": error.hint, "retryable": error.retryable}
except (Stopped, KeyboardInterrupt) as stopped:
    told = {"stopped": type(stopped).__name__}
else:
    told = {"loaded": record["outputs"][0]["loaded"], "already": record["outputs"][0]["already"]}
print(json.dumps(told), flush=True)
"""


def rows(count: int) -> list[tuple[int, str, float]]:
    """Rows that are not alike, about 70 bytes each."""
    return [(n, f"row {n} of {count} {n * 7919 % 104729:06d} {'x' * 32}", n % 1000 / 4) for n in range(count)]


def written(count: int) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(rows(count))
    return out.getvalue()


class Place:
    """A server that holds rows, and how a spec names it."""

    kind: ClassVar[str]

    def __init__(self, request: pytest.FixtureRequest) -> None:
        raise NotImplementedError

    @property
    def port(self) -> int:
        raise NotImplementedError

    def url(self, port: int) -> str:
        """Of the connection, through this port."""
        raise NotImplementedError

    def spec(self) -> dict[str, Any]:
        return {self.kind: {"connection": "place"}}

    def fill(self, count: int) -> None:
        """As a source."""
        raise NotImplementedError

    def ids(self) -> list[int] | None:
        """As a target, asked without the proxy; nothing where there is no dataset yet."""
        raise NotImplementedError

    def sessions(self) -> int:
        """Of ours, at the server."""
        return 0

    def close(self) -> None:
        """The end of the test."""


class Postgres(Place):
    kind = "postgres"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.server = request.getfixturevalue("postgres")
        self.database = self.server.database()

    @property
    def port(self) -> int:
        return int(self.server.port)

    def url(self, port: int) -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/{self.database}"

    def fill(self, count: int) -> None:
        sql = """CREATE TABLE items AS SELECT n AS id, 'row ' || n || repeat('x', 60) AS name, mod(n, 1000) / 4.0::float8
                 AS amount FROM generate_series(0, %s::bigint) n"""
        self.server.execute(sql, count - 1, database=self.database)

    def ids(self) -> list[int] | None:
        if not self.server.query("SELECT 1 FROM pg_tables WHERE tablename = 'items'", database=self.database):
            return None
        return [row[0] for row in self.server.query("SELECT id FROM items ORDER BY id", database=self.database)]

    def sessions(self) -> int:
        return int(self.server.sessions(self.database))


class Mysql(Place):
    kind = "mysql"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.server = request.getfixturevalue("mariadb")
        self.database = self.server.database()

    @property
    def port(self) -> int:
        return int(self.server.port)

    def url(self, port: int) -> str:
        return f"mysql://root@127.0.0.1:{port}/{self.database}"

    def fill(self, count: int) -> None:
        sql = f"""CREATE TABLE items AS SELECT seq AS id, concat('row ', seq, repeat('x', 60)) AS name,
                 cast(seq % 1000 / 4 AS double) AS amount FROM seq_0_to_{count - 1}"""
        self.server.execute(sql, database=self.database)

    def ids(self) -> list[int] | None:
        if not self.server.query("SHOW TABLES LIKE 'items'", database=self.database):
            return None
        return [row[0] for row in self.server.query("SELECT id FROM items ORDER BY id", database=self.database)]

    def sessions(self) -> int:
        # Ours name no database, and the test's own session is the one that asks.
        sql = "SELECT count(*) FROM information_schema.processlist WHERE user = 'root' AND id <> connection_id()"
        return int(self.server.query(sql)[0][0])


class S3(Place):
    kind = "parquet"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.server = request.getfixturevalue("s3")
        self.bucket = self.server.bucket()

    @property
    def port(self) -> int:
        return int(self.server.port)

    def url(self, port: int) -> str:
        return str(self.server.connection(port=port))

    def spec(self) -> dict[str, Any]:
        return {self.kind: {"connection": "place", "path": f"s3://{self.bucket}/lake"}}

    def fill(self, count: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        out = io.BytesIO()
        columns = [list(column) for column in zip(*rows(count), strict=True)]
        pq.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), out, compression="none")
        self.server.put(self.bucket, "lake/items.parquet", out.getvalue())

    def ids(self) -> list[int] | None:
        import pyarrow.parquet as pq

        keys = self.server.keys(self.bucket)
        if "lake/items/_manifest.json" not in keys:
            return None
        manifest = json.loads(self.server.get(self.bucket, "lake/items/_manifest.json"))
        found: list[int] = []
        for part in manifest["parts"]:
            table = pq.read_table(io.BytesIO(self.server.get(self.bucket, f"lake/items/{part['path']}")))
            found += table.column("id").to_pylist()
        return sorted(found)


class Http(Place):
    kind = "http"
    page = 500

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.records: list[dict[str, Any]] = []
        self._serving = serving(self._answer)
        self.api = self._serving.__enter__()

    def close(self) -> None:
        self._serving.__exit__(None, None, None)

    def _answer(self, asked: Asked) -> Any:
        start = int(asked.params["offset"])
        return self.records[start : start + self.page]

    @property
    def port(self) -> int:
        return self.api.port

    def url(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"

    def spec(self) -> dict[str, Any]:
        paging = {"offset": {"size_param": "limit", "size": self.page}}
        return {"http": {"connection": "place", "resources": {"items": {"path": "/items", "paging": paging}}}}

    def fill(self, count: int) -> None:
        self.records = [dict(zip(COLUMNS, row, strict=True)) for row in rows(count)]


SOURCES: dict[str, type[Place]] = {"postgres": Postgres, "mysql": Mysql, "http": Http, "s3": S3}
TARGETS: dict[str, type[Place]] = {"postgres": Postgres, "mysql": Mysql, "s3": S3}


@contextmanager
def opened(kind: type[Place], request: pytest.FixtureRequest) -> Iterator[Place]:
    place = kind(request)
    try:
        yield place
    finally:
        place.close()


@dataclass
class Mover:
    """One pipeline of a test: rows of ``items`` from a source to a target."""

    folder: Path
    world: dict[str, Any]
    spec: Path

    @classmethod
    def of(
        cls,
        folder: Path,
        source: dict[str, Any],
        target: dict[str, Any],
        strategy: str = "staged",
        *,
        items: dict[str, Any] | None = None,
        **connections: str,
    ) -> Mover:
        settings = {"strategy": strategy, **(items or {})}
        spec = write_spec(folder, "mover", source=source, target=target, datasets={"items": settings})
        return cls(folder, {**outside(folder, **connections), "roots": [str(folder)]}, spec)

    def plan(self) -> None:
        """While nothing is wrong yet."""
        done = self._start("", "plan", WINDVANE_NET_TIMEOUT="60").communicate(timeout=120)
        assert not done[1], done[1]

    def start(self, run: str = "r1", **environment: str) -> subprocess.Popen[str]:
        child = self._start(run, "run", **environment)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    def run(self, run: str = "r1", *, limit: float = 60.0, **environment: str) -> tuple[dict[str, Any], float]:
        """What became of it, and after how many seconds."""
        begun = time.monotonic()
        child = self.start(run, **environment)
        try:
            out, errors = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            pytest.fail(f"the run hangs: no end after {limit} s")
        assert out, errors
        told: dict[str, Any] = json.loads(out)
        return told, time.monotonic() - begun

    def _start(self, run: str, stage: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, str(self.spec), run, json.dumps(self.world), stage],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "WINDVANE_NET_TIMEOUT": str(PATIENCE), **environment},
        )

    def parquet_ids(self) -> list[int] | None:
        """Of a local Parquet target in ``lake``."""
        from pipelines import parquet_rows

        folder = self.folder / "lake" / "items"
        return sorted(row["id"] for row in parquet_rows(folder)) if (folder / "_manifest.json").exists() else None
