"""Specs become DAGs: deterministic, isolated from one another, only those that are asked for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pendulum
import pytest
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.file import get_unique_dag_module_name
from airflow_windvane.operators.plan import PlanOperator
from airflow_windvane.operators.record import RecordOperator
from conftest import SPEC


def test_a_spec_without_a_plan_maps_over_its_outputs(dags) -> None:
    dags.spec("orders")
    bag = dags.bag()
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    assert dag.dag_id == "orders"
    assert dag.fileloc == str(dags.loader)
    assert {"shop", "daily", "windvane"} <= set(dag.tags)
    assert "Orders as they are." in dag.doc_md
    assert dag.max_active_runs == 1
    assert not dag.catchup
    groups = [group for group in dag.task_group.get_task_group_dict() if group]
    assert len(groups) == 1
    stages = ["extract", "transform", "validate", "load"]
    assert sorted(dag.task_ids) == sorted(["plan", "record", *(f"{groups[0]}.{stage}" for stage in stages)])
    for stage in stages:
        task = dag.get_task(f"{groups[0]}.{stage}")
        assert task.get_closest_mapped_task_group() is not None
        assert task.map_index_template == "{{ task.dataset }}"
        assert (task.owner, task.retries, task.retry_delay) == ("sales", 3, timedelta(seconds=5))
    assert isinstance(dag.get_task("plan"), PlanOperator)
    record = dag.get_task("record")
    assert isinstance(record, RecordOperator)
    assert record.outlets
    assert {task.task_id for task in dag.leaves} == {"record"}
    assert {task.task_id for task in dag.roots} == {"plan"}


def test_the_page_says_steps_mode_and_key_with_and_without_a_plan(dags) -> None:
    import windvane

    text = SPEC.replace("parquet: {{path", "parquet: {{mode: merge, path") + (
        'steps:\n  - filter: "id > 0"\ndatasets:\n'
        "  orders: {{key: id, steps: [{{drop: [amount]}}]}}\n  people: {{mode: append}}\n"
    )
    spec = dags.spec("orders", text)
    (dag,) = dags.bag().dags.values()
    for told in (
        "**every dataset**: `merge`",
        "id > 0",
        "**orders**: `merge` by `id`",
        "amount",
        "**people**: `append`",
    ):
        assert told in dag.doc_md, dag.doc_md
    windvane.plan(spec, rules_only=True)
    (dag,) = dags.bag().dags.values()
    for told in ("**orders**: `merge` by `id`", "id > 0", "amount", "**people**: `append`"):
        assert told in dag.doc_md, dag.doc_md


def test_no_task_is_empty(dags) -> None:
    dags.spec("orders")
    (dag,) = dags.bag().dags.values()
    assert {type(task).__module__.split(".")[0] for task in dag.tasks} == {"airflow_windvane"}


@pytest.mark.parametrize(("by", "hours"), [("interval", 24), ("watermark", 0)])
def test_a_dataset_read_by_interval_gets_intervals(dags, by: str, hours: int) -> None:
    """Of a cron expression Airflow 3 makes points in time, between which no row lies."""
    zone = "timezone: Europe/Stockholm\n"
    read = f"datasets: {{{{orders: {{{{incremental: {{{{column: at, by: {by}}}}}}}}}}}}}\n"
    dags.spec("orders", SPEC.replace("retries: 3\n", "") + zone + read)
    bag = dags.bag()
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    dag = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    late = pendulum.datetime(2026, 3, 29, 20, tz="UTC")
    run = dag.timetable.infer_manual_data_interval(run_after=late)
    assert (run.end - run.start).total_seconds() <= hours * 3600
    assert (run.end > run.start) == bool(hours)
    if hours:
        # The day of the clock change has 23 hours; it ended at midnight in Stockholm.
        assert (run.end - run.start).total_seconds() == 24 * 3600
        late = pendulum.datetime(2026, 3, 29, 22, 30, tz="UTC")
        run = dag.timetable.infer_manual_data_interval(run_after=late)
        assert (run.end - run.start).total_seconds() == 23 * 3600


def test_the_serialized_dag_names_no_folder_of_this_machine(dags) -> None:
    dags.spec(
        "orders", "pipeline: {name}\nsource: {{csv: {{path: data/*.csv}}}}\ntarget: {{parquet: {{path: lake}}}}\n"
    )
    (dag,) = dags.bag().dags.values()
    document = DagSerialization.to_dict(dag)
    for own in ("fileloc", "relative_fileloc", "_processor_dags_folder"):
        document["dag"].pop(own)
    assert str(dags.root) not in json.dumps(document)


def test_only_the_requested_dag_is_built(dags, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        dags.spec(name)
    dags.broken("d")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "b")
    bag = dags.bag()
    assert list(bag.dags) == ["b"]
    assert bag.import_errors == {}


def test_load_dags_returns_the_ids(dags) -> None:
    from airflow_windvane import load_dags

    dags.spec("b")
    dags.spec("a")
    namespace = {"__file__": str(dags.loader)}
    assert load_dags(namespace, "pipelines") == ["a", "b"]
    assert namespace["windvane:a"].dag_id == "a"
    assert load_dags({"__file__": str(dags.loader)}, dags.specs) == ["a", "b"]


def test_default_arguments_give_way_to_the_spec(dags) -> None:
    from airflow_windvane import load_dags

    dags.spec("a")
    namespace = {"__file__": str(dags.loader)}
    load_dags(namespace, "pipelines", default_args={"owner": "nobody", "queue": "fast"})
    task = namespace["windvane:a"].get_task("plan")
    assert (task.owner, task.queue) == ("sales", "fast")


def test_a_schedule_that_airflow_refuses_breaks_its_own_spec_only(dags, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_windvane import dag_factory

    dags.spec("good")
    dags.spec("odd")
    real = dag_factory.read_folder

    def with_odd_schedule(*arguments: object, **options: object) -> dict:
        found = real(*arguments, **options)
        for pipeline in found["pipelines"]:
            if pipeline["pipeline"] == "odd":
                pipeline["schedule"] = "every full moon"
        return found

    monkeypatch.setattr(dag_factory, "read_folder", with_odd_schedule)
    bag = dags.bag()
    assert list(bag.dags) == ["good"]
    ((file, message),) = bag.import_errors.items()
    assert file.endswith("odd.windvane.yaml")
    assert "odd.windvane.yaml: Airflow refuses this pipeline." in message


def test_paths_outside_the_specs_folder_need_a_root(dags, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = dags.text.replace("data/*.csv", f"{tmp_path}/*.csv")
    dags.spec("orders", outside)
    assert "leaves the allowed folders" in "".join(dags.bag().import_errors.values())
    monkeypatch.setenv("AIRFLOW__WINDVANE__ROOTS", f"/srv/data, {tmp_path}")
    bag = dags.bag()
    assert bag.import_errors == {}
    assert list(bag.dags) == ["orders"]


def test_a_broken_spec_is_an_import_error_of_its_own_in_a_dag_bag(dags) -> None:
    dags.spec("good")
    path = dags.broken("bad")
    bag = dags.bag()
    assert list(bag.dags) == ["good"]
    assert list(bag.import_errors) == [str(path)]
    message = bag.import_errors[str(path)]
    assert "bad.windvane.yaml:1:1" in message
    assert "'pipelin'" in message
    assert "hint: " in message


def test_outside_a_dag_bag_a_broken_spec_becomes_a_dag_that_explains(dags) -> None:
    from airflow_windvane import load_dags

    dags.broken("bad")
    namespace = {"__file__": str(dags.loader)}
    assert load_dags(namespace, "pipelines") == []
    (shown,) = [value for name, value in namespace.items() if name.startswith("windvane:broken.")]
    assert "'pipelin'" in shown.doc_md
    assert shown.tasks == []


def test_twenty_hash_seeds_give_one_serialized_dag(dags, python) -> None:
    """In one process a seed: sets and dictionaries must not leak their order into a DAG version."""
    for name in ("a", "b", "c"):
        dags.spec(name)
    script = f"""
import hashlib, json
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.models.serialized_dag import SerializedDagModel
bag = DagBag({str(dags.root)!r})
texts = [SerializedDagModel.hash(DagSerialization.to_dict(bag.dags[name])) for name in sorted(bag.dags)]
order = [list(bag.dags[name].task_dict) for name in sorted(bag.dags)]
print("ANSWER" + json.dumps([texts, order]))
"""

    def answer(seed: int) -> str:
        return python("-c", script, PYTHONHASHSEED=str(seed)).split("ANSWER")[1]

    with ThreadPoolExecutor(max_workers=2) as both_cores:
        answers = set(both_cores.map(answer, range(20)))
    assert len(answers) == 1
    hashes, _ = json.loads(answers.pop())
    assert len(hashes) == 3


def test_a_module_name_is_ours_to_find(dags) -> None:
    """Guards the assumption that Airflow imports the DAG file with its ``__file__``."""
    assert get_unique_dag_module_name(str(dags.loader)).endswith("windvane_factory")
