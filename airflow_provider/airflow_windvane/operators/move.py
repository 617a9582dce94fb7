"""Rows go from source to target in one task, as one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import StageOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class MoveOperator(StageOperator):
    """Extract, transform, validate and load one dataset without rest in between; all of it or nothing, once.

    What was loaded is told to its asset by an event; a DAG that ``load_dags`` made leaves that to its task ``record``.

    Args:
        dataset: The dataset to move, one of the plan's outputs.

    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "dataset")
    announces = True
    ui_color = "#cfe3fb"

    def __init__(self, *, dataset: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Move, and return the receipt."""
        from windvane import stages

        with self.failing_clearly():
            outside = self.outside(context)
            self.wait_for_joined(context, self.dataset, outside)
            receipt = stages.move(self.beside_dag(self.plan_file), self.dataset, **outside)
        self.say_loaded(context, receipt, outside)
        return receipt
