"""A whole pipeline as one task, for a DAG of your own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class WindvaneOperator(WindvaneBaseOperator):
    """Run every stage of a spec in this task: with the plan beside the spec, or with a new one.

    It leaves the same traces as a generated DAG: quarantine, ledger, store. Choose ``load_dags`` when a task a stage is
    wanted, with its retries and its place in the UI. Every dataset that it loads is an event of its asset
    (``postgres://…``, ``file://…``), whether ``outlets`` names it or not, so that DAGs can be scheduled on it.

    Args:
        spec: Path of a spec or of a plan; a relative one is meant from the folder of the DAG file.
        environment: The environment whose overlay applies; by default ``[windvane] environment``.
        gateway_conn_id: The ``windvane_llm`` connection that agents may use; by default ``[windvane] gateway_conn_id``.

    Example:
        ``WindvaneOperator(task_id="orders", spec="pipelines/orders.windvane.yaml")``

    """

    template_fields: Sequence[str] = (
        *WindvaneBaseOperator.template_fields,
        "spec",
        "environment",
        "gateway_conn_id",
    )
    announces = True
    ui_color = "#bfe0ee"

    def __init__(
        self, *, spec: str, environment: str | None = None, gateway_conn_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.environment = environment
        self.gateway_conn_id = gateway_conn_id

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run, and return the run with its reconciliation."""
        import windvane

        from airflow_windvane.run_context import gateway, interval_of, setting

        spec = self.beside_dag(self.spec)
        environment = self.environment or setting("environment") or None
        with self.failing_clearly():
            outside = self.run_context(context, spec, os.path.dirname(spec), environment)
            run = windvane.run(
                spec,
                environment=environment,
                gateway=gateway(self.gateway_conn_id),
                progress=self.showing(context),
                interval=interval_of(context),
                **outside,
            ).to_dict()
        self.announce(context, run, spec, outside, environment)
        return run
