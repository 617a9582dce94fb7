"""Specs become DAGs: one call into the engine a folder, then plain Airflow objects.

Parsing reads files and nothing else: no network, no database, no threads, no models. The same folder gives the same
DAGs on every run and machine, so Airflow sees a new DAG version only when a spec or plan has changed.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, TaskGroup, XComArg, get_parsing_context, task_group

from airflow_windvane.assets import declared
from airflow_windvane.broken import bundle_of_import, explained, show_broken
from airflow_windvane.operators.extract import ExtractOperator
from airflow_windvane.operators.load import LoadOperator
from airflow_windvane.operators.move import MoveOperator
from airflow_windvane.operators.plan import PlanOperator
from airflow_windvane.operators.record import RecordOperator
from airflow_windvane.operators.split import SplitOperator
from airflow_windvane.operators.transform import TransformOperator
from airflow_windvane.operators.validate import ValidateOperator
from airflow_windvane.surroundings import bundles, home, roots, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_windvane.operators.base import WindvaneBaseOperator

log = logging.getLogger(__name__)

# What works on one dataset, and which earlier stages of it each takes something from.
_OPERATORS: dict[str, Any] = {
    "split": SplitOperator,
    "extract": ExtractOperator,
    "transform": TransformOperator,
    "validate": ValidateOperator,
    "load": LoadOperator,
    "move": MoveOperator,
}
_TAKES = {
    "transform": {"extracted": "extract"},
    "validate": {"transformed": "transform", "extracted": "extract"},
    "load": {"verdict": "validate"},
}

# Airflow schedules nothing without a first day; a fixed one, because today would make a new DAG version every day.
_FIRST_DAY = "2024-01-01"


def load_dags(
    namespace: dict[str, Any],
    folder: str | os.PathLike[str],
    *,
    environment: str | None = None,
    default_args: Mapping[str, Any] | None = None,
) -> list[str]:
    """Turn every spec of a folder into a DAG.

    A spec that cannot be read becomes an import error under its own name and hides no other. In a task, Airflow asks
    for one DAG, and only that one is built.

    Args:
        namespace: The ``globals()`` of the DAG file; the DAGs are put there.
        folder: Where the specs are; a relative path is meant from the folder of the DAG file.
        environment: The environment whose overlay applies; by default ``[windvane] environment``.
        default_args: Airflow's default arguments of every task; what a spec says itself wins.

    Returns:
        The ids of the DAGs that were built, sorted.

    Example:
        ``from airflow_windvane import load_dags; load_dags(globals(), "pipelines")``

    """
    dag_file = os.path.abspath(namespace["__file__"])
    here = os.path.dirname(dag_file)
    root = os.path.join(here, os.fspath(folder))
    chosen = environment or setting("environment") or None
    only = get_parsing_context().dag_id
    closed = bundles(bundle_of_import() or here)
    found = read_folder(root, only=only, environment=chosen, read_only=closed)
    broken = {entry["file"]: explained(entry["file"], entry["problems"], here) for entry in found["broken"]}
    built = []
    for pipeline in found["pipelines"]:
        try:
            dag = build_dag(pipeline, dag_file, environment=chosen, default_args=default_args or {})
            dag.validate()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001
            # Whatever Airflow refuses (a schedule, an id) is the fault of this one spec; the others must not suffer.
            broken[pipeline["file"]] = (
                f"{pipeline['file']}: Airflow refuses this pipeline. {type(error).__name__}: {error}"
            )
            continue
        namespace[f"windvane:{dag.dag_id}"] = dag
        built.append(dag.dag_id)
    for file, message in broken.items():
        if only is None:
            show_broken(namespace, os.path.normpath(os.path.join(root, file)), message)
        else:
            log.warning("%s", message)
    return sorted(built)


def read_folder(
    folder: str,
    *,
    only: str | None = None,
    environment: str | None = None,
    file: str | None = None,
    read_only: Sequence[str] = (),
) -> dict[str, Any]:
    """What a folder of specs holds: the pipelines that can be built, and the files that cannot be read.

    Args:
        folder: An absolute path.
        only: The one pipeline that is wanted.
        environment: The environment whose overlay applies.
        file: The one file that is wanted.
        read_only: Folders in which no target may lie.

    """
    # The engine is loaded here, in the DAG file's own process, and by nothing that Airflow imports elsewhere.
    from windvane import _core

    request = {
        "folder": os.path.normpath(folder),
        "only": only,
        "file": file,
        "environment": environment,
        "roots": roots(),
        "home": home(),
        "read_only": [os.path.normpath(folder) for folder in read_only],
    }
    found: dict[str, Any] = json.loads(_core.load_folder(json.dumps(request)))
    return found


def build_dag(
    pipeline: Mapping[str, Any],
    dag_file: str,
    *,
    environment: str | None = None,
    default_args: Mapping[str, Any] | None = None,
) -> DAG:
    """One pipeline as a DAG: a task a node of its task graph, a task group a dataset.

    Args:
        pipeline: An entry of ``pipelines`` of :func:`read_folder`.
        dag_file: The file that Airflow is parsing.
        environment: The environment whose overlay applies.
        default_args: Airflow's default arguments of every task.

    """
    dag = DAG(
        dag_id=pipeline["pipeline"],
        schedule=_schedule(pipeline),
        start_date=_first_day(pipeline),
        catchup=pipeline["catchup"],
        # Two runs of one pipeline would load the same target side by side.
        max_active_runs=1,
        tags=sorted({"windvane", *pipeline["tags"]}),
        doc_md=pipeline["doc_md"],
        params={"allow": _allow_param()},
        default_args={**(default_args or {}), **_own_args(pipeline)},
        # A DAG that turns out to be refused must not reach Airflow behind our back.
        auto_register=False,
    )
    dag.fileloc = dag_file
    with dag:
        _Tasks(pipeline, dag_file, environment).build()
    return dag


def _schedule(pipeline: Mapping[str, Any]) -> Any:
    """The schedule; with intervals where a dataset is read by them.

    Of a cron expression Airflow 3 makes points in time by default: every run would read an interval without any width.
    """
    schedule = pipeline["schedule"]
    if not pipeline["intervals"] or schedule in {None, "@once", "@continuous"}:
        return schedule
    from airflow_windvane.version_compat import CronDataIntervalTimetable

    return CronDataIntervalTimetable(schedule, timezone=pipeline["timezone"] or "UTC")


def _first_day(pipeline: Mapping[str, Any]) -> datetime:
    """The first day in the pipeline's time zone, which is also the one of its schedule."""
    import pendulum

    day = datetime.fromisoformat(pipeline["start_date"] or _FIRST_DAY)
    return pendulum.datetime(day.year, day.month, day.day, tz=pipeline["timezone"] or "UTC")


