"""Windvane: self-steering data pipelines.

``import windvane as wv``: ``wv.check``, ``wv.discover``, ``wv.profile``, ``wv.relations``, ``wv.personal``,
``wv.feature_type``, ``wv.kept_profile``, ``wv.map``, ``wv.plan``, ``wv.approve``, ``wv.diff``, ``wv.compact``,
``wv.explain``, ``wv.run``, ``wv.diagnose``, ``wv.schema``, ``wv.prune``, ``wv.Breaker``.
Importing starts nothing and reads nothing; the engine is loaded by the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windvane.api import (
        approve,
        check,
        compact,
        diagnose,
        diff,
        discover,
        explain,
        kept_profile,
        map,  # noqa: A004
        personal,
        plan,
        profile,
        relations,
        run,
        schema,
    )
    from windvane.breaker import Breaker
    from windvane.feature import feature_type
    from windvane.pruning import prune

# Where a name comes from, if not from ``windvane.api``.
_ELSEWHERE = {"Breaker": "windvane.breaker", "feature_type": "windvane.feature", "prune": "windvane.pruning"}

__all__ = [
    "Breaker",
    "approve",
    "check",
    "compact",
    "diagnose",
    "diff",
    "discover",
    "explain",
    "feature_type",
    "kept_profile",
    "map",
    "personal",
    "plan",
    "profile",
    "prune",
    "relations",
    "run",
    "schema",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("windvane")
    if name not in __all__:
        raise AttributeError(f"module 'windvane' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_ELSEWHERE.get(name, "windvane.api")), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
