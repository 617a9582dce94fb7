"""Texts for a column of floats that is there: a number that it would not give back goes to quarantine, whatever else is in the file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, write_spec

if TYPE_CHECKING:
    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

Case = tuple[str, str, list[str], dict[int, float]]
WIDE = ["9007199254740993", "0.1", "1e400", "n/a", "12345678.9", "0.30000000000000004", "1.5e3", "-2.50", "inf"]
CODES = ["12E3", "120E2", "1.5", "-99E1", "1.5E+3"]
DOUBLE = {1: 0.1, 4: 12345678.9, 5: 0.30000000000000004, 6: 1500.0, 7: -2.5}
SINGLE = {1: 0.1, 6: 1500.0, 7: -2.5}
CASES: list[Case] = [
    ("postgres", "double precision", WIDE, {**DOUBLE, 8: float("inf")}),
    ("postgres", "real", WIDE, {**SINGLE, 8: float("inf")}),
    ("mysql", "double", WIDE, DOUBLE),
    ("mysql", "float", WIDE, SINGLE),
    ("sqlite", "real", WIDE, {**DOUBLE, 8: float("inf")}),
    ("sqlite", "numeric", WIDE, {**DOUBLE, 8: float("inf")}),
    ("postgres", "double precision", CODES, {2: 1.5, 4: 1500.0}),
    ("mysql", "double", CODES, {2: 1.5, 4: 1500.0}),
    ("sqlite", "numeric", CODES, {2: 1.5, 4: 1500.0}),
]
WAYS = [(mode, strategy) for mode in ("append", "replace", "merge") for strategy in ("staged", "fused")]


class Place:
    """A table with a column of floats in one of the databases."""

    def __init__(self, word: str, columns: str, folder: Path, postgres: Server, mariadb: MariadbServer) -> None:
        self.word, self.file = word, folder / "there.db"
        self.server: Any = {"postgres": postgres, "mysql": mariadb}.get(word)
        if self.server is None:
            with closing(sqlite3.connect(self.file)) as file:
                file.execute(f"CREATE TABLE t ({columns})")
            self.url = f"sqlite:///{self.file}"
            return
        self.database = self.server.database()
        self.server.execute(f"CREATE TABLE t ({columns})", database=self.database)
        self.url = self.server.url(self.database)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if self.server is not None:
            return list(self.server.query(query, database=self.database))
        with closing(sqlite3.connect(self.file)) as file:
            return list(file.execute(query))


def reasons(record: dict[str, Any]) -> dict[str, str]:
    lines = [line for file in record["outputs"][0]["quarantine"] for line in Path(file).read_text().splitlines()]
    return {entry["record"]["c"]: entry["reason"] for entry in map(json.loads, lines)}


@pytest.mark.parametrize(("mode", "strategy"), WAYS)
@pytest.mark.parametrize(("word", "kind", "values", "kept"), CASES)
def test_floats(
    tmp_path: Path, postgres: Server, mariadb: MariadbServer, mode: str, strategy: str,
    word: str, kind: str, values: list[str], kept: dict[int, float],
) -> None:  # fmt: skip
    place = Place(word, f"id integer PRIMARY KEY, c {kind}", tmp_path, postgres, mariadb)
    (tmp_path / "t.csv").write_text("id,c\n" + "".join(f"{at},{value}\n" for at, value in enumerate(values)))
    path = write_spec(
        tmp_path,
        "floats",
        source={"csv": {"path": "t.csv"}},
        target={word: {"connection": "db", "mode": mode}},
        datasets={"t": {"strategy": strategy, "adopt": True, **({"key": "id"} if mode == "merge" else {})}},
    )
    world = outside(tmp_path, db=place.url)
    (planned,) = [step for step in wv.plan(path, rules_only=True, write=False, **world)["outputs"][0]["steps"]
                  if "parse" in step["step"]]  # fmt: skip
    assert "there already" in planned["reason"]
    record = move(path, **world)
    sums = record["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (len(kept), len(values) - len(kept))
    assert {at: pytest.approx(value, rel=1e-6) for at, value in kept.items()} == dict(place.rows("SELECT id, c FROM t"))
    if kind in ("double precision", "double", "numeric"):
        assert dict(place.rows("SELECT id, c FROM t")) == kept
    said = reasons(record)
    assert set(said) == {value for at, value in enumerate(values) if at not in kept}
    if values is WIDE:
        held = "a float32" if kind in ("real", "float") and word != "sqlite" else "a float64"
        assert said["9007199254740993"].startswith(f"'9007199254740993' has more digits than {held} holds")
        assert "is not" in said["n/a"]
    else:
        assert "as codes are" in said["12E3"]


def test_codes_of_a_key_stay_apart(tmp_path: Path, postgres: Server, mariadb: MariadbServer) -> None:
    place = Place("sqlite", "c numeric PRIMARY KEY, v integer", tmp_path, postgres, mariadb)
    (tmp_path / "t.csv").write_text("c,v\n12E3,1\n120E2,2\n7,3\n")
    path = write_spec(
        tmp_path,
        "codes",
        source={"csv": {"path": "t.csv"}},
        target={"sqlite": {"connection": "db", "mode": "merge"}},
        datasets={"t": {"key": "c", "adopt": True}},
    )
    sums = move(path, **outside(tmp_path, db=place.url))["reconciliation"]
    assert (sums["loaded"], sums["filtered"], sums["quarantined"]) == (1, 0, 2)
    assert place.rows("SELECT c, v FROM t") == [(7, 3)]


def test_a_step_of_the_spec_reads_floats_that_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,c\n1,9007199254740993\n2,0.5\n3,n/a\n")
    more: dict[str, Any] = {"source": {"csv": {"path": "t.csv"}}, "target": {"jsonl": {"path": "lake"}}}
    path = write_spec(tmp_path, "own", steps=[{"parse": {"columns": ["c"], "to": "float64"}}], **more)
    sums = move(path, **outside(tmp_path))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (1, 2)


@pytest.mark.parametrize("verify", ["rows", "auto"])
@pytest.mark.parametrize(("mode", "strategy"), [*WAYS, ("history", "staged")])
def test_texts_that_sqlite_takes_for_numbers(
    tmp_path: Path, postgres: Server, mariadb: MariadbServer, mode: str, strategy: str, verify: str
) -> None:
    """A column that is declared `STRING` has the affinity of numbers."""
    versions = ", valid_from timestamptz, valid_to timestamptz, is_current boolean" if mode == "history" else ""
    place = Place("sqlite", f"id integer, c string{versions}", tmp_path, postgres, mariadb)
    values = ["007", "x", "12E3", "7", "1.5", "1.10", "+5", ".5", "1 000", "2.0", "0x10"]
    (tmp_path / "t.csv").write_text("id,c\n" + "".join(f"{at},{value}\n" for at, value in enumerate(values)))
    path = write_spec(
        tmp_path,
        "texts",
        source={"csv": {"path": "t.csv"}},
        target={"sqlite": {"connection": "db", "mode": mode}},
        datasets={
            "t": {"strategy": strategy, "adopt": True, **({"key": "id"} if mode in ("merge", "history") else {})}
        },
        verify=verify,
    )
    record = move(path, **outside(tmp_path, db=place.url))
    sums = record["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (5, 6)
    assert set(reasons(record)) == {"007", "12E3", "1.10", "+5", ".5", "2.0"}
    assert [str(row[0]) for row in place.rows("SELECT c FROM t ORDER BY id")] == ["x", "7", "1.5", "1 000", "0x10"]
