"""Spec to plan: take the reviewed plan beside the spec, or make one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PlanOperator(WindvaneBaseOperator):
    """Make sure that there is a plan.

    Returns the names of the datasets to load, so that ``.expand(dataset=plan.output)`` maps over them; the XComs
    ``plan_file`` and ``plan`` hold the plan's path and content address.

    Args:
        spec: Path of the spec; a relative one is meant from the folder of the DAG file.
        plan_file: Path of the committed plan; it is taken as it is. By default a plan is made.
        environment: The environment whose overlay applies; by default ``[windvane] environment``.
        gateway_conn_id: The ``windvane_llm`` connection that agents may use; by default ``[windvane] gateway_conn_id``.

    """

    template_fields: Sequence[str] = (
        *WindvaneBaseOperator.template_fields,
        "spec",
        "plan_file",
        "environment",
        "gateway_conn_id",
    )
    ui_color = "#cfe3ff"

    def __init__(
        self,
        *,
        spec: str,
        plan_file: str | None = None,
        environment: str | None = None,
        gateway_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.plan_file = plan_file
        self.environment = environment
        self.gateway_conn_id = gateway_conn_id

    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Plan, and say what will be loaded."""
        plan_file = self.plan_file
        if plan_file is None:
            planned = self._make(context)
            plan_file, plan, outputs = planned["plan_file"], planned["plan"], planned["outputs"]
            for name, why in planned["refused"].items():
                self.log.error("%s cannot be read and is left out, so the run will end as failed: %s", name, why)
        else:
            # Parsing the DAG in this process has already refused a plan that does not fit its spec.
            committed = json.loads(Path(self.beside_dag(plan_file)).read_text(encoding="utf-8"))
            plan, outputs = committed["id"], [output["name"] for output in committed["outputs"]]
        context["ti"].xcom_push(key="plan_file", value=plan_file)
        context["ti"].xcom_push(key="plan", value=plan)
        self.log.info("Plan %s loads %s.", plan, ", ".join(outputs))
        return list(outputs)

    def _make(self, context: Mapping[str, Any]) -> dict[str, Any]:
        from windvane import stages

        from airflow_windvane.run_context import gateway, setting

        spec = self.beside_dag(self.spec)
        environment = self.environment or setting("environment") or None
        with self.failing_clearly():
            return stages.plan(
                spec,
                environment=environment,
                gateway=gateway(self.gateway_conn_id),
                **self.run_context(context, spec, os.path.dirname(spec), environment),
            )
