"""Parquet as we write it, read by another's reader: columns whose values repeat have a dictionary of our own."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import windvane

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 300_000
"""More than two pages of a column."""
DAY, MOMENT = dt.date(1969, 12, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001 (of no zone)
LATE = 70_000
"""From here on the values of `late` do not repeat any more: behind the rows by which the encoding is chosen."""

COLUMNS: dict[str, tuple[pa.DataType, Callable[[int], Any]]] = {
    "id": (pa.int64(), lambda n: n),
    "small": (pa.int16(), lambda n: None if n % 5 == 0 else n % 7 - 3),
    "same": (pa.int32(), lambda _: -42),
    "runs": (pa.int64(), lambda n: n // 1000 - 100),
    "wide": (pa.int64(), lambda n: (n % 1000) << 50),
    "day": (pa.date32(), lambda n: DAY + dt.timedelta(n % 2_500)),
    "clock": (pa.time64("us"), lambda n: dt.time(n % 24, n % 60, n % 60, n % 10)),
    "at": (pa.timestamp("us"), lambda n: MOMENT + dt.timedelta(seconds=n % 5000)),
    "zoned": (pa.timestamp("us", "UTC"), lambda n: MOMENT.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=n % 50)),
    "amount": (pa.decimal128(15, 2), lambda n: Decimal(n % 10_000 - 5_000) / 100),
    "rate": (pa.decimal128(5, 3), lambda n: None if n % 1000 == 0 else Decimal(n % 90 - 45) / 1000),
    "large": (pa.decimal128(30, 2), lambda n: Decimal(n % 11) + 10**25),
    "word": (pa.string(), lambda n: None if n % 3 == 0 else ["", "a", "é表🦀", "abcd", "abcde", "abXde"][n % 6]),
    "long": (pa.string(), lambda n: f"{n % 100:03}" * 50),
    "none": (pa.string(), lambda _: None),
    "late": (pa.string(), lambda n: f"value {n if n > LATE else n % 10} of a column that repeats at first"),
    "flag": (pa.bool_(), lambda n: n % 2 == 0),
    "ratio": (pa.float64(), lambda n: (n % 8) / 3),
}


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return pa.table({name: pa.array(map(value, range(ROWS)), kind) for name, (kind, value) in COLUMNS.items()})


def moved(rows: pa.Table, home: Path, compression: str) -> pq.ParquetFile:
    (home / "in").mkdir()
    pq.write_table(rows, home / "in" / "data.parquet")
    spec = {
        "pipeline": "b",
        "source": {"parquet": {"path": "in/*.parquet"}},
        "target": {"parquet": {"path": "lake", "compression": compression}},
        "datasets": {"data": {"strategy": "fused"}},
    }
    (home / "b.windvane.json").write_text(json.dumps(spec))
    world = {"store": f"sqlite:///{home}/store.db", "staging": str(home / "staging"), "roots": [str(home)]}
    plan = home / "b.plan.json"
    windvane.plan(str(home / "b.windvane.json"), rules_only=True, plan_file=str(plan), **world)
    windvane.run(str(plan), run="r1", rules_only=True, **world)
    (part,) = (home / "lake").rglob("*.parquet")
    return pq.ParquetFile(part)


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_every_value_is_there(rows: pa.Table, tmp_path: Path, compression: str) -> None:
    file = moved(rows, tmp_path, compression)
    table = file.read()
    assert table.num_rows == ROWS
    for name in COLUMNS:
        assert table[name].combine_chunks().cast(COLUMNS[name][0]).equals(rows[name].combine_chunks()), name


def test_what_stands_of_the_columns(rows: pa.Table, tmp_path: Path) -> None:
    metadata = moved(rows, tmp_path, "snappy").metadata
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    assert sum(group.num_rows for group in groups) == ROWS
    start = 0
    for group in groups:
        here = rows.slice(start, group.num_rows)
        start += group.num_rows
        for at, name in enumerate(COLUMNS):
            column, values = group.column(at), here[name]
            assert column.statistics.null_count == values.null_count, name
            if name in {"none", "long", "flag", "large", "ratio"}:
                continue
            least, most = pc.min_max(values).as_py().values()
            assert (column.statistics.min, column.statistics.max) == (least, most), name
    kinds = {name: groups[0].column(at).encodings for at, name in enumerate(COLUMNS)}
    assert "PLAIN_DICTIONARY" not in kinds["id"]
    assert all("PLAIN_DICTIONARY" in kinds[name] for name in ("small", "same", "day", "amount", "word"))


def test_a_dictionary_that_does_not_pay_any_more_is_given_up(rows: pa.Table, tmp_path: Path) -> None:
    metadata = moved(rows, tmp_path, "snappy").metadata
    late = [metadata.row_group(group).column(list(COLUMNS).index("late")) for group in range(metadata.num_row_groups)]
    assert len(late) > 1
    # The library's own writer tries again, and falls back within the row group.
    assert "PLAIN" in late[-1].encodings
