"""Spec to plan: read the reviewed plan beside the spec, or make one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windvane_provider.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PlanOperator(WindvaneBaseOperator):
    """Make sure there is a plan that fits the spec and the source as they are now.

    Returns the names of the datasets to load, so that ``.expand(dataset=plan.output)`` maps over them; the XComs
    ``plan_file`` and ``plan`` hold the plan's path and content address.

    Args:
        spec: Path of the spec; a relative one is meant from the folder of the DAG file.
        environment: The environment whose overlay applies; by default ``[windvane] environment``.
        gateway_conn_id: The ``windvane_llm`` connection that agents may use; by default ``[windvane] gateway_conn_id``.
    """

    template_fields: Sequence[str] = (
        *WindvaneBaseOperator.template_fields,
        "spec",
        "environment",
        "gateway_conn_id",
    )
    ui_color = "#cfe3ff"

    def __init__(
        self, *, spec: str, environment: str | None = None, gateway_conn_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.environment = environment
        self.gateway_conn_id = gateway_conn_id

    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Plan, and say what will be loaded."""
        from windvane import stages

        from windvane_provider.surroundings import gateway, setting

        with self.failing_clearly():
            planned = stages.plan(
                self.beside_dag(self.spec),
                environment=self.environment or setting("environment") or None,
                gateway=gateway(self.gateway_conn_id),
                **self.surroundings(context),
            )
        context["ti"].xcom_push(key="plan_file", value=planned["plan_file"])
        context["ti"].xcom_push(key="plan", value=planned["plan"])
        return list(planned["outputs"])
