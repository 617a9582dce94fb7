"""Rows reach their target, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import StageOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LoadOperator(StageOperator):
    """Load what passed validation. A second try, or a cleared task, never loads the rows of a run twice.

    What was loaded is told to its asset by an event; a DAG that ``load_dags`` made leaves that to its task ``record``.

    Args:
        dataset: The dataset to load, one of the plan's outputs.
        verdict: What :class:`~airflow_windvane.operators.validate.ValidateOperator` returned.
        extracted: Instead of ``verdict``, for a dataset with ``strategy: pushdown``: what
            :class:`~airflow_windvane.operators.extract.ExtractOperator` returned. The target does the steps, and the
            checks are done before its transaction ends.

    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "dataset", "verdict", "extracted")
    announces = True
    ui_color = "#d9d2f3"

    def __init__(self, *, dataset: str, verdict: Any = None, extracted: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.verdict = verdict
        self.extracted = extracted

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Load, and return the receipt."""
        from windvane import stages

        with self.failing_clearly():
            outside = self.outside(context)
            self.wait_for_joined(context, self.dataset, outside)
            receipt = stages.load(
                self.beside_dag(self.plan_file),
                self.dataset,
                self.verdict,
                extracted=self.extracted,
                **outside,
            )
        self.say_loaded(context, receipt, outside)
        return receipt
