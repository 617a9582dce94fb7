"""A column of which no value is of its type any more is of another kind, not outgrown: the run stops before the load. Empty files of windows."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError

ROWS = [f"{number},sku{number},{number}.50,{number}" for number in range(1, 41)]
HEADER = "id,name,amount,count"


class Case:
    """A pipeline of one CSV file that has been loaded once."""

    def __init__(self, folder: Path, *, planned: bool, strategy: str, mode: str = "replace", rows: Any = ROWS) -> None:
        self.folder = folder
        self.write(HEADER, rows)
        key = {"key": "id"} if mode == "merge" else {}
        self.spec = write_spec(
            folder,
            "items",
            source={"csv": {"path": "items.csv"}},
            target={"parquet": {"path": "lake"}},
            datasets={"items": {"strategy": strategy, "mode": mode, **key}},
        )
        self.world = outside(folder)
        if planned:
            wv.plan(self.spec, rules_only=True, **self.world)
        move(self.spec, "r1", **self.world)
        self.before = self.rows()

    def write(self, header: str, rows: list[str]) -> None:
        (self.folder / "items.csv").write_text("\n".join([header, *rows, ""]))

    def rows(self) -> list[dict[str, Any]]:
        return parquet_rows(self.folder / "lake" / "items")

    def stops(self, match: str) -> None:
        with pytest.raises(ConflictError, match=match):
            move(self.spec, "r2", **self.world)
        assert self.rows() == self.before


@pytest.fixture(params=["planned", "unplanned"])
def planned(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "planned")


@pytest.fixture(params=["staged", "fused"])
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("mode", ["replace", "merge", "append"])
@pytest.mark.parametrize("rows", [40, 4])
def test_labels_that_are_exchanged(tmp_path: Path, planned: bool, strategy: str, mode: str, rows: int) -> None:
    case = Case(tmp_path, planned=planned, strategy=strategy, mode=mode, rows=ROWS[:rows])
    case.write("id,count,amount,name", ROWS[:rows])
    case.stops(
        rf"column 'count' is of another kind now: none of its {rows} values is int64 \(first: row 1, 'sku…'\)"
        ", and 'name' has such values: the two columns look exchanged"
    )


def test_two_numbers_that_are_exchanged(tmp_path: Path, planned: bool, strategy: str) -> None:
    case = Case(tmp_path, planned=planned, strategy=strategy)
    case.write("id,name,count,amount", ROWS)
    case.stops("column 'count' is of another kind now: none of its 40 values is int64.*and 'amount' has such values")


def test_a_column_of_another_kind(tmp_path: Path, planned: bool, strategy: str) -> None:
    case = Case(tmp_path, planned=planned, strategy=strategy)
    case.write(HEADER, [f"{number},sku{number},{number}.50,A-{number}" for number in range(1, 41)])
    case.stops(r"column 'count' is of another kind now: none of its 40 values is int64 \(first: row 1, 'A-1'\)")


@pytest.mark.parametrize("other", ["{}.25", "A-{}"])
@pytest.mark.parametrize("some", [1, 20])
def test_what_a_part_of_the_values_outgrow_widens(tmp_path: Path, planned: bool, other: str, some: int) -> None:
    case = Case(tmp_path, planned=planned, strategy="staged")
    rows = [f"{number},sku{number},{number}.50,{number}" for number in range(1, 41 - some)]
    rows += [f"{number},sku{number},{number}.50,{other.format(number)}" for number in range(41 - some, 41)]
    case.write(HEADER, rows)
    record = move(case.spec, "r2", **case.world)
    assert (record["reconciliation"]["loaded"], record["reconciliation"]["quarantined"]) == (40, 0)


def test_numbers_that_all_get_finer_widen(tmp_path: Path, planned: bool, strategy: str) -> None:
    case = Case(tmp_path, planned=planned, strategy=strategy)
    case.write(HEADER, [f"{number},sku{number},{number}.50,{number}.125" for number in range(1, 41)])
    assert move(case.spec, "r2", **case.world)["reconciliation"]["loaded"] == 40


LINES = "".join(f'{{"id": {number}, "at": "2024-01-{number:02}"}}\n' for number in range(1, 21))
TABLE = "id,at\n" + "".join(f"{number},2024-01-{number:02}\n" for number in range(1, 21))


@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize("name", ["items.jsonl", "items.jsonl.gz", "items.csv", "items.csv.gz"])
def test_an_empty_file_is_no_empty_window(tmp_path: Path, planned: bool, strategy: str, name: str, mode: str) -> None:
    def write(text: str) -> None:
        content = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)

    lines = "jsonl" in name
    write(LINES if lines else TABLE)
    incremental = {"column": "at", "lag": 86400} if mode == "merge" else {"column": "at"}
    settings = {"mode": mode, "incremental": incremental, "strategy": strategy}
    spec = write_spec(
        tmp_path,
        "items",
        source={"files": {"path": name}},
        target={"parquet": {"path": "lake"}},
        datasets={"items": settings | ({"key": "id"} if mode == "merge" else {})},
    )
    world = outside(tmp_path)
    if planned:
        wv.plan(spec, rules_only=True, **world)
    move(spec, "r1", **world)
    for text in ["", "\n \n"] if lines else [""]:
        write(text)
        with pytest.raises(ConflictError, match="empty") as caught:
            move(spec, "r2", **world)
        assert "--allow format" in (caught.value.hint or "")
    assert move(spec, "r2", allow=["format"], **world)["reconciliation"]["loaded"] == 0
    # Legal windows: no newer rows, and a file that is well formed and has none.
    write(LINES if lines else TABLE)
    move(spec, "r3", **world)
    write("[]\n" if lines else "id,at\n")
    record = move(spec, "r4", **world)
    assert record["reconciliation"]["loaded"] == 0
    assert "the source has no rows at all" in " ".join(note["what"] for note in record["drift"])
    write((LINES if lines else TABLE) + ('{"id": 21, "at": "2024-01-21"}\n' if lines else "21,2024-01-21\n"))
    move(spec, "r5", **world)
    assert len(parquet_rows(tmp_path / "lake" / "items")) == 21
