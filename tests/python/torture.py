"""`kill -9` of runs at random points, over every target, mode and way; then the same run again.

Each case moves the same rounds of changes twice: into one target whose runs are killed (and started again until they
are through), and into another whose runs are not. After each round both hold the same rows. ``make torture`` prints the
table; a reduced form is part of ``make test`` (tests/python/test_torture.py).
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windvane import _core

MODES = ("replace", "append", "merge", "history")
WAYS = ("full", "incremental", "partitioned", "fused", "pushdown")
ROWS = 3_000
# Columns that say when a version held: no two targets agree about the time.
TIMES = {"valid_from", "valid_to"}

CHILD = """
import json, sys
from windvane import _core
import windvane as wv
spec, run, world = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
print("ready", flush=True)
wv.run(spec, run=run, rules_only=True, **world)
"""


@dataclass
class Case:
    """One target, mode and way, and what became of it."""

    target: str
    mode: str
    way: str
    kills: int = 0
    in_time: int = 0
    rows: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.target}-{self.mode}-{self.way}"


def cases(targets: Iterator[str] | list[str], unsupported: set[tuple[str, str]]) -> list[Case]:
    """Every combination that means something: an incremental load cannot replace, only PostgreSQL does steps itself."""
    return [
        Case(target, mode, way)
        for target in targets
        for mode in MODES
        for way in WAYS
        if (mode, way) != ("replace", "incremental")
        and (way != "pushdown" or target == "postgres")
        and (target, mode) not in unsupported
    ]


class Torture:
    """One case at work, in a folder of its own."""

    def __init__(self, case: Case, folder: Path, place: dict[str, Any], connections: dict[str, str], seed: int) -> None:
        self.case = case
        self.folder = folder
        self.place = place
        self.connections = connections
        self.random = random.Random(f"{seed}:{case.name}")
        self.next_id = 0
        folder.mkdir(parents=True)

    def perform(self, kills: int) -> Case:
        """Kill so many runs, and compare after each."""
        begun = time.monotonic()
        self._change(first=True)
        # The first, unkilled round says how long a run takes.
        took = max(self._calm("calm", "r0"), 0.05)
        self._calm("killed", "r0")
        round_number = 0
        while self.case.kills < kills and not self.case.problems:
            round_number += 1
            run = f"r{round_number}"
            self._change(first=False)
            self._calm("calm", run)
            # Several kills of one run: its second and third try must find what the first one left.
            for _ in range(self.random.randint(1, 3)):
                if self._killed(run, self.random.uniform(0, took * 1.1)):
                    self.case.in_time += 1
                self.case.kills += 1
            self._calm("killed", run)
            self._compare(run)
        self.case.seconds = time.monotonic() - begun
        return self.case

    def _spec(self, side: str) -> Path:
        path = self.folder / side / "torture.windvane.json"
        if path.exists():
            return path
        path.parent.mkdir()
        settings: dict[str, Any] = {
            "mode": self.case.mode,
            "to": f"t_{self.case.name.replace(chr(45), chr(95))}_{side}",
        }
        if self.case.mode in ("merge", "history"):
            settings["key"] = "id"
        if self.case.way == "incremental":
            settings["incremental"] = {"column": "version"}
        if self.case.way == "partitioned":
            settings |= {"partitions": 3, "strategy": "staged"}
        if self.case.way == "pushdown":
            settings |= {"strategy": "pushdown", "steps": [{"deduplicate": {"on": "id"}}]}
        settings.setdefault("strategy", "fused" if self.case.way == "fused" else "staged")
        kind, options = next(iter(self.place.items()))
        if "path" in options and "://" not in options["path"]:
            options = {**options, "path": f"{side}-{options['path']}"}
        spec = {
            "pipeline": f"torture-{side}",
            "source": {"sqlite": {"path": "../source.db", "tables": ["items"]}},
            "target": {kind: options},
            "datasets": {"items": settings},
        }
        path.write_text(json.dumps(spec))
        return path

    def _world(self, side: str) -> dict[str, Any]:
        place = self.folder / side
        return {
            "store": f"sqlite:///{place}/store.db",
            "staging": str(place / "staging"),
            "connections": self.connections,
            "roots": [str(self.folder)],
        }

    def _start(self, side: str, run: str) -> subprocess.Popen[str]:
        spec = self._spec(side)
        world = json.dumps(self._world(side))
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(spec), run, world],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    def _calm(self, side: str, run: str) -> float:
        """A run to its end; how long it took."""
        spec = self._spec(side)
        if not spec.with_name("torture.plan.json").exists():
            import windvane as wv

            wv.plan(spec, rules_only=True, **self._world(side))
        begun = time.monotonic()
        child = self._start(side, run)
        _, errors = child.communicate()
        if child.returncode:
            self.case.problems.append(f"{side} {run}: {errors.strip().splitlines()[-1:]}")
        return time.monotonic() - begun

    def _killed(self, run: str, delay: float) -> bool:
        """Whether the kill came before the end."""
        child = self._start("killed", run)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        return child.returncode == -signal.SIGKILL

    def _change(self, *, first: bool) -> None:
        """New rows, and for loads by key some that changed; of append only new ones."""
        with sqlite3.connect(self.folder / "source.db") as file:
            if first:
                file.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount REAL, version INTEGER)")
            count = ROWS if first else 50
            rows = [(n, f"name {n % 97}", n % 1000 / 4, n) for n in range(self.next_id, self.next_id + count)]
            self.next_id += count
            file.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", rows)
            if not first and self.case.mode in ("replace", "merge", "history"):
                some = self.random.sample(range(self.next_id - count), 20)
                for number in some:
                    change = "UPDATE items SET amount = amount + 1, version = ? WHERE id = ?"
                    file.execute(change, (self.next_id, number))
                    self.next_id += 1
            if not first and self.case.mode == "append" and self.case.way != "incremental":
                # A full append adds everything again: keep it small.
                file.execute("DELETE FROM items WHERE id < ?", (self.next_id - 60,))
        file.close()

    def _rows(self, side: str) -> list[Any]:
        spec = json.loads(self._spec(side).read_text())
        request = {
            "target": spec["target"],
            "base": str(self.folder / side),
            "connections": self.connections,
            "dataset": spec["datasets"]["items"]["to"],
        }
        found = json.loads(_core.read_rows(json.dumps(request)))
        if found["rejected"]:
            self.case.problems.append(f"{side}: rows that cannot be read: {found['rejected'][:1]}")
        rows = [{key: value for key, value in row.items() if key not in TIMES} for row in found["rows"]]
        return sorted(json.dumps(row, sort_keys=True) for row in rows)

    def _compare(self, run: str) -> None:
        calm, killed = self._rows("calm"), self._rows("killed")
        self.case.rows = len(calm)
        if calm != killed:
            lost = len(set(calm) - set(killed))
            more = len(set(killed) - set(calm))
            self.case.problems.append(f"{run}: {len(calm)} rows and {len(killed)} killed; {lost} lost, {more} strange")


def table(done: list[Case]) -> str:
    """What ``make torture`` prints."""
    lines = [f"{'target':<10} {'mode':<8} {'way':<12} {'kills':>6} {'in time':>8} {'rows':>7} {'s':>6}  result"]
    lines += [
        f"{case.target:<10} {case.mode:<8} {case.way:<12} {case.kills:>6} {case.in_time:>8} {case.rows:>7} "
        f"{case.seconds:>6.0f}  {'equal' if not case.problems else '; '.join(case.problems)}"
        for case in done
    ]
    kills, in_time = sum(case.kills for case in done), sum(case.in_time for case in done)
    wrong = sum(bool(case.problems) for case in done)
    return "\n".join([*lines, f"{kills} kills, {in_time} of them before the end; {wrong} of {len(done)} cases differ"])
