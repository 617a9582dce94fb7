"""The plan's steps over staged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.stage import DatasetOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TransformOperator(DatasetOperator):
    """Apply the plan's steps, in their written order, to one dataset.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        extracted: What :class:`~airflow_windvane.operators.extract.ExtractOperator` returned.

    """

    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "extracted")
    ui_color = "#fbeacb"

    def __init__(self, *, extracted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extracted = extracted

    def stage(self, plan: str, outside: Mapping[str, Any]) -> dict[str, Any]:
        """A reference to the result."""
        from windvane import stages

        return stages.transform(plan, self.dataset, self.extracted, **outside)
