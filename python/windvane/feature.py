"""What a column is to somebody who counts or learns, asked with figures that are known already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windvane._call import call

if TYPE_CHECKING:
    from collections.abc import Mapping


def feature_type(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The feature type of a column and its probability (0 to 1): ``{feature_type, confidence}``.

    ``evidence``: ``name``; the counts ``total`` (rows), ``nulls`` and ``distinct``; ``samples``, texts, the first
    different values, of which five are looked at (an empty one is missing); of numbers ``mean``, ``std``, ``min`` and
    ``max``. :func:`windvane.profile` gathers all of it by itself where the rows are at hand.

    The types (Shah et al., SIGMOD 2021): ``numeric``, ``categorical``, ``datetime``, ``sentence``, ``url``,
    ``embedded-number`` (a number within text), ``list``, ``not-generalizable`` (identifiers, constants, nothing) and
    ``context-specific``.
    """
    found: list[dict[str, Any]] = call("feature_types", columns=[dict(evidence)])
    return found[0]
