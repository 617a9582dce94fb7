"""An input is split into pieces that tasks read side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import StageOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SplitOperator(StageOperator):
    """Find the pieces of one dataset's input: page ranges, key ranges, files, row groups; extract is mapped over them.

    Args:
        dataset: The dataset to load, one of the plan's outputs.

    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "dataset")
    ui_color = "#d4f1e4"

    def __init__(self, *, dataset: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset

    def execute(self, context: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Split, and return the pieces."""
        from windvane import stages

        with self.failing_clearly():
            return stages.split(self.beside_dag(self.plan_file), self.dataset, **self.outside(context))