def _allow_param() -> Param:
    """What a person may let pass in the form that triggers a run."""
    from windvane.guards import NAMES

    return Param(
        [],
        type="array",
        items={"type": "string", "enum": list(NAMES)},
        examples=list(NAMES),
        title="Let guards pass",
        description="Guards that this one run lets pass; what they would have stopped is written into its record.",
    )


def _own_args(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    delay = pipeline["retry_delay"]
    own = {
        "owner": pipeline["owner"],
        "retries": pipeline["retries"],
        "retry_delay": None if delay is None else timedelta(seconds=delay),
    }
    return {key: value for key, value in own.items() if value is not None}


class _Tasks:
    """The tasks of one DAG, made node by node in the graph's own order: what comes first is listed first."""

    def __init__(self, pipeline: Mapping[str, Any], dag_file: str, environment: str | None) -> None:
        self.nodes = pipeline["graph"]["nodes"]
        self.common: dict[str, Any] = {"connections": list(pipeline["connections"])}
        self.spec = _from_folder_of(dag_file, pipeline["file"])
        self.base = os.path.dirname(self.spec) or os.curdir
        committed = pipeline["plan"]
        self.plan_file = _from_folder_of(dag_file, committed["file"]) if committed else None
        self.environment = environment
        self.outlets = declared(pipeline["pipeline"], pipeline["target"], pipeline["loads"], home())
        self.made: dict[str, WindvaneBaseOperator] = {}

    def build(self) -> None:
        grouped: dict[str | None, list[Mapping[str, Any]]] = {}
        for node in self.nodes:
            grouped.setdefault(node["group"], []).append(node)
        for node in grouped.pop(None, []):
            if node["stage"] != "record":
                self._make(node, {}, None)
        for group, nodes in grouped.items():
            self._make_group(str(group), nodes)
        for node in self.nodes:
            if node["group"] is None and node["stage"] == "record":
                self._make(node, {}, None)

    def _make_group(self, group: str, nodes: list[Mapping[str, Any]]) -> None:
        def inside(dataset: Any) -> None:
            siblings: dict[str, WindvaneBaseOperator] = {}
            for node in nodes:
                siblings[node["stage"]] = self._make(node, siblings, dataset)

        if nodes[0]["mapped"]:
            task_group(group_id=group)(inside).expand(dataset=self._plan.output)
        else:
            with TaskGroup(group_id=group):
                inside(nodes[0]["output"])

    def _make(
        self, node: Mapping[str, Any], siblings: Mapping[str, WindvaneBaseOperator], dataset: Any
    ) -> WindvaneBaseOperator:
        task: WindvaneBaseOperator = self._operator(node, siblings, dataset)
        self.made[node["id"]] = task
        for earlier in node["after"]:
            task.set_upstream(self.made[earlier])
        return task

    def _operator(self, node: Mapping[str, Any], siblings: Mapping[str, WindvaneBaseOperator], dataset: Any) -> Any:
        stage = node["stage"]
        if stage == "plan":
            return PlanOperator(
                task_id=stage,
                spec=self.spec,
                plan_file=self.plan_file,
                environment=self.environment,
                **self.common,
            )
        # A committed plan lies beside the spec on every worker; a new one is where the plan task says.
        plan_file = self.plan_file or XComArg(self._plan, key="plan_file")
        common = {**self.common, "task_id": stage, "plan_file": plan_file, "base": self.base}
        if stage == "record":
            # A dataset that is refused does not stop the others: the record says which, and fails.
            common |= {"trigger_rule": "all_done"}
            if self.plan_file is None:
                # It runs after a plan that failed too, and has to say so itself.
                common |= {"plan_file": "{{ ti.xcom_pull(task_ids='plan', key='plan_file') or '' }}"}
            return RecordOperator(receipts=self._receipts(), outlets=self.outlets, **common)
        common |= {"dataset": dataset}
        if node["mapped"]:
            common |= {"map_index_template": "{{ task.dataset }}"}
        if stage not in _OPERATORS:
            raise ValueError(f"this version of the provider does not know the stage {stage!r}")
        # A load that follows its extract at once does the steps at the target.
        takes = {"extracted": "extract"} if stage == "load" and "validate" not in siblings else _TAKES.get(stage, {})
        common |= {name: siblings[earlier].output for name, earlier in takes.items()}
        if node["pieces"]:
            return _OPERATORS[stage].partial(**common).expand(piece=siblings["split"].output)
        task = _OPERATORS[stage](**common)
        # What was loaded is told once, by the record, when the rows have been reconciled.
        task.outlets = []
        return task

    @property
    def _plan(self) -> WindvaneBaseOperator:
        return next(task for task in self.made.values() if isinstance(task, PlanOperator))

    def _receipts(self) -> Any:
        loads = [task.output for task in self.made.values() if isinstance(task, (LoadOperator, MoveOperator))]
        mapped = any(node["mapped"] for node in self.nodes)
        return loads[0] if mapped else loads


def _from_folder_of(dag_file: str, path: str) -> str:
    """The path relative to the DAG file's folder, so that the serialized DAG is the same on every machine."""
    return os.path.relpath(path, os.path.dirname(dag_file)) if os.path.isabs(path) else path
