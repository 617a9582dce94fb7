"""The files that are made from the engine's types: ``python -m windvane.generate [--check]``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def generated() -> dict[str, str]:
    """File name, relative to this package, to its content."""
    from windvane import _core

    schema = json.loads(_core.schema(json.dumps({"noun": "spec"})))
    return {"spec.schema.json": json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"}


def stale(folder: Path) -> list[str]:
    """Name the files that differ from what the engine's types say."""
    return [
        name
        for name, content in generated().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != content
    ]


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with ``--check`` say which are stale."""
    parser = argparse.ArgumentParser(prog="python -m windvane.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is stale")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent, help="where the files are")
    options = parser.parse_args(arguments)
    for name in stale(options.folder):
        if options.check:
            print(f"{name} is stale: run `python -m windvane.generate`", file=sys.stderr)
        else:
            (options.folder / name).write_text(generated()[name], encoding="utf-8")
            print(f"{name} is written", file=sys.stderr)
    return 1 if options.check and stale(options.folder) else 0


if __name__ == "__main__":
    sys.exit(main())
