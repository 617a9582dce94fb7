"""Filter, derive, join and group of TPC-H lineitem (6.0 M rows) with orders into Parquet, against polars.

Both read the same Parquet files and write one of some 1,700 groups. Ours is fused: one task, nothing at rest. Polars is lazy
and streams: scan, filter, with_columns, join, group_by, sink. Its sums are rounded, for it rounds products of decimals;
ours must be DuckDB's, digit for digit, or there is no line.

The first line counts whole processes, as all benches do; of a work so short the start and the imports are a large part,
so the second leaves them out on both sides.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Line, Ours, Ran, data, in_turns, main, measured, peer, peers, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

WORK = "filter + derive + join + group → Parquet"
STEPS = [
    {"filter": "l_shipdate >= '1993-01-01' AND l_shipdate < '1997-01-01'"},
    {"derive": {"revenue": "l_extendedprice * (1 - l_discount)"}},
    {"rename": {"l_orderkey": "o_orderkey"}},
    {"join": {"with": "orders", "on": "o_orderkey", "how": "inner", "take": ["o_orderdate", "o_orderpriority"]}},
    {"derive": {"month": "date_trunc('month', o_orderdate)"}},
    {
        "aggregate": {
            "by": ["month", "o_orderpriority", "l_shipmode"],
            "measures": {"items": "count(*)", "revenue": "sum(revenue)"},
        }
    },
]
BEGIN = """
import os, time
began, used = time.perf_counter(), sum(os.times()[:2])
"""
END = """
open(sys.argv[1], "w").write(f"{time.perf_counter() - began} {sum(os.times()[:2]) - used}")
"""
WINDVANE = f"""
import json, sys, windvane
plan, run, world = json.loads(sys.argv[2])
{BEGIN}
windvane.run(plan, run=run, rules_only=True, **world)
{END}
"""
POLARS = f"""
import sys, datetime as dt
import polars as pl
{BEGIN}
lineitem, orders, out = sys.argv[2:]
start, end = dt.date(1993, 1, 1), dt.date(1997, 1, 1)
rows = pl.scan_parquet(lineitem).filter(pl.col("l_shipdate").is_between(start, end, "left"))
rows = rows.with_columns(revenue=pl.col("l_extendedprice") * (1 - pl.col("l_discount")))
rows = rows.join(pl.scan_parquet(orders), left_on="l_orderkey", right_on="o_orderkey")
rows = rows.with_columns(month=pl.col("o_orderdate").dt.truncate("1mo"))
rows = rows.group_by("month", "o_orderpriority", "l_shipmode").agg(items=pl.len(), revenue=pl.col("revenue").sum())
rows.sink_parquet(out)
{END}
"""
SAME = """
import sys, duckdb
lineitem, orders, ours, theirs = sys.argv[1:]
answers = [duckdb.sql(f"SELECT month::date, o_orderpriority, l_shipmode, items, revenue FROM ({rows}) ORDER BY ALL").fetchall() for rows in (
    f"FROM '{ours}'",
    f"SELECT date_trunc('month', o_orderdate) AS month, o_orderpriority, l_shipmode, count(*) AS items, "
    f"sum(l_extendedprice * (1 - l_discount)) AS revenue FROM '{lineitem}' JOIN '{orders}' ON l_orderkey = o_orderkey "
    f"WHERE l_shipdate >= DATE '1993-01-01' AND l_shipdate < DATE '1997-01-01' GROUP BY ALL",
    f"FROM '{theirs}'",
)]
assert answers[0] == answers[1] and len(answers[0]) == len(answers[2]), "the answers differ"
"""


def lines(runs: int, folder: Path) -> Iterator[Line]:
    """The one work."""
    if not wanted(WORK):
        return
    lineitem, orders, out = data("lineitem.parquet"), data("orders.parquet"), folder / "polars.parquet"
    home, given = folder / "transform", folder / "given"
    given.mkdir()
    for path in (lineitem, orders):
        (given / path.name).symlink_to(path.resolve())
    spec = {
        "source": {"parquet": {"path": f"{given}/*.parquet"}},
        "target": {"parquet": {"path": "lake"}},
        "datasets": {"lineitem": {"steps": STEPS, "strategy": "fused"}, "orders": {"load": False}},
    }
    ours = Ours(home, spec)
    clock = folder / "clock"
    inside: dict[str, list[Ran]] = {"windvane": [], "polars": []}

    def noted(name: str, ran: Ran) -> Ran:
        wall, cpu = map(float, clock.read_text().split())
        inside[name].append(replace(ran, wall=wall, cpu=cpu))
        return ran

    def windvane() -> Ran:
        shutil.rmtree(home / "lake", ignore_errors=True)
        ours.runs += 1
        request = json.dumps([str(ours.plan), f"r{ours.runs}", ours.world])
        return noted("windvane", measured([sys.executable, "-c", WINDVANE, clock, request], python=True))

    def polars() -> Ran:
        return noted("polars", peer(POLARS, clock, lineitem, orders, out))

    seen = in_turns(runs, {"windvane": windvane, "polars": polars})
    made = next((home / "lake").rglob("*.parquet"))
    subprocess.run([peers(), "-c", SAME, lineitem, orders, made, out], check=True)
    yield Line(WORK, "polars", seen["windvane"], seen["polars"], 1.05)
    # The warm-up is not among them.
    ran, theirs = (inside[name][-runs:] for name in ("windvane", "polars"))
    yield Line(f"{WORK}, without start and imports", "polars", ran, theirs, 1.05)


if __name__ == "__main__":
    raise SystemExit(main(lines, __doc__))
