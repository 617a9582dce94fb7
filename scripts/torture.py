"""``make torture``: kills and second tries of runs over every target, mode and way, and a table of what became of them.

Each case is done by ``tests/python/torture.py``: runs are killed with ``kill -9`` at random moments, runs that have
ended are done again over sources that grew, changed or shrank, with plans made anew, with stores that are lost or of
yesterday. What a target must hold is judged by the rules (``torture_rules.py``) and read by other readers than the
engine's. With ``--write`` the table goes into ``docs/proof.md``, with the date, the command and the commit.

``--kills N``, ``--tries N``: over all cases; ``--only WORD``: the cases whose names have it; ``--seed N``.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PROOF = ROOT / "docs" / "proof.md"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "python")]

from torture import Case, Nurse, Torture, cases, table  # noqa: E402

AT_ONCE = 2
HEAD = """# Proof

Written by `make torture`; not by hand.

`{command}` on {date}, commit {commit}: {took:.0f} s on {cores} cores.

A run is killed (`kill -9`) at a random moment and started again; a run that has ended is done again while its source is
the same, has grown, changed or shrunk, after a new plan of other words, without its store, or with the store of
yesterday. After each of them the target is read by other readers than the engine's and compared with what the rules
say: `replace`, `merge`, `history` and the rows of one run in files (or in a table with a `load_id` column) are the
source as the last try saw it; rows that were appended to another table stay those of the first try, and a later try
with other rows is refused with `conflict` (counted under "refused"). `in time`: kills that came before the run's end.

```
{table}
```
"""


def main() -> int:
    """Torture, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--tries", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--write", action="store_true", help="write docs/proof.md")
    options = parser.parse_args()
    wanted = [case for case in cases() if options.only in case.name]
    begun = time.monotonic()
    done: dict[str, Case] = {}
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="wv-torture-") as folder,
        _servers() as servers,
        ProcessPoolExecutor(AT_ONCE, mp_context=spawn) as pool,
    ):
        jobs = []
        for at, case in enumerate(wanted):
            # The quotas are met exactly.
            kills, tries = (
                whole * (at + 1) // len(wanted) - whole * at // len(wanted) for whole in (options.kills, options.tries)
            )
            quota = (kills, tries)
            jobs.append(pool.submit(_one, case, folder, servers, options.seed, quota))
        for job in as_completed(jobs):
            case = job.result()
            done[case.name] = case
            print(f"{len(done)}/{len(wanted)} {case.name}: {case.problems or 'right'}", file=sys.stderr, flush=True)
    said = table([done[case.name] for case in wanted])
    took = time.monotonic() - begun
    print(f"{said}\n{took:.0f} s, seed {options.seed}")
    if options.write:
        _write(said, took)
    return 1 if any(case.problems for case in done.values()) else 0


def _one(case: Case, folder: str, servers: dict[str, Any], seed: int, quota: tuple[int, int]) -> Case:
    """One case with a database or a bucket of its own, in a worker process."""
    from battery import fresh

    server: Any = None
    if case.target in ("postgres", "mysql"):
        server = fresh(case.target, servers[case.target], f"t_{case.name.replace('-', '_')}")
    elif case.target == "s3":
        from services.s3 import Server

        s3 = Server(servers["s3"])
        bucket = case.name.replace("_", "-")
        s3.client.create_bucket(Bucket=bucket)
        server = (s3, bucket)
    with contextlib.closing(Nurse()) as nurse:
        return Torture(case, Path(folder) / case.name, server, seed, nurse).perform(*quota)


@contextlib.contextmanager
def _servers() -> Iterator[dict[str, Any]]:
    """One throwaway server of each kind."""
    from services import mariadb, postgres, s3

    programs, program = postgres.binaries(), mariadb.binaries()
    if programs is None or program is None or not s3.installed():
        raise SystemExit("PostgreSQL, MariaDB and moto's S3 server must be there: tests/services/install.sh")
    with postgres.server(programs) as one, mariadb.server(program) as other, s3.server() as third:
        yield {"postgres": one.url(), "mysql": other.url(), "s3": third.port}


def _write(said: str, took: float) -> None:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    date = dt.datetime.now(dt.UTC).date().isoformat()
    PROOF.write_text(
        HEAD.format(command="make torture", date=date, commit=commit, took=took, cores=os.cpu_count(), table=said)
    )


if __name__ == "__main__":
    raise SystemExit(main())
