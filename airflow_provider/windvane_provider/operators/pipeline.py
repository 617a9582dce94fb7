"""A whole pipeline as one task, for a DAG of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windvane_provider.operators.plan import PlanOperator

if TYPE_CHECKING:
    from collections.abc import Mapping


class WindvaneOperator(PlanOperator):
    """Run every stage of a spec in this task.

    Stages leave the same traces as those of a generated DAG: staging, quarantine, ledger, store. Choose ``load_dags``
    when a task a stage is wanted, with its retries and its place in the UI.

    Example:
        ``WindvaneOperator(task_id="orders", spec="pipelines/orders.windvane.yaml", connections=["shop"])``
    """

    ui_color = "#bfe0ee"

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        """Plan, move and record, and return the run with its reconciliation."""
        from airflow.providers.common.compat.sdk import AirflowFailException
        from windvane import stages

        from windvane_provider.surroundings import gateway, setting

        around = self.surroundings(context)
        with self.failing_clearly():
            planned = stages.plan(
                self.beside_dag(self.spec),
                environment=self.environment or setting("environment") or None,
                gateway=gateway(self.gateway_conn_id),
                **around,
            )
            plan_file = planned["plan_file"]
            receipts = []
            for output in planned["outputs"]:
                extracted = stages.extract(plan_file, output, **around)
                transformed = stages.transform(plan_file, output, extracted, **around)
                verdict = stages.validate(plan_file, output, transformed, extracted, **around)
                receipts.append(stages.load(plan_file, output, verdict, **around))
            run = stages.record(plan_file, receipts, **around)
        if not run["reconciliation"]["balanced"]:
            raise AirflowFailException(f"the rows of run {run['run']} do not add up: {run['reconciliation']}")
        return run
