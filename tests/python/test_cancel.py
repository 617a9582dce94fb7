"""A run that is stopped (SIGTERM as Airflow's supervisor sends it, Ctrl-C) ends within five seconds, wherever it is; its
sessions close, nothing of it is visible, and the same run again loads every row once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from fault_proxy import DOWN, UP, Fault, FaultProxy
from movers import SOURCES, TARGETS, Mover, Mysql, Postgres, opened, written
from patience import in_time, until

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 30_000
IDS = list(range(ROWS))
# Bytes a second: the rows would take ten seconds and more.
SLOW = Fault(bandwidth=150_000)
SIGNALS = [signal.SIGTERM, signal.SIGINT]
WAYS = [(signal.SIGTERM, "staged"), (signal.SIGTERM, "fused"), (signal.SIGINT, "fused")]
# A run bears more silence here than a test lasts: it must not end by itself.
PATIENT = {"WINDVANE_NET_TIMEOUT": "60"}


def stop(child: subprocess.Popen[str], number: int) -> dict[str, Any]:
    """Sends the signal; what the run says. It must end in time."""
    child.send_signal(number)
    begun = time.monotonic()
    try:
        out, errors = child.communicate(timeout=4 * in_time(5))
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        pytest.fail("the run does not stop")
    took = time.monotonic() - begun
    assert took < in_time(5), f"it took {took:.1f} s to stop"
    assert out, errors
    told: dict[str, Any] = json.loads(out)
    return told


def leftovers(folder: Path) -> list[str]:
    """Files that a load or a stage was about to write."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    return [name for name in names if ".staging" in name or name.endswith((".part", ".new", ".tmp"))]


@pytest.mark.parametrize(("number", "strategy"), WAYS)
@pytest.mark.parametrize("kind", SOURCES)
def test_source(kind: str, number: int, strategy: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with opened(SOURCES[kind], request) as place, FaultProxy(place.port) as proxy:
        place.fill(ROWS)
        mover = Mover.of(tmp_path, place.spec(), {"parquet": {"path": "lake"}}, strategy, place=place.url(proxy.port))
        mover.plan()
        proxy.fault = SLOW
        before = proxy.passed(DOWN)
        child = mover.start(**PATIENT)
        until(lambda: proxy.passed(DOWN) > before + 250_000)
        assert "stopped" in stop(child, number)
        until(lambda: place.sessions() == 0, in_time(5))
        assert mover.parquet_ids() is None
        proxy.calm()
        told, _ = mover.run()
        assert told == {"loaded": ROWS, "already": False}
    assert mover.parquet_ids() == IDS
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("number", "strategy"), WAYS)
@pytest.mark.parametrize("kind", TARGETS)
def test_target(kind: str, number: int, strategy: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(written(ROWS))
    with opened(TARGETS[kind], request) as place, FaultProxy(place.port) as proxy:
        target = place.spec()
        next(iter(target.values()))["mode"] = "append"
        mover = Mover.of(tmp_path, {"csv": {"path": "items.csv"}}, target, strategy, place=place.url(proxy.port))
        mover.plan()
        proxy.fault = SLOW
        before = proxy.passed(UP)
        child = mover.start(**PATIENT)
        # A compressed file is smaller than the rows.
        until(lambda: proxy.passed(UP) > before + 100_000)
        assert "stopped" in stop(child, number)
        # What is still on its way would keep the server for as long as the slow line needs.
        proxy.fault = Fault()
        until(lambda: place.sessions() == 0, in_time(5))
        assert place.ids() in (None, [])
        proxy.calm()
        told, _ = mover.run()
        assert told == {"loaded": ROWS, "already": False}
        assert place.ids() == IDS


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_at_work_stops_too(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A statement that sends nothing for long is no reason for its server to work on for nobody."""
    with opened(SOURCES[kind], request) as place:
        assert isinstance(place, Postgres | Mysql)
        sleep = {"postgres": "pg_sleep(0.3)::text", "mysql": "sleep(0.3)"}[kind]
        place.fill(300)
        mover = Mover.of(tmp_path, place.spec(), {"parquet": {"path": "lake"}}, place=place.url(place.port))
        mover.plan()
        place.server.execute("ALTER TABLE items RENAME TO held", database=place.database)
        view = f"CREATE VIEW items AS SELECT id, concat(name, {sleep}) AS name, amount FROM held"
        place.server.execute(view, database=place.database)
        child = mover.start(**PATIENT)
        until(lambda: place.sessions() > 0)
        time.sleep(1)
        assert "stopped" in stop(child, signal.SIGTERM)
        until(lambda: place.sessions() == 0, in_time(5))


LOCAL: dict[str, dict[str, Any]] = {
    "parquet": {"parquet": {"path": "lake"}},
    "csv": {"csv": {"path": "lake"}},
    "sqlite": {"sqlite": {"path": "lake.db", "mode": "append"}},
}
MANY = 50_000
# Work that needs all rows, so that there is something to stop between the ends.
STEPS: list[dict[str, Any]] = [
    {"derive": {"lower": "lower(name)"}},
    {"deduplicate": {"on": ["id"], "order_by": ["amount"]}},
]


def local_ids(kind: str, mover: Mover) -> list[int]:
    import csv
    import sqlite3

    if kind == "parquet":
        return mover.parquet_ids() or []
    if kind == "csv":
        folder = mover.folder / "lake" / "items"
        if not (folder / "_manifest.json").exists():
            return []
        found: list[int] = []
        for part in json.loads((folder / "_manifest.json").read_text())["parts"]:
            with (folder / part["path"]).open(newline="") as file:
                found += [int(row["id"]) for row in csv.DictReader(file)]
        return sorted(found)
    if not (mover.folder / "lake.db").exists():
        return []
    with sqlite3.connect(mover.folder / "lake.db") as file:
        if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'items'").fetchone():
            return []
        return [row[0] for row in file.execute("SELECT id FROM items ORDER BY id")]


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("kind", LOCAL)
def test_anywhere(kind: str, strategy: str, tmp_path: Path) -> None:
    """Stopped at random moments: in each stage, between two of them, at the commit."""
    (tmp_path / "items.csv").write_text(written(MANY))
    seed = random.Random(f"20261121 {kind} {strategy}")
    items = {"steps": STEPS, "checks": [{"unique": "id"}]}
    mover = Mover.of(tmp_path, {"csv": {"path": "items.csv"}}, LOCAL[kind], strategy, items=items)
    mover.plan()
    expected = list(range(MANY))
    _, took = mover.run("r0")
    assert local_ids(kind, mover) == expected
    appends = kind == "sqlite"
    stopped = at = 0
    # A busy machine makes the first run slow and the others fast: a stop that came too late makes the next one earlier.
    while at < int(os.environ.get("WINDVANE_STOPS", "3")) or not stopped:
        at += 1
        child = mover.start(f"r{at}")
        time.sleep(seed.uniform(0.0, took))
        told = stop(child, seed.choice(SIGNALS))
        if "stopped" in told:
            stopped += 1
        else:
            took *= 0.7
            assert at < 40, "every stop came too late to prove anything"
        more = sorted(expected + list(range(MANY))) if appends else expected
        assert local_ids(kind, mover) in ((expected, more) if "stopped" in told else (more,))
        told, _ = mover.run(f"r{at}")
        assert told["loaded"] == MANY
        expected = more
        assert local_ids(kind, mover) == expected
    assert leftovers(tmp_path) == []
