"""What a notebook shows of plans and runs: everything that is in them, escaped, without personal values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import windvane
from windvane import document_html

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """\
pipeline: people
intent: people, one row per id
source: {csv: {path: people.csv}}
target: {parquet: {path: lake, mode: merge}}
datasets: {people: {key: id}}
steps: [{cast: {n: int64}}]
checks: [{not_null: id}]
"""


def test_plans_and_runs_draw_themselves(tmp_path: Path) -> None:
    lines = [f"{number},{number * 2},person{number}@example.org,<b>{number}</b>" for number in range(1, 41)]
    (tmp_path / "people.csv").write_text("\n".join(["id,n,email,<script>", *lines, "41,x,eve@example.org,y"]) + "\n")
    spec = tmp_path / "people.windvane.yaml"
    spec.write_text(SPEC)
    plan = windvane.plan(spec, rules_only=True)
    drawn = plan._repr_html_()
    run = windvane.run(spec, run="r1", store=tmp_path / "s.db", staging=str(tmp_path / "staging"))
    told = run._repr_html_()
    for html in (drawn, told):
        assert html.startswith("<div")
        assert "<script" not in html
        assert "<b>" not in html
        assert "@example.org" not in html
    assert "&lt;script&gt;" in drawn
    assert "merge" in drawn
    assert "each step and why" in drawn
    assert "41 rows in = 40 loaded + 0 filtered + 1 quarantined" in told


def test_what_data_says_is_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    counts = dict.fromkeys(("rows_in", "added", "loaded", "filtered", "quarantined"), 1)
    output = {**counts, "output": hostile, "dataset": hostile, "already": True, "warnings": [hostile]}
    record = {
        "run": hostile,
        "pipeline": hostile,
        "status": hostile,
        "outputs": [output],
        "reconciliation": counts,
        "passed": [{"guard": "rows", "dataset": hostile, "saw": hostile}],
        "drift": [{"dataset": hostile, "what": hostile}],
        "degraded": [hostile],
    }
    assert "<img" not in document_html.run(record)
    assert document_html.run(record).count("&lt;img") >= 9
