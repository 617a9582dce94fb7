"""Every connector through a network that fails: the right result, or a clear error in time; then the same run again
without the fault, and the rows are there exactly once.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from fault_proxy import BOTH, DOWN, UP, Fault, FaultProxy
from movers import PATIENCE, SOURCES, TARGETS, Mover, Place, opened, written
from patience import in_time, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 30_000
IDS = list(range(ROWS))
# An HTTP request is tried five times; a store's for as long as another try may help. Each try may be silent once.
LIMIT = 12 * PATIENCE + 12
CURABLE = {"unavailable", "timeout"}
# Bytes that have passed in the middle of the rows.
MIDDLE = 300_000

MILD = {
    "latency": Fault(latency=0.01),
    "bandwidth": Fault(bandwidth=1.5e6),
}
HARD = {
    "reset at once": Fault(reset=True, counts=UP, after=1),
    "reset in the middle": Fault(reset=True, after=MIDDLE),
    "half-open: no answers": Fault(mute=frozenset({DOWN}), after=MIDDLE),
    "half-open: nothing taken": Fault(mute=frozenset({UP}), after=MIDDLE),
    "black hole": Fault(mute=BOTH),
    "black hole in the middle": Fault(mute=BOTH, after=MIDDLE),
}
# Where nothing is wrong, nothing is taken for dead because this machine is busy.
CALM = {"WINDVANE_NET_TIMEOUT": "60"}
# A stream differs from stages in who waits for whom, not in how a connector meets its network.
WAYS = [(name, "staged") for name in (*MILD, *HARD)]
WAYS += [(name, "fused") for name in ("half-open: nothing taken", "black hole in the middle")]


def towards(fault: Fault, direction: str) -> Fault:
    """The same, counted where the rows are."""
    return fault if fault.counts == UP else Fault(**{**vars(fault), "counts": direction})


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> Iterator[Place]:
    with opened(SOURCES[request.param], request) as place:
        yield place


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Iterator[Place]:
    with opened(TARGETS[request.param], request) as place:
        yield place


def patience(name: str) -> dict[str, str]:
    """What is only slow must not be taken for dead, however busy this machine is."""
    return CALM if name in MILD else {}


def check(told: dict[str, Any], seconds: float) -> None:
    """A failure has a kind that another try may cure, and says what to do, in time."""
    assert told.get("kind") in CURABLE, told
    assert told["retryable"]
    assert told["hint"], told
    assert seconds < in_time(LIMIT)


@pytest.mark.parametrize(("name", "strategy"), WAYS)
def test_source(name: str, strategy: str, source: Place, tmp_path: Path) -> None:
    source.fill(ROWS)
    fault = (MILD | HARD)[name]
    with FaultProxy(source.port) as proxy:
        lake = {"parquet": {"path": "lake"}}
        mover = Mover.of(tmp_path, source.spec(), lake, strategy, place=source.url(proxy.port))
        mover.plan()
        proxy.fault = towards(fault, DOWN)
        told, seconds = mover.run(limit=in_time(LIMIT), **patience(name))
        if name in MILD or "kind" not in told:
            assert told["loaded"] == ROWS, told
        else:
            assert proxy.hits
            check(told, seconds)
            assert mover.parquet_ids() is None
        proxy.calm()
        told, _ = mover.run(**CALM)
        assert told.get("loaded") == ROWS, told
    assert mover.parquet_ids() == IDS


@pytest.mark.parametrize(("name", "strategy"), WAYS)
def test_target(name: str, strategy: str, target: Place, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(written(ROWS))
    fault = (MILD | HARD)[name]
    with FaultProxy(target.port) as proxy:
        place = target.spec()
        next(iter(place.values()))["mode"] = "append"
        mover = Mover.of(tmp_path, {"csv": {"path": "items.csv"}}, place, strategy, place=target.url(proxy.port))
        mover.plan()
        proxy.fault = towards(fault, UP)
        told, seconds = mover.run(limit=in_time(LIMIT), **patience(name))
        if name in MILD or "kind" not in told:
            assert told["loaded"] == ROWS, told
        else:
            assert proxy.hits
            check(told, seconds)
            assert target.ids() in (None, [], IDS), "a failed load shows part of its rows"
        proxy.calm()
        told, _ = mover.run(**CALM)
        assert told.get("loaded") == ROWS, told
    assert target.ids() == IDS


def cut_after(proxy: FaultProxy, target: Place) -> None:
    """Resets the connection when the server has done what it was asked for."""
    until(lambda: len(target.ids() or []) == 2 * ROWS)
    proxy.calm()


@pytest.mark.parametrize("way", ["reset", "silence"])
def test_lost_answer_to_the_commit(way: str, target: Place, tmp_path: Path) -> None:
    """The server commits, and we never hear of it: the next try finds the load done."""
    words = {"postgres": b"COMMIT", "mysql": b"COMMIT", "parquet": b"_manifest.json"}
    word = words[target.kind]
    (tmp_path / "items.csv").write_text(written(ROWS))
    with FaultProxy(target.port) as proxy:
        place = target.spec()
        next(iter(place.values()))["mode"] = "append"
        mover = Mover.of(tmp_path, {"csv": {"path": "items.csv"}}, place, place=target.url(proxy.port))
        # The ledger is there, so that the next commit is the load's.
        assert mover.run("r0", **CALM)[0] == {"loaded": ROWS, "already": False}
        proxy.fault = Fault(mute=frozenset({DOWN}), word=word)
        if way == "reset":
            threading.Thread(target=cut_after, args=(proxy, target), daemon=True).start()
        told, seconds = mover.run("r1", limit=in_time(LIMIT))
        assert proxy.hits
        if "kind" in told:
            check(told, seconds)
        proxy.calm()
        again, _ = mover.run("r1", **CALM)
        assert again.get("loaded") == ROWS, again
    assert target.ids() == sorted(IDS + IDS)
