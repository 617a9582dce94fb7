"""Rows leave their source and rest in staging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import StageOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ExtractOperator(StageOperator):
    """Stage everything that one loaded dataset is made of.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        piece: The one piece to read, of those that
            :class:`~airflow_windvane.operators.split.SplitOperator` returned; by default everything.

    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "dataset", "piece")
    ui_color = "#d4f1e4"

    def __init__(self, *, dataset: str, piece: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.piece = piece

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Extract, and return references to what is staged."""
        from windvane import stages

        with self.failing_clearly():
            return stages.extract(
                self.beside_dag(self.plan_file), self.dataset, piece=self.piece, **self.outside(context)
            )
