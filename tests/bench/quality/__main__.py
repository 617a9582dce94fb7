"""``python -m tests.bench.quality NAME --data DIR [--wrong N]``: see the package."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

from tests.bench import quality

SHARED = Path(__file__).parents[4] / "shared" / "data"
NOT_NAMES = {"__main__", "figure"}


def main() -> int:
    """One line a figure; what was answered wrongly goes to stderr, ``--wrong`` of it."""
    names = sorted(module.name for module in pkgutil.iter_modules(quality.__path__) if module.name not in NOT_NAMES)
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quality", description=__doc__)
    parser.add_argument("name", choices=names)
    parser.add_argument("--data", type=Path, help="the cases; without it the folder of this kind beside the project")
    parser.add_argument("--wrong", type=int, default=0, help="so many wrong answers are shown")
    options = parser.parse_args()
    kind = importlib.import_module(f"tests.bench.quality.{options.name}")
    data = options.data or SHARED / kind.FOLDER
    if not data.is_dir():
        print(f"{data}: there are no such cases here; name a folder: --data", file=sys.stderr)
        return 2
    wrong: list[str] = []
    for figure in kind.measure(data, wrong.append):
        print(f"{options.name}: {figure}", flush=True)
    for line in wrong[: options.wrong]:
        print(f"  {line}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
