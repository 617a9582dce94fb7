"""One way into the engine: a JSON document in, a JSON document out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def call(verb: str, **request: Any) -> Any:
    """Calls a function of the extension module, which is loaded here and not before."""
    from windvane import _core

    return json.loads(getattr(_core, verb)(json.dumps(request)))


def call_showing(verb: str, show: Callable[[Mapping[str, Any]], object] | None, **request: Any) -> Any:
    """The same for long work: ``show`` is called about once a second with how far it is.

    What it is given: ``{stage, dataset, rows, rows_out, total, seconds, rows_per_second, remaining}``; ``total`` (rows)
    and ``remaining`` (seconds) are ``None`` where nobody knows. An exception that it raises stops the work.
    """
    from windvane import _core

    shown = None if show is None else lambda text: show(json.loads(text))
    return json.loads(getattr(_core, verb)(json.dumps(request), shown))
