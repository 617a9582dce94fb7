"""What the store remembers."""

from __future__ import annotations

from typing import Any

from windvane._call import call
from windvane.errors import MissingError
from windvane.settings import store_url

# What people look for first; other columns of a row follow.
_ORDER = {
    "runs": ("id", "pipeline", "status", "started_at", "finished_at", "plan"),
    "ledger": ("dataset", "run", "rows", "loaded_at", "output", "pipeline", "checksum", "load_id"),
    "decisions": ("at", "agent", "question", "accepted", "run"),
    "catalog": ("dataset", "pipeline", "seen_at"),
}


def rows(verb: str, pipeline: str | None) -> dict[str, Any]:
    """Rows of ``runs``, ``decisions`` or ``ledger``, newest last.

    Raises:
        MissingError: The store has never seen the pipeline.

    """
    store = store_url()
    found = call(verb, store=store, pipeline=pipeline)[verb]
    if not found and pipeline is not None:
        known = sorted({run["pipeline"] for run in call("runs", store=store, pipeline=None, limit=10_000)["runs"]})
        if pipeline not in known:
            hint = f"It knows: {', '.join(known)}" if known else "It knows none yet: nothing has run with this store"
            raise MissingError(f"the store knows no pipeline '{pipeline}'", kind="missing", hint=hint)
    return {"schema": f"windvane/{verb}/v1", "rows": _ordered(verb, found)}


def search(words: str) -> dict[str, Any]:
    """Datasets that were seen, by words."""
    found = call("catalog_search", store=store_url(), words=words)["datasets"]
    return {"schema": "windvane/catalog/v1", "rows": _ordered("catalog", found)}


def _ordered(verb: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first = dict.fromkeys(_ORDER[verb])
    return [{key: row[key] for key in {**first, **row} if key in row} for row in found]
