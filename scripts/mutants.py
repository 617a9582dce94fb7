"""``make mutants``: plants faults in the engine, one at a time, and counts those that the conformance battery finds.

The engine is built once more with the cargo feature ``faults`` (``crates/core/src/faults.rs``) and kept in the cache,
apart from every wheel. Each fault is then tried on each target, mode and way that it applies to
(``tests/python/battery.py``). A fault that the battery does not find is a check that stands for nothing: the exit code
is 1.

``fault+unverified``: the engine's own comparison of what it reads back is switched off too, so that the battery's
readers must find what the engine would have.

``--only NAME``: these faults only; ``--with FOLDER``: a faulty build that is there already.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("CACHE") or Path.home() / ".cache" / "windvane")
BATTERY = ROOT / "tests" / "python" / "battery.py"
sys.path[:0] = [str(ROOT / "tests"), str(BATTERY.parent)]

from battery import DATABASES, FILES, MODES, TARGETS, WAYS, cases  # noqa: E402

EVERYWHERE = (*TARGETS, "rules")
BY_KEY = ("merge", "absent", "history")
AT_ONCE = 2


@dataclass(frozen=True)
class Fault:
    """What is planted, and where it does harm."""

    name: str
    targets: tuple[str, ...] = TARGETS
    modes: tuple[str, ...] = MODES
    ways: tuple[str, ...] = WAYS

    def cases(self, target: str) -> list[str]:
        """The cases of a target in which it must be found."""
        if target not in self.targets:
            return []
        return [str(case) for case in cases(target) if case.mode in self.modes and case.way in self.ways]


def rule(name: str, *rules: str) -> Fault:
    """A fault that is no matter of a target."""
    return Fault(name, targets=("rules",), modes=rules)


ROWS = ("loses_row", "doubles_row", "swaps_columns", "truncates_text", "null_for_empty")
FAULTS = (
    # A connector that writes other rows than it was given.
    *(Fault(name) for name in ROWS),
    *(Fault(f"{name}+unverified", modes=("replace", "append")) for name in ROWS),
    # A connector that does not compare what it reads back; files alter nothing by themselves.
    Fault("unverified", targets=DATABASES),
    Fault("commits_early", targets=DATABASES),
    # A ledger that forgets, and one that makes up.
    Fault("forgets_ledger", modes=("append",)),
    Fault("already_unasked"),
    # A second try that does nothing, adds once more, or believes what it reads without a look.
    Fault("never_again", modes=("replace", *BY_KEY)),
    Fault("never_again", targets=FILES, modes=("append",)),
    Fault("adds_again", targets=DATABASES, modes=("append",)),
    Fault("believes_ledger", targets=DATABASES, modes=("append",)),
    # Modes that do not do what they are for.
    Fault("keeps_old_rows", modes=("replace",)),
    Fault("keeps_old_rows+unverified", modes=("replace",)),
    Fault("updates_nothing", modes=BY_KEY),
    Fault("updates_nothing+unverified", modes=BY_KEY),
    Fault("deletes_nothing", modes=("absent",)),
    Fault("deletes_quarantined", modes=("absent",), ways=("staged", "fused")),
    Fault("lacks_part", targets=FILES),
    # Stages that lose rows on the way, or do not say what became of them.
    Fault("transform_loses_row", ways=("staged",)),
    Fault("validate_loses_row", ways=("staged",)),
    Fault("flow_loses_row", ways=("fused",)),
    Fault("flow_truncates_text", ways=("fused",)),
    Fault("flow_swaps_columns", ways=("fused",)),
    Fault("flow_null_for_empty+unverified+closes_unseen", ways=("fused",)),
    Fault("passes_refused"),
    Fault("skips_quarantine"),
    Fault("miscounts_filtered"),
    # A receipt that leaves a row out, refused before the commit; and seen by others where it is not.
    Fault("miscounts_receipt"),
    Fault("miscounts_receipt+closes_unseen"),
    # Steps that the target does itself.
    *(
        Fault(name, targets=("postgres",), ways=("pushdown",))
        for name in ("passes_refused", "skips_quarantine", "miscounts_receipt", "unverified", "commits_early")
    ),
    Fault("already_unasked", targets=("postgres",), ways=("pushdown",)),
    Fault("adds_again", targets=("postgres",), modes=("append",), ways=("pushdown",)),
    Fault("never_again", targets=("postgres",), modes=("replace", *BY_KEY), ways=("pushdown",)),
    Fault("keeps_old_rows", targets=("postgres",), modes=("replace",), ways=("pushdown",)),
    Fault("updates_nothing", targets=("postgres",), modes=BY_KEY, ways=("pushdown",)),
    Fault("deletes_nothing", targets=("postgres",), modes=("absent",), ways=("pushdown",)),
    # Guards that never fire, each alone.
    rule("quarantined_unguarded", "quarantined"),
    rule("rows_unguarded", "rows"),
    rule("emptied_unguarded", "emptied"),
    rule("lost_unguarded", "lost"),
    rule("format_unguarded", "format"),
    rule("adopts_unasked", "adopted"),
    # A source that changes, unseen.
    rule("gone_unseen", "gone", "renamed"),
    rule("renames_unseen", "renamed"),
    rule("retyped_unseen", "retyped"),
    rule("rekeyed_unseen", "rekeyed"),
    rule("drops_new_columns", "fresh"),
    # A memory that forgets: that a run was done, how often, over which window, with which load.
    rule("forgets_attempt", "again"),
    rule("counts_no_attempt", "again"),
    rule("forgets_end", "again", "history"),
    rule("notes_no_load", "history"),
    rule("forgets_window", "window"),
    rule("window_forgotten", "window"),
    rule("overlaps_unseen", "overlap"),
    rule("swaps_unseen", "inside"),
    # A quarantine table without its rows, or with them twice.
    rule("aside_forgets", "aside"),
    rule("aside_loses_row+unverified", "aside"),
    rule("aside_doubles_row+unverified", "aside"),
    rule("aside_swaps_columns+unverified", "aside"),
    rule("aside_adds_again", "aside"),
    # Mended rows that come twice.
    rule("replays_again", "replayed"),
    rule("leaves_replayed", "replayed"),
    # What is taken away too early, and what is shown.
    rule("prunes_early", "prune"),
    rule("unmasked", "masks"),
    rule("unredacted", "masks"),
    rule("unmasked_step", "masked"),
)


def main() -> int:
    """Build, plant, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--with", dest="built", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    faulty = options.built or _build()
    faults = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    began = time.monotonic()
    planted: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    survived = []
    with _servers() as servers, ThreadPoolExecutor(AT_ONCE) as pool:
        sound = [_try(faulty, "", target, [str(case) for case in cases(target)], servers) for target in EVERYWHERE]
        pairs = zip(EVERYWHERE, sound, strict=True)
        wrong = [f"{target} {case}: {said}" for target, found in pairs for case, said in found.items() if said]
        if wrong:
            print("\n".join(["without any fault the battery finds:", *wrong]))
            return 1
        print(f"{'fault':28} {'planted':>7} {'caught':>7}  by the engine, by the battery; an example", flush=True)
        for fault in faults:
            jobs = [(target, fault.cases(target)) for target in EVERYWHERE]
            work = [
                (target, pool.submit(_try, faulty, fault.name, target, names, servers))
                for target, names in jobs
                if names
            ]
            found = {f"{target} {case}": said for target, job in work for case, said in job.result().items()}
            said = [text for text in found.values() if text]
            planted[fault.name] += len(found)
            caught[fault.name] += len(said)
            survived += [f"{fault.name} in {where}" for where, text in found.items() if not text]
            engine = sum(text.startswith("refused") for text in said)
            counts = f"{len(found):>7} {len(said):>7}  {engine}, {len(said) - engine}"
            print(f"{fault.name:28} {counts}; {said[0][:110] if said else ''}", flush=True)
    took = f"{len(planted)} kinds, {time.monotonic() - began:.0f} s"
    print(f"\nfaults planted: {planted.total()}, caught: {caught.total()} ({took})")
    print("".join(f"SURVIVED: {line}\n" for line in survived), end="")
    return 1 if survived else 0


