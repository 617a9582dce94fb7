"""Rows go from source to target in one task, as one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.stage import LoadingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping


class MoveOperator(LoadingOperator):
    """Extract, transform, validate and load one dataset without rest in between; all of it or nothing, once.

    What was loaded is told to its asset by an event; a DAG that ``load_dags`` made leaves that to its task ``record``.

    Args:
        dataset: The dataset to move, one of the plan's outputs.

    """

    ui_color = "#cfe3fb"

    def stage(self, plan: str, outside: Mapping[str, Any]) -> dict[str, Any]:
        """The receipt."""
        from windvane import stages

        return stages.move(plan, self.dataset, **outside)
