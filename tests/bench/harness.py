"""What every bench shares: a whole process timed, ours and the peer's in turns, and the table of ratios.

``WINDVANE_BENCH_PYTHON`` is the Python of the peers (duckdb with its postgres extension, connectorx, polars, pyarrow);
``WINDVANE_BENCH_DATA`` the folder of the TPC-H files at scale 1, which ``tpchgen-cli`` beside that Python makes once.
Of a process count its wall time, its CPU seconds (all threads, user and system), and its peak memory; of a server the
CPU seconds it spent meanwhile. Interpreter start and imports are inside, for both sides.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

COLUMNS = (
    "l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL, l_linenumber int NOT NULL,"
    " l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,"
    " l_tax numeric(15,2) NOT NULL, l_returnflag text NOT NULL, l_linestatus text NOT NULL, l_shipdate date NOT NULL,"
    " l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct text NOT NULL, l_shipmode text NOT NULL,"
    " l_comment text NOT NULL"
)
KEY = ["l_orderkey", "l_linenumber"]

RUN = """
import json, sys, windvane
plan, run, world = json.loads(sys.argv[1])
record = windvane.run(plan, run=run, rules_only=True, **world)
"""

Seconds = Callable[[], float]


@dataclass(frozen=True)
class Ran:
    """What one process took."""

    wall: float
    cpu: float
    server: float
    rss: float

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s wall {self.cpu:6.2f} s CPU {self.server:6.2f} s server {self.rss:5.0f} MB"


@dataclass(frozen=True)
class Line:
    """One work, ours against one peer's."""

    work: str
    peer: str
    ours: Sequence[Ran]
    theirs: Sequence[Ran]
    bar: float
    memory: float | None = None

    @property
    def ratio(self) -> float:
        """The median of the ratios of neighbours: a machine that is busy for a while slows both."""
        return statistics.median(ours.wall / theirs.wall for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def met(self) -> bool:
        return self.ratio <= self.bar and (self.memory is None or middle(self.ours).rss <= self.memory)


def middle(runs: Sequence[Ran]) -> Ran:
    """The median of each figure."""
    return Ran(*(statistics.median(getattr(run, name) for run in runs) for name in Ran.__dataclass_fields__))


def measured(
    command: Sequence[str | Path], *, server: Seconds = lambda: 0.0, given: str | None = None, python: bool = False
) -> Ran:
    """Runs a command to its end. ``python``: with our packages."""
    environment = {**os.environ, "TZ": "UTC"}
    environment.pop("PYTHONPATH", None)
    if python:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    time.sleep(0.3)  # the sessions of the work before have ended
    before, begun = server(), time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], env=environment, text=True, stdin=subprocess.PIPE if given else None
    )
    if given and process.stdin:
        process.stdin.write(given)
        process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    time.sleep(0.3)
    return Ran(wall, usage.ru_utime + usage.ru_stime, server() - before, usage.ru_maxrss / 1024)


def peer(script: str, *arguments: str | Path, server: Seconds = lambda: 0.0) -> Ran:
    """A script in the Python of the peers."""
    return measured([peers(), "-c", script, *arguments], server=server)


def peers() -> str:
    return os.environ.get("WINDVANE_BENCH_PYTHON", sys.executable)


class Ours:
    """A planned pipeline that is run again and again. Its files: ``home``."""

    def __init__(self, home: Path, spec: Mapping[str, Any], connections: Mapping[str, str] | None = None) -> None:
        home.mkdir(parents=True)
        self.home, self.runs, path = home, 0, home / "b.windvane.json"
        path.write_text(json.dumps({"pipeline": "b", **spec}))
        store = {"store": f"sqlite:///{home}/store.db", "staging": str(home / "staging"), "roots": ["/"]}
        self.world = {**store, "connections": dict(connections or {})}
        self.plan = home / "b.plan.json"
        code = "import json, sys, windvane; spec, plan, world = json.loads(sys.argv[1])\n"
        code += "windvane.plan(spec, rules_only=True, plan_file=plan, **world)"
        request = json.dumps([str(path), str(self.plan), self.world])
        # Not in this process: what a process holds in memory is what its children seem to have held.
        measured([sys.executable, "-c", code, request], python=True)

    def run(self, *, server: Seconds = lambda: 0.0) -> Ran:
        self.runs += 1
        request = json.dumps([str(self.plan), f"r{self.runs}", self.world])
        return measured([sys.executable, "-c", RUN, request], server=server, python=True)


