"""A generated DAG, run by Airflow to the end, on real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.mark.usefixtures("migrated")
def test_a_generated_dag_moves_real_rows(dags) -> None:
    dags.spec("orders")
    (dag,) = dags.bag().dags.values()
    run = dag.test()
    assert run.state == "success"
    # Two inputs, five rows, one without an id: four are loaded and one is in quarantine, with its reason.
    tasks = {(ti.task_id, ti.map_index): ti for ti in run.get_task_instances()}
    assert {ti.state for ti in tasks.values()} == {"success"}
    recorded = tasks["record", -1].xcom_pull(task_ids="record")
    sums = recorded["reconciliation"]
    assert (sums["rows_in"], sums["loaded"], sums["filtered"], sums["quarantined"]) == (5, 4, 0, 1)
    assert sums["balanced"]
    assert sums["checksum_source"] == sums["checksum_target"]
    receipts = recorded["outputs"]
    assert sorted(one["output"] if isinstance(one, dict) else one for one in receipts) == ["orders", "people"]
    assert list(Path(dags.lake).rglob("*.parquet"))
    assert len(json.dumps(recorded)) < 20_000
