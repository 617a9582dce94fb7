"""How long a changed message in a crate takes until the extension module is ready: ``python tests/bench/bench_build.py``.

Each file gets two letters more in one message, the module is built as `make install` builds it, and the file and its build
are put back. Arguments are files; without any, one of each crate that people change often. Wall seconds and CPU seconds of
the second time: the first may fill what the compiler keeps between builds.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGET = os.environ.get("CARGO_TARGET_DIR") or str(Path.home() / ".cache" / "windvane" / "target")
FILES = (
    "crates/agents/src/model_proposals.rs",
    "crates/plan/src/build.rs",
    "crates/know/src/profile/run.rs",
    "crates/run/src/orchestrator/stage.rs",
    "crates/connect/src/merge.rs",
    "crates/files/src/jsonl.rs",
    "crates/sql/src/postgres/mod.rs",
    "crates/engine/src/step/join.rs",
)
MESSAGE = re.compile(r'(?:Error::\w+\(|\.hint\(|format!\()(?:format!\()?"(?=[A-Za-z])')


def build() -> tuple[float, float]:
    """Wall and CPU seconds of a build."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["cargo", "build", "--release", "--locked", "--lib", "--quiet"]
    environment = {**os.environ, "CARGO_INCREMENTAL": "1", "CARGO_TARGET_DIR": TARGET}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def changed(path: Path) -> tuple[float, float]:
    """The last build after a change of the file, which is undone."""
    text = path.read_text()
    message = MESSAGE.search(text)
    if message is None:
        raise SystemExit(f"{path} has no message to change")
    taken = (0.0, 0.0)
    for letters in ("yy", "zz"):
        path.write_text(f"{text[: message.end()]}{letters}{text[message.end() :]}")
        try:
            taken = build()
        finally:
            path.write_text(text)
        build()
    return taken


def main() -> None:
    """Build once, then change by change."""
    build()
    print("| changed | seconds | CPU seconds |\n|---|---|---|")
    for name in sys.argv[1:] or FILES:
        wall, cpu = changed(ROOT / name)
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main()
