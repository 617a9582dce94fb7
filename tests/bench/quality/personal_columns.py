"""Columns with personal values (06c over the databases of 05a): is the column called personal?

``columns.jsonl``: ``db``, ``table``, ``column``, ``type``, ``csv`` (or null: then the column is empty and only its name and
type are known), ``label`` (a kind, ``NONE``, or ``AMBIGUOUS``, which is left out).
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import windvane as wv

from tests.bench.quality.figure import Counts, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = "06c-column-pii"
ROWS = 2_000


def measure(data: Path, wrong: Callable[[str], None]) -> Iterator[Figure]:
    """F1 of "is personal" over all columns, over those with values, over the empty ones; and with the kind right too."""
    tables: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(data.rglob("*.jsonl")):
        for line in path.read_text().splitlines():
            column = json.loads(line)
            tables[column["db"], column["table"]].append({**column, "file": _file(data, column)})
    everything, filled, empty, n = Counts(), Counts(), Counts(), Counts()
    sizes = [0, 0]
    for (db, table), columns in sorted(tables.items()):
        for column, personal in _judged(table, columns):
            if column["label"] == "AMBIGUOUS":
                continue
            place = f"{db}.{table}.{column['column']}"
            truth = [place] if column["label"] != "NONE" else []
            sizes[column["file"] is None] += 1
            for counts in (everything, empty if column["file"] is None else filled):
                counts.add([place] if personal else [], truth)
            if personal != bool(truth):
                wrong(
                    f"{place} ({column['type']}): {column['label']}, {'called' if personal else 'not called'} personal"
                )
    n.right = sum(sizes)
    yield Figure("F1", everything.f1, n.right, 0.93)
    yield Figure("precision", everything.precision, n.right)
    yield Figure("recall", everything.recall, n.right)
    yield Figure("F1 of columns with values", filled.f1, sizes[0])
    yield Figure("F1 of empty columns", empty.f1, sizes[1])


def _file(data: Path, column: dict[str, Any]) -> Path | None:
    """The file with the values; the databases may lie beside the labels with or without their part's folder."""
    if not column["csv"]:
        return None
    told = Path(column["csv"])
    tail = told.parts[-3:]
    homes = [data / told, *(parent / "05a-relational-databases" / Path(*tail) for parent in data.resolve().parents[:3])]
    deeper = list(data.resolve().parents[1].glob(f"**/05a-relational-databases/**/{'/'.join(tail)}"))
    return next((path for path in [*homes, *deeper] if path.is_file()), None)


def _judged(table: str, columns: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], bool]]:
    import pyarrow as pa
    import pyarrow.csv

    file = columns[0]["file"]
    if file is None:
        values = pa.table({column["column"]: pa.array([], _type(column["type"])) for column in columns})
    else:
        values = pyarrow.csv.read_csv(file).slice(0, ROWS)
    profile = {column["name"]: column["pii"] for column in wv.profile(values, table=table)["columns"]}
    for column in columns:
        yield column, profile.get(column["column"], False)


def _type(declared: str) -> Any:
    """The Arrow type of an empty column of a declared one."""
    import pyarrow as pa

    words = declared.lower()
    for part, arrow in (
        ("bool", pa.bool_()),
        ("timestamp", pa.timestamp("us")),
        ("datetime", pa.timestamp("us")),
        ("date", pa.date32()),
        ("int", pa.int64()),
        ("serial", pa.int64()),
        ("numeric", pa.decimal128(18, 4)),
        ("decimal", pa.decimal128(18, 4)),
        ("double", pa.float64()),
        ("real", pa.float64()),
        ("float", pa.float64()),
        ("money", pa.decimal128(18, 4)),
        ("bytea", pa.binary()),
        ("blob", pa.binary()),
        ("binary", pa.binary()),
    ):
        if part in words:
            return arrow
    return pa.string()
