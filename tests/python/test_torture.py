"""Kills and second tries over every target in a reduced form: some modes and ways, which a fixed seed picks.
``make torture`` does all of them."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path
from typing import Any

import pytest
from torture import Nurse, Torture, cases, table
from torture_places import TARGETS

SEED = int(os.environ.get("WINDVANE_SEED", "7"))
CASES, KILLS, TRIES = 2, 2, 3


def server(target: str, request: pytest.FixtureRequest) -> Any:
    """Where the target is."""
    if target in ("postgres", "mysql"):
        return request.getfixturevalue(f"{target}_database")
    if target == "s3":
        running = request.getfixturevalue("s3")
        return running, running.bucket()
    return None


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_lost_and_nothing_doubled(target: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    chosen = random.Random(f"{SEED}:{target}").sample(cases((target,)), CASES)
    for case in chosen:
        place = server(target, request)
        if target in ("postgres", "mysql"):
            running = request.getfixturevalue("postgres" if target == "postgres" else "mariadb")
            place = running.url(running.database())
        with contextlib.closing(Nurse()) as nurse:
            Torture(case, tmp_path / case.name, place, SEED, nurse).perform(KILLS, TRIES)
    assert not any(case.problems for case in chosen), table(chosen)
