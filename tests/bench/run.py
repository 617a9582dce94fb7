"""All ratios against peers in one table. ``WINDVANE_BENCH_RUNS`` (5) says how often each runs."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from harness import scratch, table


def main() -> int:
    """Run every bench that has lines for the table; print it as it grows, so that a stopped run has shown something."""
    runs = int(os.environ.get("WINDVANE_BENCH_RUNS", "5"))
    found = []
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        lines = getattr(importlib.import_module(path.stem), "lines", None)
        if lines is None:
            continue
        with scratch() as folder:
            for line in lines(runs, folder):
                found.append(line)
                print(table([line]), file=sys.stderr, flush=True)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{now} UTC, {os.cpu_count()} cores ({platform.machine()}), load {load}, medians of {runs} interleaved runs\n"
    )
    print(table(found))
    return 0 if all(line.met for line in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
