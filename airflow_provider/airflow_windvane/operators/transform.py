"""The plan's steps over staged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import StageOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TransformOperator(StageOperator):
    """Apply the plan's steps, in their written order, to one dataset.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        extracted: What :class:`~airflow_windvane.operators.extract.ExtractOperator` returned.

    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "dataset", "extracted")
    ui_color = "#fbeacb"

    def __init__(self, *, dataset: str, extracted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.extracted = extracted

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Transform, and return a reference to the result."""
        from windvane import stages

        with self.failing_clearly():
            return stages.transform(
                self.beside_dag(self.plan_file), self.dataset, self.extracted, **self.outside(context)
            )
