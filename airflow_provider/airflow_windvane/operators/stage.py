"""What the operators of a plan's stages share: the plan, the dataset, how one verb of the engine is called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class StageOperator(WindvaneBaseOperator):
    """An operator that performs one stage of a plan.

    Args:
        plan_file: Path of the plan: a committed one, or ``plan.output["plan_file"]``.
        base: The folder of the spec, from which the plan's relative paths are meant; by default the plan's own folder.

    """

    template_fields: Sequence[str] = (*WindvaneBaseOperator.template_fields, "plan_file", "base")

    def __init__(self, *, plan_file: str, base: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_file = plan_file
        self.base = base

    def outside(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments of a stage verb, with the folder that relative paths are meant from.

        Args:
            context: The task's context.

        """
        from airflow_windvane.run_context import interval_of

        made = "://" in self.plan_file or self.plan_file.startswith("store:")
        base = self.beside_dag(self.base or ("." if made else os.path.dirname(self.plan_file)))
        return {
            **self.run_context(context, self.beside_dag(self.plan_file), base),
            "base": base,
            "progress": self.showing(context),
            "interval": interval_of(context),
        }


class DatasetOperator(StageOperator):
    """A stage of one dataset.

    Args:
        dataset: The dataset to load, one of the plan's outputs.

    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "dataset")

    def __init__(self, *, dataset: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Do the stage, and return references and counts."""
        with self.failing_clearly():
            return self.stage(self.beside_dag(self.plan_file), self.outside(context))

    def stage(self, plan: str, outside: Mapping[str, Any]) -> Any:
        """The verb of :mod:`windvane.stages`.

        Args:
            plan: The plan, as this worker sees it.
            outside: What :meth:`outside` gave.

        """
        raise NotImplementedError


class LoadingOperator(DatasetOperator):
    """A stage behind which the dataset is at its target."""

    announces = True

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Load, tell it in the log and to the asset, and return the receipt."""
        with self.failing_clearly():
            outside = self.outside(context)
            self.wait_for_joined(context, outside)
            receipt: dict[str, Any] = self.stage(self.beside_dag(self.plan_file), outside)
        self.say_loaded(context, receipt, outside)
        return receipt

    def wait_for_joined(self, context: Mapping[str, Any], outside: Mapping[str, Any]) -> None:
        """Let a dataset of a mapped group wait for those that it joins to; see :mod:`airflow_windvane.joined`.

        Args:
            context: The task's context.
            outside: What :meth:`outside` gave.

        """
        if (context["ti"].map_index or 0) < 0:
            return
        from windvane import api

        from airflow_windvane import joined

        given = {key: outside[key] for key in ("roots", "store", "connections", "host")}
        joined.wait(context, self.dataset, api.needs(self.beside_dag(self.plan_file), **given))

    def say_loaded(self, context: Mapping[str, Any], receipt: Mapping[str, Any], outside: Mapping[str, Any]) -> None:
        """A receipt as a line of the task's log, and as an event of the asset that was loaded.

        Args:
            context: The task's context.
            receipt: What a load or a move returned.
            outside: What :meth:`outside` gave.

        """
        self.log.info(
            "%s: %s rows loaded%s, %s filtered, %s in quarantine.",
            receipt["dataset"],
            receipt["loaded"],
            " by an earlier try" if receipt["already"] else "",
            receipt["filtered"],
            receipt["quarantined"],
        )
        if receipt["quarantine"]:
            from windvane import api

            opened = {key: outside[key] for key in ("staging", "connections")}
            for line in api.reasons(receipt["quarantine"], **opened):
                self.log.warning("%s: in quarantine: %s", receipt["dataset"], line)
        for warning in receipt.get("warnings", ()):
            self.log.warning("%s: %s", receipt["dataset"], warning)
        self.announce(context, {"run": receipt["run"], "outputs": [receipt]}, self.beside_dag(self.plan_file), outside)
