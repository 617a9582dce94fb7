"""Files to files: CSV with inferred types to Parquet, against polars and DuckDB; and SF10 over SF1. All write zstd.

The second moves TPC-H lineitem from Parquet to Parquet at scale 10 and at scale 1 (``WINDVANE_BENCH_SF10=0`` leaves it out:
it needs 6 GB of disk): the table's seconds at scale 10 are per 6 million rows, and its memory bar is 1.1 x that of scale 1.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Line, Ours, Ran, data, in_turns, main, middle, peer, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INFERRED, GROWN = "CSV → Parquet, inferred types", "SF10 over SF1, Parquet → Parquet"
POLARS = """
import sys, polars
polars.scan_csv(sys.argv[1], try_parse_dates=True).sink_parquet(sys.argv[2], compression="zstd")
"""
DUCKDB = """
import sys, duckdb
duckdb.sql("set enable_progress_bar = false")
duckdb.sql(f"copy (select * from read_csv('{sys.argv[1]}')) to '{sys.argv[2]}' (format parquet, codec zstd)")
"""


def moved(home: Path, kind: str, path: Path) -> Callable[[], Ran]:
    """Ours, from this file to a folder that is not there yet."""
    target = {"parquet": {"path": "lake", "compression": "zstd"}}
    spec = {"source": {kind: {"path": str(path)}}, "target": target, "datasets": {path.stem: {"strategy": "fused"}}}
    ours = Ours(home, spec)

    def work() -> Ran:
        shutil.rmtree(home / "lake", ignore_errors=True)
        ran = ours.run()
        shutil.rmtree(home / "lake")
        return ran

    return work


def lines(runs: int, folder: Path) -> Iterator[Line]:
    """Both works."""
    if wanted(INFERRED):
        csv, out = data("lineitem.csv"), folder / "peer.parquet"
        ours = moved(folder / "inferred", "csv", csv)
        works = {
            name: lambda code=code: peer(code, csv, out) for name, code in (("polars", POLARS), ("duckdb", DUCKDB))
        }
        seen = in_turns(runs, {"windvane": ours, **works})
        yield Line(INFERRED, "polars", seen["windvane"], seen["polars"], 1.05)
        yield Line(INFERRED, "duckdb", seen["windvane"], seen["duckdb"], 1.05)
    if wanted(GROWN) and os.environ.get("WINDVANE_BENCH_SF10") != "0":
        link = folder / "lineitem.parquet"
        small, large = data("lineitem.parquet"), data("lineitem.parquet", 10, folder / "sf10")
        link.symlink_to(small)
        # Planned once, with the small file: planning reads every row, and is not what is measured.
        ours = moved(folder / "grown", "parquet", link)

        def of(path: Path) -> Ran:
            link.unlink()
            link.symlink_to(path)
            return ours()

        seen = in_turns(runs, {"SF10": lambda: of(large), "SF1": lambda: of(small)})
        per_sf1 = [replace(ran, wall=ran.wall / 10, cpu=ran.cpu / 10) for ran in seen["SF10"]]
        yield Line(GROWN, "ours at SF1", per_sf1, seen["SF1"], 1.1, memory=1.1 * middle(seen["SF1"]).rss)


if __name__ == "__main__":
    raise SystemExit(main(lines, __doc__))
