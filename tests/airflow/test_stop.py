"""Airflow's own stop: a task that is marked as failed while it moves rows."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from fault_proxy import DOWN, Fault, FaultProxy

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from services.postgres import Server

DEMO = Path(__file__).parents[2] / "demo"
SPEC = """\
pipeline: slow
source:
  postgres: {connection: shop, tables: [items]}
target:
  parquet: {path: lake}
"""
ROWS = 30_000
# Bytes a second: the rows would take half a minute.
SLOW = Fault(bandwidth=100_000)
CLEAR = {"dry_run": False, "only_failed": True, "reset_dag_runs": True}


def until(happened: Callable[[], Any], seconds: float) -> float:
    """Waits; how long it took."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds, "it did not happen"
        time.sleep(0.05)
    return time.monotonic() - begun


def marked(airflow: Any, task: str) -> bool:
    """Marks the task as failed; Airflow's own database may be too busy for it at the moment."""
    try:
        airflow.ask("PATCH", task, {"new_state": "failed"})
    except urllib.error.HTTPError as error:
        if error.code < 500:
            raise
        return False
    return True


def test_a_task_that_is_marked_as_failed_stops_at_once(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(DEMO))
    from airflow_stack import Airflow

    database = postgres.database()
    postgres.execute(
        f"CREATE TABLE items AS SELECT n AS id, repeat('x', 60) || n AS name FROM generate_series(1, {ROWS}) n",
        database=database,
    )
    specs = tmp_path / "dags" / "pipelines"
    specs.mkdir(parents=True)
    (specs / "slow.windvane.yaml").write_text(SPEC)
    (specs.parent / "factory.py").write_text(
        '"""Airflow: dag."""\nfrom airflow_windvane import load_dags\nload_dags(globals(), "pipelines")\n'
    )
    with FaultProxy(postgres.port) as proxy:
        place = {"conn_type": "postgres", "host": "127.0.0.1", "port": proxy.port, "login": "postgres"}
        variables = {
            "AIRFLOW_CONN_SHOP": json.dumps({**place, "schema": database}),
            "AIRFLOW__WINDVANE__ROOTS": str(tmp_path),
            "AIRFLOW__WINDVANE__STORE": f"sqlite://{tmp_path}/store.db",
            "AIRFLOW__WINDVANE__STAGING": f"{tmp_path}/staging",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        airflow = Airflow(tmp_path, variables)
        try:
            airflow.start()
            run = begun(airflow)
            until(lambda: states(airflow, run).get("plan") == "success", 120)
            proxy.fault = SLOW
            before = proxy.passed(DOWN)
            until(lambda: proxy.passed(DOWN) > before + 100_000, 60)
            until(lambda: marked(airflow, f"{run}/taskInstances/datasets.extract/0"), 60)
            # The supervisor hears of it at its next heartbeat, sends SIGTERM, and kills what is there 5 seconds later.
            until(lambda: "signal_sent=SIGTERM" in said(airflow) or "escalating" in said(airflow), 60)
            assert "escalating" not in said(airflow), "the task had to be killed"
            assert postgres.sessions(database) == 0
            until(lambda: airflow.ask("GET", run)["state"] == "failed", 60)
            assert not list(tmp_path.rglob("*.parquet"))
            proxy.calm()
            airflow.ask("POST", "/api/v2/dags/slow/clearTaskInstances", {**CLEAR, "dag_run_id": run.rsplit("/")[-1]})
            until(lambda: airflow.ask("GET", run)["state"] == "success", 120)
            (loaded,) = (airflow.home / "windvane" / "data" / "lake").rglob("*.parquet")
            assert pq.read_table(loaded).num_rows == ROWS
        finally:
            airflow.stop()


def begun(airflow: Any) -> str:
    """The path of a run that was just begun."""

    def known() -> bool:
        with contextlib.suppress(urllib.error.HTTPError):
            airflow.ask("PATCH", "/api/v2/dags/slow", {"is_paused": False})
            return True
        return False

    until(known, 120)
    run_id = airflow.ask("POST", "/api/v2/dags/slow/dagRuns", {"logical_date": None})["dag_run_id"]
    return f"/api/v2/dags/slow/dagRuns/{run_id}"


def states(airflow: Any, run: str) -> dict[str, str | None]:
    return {one["task_id"]: one["state"] for one in airflow.ask("GET", f"{run}/taskInstances")["task_instances"]}


def said(airflow: Any) -> str:
    """What the supervisors of tasks have logged."""
    return str((airflow.logs / "scheduler.log").read_text())
