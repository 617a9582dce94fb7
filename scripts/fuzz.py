"""Runs the targets of ``fuzz/`` one after the other and prints what each has seen: ``make fuzz``.

Inputs that reach something new stay in ``FUZZ_HOME/corpus`` for the next time, what breaks a promise in
``FUZZ_HOME/finds``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

FUZZ = Path(__file__).parents[1] / "fuzz"
CACHE = Path(os.environ.get("CACHE") or Path.home() / ".cache" / "windvane")
HOME = Path(os.environ.get("FUZZ_HOME") or CACHE / "fuzz")
SECONDS = int(os.environ.get("FUZZ_SECONDS") or 60)
LOG = HOME / "log.jsonl"
# An input that takes longer, or more memory, breaks a promise too.
LIMITS = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=4096"]
# Memory where there is such a folder: targets write files.
SCRATCH = Path("/dev/shm")


def run(program: Path, target: str, seconds: int) -> dict[str, object]:
    """Tries one target for so long; what it did."""
    corpus, finds = HOME / "corpus" / target, HOME / "finds" / target
    for folder in (corpus, finds):
        folder.mkdir(parents=True, exist_ok=True)
    words = FUZZ / "words" / f"{target}.dict"
    flags = [f"-max_total_time={seconds}", f"-artifact_prefix={finds}/", *LIMITS]
    flags += [f"-dict={words}"] if words.exists() else []
    scratch = {"TMPDIR": str(SCRATCH)} if SCRATCH.is_dir() else {}
    before, known = resource.getrusage(resource.RUSAGE_CHILDREN), set(finds.iterdir())
    done = subprocess.run(
        [program, *flags, corpus, FUZZ / "seeds" / target],
        env={**os.environ, **scratch, "FUZZ_TARGET": target},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = done.stdout.decode(errors="replace")
    (HOME / f"{target}.log").write_text(said)
    seen = [*re.finditer(r"^#(\d+)\s.*?cov: (\d+)", said, flags=re.MULTILINE)]
    return {
        "target": target,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "cpu": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "tries": int(seen[-1][1]) if seen else 0,
        "edges": int(seen[-1][2]) if seen else 0,
        "inputs": len(list(corpus.iterdir())),
        "finds": sorted(str(find) for find in set(finds.iterdir()) - known),
        "failed": done.returncode != 0,
    }


def main() -> int:
    """Tries the targets that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("targets", nargs="*", default=sorted(folder.name for folder in (FUZZ / "seeds").iterdir()))
    given = parser.parse_args()
    HOME.mkdir(parents=True, exist_ok=True)
    failed = False
    sys.stdout.write(f"{'target':<12}{'CPU s':>8}{'tries':>12}{'edges':>8}{'inputs':>8}  finds; CPU hours so far\n")
    for target in given.targets:
        done = run(given.program, target, SECONDS)
        with LOG.open("a") as log:
            log.write(json.dumps(done) + "\n")
        runs = [json.loads(line) for line in LOG.read_text().splitlines()]
        hours = sum(one["cpu"] for one in runs if one["target"] == target) / 3600
        failed |= bool(done["failed"])
        figures = f"{done['cpu']:>8}{done['tries']:>12}{done['edges']:>8}{done['inputs']:>8}"
        sys.stdout.write(f"{target:<12}{figures}  {' '.join(done['finds']) or '-'}; {hours:.2f}\n")  # type: ignore[arg-type]
        sys.stdout.flush()
        if done["failed"]:
            seeds = FUZZ / "seeds" / target
            sys.stdout.write(f"  see {HOME / f'{target}.log'}; mend it, and keep the input in {seeds}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
