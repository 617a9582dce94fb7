"""A circuit breaker that every process shares through the store.

As a context manager and as a decorator, of plain and of async functions::

    with Breaker("billing-db"):
        charge()

    @Breaker("api", failure_threshold=3, cooldown=60)
    def fetch(): ...

While it is open, :class:`~windvane.errors.BreakerOpenError` is raised instead of making the call.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from typing_extensions import Self

from windvane.errors import BreakerOpenError, UnavailableError
from windvane.settings import store_url

if TYPE_CHECKING:
    import os
    from types import TracebackType

Outcome = Literal["success", "failure", "neither"]
_F = TypeVar("_F", bound=Callable[..., Any])

_log = logging.getLogger(__name__)
# The permits of the `with` blocks that are open in this thread or task, innermost last. A permit is None when the
# store did not answer and the call went on without the breaker.
_held: ContextVar[tuple[tuple[Breaker, Any], ...]] = ContextVar("windvane_breaker_permits", default=())


class Breaker:
    """Stops calling what does not answer.

    Args:
        name: What the calls go to. Processes that use the same name and store share one breaker.
        store: The store; default see :func:`windvane.settings.store_url`.
        failure_threshold: So many failures in a row open it.
        cooldown: Seconds it stays open before probes are let through.
        probes: So many calls may be under way at a time while it is half-open.
        successes: So many probes must succeed to close it; default: as many as ``probes``.
        probe_timeout: Seconds after which a probe that has not reported is given up.
        window: ``{"seconds", "calls", "rate"}``: open as well when at least ``rate`` of at least ``calls`` calls
            of the last ``seconds`` failed.
        counts: Exceptions that count as failures, beside those with ``retryable`` true, ``ConnectionError`` and
            ``TimeoutError``. Any other exception says nothing about what is called.

    """

    def __init__(
        self,
        name: str,
        *,
        store: str | os.PathLike[str] | None = None,
        failure_threshold: int = 5,
        cooldown: float = 30.0,
        probes: int = 1,
        successes: int | None = None,
        probe_timeout: float = 60.0,
        window: dict[str, float] | None = None,
        counts: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.name = name
        self.store = store
        self.counts = counts
        self.settings: dict[str, Any] = {
            "failure_threshold": failure_threshold,
            "cooldown": cooldown,
            "probes": probes,
            "successes": successes,
            "probe_timeout": probe_timeout,
            "window": window,
        }

    def __repr__(self) -> str:
        return f"Breaker({self.name!r})"

    def state(self) -> dict[str, Any]:
        """The state: ``{"generation", "phase": {"closed" | "open" | "half_open": {...}}}``."""
        return cast("dict[str, Any]", self._ask("breaker_state", {}))

    def reset(self) -> None:
        """Closes it, whatever it was."""
        self._ask("breaker_reset", {})

    def outcome(self, error: BaseException | None) -> Outcome:
        """How a call that ended with this exception went."""
        if error is None:
            return "success"
        # The refusal of another breaker is not a call at all.
        if isinstance(error, BreakerOpenError):
            return "neither"
        if isinstance(error, self.counts):
            return "failure"
        retryable = getattr(error, "retryable", None)
        if isinstance(retryable, bool):
            return "failure" if retryable else "neither"
        return "failure" if isinstance(error, (ConnectionError, TimeoutError)) else "neither"

    def __enter__(self) -> Self:
        permit = self._admit()
        _held.set((*_held.get(), (self, permit)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        held = _held.get()
        mine = max(index for index, (breaker, _) in enumerate(held) if breaker is self)
        _held.set(held[:mine] + held[mine + 1 :])
        self._record(held[mine][1], self.outcome(error))

    def __call__(self, function: _F) -> _F:
        """The function, guarded: plain or async."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def guarded_async(*args: Any, **kwargs: Any) -> Any:
                permit = await asyncio.to_thread(self._admit)
                error: BaseException | None = None
                try:
                    return await function(*args, **kwargs)
                except BaseException as caught:
                    error = caught
                    raise
                finally:
                    # Not in another thread: a cancelled task gets no further await. It takes milliseconds.
                    self._record(permit, self.outcome(error))

            return cast("_F", guarded_async)

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return cast("_F", guarded)

    def _admit(self) -> Any:
        try:
            answer = self._ask("breaker_admit", {"settings": self.settings})
        except UnavailableError as error:
            # What protects others must not become the thing that stops them.
            _log.warning("Going on without breaker %r: %s", self.name, error)
            return None
        if "refused" in answer:
            retry_after = float(answer["refused"]["retry_after"])
            raise BreakerOpenError(
                f"breaker '{self.name}' is open: too many calls failed",
                kind="unavailable",
                hint=f"The next call is let through in {retry_after:.1f} s to see whether it works again",
                stage="breaker",
                retryable=True,
                retry_after=retry_after,
            )
        return answer["granted"]["permit"]

    def _record(self, permit: Any, outcome: Outcome) -> None:
        if permit is None:
            return
        try:
            self._ask("breaker_record", {"settings": self.settings, "permit": permit, "outcome": outcome})
        except UnavailableError as error:
            _log.warning("Breaker %r did not learn how a call went: %s", self.name, error)

    def _ask(self, verb: str, request: dict[str, Any]) -> Any:
        from windvane import _core  # the engine is loaded when it is first needed

        request = {"store": store_url(self.store), "name": self.name, **request}
        return json.loads(getattr(_core, verb)(json.dumps(request)))
