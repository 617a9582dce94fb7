"""The conformance battery on a sound build; that it finds broken ones is what ``make mutants`` shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from battery import TARGETS, Case, cases, trial

ROOT = Path(__file__).parents[2]
ALL = [(target, case) for target in (*TARGETS, "rules") for case in cases(target)]


@pytest.mark.parametrize(("target", "case"), ALL, ids=[f"{target}-{case}" for target, case in ALL])
def test_the_battery_finds_nothing(target: str, case: Case, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = request.getfixturevalue(f"{target}_database") if target in ("postgres", "mysql") else None
    assert trial(target, case, tmp_path, url) is None


def test_a_build_that_ships_has_no_faults() -> None:
    environment = {**os.environ, "WINDVANE_FAULT": "loses_row,forgets_ledger"}
    command = [sys.executable, str(Path(__file__).with_name("battery.py")), "parquet", "append-staged"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"append-staged": None}


def test_every_fault_of_the_engine_is_tried() -> None:
    """No planted fault stands in the sources that ``make mutants`` does not know, and none that it knows is missing."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from battery_rules import PYTHON
    from mutants import FAULTS

    texts = [path.read_text() for path in (ROOT / "crates").rglob("*.rs")]
    planted = {name for text in texts for name in re.findall(r'planted\("(\w+)"\)', text)}
    places = {name for text in texts for name in re.findall(r'spoilt\("(\w*)"', text)}
    kinds = set(re.findall(r'has\("(\w+)"\)', (ROOT / "crates" / "core" / "src" / "faults.rs").read_text()))
    known = {name for fault in FAULTS for name in fault.name.split("+")}
    assert planted <= known
    assert {f"{place}loses_row" for place in places} <= known
    assert kinds <= known
    assert known <= planted | PYTHON | {f"{place}{kind}" for place in places for kind in kinds}
