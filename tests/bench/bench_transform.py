"""Filter, derive, join and group of TPC-H lineitem into Parquet: the transform stage against polars and duckdb.

    python tests/bench/bench_transform.py LINEITEM.parquet ORDERS.parquet [ROUNDS]

Every contestant reads the same Parquet files and writes one. Each round is a process of its own, in turn; the answers
must be equal, digit for digit, where the contestant is exact (polars rounds products of decimals).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FROM, UNTIL = "1993-01-01", "1997-01-01"
STEPS = [
    {"filter": f"l_shipdate >= '{FROM}' AND l_shipdate < '{UNTIL}'"},
    {"derive": {"revenue": "l_extendedprice * (1 - l_discount)"}},
    {"join": {"with": "orders", "on": "l_orderkey", "how": "inner", "take": ["o_orderdate", "o_orderpriority"]}},
    {"derive": {"month": "date_trunc('month', o_orderdate)"}},
    {
        "aggregate": {
            "by": ["month", "o_orderpriority", "l_shipmode"],
            "measures": {"items": "count(*)", "revenue": "sum(revenue)"},
        }
    },
]
QUERY = f"""
    SELECT date_trunc('month', o_orderdate)::date AS month, o_orderpriority, l_shipmode, count(*) AS items,
        sum(l_extendedprice * (1 - l_discount)) AS revenue
    FROM 'lineitem.parquet' JOIN 'orders.parquet' USING (l_orderkey)
    WHERE l_shipdate >= DATE '{FROM}' AND l_shipdate < DATE '{UNTIL}' GROUP BY ALL"""


def prepare(folder: Path, lineitem: str, orders: str) -> None:
    """The files as the extract stage leaves them: with row numbers, and one name for the key."""
    import duckdb

    for name, path, columns in (("lineitem", lineitem, "*"), ("orders", orders, "* RENAME (o_orderkey AS l_orderkey)")):
        duckdb.sql(
            f"COPY (SELECT {columns}, row_number() OVER () AS _windvane_row FROM '{path}') "
            f"TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 1000000)"
        )


def windvane_plan(folder: Path) -> None:
    """Plans on two small files of the same columns; the staged files then stand in for their extract."""
    import duckdb
    import windvane as wv

    inputs = {}
    for name in ("lineitem", "orders"):
        duckdb.sql(
            f"COPY (SELECT * EXCLUDE _windvane_row FROM '{folder / name}.parquet' LIMIT 10) TO '{folder}/small/{name}.parquet'"
        )
    spec = folder / "etl.windvane.json"
    spec.write_text(
        json.dumps(
            {
                "pipeline": "etl",
                "source": {"parquet": {"path": f"{folder}/small/*.parquet"}},
                "target": {"parquet": {"path": str(folder / "out")}},
                "datasets": {"lineitem": {"steps": STEPS}, "orders": {"load": False}},
            }
        )
    )
    built = wv.plan(spec, rules_only=True, plan_file=folder / "etl.plan.json", **world(folder))
    for planned in built["inputs"]:
        name = planned["name"]
        rows = duckdb.sql(f"SELECT count(*) FROM '{folder / name}.parquet'").fetchall()[0][0]
        inputs[name] = {
            "dataset": name,
            "uri": str(folder / f"{name}.parquet"),
            "schema": planned["schema"],
            "rows": rows,
            "bytes": 0,
            "rows_in": rows,
            "filtered": 0,
            "quarantined": 0,
            "quarantine": [],
        }
    (folder / "inputs.json").write_text(json.dumps({"inputs": inputs, "output": built["outputs"][0]["name"]}))


def world(folder: Path) -> dict:
    return {"store": f"sqlite:///{folder}/store.db", "staging": str(folder / "staging")}


def windvane(folder: Path) -> str:
    from windvane import stages

    given = json.loads((folder / "inputs.json").read_text())
    done = stages.transform(str(folder / "etl.plan.json"), given["output"], given, run="bench", **world(folder))
    return done["uri"]


def polars(folder: Path) -> str:
    import datetime as dt

    import polars as pl

    start, end = (dt.date.fromisoformat(day) for day in (FROM, UNTIL))
    lineitem = pl.scan_parquet(folder / "lineitem.parquet").filter(pl.col("l_shipdate").is_between(start, end, "left"))
    lineitem = lineitem.with_columns(revenue=pl.col("l_extendedprice") * (1 - pl.col("l_discount")))
    joined = lineitem.join(pl.scan_parquet(folder / "orders.parquet"), on="l_orderkey")
    joined = joined.with_columns(month=pl.col("o_orderdate").dt.truncate("1mo"))
    grouped = joined.group_by("month", "o_orderpriority", "l_shipmode").agg(
        items=pl.len(), revenue=pl.col("revenue").sum()
    )
    path = str(folder / "polars.parquet")
    grouped.sink_parquet(path, engine="streaming")
    return path


def duckdb(folder: Path) -> str:
    import duckdb as db

    os.chdir(folder)
    path = str(folder / "duckdb.parquet")
    db.sql(f"COPY ({QUERY}) TO '{path}'")
    return path


CONTESTANTS = {"windvane": windvane, "polars": polars, "duckdb": duckdb}


def once(name: str, folder: Path) -> dict:
    """One run in this process: wall and CPU seconds of the work, peak memory of the process."""
    import resource
    import time

    if name == "windvane":
        pass
    else:
        __import__(name)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    path = CONTESTANTS[name](folder)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "rss": peak(), "path": path}


def peak() -> float:
    """MB; ``ru_maxrss`` would tell of the parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def answer(path: str) -> list:
    import duckdb as db

    columns = "month, o_orderpriority, l_shipmode, items, revenue"
    return db.sql(f"SELECT {columns} FROM '{path}' ORDER BY ALL").fetchall()


def main(lineitem: str, orders: str, rounds: int = 5) -> int:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "small").mkdir()
        prepare(folder, lineitem, orders)
        windvane_plan(folder)
        seen: dict[str, list[dict]] = {name: [] for name in CONTESTANTS}
        for _ in range(rounds + 1):
            for name, runs in seen.items():
                command = [sys.executable, __file__, "--once", name, place]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(done.stderr)
                    return 1
                runs.append(json.loads(done.stdout.splitlines()[-1]))
        exact = answer(seen["duckdb"][-1]["path"])
        same = answer(seen["windvane"][-1]["path"]) == exact
        print(f"{len(exact)} groups; windvane {'equals' if same else 'DIFFERS FROM'} duckdb")
        for name, runs in seen.items():
            # The first round warms the page cache.
            wall, cpu, rss = (statistics.median(run[key] for run in runs[1:]) for key in ("wall", "cpu", "rss"))
            ratio = statistics.median(
                run["wall"] / other["wall"] for run, other in zip(runs[1:], seen["polars"][1:], strict=True)
            )
            print(f"{name:9} wall {wall:6.2f} s  cpu {cpu:6.2f} s  rss {rss:6.0f} MB  wall over polars {ratio:.2f}")
        return 0 if same else 1


if __name__ == "__main__":
    if sys.argv[1] == "--once":
        print(json.dumps(once(sys.argv[2], Path(sys.argv[3]))))
    else:
        raise SystemExit(main(*sys.argv[1:3], *map(int, sys.argv[3:])))
