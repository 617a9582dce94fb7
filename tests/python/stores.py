"""Stores for tests: a fresh one on each database."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def store_at(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgres_database")
    return url
