"""What can go wrong, as Python classes.

The engine raises these through :func:`from_core`; they pickle, and each carries ``kind``, ``hint``, ``stage``,
``retryable``, ``retry_after`` (seconds) and ``place`` (file, line, column, path, table, row).
"""

from __future__ import annotations

import json
from typing import Any


class WindvaneError(Exception):
    """Any failure of windvane. ``str()`` is the place, what happened, and the causes."""

    def __init__(
        self,
        message: str,
        *,
        kind: str = "internal",
        hint: str | None = None,
        stage: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        place: dict[str, Any] | None = None,
        record: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint
        self.stage = stage
        self.retryable = retryable
        self.retry_after = retry_after
        self.place = place or {}
        # Of the whole run, where an output of it failed.
        self.record = record

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args[0], {**self.to_dict(), "record": self.record}))

    def to_dict(self) -> dict[str, Any]:
        """The error as a document, without the message."""
        return {
            "kind": self.kind,
            "hint": self.hint,
            "stage": self.stage,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
            "place": self.place,
        }


class SpecError(WindvaneError, ValueError):
    """The request is wrong: a spec, a plan, an argument."""


class DataError(WindvaneError):
    """The data does not hold what was asked of it."""


class AuthError(WindvaneError, PermissionError):
    """The outside refused us."""


class MissingError(WindvaneError, FileNotFoundError):
    """Something named does not exist."""


class UnsupportedError(WindvaneError, NotImplementedError):
    """Understood, but not something this version does."""


class ConflictError(WindvaneError):
    """What is there contradicts what was planned."""


class BudgetError(WindvaneError):
    """A limit set by the user is reached."""


class UnavailableError(WindvaneError, ConnectionError):
    """The outside does not answer; it may do so later."""


class TimedOutError(UnavailableError, TimeoutError):
    """The outside did not answer in time."""


class ThrottledError(UnavailableError):
    """The outside asked us to slow down."""


class BreakerOpenError(UnavailableError):
    """A circuit breaker let the call not through; ``retry_after`` says when it may."""


class CancelledError(WindvaneError):
    """The user or the scheduler stopped the call."""


class InternalError(WindvaneError):
    """A defect of windvane."""


_CLASSES: dict[str, type[WindvaneError]] = {
    "spec": SpecError,
    "data": DataError,
    "auth": AuthError,
    "missing": MissingError,
    "unsupported": UnsupportedError,
    "conflict": ConflictError,
    "budget": BudgetError,
    "unavailable": UnavailableError,
    "timeout": TimedOutError,
    "throttled": ThrottledError,
    "cancelled": CancelledError,
    "internal": InternalError,
}

# Stages whose errors have a class of their own.
_STAGES: dict[str, type[WindvaneError]] = {"breaker": BreakerOpenError}


def from_core(
    *,
    kind: str,
    message: str,
    hint: str | None,
    stage: str | None,
    retryable: bool,
    retry_after: float | None,
    place: str,
) -> WindvaneError:
    """The exception for an engine error; called by the extension module."""
    details = {key: value for key, value in json.loads(place or "{}").items() if value is not None}
    chosen = _STAGES.get(stage or "") or _CLASSES.get(kind, InternalError)
    return chosen(
        message, kind=kind, hint=hint, stage=stage, retryable=retryable, retry_after=retry_after, place=details
    )


def of_record(record: dict[str, Any]) -> WindvaneError:
    """The exception for a run of which an output failed: what a retry can mend comes first.

    Args:
        record: The record of the run, whose ``failed`` says what became of which output.

    """
    failed: list[dict[str, Any]] = record.get("failed", [])
    if not failed:
        message = "the run does not balance: rows that came in are neither loaded, filtered nor in quarantine"
        return DataError(message, kind="data", stage="record", record=record)
    first = next((one for one in failed if one["retryable"]), failed[0])
    others = [one for one in failed if one is not first]
    loaded = ", ".join(output["output"] for output in record["outputs"])
    hint = first.get("hint")
    if others or loaded:
        also = [f"Also failed: {one['output']}: {one['message']}" for one in others]
        own = [hint.rstrip(".")] if hint else []
        hint = ". ".join([*own, *also, f"Loaded: {loaded or 'nothing'}"])
    stage = first.get("stage")
    chosen = _STAGES.get(stage or "") or _CLASSES.get(first["kind"], InternalError)
    place = {key: value for key, value in first.get("place", {}).items() if value is not None}
    return chosen(
        first["message"],
        kind=first["kind"],
        hint=hint,
        stage=stage,
        retryable=first["retryable"],
        retry_after=first.get("retry_after"),
        place=place,
        record=record,
    )


def _rebuild(cls: type[WindvaneError], message: str, details: dict[str, Any]) -> WindvaneError:
    return cls(message, **details)
