"""What the demo did, for people."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

_COLUMNS = ("dataset", "rows in", "loaded", "filtered", "quarantined")


def text(results: dict[str, Any], root: Path, seconds: float) -> str:
    """Rows, reasons, seconds, and where to look."""
    parts = []
    for dag_id, result in results.items():
        run = result["run"]
        receipts = run["outputs"]
        rows = [_row(receipt["output"], receipt) for receipt in receipts]
        sums = run["reconciliation"]
        rows.append(_row("total", sums))
        balanced = "rows add up" if sums["balanced"] else "rows DO NOT add up"
        agree = "agree" if sums["checksum_source"] == sums["checksum_target"] else "DIFFER"
        parts += [
            f"\n{dag_id}: {run['status']} in {result['seconds']:.0f} s; {balanced}; checksums {agree}",
            *_table(rows),
            *_reasons([path for receipt in receipts for path in receipt["quarantine"]]),
        ]
    quarantine = next(
        (path for result in results.values() for receipt in result["run"]["outputs"] for path in receipt["quarantine"]),
        None,
    )
    parts += [
        "\nWhere to look",
        f"  clean tables     {root}/warehouse.db (SQLite)",
        f"  Airflow's lake   {root}/home/windvane/data/lake/airflow (Parquet)",
        f"  specs and plan   {root}/dags/pipelines",
        *([f"  quarantine       {Path(quarantine).parent}"] if quarantine else []),
        f"  logs             {root}/logs",
        f"\nAll of it took {seconds:.0f} s.",
    ]
    return "\n".join(parts)


def _row(name: str, counts: dict[str, Any]) -> tuple[str, ...]:
    return (name, *(f"{counts[key]:,}" for key in ("rows_in", "loaded", "filtered", "quarantined")))


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[index]) for row in (_COLUMNS, *rows)) for index in range(len(_COLUMNS))]
    lines = []
    for row in (_COLUMNS, *rows):
        first, *others = (
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  " + "  ".join([first, *others]))
    return lines


def _reasons(files: list[str]) -> list[str]:
    """Count the commonest reasons why rows are in quarantine."""
    reasons: Counter[str] = Counter()
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            reasons[f"{row.get('output') or row.get('dataset') or ''}: {row['reason']}"[:110]] += 1
    if not reasons:
        return []
    return ["  in quarantine because", *(f"    {count:5} x {reason}" for reason, count in reasons.most_common(8))]
