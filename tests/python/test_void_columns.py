"""Columns of Parquet without a type: what a writer makes of a batch in which every value is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec

if TYPE_CHECKING:
    from pathlib import Path


def batch(path: Path, first: int, price: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    rows = {
        "id": pa.array(range(first, first + 3), pa.int64()),
        "price": pa.array([price] * 3, None if price else pa.null()),
    }
    pq.write_table(pa.table(rows), path)


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("price", [1.5, 7, "text", True])
def test_a_batch_without_a_value(tmp_path: Path, planned: bool, folder: bool, strategy: str, price: Any) -> None:
    source = {"path": "in", "as_dataset": "rows"} if folder else {"path": "in/a.parquet"}
    spec = write_spec(
        tmp_path,
        "void",
        source={"parquet": source},
        target={"parquet": {"path": "lake", "mode": "append"}},
        datasets={"rows" if folder else "a": {"strategy": strategy}},
    )
    batch(tmp_path / "in" / "a.parquet", 0, price)
    if planned:
        wv.plan(spec, rules_only=True, **outside(tmp_path))
    move(spec, "r1", **outside(tmp_path))
    (dataset,) = [path.name for path in (tmp_path / "lake").iterdir() if (path / "_manifest.json").exists()]
    before = parquet_rows(tmp_path / "lake" / dataset)
    batch(tmp_path / "in" / ("b.parquet" if folder else "a.parquet"), 10, None)
    move(spec, "r2", **outside(tmp_path))
    after = parquet_rows(tmp_path / "lake" / dataset)
    assert [row["price"] for row in before] == [price] * 3
    assert len(after) == (9 if folder else 6)
    assert {row["price"] for row in after} == {price, None}
