"""A spec that cannot be read, shown in Airflow's UI as an import error of its own.

Airflow offers a Python DAG file one import error, for the file as a whole, and marks every DAG of a file with an
error stale. The DagBag that is importing the DAG file, however, keeps its errors by file name, and everything that
reads it (the DAG processor, ``airflow dags reserialize``, an integrity test) takes each name as it comes. So the error
is written there under the spec's own name: the DAGs of the DAG file stay as they are.

Airflow promises nothing about that dictionary, so it is touched in :func:`show_broken` only, which looks first whether
it is there (it is in 3.0 to 3.4), and otherwise leaves an empty DAG behind that shows the message as its documentation.
On Airflow 3.4 :mod:`airflow_windvane.importer` needs none of this.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import FrameType

log = logging.getLogger(__name__)


def explained(file: str, problems: Iterable[Mapping[str, Any]], folder: str) -> str:
    """Every mistake of a file, located, each with its way out.

    Args:
        file: The spec.
        problems: Entries of ``problems`` of the engine's answer.
        folder: What the paths in the message are relative to.

    """
    lines = [f"{_short(file, folder)} cannot be read as a pipeline; the other pipelines are not affected."]
    for problem in problems:
        path = f" {problem['path']}:" if problem.get("path") else ""
        place = f"{_short(problem['file'], folder)}:{problem['line']}:{problem['column']}"
        lines.append(f"{place}:{path} {problem['message']}")
        if problem.get("hint"):
            lines.append(f"  hint: {problem['hint']}")
    return "\n".join(lines)


def show_broken(namespace: dict[str, Any], file: str, message: str) -> None:
    """Make Airflow show the message as the import error of ``file``.

    Args:
        namespace: The ``globals()`` of the DAG file that Airflow is importing.
        file: The absolute path of the spec.
        message: What to show.

    """
    log.error("%s", message)
    bag = _importing_dag_bag()
    if bag is not None:
        bag.import_errors[_name_in(bag, file)] = message
        return
    log.warning("No DagBag is importing this file; the error of %s is shown as an empty DAG instead.", file)
    from airflow.sdk import DAG

    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", os.path.basename(file))[:180]
    dag_id = f"broken.{plain}.{hashlib.sha256(file.encode()).hexdigest()[:8]}"
    namespace[f"windvane:{dag_id}"] = DAG(
        dag_id=dag_id, schedule=None, tags=["windvane", "broken"], doc_md=f"```\n{message}\n```"
    )


def _importing_dag_bag() -> Any | None:
    """The DagBag that is importing the DAG file right now, if it keeps errors by file name."""
    # Airflow 3.0 and 3.1 keep it among the models.
    homes = (sys.modules.get(name) for name in ("airflow.dag_processing.dagbag", "airflow.models.dagbag"))
    # Not by attribute: later versions keep the old place as a shim that warns.
    known = tuple({vars(home)["DagBag"] for home in homes if home is not None and "DagBag" in vars(home)})
    if not known:
        return None
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to the caller's caller
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, known):
            return owner if isinstance(getattr(owner, "import_errors", None), dict) else None
        frame = frame.f_back
    return None


def _name_in(bag: Any, file: str) -> str:
    """What a DagBag calls a file: by its whole path in Airflow 3.0, later from the bundle's folder on."""
    relative = getattr(bag, "_get_relative_fileloc", None)
    try:
        return file if relative is None else str(relative(file))
    except ValueError:
        # The specs lie outside of the bundle.
        return file


def bundle_of_import() -> str | None:
    """The folder of the DAG bundle that is being imported right now, if Airflow says so."""
    bag = _importing_dag_bag()
    # An attribute until 3.3, a bundle from 3.4 on.
    path = getattr(bag, "bundle_path", None) or getattr(getattr(bag, "_bundle", None), "path", None)
    return None if path is None else os.fspath(path)


def _short(file: str, folder: str) -> str:
    """The file relative to a folder, when it lies below it."""
    relative = os.path.relpath(os.path.join(folder, file), folder)
    return file if relative.startswith(os.pardir) else relative
