"""Stores for tests: a fresh one on each database."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

_number = itertools.count()


@pytest.fixture(params=["sqlite", "postgres"])
def store_at(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/store.db"
    try:
        server: Any = request.getfixturevalue("postgres")
    except pytest.FixtureLookupError:
        pytest.skip("NOT TESTED: no 'postgres' fixture in conftest.py")
    import psycopg2

    dsn = server if isinstance(server, str) else server["dsn"]
    name = f"store_{next(_number)}"
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return dsn.rpartition("/")[0] + f"/{name}"
