"""PostgreSQL to Parquet, a whole table, against DuckDB's postgres reader and ConnectorX: wall, CPU, memory, ratios.

``python bench_postgres_out.py [--csv LINEITEM.csv] [--runs 5] [--strategy fused|staged]``. Without a file ``tpchgen-cli``
makes one; it goes into a throwaway server first. ``WINDVANE_BENCH_PYTHON`` is a Python with duckdb (and its postgres
extension), connectorx and perhaps tpchgen-cli beside it; without it only ours runs. Each run is a process of its own; all
run interleaved, the medians are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from services.postgres import Server, binaries, server

TABLE = (
    "CREATE TABLE lineitem (l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber int,"
    " l_quantity numeric(15,2), l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2),"
    " l_returnflag text, l_linestatus text, l_shipdate date, l_commitdate date, l_receiptdate date,"
    " l_shipinstruct text, l_shipmode text, l_comment text)"
)

OURS = """
import json, sys
import windvane as wv
home, url, strategy = sys.argv[1:]
spec = home + "/b.windvane.json"
with open(spec, "w") as file:
    json.dump({
        "pipeline": "b",
        "source": {"postgres": {"connection": "db", "tables": ["lineitem"]}},
        "target": {"parquet": {"path": "out"}},
        "datasets": {"lineitem": {"strategy": strategy}},
    }, file)
plan = json.loads(json.dumps(wv.run(spec, run="r1", rules_only=True, store=f"sqlite:///{home}/store.db",
                                    staging=home + "/staging", connections={"db": url}), default=dict))
print("STEPS" + json.dumps(plan["steps"]))
"""
DUCKDB = """
import pathlib, sys, duckdb
home, url, _ = sys.argv[1:]
connection = duckdb.connect()
packaged = pathlib.Path(duckdb.__file__).parents[1].glob("duckdb_extension_postgres_scanner/**/*.duckdb_extension")
connection.execute(f"LOAD '{next(map(str, packaged), 'postgres')}'")
connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
connection.execute(f"COPY (SELECT * FROM pg.public.lineitem) TO '{home}/out.parquet' (FORMAT parquet)")
"""
CONNECTORX = """
import sys, connectorx, pyarrow.parquet
home, url, _ = sys.argv[1:]
table = connectorx.read_sql(url, "SELECT * FROM lineitem", return_type="arrow")
pyarrow.parquet.write_table(table, home + "/out.parquet")
"""


def generated(folder: Path, peers: str | None) -> Path:
    """Lineitem at scale factor 1."""
    beside = Path(peers).parent / "tpchgen-cli" if peers else None
    program = str(beside) if beside and beside.exists() else shutil.which("tpchgen-cli")
    if program is None:
        raise SystemExit("tpchgen-cli is not there: give --csv")
    subprocess.run([program, "-s", "1", "--tables", "lineitem", "--format", "csv", "-o", str(folder)], check=True)
    return next(folder.rglob("lineitem*.csv"))


def server_cpu(pg: Server) -> float:
    """Seconds of all sessions that have ended."""
    ((folder,),) = pg.query("SHOW data_directory")
    postmaster = int(Path(folder, "postmaster.pid").read_text().split("\n")[0])
    fields = Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[13:15]) / os.sysconf("SC_CLK_TCK")


def measured(pg: Server, python: str, code: str, url: str, strategy: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="wv-bench-") as home:
        server_before, start = server_cpu(pg), time.monotonic()
        command = [python, "-c", code, home, url, strategy]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        if status:
            raise SystemExit(f"{code.split()[3]} failed")
        if "STEPS" in said and os.environ.get("WINDVANE_BENCH_STEPS"):
            steps = json.loads(said.split("STEPS")[1])
            print("   ", {step["step"]: round(step["seconds"], 2) for step in steps})
        time.sleep(0.3)
        return {
            "wall": wall,
            "client": usage.ru_utime + usage.ru_stime,
            "server": server_cpu(pg) - server_before,
            "rss": usage.ru_maxrss / 1024,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--strategy", default="fused")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    programs = binaries()
    if programs is None:
        raise SystemExit("there are no PostgreSQL server programs here")
    peers = os.environ.get("WINDVANE_BENCH_PYTHON")
    asked = {"windvane": (sys.executable, OURS)}
    if peers:
        asked |= {"duckdb": (peers, DUCKDB), "connectorx": (peers, CONNECTORX)}
    with tempfile.TemporaryDirectory(prefix="wv-bench-") as folder, server(programs) as pg:
        csv = options.csv or generated(Path(folder), peers)
        database = pg.database()
        pg.execute(TABLE, database=database)
        copy = f"\\copy lineitem from '{csv}' with (format csv, header)"
        command = [pg.programs / "psql", "-X", "-q", "-d", pg.url(database), "-c", copy]
        subprocess.run([str(part) for part in command], check=True)
        pg.execute("VACUUM ANALYZE lineitem", database=database)
        results: dict[str, list[dict[str, float]]] = {name: [] for name in asked}
        for _ in range(options.runs):
            for name, (python, code) in asked.items():
                seen = measured(pg, python, code, pg.url(database), options.strategy)
                results[name].append(seen)
                print(f"  {name:<12}", {key: round(value, 2) for key, value in seen.items()}, flush=True)
    print(f"{'':<12}{'wall s':>9}{'client s':>10}{'server s':>10}{'RSS MB':>9}{'ours/theirs':>13}")
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in results.items()
    }
    for name, values in medians.items():
        ratio = medians["windvane"]["wall"] / values["wall"]
        print(
            f"{name:<12}{values['wall']:>9.2f}{values['client']:>10.2f}{values['server']:>10.2f}"
            f"{values['rss']:>9.0f}{ratio:>13.2f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
