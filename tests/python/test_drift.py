"""A source that changes: every change is found, none is invented, and the policy of the spec is obeyed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from hypothesis import given
from hypothesis import strategies as st
from pipelines import move, outside, parquet_rows, write_spec
from windvane._call import call
from windvane.errors import ConflictError

TYPES = ["boolean", "int32", "int64", "float64", "decimal(10,2)", "text", "date", "timestamptz", "json"]
COLUMNS = st.dictionaries(st.text(min_size=1, max_size=4), st.tuples(st.sampled_from(TYPES), st.booleans()), max_size=6)


def schema(columns: dict[str, tuple[str, bool]]) -> list[dict[str, Any]]:
    return [{"name": name, "type": kind, "nullable": nullable} for name, (kind, nullable) in columns.items()]


@given(COLUMNS, COLUMNS)
def test_all_changes_are_found_and_none_is_invented(
    old: dict[str, tuple[str, bool]], new: dict[str, tuple[str, bool]]
) -> None:
    found = call("schema_changes", old=schema(old), new=schema(new))["changes"]
    expected = {("added", name) for name in new.keys() - old.keys()}
    expected |= {("removed", name) for name in old.keys() - new.keys()}
    for name in old.keys() & new.keys():
        expected |= {("type_changed", name)} if old[name][0] != new[name][0] else set()
        expected |= {("nullability_changed", name)} if old[name][1] != new[name][1] else set()
    told = [(kind, detail["name"]) for change in found for kind, detail in change["change"].items()]
    assert sorted(told) == sorted(expected)
    assert all(change["words"] for change in found)


def pipeline(folder: Path, drift: str, target: str = "lake") -> Path:
    (folder / "data.csv").write_text("id,name\n1,a\n2,b\n")
    spec = write_spec(
        folder, "data", source={"csv": {"path": "data.csv"}}, target={"parquet": {"path": target}}, drift=drift
    )
    wv.plan(spec, rules_only=True, **outside(folder))
    return spec


def added(folder: Path) -> None:
    (folder / "data.csv").write_text("id,name,extra\n1,a,\n2,b,7\n3,c,8\n")


def test_evolve_loads_new_columns(tmp_path: Path) -> None:
    spec = pipeline(tmp_path, "evolve")
    added(tmp_path)
    assert move(spec, **outside(tmp_path))["reconciliation"]["loaded"] == 3
    assert [row["extra"] for row in parquet_rows(tmp_path / "lake" / "data")] == [None, 7, 8]


def test_evolve_never_gives_nulls_for_a_column_that_is_gone(tmp_path: Path) -> None:
    spec = pipeline(tmp_path, "evolve")
    (tmp_path / "data.csv").write_text("id\n1\n2\n")
    with pytest.raises(ConflictError, match="column 'name' \\(text\\) is gone"):
        move(spec, **outside(tmp_path))


def test_freeze_leaves_new_columns_out_and_refuses_missing_ones(tmp_path: Path) -> None:
    spec = pipeline(tmp_path, "freeze")
    added(tmp_path)
    move(spec, **outside(tmp_path))
    assert list(parquet_rows(tmp_path / "lake" / "data")[0]) == ["id", "name"]
    (tmp_path / "data.csv").write_text("id\n1\n")
    with pytest.raises(ConflictError, match="column 'name' \\(text\\) is gone"):
        move(spec, "r2", **outside(tmp_path))


def test_quarantine_keeps_rows_with_new_values_out(tmp_path: Path) -> None:
    spec = pipeline(tmp_path, "quarantine")
    added(tmp_path)
    record = move(spec, **outside(tmp_path))
    assert record["reconciliation"]["loaded"] == 1
    assert record["reconciliation"]["quarantined"] == 2
    lines = Path(record["outputs"][0]["quarantine"][0]).read_text().splitlines()
    assert {json.loads(line)["row"] for line in lines} == {2, 3}
    assert "which the plan does not know" in lines[0]


def test_fail_refuses_any_change_and_loads_nothing(tmp_path: Path) -> None:
    spec = pipeline(tmp_path, "fail")
    added(tmp_path)
    with pytest.raises(ConflictError, match="column 'extra'") as caught:
        move(spec, **outside(tmp_path))
    assert "windvane plan" in (caught.value.hint or "")
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("drift", ["evolve", "freeze", "quarantine", "fail"])
def test_no_change_is_no_drift(tmp_path: Path, drift: str) -> None:
    spec = pipeline(tmp_path, drift)
    (tmp_path / "data.csv").write_text("id,name\n5,x\n6,\n7,z\n")
    assert move(spec, **outside(tmp_path))["reconciliation"]["loaded"] == 3


def test_a_type_that_widens_in_a_database(tmp_path: Path, postgres: Any) -> None:
    database = postgres.database()
    postgres.execute("CREATE TABLE t (id integer, n smallint)", database=database)
    postgres.execute("INSERT INTO t VALUES (1, 1)", database=database)
    world = outside(tmp_path, shop=postgres.url(database))
    spec = write_spec(tmp_path, "t", source={"postgres": {"connection": "shop"}}, target={"parquet": {"path": "lake"}})
    wv.plan(spec, rules_only=True, **world)
    postgres.execute("ALTER TABLE t ALTER n TYPE bigint", database=database)
    postgres.execute("INSERT INTO t VALUES (2, 9007199254740993)", database=database)
    move(spec, **world)
    rows = parquet_rows(tmp_path / "lake" / "t")
    assert [row["n"] for row in rows] == [1, 9007199254740993]
