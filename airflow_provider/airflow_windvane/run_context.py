"""Where a task finds what its run needs: the store, the staging folder, the model gateway and its own run.

Read in a running task only: the answers may hold secrets, and asking for connections while DAGs are parsed is slow.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SECTION = "windvane"


def setting(name: str) -> str:
    """An option of the ``[windvane]`` section, or the empty text."""
    from airflow_windvane.version_compat import conf

    return str(conf.get(_SECTION, name, fallback="") or "").strip()


def roots() -> list[str]:
    """The folders, beside each spec's own, that pipelines may read from and write to."""
    named = [*setting("roots").split(","), *os.environ.get("WINDVANE_ROOTS", "").split(os.pathsep)]
    return [os.path.normpath(root.strip()) for root in named if root.strip()]


def home() -> str:
    """The folder that the relative path of a target means: never the DAG bundle, which holds code."""
    configured = setting("home") or os.environ.get("WINDVANE_HOME", "").strip()
    return os.path.abspath(configured) if configured else os.path.join(_airflow_home(), "windvane", "data")


def bundles(*known: str | None) -> list[str]:
    """The folders of code, in which no target may lie: those that are known, and Airflow's DAG folder.

    Args:
        known: The folder of the bundle at hand, if Airflow says which it is.

    """
    from airflow_windvane.version_compat import conf

    folders = [*known, conf.get("core", "dags_folder", fallback="")]
    return sorted({os.path.abspath(folder) for folder in folders if folder})


def bundle_of_task(context: Mapping[str, Any]) -> str | None:
    """The folder of the DAG bundle that a task runs from, if Airflow says so.

    Args:
        context: The task's context.

    """
    path = getattr(getattr(context.get("ti"), "bundle_instance", None), "path", None)
    return None if path is None else os.fspath(path)


def store_url(given: str | None) -> str:
    """The URL of the store: what the task says, else the configuration, ``WINDVANE_STORE``, a file in AIRFLOW_HOME.

    Args:
        given: A URL, ``conn:ID``, or nothing.

    """
    wanted = given or setting("store") or os.environ.get("WINDVANE_STORE", "").strip()
    if wanted.startswith("conn:"):
        from airflow_windvane.connections import engine_urls

        connection_id = wanted.removeprefix("conn:")
        return engine_urls([connection_id])[connection_id]
    if wanted and "://" not in wanted:
        # As the shell reads it: a path.
        return os.path.abspath(os.path.expanduser(wanted))
    return wanted or f"sqlite://{_home('store.db')}"


def staging_place(given: str | None, spec: str | None = None) -> str:
    """Where rows rest: what the task says, else the spec, ``WINDVANE_STAGING``, the configuration, AIRFLOW_HOME.

    Args:
        given: What the task says.
        spec: What the spec says.

    """
    from windvane.settings import is_address
    from windvane.settings import staging_place as checked

    environment = os.environ.get("WINDVANE_STAGING", "").strip()
    place = checked(given or spec or environment or setting("staging") or _home("staging"))
    if not is_address(place):
        os.makedirs(place, exist_ok=True)
    return place


def host_of(context: Mapping[str, Any]) -> str | None:
    """What Airflow calls this machine (``[core] hostname_callable``), if it says so.

    Args:
        context: The task's context.

    """
    return getattr(context.get("ti"), "hostname", None) or None


def gateway(connection_id: str | None) -> dict[str, Any] | None:
    """The model gateway that agents may use, or nothing: then the rules answer alone.

    Args:
        connection_id: The id of a ``windvane_llm`` connection; by default ``[windvane] gateway_conn_id``.

    """
    wanted = connection_id or setting("gateway_conn_id")
    if not wanted:
        return None
    from airflow_windvane.hooks.llm import LlmHook

    return LlmHook(wanted).get_conn()


def run_of(context: Mapping[str, Any]) -> str:
    """The run's identity for the engine: the same in every try and every task of a DAG run, and safe as a file name.

    Args:
        context: The task's context.

    """
    exact = f"{context['dag'].dag_id}__{context['run_id']}"
    plain = re.sub(r"[^A-Za-z0-9_.+-]", "-", exact)
    if plain == exact:
        return exact
    # Two runs must never share an identity because their names differ in a replaced character only.
    return f"{plain}-{hashlib.sha256(exact.encode()).hexdigest()[:8]}"


def allowed_of(context: Mapping[str, Any], given: Iterable[str]) -> list[str]:
    """The guards that the run lets pass: what the task says, and what was chosen when the run was triggered.

    Args:
        context: The task's context.
        given: What the task says.

    """
    chosen = (context.get("params") or {}).get("allow") or ()
    return sorted({*given, *([chosen] if isinstance(chosen, str) else chosen)})


def interval_of(context: Mapping[str, Any]) -> tuple[str, str] | None:
    """The run's data interval, for datasets that are read by it; nothing for a run that has none.

    Args:
        context: The task's context.

    """
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    return None if start is None or end is None else (start.isoformat(), end.isoformat())


def _airflow_home() -> str:
    return os.path.abspath(os.environ.get("AIRFLOW_HOME") or os.path.join(os.path.expanduser("~"), "airflow"))


def _home(name: str) -> str:
    folder = os.path.join(_airflow_home(), "windvane")
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, name)
