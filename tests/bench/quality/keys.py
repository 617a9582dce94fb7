"""Candidate keys of tables whose declared key is known: is it found, and is it the first answer?

Every folder of DIR with a ``truth.json`` (``[{table, rows, primary_key}]``) and ``csv/TABLE.csv``. A declared key counts
where the file has rows. Precision is not judged: data has more keys than people declare, hence the rank.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import windvane

from tests.bench.quality.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = "05a-relational-databases"
BAR = {"recall": 0.97, "first": 0.95}


def measure(data: Path, wrong: Callable[[str], None]) -> Iterator[Figure]:
    found: dict[str, list[tuple[bool, bool]]] = {"single": [], "composite": []}
    for truth in sorted(data.glob("*/truth.json")):
        for table in json.loads(truth.read_text(encoding="utf-8")):
            file = truth.parent / "csv" / f"{table['table']}.csv"
            declared = set(table["primary_key"])
            if not declared or not file.is_file():
                continue
            profile = windvane.profile(file)
            if not profile["rows"]:
                continue
            keys = [set(key) for key in profile["keys"]]
            first = bool(keys) and keys[0] == declared
            found["single" if len(declared) == 1 else "composite"].append((declared in keys, first))
            if not first:
                wrong(f"{truth.parent.name}.{table['table']}: {sorted(declared)}, answered {profile['keys'][:3]}")
    for kind, answers in found.items():
        for index, what in enumerate(BAR):
            right = sum(answer[index] for answer in answers)
            yield Figure(f"{kind}_{what}", right / max(1, len(answers)), len(answers), BAR[what])
