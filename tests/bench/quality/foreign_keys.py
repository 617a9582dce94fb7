"""Foreign keys, found from data and from names and types alone.

From data: every folder of DIR with a ``truth.json`` (``[{table, foreign_keys}]``) and ``csv/``; what is asked is all tables of
the folder at once. A declared key counts where both tables have rows. From names: every ``*.jsonl`` of DIR, a schema a
line (``{id, tables: [{table, columns: [{name, type}]}], foreign_keys}``); keys are not told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import windvane

from tests.bench.quality.figure import Counts, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = "05a-relational-databases"
TYPES = {"number": "int64", "time": "timestamp", "boolean": "boolean"}
Edge = tuple[str, tuple[str, ...], str, tuple[str, ...]]


def measure(data: Path, wrong: Callable[[str], None]) -> Iterator[Figure]:
    if any(data.glob("*.jsonl")):
        yield from _figures("names", _of_names(data), wrong, 0.80)
    if any(data.glob("*/csv")):
        yield from _figures("data", _of_data(data), wrong, 0.95)


def _figures(
    kind: str, cases: Iterator[tuple[str, set[Edge], set[Edge]]], wrong: Callable[[str], None], bar: float
) -> Iterator[Figure]:
    counts, of = Counts(), 0
    for case, found, truth in cases:
        counts.add(found, truth)
        of += len(truth)
        for edge in sorted(found - truth):
            wrong(f"{case}: invented {_shown(edge)}")
        for edge in sorted(truth - found):
            wrong(f"{case}: missing {_shown(edge)}")
    yield Figure(f"{kind}_f1", counts.f1, of, bar)
    yield Figure(f"{kind}_precision", counts.precision, of)
    yield Figure(f"{kind}_recall", counts.recall, of)


def _shown(edge: Edge) -> str:
    return f"{edge[0]}({', '.join(edge[1])}) -> {edge[2]}({', '.join(edge[3])})"


def _of_data(data: Path) -> Iterator[tuple[str, set[Edge], set[Edge]]]:
    for truth in sorted(data.glob("*/truth.json")):
        folder = truth.parent / "csv"
        if not folder.is_dir():
            continue
        answer = windvane.relations(folder)
        filled = {table["dataset"] for table in answer["datasets"] if table["rows"]}
        declared = {
            (table["table"], *_pairs(key["columns"], key["ref_columns"], key["ref_table"]))
            for table in json.loads(truth.read_text(encoding="utf-8"))
            for key in table["foreign_keys"]
            if {table["table"], key["ref_table"]} <= filled and not key.get("parent_rows_absent_here")
        }
        yield truth.parent.name, _edges(answer), declared


def _of_names(data: Path) -> Iterator[tuple[str, set[Edge], set[Edge]]]:
    for file in sorted(data.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            schema = json.loads(line)
            tables = [
                {
                    "name": table["table"],
                    "fields": [
                        {"name": column["name"], "type": TYPES.get(column["type"], "text")}
                        for column in table["columns"]
                    ],
                }
                for table in schema["tables"]
            ]
            truth = {_edge(key) for key in schema["foreign_keys"]}
            yield schema["id"], _edges(windvane.relations({"datasets": tables})), truth


def _edge(key: Any) -> Edge:
    values = list(key.values()) if isinstance(key, dict) else key
    table, columns, ref_table, ref_columns = values
    columns, ref_columns = ([value] if isinstance(value, str) else value for value in (columns, ref_columns))
    return (table, *_pairs(columns, ref_columns, ref_table))


def _edges(answer: Any) -> set[Edge]:
    return {
        (key["dataset"], *_pairs(key["columns"], key["ref_columns"], key["ref_dataset"]))
        for key in answer["foreign_keys"]
    }


def _pairs(columns: list[str], ref_columns: list[str], ref_table: str) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """The order of the columns of a composite key does not matter."""
    pairs = sorted(zip(columns, ref_columns, strict=True))
    return tuple(pair[0] for pair in pairs), ref_table, tuple(pair[1] for pair in pairs)
