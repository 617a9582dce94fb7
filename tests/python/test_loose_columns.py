"""SQLite's columns keep what they are given: what arrives is what is stored, and a column has one type and one unit."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError

if TYPE_CHECKING:
    from pathlib import Path

BIG = 9007199254740993
"""The first whole number that no double holds."""


def put(folder: Path, declared: str, values: list[Any], first: int = 1) -> None:
    with sqlite3.connect(folder / "in.db") as database:
        database.execute(f"CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v {declared})")
        database.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(values, first)))
    database.close()


def of_file(folder: Path, **more: Any) -> Path:
    more.setdefault("target", {"sqlite": {"path": "out.db"}})
    return write_spec(folder, "p", source={"sqlite": {"path": "in.db"}}, **more)


def moved(folder: Path, **more: Any) -> tuple[list[Any], int]:
    """What arrived, and how many rows are in quarantine."""
    sums = move(of_file(folder, **more), **outside(folder))["reconciliation"]
    assert sums["balanced"]
    return arrived(folder), sums["quarantined"]


def arrived(folder: Path) -> list[Any]:
    database = sqlite3.connect(folder / "out.db")
    rows = database.execute("SELECT v FROM t ORDER BY id").fetchall()
    database.close()
    return [value for (value,) in rows]


@pytest.mark.parametrize("declared", ["NUMERIC", "DECIMAL", "MONEY", "NUMERIC(20,0)", "NUMBER(20)", "UNSIGNED BIG INT"])
def test_a_whole_number_never_passes_through_a_double(tmp_path: Path, declared: str) -> None:
    put(tmp_path, declared, [BIG, 1234567890123456789, 2, -BIG])
    values, lost = moved(tmp_path)
    assert ([int(value) for value in values], lost) == ([BIG, 1234567890123456789, 2, -BIG], 0)


def test_large_whole_numbers_beside_fractions(tmp_path: Path) -> None:
    put(tmp_path, "NUMERIC", [1, 1.5, 1.2345678901234567e19, BIG, 0.1])
    values, lost = moved(tmp_path)
    assert (values, lost) == (["1.0", "1.5", "12345678901234567000.0", f"{BIG}.0", "0.1"], 0)


def test_small_numbers_stay_doubles_and_a_larger_one_is_not_changed(tmp_path: Path) -> None:
    put(tmp_path, "NUMERIC", [1, 2.5])
    assert moved(tmp_path) == ([1.0, 2.5], 0)
    spec = of_file(tmp_path)
    wv.plan(spec, rules_only=True, **outside(tmp_path))
    put(tmp_path, "NUMERIC", [BIG], 3)
    with pytest.raises(ConflictError, match=r"column 'v' was float64 and is decimal"):
        wv.run(spec, run="r2", rules_only=True, **outside(tmp_path))
    assert arrived(tmp_path) == [1.0, 2.5]


@pytest.mark.parametrize(
    ("declared", "values", "right", "lost"),
    [
        ("DATETIME", [1704067200, 94608000], ["2024-01-01T00:00:00", "1972-12-31T00:00:00"], 0),
        # Milliseconds, one of which would be a moment in seconds too.
        ("DATETIME", [1704067200000, 94608000000, 0, -1], ["2024-01-01", "1972-12-31", "1970-01-01", "1969-12-31"], 0),
        ("TIMESTAMP", [1704067200000, 86400000], ["2024-01-01T00:00:00", "1970-01-02T00:00:00"], 0),
        ("TIMESTAMP", [1704067200000001], ["2024-01-01T00:00:00.000001"], 0),
        ("TIMESTAMP", [1704067200000001000, 1704067200000001001], ["2024-01-01T00:00:00.000001"], 1),
        # As SQLite's `unixepoch` has it, where nothing speaks for another unit.
        ("DATETIME", [86400000], ["1972-09-27T00:00:00"], 0),
        # What speaks for another unit than the most.
        ("DATETIME", [1704067200, 1704067260, 1704067200000], ["2024-01-01T00:00:00", "2024-01-01T00:01:00"], 1),
        ("DATETIME", [1704067200000, 1704067260000, 1704067200], ["2024-01-01T00:00:00", "2024-01-01T00:01:00"], 1),
        ("DATE", [1704067200000], ["2024-01-01"], 0),
    ],
)
def test_numbers_of_a_column_count_one_unit(
    tmp_path: Path, declared: str, values: list[int], right: list[str], lost: int
) -> None:
    put(tmp_path, declared, values)
    came, refused = moved(tmp_path)
    assert refused == lost
    assert len(came) == len(right)
    for value, start in zip(came, right, strict=True):
        assert value.startswith(start)


def test_the_unit_is_in_the_plan_and_stays(tmp_path: Path) -> None:
    put(tmp_path, "DATETIME", [1704067200000, 1704067260000])
    spec, world = of_file(tmp_path), outside(tmp_path)
    wv.plan(spec, rules_only=True, **world)
    assert "v timestamp (its numbers are milliseconds since 1970)" in wv.explain(tmp_path / "p.plan.json")
    assert moved(tmp_path)[1] == 0
    put(tmp_path, "DATETIME", [1704067200 + number for number in range(3)], 3)
    sums = wv.run(spec, run="r2", rules_only=True, **world)["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (2, 3)


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("declared", ["DATETIME", "TIMESTAMP"])
def test_moments_with_a_zone_are_instants(tmp_path: Path, declared: str, strategy: str) -> None:
    put(
        tmp_path,
        declared,
        ["2024-01-01T00:00:00Z", "2024-01-02 00:00:00+00:00", "2024-01-02 00:00:00+02:00", 1704067200],
    )
    target = {"parquet": {"path": "lake"}}
    move(of_file(tmp_path, target=target, datasets={"t": {"strategy": strategy}}), **outside(tmp_path))
    rows = parquet_rows(tmp_path / "lake" / "t")
    assert [row["v"].isoformat() for row in sorted(rows, key=lambda row: row["id"])] == [
        "2024-01-01T00:00:00+00:00",
        "2024-01-02T00:00:00+00:00",
        "2024-01-01T22:00:00+00:00",
        "2024-01-01T00:00:00+00:00",
    ]


def test_of_mixed_moments_the_fewer_go_to_quarantine(tmp_path: Path) -> None:
    put(tmp_path, "DATETIME", ["2024-01-01 00:00:00", "2024-01-02 00:00:00", "2024-01-03T00:00:00Z"])
    values, lost = moved(tmp_path)
    assert (len(values), lost) == (2, 1)


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize(
    ("declared", "values", "to", "right"),
    [
        ("BOOLEAN", [0, 1, 2], "int64", [0, 1, 2]),
        ("BOOLEAN", [0, 1, "yes"], "text", ["0", "1", "yes"]),
        ("INTEGER", [1, "abc"], "text", ["1", "abc"]),
        ("DATE", ["2024-01-01", "n/a", 45292], "text", ["2024-01-01", "n/a", "45292"]),
        ("DATETIME", [1704067200000, 94608000000], "int64", [1704067200000, 94608000000]),
        (
            "DATETIME",
            [1704067200000, "2024-01-01T00:00:00+02:00"],
            "text",
            ["1704067200000", "2024-01-01T00:00:00+02:00"],
        ),
        ("NUMERIC", [BIG, 1], "text", [str(BIG), "1"]),
        ("NUMERIC", [BIG, 1], "int64", [BIG, 1]),
        ("NUMERIC", [BIG, 1], "decimal(20,0)", [str(BIG), "1"]),
        ("DECIMAL(10,2)", [1.5, "x"], "text", ["1.5", "x"]),
    ],
)
def test_a_cast_in_the_first_step_decides(
    tmp_path: Path, declared: str, values: list[Any], to: str, right: list[Any], strategy: str
) -> None:
    put(tmp_path, declared, values)
    datasets = {"t": {"strategy": strategy, "steps": [{"cast": {"v": to}}]}}
    assert moved(tmp_path, datasets=datasets) == (right, 0)
    # A column that came since changes nothing in how this one is read.
    with sqlite3.connect(tmp_path / "in.db") as database:
        database.execute("ALTER TABLE t ADD COLUMN more TEXT")
    database.close()
    again = wv.run(of_file(tmp_path, datasets=datasets), run="r2", rules_only=True, **outside(tmp_path))
    assert again["reconciliation"]["quarantined"] == 0
    assert arrived(tmp_path) == right
