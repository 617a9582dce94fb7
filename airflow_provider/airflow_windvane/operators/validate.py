"""The plan's checks over transformed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.stage import DatasetOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ValidateOperator(DatasetOperator):
    """Judge one dataset; rows that break a check go to quarantine with the reason.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        transformed: What :class:`~airflow_windvane.operators.transform.TransformOperator` returned.
        extracted: What :class:`~airflow_windvane.operators.extract.ExtractOperator` returned; checks that look into
            other datasets read it.

    """

    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "transformed", "extracted")
    ui_color = "#f8dcc4"

    def __init__(self, *, transformed: Any, extracted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.transformed = transformed
        self.extracted = extracted

    def stage(self, plan: str, outside: Mapping[str, Any]) -> dict[str, Any]:
        """The verdict."""
        from windvane import stages

        return stages.validate(plan, self.dataset, self.transformed, self.extracted, **outside)
