"""``windvane prune``: folders of runs that are over go, those of runs at work stay."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, write_spec
from windvane import cli
from windvane._call import call
from windvane.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400


def _ran(folder: Path, run: str) -> None:
    """A run that leaves a quarantine file."""
    (folder / "orders.csv").write_text("id,amount\n1,10\n2,20\n3,x\n")
    spec = write_spec(
        folder,
        "shop.daily",
        source={"csv": {"path": str(folder / "orders.csv")}},
        target={"parquet": {"path": str(folder / "out")}},
        datasets={"orders": {"steps": [{"cast": {"amount": "int64"}}]}},
    )
    record = move(spec, run=run, **outside(folder))
    assert record["outputs"][0]["quarantine"]


def _folders(folder: Path) -> list[Path]:
    return sorted((folder / "staging").glob("*.runs/*"))


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    for one in [*path.rglob("*"), path]:
        os.utime(one, (then, then))


def _world(folder: Path) -> dict[str, Any]:
    return {key: outside(folder)[key] for key in ("store", "staging")}


def test_a_run_that_ended_goes_after_its_time(tmp_path: Path) -> None:
    _ran(tmp_path, "scheduled__2026-11-21T00:00")
    (folder,) = _folders(tmp_path)
    assert wv.prune(**_world(tmp_path))["removed"] == []
    tried = wv.prune(keep=0, dry_run=True, **_world(tmp_path))
    assert [(one["pipeline"], one["run"]) for one in tried["removed"]] == [
        ("shop.daily", "scheduled__2026-11-21T00:00")
    ]
    assert tried["bytes"] > 0
    assert folder.exists()
    done = wv.prune(keep=0, **_world(tmp_path))
    assert (done["files"], done["bytes"]) == (tried["files"], tried["bytes"])
    # The note that tells disks apart stays.
    assert [path.name for path in (tmp_path / "staging").iterdir()] == [".windvane-disk"]


def test_a_run_at_work_stays(tmp_path: Path) -> None:
    _ran(tmp_path, "r1")
    (folder,) = _folders(tmp_path)
    started = {"id": "shop.daily/r1", "pipeline": "shop.daily", "plan": None, "document": {}}
    call("store_put", store=_world(tmp_path)["store"], put={"run_started": started})
    _age(folder, 0.5 * DAY)
    assert wv.prune(keep=0, **_world(tmp_path))["kept"] == 1
    _age(folder, 3 * DAY)
    assert wv.prune(keep=7, **_world(tmp_path))["kept"] == 1
    assert len(wv.prune(keep=2, **_world(tmp_path))["removed"]) == 1


def test_a_run_that_no_store_knows_goes_by_its_age(tmp_path: Path) -> None:
    _ran(tmp_path, "r1")
    (folder,) = _folders(tmp_path)
    world = {**_world(tmp_path), "store": str(tmp_path / "other.db")}
    assert wv.prune(keep=0, **world)["kept"] == 1
    _age(folder, 6 * DAY)
    assert wv.prune(**world)["kept"] == 1
    _age(folder, 8 * DAY)
    assert len(wv.prune(**world)["removed"]) == 1
    assert not (tmp_path / "other.db").exists()


def test_at_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _ran(tmp_path, "r1")
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("WINDVANE_STAGING", str(tmp_path / "staging"))
    monkeypatch.setenv("WINDVANE_KEEP", "0")
    assert cli.main(["prune", "--dry-run"]) == 0
    assert "1 folders" in capsys.readouterr().out
    assert cli.main(["prune", "--keep", "x"]) == 2
    assert cli.main(["prune", "--json"]) == 0
    assert not _folders(tmp_path)


def _own(folder: Path, staging: Path | str, name: str = "own") -> Path:
    (folder / "orders.csv").write_text("id,amount\n1,10\n3,x\n")
    return write_spec(
        folder,
        name,
        source={"csv": {"path": str(folder / "orders.csv")}},
        target={"parquet": {"path": str(folder / "out")}},
        datasets={"orders": {"steps": [{"cast": {"amount": "int64"}}]}},
        staging=str(staging),
    )


@pytest.mark.parametrize("found_by", ["the store", "the spec"])
def test_a_specs_own_staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found_by: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    spec = _own(tmp_path, elsewhere)
    store = str(tmp_path / "store.db")
    move(spec, store=store)
    monkeypatch.setenv("WINDVANE_STAGING", str(tmp_path / "staging"))
    assert list(elsewhere.glob("own.runs/*"))
    if found_by == "the spec":
        store = str(tmp_path / "other.db")
        for folder in elsewhere.glob("own.runs/*"):
            _age(folder, 8 * DAY)
    specs = [spec] if found_by == "the spec" else []
    assert wv.prune(staging=tmp_path / "staging", keep=0, store=store)["removed"] == [], "only the place that is named"
    tried = wv.prune(*specs, keep=0, store=store, dry_run=True)
    assert [(one["pipeline"], one["run"]) for one in tried["removed"]] == [("own", "r1")]
    assert tried["staging"] == [str(tmp_path / "staging"), str(elsewhere)]
    assert list(elsewhere.glob("own.runs/*"))
    done = wv.prune(*specs, keep=0, store=store)
    assert (done["files"], done["failed"]) == (tried["files"], [])
    assert not list(elsewhere.glob("own.runs/*"))


def test_a_place_that_cannot_be_reached_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _ran(tmp_path, "r1")
    away = _own(tmp_path, "s3://nobody@bucket/x", "away")
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("WINDVANE_STAGING", str(tmp_path / "staging"))
    assert cli.main(["prune", str(away), "--keep", "0"]) == 1
    told = capsys.readouterr().out
    assert "s3://bucket/x: connection 'nobody' is not defined" in told
    assert "1 folders" in told
    assert not _folders(tmp_path)


@pytest.mark.parametrize("keep", ["-1", "nan", "inf", "week"])
def test_days_are_days(tmp_path: Path, keep: str) -> None:
    with pytest.raises(SpecError, match="number of days"):
        wv.prune(keep=keep, **_world(tmp_path))
