"""A run that has ended is cleared in Airflow, whole or one of its tasks alone."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dags

DAY = datetime(2026, 11, 21, tzinfo=timezone.utc)

SPEC = """\
pipeline: {name}
source:
  csv: {{path: data/*.csv}}
guard: {{rows: 0}}
datasets:
  orders: {{strategy: staged}}
  people: {{strategy: staged}}
"""

TARGETS = {
    "replace": "target:\n  parquet: {{path: lake/{name}}}\n",
    "append": "target:\n  parquet: {{path: lake/{name}, mode: append}}\n",
    "load_id": "target:\n  sqlite: {{connection: warehouse, mode: append, load_id: true}}\n",
}


def again(dag: Any, run: str, *tasks: str) -> tuple[str, dict[str, Any]]:
    """Clear a run, or some of its tasks, and let Airflow run what it has cleared: the run's state and its tasks."""
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DagRunState
    from airflow.sdk.definitions.dag import _run_task
    from airflow.serialization.serialized_objects import DagSerialization
    from sqlalchemy import select

    known = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    session = settings.Session()
    known.clear(task_ids=list(tasks) or None, run_id=run, dag_run_state=DagRunState.RUNNING, session=session)
    session.commit()
    found = session.scalar(select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.run_id == run))
    found.dag = known
    for _ in range(60):
        if found.state != DagRunState.RUNNING:
            break
        session.expire_all()
        ready, _ = found.update_state(session=session)
        for one in ready:
            one.try_number += 1
            one.state = "scheduled"
        session.commit()
        for one in found.get_task_instances(session=session):
            if one.state == "scheduled":
                _run_task(ti=one, task=dag.task_dict[one.task_id], run_triggerer=True)
    session.expire_all()
    return str(found.state), {one.task_id: one for one in found.get_task_instances(session=session)}


class Ran:
    """A DAG that has run once."""

    def __init__(self, bundled: Dags, name: str, target: str, warehouse: Path) -> None:
        from windvane import plan

        self.dags, self.name, self.target, self.warehouse = bundled, name, target, warehouse
        self.orders(10)
        spec = bundled.spec(name, SPEC + TARGETS[target])
        plan(spec, rules_only=True)
        bag = bundled.bag()
        assert bag.import_errors == {}
        (self.dag,) = bag.dags.values()
        done = self.dag.test(logical_date=DAY, run_after=DAY)
        assert done.state == "success"
        self.run = done.run_id
        assert self.ids() == list(range(10))

    def orders(self, count: int) -> None:
        lines = [f"{n},{n}.50" for n in range(count)]
        (self.dags.data / "orders.csv").write_text("\n".join(["id,amount", *lines]) + "\n")

    def ids(self) -> list[int]:
        if self.target == "load_id":
            with sqlite3.connect(self.warehouse) as database:
                return [row[0] for row in database.execute("SELECT id FROM orders ORDER BY id")]
        import pyarrow.parquet as pq

        folder = self.dags.lake / self.name / "orders"
        parts = json.loads((folder / "_manifest.json").read_text())["parts"]
        return sorted(n for part in parts for n in pq.read_table(folder / part["path"]).column("id").to_pylist())


@pytest.fixture(params=TARGETS)
def ran(request: pytest.FixtureRequest, bundled: Dags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ran:
    warehouse = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(warehouse)}))
    monkeypatch.setenv("AIRFLOW__WINDVANE__ROOTS", str(tmp_path))
    name = f"cleared_{request.node.originalname}_{request.param}"[-60:]
    return Ran(bundled, name, request.param, warehouse)


def test_a_whole_run(ran: Ran) -> None:
    ran.orders(13)
    state, tasks = again(ran.dag, ran.run)
    assert state == "success", {name: one.state for name, one in tasks.items()}
    assert ran.ids() == list(range(13))
    ran.orders(4)
    assert again(ran.dag, ran.run)[0] == "success"
    assert ran.ids() == list(range(4))


def test_one_stage_alone(ran: Ran) -> None:
    for stage in ("extract", "transform", "validate", "load"):
        state, tasks = again(ran.dag, ran.run, f"orders.{stage}")
        assert state == "success", (stage, {name: one.state for name, one in tasks.items()})
        assert ran.ids() == list(range(10))


def test_one_stage_alone_and_the_source_has_changed(ran: Ran) -> None:
    ran.orders(13)
    _, tasks = again(ran.dag, ran.run, "orders.load")
    assert tasks["orders.load"].state == "failed"
    assert ran.ids() == list(range(10))
    # The whole run does it.
    assert again(ran.dag, ran.run)[0] == "success"
    assert ran.ids() == list(range(13))
