"""The log of a task that fails, as Airflow writes it: why comes first, once, with examples, and little behind it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from test_stop import until

if TYPE_CHECKING:
    import pytest

DEMO = Path(__file__).parents[2] / "demo"
HEAD = "pipeline: {name}\nsource:\n  csv: {{path: data/orders.csv}}\ntarget:\n  parquet: {{path: lake/{name}}}\n"
SPECS = {
    "refused": 'steps:\n  - cast: {amount: "decimal(10,2)"}\n',
    "waits": "intent: completed orders, and drop the noet\n",
}


def errors(log: Path) -> list[dict[str, Any]]:
    """The lines of a task's log that tell of an error."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if line.get("level") in {"error", "critical"} or "error_detail" in line]


def frames(error: dict[str, Any]) -> list[str]:
    return [frame["name"] for frame in error["error_detail"][0]["frames"]]


def test_why_comes_first_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DEMO))
    from airflow_stack import Airflow

    specs = tmp_path / "dags" / "pipelines"
    (specs / "data").mkdir(parents=True)
    rows = [f"{n},{'x' if n % 2 else ''}{n}.50,p{n}@example.org" for n in range(1, 101)]
    (specs / "data" / "orders.csv").write_text("\n".join(["id,amount,email", *rows]) + "\n")
    for name, text in SPECS.items():
        (specs / f"{name}.windvane.yaml").write_text(HEAD.format(name=name) + text)
    (specs.parent / "factory.py").write_text(
        '"""Airflow: dag."""\nfrom airflow_windvane import load_dags\nload_dags(globals(), "pipelines")\n'
    )
    variables = {
        "AIRFLOW__WINDVANE__ROOTS": str(tmp_path),
        "AIRFLOW__WINDVANE__STORE": f"sqlite://{tmp_path}/store.db",
        "AIRFLOW__WINDVANE__STAGING": f"{tmp_path}/staging",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    airflow = Airflow(tmp_path, variables)
    try:
        airflow.start()
        for name in SPECS:
            until(lambda name=name: _unpaused(airflow, name), 120)
            airflow.ask("POST", f"/api/v2/dags/{name}/dagRuns", {"logical_date": None})
        logs = {}
        for name, task in (("refused", "datasets.validate"), ("waits", "datasets.extract")):
            until(lambda name=name, task=task: _failed(airflow, name, task), 180)
            (logs[name],) = airflow.home.rglob(f"dag_id={name}/**/task_id={task}/**/attempt=1.log")
    finally:
        airflow.stop()
    (refused,) = errors(logs["refused"])
    (told,) = refused["error_detail"]
    assert told["exc_type"] == "AirflowFailException"
    reason = told["exc_value"].splitlines()
    assert "50 of 100 rows went to quarantine" in reason[0]
    assert reason[1].strip().startswith("50 rows: amount: '…' is not")
    assert "such as row 1: amount='x1.50'" in reason[1]
    assert "hint: " in reason[2]
    assert "@example" not in logs["refused"].read_text()
    assert logs["refused"].read_text().count("rows went to quarantine") == 1
    # Airflow's own way to the operator, the operator, and nothing from inside of windvane.
    assert len(told["frames"]) <= 8, frames(refused)
    assert frames(refused)[-2:] == ["execute", "__exit__"]
    (waits,) = errors(logs["waits"])
    (told,) = waits["error_detail"]
    assert told["exc_value"].startswith("ConflictError: table orders: the words wait for a person, nothing is loaded")
    assert "drop the noet" in told["exc_value"]
    assert "windvane approve" in told["exc_value"]
    assert logs["waits"].read_text().count("nothing is loaded") == 1


def _unpaused(airflow: Any, name: str) -> bool:
    import urllib.error

    try:
        airflow.ask("PATCH", f"/api/v2/dags/{name}", {"is_paused": False})
    except urllib.error.HTTPError:
        return False
    return True


def _failed(airflow: Any, name: str, task: str) -> bool:
    found = airflow.ask("GET", f"/api/v2/dags/{name}/dagRuns/~/taskInstances")["task_instances"]
    return any(one["task_id"] == task and one["state"] == "failed" for one in found)
