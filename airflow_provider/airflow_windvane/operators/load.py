"""Rows reach their target, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.stage import LoadingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LoadOperator(LoadingOperator):
    """Load what passed validation. A second try, or a cleared task, never loads the rows of a run twice.

    What was loaded is told to its asset by an event; a DAG that ``load_dags`` made leaves that to its task ``record``.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        verdict: What :class:`~airflow_windvane.operators.validate.ValidateOperator` returned.
        extracted: Instead of ``verdict``, for a dataset with ``strategy: pushdown``: what
            :class:`~airflow_windvane.operators.extract.ExtractOperator` returned. The target does the steps, and the
            checks are done before its transaction ends.

    """

    template_fields: Sequence[str] = (*LoadingOperator.template_fields, "verdict", "extracted")
    ui_color = "#d9d2f3"

    def __init__(self, *, verdict: Any = None, extracted: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.verdict = verdict
        self.extracted = extracted

    def stage(self, plan: str, outside: Mapping[str, Any]) -> dict[str, Any]:
        """The receipt."""
        from windvane import stages

        return stages.load(plan, self.dataset, self.verdict, extracted=self.extracted, **outside)
