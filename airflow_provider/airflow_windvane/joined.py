"""What a dataset of a mapped group joins to: it is loaded first, and when it is refused, so is what joins to it.

Groups of their own have edges for that. The datasets of a mapped group are one task with many indexes, between which
Airflow knows no order.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

# Until the next look, in seconds: no worker is held meanwhile.
_PAUSE = 10.0

_LOST = frozenset({"failed", "upstream_failed", "skipped", "removed"})


def wait(context: Mapping[str, Any], dataset: str, needed: Mapping[str, Any]) -> None:
    """Let the task of a mapped group go on when the datasets that its own one joins to are loaded in this run.

    Args:
        context: The task's context.
        dataset: The dataset that the task is about to load.
        needed: What ``api.needs`` says of the plan.

    Raises:
        AirflowFailException: One of them was not loaded.
        AirflowRescheduleException: One of them is still at work.

    """
    from airflow_windvane.version_compat import AirflowFailException, AirflowRescheduleException

    # Not typed in every Airflow.
    reschedule: Any = AirflowRescheduleException

    ti: Any = context["ti"]
    waits = needed["waits"].get(dataset, ())
    if not waits or (ti.map_index or 0) < 0:
        return
    # One question for all: the group may have thousands of them.
    states: dict[str, Any] = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id])
    of_run = states.get(ti.run_id, {})
    at_work = []
    for other in waits:
        state = of_run.get(f"{ti.task_id}_{needed['outputs'].index(other)}")
        if state in _LOST:
            raise AirflowFailException(
                f"held: {other!r}, which {dataset!r} joins to, was not loaded; the log of its own tasks says why. "
                f"Nothing of {dataset!r} was changed. When {other!r} is mended or let pass, clear the failed tasks of "
                "both with their downstream"
            )
        if state != "success":
            at_work.append(other)
    if at_work:
        log.info("%s waits for what it joins to: %s.", dataset, ", ".join(at_work))
        raise reschedule(datetime.now(timezone.utc) + timedelta(seconds=_PAUSE))
