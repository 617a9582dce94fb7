"""One way into the engine: a JSON document in, a JSON document out."""

from __future__ import annotations

import json
from typing import Any


def call(verb: str, **request: Any) -> Any:
    """Calls a function of the extension module, which is loaded here and not before."""
    from windvane import _core

    return json.loads(getattr(_core, verb)(json.dumps(request)))
