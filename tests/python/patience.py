"""Waiting in tests: for what happens, and no longer than a machine that is busy with other things needs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits for it."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds, "it did not happen"
        time.sleep(0.02)


def in_time(seconds: float) -> float:
    """So many seconds, on a machine that has a core for the run; on a busier one as much longer as it waits for its turn."""
    return seconds * max(1.0, 1.5 * os.getloadavg()[0] / (os.cpu_count() or 1))
