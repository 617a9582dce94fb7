"""The feature type of columns, nine classes: rows of ``data_*.csv`` (Shah et al., SIGMOD 2021), asked by their figures."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING, Any

import windvane

from tests.bench.quality.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = "02a-sortinghat"
BAR = 0.93
TRAINED_ON = "data_train.csv"


def evidence(row: dict[str, str]) -> dict[str, Any]:
    """What a profile has of such a column: its name, five values, counts, and figures of numbers."""
    return {
        "name": row["Attribute_name"],
        "samples": [row[f"sample_{number}"] for number in range(1, 6)],
        "total": round(float(row["total_vals"] or 0)),
        "nulls": round(float(row["num_nans"] or 0)),
        "distinct": round(float(row["num_of_dist_val"] or 0)),
        **{
            name: float(row[column])
            for name, column in (("mean", "mean"), ("std", "std_dev"), ("min", "min_val"), ("max", "max_val"))
            if row[column] not in ("", "nan", "inf", "-inf")
        },
    }


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The columns of a file of this layout."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def measure(data: Path, wrong: Callable[[str], None]) -> Iterator[Figure]:
    """Share of columns whose class is right, and of each class the share that is found.

    The shipped model was trained on ``data_train.csv``: figures of that file say nothing of other columns and have no bar.
    What it does on columns that were held out is measured by ``scripts/train_feature_types.py --folds 5``.
    """
    for path in sorted(data.glob("data_*.csv")):
        trained = path.name == TRAINED_ON
        right: Counter[str] = Counter()
        of: Counter[str] = Counter()
        for row in rows(path):
            truth, found = row["y_act"], windvane.feature_type(evidence(row))
            of[truth] += 1
            right[truth] += found["feature_type"] == truth
            if found["feature_type"] != truth:
                share = f"{found['confidence']:.2f}"
                wrong(f"{row['Attribute_name']!r}: {truth}, answered {found['feature_type']} ({share})")
        metric = "accuracy_on_what_it_was_trained_on" if trained else "accuracy"
        yield Figure(metric, right.total() / max(1, of.total()), of.total(), None if trained else BAR)
        for name in sorted(of):
            yield Figure(f"recall[{name}]", right[name] / of[name], of[name])
