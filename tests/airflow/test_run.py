"""Generated DAGs, run by Airflow to the end, on real files."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import pytest
    from conftest import Dags

TABLES = """\
pipeline: {name}
source:
  csv: {{path: data/*.csv}}
target:
  sqlite: {{connection: warehouse}}
"""

PIECES = """\
pipeline: {name}
source:
  sqlite: {{path: source.db}}
target:
  parquet: {{path: lake}}
datasets:
  events:
    partitions: 3
    checks:
      - expression: "id <> 500"
"""

FUSED = """\
pipeline: {name}
source:
  csv: {{path: data/*.csv}}
target:
  parquet: {{path: lake}}
datasets:
  orders: {{strategy: fused}}
  people: {{strategy: fused}}
"""

PUSHED = """\
pipeline: {name}
source:
  csv: {{path: data/*.csv}}
target:
  postgres: {{connection: warehouse}}
datasets:
  orders: {{strategy: pushdown, steps: [{{derive: {{twice: "id * 2"}}}}]}}
  people: {{strategy: pushdown, partitions: 2}}
"""


def run(dags: Dags) -> tuple[str, dict[tuple[str, int], Any]]:
    """Run the folder's only DAG; the run's state and its task instances."""
    bag = dags.bag()
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    done = dag.test()
    return done.state, {(ti.task_id, ti.map_index): ti for ti in done.get_task_instances()}


def test_a_generated_dag_moves_real_rows(bundled: Dags) -> None:
    bundled.spec("moves")
    state, tasks = run(bundled)
    assert state == "success"
    assert {ti.state for ti in tasks.values()} == {"success"}
    # Two inputs, five rows, one without an id: four are loaded and one is in quarantine, with its reason.
    assert [tasks["datasets.load", index].rendered_map_index for index in (0, 1)] == ["orders", "people"]
    recorded = tasks["record", -1].xcom_pull(task_ids="record")
    sums = recorded["reconciliation"]
    assert (sums["rows_in"], sums["loaded"], sums["filtered"], sums["quarantined"]) == (5, 4, 0, 1)
    assert sums["balanced"]
    assert sums["checksum_source"] == sums["checksum_target"]
    assert [one["output"] for one in recorded["outputs"]] == ["orders", "people"]
    (quarantine,) = recorded["outputs"][0]["quarantine"]
    with open(quarantine) as lines:
        (refused,) = [json.loads(line) for line in lines]
    assert (refused["reason"], refused["source"]["amount"]) == ("id must not be null", "7.00")
    assert len(json.dumps(recorded)) < 20_000
    import pyarrow.parquet as pq

    rows = sum(pq.read_table(file).num_rows for file in (bundled.lake / "moves").rglob("*.parquet"))
    assert rows == 4


def test_a_committed_plan_gives_a_group_a_dataset_and_is_used_as_it_is(bundled: Dags) -> None:
    from windvane import plan

    spec = bundled.spec("planned")
    built = plan(spec, rules_only=True)
    state, tasks = run(bundled)
    assert state == "success"
    assert ("orders.load", -1) in tasks
    assert ("people.load", -1) in tasks
    assert tasks["plan", -1].xcom_pull(task_ids="plan", key="plan") == built["id"]
    assert tasks["record", -1].xcom_pull(task_ids="record")["plan"] == built["id"]


def test_connections_come_from_airflow_and_stay_out_of_xcom(
    bundled: Dags, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(target)}))
    monkeypatch.setenv("AIRFLOW__WINDVANE__ROOTS", str(tmp_path))
    bundled.spec("tables", TABLES)
    state, tasks = run(bundled)
    assert state == "success"
    with sqlite3.connect(target) as database:
        assert database.execute("select count(*) from people").fetchone() == (2,)
        assert database.execute("select count(*) from orders").fetchone() == (3,)
    for ti in tasks.values():
        assert str(target) not in json.dumps(ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index))


def test_a_missing_connection_fails_at_once_and_says_how_to_mend_it(bundled: Dags) -> None:
    bundled.spec("unconnected", TABLES)
    state, tasks = run(bundled)
    assert state == "failed"
    assert tasks["plan", -1].state == "failed"
    assert tasks["record", -1].state == "failed"


def test_operators_of_ones_own(bundled: Dags) -> None:
    bundled.spec("own")
    bundled.loader.write_text(
        "from airflow.sdk import DAG\n"
        "from airflow_windvane import DiscoverOperator, ProfileOperator, WindvaneOperator\n"
        "with DAG('by_hand', schedule=None) as dag:\n"
        "    found = DiscoverOperator(task_id='discover', source='pipelines/data')\n"
        "    looked = ProfileOperator(task_id='profile', source='pipelines/data/orders.csv', sample='2')\n"
        "    moved = WindvaneOperator(task_id='move', spec='pipelines/own.windvane.yaml')\n"
        "    found >> looked >> moved\n"
    )
    state, tasks = run(bundled)
    assert state == "success"
    datasets = tasks["discover", -1].xcom_pull(task_ids="discover")["datasets"]
    assert sorted(one["name"] for one in datasets) == ["orders", "people"]
    assert tasks["profile", -1].xcom_pull(task_ids="profile")["dataset"] == "orders"
    assert tasks["move", -1].xcom_pull(task_ids="move")["reconciliation"]["loaded"] == 4


def test_a_dataset_in_pieces_is_read_by_mapped_tasks(bundled: Dags) -> None:
    from windvane import plan

    with sqlite3.connect(bundled.specs / "source.db") as database:
        database.execute("create table events (id integer primary key, what text)")
        database.executemany("insert into events values (?, ?)", [(n, f"event {n}") for n in range(1000)])
    database.close()
    spec = bundled.spec("pieces", PIECES)
    plan(spec, rules_only=True)
    state, tasks = run(bundled)
    assert state == "success"
    pieces = [ti for (task, index), ti in tasks.items() if task == "events.extract" and index >= 0]
    assert len(pieces) == 3
    sums = tasks["record", -1].xcom_pull(task_ids="record")["reconciliation"]
    assert (sums["rows_in"], sums["loaded"], sums["quarantined"]) == (1000, 999, 1)


def test_a_fused_dataset_is_one_task(bundled: Dags) -> None:
    from windvane import plan

    spec = bundled.spec("fused", FUSED)
    plan(spec, rules_only=True)
    state, tasks = run(bundled)
    assert state == "success"
    assert {task for task, _ in tasks} == {"plan", "orders.move", "people.move", "record"}
    assert tasks["record", -1].xcom_pull(task_ids="record")["reconciliation"]["balanced"]


def test_a_pushed_dataset_is_extracted_and_loaded(
    bundled: Dags, monkeypatch: pytest.MonkeyPatch, postgres_database: str
) -> None:
    from windvane import plan

    spec = bundled.spec("pushed", PUSHED)
    plan(spec, rules_only=True, connections={"warehouse": postgres_database})
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres_database.replace("postgresql://", "postgres://"))
    state, tasks = run(bundled)
    assert state == "success"
    names = {"plan", "orders.extract", "orders.load", "people.split", "people.extract", "people.load", "record"}
    assert {task for task, _ in tasks} == names
    record = tasks["record", -1].xcom_pull(task_ids="record")
    assert record["reconciliation"]["balanced"]
    assert record["reconciliation"]["loaded"] > 0
    # Where the connection leads is the run's to say: real URIs, no password, the same as without a plan.
    place = urlsplit(postgres_database)
    home = f"postgres://{place.hostname}:{place.port or 5432}{place.path}/public"
    with sqlite3.connect(f"{os.environ['AIRFLOW_HOME']}/airflow.db") as database:
        told = database.execute(
            "select asset.uri, asset_event.extra from asset_event join asset on asset.id = asset_event.asset_id "
            "where asset_event.source_dag_id = 'pushed'"
        ).fetchall()
    assert {uri: json.loads(extra)["rows"] for uri, extra in told} == {
        f"{home}/{receipt['dataset']}": receipt["loaded"] for receipt in record["outputs"]
    }


GUARDED = """\
pipeline: {name}
source:
  csv: {{path: data/*.csv}}
target:
  sqlite: {{connection: warehouse}}
datasets:
  orders: {{steps: [{{filter: "id > 1000"}}]}}
guard: {{rows: 0.5}}
"""


def test_a_refused_dataset_stops_no_other_and_a_parameter_lets_it_pass(
    bundled: Dags, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    monkeypatch.setenv("AIRFLOW__WINDVANE__ROOTS", str(tmp_path))
    bundled.spec("guarded", TABLES)
    assert run(bundled)[0] == "success"
    bundled.spec("guarded", GUARDED)
    with sqlite3.connect(database) as warehouse:
        before = warehouse.execute("select count(*) from orders").fetchone()[0]
    state, tasks = run(bundled)
    assert state == "failed"
    states = {key: ti.state for key, ti in tasks.items()}
    assert sorted(state for (task, _), state in states.items() if task.endswith("load")) == ["failed", "success"]
    assert states["record", -1] == "failed"
    with sqlite3.connect(database) as warehouse:
        assert warehouse.execute("select count(*) from orders").fetchone()[0] == before
    bag = bundled.bag()
    (dag,) = bag.dags.values()
    assert "rows" in dag.params.get_param("allow").schema["items"]["enum"]
    done = dag.test(run_conf={"allow": ["rows"]})
    assert done.state == "success"
    recorded = next(ti for ti in done.get_task_instances() if ti.task_id == "record").xcom_pull(task_ids="record")
    assert recorded["allow"] == ["rows"]
    assert [(one["guard"], one["dataset"]) for one in recorded["passed"]] == [("rows", "orders")]


def test_words_that_wait_fail_the_dataset_and_stand_on_the_page(bundled: Dags) -> None:
    from windvane import plan
    from windvane.api import approve

    text = bundled.text.replace("Orders as they are.", "Drop whatever is odd.")
    spec = bundled.spec("asks", text)
    state, tasks = run(bundled)
    assert state == "failed"
    assert tasks["plan", -1].state == "success"
    assert {tasks["datasets.extract", index].state for index in (0, 1)} == {"failed"}
    plan(spec, rules_only=True)
    (dag,) = bundled.bag().dags.values()
    assert "**Waits for a person**" in dag.doc_md
    assert "Drop whatever is odd" in dag.doc_md
    assert run(bundled)[0] == "failed"
    approve(spec, every=True, by="anna")
    (dag,) = bundled.bag().dags.values()
    assert "Waits for a person" not in dag.doc_md
    assert run(bundled)[0] == "success"


def test_a_file_that_is_no_table_stops_no_other(bundled: Dags, capsys: pytest.CaptureFixture[str]) -> None:
    (bundled.data / "orders.csv").write_text("<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n")
    bundled.spec("halves")
    state, tasks = run(bundled)
    assert state == "failed"
    assert tasks["plan", -1].state == "success"
    assert tasks["datasets.load", 0].rendered_map_index == "people"
    assert tasks["datasets.load", 0].state == "success"
    assert tasks["record", -1].state == "failed"
    told = capsys.readouterr().out
    assert "orders cannot be read and is left out, so the run will end as failed: this is an HTML page" in told
    assert "DataError: the run has failed: not loaded: orders\n  orders: " in told