def _try(faulty: Path, fault: str, target: str, names: list[str], servers: dict[str, str]) -> dict[str, str | None]:
    """Case to what the battery says of it, in a process that has the fault."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(faulty),
        "WINDVANE_FAULT": fault.replace("+", ","),
        "WINDVANE_BATTERY": servers.get(target, ""),
    }
    command = [sys.executable, str(BATTERY), target, *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"{fault} {target}: the battery broke\n{done.stderr}")
    found: dict[str, str | None] = json.loads(done.stdout.strip().splitlines()[-1])
    if set(found) != set(names):
        raise SystemExit(f"{fault} {target}: the battery left cases out")
    return found


@contextlib.contextmanager
def _servers() -> Iterator[dict[str, str]]:
    """Where PostgreSQL and MariaDB are: one throwaway server each."""
    from services import mariadb, postgres

    programs, program = postgres.binaries(), mariadb.binaries()
    if programs is None or program is None:
        raise SystemExit("PostgreSQL and MariaDB must be there: tests/services/install.sh")
    with postgres.server(programs) as one, mariadb.server(program) as other:
        yield {"postgres": one.url(), "mysql": other.url()}


def _build() -> Path:
    """The package with the faulty engine, unoptimised, in a folder of the cache."""
    wheels, folder = CACHE / "faulty-dist", CACHE / "faulty"
    for path in (wheels, folder):
        shutil.rmtree(path, ignore_errors=True)
    crates = ["windvane", *(f"windvane-{folder.name}" for folder in sorted((ROOT / "crates").iterdir()))]
    maturin = Path(sys.executable).with_name("maturin")
    command = [maturin, "build", "--release", "--locked", "--quiet", "--interpreter", sys.executable]
    command += [word for name in crates for word in ("--config", f"profile.release.package.{name}.opt-level=0")]
    command += ["--features", "faults", "--out", wheels]
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


if __name__ == "__main__":
    raise SystemExit(main())
