"""The operators: thin, templated, clear about failures. No engine is needed here."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from airflow.sdk import DAG, RetryAction
from airflow_windvane import (
    DiscoverOperator,
    ExtractOperator,
    LoadOperator,
    MoveOperator,
    PlanOperator,
    ProfileOperator,
    PruneOperator,
    RecordOperator,
    SplitOperator,
    TransformOperator,
    ValidateOperator,
    WindvaneOperator,
    WindvaneRetryPolicy,
)
from airflow_windvane.operators.base import TaskStopped, WindvaneBaseOperator
from airflow_windvane.version_compat import AirflowFailException
from windvane.errors import DataError, ThrottledError, UnavailableError

OPERATORS = {
    PlanOperator: {"spec": "a.windvane.yaml"},
    ExtractOperator: {"plan_file": "p", "dataset": "d"},
    TransformOperator: {"plan_file": "p", "dataset": "d", "extracted": {}},
    ValidateOperator: {"plan_file": "p", "dataset": "d", "transformed": {}, "extracted": {}},
    LoadOperator: {"plan_file": "p", "dataset": "d", "verdict": {}, "extracted": None},
    MoveOperator: {"plan_file": "p", "dataset": "d"},
    SplitOperator: {"plan_file": "p", "dataset": "d"},
    PruneOperator: {"keep": "3", "dry": True, "specs": ["{{ c }}"]},
    RecordOperator: {"plan_file": "p", "receipts": []},
    DiscoverOperator: {"source": "data"},
    ProfileOperator: {"source": "data/a.csv"},
    WindvaneOperator: {"spec": "a.windvane.yaml"},
}


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_every_argument_is_a_template_field_and_only_assigned(operator: type[WindvaneBaseOperator]) -> None:
    given = {**OPERATORS[operator], "connections": ["{{ params.shop }}"], "store": "{{ a }}", "staging": "{{ b }}"}
    task = operator(task_id="t", **given)
    arguments = set()
    for kind in operator.__mro__[: operator.__mro__.index(WindvaneBaseOperator) + 1]:
        signature = inspect.signature(kind.__dict__.get("__init__", lambda: None)).parameters.values()
        arguments |= {one.name for one in signature if one.kind is one.KEYWORD_ONLY}
    assert arguments == set(task.template_fields)
    for name, value in given.items():
        assert getattr(task, name) == value
    assert operator.__doc__
    assert operator.ui_color.startswith("#")


def test_a_failure_that_cannot_pass_fails_the_task_at_once() -> None:
    with (
        pytest.raises(AirflowFailException, match="DataError: too few rows") as caught,
        WindvaneBaseOperator(task_id="t").failing_clearly(),
    ):
        raise DataError("too few rows", kind="data", hint="Look at the source.")
    assert "hint: Look at the source." in str(caught.value)


def test_a_failure_that_may_pass_is_left_to_the_retry_policy() -> None:
    with pytest.raises(UnavailableError), WindvaneBaseOperator(task_id="t").failing_clearly():
        raise UnavailableError("no answer", kind="unavailable", retryable=True)


def test_airflows_stop_ends_the_work_and_only_that() -> None:
    operator = WindvaneBaseOperator(task_id="t")
    operator.on_kill()
    with pytest.raises(TaskStopped), operator.failing_clearly():
        operator.on_kill()
    operator.on_kill()


def test_what_is_not_ours_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), WindvaneBaseOperator(task_id="t").failing_clearly():
        _ = 1 / 0


@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (ThrottledError("slow down", kind="throttled", retryable=True, retry_after=12.5), RetryAction.RETRY, 12.5),
        (UnavailableError("gone", kind="unavailable", retryable=True), RetryAction.DEFAULT, None),
        (DataError("bad", kind="data"), RetryAction.FAIL, None),
        (OSError("not ours"), RetryAction.DEFAULT, None),
    ],
)
def test_the_retry_policy(error: Exception, action: RetryAction, delay: float | None) -> None:
    decision = WindvaneRetryPolicy().evaluate(error, 1, 3)
    assert decision.action is action
    assert decision.retry_delay == (None if delay is None else timedelta(seconds=delay))


def test_operators_use_the_policy_unless_the_author_says_otherwise() -> None:
    assert isinstance(LoadOperator(task_id="t", **OPERATORS[LoadOperator]).retry_policy, WindvaneRetryPolicy)
    assert LoadOperator(task_id="t", retry_policy=None, **OPERATORS[LoadOperator]).retry_policy is None


def test_relative_paths_are_meant_from_the_dag_file() -> None:
    with DAG("d", schedule=None) as dag:
        task = PlanOperator(task_id="t", spec="pipelines/a.windvane.yaml")
    dag.fileloc = "/srv/dags/team/loader.py"
    assert task.beside_dag(task.spec) == "/srv/dags/team/pipelines/a.windvane.yaml"
    assert task.beside_dag("/abs/a.windvane.yaml") == "/abs/a.windvane.yaml"
    assert task.beside_dag("conn:shop#orders") == "conn:shop#orders"
