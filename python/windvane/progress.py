"""Long work shows how far it is: in a terminal, in a log, and as state that a page can read.

The engine counts where rows pass; these callables are given its counts about once a second (``progress=`` of
:func:`windvane.run` and of the stages).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Show = Callable[[Mapping[str, Any]], object]

_WIDTH = 24
_LOG_EVERY = 10.0


def terminal() -> Show | None:
    """One line on stderr that is written over, where stderr is a terminal; otherwise nothing."""
    if not sys.stderr.isatty():
        return None

    def show(now: Mapping[str, Any]) -> None:
        sys.stderr.write(f"\r\x1b[K{bar(now)}{words(now)}")
        sys.stderr.flush()

    return show


def clear_line() -> None:
    """Take the terminal's line away again."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def logged(log: Any, keep: Callable[[dict[str, Any]], object] | None = None) -> Show:
    """A line in a log every ten seconds; ``keep`` is given every count (Airflow's task state)."""
    last = {"stage": "", "at": 0.0}

    def show(now: Mapping[str, Any]) -> None:
        if keep is not None:
            keep(dict(now))
        if now["stage"] != last["stage"]:
            last.update(stage=now["stage"], at=0.0)
        if now["seconds"] - last["at"] >= _LOG_EVERY:
            last["at"] = now["seconds"]
            log.info("%s", words(now))

    return show


def words(now: Mapping[str, Any]) -> str:
    """Such as ``orders: move 1,200,000 of 6,001,215 rows (20 %), 410,000 rows/s, 12 s left``."""
    of = f" of {now['total']:,}" if now["total"] else ""
    share = f" ({100 * now['rows'] / now['total']:.0f} %)" if now["total"] else ""
    left = f", {now['remaining']:.0f} s left" if now["remaining"] is not None else ""
    rate = f"{now['rows_per_second']:,.0f} rows/s"
    return f"{now['dataset']}: {now['stage']} {now['rows']:,}{of} rows{share}, {rate}{left}"


def bar(now: Mapping[str, Any]) -> str:
    """The part that is done, when the whole is known."""
    if not now["total"]:
        return ""
    done = min(_WIDTH, int(_WIDTH * now["rows"] / now["total"]))
    return f"[{'#' * done}{'.' * (_WIDTH - done)}] "
