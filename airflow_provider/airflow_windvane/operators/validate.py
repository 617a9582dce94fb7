"""The plan's checks over transformed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import StageOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ValidateOperator(StageOperator):
    """Judge one dataset; rows that break a check go to quarantine with the reason.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        transformed: What :class:`~airflow_windvane.operators.transform.TransformOperator` returned.
        extracted: What :class:`~airflow_windvane.operators.extract.ExtractOperator` returned; checks that look into
            other datasets read it.

    """

    template_fields: Sequence[str] = (
        *StageOperator.template_fields,
        "dataset",
        "transformed",
        "extracted",
    )
    ui_color = "#f8dcc4"

    def __init__(self, *, dataset: str, transformed: Any, extracted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.transformed = transformed
        self.extracted = extracted

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Validate, and return the verdict."""
        from windvane import stages

        with self.failing_clearly():
            return stages.validate(
                self.beside_dag(self.plan_file),
                self.dataset,
                self.transformed,
                self.extracted,
                **self.outside(context),
            )
