"""The guards of a run by name: what a run may be told to let pass once (``allow``)."""

from __future__ import annotations

NAMES = ("quarantined", "rows", "emptied_columns", "lost_columns", "format")
