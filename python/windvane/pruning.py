"""Removes what runs that are over have left where rows rest (a folder, an object store): staged rows, quarantine."""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windvane import api
from windvane._call import call
from windvane.errors import SpecError, WindvaneError
from windvane.run_context import chosen_staging, run_context
from windvane.settings import is_address, staging_place, store_url, without_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    *specs: str | os.PathLike[str],
    staging: str | os.PathLike[str] | None = None,
    everywhere: bool | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: float | str | None = None,
    dry_run: bool = False,
    environment: str | None = None,
    connections: Mapping[str, str] | Callable[[str], Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Removes the folders of runs that ended more than ``keep`` days ago, their quarantine with them.

    Looked through are the staging place of every run, those that the plans in the store name, and those of ``specs``. A
    place that cannot be reached does not stop the others.

    A run that the store does not know goes by when its folder was last written to. Runs at work stay: those that the
    store says are running and that wrote something within a day, and all unknown ones that did within an hour.

    Args:
        specs: Specs or plans whose own ``staging`` is looked through too.
        staging: One staging place; then no other, except those of ``specs``.
        everywhere: Whether the places that the store knows are looked through; by default where no ``staging`` is said.
        store: The store that knows how the runs ended.
        keep: Days; by default ``WINDVANE_KEEP``, else 7.
        dry_run: Only say what would be removed.
        environment: Of the specs.
        connections: URLs of connections by id, for object stores, or what gives that of one; those not given come from
            the environment.

    Returns:
        ``{staging: [PLACE], dry_run, keep_days, removed: [{path, pipeline, run, attempt, why, files, bytes}], files,
        bytes, kept, failed: [{staging, error, hint}]}``.

    """
    days = keep_days(keep)
    known = store_url(store)
    runs = _runs(known)
    named = [os.fspath(staging if staging is not None else chosen_staging())]
    named += filter(None, (api.needs(Path(spec), environment=environment)["staging"] for spec in specs))
    if everywhere if everywhere is not None else staging is None:
        named += call("staging_places", store=known)["places"] if _there(known) else []
    places, failed = _distinct(named)
    removed: list[dict[str, Any]] = []
    kept = 0
    for place in places:
        try:
            gone, stayed = _pruned(place, runs, days, dry_run=dry_run, connections=connections)
        except WindvaneError as error:
            if len(named) == 1:
                raise
            failed.append(_failure(place, error))
            continue
        removed += gone
        kept += stayed
    return {
        "schema": "windvane/prune/v1",
        "staging": [without_connection(place)[0] for place in places],
        "dry_run": dry_run,
        "keep_days": days,
        "removed": removed,
        "files": sum(one["files"] for one in removed),
        "bytes": sum(one["bytes"] for one in removed),
        "kept": kept,
        "failed": failed,
    }


def _distinct(named: Iterable[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """Each place once, whichever connection opens it, and those that are none; the first must be one."""
    places: dict[str, str] = {}
    failed = []
    for given in named:
        try:
            place = staging_place(given)
        except WindvaneError as error:
            if not places:
                raise
            failed.append(_failure(given, error))
            continue
        address, opens = without_connection(place)
        same = address if is_address(place) else os.path.realpath(place)
        if opens or same not in places:
            places[same] = place
    return list(places.values()), failed


def _failure(place: str, error: WindvaneError) -> dict[str, Any]:
    return {"staging": without_connection(place)[0], "error": str(error.args[0]), "hint": error.hint}


def _pruned(
    place: str,
    runs: Mapping[str, Any],
    days: float,
    *,
    dry_run: bool,
    connections: Mapping[str, str] | Callable[[str], Mapping[str, str]] | None,
) -> tuple[list[dict[str, Any]], int]:
    """What goes from one place, and how many stay there."""
    opens = without_connection(place)[1]
    given = (connections(opens) if opens else {}) if callable(connections) else connections
    remote = run_context(".", staging=place, connections=given) if is_address(place) else None
    removed, kept = [], 0
    for found in _in_object_store(remote) if remote else map(_look, _folders(Path(place))):
        row = runs.get(f"{found['pipeline']}/{found['run']}")
        why = _over(row, found.pop("touched"), days)
        names = found.pop("names", [])
        if why is None:
            kept += 1
            continue
        if not dry_run and remote:
            call("staging_remove", world=remote, names=names)
        elif not dry_run:
            _remove(Path(found["path"]))
        removed.append({**found, "why": why})
    return removed, kept


def _runs(store: str) -> dict[str, Any]:
    """What the store says of runs, by ``pipeline/run``. A store that is there and cannot be read is an error."""
    if not _there(store):
        return {}
    return {row["id"]: row for row in call("runs", store=store, pipeline=None, limit=100_000)["runs"]}


def _there(store: str) -> bool:
    """Whether there is a store: looking for one must not make it."""
    file = Path(store.removeprefix("sqlite://"))
    return file.exists() if "://" not in store or store.startswith("sqlite://") else True


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


def _in_object_store(remote: dict[str, Any]) -> list[dict[str, Any]]:
    """The same of an object store: the files of a run, and the plans of runs without a plan file."""
    listed = call("staging_list", world=remote)
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
