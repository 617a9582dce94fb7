"""What is installed, reachable and writable, and what to do about what is not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

from windvane._call import call
from windvane.errors import WindvaneError
from windvane.run_context import run_context
from windvane.settings import is_address


def examine(staging: str | None = None) -> dict[str, Any]:
    """``{ok, findings: [{what, ok, found, hint}]}``."""
    outside = run_context(Path.cwd(), staging=".")
    findings = [_engine(), _airflow(), _store(outside["store"]), _rest(staging), _gateway(outside)]
    return {"schema": "windvane/doctor/v1", "ok": all(finding["ok"] for finding in findings), "findings": findings}


def _finding(what: str, found: str, *, ok: bool = True, hint: str | None = None) -> dict[str, Any]:
    return {"what": what, "ok": ok, "found": found, "hint": hint}


def _engine() -> dict[str, Any]:
    try:
        from windvane import _core
    except ImportError as error:
        return _finding("engine", str(error), ok=False, hint="Install the wheel `windvane` for this platform")
    return _finding("engine", f"windvane {_core.version()} on Python {platform.python_version()}")


def _airflow() -> dict[str, Any]:
    try:
        version = importlib.metadata.version("apache-airflow-core")
    except importlib.metadata.PackageNotFoundError:
        return _finding("airflow", "not installed; the shell and notebooks do not need it")
    provider = importlib.util.find_spec("airflow_windvane") is not None
    if not provider:
        return _finding("airflow", version, ok=False, hint="pip install airflow-provider-windvane")
    return _finding("airflow", f"{version}, with the provider")


def _store(url: str) -> dict[str, Any]:
    file = Path(url.removeprefix("sqlite://"))
    if ("://" not in url or url.startswith("sqlite://")) and not file.exists():
        return _to_be_made("store", file, "Set WINDVANE_STORE to a file that can be written, or to a database")
    try:
        answer = call("store_info", store=url)
    except WindvaneError as error:
        return _finding("store", str(error.args[0]), ok=False, hint=error.hint)
    return _finding("store", f"{answer['location']} ({answer['backend']}, version {answer['version']})")


def _rest(staging: str | None) -> dict[str, Any]:
    """Where rows rest: an object store is asked to take, give and let go of a file."""
    try:
        outside = run_context(Path.cwd(), staging=staging)
        if not is_address(outside["staging"]):
            return _staging(Path(outside["staging"]))
        place = call("staging_ready", world=outside)["place"]
    except WindvaneError as error:
        return _finding("staging", str(error.args[0]), ok=False, hint=error.hint)
    opened = outside["staging_connection"]
    by = f"connection '{opened}'" if opened else "the environment's credentials"
    return _finding("staging", f"{place} takes, gives and removes files, with {by}")


def _staging(folder: Path) -> dict[str, Any]:
    hint = "Set WINDVANE_STAGING to a folder that can be written"
    if not folder.exists():
        return _to_be_made("staging", folder, hint)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return _finding("staging", f"{folder} cannot be written", ok=False, hint=hint)
    return _finding("staging", str(folder))


def _to_be_made(what: str, path: Path, hint: str) -> dict[str, Any]:
    """What the first run will make; a doctor makes nothing."""
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        return _finding(what, f"{path} cannot be made: {above} may not be written", ok=False, hint=hint)
    return _finding(what, f"{path}: not there yet, the first run makes it")


def _gateway(outside: dict[str, Any]) -> dict[str, Any]:
    gateway = outside["gateway"]
    if gateway is None:
        return _finding("model", "none: agents answer by rules; set WINDVANE_GATEWAY_URL for a model")
    return _finding("model", f"{gateway['model']} at {gateway['base_url']}")
