"""What does not fit into memory gives the same rows as what does, and leaves nothing on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import move, outside, parquet_rows, write_spec
from windvane import _core

SCHEMA = [
    {"name": "n", "type": "int64", "nullable": True},
    {"name": "t", "type": "text", "nullable": True},
    {"name": "d", "type": "decimal(12,2)", "nullable": True},
    {"name": "f", "type": "float64", "nullable": True},
    {"name": "day", "type": "date", "nullable": True},
    {"name": "b", "type": "boolean", "nullable": True},
    {"name": "x", "type": "binary", "nullable": True},
    {"name": "g", "type": "float32", "nullable": True},
]

ROW = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-3, 12),
        "t": st.none() | st.sampled_from(["", "a", "b", "aa", "ü", "long " * 9]),
        "d": st.none() | st.sampled_from(["0.00", "-1.25", "7.10", "9999999999.99"]),
        "f": st.none() | st.sampled_from(["0.0", "-0.0", "NaN", "1.5", "0.1", "-2.25", "1e300"]),
        "day": st.none() | st.sampled_from(["2024-01-01", "1969-12-31"]),
        "b": st.none() | st.booleans(),
        "x": st.none() | st.sampled_from(["\\xff00", f"\\x{'fe' * 40}"]),
        "g": st.none() | st.sampled_from([0.5, -2.25]),
    }
)

KEYS = st.lists(st.sampled_from(["n", "t", "d", "f", "day", "b"]), min_size=1, max_size=3, unique=True)

MEASURES = {
    "rows": "count(*)",
    "texts": "count(distinct t)",
    "total": "sum(d)",
    "floats": "sum(f)",
    "mean": "avg(d)",
    "least": "min(t)",
    "most": "max(f)",
    "first_day": "min(day)",
    "share": "sum(n) + count(n)",
}


def run(rows: list, steps: list, others: dict | None = None, within: dict | None = None) -> dict:
    request = {"schema": SCHEMA, "rows": rows, "steps": steps, "others": others or {}}
    if within:
        request["within"] = within
    return json.loads(_core.transform_rows(json.dumps(request)))


def same(rows: list, steps: list, folder: Path, others: dict | None = None) -> dict:
    """Any budget gives what unlimited memory gives, text for text."""
    wanted = run(rows, steps, others)
    for memory, at_once in ((1, 3), (600, 7), (4000, 100)):
        found = run(rows, steps, others, {"memory": memory, "folder": str(folder / "spill"), "rows": at_once})
        found["rejected"].sort(key=lambda row: row["row"])
        wanted["rejected"].sort(key=lambda row: row["row"])
        assert json.dumps(found) == json.dumps(wanted)
        assert not (folder / "spill").exists()
    return wanted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spill")


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, max_size=80), by=KEYS | st.just([]))
def test_groups_are_the_same_whatever_the_budget(rows: list, by: list, folder: Path) -> None:
    measures = {**MEASURES, "quotient": "sum(n) / count(n)"}
    done = same(rows, [{"aggregate": {"by": by, "measures": measures}}], folder)
    assert len(rows) == len(done["rows"]) + done["filtered"] + len(done["rejected"])


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(ROW, max_size=80),
    on=KEYS,
    keep=st.sampled_from(["first", "last"]),
    order_by=st.just([]) | KEYS,
)
def test_one_row_a_key_whatever_the_budget(rows: list, on: list, keep: str, order_by: list, folder: Path) -> None:
    done = same(rows, [{"deduplicate": {"on": on, "keep": keep, "order_by": order_by}}], folder)
    assert len(rows) == len(done["rows"]) + done["filtered"]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(ROW, max_size=80),
    by=KEYS,
    desc=st.booleans(),
    limit=st.none() | st.integers(0, 30),
)
def test_order_is_the_same_whatever_the_budget(
    rows: list, by: list, desc: bool, limit: int | None, folder: Path
) -> None:
    step = {"by": by, "desc": desc} | ({} if limit is None else {"limit": limit})
    done = same(rows, [{"sort": step}], folder)
    assert len(done["rows"]) == (len(rows) if limit is None else min(limit, len(rows)))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(ROW, max_size=60), other=st.lists(ROW, max_size=60), on=KEYS, how=st.sampled_from(["left", "inner"])
)
def test_a_join_is_the_same_whatever_the_budget(rows: list, other: list, on: list, how: str, folder: Path) -> None:
    other = run(other, [{"deduplicate": {"on": on}}])["rows"]
    others = {"other": {"schema": SCHEMA, "rows": other}}
    steps = [
        {"join": {"with": "other", "on": on, "how": how}},
        {"deduplicate": {"on": ["n", "t"], "keep": "last"}},
        {"sort": {"by": ["d", "n desc"]}},
        {"aggregate": {"by": ["t"], "measures": {"rows": "count(*)", "floats": "sum(f)"}}},
    ]
    same(rows, steps[:1], folder, others)
    same(rows, steps, folder, others)


def test_more_files_than_are_open_at_once_are_merged_in_rounds(folder: Path) -> None:
    """Of equal rows the earlier one stays the earlier one, across the rounds."""
    rows = [{"n": number * 7 % 5, "t": f"{number:03}"} for number in range(400)]
    done = same(rows, [{"sort": {"by": ["n"]}}], folder)
    assert [(row["n"], row["t"]) for row in done["rows"]] == sorted((row["n"], row["t"]) for row in rows)
    same(rows, [{"aggregate": {"by": ["t"], "measures": {"n": "max(n)"}}}], folder)


def test_the_first_rows_of_many_stay_in_memory(folder: Path) -> None:
    rows = [{"n": -number} for number in range(2_000)]
    done = same(rows, [{"sort": {"by": ["n"], "limit": 3}}], folder)
    assert [row["n"] for row in done["rows"]] == [-1999, -1998, -1997]


def test_parts_of_many_rows_are_written_in_between(tmp_path: Path) -> None:
    rows = [{"n": number % 9, "t": str(number % 9)} for number in range(40_000)]
    steps = [{"aggregate": {"by": ["n", "t"], "measures": {"rows": "count(*)", "x": "count(distinct b)"}}}]
    within = {"memory": 1, "folder": str(tmp_path / "spill"), "rows": 5_000}
    done = run(rows, steps, None, within)
    assert [(row["n"], row["rows"]) for row in done["rows"]] == [(n, 4445 - (n > 3)) for n in range(9)]


def test_zeros_and_nans_are_one_key_each() -> None:
    rows = [{"f": text} for text in ("0.0", "-0.0", "NaN", "NaN", None, None)]
    done = run(rows, [{"aggregate": {"by": ["f"], "measures": {"rows": "count(*)"}}}])
    assert [row["rows"] for row in done["rows"]] == [2, 2, 2]


def test_a_key_that_is_there_twice_is_found_on_the_disk_too(tmp_path: Path) -> None:
    rows = [{"n": number} for number in range(200)]
    others = {"other": {"schema": SCHEMA, "rows": [*rows, {"n": 117}]}}
    steps = [{"join": {"with": "other", "on": "n", "take": ["t"]}}]
    with pytest.raises(Exception, match="more than one row with n = 117"):
        run(rows, steps, others, {"memory": 100, "folder": str(tmp_path / "spill"), "rows": 10})
    assert not (tmp_path / "spill").exists()


def test_a_sum_out_of_range_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    rows = [{"n": 9223372036854775807, "t": str(number % 50)} for number in range(200)]
    steps = [{"aggregate": {"by": ["t"], "measures": {"total": "sum(n)"}}}]
    with pytest.raises(Exception, match="out of range"):
        run(rows, steps, None, {"memory": 1, "folder": str(tmp_path / "spill"), "rows": 10})
    assert not (tmp_path / "spill").exists()


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / "spill"
    left.mkdir()
    (left / "7").write_bytes(b"half")
    rows = [{"n": number % 40} for number in range(200)]
    done = run(rows, [{"sort": {"by": "n"}}], None, {"memory": 1, "folder": str(left), "rows": 10})
    assert [row["n"] for row in done["rows"]] == sorted(row["n"] for row in rows)
    assert not left.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A full disk is in test_disk_full.py."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    rows = [{"n": number} for number in range(200)]
    with pytest.raises(Exception, match="cannot be spilled") as told:
        run(rows, [{"sort": {"by": "n"}}], None, {"memory": 1, "folder": str(blocked / "spill"), "rows": 10})
    assert "WINDVANE_MEMORY" in str(told.value)


def test_only_needed_columns_are_read_and_quarantine_still_shows_whole_rows(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("id,amount,note,shop\n1,10,a,x\n2,zero,b,x\n3,5,c,y\n")
    steps = [
        {"derive": {"n": "CAST(amount AS int64)"}},
        {"drop": ["note"]},
        {"rename": {"shop": "place"}},
        {"aggregate": {"by": "place", "measures": {"total": "sum(n)"}}},
    ]
    spec = write_spec(
        tmp_path,
        "sales",
        source={"csv": {"path": str(tmp_path / "sales.csv")}},
        target={"parquet": {"path": str(tmp_path / "out")}},
        errors={"rows": "quarantine", "max_quarantined": 0.5},
        datasets={"sales": {"steps": steps}},
    )
    move(spec, **outside(tmp_path))
    assert parquet_rows(tmp_path / "out" / "sales") == [{"place": "x", "total": 10}, {"place": "y", "total": 5}]
    files = list(tmp_path.rglob("*.transform.quarantine.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [line["record"] for line in lines] == [{"id": "2", "amount": "zero", "note": "b", "shop": "x"}]


def test_numbers_that_came_from_far_off_are_the_same_keys_later() -> None:
    numbers = [9000, -1, 1 << 62, *range(2000), 9000, -1, 1 << 62, 8999, 8999]
    rows = [{"n": number} for number in numbers]
    done = run(rows, [{"aggregate": {"by": ["n"], "measures": {"rows": "count(*)"}}}])
    assert {row["n"]: row["rows"] for row in done["rows"]} == {number: numbers.count(number) for number in numbers}
    assert [row["n"] for row in done["rows"]] == list(dict.fromkeys(numbers))
