"""Windvane for Apache Airflow: DAGs from reviewed plans, one thin operator a stage.

Importing this package imports nothing else (PEP 562): Airflow's provider discovery reads it in every process, so each
name is loaded on first use, and the engine only inside a running task or a DAG file that calls :func:`load_dags`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airflow_windvane.dag_factory import load_dags
    from airflow_windvane.hooks.llm import LlmHook
    from airflow_windvane.hooks.store import WindvaneStoreHook
    from airflow_windvane.operators.discover import DiscoverOperator
    from airflow_windvane.operators.extract import ExtractOperator
    from airflow_windvane.operators.load import LoadOperator
    from airflow_windvane.operators.move import MoveOperator
    from airflow_windvane.operators.pipeline import WindvaneOperator
    from airflow_windvane.operators.plan import PlanOperator
    from airflow_windvane.operators.profile import ProfileOperator
    from airflow_windvane.operators.prune import PruneOperator
    from airflow_windvane.operators.record import RecordOperator
    from airflow_windvane.operators.split import SplitOperator
    from airflow_windvane.operators.transform import TransformOperator
    from airflow_windvane.operators.validate import ValidateOperator
    from airflow_windvane.policies.retry import WindvaneRetryPolicy

__all__ = [
    "DiscoverOperator",
    "ExtractOperator",
    "LlmHook",
    "LoadOperator",
    "MoveOperator",
    "PlanOperator",
    "ProfileOperator",
    "PruneOperator",
    "RecordOperator",
    "SplitOperator",
    "TransformOperator",
    "ValidateOperator",
    "WindvaneOperator",
    "WindvaneRetryPolicy",
    "WindvaneStoreHook",
    "load_dags",
]

_HOME = {
    "DiscoverOperator": "operators.discover",
    "ExtractOperator": "operators.extract",
    "LlmHook": "hooks.llm",
    "LoadOperator": "operators.load",
    "MoveOperator": "operators.move",
    "PlanOperator": "operators.plan",
    "ProfileOperator": "operators.profile",
    "PruneOperator": "operators.prune",
    "RecordOperator": "operators.record",
    "SplitOperator": "operators.split",
    "TransformOperator": "operators.transform",
    "ValidateOperator": "operators.validate",
    "WindvaneOperator": "operators.pipeline",
    "WindvaneRetryPolicy": "policies.retry",
    "WindvaneStoreHook": "hooks.store",
    "load_dags": "dag_factory",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
