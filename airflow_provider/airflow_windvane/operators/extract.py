"""Rows leave their source and rest in staging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.stage import DatasetOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ExtractOperator(DatasetOperator):
    """Stage everything that one loaded dataset is made of.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        piece: The one piece to read, of those that
            :class:`~airflow_windvane.operators.split.SplitOperator` returned; by default everything.

    """

    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "piece")
    ui_color = "#d4f1e4"

    def __init__(self, *, piece: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.piece = piece

    def stage(self, plan: str, outside: Mapping[str, Any]) -> dict[str, Any]:
        """References to what is staged."""
        from windvane import stages

        return stages.extract(plan, self.dataset, piece=self.piece, **outside)
