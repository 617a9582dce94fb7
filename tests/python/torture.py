"""Kills and second tries of runs, over every target, mode and way; what the target must hold afterwards is judged by the
rules alone (``torture_rules``) and read by other readers than the engine's (``torture_places``).

``make torture`` (``scripts/torture.py``) does all of it; a reduced form is in ``make test`` (``test_torture.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torture_places import DATABASES, FILES, TARGETS, Place
from torture_rules import Held, Outcome, Rules, Source

MODES = ("replace", "append", "merge", "history")
WAYS = ("staged", "fused", "incremental", "partitioned", "pushdown")
TRIES = ("same", "grown", "changed", "shrunken", "replanned", "replanned and grown", "store lost", "store of yesterday")
# Other words for the same work: a new plan of them is no other load.
INTENTS = ("All items.", "Items as they are.", "Every row.", "All of the items, every row.")
ROWS = 2_000

# One process that has everything imported and forks a child a run: a start costs milliseconds, and a kill hits the run.
NURSE = """
import json, os, sys
import windvane as wv
import windvane._core
from windvane.errors import WindvaneError

def work(job):
    if job["plan"]:
        wv.plan(job["spec"], rules_only=True, **job["world"])
        return {"status": "success", "outputs": []}
    record = wv.run(job["spec"], run=job["run"], rules_only=True, **job["world"])
    return {"status": record["status"], "outputs": record["outputs"]}

child = None
for line in sys.stdin:
    if child:
        os.waitpid(child, 0)
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1), os.dup2(log, 2)
        try:
            said = work(job)
        except WindvaneError as error:
            outputs = (error.record or {}).get("outputs", [])
            said = {"status": "failed", "kind": error.kind, "message": str(error), "hint": error.hint, "outputs": outputs}
        except BaseException as error:
            said = {"status": "broken", "message": repr(error), "outputs": []}
        with open(job["answer"], "w") as file:
            json.dump(said, file)
        os._exit(0)
    print(child, flush=True)
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    print(ended.si_code == os.CLD_KILLED, flush=True)
"""


class Nurse:
    """Starts runs, and waits for their ends."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, job: dict[str, Any]) -> int:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def wait(self) -> bool:
        """Whether the child was killed."""
        return self._line() == "True"

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline().strip()
        assert line, "the nurse is gone"
        return line

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@dataclass
class Case:
    """One target, mode and way, and what became of it."""

    target: str
    mode: str
    way: str
    # A column that says which load a row is from.
    tells: bool = False
    kills: int = 0
    in_time: int = 0
    tries: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    rows: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.target}-{self.mode}{'-load_id' if self.tells else ''}-{self.way}"


def cases(targets: tuple[str, ...] = TARGETS) -> list[Case]:
    """Every combination that means something: an incremental load cannot replace, files keep no history, only PostgreSQL
    does the steps itself.
    """
    return [
        Case(target, mode, way, tells)
        for target in targets
        for mode in MODES
        for tells in ((False, True) if mode == "append" and target in DATABASES else (False,))
        for way in WAYS
        if (mode, way) != ("replace", "incremental")
        and (way != "pushdown" or target == "postgres")
        and (mode != "history" or target in DATABASES)
    ]


