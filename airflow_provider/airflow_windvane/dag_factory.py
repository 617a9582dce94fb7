"""Specs become DAGs: one call into the engine a folder, then plain Airflow objects.

Parsing reads files and nothing else: no network, no database, no models, no thread that outlives the call. The same
folder gives the same DAGs on every run and machine, so Airflow sees a new DAG version only when a spec or plan has
changed.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, get_parsing_context

from airflow_windvane.broken import bundle_of_import, explained, show_broken
from airflow_windvane.dag_tasks import add_tasks
from airflow_windvane.run_context import bundles, home, roots, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

# Airflow schedules nothing without a first day; a fixed one, because today would make a new DAG version every day.
_FIRST_DAY = "2024-01-01"


def load_dags(
    namespace: dict[str, Any],
    folder: str | os.PathLike[str],
    *,
    environment: str | None = None,
    default_args: Mapping[str, Any] | None = None,
) -> list[str]:
    """Turn every spec of a folder into a DAG.

    A spec that cannot be read becomes an import error under its own name and hides no other. In a task, Airflow asks
    for one DAG, and only that one is built.

    Args:
        namespace: The ``globals()`` of the DAG file; the DAGs are put there.
        folder: Where the specs are; a relative path is meant from the folder of the DAG file.
        environment: The environment whose overlay applies; by default ``[windvane] environment``.
        default_args: Airflow's default arguments of every task; what a spec says itself wins.

    Returns:
        The ids of the DAGs that were built, sorted.

    Example:
        ``from airflow_windvane import load_dags; load_dags(globals(), "pipelines")``

    """
    dag_file = os.path.abspath(namespace["__file__"])
    here = os.path.dirname(dag_file)
    root = os.path.join(here, os.fspath(folder))
    chosen = environment or setting("environment") or None
    only = get_parsing_context().dag_id
    closed = bundles(bundle_of_import() or here)
    found = read_folder(root, only=only, environment=chosen, read_only=closed)
    broken = {entry["file"]: explained(entry["file"], entry["problems"], here) for entry in found["broken"]}
    built = []
    for pipeline in found["pipelines"]:
        try:
            dag = build_dag(pipeline, dag_file, environment=chosen, default_args=default_args or {})
            dag.validate()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001
            # Whatever Airflow refuses (a schedule, an id) is the fault of this one spec; the others must not suffer.
            broken[pipeline["file"]] = (
                f"{pipeline['file']}: Airflow refuses this pipeline. {type(error).__name__}: {error}"
            )
            continue
        namespace[f"windvane:{dag.dag_id}"] = dag
        built.append(dag.dag_id)
    for file, message in broken.items():
        if only is None:
            show_broken(namespace, os.path.normpath(os.path.join(root, file)), message)
        else:
            log.warning("%s", message)
    return sorted(built)


def read_folder(
    folder: str,
    *,
    only: str | None = None,
    environment: str | None = None,
    file: str | None = None,
    read_only: Sequence[str] = (),
) -> dict[str, Any]:
    """What a folder of specs holds: the pipelines that can be built, and the files that cannot be read.

    Args:
        folder: An absolute path.
        only: The one pipeline that is wanted.
        environment: The environment whose overlay applies.
        file: The one file that is wanted.
        read_only: Folders in which no target may lie.

    """
    # The engine is loaded here, in the DAG file's own process, and by nothing that Airflow imports elsewhere.
    from windvane import _core

    request = {
        "folder": os.path.normpath(folder),
        "only": only,
        "file": file,
        "environment": environment,
        "roots": roots(),
        "home": home(),
        "read_only": [os.path.normpath(folder) for folder in read_only],
    }
    found: dict[str, Any] = json.loads(_core.load_folder(json.dumps(request)))
    return found


def build_dag(
    pipeline: Mapping[str, Any],
    dag_file: str,
    *,
    environment: str | None = None,
    default_args: Mapping[str, Any] | None = None,
) -> DAG:
    """One pipeline as a DAG: a task a node of its task graph, a task group a dataset.

    Args:
        pipeline: An entry of ``pipelines`` of :func:`read_folder`.
        dag_file: The file that Airflow is parsing.
        environment: The environment whose overlay applies.
        default_args: Airflow's default arguments of every task.

    """
    dag = DAG(
        dag_id=pipeline["pipeline"],
        schedule=_schedule(pipeline),
        start_date=_first_day(pipeline),
        catchup=pipeline["catchup"],
        # Two runs of one pipeline would load the same target side by side.
        max_active_runs=1,
        tags=sorted({"windvane", *pipeline["tags"]}),
        doc_md=pipeline["doc_md"],
        params={"allow": _allow_param()},
        default_args={**(default_args or {}), **_own_args(pipeline)},
        # A DAG that turns out to be refused must not reach Airflow behind our back.
        auto_register=False,
    )
    dag.fileloc = dag_file
    with dag:
        add_tasks(pipeline, dag_file, environment)
    return dag


def _schedule(pipeline: Mapping[str, Any]) -> Any:
    """The schedule; with intervals where a dataset is read by them.

    Of a cron expression Airflow 3 makes points in time by default: every run would read an interval without any width.
    """
    schedule = pipeline["schedule"]
    if not pipeline["intervals"] or schedule in {None, "@once", "@continuous"}:
        return schedule
    from airflow_windvane.version_compat import CronDataIntervalTimetable

    return CronDataIntervalTimetable(schedule, timezone=pipeline["timezone"] or "UTC")


def _first_day(pipeline: Mapping[str, Any]) -> datetime:
    """The first day in the pipeline's time zone, which is also the one of its schedule."""
    import pendulum

    day = datetime.fromisoformat(pipeline["start_date"] or _FIRST_DAY)
    return pendulum.datetime(day.year, day.month, day.day, tz=pipeline["timezone"] or "UTC")


def _allow_param() -> Param:
    """What a person may let pass in the form that triggers a run."""
    from windvane.guards import NAMES

    return Param(
        [],
        type="array",
        items={"type": "string", "enum": list(NAMES)},
        examples=list(NAMES),
        title="Let guards pass",
        description="Guards that this one run lets pass; what they would have stopped is written into its record.",
    )


def _own_args(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    delay = pipeline["retry_delay"]
    own = {
        "owner": pipeline["owner"],
        "retries": pipeline["retries"],
        "retry_delay": None if delay is None else timedelta(seconds=delay),
    }
    return {key: value for key, value in own.items() if value is not None}
