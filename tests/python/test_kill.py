"""`kill -9` of a run at random points, then the same run again: the target equals one that was never killed.

``WINDVANE_KILLS`` sets the number of kills for each target and mode; the default keeps `make test` short.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pipelines import move, outside, parquet_rows, write_spec

KILLS = int(os.environ.get("WINDVANE_KILLS", "17"))
ROWS = 20_000

CHILD = """
import json, sys
from windvane import _core
import windvane as wv
spec, run, world = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
print("ready", flush=True)
wv.run(spec, run=run, rules_only=True, **world)
print("done", flush=True)
"""


def write_rows(path: Path, start: int) -> None:
    lines = ["id,name,amount,day"]
    lines += [
        f"{n},name {n % 97},{n % 1000}.{n % 100:02d},2024-01-{n % 28 + 1:02d}" for n in range(start, start + ROWS)
    ]
    path.write_text("\n".join(lines) + "\n")


def start(spec: Path, run: str, world: dict[str, Any]) -> subprocess.Popen[str]:
    import json

    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(spec), run, json.dumps(world)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def killed(spec: Path, run: str, world: dict[str, Any], delay: float) -> bool:
    """Whether the kill came before the end."""
    child = start(spec, run, world)
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    out, _ = child.communicate()
    return "done" not in out


def duration(spec: Path, world: dict[str, Any]) -> float:
    begun = time.monotonic()
    child = start(spec, "unkilled-timing", world)
    begun = time.monotonic()
    child.wait()
    return time.monotonic() - begun


def postgres_rows(url: str) -> list[tuple[Any, ...]]:
    import psycopg2

    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name, amount, day FROM rows ORDER BY id")
        return cursor.fetchall()


def torture(folder: Path, target: dict[str, Any], world: dict[str, Any], rows: Any) -> None:
    """Each round: a new run over the next file, killed at a random moment, then repeated until it says done."""
    seed = random.Random(20261121)
    source = folder / "rows.csv"
    spec = write_spec(folder, "torture", source={"csv": {"path": "rows.csv"}}, target=target)
    append = next(iter(target.values()))["mode"] == "append"
    write_rows(source, 0)
    longest = duration(spec, world)
    expected = list(range(ROWS))
    begun_again = 0
    for at in range(1, KILLS + 1):
        write_rows(source, at * ROWS)
        new = list(range(at * ROWS, (at + 1) * ROWS))
        in_time = killed(spec, f"run-{at}", world, seed.uniform(0, longest))
        begun_again += in_time
        # A machine that is busy now and not later: what came too late makes the next kill earlier.
        longest *= 1.0 if in_time else 0.8
        before = [row[0] for row in rows()]
        assert before in (expected, (expected + new) if append else new), "a killed run shows part of its rows"
        move(spec, f"run-{at}", **world)
        expected = expected + new if append else new
        assert [row[0] for row in rows()] == expected
    assert begun_again > KILLS // 3, "most kills came too late to prove anything"


def test_postgres_append(tmp_path: Path, postgres_database: str) -> None:
    target = {"postgres": {"connection": "lake", "mode": "append"}}
    torture(tmp_path, target, outside(tmp_path, lake=postgres_database), lambda: postgres_rows(postgres_database))


def test_postgres_replace(tmp_path: Path, postgres_database: str) -> None:
    target = {"postgres": {"connection": "lake", "mode": "replace"}}
    torture(tmp_path, target, outside(tmp_path, lake=postgres_database), lambda: postgres_rows(postgres_database))


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_parquet(mode: str, tmp_path: Path) -> None:
    def rows() -> list[tuple[Any, ...]]:
        return sorted(tuple(row.values()) for row in parquet_rows(tmp_path / "lake" / "rows"))

    torture(tmp_path, {"parquet": {"path": "lake", "mode": mode}}, outside(tmp_path), rows)