def in_turns(runs: int, works: Mapping[str, Callable[[], Ran]]) -> dict[str, list[Ran]]:
    """Every work once to warm caches, then ``runs`` times, in turns."""
    seen: dict[str, list[Ran]] = {name: [] for name in works}
    for number in range(-1 if runs > 1 else 0, runs):
        for name, work in works.items():
            ran = work()
            print(f"  {name:<28} {ran}{'  (warm-up)' if number < 0 else ''}", file=sys.stderr, flush=True)
            if number >= 0:
                seen[name].append(ran)
    return seen


def data(name: str, scale: int = 1, folder: Path | None = None) -> Path:
    """A TPC-H file such as ``lineitem.csv``, made when it is not there."""
    given = os.environ.get("WINDVANE_BENCH_DATA")
    folder = folder or Path(given or Path(tempfile.gettempdir()) / "windvane-bench-data")
    path = folder / name
    if not path.exists():
        beside = Path(peers()).parent / "tpchgen-cli"
        program = str(beside) if beside.exists() else shutil.which("tpchgen-cli")
        if program is None:
            raise SystemExit(
                "tpchgen-cli is not there: `make bench` installs it; or name a folder: WINDVANE_BENCH_DATA"
            )
        table, kind = name.split(".")
        folder.mkdir(parents=True, exist_ok=True)
        command = [program, kind, "-s", str(scale), "--tables", table, "--output-dir", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def ended_sessions(data_directory: str) -> Seconds:
    """CPU seconds of the ended sessions of the PostgreSQL server with this data folder."""
    postmaster = int(Path(data_directory, "postmaster.pid").read_text().split("\n")[0])
    return lambda: _ticks(postmaster, slice(13, 15))


def of_process(pid: int) -> Seconds:
    """CPU seconds of a process that has no children."""
    return lambda: _ticks(pid, slice(11, 13))


def _ticks(pid: int, which: slice) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[which]) / os.sysconf("SC_CLK_TCK")


def table(lines: Iterable[Line]) -> str:
    """The ratios as Markdown."""
    head = "| work | ours s | peer | peer s | ratio | bar | met | CPU ours / peer s | server CPU s | RSS MB | runs |"
    rows = [head, "|---|---|---|---|---|---|---|---|---|---|---|"]
    for line in lines:
        ours, theirs = middle(line.ours), middle(line.theirs)
        bar = f"≤ {line.bar:g}" + (f", ≤ {line.memory:g} MB" if line.memory else "")
        rows.append(
            f"| {line.work} | {ours.wall:.2f} | {line.peer} | {theirs.wall:.2f} | **{line.ratio:.2f}** | {bar} |"
            f" {'yes' if line.met else 'no'} | {ours.cpu:.1f} / {theirs.cpu:.1f} | {ours.server:.1f} /"
            f" {theirs.server:.1f} | {ours.rss:.0f} / {theirs.rss:.0f} | {len(line.ours)} |"
        )
    return "\n".join(rows)


def main(lines: Callable[[int, Path], Iterator[Line]], about: str | None) -> int:
    """One bench by itself."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="works whose name holds this text")
    asked = parser.parse_args()
    os.environ["WINDVANE_BENCH_ONLY"] = asked.only
    with scratch() as folder:
        print(table(list(lines(asked.runs, folder))))
    return 0


def wanted(work: str) -> bool:
    """Whether the caller asked for this work."""
    return os.environ.get("WINDVANE_BENCH_ONLY", "").lower() in work.lower()


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that the servers' own users may enter."""
    with tempfile.TemporaryDirectory(prefix="wv-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
