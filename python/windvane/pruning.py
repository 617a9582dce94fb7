"""Removes what runs that are over have left where rows rest (a folder, an object store): staged rows, quarantine."""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windvane._call import call
from windvane.errors import SpecError
from windvane.settings import is_address, staging_place, store_url, without_connection
from windvane.world import chosen_staging, world

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS = 7.0
_DAY = 86_400.0
_HOUR = 3_600.0
# A file name of the engine: what is not plain stands there as %XX.
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def keep_days(given: float | str | None = None) -> float:
    """How long a run's folder stays after its end: the argument, else ``WINDVANE_KEEP``, else 7 days.

    Args:
        given: Days.

    """
    chosen = given if given is not None else os.environ.get("WINDVANE_KEEP", "").strip() or DAYS
    try:
        days = float(chosen)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        hint = "Say it in days: --keep 14, or WINDVANE_KEEP=14"
        raise SpecError(f"'{chosen}' is not a number of days", kind="spec", hint=hint)
    return days


def prune(
    *,
    staging: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: float | str | None = None,
    dry_run: bool = False,
    connections: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Removes the folders of runs that ended more than ``keep`` days ago, their quarantine with them.

    A run that the store does not know goes by when its folder was last written to. Runs at work stay: those that the
    store says are running and that wrote something within a day, and all unknown ones that did within an hour.

    Args:
        staging: The staging place; by default that of every run.
        store: The store that knows how the runs ended.
        keep: Days; by default ``WINDVANE_KEEP``, else 7.
        dry_run: Only say what would be removed.
        connections: URLs of connections by id, for an object store; those not given come from the environment.

    Returns:
        ``{dry_run, keep_days, removed: [{path, pipeline, run, attempt, why, files, bytes}], files, bytes, kept}``.

    """
    days = keep_days(keep)
    place = staging_place(staging if staging is not None else chosen_staging())
    runs = _runs(store_url(store))
    shelf = world(".", staging=place, connections=connections) if is_address(place) else None
    removed, kept = [], 0
    for found in _on_shelf(shelf) if shelf else map(_look, _folders(Path(place))):
        row = runs.get(f"{found['pipeline']}/{found['run']}")
        why = _over(row, found.pop("touched"), days)
        names = found.pop("names", [])
        if why is None:
            kept += 1
            continue
        if not dry_run and shelf:
            call("staging_remove", world=shelf, names=names)
        elif not dry_run:
            _remove(Path(found["path"]))
        removed.append({**found, "why": why})
    return {
        "schema": "windvane/prune/v1",
        "staging": without_connection(place)[0],
        "dry_run": dry_run,
        "keep_days": days,
        "removed": removed,
        "files": sum(one["files"] for one in removed),
        "bytes": sum(one["bytes"] for one in removed),
        "kept": kept,
    }


def _runs(store: str) -> dict[str, Any]:
    """What the store says of runs, by ``pipeline/run``. A store that is there and cannot be read is an error."""
    file = Path(store.removeprefix("sqlite://"))
    if ("://" not in store or store.startswith("sqlite://")) and not file.exists():
        return {}
    return {row["id"]: row for row in call("runs", store=store, pipeline=None, limit=100_000)["runs"]}


def _folders(place: Path) -> list[Path]:
    """``<pipeline>.runs/<run>.<attempt>``, and the plans of runs without a plan file: nothing else is ours."""
    found = [
        run
        for pipeline in place.glob("*.runs")
        if pipeline.is_dir() and not pipeline.is_symlink()
        for run in pipeline.iterdir()
        if run.is_dir() and not run.is_symlink()
    ]
    return sorted(found) + sorted(place.glob("plans/**/*.plan*.json"))


def _on_shelf(shelf: dict[str, Any]) -> list[dict[str, Any]]:
    """The same of an object store: the files of a run, and the plans of runs without a plan file."""
    listed = call("staging_list", world=shelf)
    groups: dict[str, list[dict[str, Any]]] = {}
    for file in listed["files"]:
        pipeline, _, rest = file["name"].partition("/")
        run, _, inside = rest.partition("/")
        if pipeline.endswith(".runs") and inside:
            groups.setdefault(f"{pipeline}/{run}", []).append(file)
        elif pipeline == "plans" and file["name"].endswith(".json"):
            groups[file["name"]] = [file]
    return [
        {
            "path": f"{listed['place'].rstrip('/')}/{name}",
            **_named(name),
            "files": len(files),
            "bytes": sum(file["bytes"] for file in files),
            "touched": max(file["modified"] for file in files),
            "names": [file["name"] for file in files],
        }
        for name, files in sorted(groups.items())
    ]


def _named(name: str) -> dict[str, Any]:
    """Whose folder or plan this is, by its path inside the staging place."""
    above, _, last = name.rpartition("/")
    if above.startswith("plans"):
        pipeline, _, run = last.removesuffix(".plan.json").removesuffix(".plan.proposed.json").partition(".")
        return {"pipeline": pipeline, "run": run, "attempt": None}
    run, _, attempt = last.partition(".")
    return {"pipeline": _plain(above.removesuffix(".runs")), "run": _plain(run), "attempt": attempt}


def _look(path: Path) -> dict[str, Any]:
    files, size, touched = 0, 0, path.stat().st_mtime
    for above, folders, names in os.walk(path):
        for name in (*folders, *names):
            try:
                seen = os.lstat(os.path.join(above, name))
            except FileNotFoundError:
                continue
            touched = max(touched, seen.st_mtime)
            if name in names:
                files, size = files + 1, size + seen.st_size
    inside = f"{path.parent.name}/{path.name}"
    if path.is_file():
        files, size, inside = 1, path.stat().st_size, f"plans/{path.name}"
    return {"path": str(path), **_named(inside), "files": files, "bytes": size, "touched": touched}


def _plain(name: str) -> str:
    """The name behind a file name; one that was cut stays as it is, and no run has it."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), name.encode()).decode(errors="replace")


def _over(row: dict[str, Any] | None, touched: float, days: float) -> str | None:
    """Why a run's folder may go, or nothing."""
    now = time.time()
    idle = now - touched
    status = row["status"] if row else None
    if row and status != "running" and row["finished_at"]:
        ended = datetime.fromisoformat(row["finished_at"].replace("Z", "+00:00")).timestamp()
        return f"{status} {_ago(now - ended)}" if now - ended >= days * _DAY else None
    if idle < (_DAY if status == "running" else _HOUR) or idle < days * _DAY:
        return None
    return f"not touched for {_ago(idle).removesuffix(' ago')}"


def _ago(seconds: float) -> str:
    return f"{seconds / _DAY:.1f} days ago" if seconds >= _DAY else f"{seconds / _HOUR:.1f} hours ago"


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink(missing_ok=True)
        return
    shutil.rmtree(path)
    try:
        path.parent.rmdir()
    except OSError:
        # Other runs of the pipeline are there.
        return
