"""An input is split into pieces that tasks read side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.stage import DatasetOperator

if TYPE_CHECKING:
    from collections.abc import Mapping


class SplitOperator(DatasetOperator):
    """Find the pieces of one dataset's input: page ranges, key ranges, files, row groups; extract is mapped over them.

    Args:
        dataset: The dataset to load, one of the plan's outputs.

    """

    ui_color = "#d4f1e4"

    def stage(self, plan: str, outside: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The pieces."""
        from windvane import stages

        return stages.split(plan, self.dataset, **outside)
