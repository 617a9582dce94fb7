"""Minimal functional dependencies and unique column combinations, equal to the exact truth as sets.

``cases.jsonl`` of DIR: ``{id, file, separator, header, fds: [[columns, column]], uccs: [columns]}``. The values are handed over
as text, so that they are compared as they are written (an empty string is a value); columns without a header are
called by their position. The slowest tables are told like wrong answers.
"""

from __future__ import annotations

import csv
import json
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import windvane

from tests.bench.quality.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = "05c-data-dependencies"
SLOW = 5


def measure(data: Path, wrong: Callable[[str], None]) -> Iterator[Figure]:
    equal = {"dependencies": 0, "unique": 0}
    of, inexact = 0, 0
    seconds: list[tuple[float, str]] = []
    for file in sorted(data.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            table = _table(_file(data, case["file"]), case["separator"], header=case["header"])
            start = time.perf_counter()
            profile = windvane.profile(table, table=case["id"])
            seconds.append((time.perf_counter() - start, case["id"]))
            of += 1
            found = {
                "dependencies": {(frozenset(one["columns"]), one["determines"]) for one in profile["dependencies"]},
                "unique": {frozenset(columns) for columns in profile.get("unique") or ()},
            }
            truth: dict[str, set[Any]] = {
                "dependencies": {(frozenset(columns), column) for columns, column in case["fds"]},
                "unique": {frozenset(column.removeprefix("Attr ") for column in columns) for columns in case["uccs"]},
            }
            inexact += not profile.get("dependencies_exact", False)
            for what in equal:
                equal[what] += found[what] == truth[what]
                if found[what] != truth[what]:
                    missing, more = truth[what] - found[what], found[what] - truth[what]
                    wrong(
                        f"{case['id']}: {what}: {len(missing)} missing, {len(more)} invented, e.g. {[*missing, *more][0]}"
                    )
    for what, count in equal.items():
        yield Figure(f"{what}_equal", count / max(1, of), of, 1.0)
    yield Figure("said_to_be_inexact", inexact / max(1, of), of)
    yield Figure("seconds_of_the_slowest", max(seconds, default=(0.0, ""))[0], of)
    for spent, case_id in sorted(seconds, reverse=True)[:SLOW]:
        wrong(f"{case_id}: {spent:.3f} s")


def _file(data: Path, name: str) -> Path:
    """Tables of another folder of cases are named by where they lay when the truth was computed."""
    here = data / name
    parts = [part for part in here.parts if part not in {"..", "share"}]
    return here if here.is_file() else data.parent.joinpath(*parts[len(data.parts) :])


def _table(file: Path, separator: str, *, header: bool) -> pa.Table:
    with file.open(encoding="utf-8", errors="replace", newline="") as stream:
        rows = [row for row in csv.reader(stream, delimiter=separator) if row]
    names = rows.pop(0) if header else [str(index) for index in range(len(rows[0]))]
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)})
