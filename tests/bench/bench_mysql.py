"""MariaDB to Parquet, a whole table, against ConnectorX: wall, CPU of client and server, memory, ratios.

``python bench_mysql.py [--csv LINEITEM.csv] [--runs 5] [--url mysql://…]``. Without a file, ``WINDVANE_BENCH_DATA`` names
the folder that holds ``lineitem.csv``, or ``tpchgen-cli`` makes it; it goes into a throwaway server first.
``WINDVANE_BENCH_PYTHON`` is a Python with connectorx and pyarrow; without it only ours runs. Ours is the extract step: the
table as a Parquet file at rest. Each run is a process of its own; they run in turns and the medians are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

import pymysql
from services.mariadb import binaries, server

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = (
    "CREATE TABLE lineitem (l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL,"
    " l_linenumber int NOT NULL, l_quantity decimal(15,2) NOT NULL, l_extendedprice decimal(15,2) NOT NULL,"
    " l_discount decimal(15,2) NOT NULL, l_tax decimal(15,2) NOT NULL, l_returnflag char(1) NOT NULL,"
    " l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,"
    " l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL,"
    " PRIMARY KEY (l_orderkey, l_linenumber))"
)
FILL = (
    "LOAD DATA LOCAL INFILE '{}' INTO TABLE lineitem FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'"
    " LINES TERMINATED BY '\\n' IGNORE 1 LINES"
)
MEASURE = """
import json, resource, sys, time
start = time.perf_counter()
{work}
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"wall": wall, "cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss / 1024}}))
"""
OURS = """
from windvane import _core
request, = sys.argv[1:]
start = time.perf_counter()
_core.extract(request)
"""
PEER = """
url, out = sys.argv[1:]
import connectorx, pyarrow.parquet
start = time.perf_counter()
table = connectorx.read_sql(url, "SELECT * FROM lineitem", return_type="arrow")
pyarrow.parquet.write_table(table, out, compression="zstd")
"""


def server_seconds(url: str) -> float:
    """CPU seconds of the server so far, when it runs on this machine."""
    port = url.rsplit(":", 1)[1].partition("/")[0]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"--port={port}" in (process / "cmdline").read_text().split("\0"):
                parts = (process / "stat").read_text().rsplit(")", 1)[1].split()
                return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def once(python: str, work: str, *arguments: str, url: str) -> dict[str, float]:
    before = server_seconds(url)
    done = subprocess.run(
        [python, "-c", MEASURE.format(work=work), *arguments], capture_output=True, text=True, check=True
    )
    return {**json.loads(done.stdout.splitlines()[-1]), "server": server_seconds(url) - before}


@contextlib.contextmanager
def filled(given: str | None, csv: str | None, home: Path) -> Iterator[str]:
    """The URL of a database that holds the table."""
    if given:
        yield given
        return
    program = binaries()
    if program is None:
        sys.exit("MariaDB's server programs are missing: sh tests/services/install.sh")
    folder = Path(os.environ.get("WINDVANE_BENCH_DATA", home))
    path = Path(csv) if csv else folder / "lineitem.csv"
    if not path.is_file():
        subprocess.run(["tpchgen-cli", "-s", "1", "--format", "csv", "-T", "lineitem", "-o", str(folder)], check=True)
    with server(program, innodb_buffer_pool_size="1500M", innodb_log_file_size="512M", local_infile=1) as running:
        running.execute("CREATE DATABASE bench CHARACTER SET utf8mb4")
        running.execute(TABLE, database="bench")
        place = {"host": "127.0.0.1", "port": running.port, "user": "root", "database": "bench"}
        with pymysql.connect(**place, local_infile=True, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(FILL.format(path))
            cursor.execute("ANALYZE TABLE lineitem")
        yield running.url("bench")


def planned(home: Path, url: str) -> str:
    """The request of our extract step."""
    from windvane import _core

    spec, plan = home / "b.windvane.json", home / "b.plan.json"
    source = {"mysql": {"connection": "db", "tables": ["lineitem"]}}
    spec.write_text(json.dumps({"pipeline": "b", "source": source, "target": {"parquet": {"path": "lake"}}}))
    world = {"base": str(home), "staging": str(home / "staging"), "store": f"sqlite:///{home}/store.db"}
    world["connections"] = {"db": url}
    asked = {"world": world, "spec": str(spec), "rules_only": True, "write": True, "plan_file": str(plan)}
    (output,) = (item["name"] for item in json.loads(_core.plan(json.dumps(asked)))["outputs"])
    return json.dumps({"world": world, "plan": str(plan), "run": "r1", "output": output})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv")
    parser.add_argument("--url")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="wv-bench-"))
    peer = os.environ.get("WINDVANE_BENCH_PYTHON")
    runs: dict[str, list[dict[str, float]]] = {"windvane": [], "connectorx": []}
    try:
        with filled(asked.url, asked.csv, home) as url:
            request = planned(home, url)
            for _ in range(asked.runs):
                runs["windvane"].append(once(sys.executable, OURS, request, url=url))
                if peer:
                    runs["connectorx"].append(once(peer, PEER, url, str(home / "peer.parquet"), url=url))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{'':12} {'wall s':>8} {'client s':>9} {'server s':>9} {'RSS MB':>8}")
    middle: dict[str, dict[str, float]] = {}
    for name, of in runs.items():
        if of:
            middle[name] = {key: statistics.median(run[key] for run in of) for key in of[0]}
            row = middle[name]
            print(f"{name:12} {row['wall']:8.2f} {row['cpu']:9.2f} {row['server']:9.2f} {row['rss']:8.0f}")
    if len(middle) > 1:
        ours, theirs = middle["windvane"], middle["connectorx"]
        print(f"ratio: wall {ours['wall'] / theirs['wall']:.2f}, CPU of the client {ours['cpu'] / theirs['cpu']:.2f}")


if __name__ == "__main__":
    main()
