"""What happened, reconciled and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.stage import StageOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class RecordOperator(StageOperator):
    """Reconcile the run and write it into the store; a run whose rows do not add up fails here.

    The assets in ``outlets`` are updated by this task, so consumers wait for the reconciliation.

    Args:
        receipts: What the load tasks returned.

    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "receipts")
    ui_color = "#e2e6ea"

    def __init__(self, *, receipts: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.receipts = receipts

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Record, and return the run with its reconciliation."""
        from windvane import stages

        from airflow_windvane.version_compat import AirflowFailException

        if not self.plan_file:
            raise AirflowFailException("no plan was made, so nothing was moved; the log of the task 'plan' says why")
        # The receipts of a mapped group arrive as a lazy sequence, which no verb should know about.
        receipts = [self.receipts] if isinstance(self.receipts, dict) else list(self.receipts or ())
        # A load that failed has left none.
        receipts = [receipt for receipt in receipts if receipt]
        plan = self.beside_dag(self.plan_file)
        with self.failing_clearly():
            outside = self.outside(context)
            run = stages.record(plan, receipts, **outside)
        self.announce(context, run, plan, outside)
        sums = run["reconciliation"]
        self.log.info(
            "Run %s: %s rows in + %s added = %s loaded + %s filtered + %s in quarantine.",
            run["run"],
            sums["rows_in"],
            sums["added"],
            sums["loaded"],
            sums["filtered"],
            sums["quarantined"],
        )
        for one in run.get("drift", ()):
            self.log.warning("The source has changed: %s: %s", one["dataset"], one["what"])
        for one in run.get("passed", ()):
            self.log.warning("Let pass (%s): %s: %s", one["guard"], one["dataset"], one["saw"])
        return run
