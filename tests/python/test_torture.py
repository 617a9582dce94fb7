"""`kill -9` over every target × mode × way. ``WINDVANE_TORTURE`` is the number of kills over all (``make torture``: 1000).

The reduced form kills each target a few times, in modes and ways that a fixed seed picks.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
from torture import Case, Torture, cases, table

TARGETS = ("parquet", "jsonl", "sqlite", "postgres", "mysql", "s3")
# What a target says it cannot do, and says so when it is planned or loaded.
UNSUPPORTED = {(target, "history") for target in ("parquet", "jsonl", "s3")}
KILLS = int(os.environ.get("WINDVANE_TORTURE", "0"))
SEED = int(os.environ.get("WINDVANE_SEED", "7"))
ALL = cases(TARGETS, UNSUPPORTED)
REDUCED = 2
DONE: list[Case] = []


def chosen(target: str) -> list[Case]:
    """The cases of a target: all, or a few in the reduced form."""
    mine = [case for case in ALL if case.target == target]
    return mine if KILLS else random.Random(f"{SEED}:{target}").sample(mine, REDUCED)


def place(target: str, request: pytest.FixtureRequest, folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Where the target is, and the connections that it needs."""
    if target in ("parquet", "jsonl"):
        return {target: {"path": "lake"}}, {}
    if target == "sqlite":
        return {"sqlite": {"path": "target.db"}}, {}
    if target == "postgres":
        return {"postgres": {"connection": "db"}}, {"db": request.getfixturevalue("postgres_database")}
    if target == "mysql":
        return {"mysql": {"connection": "db"}}, {"db": request.getfixturevalue("mysql_database")}
    server = request.getfixturevalue("s3")
    path = f"s3://{server.bucket()}/{folder.name}"
    return {"parquet": {"path": path, "connection": "lake"}}, {"lake": server.connection()}


@pytest.mark.parametrize("target", TARGETS)
def test_a_kill_leaves_no_trace(target: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    mine = chosen(target)
    kills = max(2, -(-KILLS // len(ALL)))
    for case in mine:
        where, connections = place(target, request, tmp_path)
        DONE.append(Torture(case, tmp_path / case.name, where, connections, SEED).perform(kills))
    wrong = [case for case in mine if case.problems]
    assert not wrong, table(wrong)
    assert KILLS == 0 or any(case.in_time for case in mine), "no kill came before the end of its run"


@pytest.fixture(scope="module", autouse=True)
def report(request: pytest.FixtureRequest) -> Any:
    yield
    if KILLS:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print("\n" + table(DONE))
