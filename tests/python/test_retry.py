"""Retry policies and token buckets: pure functions, seen through their simulation doors."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windvane import _core

RETRYABLE = ["unavailable", "timeout", "throttled"]
TERMINAL = ["spec", "data", "auth", "missing", "unsupported", "conflict", "budget", "cancelled", "internal"]

POLICIES = st.fixed_dictionaries(
    {
        "attempts": st.integers(1, 12),
        "base": st.floats(0.01, 5),
        "max_delay": st.floats(0.01, 60),
        "max_elapsed": st.floats(0, 600),
    }
)
FAILURES = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(RETRYABLE),
            "retry_after": st.none() | st.floats(0, 120),
            "seconds": st.floats(0, 20),
        }
    ),
    min_size=1,
    max_size=15,
)
SEEDS = st.integers(0, 2**64 - 1)


def retry(failures: list[dict[str, Any]], seed: int = 1, **policy: Any) -> dict[str, Any]:
    request = {"policy": policy, "seed": seed, "failures": failures}
    return json.loads(_core.retry_simulate(json.dumps(request)))


@given(POLICIES, SEEDS, FAILURES)
def test_delays_are_bounded_and_obey_what_the_outside_asks_for(
    policy: dict[str, Any], seed: int, failures: list[dict[str, Any]]
) -> None:
    answer = retry(failures, seed, **policy)
    delays = answer["delays"]
    for number, (delay, failure) in enumerate(zip(delays, failures, strict=False)):
        asked = failure["retry_after"] or 0.0
        step = min(policy["base"] * 2**number, policy["max_delay"])
        # serde_json may read a float one unit in the last place off.
        assert asked - 1e-9 <= delay <= max(step, asked) + 1e-9
    # An attempt begins only within the time and number that the policy allows.
    begins = list(accumulate(failure["seconds"] + delay for failure, delay in zip(failures, delays, strict=False)))
    assert all(begin <= policy["max_elapsed"] + 1e-6 for begin in begins)
    assert len(delays) < policy["attempts"]
    if answer["stopped"] is None:
        assert len(delays) == len(failures)
    elif answer["stopped"] == "attempts":
        assert len(delays) == policy["attempts"] - 1
    else:
        assert answer["stopped"] == "elapsed"
    assert answer == retry(failures, seed, **policy), "the same seed gives the same delays"


@pytest.mark.parametrize("kind", TERMINAL)
def test_terminal_errors_are_never_tried_again(kind: str) -> None:
    assert retry([{"kind": kind, "retry_after": 0.1}]) == {"delays": [], "stopped": "terminal"}
    answer = retry([{"kind": "timeout"}, {"kind": kind}, {"kind": "timeout"}])
    assert (len(answer["delays"]), answer["stopped"]) == (1, "terminal")


@pytest.mark.parametrize("kind", RETRYABLE)
def test_retryable_errors_are_tried_again_until_the_attempts_are_used(kind: str) -> None:
    answer = retry([{"kind": kind}] * 10, attempts=3)
    assert (len(answer["delays"]), answer["stopped"]) == (2, "attempts")


def test_a_wait_longer_than_the_policy_allows_is_not_begun() -> None:
    assert retry([{"kind": "throttled", "retry_after": 301.0}])["stopped"] == "elapsed"
    assert retry([{"kind": "throttled", "retry_after": 299.0}])["delays"] == [299.0]


def test_seeds_spread_the_delays() -> None:
    delays = [retry([{"kind": "timeout"}], seed, base=10.0)["delays"][0] for seed in range(200)]
    assert 4 < sum(delays) / 200 < 6
    assert min(delays) < 1 < 9 < max(delays)


@given(
    st.floats(0.1, 50),
    st.floats(1, 20),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 30)), min_size=1, max_size=40),
)
def test_a_bucket_never_gives_more_than_its_rate(rate: float, burst: float, takes: list[tuple[float, float]]) -> None:
    times = list(accumulate((wait for wait, _ in takes[1:]), initial=1000.0))
    asked = [{"at": at, "tokens": tokens} for at, (_, tokens) in zip(times, takes, strict=True)]
    request = {"settings": {"rate": rate, "burst": burst}, "takes": asked}
    trace = json.loads(_core.limit_simulate(json.dumps(request)))["trace"]
    granted = 0.0
    for take, answer in zip(asked, trace, strict=True):
        available = burst + rate * (take["at"] - 1000.0) - granted
        if answer == "granted":
            # Before this one, no more was given than had flowed in; a debt is allowed only from a full bucket.
            assert min(take["tokens"], burst) <= available + 1e-6
            granted += take["tokens"]
        else:
            assert answer["refused"]["retry_after"] > 0
