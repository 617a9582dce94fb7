"""What a call may know of the outside: folders, connections, the store, the gateway. Read when a verb is called."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windvane import connections as known_connections
from windvane.settings import is_address, staging_place, store_url, without_connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def run_context(
    base: str | Path,
    *,
    ids: Iterable[str] = (),
    connections: Mapping[str, str] | None = None,
    store: str | None = None,
    staging: str | Path | None = None,
    gateway: Mapping[str, Any] | None = None,
    interval: tuple[str, str] | None = None,
    roots: Iterable[str | Path] = (),
    home: str | Path | None = None,
    read_only: Iterable[str | Path] = (),
    rendered: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    allow: Iterable[str] = (),
    host: str | None = None,
    rests: bool = True,
) -> dict[str, Any]:
    """The part of a request that names the outside; what is not given comes from the environment.

    ``rests=False``: nothing is left to other calls, so that staging in an object store is not opened.
    """
    place, staging_connection = without_connection(staging_place(staging or chosen_staging()))
    return {
        "base": str(Path(base).absolute()),
        "roots": [str(Path(root).absolute()) for root in roots],
        "home": _home(home),
        "read_only": [str(Path(folder).absolute()) for folder in read_only],
        "rendered": dict(rendered or {}),
        "params": dict(params or {}),
        "connections": known_connections.resolve([*ids, *filter(None, [staging_connection])], connections),
        "store": store_url(store),
        "staging": place if rests or not is_address(place) else None,
        "staging_connection": staging_connection,
        "host": host or socket.gethostname(),
        "interval": None if interval is None else {"start": interval[0], "end": interval[1]},
        "gateway": dict(gateway) if gateway is not None else gateway_settings(),
        "allow": sorted(set(allow)),
        "memory": os.environ.get("WINDVANE_MEMORY") or None,
    }


def allowed(base: str | Path, roots: Iterable[str | Path] = ()) -> list[str]:
    """The folders that a spec's paths may lead to: its own, the given ones, and those of ``WINDVANE_ROOTS``."""
    configured = [root for root in os.environ.get("WINDVANE_ROOTS", "").split(os.pathsep) if root]
    return [str(Path(root).absolute()) for root in (base, *roots, *configured)]


def _home(given: str | Path | None) -> str | None:
    """The folder that a target's relative path means: the spec's own, when nothing says another."""
    chosen = given or os.environ.get("WINDVANE_HOME")
    return str(Path(chosen).expanduser().absolute()) if chosen else None


def chosen_staging() -> str:
    """Where rows rest when neither a call nor a spec says it."""
    return os.environ.get("WINDVANE_STAGING") or str(Path.home() / ".windvane" / "staging")


def gateway_settings() -> dict[str, Any] | None:
    """``WINDVANE_GATEWAY_URL``, ``_MODEL`` and ``_KEY`` name an OpenAI-compatible endpoint; without a URL, rules."""
    url = os.environ.get("WINDVANE_GATEWAY_URL")
    if not url:
        return None
    return {
        "base_url": url,
        "model": os.environ.get("WINDVANE_GATEWAY_MODEL", "default"),
        "api_key": os.environ.get("WINDVANE_GATEWAY_KEY", ""),
    }
