"""A disk that is full: a clear error that says where to make room, the target as it was, and the same run again once there is."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from movers import Mover, rows, written

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 30_000


def grown(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


def told_clearly(told: dict[str, Any]) -> None:
    assert told.get("kind") == "unavailable", told
    words = told["hint"].lower()
    assert "room" in words or "space" in words, told


def visible(target: Path) -> list[str]:
    """What a reader of the target would find."""
    if target.is_file():
        import sqlite3

        with contextlib.closing(sqlite3.connect(target)) as file:
            return [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE name = 'items'")]
    return [path.name for path in target.rglob("_manifest.json")] if target.exists() else []


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "sqlite"])
def test_target(kind: str, strategy: str, small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(written(ROWS))
    place = small_disk / ("lake.db" if kind == "sqlite" else "lake")
    options = {"path": str(place), **({"compression": "none"} if kind == "parquet" else {})}
    mover = Mover.of(tmp_path, {"csv": {"path": "items.csv"}}, {kind: options}, strategy)
    (small_disk / "filler").write_bytes(b"x" * 900_000)
    told, _ = mover.run()
    told_clearly(told)
    assert not place.exists() or visible(place) == []
    (small_disk / "filler").unlink()
    grown(small_disk)
    assert mover.run()[0] == {"loaded": ROWS, "already": False}
    assert visible(place)


def test_staging(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(written(ROWS))
    mover = Mover.of(tmp_path, {"csv": {"path": "items.csv"}}, {"parquet": {"path": "lake"}})
    mover.world["staging"] = str(small_disk)
    (small_disk / "filler").write_bytes(b"x" * 1_000_000)
    told, _ = mover.run()
    told_clearly(told)
    assert mover.parquet_ids() is None
    (small_disk / "filler").unlink()
    grown(small_disk)
    assert mover.run()[0] == {"loaded": ROWS, "already": False}
    assert mover.parquet_ids() == [row[0] for row in rows(ROWS)]


def test_rows_that_do_not_fit_into_memory(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(written(ROWS))
    items = {"steps": [{"sort": {"by": "name desc"}}]}
    mover = Mover.of(tmp_path, {"csv": {"path": "items.csv"}}, {"parquet": {"path": "lake"}}, "fused", items=items)
    mover.world["staging"] = str(small_disk)
    assert mover.run()[0] == {"loaded": ROWS, "already": False}
    (tmp_path / "items.csv").write_text(written(ROWS + 1))
    (small_disk / "filler").write_bytes(b"x" * 900_000)
    before = files(small_disk)
    told, _ = mover.run("r2", WINDVANE_MEMORY="100KB")
    told_clearly(told)
    assert "no space is left for the rows that do not fit into memory" in told["message"]
    assert files(small_disk) == before
    assert mover.parquet_ids() == [row[0] for row in rows(ROWS)]
    (small_disk / "filler").unlink()
    grown(small_disk)
    assert mover.run("r2", WINDVANE_MEMORY="100KB")[0] == {"loaded": ROWS + 1, "already": False}
    assert mover.parquet_ids() == [row[0] for row in rows(ROWS + 1)]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
