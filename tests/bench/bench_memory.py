"""Moves, sorts, deduplicates and groups TPC-H lineitem in the transform stage under a limit of memory.

    WINDVANE_MEMORY=512MB python tests/bench/bench_memory.py LINEITEM.parquet [LIMIT_MB [TASK ...]]

LINEITEM is to be of scale 10 (60 million rows) for the promise: at most 1.5 GB. Each task is a process of its own; its
peak is what the kernel says (VmHWM). It needs twice the file's size of free space in the temporary folder.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

SHIPPED = ["l_orderkey", "l_linenumber"]
TASKS = {
    "move": [],
    "sort": [{"sort": {"by": ["l_shipdate", "l_extendedprice desc"]}}],
    "deduplicate first": [{"deduplicate": {"on": SHIPPED}}],
    "deduplicate last": [{"deduplicate": {"on": ["l_orderkey"], "keep": "last", "order_by": ["l_shipdate"]}}],
    "aggregate": [
        {"aggregate": {"by": ["l_orderkey"], "measures": {"items": "count(*)", "price": "sum(l_extendedprice)"}}}
    ],
}


def world(folder: Path) -> dict:
    return {"store": f"sqlite:///{folder}/store.db", "staging": str(folder / "staging")}


def peak() -> float:
    """MB; ``ru_maxrss`` would tell of the parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def stage(lineitem: str, folder: Path) -> int:
    """The file as the extract stage leaves it, written batch by batch."""
    import pyarrow as pa

    source, rows = pq.ParquetFile(lineitem), 0
    writer = None
    for batch in source.iter_batches(batch_size=65536):
        numbers = pa.array(range(rows + 1, rows + 1 + len(batch)), pa.int64())
        columns = [column.cast(pa.string()) if pa.types.is_string_view(column.type) else column for column in batch]
        table = pa.table([*columns, numbers], names=[*batch.schema.names, "_windvane_row"])
        writer = writer or pq.ParquetWriter(folder / "lineitem.parquet", table.schema, compression="zstd")
        writer.write_table(table)
        rows += len(batch)
        if rows == len(batch):
            pq.write_table(table.drop_columns(["_windvane_row"]).slice(0, 10), folder / "small" / "lineitem.parquet")
    writer.close()
    return rows


def plan(folder: Path, task: str, rows: int) -> None:
    import windvane as wv

    spec = folder / "task.windvane.json"
    document = {
        "pipeline": "task",
        "source": {"parquet": {"path": f"{folder}/small/*.parquet"}},
        "target": {"parquet": {"path": str(folder / "out")}},
        "datasets": {"lineitem": {"steps": TASKS[task]}},
    }
    spec.write_text(json.dumps(document))
    built = wv.plan(spec, rules_only=True, plan_file=folder / "task.plan.json", **world(folder))
    staged = {
        "dataset": "lineitem",
        "uri": str(folder / "lineitem.parquet"),
        "schema": built["inputs"][0]["schema"],
        "rows": rows,
        "bytes": 0,
        "rows_in": rows,
        "filtered": 0,
        "quarantined": 0,
        "quarantine": [],
    }
    given = {"inputs": {"lineitem": staged}, "output": built["outputs"][0]["name"]}
    (folder / "task.json").write_text(json.dumps(given))


def once(folder: Path) -> dict:
    from windvane import stages

    given = json.loads((folder / "task.json").read_text())
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    done = stages.transform(str(folder / "task.plan.json"), given["output"], given, run="bench", **world(folder))
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    left = [str(path) for path in Path(done["uri"]).parent.glob("*.spill")]
    os.remove(done["uri"])
    return {"wall": wall, "cpu": cpu, "rss": peak(), "rows": done["rows"], "left": left}


def main(lineitem: str, limit: int = 1500, *tasks: str) -> int:
    kept = True
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "small").mkdir()
        rows = stage(lineitem, folder)
        for task in tasks or TASKS:
            plan(folder, task, rows)
            command = [sys.executable, __file__, "--once", place]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(done.stderr)
                return 1
            run = json.loads(done.stdout.splitlines()[-1])
            kept = kept and run["rss"] <= limit and not run["left"]
            print(
                f"{task:18} {rows:>9} -> {run['rows']:>9} rows  wall {run['wall']:6.1f} s  cpu {run['cpu']:6.1f} s  "
                f"peak {run['rss']:5.0f} MB of {limit}{'  LEFT ' + str(run['left']) if run['left'] else ''}",
                flush=True,
            )
    return 0 if kept else 1


if __name__ == "__main__":
    if sys.argv[1] == "--once":
        print(json.dumps(once(Path(sys.argv[2]))))
    else:
        raise SystemExit(main(sys.argv[1], *map(int, sys.argv[2:3]), *sys.argv[3:]))
