"""Values and names in files that have no place: each row is told by itself, and nothing is altered."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance import call
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, kind: str = "parquet") -> dict[str, Any]:
    source = {"source": {kind: {"path": str(path)}}}
    (found,) = call("datasets", source)["datasets"]
    return {**call("read_rows", {**source, "dataset": found["name"]}), "fields": found["fields"]}


@pytest.mark.parametrize(
    ("values", "good", "reason"),
    [
        (
            pa.array([86_400_000_000, 1_000_000, -1], pa.time64("us")),
            ["00:00:01"],
            "86400000000 microseconds since midnight are no time of a day",
        ),
        (pa.array([86_400_000, 1_000], pa.time32("ms")), ["00:00:01"], "are no time of a day"),
        (pa.array([2**31 - 1, 0, -(2**31)], pa.date32()), ["1970-01-01"], "outside the calendar"),
        (pa.array([2**63 - 1, 0], pa.timestamp("us")), ["1970-01-01T00:00:00"], "outside the calendar"),
        (pa.array([2**62, 5], pa.duration("s")), ["PT5S"], "longer than can be written"),
        (pa.array([[2**31 - 1], [0]], pa.list_(pa.date32())), [["1970-01-01"]], "cannot be written as JSON"),
        (pa.array([1, 1000], pa.time64("ns")), ["00:00:00.000001"], "finer than a microsecond"),
        (pa.array([1, 86_400_000], pa.date64()), None, None),
    ],
)
def test_a_value_outside_is_refused_by_its_row(tmp_path: Path, values: Any, good: Any, reason: str | None) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"v": values, "k": range(len(values))}), path)
    answer = read(path)
    if reason is None:
        assert len(answer["rows"]) == 2
        return
    assert [row["v"] for row in answer["rows"]] == good
    assert len(answer["rejected"]) == len(values) - len(good)
    assert reason in answer["rejected"][0]["reason"]
    assert answer["rejected"][0]["column"] == "v"


def test_uuids_and_json_by_whatever_says_so(tmp_path: Path) -> None:
    """Arrow's extensions, and Parquet's own words (DuckDB writes those)."""
    known = uuid.UUID("0123456789abcdef0123456789abcdef")
    arrow, words = tmp_path / "arrow.parquet", tmp_path / "words.parquet"
    pq.write_table(
        pa.table({"u": pa.array([known.bytes, None], pa.uuid()), "j": pa.array(['{"a": 1}', None], pa.json_())}), arrow
    )
    duckdb.sql(f"COPY (SELECT '{known}'::UUID AS u, '{{\"a\": 1}}'::JSON AS j) TO '{words}' (FORMAT parquet)")
    for path in (arrow, words):
        answer = read(path)
        assert [field["type"] for field in answer["fields"]] == ["uuid", "json"]
        assert answer["rows"][0] == {"u": str(known), "j": {"a": 1}}


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(WindvaneError, match="two columns called 'a'"):
        read(path)
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["A", "a"]), path)
    assert read(path)["rows"] == [{"A": 1, "a": 2}]


def test_a_key_that_is_there_twice_puts_the_row_aside(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"a": 1, "a": 2}\n{"a": null, "a": 2}\n{"a": 3}\n')
    answer = read(path, "jsonl")
    assert answer["rows"] == [{"a": 3}]
    assert [row["reason"] for row in answer["rejected"]] == ["not a JSON object: the key 'a' is there twice"] * 2


def test_a_key_that_is_there_twice_further_in(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    twice = ['{"o": {"a": 2, "a": 3}}', '{"o": [1, {"b": {"a": 1, "a": 1}}]}', '{"o": {"c": 1, "\\u0063": 2}}']
    path.write_text("\n".join([*twice, '{"o": {"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}}', ""]))
    answer = read(path, "jsonl")
    assert [row["o"] for row in answer["rows"]] == [{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}]
    reasons = [row["reason"].split(" at line")[0] for row in answer["rejected"]]
    assert reasons == [f"not a JSON object: the key '{key}' is there twice" for key in "aac"]


def test_numbers_inside_of_json_keep_their_digits(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"o": {"x": 12345678901234567890.12, "y": 1e400, "z": 0.1000}}\n')
    spec = write_spec(
        tmp_path, "p", source={"jsonl": {"path": str(tmp_path / "in.jsonl")}}, target={"parquet": {"path": "lake"}}
    )
    move(spec, **outside(tmp_path))
    (row,) = parquet_rows(tmp_path / "lake" / "in")
    assert row["o"] == '{"x": 12345678901234567890.12, "y": 1e400, "z": 0.1000}'


def test_folders_of_files_that_differ(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    pq.write_table(pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), folder / "1.parquet")
    pq.write_table(pa.table({"b": ["y"], "a": pa.array([2**40]), "c": [[1]]}), folder / "2.parquet")
    pq.write_table(pa.table({"c": [["x"]]}), folder / "3.parquet")
    spec = write_spec(
        tmp_path,
        "p",
        source={"parquet": {"path": str(folder / "*.parquet"), "as_dataset": "many"}},
        target={"jsonl": {"path": "lake"}},
    )
    assert move(spec, **outside(tmp_path))["reconciliation"]["loaded"] == 3
    (part,) = (tmp_path / "lake").rglob("*.jsonl")
    assert [json.loads(line) for line in part.read_text().splitlines()] == [
        {"a": 1, "b": "x", "c": None},
        {"a": 2**40, "b": "y", "c": [1]},
        {"a": None, "b": None, "c": ["x"]},
    ]


LATE = {
    "int64": (["1", "-0", " 4 ", "12"], ["007", "+5", "1e3", "1_000", "٣", "0x1F", "1.0"]),
    "float64": (
        ["1.5", "1e5", "-0.5", "1.5e-3", "1e+16", "NaN"],
        ["007", "+5", "12E3", "1e400", "0.1234567890123456789"],
    ),
    "decimal(10,2)": (["1.50", ".5", "0.5"], ["007.10", "+5.00", "12E3", "1.505"]),
}


@pytest.mark.parametrize("kind", list(LATE))
def test_a_code_behind_the_sample_is_no_number(tmp_path: Path, kind: str) -> None:
    """Types come from a sample; a value behind it whose characters a number would lose is put aside."""
    good, codes = LATE[kind]
    path = tmp_path / "data.csv"
    path.write_text("k,v\n" + "".join(f"x,{value}\n" for value in [*good, *codes]))
    answer = call(
        "read_rows",
        {
            "source": {"csv": {"path": str(path)}},
            "dataset": "data",
            "schema": [
                {"name": "k", "type": "text", "nullable": True},
                {"name": "v", "type": kind, "nullable": True},
            ],
        },
    )
    assert len(answer["rows"]) == len(good)
    assert [row["record"]["v"] for row in answer["rejected"]] == codes
    assert "written as codes are" in answer["rejected"][0]["reason"]
