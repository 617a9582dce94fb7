"""The main job on third-party data: every table, from files to PostgreSQL, from there to Parquet and to SQLite.

Exact row counts, equal checksums all the way, types that make sense, by specs of a few lines; run twice, nothing doubles.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import move, outside, write_spec

DATA = Path(__file__).parents[3] / "shared" / "data"
BENCH = DATA / "12-elt-bench-local"
DATABASES = DATA / "05a-relational-databases"
PIPELINES = ["github", "mailchimp", "marketo", "xero"]
DUMPS = {
    "chinook": "chinook/Chinook_PostgreSql.sql",
    "northwind-pg": "northwind-pg/northwind_pg.sql",
    "pagila": "pagila/pagila_pg.sql",
    "world-pg": "world-pg/world_pg.sql",
}

needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"the third-party data is not at {DATA}")


def checksums(record: Any) -> dict[str, tuple[int, str]]:
    return {receipt["dataset"]: (receipt["loaded"], receipt["checksum_target"]) for receipt in record["outputs"]}


def counts(record: Any) -> dict[str, int]:
    return {receipt["dataset"]: receipt["loaded"] for receipt in record["outputs"]}


@needs_data
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_files_to_postgres_to_parquet_and_sqlite(pipeline: str, tmp_path: Path, postgres_database: str) -> None:
    expected = json.loads((BENCH / "expected.json").read_text())[pipeline]["rows"]
    world = outside(tmp_path, lake=postgres_database)
    files = {"csv": {"path": str(BENCH / pipeline / "source")}}
    database = {"postgres": {"connection": "lake"}}
    into = write_spec(tmp_path, "into", source=files, target=database)
    first = move(into, roots=[tmp_path, DATA], **world)
    assert counts(first) == expected
    again = move(into, roots=[tmp_path, DATA], **world)
    assert not any(receipt["already"] for receipt in again["outputs"])
    assert counts(again) == expected

    parquet = write_spec(tmp_path, "parquet", source=database, target={"parquet": {"path": "lake"}})
    sqlite = write_spec(tmp_path, "sqlite", source=database, target={"sqlite": {"path": "lake.db"}})
    for spec in (parquet, sqlite):
        for run in ("r1", "r1", "r2"):
            record = move(spec, run, **world)
            assert checksums(record) == checksums(first)
            assert record["reconciliation"]["balanced"]
    with sqlite3.connect(tmp_path / "lake.db") as connection:
        found = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in expected}
    assert found == expected


@needs_data
@pytest.mark.parametrize("name", sorted(DUMPS))
def test_databases_to_parquet_and_sqlite(name: str, tmp_path: Path, postgres_database: str) -> None:
    loaded = load_dump(DATABASES / DUMPS[name], postgres_database)
    truth = {table["table"]: table for table in json.loads((DATABASES / name / "truth.json").read_text())}
    world = outside(tmp_path, shop=loaded)
    source = {"postgres": {"connection": "shop", "tables": sorted(truth)}}
    parquet = move(write_spec(tmp_path, "parquet", source=source, target={"parquet": {"path": "lake"}}), **world)
    sqlite = move(write_spec(tmp_path, "sqlite", source=source, target={"sqlite": {"path": "lake.db"}}), **world)
    again = write_spec(tmp_path, "sqlite", source=source, target={"sqlite": {"path": "lake.db"}})
    for run in ("r1", "r2"):
        assert checksums(move(again, run, **world)) == checksums(sqlite)
    with sqlite3.connect(tmp_path / "lake.db") as connection:
        found = {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in truth}
    assert found == {table: rows["rows"] for table, rows in truth.items()}
    assert counts(parquet) == {table: rows["rows"] for table, rows in truth.items()}
    assert checksums(parquet) == checksums(sqlite)
    assert parquet["reconciliation"]["quarantined"] == 0

    back = write_spec(
        tmp_path,
        "back",
        source={"sqlite": {"path": "lake.db", "tables": sorted(truth)}},
        target={"postgres": {"connection": "shop", "schema": "back"}},
    )
    assert checksums(move(back, **world)) == checksums(parquet)


@needs_data
def test_types_make_sense(tmp_path: Path) -> None:
    world = outside(tmp_path)
    source = {"csv": {"path": str(BENCH / "xero" / "source" / "invoice.csv")}}
    spec = write_spec(tmp_path, "types", source=source, target={"parquet": {"path": "lake"}})
    plan = wv.plan(spec, rules_only=True, roots=[tmp_path, DATA], **world)
    types = {field["name"]: field["type"] for field in plan["inputs"][0]["schema"]}
    assert types["date"] in {"date", "timestamp"}
    assert types["total"].startswith(("decimal", "int64"))
    assert types["invoice_id"] == "uuid"


@needs_data
def test_sqlite_file_to_postgres_and_back(tmp_path: Path, postgres_database: str) -> None:
    world = outside(tmp_path, lake=postgres_database)
    source = {"sqlite": {"path": str(DATABASES / "chinook" / "Chinook_Sqlite.sqlite")}}
    into = write_spec(tmp_path, "into", source=source, target={"postgres": {"connection": "lake"}})
    first = move(into, roots=[tmp_path, DATA], **world)
    assert first["reconciliation"]["quarantined"] == 0
    out = write_spec(tmp_path, "out", source={"postgres": {"connection": "lake"}}, target={"parquet": {"path": "lake"}})
    moved = checksums(move(out, **world))
    moved.pop("windvane_loads", None)
    assert moved == checksums(first)


def load_dump(dump: Path, url: str) -> str:
    done = subprocess.run(["psql", "-q", "-X", "-f", str(dump), url], capture_output=True, text=True, check=False)
    # Some dumps make a database of their own and connect to it.
    own = next(
        (
            line.split()[-1].strip('";')
            for line in dump.read_text(errors="replace").splitlines()
            if line.startswith("\\c ")
        ),
        None,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return url.rsplit("/", 1)[0] + "/" + own if own else url
