"""Folders of files that change: columns that only newer files have, and one file that is not as the others are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError, DataError

if TYPE_CHECKING:
    from pathlib import Path

Rows = list[tuple[Any, ...]]


class Case:
    """A pipeline of one folder."""

    def __init__(self, folder: Path, source: str, mode: str = "replace", **settings: Any) -> None:
        self.folder, self.source = folder, source
        key = {"key": "id"} if mode == "merge" else {}
        self.spec = write_spec(
            folder,
            "shop",
            source={source: {"path": "in/s"}},
            target={"parquet": {"path": "lake", "mode": mode}},
            datasets={"s": {**key, **settings}},
        )
        self.world = outside(folder)

    def put(self, file: str, head: str, rows: Rows) -> None:
        path = self.folder / "in" / "s" / f"{file}.{self.source}"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = head.split(",")
        if self.source == "csv":
            path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
        elif self.source == "jsonl":
            path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
        else:
            pq.write_table(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]), path)

    def run(self, run: str) -> Any:
        return move(self.spec, run, **self.world)

    def held(self, *columns: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(row[name] for name in columns) for row in parquet_rows(self.folder / "lake" / "s"))


def some(first: int, last: int) -> Rows:
    return [(at, f"n{at}", at % 7) for at in range(first, last)]


@pytest.mark.parametrize("store", ["kept", "lost"])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
@pytest.mark.parametrize("source", ["csv", "parquet", "jsonl"])
def test_a_column_that_newer_files_have(tmp_path: Path, source: str, mode: str, strategy: str, store: str) -> None:
    case = Case(tmp_path, source, mode, strategy=strategy)
    old, new = some(0, 30), [(*row, "x") for row in some(30, 45)]
    case.put("p=1/a", "id,name,qty", old)
    case.run("r1")
    case.put("p=2/b", "id,name,qty,ex", new)
    if store == "lost":
        case.world["store"] = f"sqlite:///{tmp_path}/other.db"
    case.run("r2")
    wanted = [(row[0], None) for row in old] + [(row[0], "x") for row in new]
    twice = [(row[0], None) for row in old] if mode == "append" else []
    held = parquet_rows(tmp_path / "lake" / "s")
    assert sorted(((row["id"], row.get("ex")) for row in held), key=str) == sorted(wanted + twice, key=str)
    # And what comes later may have it or not.
    case.put("p=3/c", "id,name,qty", some(45, 50))
    case.run("r3")
    assert {row["id"] for row in parquet_rows(tmp_path / "lake" / "s")} == set(range(50))


def test_a_column_that_a_file_has_lost_stops_all_the_same(tmp_path: Path) -> None:
    case = Case(tmp_path, "csv", "append")
    case.put("p=1/a", "id,name,qty", some(0, 30))
    case.run("r1")
    case.put("p=2/b", "id,name,ex", some(30, 45))
    with pytest.raises(ConflictError, match="the file 'p=2/b.csv' lacks 'qty'"):
        case.run("r2")


def test_a_trailing_comma(tmp_path: Path) -> None:
    case = Case(tmp_path, "csv")
    case.put("p=1/a", "id,name,qty", some(0, 30))
    case.run("r1")
    case.put("p=2/b", "id,name,qty,", [(*row, "") for row in some(30, 45)])
    case.run("r2")
    assert case.held("id", "name", "qty") == some(0, 45)


@pytest.mark.parametrize("columns", ["freeze", "quarantine"])
def test_where_new_columns_are_not_wanted(tmp_path: Path, columns: str) -> None:
    case = Case(tmp_path, "csv", drift={"columns": columns})
    case.put("p=1/a", "id,name,qty", some(0, 30))
    case.run("r1")
    case.put("p=2/b", "id,name,qty,ex", [(*row, "x") for row in some(30, 32)])
    record = case.run("r2")
    assert record["reconciliation"]["quarantined"] == (2 if columns == "quarantine" else 0)
    assert case.held("id", "name", "qty") == some(0, 30 if columns == "quarantine" else 32)


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
@pytest.mark.parametrize("source", ["csv", "jsonl"])
@pytest.mark.parametrize("rows", [15, 4])
def test_one_of_several_files_with_exchanged_values(
    tmp_path: Path, source: str, mode: str, strategy: str, rows: int, *, planned: bool
) -> None:
    case = Case(tmp_path, source, mode, strategy=strategy)
    case.put("p=1/a", "id,name,qty", some(0, 30))
    if planned:
        wv.plan(case.spec, rules_only=True, **case.world)
    case.run("r1")
    case.put(
        "p=2/b",
        "id,name,qty",
        [(at, str(qty) if source == "jsonl" else qty, name) for at, name, qty in some(30, 30 + rows)],
    )
    words = rf"in the file 'p=2/b.{source}' column 'qty' is of another kind now: none of its {rows} values is int64 \(first: row 1, 'n30'\)"
    with pytest.raises(ConflictError, match=words):
        case.run("r2")
    assert case.held("id", "name", "qty") == some(0, 30)


def test_a_file_whose_values_outgrow_their_type_widens(tmp_path: Path) -> None:
    case = Case(tmp_path, "csv")
    case.put("p=1/a", "id,name,qty", some(0, 30))
    case.run("r1")
    case.put("p=2/b", "id,name,qty", [(30, "n30", "A-1"), (31, "n31", 2)])
    record = case.run("r2")
    assert any("(first: row 31, 'A-1')" in note["what"] for note in record["drift"])
    assert case.held("id", "qty")[30:] == [(30, "A-1"), (31, "2")]


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("store", ["kept", "lost"])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("mode", ["replace", "merge"])
@pytest.mark.parametrize("head", ["id,name", "id,name,amount"])
def test_a_member_that_one_file_has_lost(
    tmp_path: Path, head: str, mode: str, strategy: str, store: str, planned: bool
) -> None:
    """Of JSON lines, it would put nulls in the place of values, however many other files have it."""
    case = Case(tmp_path, "jsonl", mode, strategy=strategy)
    case.put("p=1/a", "id,name,qty", some(0, 30))
    case.put("p=2/b", "id,name,qty", some(30, 60))
    if planned:
        wv.plan(case.spec, rules_only=True, **case.world)
    case.run("r1")
    before = case.held("id", "name", "qty")
    case.put("p=2/b", head, [row[: head.count(",") + 1] for row in some(30, 60)])
    if store == "lost":
        case.world["store"] = f"sqlite:///{tmp_path}/other.db"
    with pytest.raises(DataError, match="the file .*b.jsonl.* lacks 'qty'"):
        case.run("r2")
    assert case.held("id", "name", "qty") == before
    wv.run(case.spec, run="r2", rules_only=True, allow=["emptied_columns"], **case.world)
    assert len(case.held("id")) == 60


def test_a_member_that_some_file_never_had_is_optional(tmp_path: Path) -> None:
    case = Case(tmp_path, "jsonl", "merge")
    case.put("p=1/a", "id,name,qty", some(0, 30))
    case.put("p=2/b", "id,name", [row[:2] for row in some(30, 60)])
    case.run("r1")
    case.put("p=3/c", "id,name", [row[:2] for row in some(60, 90)])
    case.run("r2")
    assert len(case.held("id")) == 90
    # A file that has it in its last row has it.
    case.put("p=1/a", "id,name", [row[:2] for row in some(0, 30)])
    with (tmp_path / "in" / "s" / "p=1" / "a.jsonl").open("a") as file:
        file.write('{"id": 0, "name": "n0", "qty": 9}\n')
    case.run("r3")
