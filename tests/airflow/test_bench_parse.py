"""The bench of parsing compares with DAGs written by hand: they must be what specs become today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "bench" / "bench_parse.py"


def test_by_hand_and_by_spec_are_the_same_dags() -> None:
    command = [sys.executable, str(BENCH), "--count", "2", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Not the exit code: it says how fast.
    assert "parse + serialize" in done.stdout, done.stdout + done.stderr
