"""PostgreSQL's numeric without digits: later values may be longer or finer, and nothing of the source has changed."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import outside, parquet_rows, write_spec

if TYPE_CHECKING:
    from pathlib import Path

    from services.postgres import Server

LATER = ["1.5", "1e25", "0.0000000001"]


def numbers(folder: Path, target: str, postgres: Server, database: str) -> list[Decimal]:
    if target == "postgres":
        found = [row[0] for row in postgres.query("SELECT n FROM tg.t ORDER BY id", database=database)]
    elif target == "sqlite":
        open_file = sqlite3.connect(folder / "out.db")
        found = [row[0] for row in open_file.execute("SELECT n FROM t ORDER BY id, rowid")]
        open_file.close()
    else:
        found = [row["n"] for row in sorted(parquet_rows(folder / "lake" / "t"), key=lambda row: row["id"])]
    return [Decimal(str(value)) for value in found]


@pytest.mark.parametrize("planned", [False, True], ids=["unplanned", "planned"])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize(
    ("target", "mode"),
    [
        ("sqlite", "replace"),
        ("sqlite", "append"),
        ("sqlite", "merge"),
        ("sqlite", "history"),
        ("parquet", "replace"),
        ("parquet", "merge"),
        ("postgres", "replace"),
        ("postgres", "merge"),
    ],
)
def test_later_values_fit(
    tmp_path: Path, postgres: Server, target: str, mode: str, strategy: str, planned: bool
) -> None:
    database = postgres.database()
    postgres.execute("CREATE SCHEMA tg", database=database)
    postgres.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric)", database=database)
    postgres.execute("INSERT INTO t VALUES (1, 10), (2, 20)", database=database)
    where: dict[str, dict[str, Any]] = {
        "sqlite": {"path": "out.db"},
        "parquet": {"path": "lake"},
        "postgres": {"connection": "db", "schema": "tg"},
    }
    spec = write_spec(
        tmp_path,
        "p",
        source={"postgres": {"connection": "db", "tables": ["t"]}},
        target={target: where[target]},
        datasets={"t": {"mode": mode, "strategy": strategy, **({"load_id": True} if mode == "append" else {})}},
    )
    world = outside(tmp_path, db=postgres.url(database))
    if planned:
        wv.plan(spec, rules_only=True, **world)
    wv.run(spec, run="r0", rules_only=True, **world)
    right = ["10", "20"]
    for number, value in enumerate(LATER, 3):
        postgres.execute(f"INSERT INTO t VALUES ({number}, {value})", database=database)
        sums = wv.run(spec, run=f"r{number}", rules_only=True, **world)["reconciliation"]
        assert (sums["quarantined"], sums["balanced"]) == (0, True)
        right.append(value)
        if mode != "append":
            assert numbers(tmp_path, target, postgres, database) == [Decimal(one) for one in right]


def by_cursor(
    tmp_path: Path, postgres: Server, mode: str, values: str, **more: Any
) -> tuple[str, Path, dict[str, Any]]:
    """A table of such numbers that is read by them: its database, its spec and the world of its runs."""
    database = postgres.database()
    postgres.execute("CREATE SCHEMA tg", database=database)
    postgres.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric)", database=database)
    postgres.execute(f"INSERT INTO t VALUES {values}", database=database)
    spec = write_spec(
        tmp_path,
        "p",
        source={"postgres": {"connection": "db", "tables": ["t"]}},
        target={"postgres": {"connection": "db", "schema": "tg", "mode": mode}},
        datasets={"t": {"incremental": {"column": "n"}, "key": "id", **more}},
    )
    return database, spec, outside(tmp_path, db=postgres.url(database))


@pytest.mark.parametrize("value", ["0.10000000000000000001", "1e25"])
def test_a_cursor_without_digits(tmp_path: Path, postgres: Server, value: str) -> None:
    database, spec, world = by_cursor(tmp_path, postgres, "merge", "(1, 0.1)")
    wv.run(spec, run="r1", rules_only=True, **world)
    postgres.execute(f"INSERT INTO t VALUES (2, {value})", database=database)
    wv.run(spec, run="r2", rules_only=True, **world)
    assert numbers(tmp_path, "postgres", postgres, database) == [Decimal("0.1"), Decimal(value)]
    postgres.execute(f"INSERT INTO t VALUES (3, {value} + 1)", database=database)
    wv.run(spec, run="r3", rules_only=True, **world)
    assert len(numbers(tmp_path, "postgres", postgres, database)) == 3


@pytest.mark.parametrize("mode", ["merge", "append"])
def test_a_cursor_beyond_all_digits_is_not_passed_over(tmp_path: Path, postgres: Server, mode: str) -> None:
    """More digits than any column of decimals has: refused, and read again each time, while other rows go on."""
    values = "(1, 0.1), (2, 0.10000000000000000001)"
    database, spec, world = by_cursor(tmp_path, postgres, mode, values, guard={"quarantined": 1})
    wv.run(spec, run="r1", rules_only=True, **world)
    postgres.execute("INSERT INTO t VALUES (3, 1e25), (4, 0.2)", database=database)
    for run, also in (("r2", ["0.2"]), ("r3", ["0.2", "0.3"])):
        sums = wv.run(spec, run=run, rules_only=True, **world)["reconciliation"]
        assert (sums["quarantined"], sums["balanced"]) == (1, True)
        held = numbers(tmp_path, "postgres", postgres, database)
        assert held == [Decimal(one) for one in ("0.1", "0.10000000000000000001", *also)]
        postgres.execute("INSERT INTO t VALUES (5, 0.3) ON CONFLICT DO NOTHING", database=database)
