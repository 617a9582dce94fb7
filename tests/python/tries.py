"""Runs that come a second time: one pipeline from a file of numbers into any target, and what is there then."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import windvane as wv
from pipelines import outside, write_spec
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

MODES = ("replace", "append", "merge")
FILES = ("parquet", "csv", "jsonl")
KINDS = ("sqlite", *FILES, "postgres", "mysql")
WAYS = ("staged", "fused")


@dataclass
class Case:
    """One pipeline and its target."""

    folder: Path
    kind: str
    url: str | None
    spec: Path

    def world(self, store: str = "store.db") -> dict[str, Any]:
        connections = {"lake": self.url} if self.url else {}
        return {**outside(self.folder, **connections), "store": str(self.folder / store)}

    def source(self, ids: Iterable[int]) -> None:
        lines = [f"{n},{n * 3}.25" for n in ids]
        (self.folder / "items.csv").write_text("\n".join(["id,amount", *lines]) + "\n")

    def run(self, run: str = "d1", *, store: str = "store.db", **more: Any) -> Any:
        try:
            return wv.run(self.spec, run=run, rules_only=True, **self.world(store), **more)
        except WindvaneError as error:
            return error.record

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """A statement at a database target."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.folder / "lake.db")) as file, file:
                return file.execute(statement).fetchall()
        if self.kind == "postgres":
            import psycopg2

            with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        return mysql(self.url, statement)

    def ids(self) -> list[int]:
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.folder / "lake.db")) as file:
                return [row[0] for row in file.execute("SELECT id FROM items ORDER BY id")]
        if self.kind == "postgres":
            import psycopg2

            with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT id FROM items ORDER BY id")
                return [row[0] for row in cursor.fetchall()]
        if self.kind == "mysql":
            return [row[0] for row in mysql(self.url, "SELECT id FROM items ORDER BY id")]
        folder = self.folder / "lake" / "items"
        found: list[int] = []
        for part in json.loads((folder / "_manifest.json").read_text())["parts"]:
            path = folder / part["path"]
            if self.kind == "parquet":
                import pyarrow.parquet as pq

                found += pq.read_table(path).column("id").to_pylist()
            elif self.kind == "csv":
                with path.open(newline="") as file:
                    found += [int(row["id"]) for row in csv.DictReader(file)]
            else:
                found += [json.loads(line)["id"] for line in path.read_text().splitlines()]
        return sorted(found)

    def empty(self) -> None:
        """Somebody empties the target by hand."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.folder / "lake.db")) as file, file:
                file.execute("DELETE FROM items")
        elif self.kind == "postgres":
            import psycopg2

            with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
                cursor.execute("TRUNCATE items")
        elif self.kind == "mysql":
            mysql(self.url, "DELETE FROM items")
        else:
            for part in (self.folder / "lake" / "items").glob("part-*"):
                part.unlink()


def mysql(url: str | None, statement: str) -> list[Any]:
    from urllib.parse import urlsplit

    import pymysql

    place = urlsplit(url or "")
    connection = pymysql.connect(
        host=place.hostname or "", port=place.port or 3306, user=place.username, database=place.path.strip("/"),
        password=place.password or "", autocommit=True,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def made(
    folder: Path, kind: str, mode: str, way: str, request: pytest.FixtureRequest, *,
    load_id: bool | str | None = None, **spec: Any,
) -> Case:  # fmt: skip
    url = None
    if kind in {"postgres", "mysql"}:
        url = request.getfixturevalue(f"{kind}_database")
        target: dict[str, Any] = {kind: {"connection": "lake", "mode": mode}}
    else:
        target = {kind: {"path": "lake.db" if kind == "sqlite" else "lake", "mode": mode}}
    if load_id is not None:
        target[kind]["load_id"] = load_id
    settings: dict[str, Any] = {"strategy": way, **spec.pop("settings", {})}
    if mode == "merge":
        settings["key"] = "id"
    spec = {"source": {"csv": {"path": "items.csv"}}, "guard": {"rows": 0}, **spec}
    path = write_spec(folder, "p", target=target, datasets={"items": settings}, **spec)
    return Case(folder, kind, url, path)