class Torture:
    """A case at work, in a folder of its own."""

    def __init__(self, case: Case, folder: Path, server: Any, seed: int, nurse: Nurse) -> None:
        folder.mkdir(parents=True)
        self.case, self.folder, self.nurse = case, folder, nurse
        self.place = Place(case.target, folder, server)
        self.random = random.Random(f"{seed}:{case.name}")
        self.source = Source(random.Random(f"{seed}:{case.name}:source"))
        self.rules = Rules(case.mode, case.way == "incremental", case.target in FILES or case.tells)
        self.held = Held(case.mode)
        self.spec = folder / "torture.windvane.json"
        self.took = 0.05
        self.words = 0
        self.run = "r0"

    def perform(self, kills: int, tries: int) -> Case:
        """So many kills and second tries, with a look at the target after each."""
        begun = time.monotonic()
        try:
            self.source.grow(ROWS)
            self._give()
            self._plan()
            self._first(0)
            while not self.case.problems and (self.case.kills < kills or self.case.tries.total() < tries):
                self._keep_store()
                self.run = f"r{int(self.run[1:]) + 1}"
                self._next()
                self._first(min(kills - self.case.kills, self.random.randint(1, 3)))
                for _ in range(min(tries - self.case.tries.total(), self.random.randint(1, 2))):
                    if not self.case.problems:
                        self._second(self.random.choice(TRIES), kills)
        except Exception as error:
            self.case.problems.append(f"{self.run}: {type(error).__name__}: {error}"[:300])
        self.case.rows = self.held.bag().total()
        self.case.seconds = time.monotonic() - begun
        return self.case

    def _first(self, kills: int) -> None:
        """A run that is new: killed, and through in the end."""
        before = [self.held]
        after = [self.rules.done(self.held, self.run, dict(self.source.rows))]
        for _ in range(kills):
            self._kill()
            self._look(f"{self.run}, killed", [*before, *after])
            if self.random.random() < 0.2 and not self.rules.incremental:
                # A source that moves on between the tries: the first try may have come through or not.
                self.source.grow(7)
                self._give()
                after.append(self.rules.done(self.held, self.run, dict(self.source.rows)))
        allowed = [Outcome("success", held) for held in after]
        if len(after) > 1 and self.case.mode == "append" and not self.rules.tells:
            # The kill may have come when all was done and said: then this is a second try with other rows.
            allowed += [Outcome("conflict", held) for held in after]
        self._end(self.run, self._through(), allowed)

    def _second(self, kind: str, kills: int) -> None:
        """A run that has ended is done again."""
        self.case.tries[kind] += 1
        lost = kind.startswith("store")
        if kind in ("grown", "replanned and grown") or (lost and self.random.random() < 0.5):
            self.source.grow(self.random.randint(1, 9))
        elif kind == "changed":
            self.source.change(9)
        elif kind == "shrunken":
            self.source.shrink(5)
        self._give()
        if kind.startswith("replanned"):
            self._plan()
        if lost:
            self._lose_store(old=kind == "store of yesterday")
        allowed = self.rules.again(self.held, self.run, dict(self.source.rows))
        if lost:
            # Nobody knows that it had ended: what the ledger says is believed.
            allowed.append(Outcome("success", self.held))
        if self.random.random() < 0.4 and self.case.kills < kills:
            self._kill()
            self._look(f"{self.run} again ({kind}), killed", [self.held, *(one.held for one in allowed)])
        self._end(f"{self.run} again ({kind})", self._through(), allowed)

    def _end(self, what: str, said: dict[str, Any], allowed: list[Outcome]) -> None:
        """The target is as one of the outcomes says, and so is what the run says of itself."""
        found = self.place.bag(history=self.case.mode == "history")
        status = said["status"]
        if status == "failed" and said["kind"] == "conflict" and said["hint"]:
            status = "conflict"
        self.case.refused += status == "conflict"
        fits = [one for one in allowed if one.status == status and one.held.bag() == found]
        if fits:
            self.held = fits[0].held
        else:
            wanted = " or ".join(f"{one.status} with {self._difference(one.held.bag(), found)}" for one in allowed)
            words = f": {said['message'][:200]}" if "message" in said else ""
            self.case.problems.append(f"{what}: {wanted} was meant; it is {status}{words}")
        for told in said["outputs"]:
            went = told["loaded"] + told["filtered"] + told["quarantined"]
            if told["rows_in"] + told.get("added", 0) != went:
                self.case.problems.append(f"{what}: {told['rows_in']} rows came in, {went} are told of")

    def _look(self, what: str, allowed: list[Held]) -> None:
        """Nothing half done is to be seen."""
        found = self.place.bag(history=self.case.mode == "history")
        if all(held.bag() != found for held in allowed):
            seen = " or ".join(self._difference(held.bag(), found) for held in allowed)
            self.case.problems.append(f"{what}: {seen} was meant")

    @staticmethod
    def _difference(wanted: Counter[Any], found: Counter[Any]) -> str:
        lost, strange = (wanted - found).total(), (found - wanted).total()
        return f"{wanted.total()} rows ({lost} lost, {strange} strange or doubled)"

    def _next(self) -> None:
        """What a day brings."""
        self.source.grow(50)
        if self.case.mode == "append":
            if not self.rules.incremental:
                # A full append adds everything again: keep it small.
                self.source.keep_newest(60)
        else:
            self.source.change(20)
            if self.random.random() < 0.5:
                self.source.shrink(10)
        self._give()

    def _give(self) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / "source.db", timeout=60)) as file:
            file.execute(
                "CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT, amount REAL, version INTEGER)"
            )
            file.execute("DELETE FROM items")
            file.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", self.source.rows.values())
            file.commit()

    def _plan(self) -> None:
        """Writes the spec with other words than before, and plans."""
        self.words += 1
        settings: dict[str, Any] = {"mode": self.case.mode, "strategy": "staged"}
        if self.case.mode in ("merge", "history"):
            settings["key"] = "id"
        if self.case.tells:
            settings["load_id"] = True
        if self.case.way == "incremental":
            settings["incremental"] = {"column": "version"}
        elif self.case.way == "partitioned":
            settings["partitions"] = 3
        elif self.case.way == "pushdown":
            settings |= {"strategy": "pushdown", "steps": [{"deduplicate": {"on": "id"}}]}
        elif self.case.way == "fused":
            settings["strategy"] = "fused"
        document = {
            "pipeline": "torture",
            "intent": INTENTS[self.words % len(INTENTS)],
            "source": {"sqlite": {"path": "source.db", "tables": ["items"]}},
            "target": self.place.spec(),
            "datasets": {"items": settings},
        }
        self.spec.write_text(json.dumps(document))
        self._start(plan=True)
        assert not self.nurse.wait()
        said = self._said()
        assert said["status"] == "success", said

    def _start(self, *, plan: bool = False) -> int:
        answer = self.folder / "answer.json"
        answer.unlink(missing_ok=True)
        world = {
            "store": f"sqlite:///{self.folder}/store.db",
            "staging": str(self.folder / "staging"),
            "connections": self.place.connections(),
            "roots": [str(self.folder)],
        }
        job = {"plan": plan, "spec": str(self.spec), "run": self.run, "world": world}
        return self.nurse.start({**job, "answer": str(answer), "log": str(self.folder / "log")})

    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.folder / "answer.json").read_text())
        return said

    def _through(self) -> dict[str, Any]:
        begun = time.monotonic()
        self._start()
        assert not self.nurse.wait()
        self.took = max(0.02, time.monotonic() - begun)
        return self._said()

    def _kill(self) -> None:
        child = self._start()
        time.sleep(self.random.uniform(0, self.took * 1.05))
        os.kill(child, signal.SIGKILL)
        self.case.in_time += self.nurse.wait()
        self.case.kills += 1

    def _keep_store(self) -> None:
        (self.folder / "yesterday.db").unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(self.folder / "store.db")) as now,
            contextlib.closing(sqlite3.connect(self.folder / "yesterday.db")) as then,
        ):
            now.backup(then)

    def _lose_store(self, *, old: bool) -> None:
        for ending in ("", "-wal", "-shm"):
            (self.folder / f"store.db{ending}").unlink(missing_ok=True)
        if old:
            shutil.copy(self.folder / "yesterday.db", self.folder / "store.db")


def table(done: list[Case]) -> str:
    """What ``make torture`` prints."""
    head = f"{'target':<9} {'mode':<15} {'way':<12} {'kills':>6} {'in time':>8} {'tries':>6} {'refused':>8} {'rows':>7} {'s':>5}"
    lines = [f"{head}  result"]
    for case in done:
        mode = case.mode + (" (load_id)" if case.tells else "")
        result = "right" if not case.problems else "; ".join(case.problems)
        lines.append(
            f"{case.target:<9} {mode:<15} {case.way:<12} {case.kills:>6} {case.in_time:>8} {case.tries.total():>6} "
            f"{case.refused:>8} {case.rows:>7} {case.seconds:>5.0f}  {result}"
        )
    kinds: Counter[str] = sum((case.tries for case in done), Counter())
    kills, in_time = sum(case.kills for case in done), sum(case.in_time for case in done)
    wrong = sum(bool(case.problems) for case in done)
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    lines.append(
        f"{kills} kills, {in_time} of them before the end; {kinds.total()} second tries ({told}), "
        f"{sum(case.refused for case in done)} of them refused as they must be; {wrong} of {len(done)} cases are wrong"
    )
    return "\n".join(lines)
