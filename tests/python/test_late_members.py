"""Members of JSON that a look at the first rows does not show: they are new columns, never lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from hostile_api import Asked, serving
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError

# More rows than a look at a file takes.
EARLY = 21_000


def late(folder: Path, **members: Any) -> None:
    rows = ["".join(f'{{"id": {number}, "v": "a"}}\n' for number in range(EARLY))]
    rows.append(json.dumps({"id": EARLY, "v": "b", **members}) + "\n")
    folder.mkdir(exist_ok=True)
    (folder / "t.jsonl").write_text("".join(rows))


def case(folder: Path, **dataset: Any) -> tuple[Path, dict[str, Any]]:
    late(folder / "in", late=5, never=None)
    spec = write_spec(
        folder,
        "late",
        source={"files": {"path": "in"}},
        target={"parquet": {"path": "lake"}},
        datasets={"t": dataset},
        guard={"quarantined": 1},
    )
    return spec, outside(folder)


@pytest.mark.parametrize("planned", [True, False], ids=["planned", "unplanned"])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_it_is_loaded_run_after_run(tmp_path: Path, strategy: str, planned: bool) -> None:
    spec, world = case(tmp_path, strategy=strategy)
    if planned:
        wv.plan(spec, rules_only=True, **world)
    for run in ("r1", "r2"):
        result = move(spec, run, **world)
        rows = sorted(parquet_rows(tmp_path / "lake" / "t"), key=lambda row: row["id"])
        assert len(rows) == EARLY + 1
        assert rows[-1]["late"] == 5
        assert rows[0]["late"] is None
        if planned:
            assert "column 'late' (int64) is new" in [note["what"] for note in result["drift"]]


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_other_policies_keep_their_word(tmp_path: Path, strategy: str) -> None:
    for policy, columns, count in (("freeze", {"id", "v"}, EARLY + 1), ("quarantine", {"id", "v"}, EARLY)):
        folder = tmp_path / policy
        folder.mkdir()
        spec, world = case(folder, strategy=strategy, drift=policy)
        wv.plan(spec, rules_only=True, **world)
        result = move(spec, "r1", **world)
        assert "column 'late' (int64) is new" in [note["what"] for note in result["drift"]]
        rows = parquet_rows(folder / "lake" / "t")
        assert len(rows) == count
        assert set(rows[0]) == columns
    folder = tmp_path / "fail"
    folder.mkdir()
    spec, world = case(folder, strategy=strategy, drift="fail")
    wv.plan(spec, rules_only=True, **world)
    with pytest.raises(ConflictError, match="column 'late'"):
        move(spec, "r1", **world)
    assert not list((folder / "lake").rglob("*.parquet"))


def test_pieces_stop_before_the_load(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        late(tmp_path / "in" / name, **({"late": 5} if name == "b" else {}))
    spec = write_spec(
        tmp_path,
        "late",
        source={"jsonl": {"path": "in/*/*.jsonl", "as_dataset": "t"}},
        target={"parquet": {"path": "lake"}},
        datasets={"t": {"partitions": 2}},
    )
    with pytest.raises(ConflictError, match="column 'late' is new, and was seen only while pieces"):
        move(spec, "r1", **outside(tmp_path))
    assert not list((tmp_path / "lake").rglob("*.parquet"))


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_an_api_with_other_records_on_later_pages(tmp_path: Path, strategy: str) -> None:
    def script(asked: Asked) -> Any:
        number = int(asked.params.get("page", "1"))
        if number > 8:
            return []
        more: dict[str, Any] = {"buyer": {"town": "Ulm"}} if number == 8 else {}
        return [{"id": number * 2 + at, "lines": [{"sku": "a"}], **more} for at in (0, 1)]

    with serving(script) as api:
        resource = {"path": "/orders", "key": ["id"], "paging": {"page": {}}}
        spec = write_spec(
            tmp_path,
            "late",
            source={"http": {"connection": "api", "resources": {"orders": resource}}},
            target={"parquet": {"path": "lake"}},
            datasets={"orders": {"strategy": strategy}},
        )
        world = outside(tmp_path, api=api.url())
        result = move(spec, "r1", **world)
    rows = sorted(parquet_rows(tmp_path / "lake" / "orders"), key=lambda row: row["id"])
    assert [row["buyer_town"] for row in rows] == [None] * 14 + ["Ulm"] * 2
    assert "column 'buyer_town' (text) is new" in [note["what"] for note in result["drift"]]
