"""Several files that are one dataset: what one of them says otherwise is matched, refused or put aside, never lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError, DataError


def case(folder: Path, **dataset: Any) -> Path:
    return write_spec(
        folder,
        "together",
        source={"files": {"path": "in"}},
        target={"parquet": {"path": "lake"}},
        datasets={"t": dataset} if dataset else {},
        guard={"quarantined": 1},
    )


def put(folder: Path, part: str, content: str | pa.Table) -> None:
    place = folder / "in" / "t" / part
    place.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        ending = "jsonl" if content.startswith("{") else "csv"
        (place / f"part.{ending}").write_text(content)
    else:
        pq.write_table(content, place / "part.parquet")


def loaded(folder: Path) -> list[dict[str, Any]]:
    return sorted(parquet_rows(folder / "lake" / "t"), key=lambda row: row["k"])


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_header_in_capitals_is_the_same_header(tmp_path: Path, kind: str, strategy: str) -> None:
    texts = {
        "csv": ("x,y\n1,2\n", "Y,X\n4,3\n"),
        "jsonl": ('{"x": 1, "y": 2}\n', '{"Y": 4, "X": 3}\n'),
        "parquet": (pa.table({"x": [1], "y": [2]}), pa.table({"Y": [4], "X": [3]})),
    }
    first, second = texts[kind]
    put(tmp_path, "k=1", first)
    put(tmp_path, "k=2", second)
    record = move(case(tmp_path, strategy=strategy), **outside(tmp_path))
    assert record["reconciliation"]["loaded"] == 2
    assert loaded(tmp_path) == [{"x": 1, "y": 2, "k": 1}, {"x": 3, "y": 4, "k": 2}]


def test_a_later_file_in_capitals(tmp_path: Path) -> None:
    put(tmp_path, "k=1", "x,y\n1,2\n")
    spec, world = case(tmp_path), outside(tmp_path)
    move(spec, "r1", **world)
    put(tmp_path, "k=2", "X,Y\n3,4\n")
    move(spec, "r2", **world)
    assert loaded(tmp_path) == [{"x": 1, "y": 2, "k": 1}, {"x": 3, "y": 4, "k": 2}]


def test_two_columns_that_differ_in_case_stay_two(tmp_path: Path) -> None:
    put(tmp_path, "k=1", pa.table({"a": [1], "A": [2]}))
    put(tmp_path, "k=2", pa.table({"A": [3]}))
    move(case(tmp_path), **outside(tmp_path))
    assert loaded(tmp_path) == [{"a": 1, "A": 2, "k": 1}, {"a": None, "A": 3, "k": 2}]


def test_one_file_without_its_header_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "k=1", "x,y\n1,2\n5,6\n")
    put(tmp_path, "k=2", "3,4\n7,8\n")
    with pytest.raises(DataError, match="has no header, where the other files of its dataset have one") as caught:
        move(case(tmp_path), **outside(tmp_path))
    assert str(caught.value.place["file"]).endswith("k=2/part.csv")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_says_otherwise_than_its_folder(tmp_path: Path, kind: str) -> None:
    def content(value: int) -> str | pa.Table:
        return f"id,k\n1,{value}\n" if kind == "csv" else pa.table({"id": [1], "k": [value]})

    put(tmp_path, "k=1", content(1))
    put(tmp_path, "k=2", content(2))
    spec, world = case(tmp_path), outside(tmp_path)
    move(spec, "r1", **world)
    assert loaded(tmp_path) == [{"id": 1, "k": 1}, {"id": 1, "k": 2}]
    put(tmp_path, "k=2", content(9))
    with pytest.raises(DataError, match="other values than its folder 'k="):
        move(spec, "r2", **world)


def test_numbers_that_a_float_would_round_are_put_aside(tmp_path: Path) -> None:
    put(tmp_path, "k=1", pa.table({"a": [2**53 + 1, 2**53]}))
    put(tmp_path, "k=2", pa.table({"a": [0.5]}))
    record = move(case(tmp_path), **outside(tmp_path))
    assert [row["a"] for row in loaded(tmp_path)] == [float(2**53), 0.5]
    assert record["reconciliation"]["quarantined"] == 1


def test_with_the_store_lost_a_file_that_lacks_a_column_stops_the_load(tmp_path: Path) -> None:
    put(tmp_path, "k=1", "id,status\n1,open\n2,open\n")
    spec, world = case(tmp_path, key="id", mode="merge"), outside(tmp_path)
    move(spec, "r1", **world)
    (tmp_path / "store.db").unlink()
    put(tmp_path, "k=2", "id\n1\n")
    with pytest.raises(ConflictError, match=r"the file 'k=2/part.csv' lacks 'status'"):
        move(spec, "r2", **world)
    assert sorted((row["id"], row["status"]) for row in parquet_rows(tmp_path / "lake" / "t")) == [
        (1, "open"),
        (2, "open"),
    ]


def test_a_dataset_that_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.csv").write_text("id,v\n1,2\n")
    spec = write_spec(tmp_path, "two", source={"csv": {"path": "in/*.csv"}}, target={"parquet": {"path": "lake"}})
    world = outside(tmp_path)
    move(spec, "r1", **world)
    (tmp_path / "in" / "a.csv").unlink()
    record = move(spec, "r2", **world)
    (told,) = [note["what"] for note in record["drift"] if note["dataset"] == "a"]
    assert "not at the source any more: 'a' at the target stays as it is" in told
