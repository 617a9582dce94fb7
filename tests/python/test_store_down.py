"""A store that cannot be used costs a run a few seconds in all, and is named once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from patience import in_time
from pipelines import move, outside, parquet_rows, write_spec
from windvane._call import call
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Five seconds are what the store may cost.
LIMIT = 9.0


def _spec(folder: Path, **more: Any) -> Path:
    (folder / "orders.csv").write_text("id,amount\n1,10\n2,20\n")
    return write_spec(
        folder,
        "p",
        source={"csv": {"path": str(folder / "orders.csv")}},
        target={"parquet": {"path": str(folder / "out")}},
        **more,
    )


_HOLD = """
import sqlite3, sys
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Another process writes to the store for as long as this lasts: a lock of our own process would not hold us up."""
    call("store_info", store=f"sqlite:///{folder}/store.db")
    command = [sys.executable, "-c", _HOLD, str(folder / "store.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate("")


@pytest.mark.parametrize("strategy", ["fused", "staged"])
def test_a_locked_store(tmp_path: Path, strategy: str) -> None:
    spec = _spec(tmp_path, datasets={"orders": {"strategy": strategy}})
    with _locked(tmp_path):
        began = time.monotonic()
        record = move(spec, **outside(tmp_path))
        assert time.monotonic() - began < in_time(LIMIT)
    assert record["status"] == "success"
    assert len(record["degraded"]) == 1
    assert "the store" in record["degraded"][0]
    assert len(parquet_rows(tmp_path / "out" / "orders")) == 2
    assert move(spec, run="r2", **outside(tmp_path))["degraded"] == []


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    world = {**outside(tmp_path), "store": f"sqlite:///{tmp_path}/file/store.db"}
    record = move(_spec(tmp_path), **world)
    assert record["status"] == "success"
    assert "the store" in record["degraded"][0]


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ("folder", "is a folder, not a file"),
        ("/dev/full", "is a device, a pipe or a socket, not a file"),
        ("file/store.db", "/file is no folder"),
        ("/proc/store.db", "cannot be created: No such file or directory"),
    ],
)
def test_a_place_that_no_store_can_be(tmp_path: Path, store: str, reason: str) -> None:
    """The reason, at once and once, on stderr and in the record; the load goes on."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "windvane", "run", str(_spec(tmp_path)), "--json"]
    environment = {
        **os.environ,
        "WINDVANE_STORE": str(tmp_path / store),
        "WINDVANE_STAGING": str(tmp_path / "staging"),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(reason) == 1, done.stderr
    assert done.stderr.count("the store") == 2, "given up, and the store by its name"
    record = json.loads(done.stdout)
    (degraded,) = record["degraded"]
    assert reason in degraded
    # A store that is waited for takes its five seconds.
    began = time.monotonic()
    with pytest.raises(WindvaneError, match=reason):
        call("store_info", store=str(tmp_path / store))
    assert time.monotonic() - began < in_time(1)


def test_a_lock_is_named(tmp_path: Path) -> None:
    spec = _spec(tmp_path)
    with _locked(tmp_path):
        record = move(spec, **outside(tmp_path))
    assert "locked" in record["degraded"][0]


def test_it_is_said_once(tmp_path: Path) -> None:
    spec = _spec(tmp_path)
    command = [sys.executable, "-m", "windvane", "run", str(spec), "--rules-only"]
    environment = {
        **os.environ,
        "WINDVANE_STORE": f"sqlite:///{tmp_path}/store.db",
        "WINDVANE_STAGING": str(tmp_path / "staging"),
    }
    with _locked(tmp_path):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("given up") == 1, done.stderr


def test_incremental_by_watermark_needs_it(tmp_path: Path) -> None:
    spec = _spec(tmp_path, datasets={"orders": {"mode": "append", "incremental": {"column": "id"}}})
    with _locked(tmp_path):
        began = time.monotonic()
        with pytest.raises(WindvaneError, match="store"):
            move(spec, **outside(tmp_path))
        assert time.monotonic() - began < in_time(LIMIT)
    assert not (tmp_path / "out" / "orders" / "_manifest.json").exists()
