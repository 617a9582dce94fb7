"""The task graph of a pipeline as Airflow's tasks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup, XComArg, task_group

from airflow_windvane.assets import declared
from airflow_windvane.operators.extract import ExtractOperator
from airflow_windvane.operators.load import LoadOperator
from airflow_windvane.operators.move import MoveOperator
from airflow_windvane.operators.plan import PlanOperator
from airflow_windvane.operators.record import RecordOperator
from airflow_windvane.operators.split import SplitOperator
from airflow_windvane.operators.transform import TransformOperator
from airflow_windvane.operators.validate import ValidateOperator
from airflow_windvane.run_context import home

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_windvane.operators.base import WindvaneBaseOperator

# What works on one dataset, and which earlier stages of it each takes something from.
_OPERATORS: dict[str, Any] = {
    "split": SplitOperator,
    "extract": ExtractOperator,
    "transform": TransformOperator,
    "validate": ValidateOperator,
    "load": LoadOperator,
    "move": MoveOperator,
}
_INPUTS = {
    "transform": {"extracted": "extract"},
    "validate": {"transformed": "transform", "extracted": "extract"},
    "load": {"verdict": "validate"},
}


def add_tasks(pipeline: Mapping[str, Any], dag_file: str, environment: str | None) -> None:
    """Make the tasks of a pipeline in the DAG at hand.

    Args:
        pipeline: An entry of ``pipelines`` of :func:`~airflow_windvane.dag_factory.read_folder`.
        dag_file: The file that Airflow is parsing.
        environment: The environment whose overlay applies.

    """
    _TaskBuilder(pipeline, dag_file, environment).build()


class _TaskBuilder:
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
        takes = {"extracted": "extract"} if stage == "load" and "validate" not in siblings else _INPUTS.get(stage, {})
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
