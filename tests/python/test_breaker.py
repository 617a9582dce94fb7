"""The circuit breaker: as a pure state machine, shared between processes, and from Python."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import store_at  # noqa: F401 - a fixture
from windvane import _core, errors
from windvane.breaker import Breaker
from windvane.settings import store_url

SPAWN = multiprocessing.get_context("spawn")
T0 = 1_700_000_000.0


def ask(verb: str, **request: Any) -> Any:
    return json.loads(getattr(_core, verb)(json.dumps(request)))


def simulate(settings: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return ask("breaker_simulate", settings=settings, events=events)["trace"]


def phase(step: dict[str, Any]) -> str:
    return next(iter(step["state"]["phase"]))


# --- the pure state machine ------------------------------------------------------------------------------------------

SETTINGS = st.fixed_dictionaries(
    {
        "failure_threshold": st.integers(1, 4),
        "cooldown": st.sampled_from([1.0, 5.0, 30.0]),
        "probes": st.integers(1, 3),
        "successes": st.none() | st.integers(1, 4),
        "probe_timeout": st.sampled_from([2.0, 10.0]),
    }
)
# How long after the event before, what, and which of the permits that are out (an index, wrapped around).
MOVES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 1.5, 6.0, 31.0]),
        st.sampled_from(["admit", "admit", "success", "failure", "failure", "neither"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


def played(settings: dict[str, Any], moves: list[tuple[float, str, int]]) -> tuple[list[dict[str, Any]], list[Any]]:
    """Turns moves into events by playing them one at a time: only the trace says which permits are out."""
    now, out, events = T0, [], []
    for wait, operation, which in moves:
        now += wait
        if operation == "admit":
            events.append({"at": now, "op": "admit"})
            if "granted" in simulate(settings, events)[-1]["admission"]:
                out.append(len(events) - 1)
        elif out:
            events.append({"at": now, "op": operation, "of": out.pop(which % len(out))})
    return events, simulate(settings, events)


@given(SETTINGS, MOVES)
def test_never_more_probes_than_allowed_and_never_a_call_while_open(
    settings: dict[str, Any], moves: list[tuple[float, str, int]]
) -> None:
    events, trace = played(settings, moves)
    opened_at: float | None = None
    # Our own books of the half-open phase: event of the probe -> when it expires.
    books: dict[int, float] = {}
    before = "closed"
    for index, (event, step) in enumerate(zip(events, trace, strict=True)):
        books = {probe: expires for probe, expires in books.items() if expires > event["at"]}
        if event["op"] == "admit":
            granted = "granted" in step["admission"]
            if before == "open":
                over = event["at"] >= opened_at + settings["cooldown"]
                assert granted == over
                books = {}
            if phase(step) == "half_open":
                assert granted == (len(books) < settings["probes"])
                if granted:
                    books[index] = event["at"] + settings["probe_timeout"]
                assert len(books) <= settings["probes"]
                assert len(step["state"]["phase"]["half_open"]["probes"]) == len(books)
            if phase(step) == "closed":
                assert granted
            if not granted:
                retry_after = step["admission"]["refused"]["retry_after"]
                assert 0 < retry_after <= settings["cooldown"]
        else:
            books.pop(event["of"], None)
            if phase(step) == "open" and before != "open":
                assert event["op"] == "failure"
                opened_at = event["at"]
        before = phase(step)


@given(SETTINGS)
def test_opens_at_the_threshold_and_closes_after_enough_successes(settings: dict[str, Any]) -> None:
    threshold = settings["failure_threshold"]
    moves = [(0.5, operation, 0) for _ in range(threshold) for operation in ("admit", "failure")]
    events, trace = played(settings, moves)
    assert [phase(step) for step in trace] == ["closed"] * (2 * threshold - 1) + ["open"]

    needed = settings["successes"] or settings["probes"]
    moves += [(settings["cooldown"], "admit", 0), (0.0, "success", 0)]
    moves += [(0.0, operation, 0) for _ in range(needed - 1) for operation in ("admit", "success")]
    _, trace = played(settings, moves)
    after = [phase(step) for step in trace][2 * threshold :]
    assert after == ["half_open"] * (2 * needed - 1) + ["closed"]


def test_a_success_in_between_begins_the_count_again() -> None:
    moves = [(0.0, "admit", 0), (0.0, "failure", 0), (0.0, "admit", 0), (0.0, "success", 0)] * 3
    _, trace = played({"failure_threshold": 2}, moves)
    assert {phase(step) for step in trace} == {"closed"}


def test_what_is_neither_success_nor_failure_does_not_trip_and_frees_a_probe() -> None:
    _, trace = played({"failure_threshold": 1}, [(0.0, "admit", 0), (0.0, "neither", 0)] * 5)
    assert {phase(step) for step in trace} == {"closed"}
    moves = [(0.0, "admit", 0), (0.0, "failure", 0), (30.0, "admit", 0), (0.0, "neither", 0), (0.0, "admit", 0)]
    _, trace = played({"failure_threshold": 1}, moves)
    assert phase(trace[-1]) == "half_open"
    assert "granted" in trace[-1]["admission"]


def test_an_expired_probe_frees_its_place_and_has_no_say_any_more() -> None:
    settings = {"failure_threshold": 1, "cooldown": 5.0, "probe_timeout": 10.0}
    events = [
        {"at": T0, "op": "admit"},
        {"at": T0, "op": "failure", "of": 0},
        {"at": T0 + 5, "op": "admit"},
        {"at": T0 + 14.9, "op": "admit"},
        {"at": T0 + 15, "op": "admit"},
        {"at": T0 + 15, "op": "failure", "of": 2},
        {"at": T0 + 15, "op": "success", "of": 4},
    ]
    trace = simulate(settings, events)
    assert "granted" in trace[2]["admission"]
    assert trace[3]["admission"]["refused"]["retry_after"] == pytest.approx(0.1, abs=1e-6)
    assert "granted" in trace[4]["admission"]
    assert phase(trace[5]) == "half_open", "the late failure of a probe that was given up"
    assert phase(trace[6]) == "closed"


def test_a_call_from_before_it_opened_has_no_say_after_it() -> None:
    settings = {"failure_threshold": 1, "cooldown": 5.0}
    events = [
        {"at": T0, "op": "admit"},
        {"at": T0, "op": "admit"},
        {"at": T0, "op": "admit"},
        {"at": T0, "op": "failure", "of": 0},
        {"at": T0 + 5, "op": "admit"},
        {"at": T0 + 5, "op": "success", "of": 1},
        {"at": T0 + 5, "op": "failure", "of": 2},
    ]
    assert [phase(step) for step in simulate(settings, events)][3:] == ["open", "half_open", "half_open", "half_open"]


def test_a_permit_of_an_earlier_closed_or_half_open_phase_has_no_say() -> None:
    settings = {"failure_threshold": 1, "cooldown": 5.0, "probes": 2}
    events = [
        {"at": T0, "op": "admit"},
        {"at": T0, "op": "admit"},
        {"at": T0, "op": "failure", "of": 0},
        {"at": T0 + 5, "op": "admit"},
        {"at": T0 + 5, "op": "admit"},
        {"at": T0 + 5, "op": "failure", "of": 3},
        {"at": T0 + 10, "op": "admit"},
        {"at": T0 + 10, "op": "admit"},
        # The second probe of the first half-open phase; the second one of this phase has the same number.
        {"at": T0 + 10, "op": "failure", "of": 4},
        {"at": T0 + 10, "op": "success", "of": 6},
        {"at": T0 + 10, "op": "success", "of": 7},
        # A call of the first closed phase.
        {"at": T0 + 10, "op": "failure", "of": 1},
    ]
    assert [phase(step) for step in simulate(settings, events)][8:] == ["half_open", "half_open", "closed", "closed"]


def test_a_rate_of_failures_opens_it_and_old_calls_are_forgotten() -> None:
    settings = {"failure_threshold": 100, "window": {"seconds": 10.0, "calls": 4, "rate": 0.5}}
    mixed = [(0.0, "admit", 0), (1.0, "success", 0), (0.0, "admit", 0), (1.0, "failure", 0)]
    _, trace = played(settings, mixed * 2)
    assert [phase(step) for step in trace] == ["closed"] * 7 + ["open"]
    _, trace = played(settings, mixed + [(31.0, "admit", 0), (0.0, "failure", 0)] * 3)
    assert phase(trace[-1]) == "closed", "three calls are too few"
    _, trace = played(settings, [(0.0, "admit", 0), (0.05, "success", 0)] * 60)
    assert len(trace[-1]["state"]["phase"]["closed"]["slices"]) <= 11


@pytest.mark.parametrize(
    "settings",
    [
        {"failure_threshold": 0},
        {"probes": 0},
        {"successes": 0},
        {"cooldown": 0},
        {"probe_timeout": -1},
        {"window": {"seconds": 1, "calls": 1, "rate": 1.5}},
        {"cooldwn": 3},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(errors.SpecError):
        simulate(settings, [])


# --- shared between processes ----------------------------------------------------------------------------------------


def in_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """Runs a function of this module in a new interpreter."""
    with SPAWN.Pool(1) as pool:
        return pool.apply_async(work, arguments).get(timeout=60)


def trip(store: str, times: int) -> int:
    for _ in range(times):
        try:
            with Breaker("db", store=store, failure_threshold=times):
                raise ConnectionError("refused")
        except ConnectionError:
            pass
    return os.getpid()


def call_once(store: str) -> str:
    try:
        with Breaker("db", store=store):
            return "called"
    except errors.BreakerOpenError as error:
        assert error.retryable
        return f"refused {error.retry_after}"


def race(store: str, probes: int, now: float, barrier: Any, answers: Any) -> None:
    settings = {"failure_threshold": 1, "probes": probes, "cooldown": 30.0}
    barrier.wait(timeout=60)
    answers.put(ask("breaker_admit", store=store, name="db", settings=settings, now=now))


def test_one_process_trips_it_and_another_is_refused_at_once(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    assert in_process(call_once, store) == "called"
    other = in_process(trip, store, 3)
    assert other != os.getpid()
    answer = in_process(call_once, store)
    assert answer.startswith("refused")
    assert 0 < float(answer.split()[1]) <= 30
    assert call_once(store).startswith("refused")


@pytest.mark.parametrize("probes", [1, 3])
def test_after_the_cooldown_exactly_the_allowed_probes_go_through(store_at: str, probes: int) -> None:  # noqa: F811
    settings = {"failure_threshold": 1, "probes": probes, "cooldown": 30.0}
    permit = ask("breaker_admit", store=store_at, name="db", settings=settings, now=T0)["granted"]["permit"]
    ask("breaker_record", store=store_at, name="db", settings=settings, permit=permit, outcome="failure", now=T0)
    assert "refused" in ask("breaker_admit", store=store_at, name="db", settings=settings, now=T0 + 29.9)

    barrier, answers = SPAWN.Barrier(8), SPAWN.Queue()
    racers = [SPAWN.Process(target=race, args=(store_at, probes, T0 + 30, barrier, answers)) for _ in range(8)]
    for racer in racers:
        racer.start()
    got = [answers.get(timeout=120) for _ in racers]
    for racer in racers:
        racer.join(timeout=60)
        assert racer.exitcode == 0
    granted = [answer["granted"]["permit"] for answer in got if "granted" in answer]
    assert len(granted) == probes
    assert len({permit["probe"] for permit in granted}) == probes

    state = {}
    for permit in granted:
        request = {"store": store_at, "name": "db", "settings": settings, "permit": permit}
        state = ask("breaker_record", **request, outcome="success", now=T0 + 31)
    assert "closed" in state["phase"]


def test_threads_of_one_process_race_fairly_too(store_at: str) -> None:  # noqa: F811
    settings = {"failure_threshold": 1, "probes": 2}
    permit = ask("breaker_admit", store=store_at, name="db", settings=settings, now=T0)["granted"]["permit"]
    ask("breaker_record", store=store_at, name="db", settings=settings, permit=permit, outcome="failure", now=T0)
    with ThreadPoolExecutor(8) as pool:
        admit = lambda _: ask("breaker_admit", store=store_at, name="db", settings=settings, now=T0 + 30)  # noqa: E731
        assert sum("granted" in answer for answer in pool.map(admit, range(32))) == 2


def probe_and_die(store: str, now: float) -> None:
    settings = {"failure_threshold": 1, "probe_timeout": 20.0}
    assert "granted" in ask("breaker_admit", store=store, name="db", settings=settings, now=now)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_probe_blocks_nobody_for_ever(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    settings = {"failure_threshold": 1, "probe_timeout": 20.0}
    trip(store, 1)
    opened = ask("breaker_state", store=store, name="db")["phase"]["open"]["since"]
    victim = SPAWN.Process(target=probe_and_die, args=(store, opened + 31))
    victim.start()
    victim.join(timeout=60)
    assert victim.exitcode == -signal.SIGKILL
    admit = {"store": store, "name": "db", "settings": settings}
    assert ask("breaker_admit", **admit, now=opened + 32)["refused"]["retry_after"] == pytest.approx(19, abs=1e-3)
    assert "granted" in ask("breaker_admit", **admit, now=opened + 51)


def test_a_forked_child_uses_the_store_of_its_parent(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    trip(store, 1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # Whatever happens, the child of a test must not run the rest of the tests.
        try:
            Breaker("other", store=store).reset()
            os.write(writer, call_once(store).encode())
        finally:
            os._exit(0)
    os.close(writer)
    assert os.read(reader, 100).startswith(b"refused")
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0
    assert Breaker("other", store=store).state()["generation"] == 1
    connection = sqlite3.connect(store)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_the_engines_own_calls_are_guarded(store_at: str) -> None:  # noqa: F811
    def guard(fails: str | None, store: str | None = store_at) -> None:
        ask("breaker_guard", store=store, name="db", settings={"failure_threshold": 2}, fails=fails)

    for kind in ["auth", "data", "conflict", "cancelled"]:
        with pytest.raises(errors.WindvaneError, match="guarded work"):
            guard(kind)
    guard(None)
    for kind in ["timeout", "throttled"]:
        with pytest.raises(errors.UnavailableError, match="guarded work"):
            guard(kind)
    with pytest.raises(errors.BreakerOpenError, match="db") as caught:
        guard(None)
    assert 29 < caught.value.retry_after <= 30
    guard(None, store=None)
    guard(None, store="postgresql://nobody@127.0.0.1:1/none")


# --- from Python -----------------------------------------------------------------------------------------------------


class Flaky(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "success"),
        (ConnectionError(), "failure"),
        (ConnectionResetError(), "failure"),
        (TimeoutError(), "failure"),
        (Flaky(), "failure"),
        (errors.ThrottledError("slow", retryable=True), "failure"),
        (errors.BreakerOpenError("open", retryable=True), "neither"),
        (errors.AuthError("no"), "neither"),
        (errors.DataError("bad"), "neither"),
        (ValueError(), "neither"),
        (KeyboardInterrupt(), "neither"),
    ],
)
def test_which_exceptions_count(error: BaseException | None, outcome: str) -> None:
    assert Breaker("x", counts=(Flaky,)).outcome(error) == outcome


def test_the_decorator_guards_a_function_and_passes_its_result(tmp_path: Path) -> None:
    calls = []

    @Breaker("api", store=tmp_path / "store.db", failure_threshold=2)
    def fetch(fail: bool) -> str:
        """Fetches."""
        calls.append(fail)
        if fail:
            raise TimeoutError("slow")
        return "done"

    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Fetches.")
    assert fetch(False) == "done"
    for _ in range(2):
        with pytest.raises(TimeoutError, match="slow"):
            fetch(True)
    with pytest.raises(errors.BreakerOpenError, match="api") as caught:
        fetch(False)
    assert len(calls) == 3, "a refused call is not made"
    assert caught.value.retryable
    assert caught.value.stage == "breaker"
    assert 0 < caught.value.retry_after <= 30
    assert isinstance(caught.value, (errors.UnavailableError, ConnectionError))


def test_the_decorator_guards_a_coroutine(tmp_path: Path) -> None:
    @Breaker("api", store=tmp_path / "store.db", failure_threshold=1)
    async def fetch(fail: bool) -> str:
        await asyncio.sleep(0)
        if fail:
            raise ConnectionError("gone")
        return "done"

    async def work() -> None:
        assert await asyncio.gather(*(fetch(False) for _ in range(5))) == ["done"] * 5
        with pytest.raises(ConnectionError, match="gone"):
            await fetch(True)
        with pytest.raises(errors.BreakerOpenError):
            await fetch(False)

    asyncio.run(work())


def test_nested_blocks_give_back_their_own_permits(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    outer, inner = (
        Breaker("outer", store=store, failure_threshold=1),
        Breaker("inner", store=store, failure_threshold=1),
    )
    with outer, outer, pytest.raises(ConnectionError), inner:
        raise ConnectionError
    assert "open" in inner.state()["phase"]
    assert "closed" in outer.state()["phase"]
    with pytest.raises(errors.BreakerOpenError), outer, inner:
        pass
    assert "closed" in outer.state()["phase"], "the refusal of another breaker is not a failure"
    inner.reset()
    with inner:
        pass


def test_a_store_that_does_not_answer_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with Breaker("db", store="postgresql://nobody@127.0.0.1:1/none"):
        pass
    assert "without breaker" in caplog.text


def test_the_store_is_the_argument_or_the_environment_or_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WINDVANE_STORE", raising=False)
    assert store_url() == str(tmp_path / ".windvane" / "store.db")
    monkeypatch.setenv("WINDVANE_STORE", "postgresql://db/state")
    assert store_url() == "postgresql://db/state"
    assert store_url("~/other.db") == str(tmp_path / "other.db")
    monkeypatch.chdir(tmp_path)
    assert store_url("here.db") == str(tmp_path / "here.db")
    breaker = Breaker("x")
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "from_env.db"))
    with breaker:
        assert (tmp_path / "from_env.db").exists()
