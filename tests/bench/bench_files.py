"""CSV to Parquet with inferred types: windvane against polars and DuckDB, in turns.

TPC-H lineitem (6.0 million rows of 16 columns at scale 1) is made by ``tpchgen-cli``; WINDVANE_BENCH_DATA names a folder
that already holds ``lineitem.csv``. The peers run in the Python that WINDVANE_BENCH_PYTHON names (else in this one). All
write zstd. Each run is a process of its own; prints the medians of wall time, CPU seconds and peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLARS = """\
import sys, polars
polars.scan_csv(sys.argv[1], try_parse_dates=True).sink_parquet(sys.argv[2])
"""

DUCKDB = """\
import sys, duckdb
duckdb.sql("set enable_progress_bar = false")
duckdb.sql(f"copy (select * from read_csv('{sys.argv[1]}')) to '{sys.argv[2]}' (format parquet, codec zstd)")
"""

PLAN = """\
import sys, windvane
spec, folder = sys.argv[1:3]
windvane.plan(spec, rules_only=True, roots=["/"], store=f"sqlite:///{folder}/store.db", staging=folder + "/staging")
"""

RUN = """\
import sys, windvane
plan, folder, run = sys.argv[1:4]
record = windvane.run(plan, run=run, rules_only=True, roots=["/"], store=f"sqlite:///{folder}/store.db", staging=folder + "/staging")
"""

Measured = tuple[float, float, float]


def measure(python: str, script: str, *arguments: str | Path) -> Measured:
    """Wall seconds, CPU seconds and peak MB of a script in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if python != sys.executable:
        environment.pop("PYTHONPATH")
    begun = time.perf_counter()
    process = subprocess.Popen([python, "-c", script, *map(str, arguments)], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a run ended with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def lineitem(folder: Path, scale: float) -> Path:
    """The CSV file, made when nobody has it."""
    given = os.environ.get("WINDVANE_BENCH_DATA")
    if given and (Path(given) / "lineitem.csv").exists():
        return Path(given) / "lineitem.csv"
    beside = Path(sys.executable).with_name("tpchgen-cli")
    generator = shutil.which("tpchgen-cli") or str(beside)
    made = Path(given) if given else folder
    command = [generator, "csv", "-s", str(scale), "--tables", "lineitem", "--output-dir", str(made)]
    subprocess.run(command, check=True)
    return made / "lineitem.csv"


def main() -> int:
    """Make the data, measure in turns, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--no-planning", action="store_true", help="measure runs only")
    chosen = options.parse_args()
    peers = os.environ.get("WINDVANE_BENCH_PYTHON", sys.executable)
    seen: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="windvane-bench-") as name:
        folder = Path(name)
        source = lineitem(folder, chosen.scale)
        spec = folder / "bench.windvane.json"
        target = {"parquet": {"path": str(folder / "lake"), "compression": "zstd"}}
        spec.write_text(json.dumps({"pipeline": "bench", "source": {"csv": {"path": str(source)}}, "target": target}))
        for number in range(chosen.rounds):
            out = folder / f"peer{number}.parquet"
            seen.setdefault("polars", []).append(measure(peers, POLARS, source, out))
            out.unlink()
            seen.setdefault("duckdb", []).append(measure(peers, DUCKDB, source, out))
            out.unlink()
            if number == 0 or not chosen.no_planning:
                planned = measure(sys.executable, PLAN, spec, folder)
                seen.setdefault("windvane plan", []).append(planned)
            (plan,) = folder.glob("*.plan.json")
            ran = measure(sys.executable, RUN, plan, folder, f"r{number}")
            seen.setdefault("windvane run", []).append(ran)
            shutil.rmtree(folder / "lake")
    medians = {
        who: [statistics.median(one[at] for one in measured) for at in range(3)] for who, measured in seen.items()
    }
    print(f"CSV to Parquet, {source.name} at scale {chosen.scale:g}, median of {chosen.rounds} in turns")
    base = medians["polars"]
    for who, (wall, cpu, memory) in medians.items():
        print(
            f"  {who:14} {wall:7.2f} s   cpu {cpu:7.2f} s   rss {memory:6.0f} MB   "
            f"wall x{wall / base[0]:.2f}   cpu x{cpu / base[1]:.2f} of polars"
        )
    return 0 if medians["windvane run"][0] <= 1.05 * base[0] else 1


if __name__ == "__main__":
    raise SystemExit(main())
