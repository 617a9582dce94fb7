"""What the store remembers."""

from __future__ import annotations

from typing import Any

from windvane._call import call
from windvane.settings import store_url


def rows(verb: str, pipeline: str | None) -> dict[str, Any]:
    """Rows of ``runs``, ``decisions`` or ``ledger``, newest last."""
    return {"schema": f"windvane/{verb}/v1", "rows": call(verb, store=store_url(), pipeline=pipeline)[verb]}


def search(words: str) -> dict[str, Any]:
    """Datasets that were seen, by words."""
    return {"schema": "windvane/catalog/v1", "rows": call("catalog_search", store=store_url(), words=words)["datasets"]}
