"""Loading into PostgreSQL against the server's own tools: wall, CPU, memory and their ratios.

``append``  Parquet to a new table, against ``psql \\copy`` of a ready binary file.
``merge``   a changed tenth (nine parts updated, one new) into the whole table, against COPY into an unlogged staging
            table and ``INSERT ... ON CONFLICT DO UPDATE`` by hand.
``replace`` a table by itself: DELETE and COPY (ours), against a staging table whose rows are then inserted, by hand.

Each pair runs interleaved on one throwaway server; the medians are compared. ``python bench_postgres_in.py LINEITEM.parquet
[--runs 5] [--only merge]``; the file comes from ``tpchgen-cli``. Of ours, the seconds are those of the load stage: the
record of the run says them. Client CPU of ours is the whole run's, all stages.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from services.postgres import Server, binaries, server

RUN = """
import json, resource, sys
import windvane as wv
spec, run, world = json.loads(sys.argv[1])
record = json.loads(json.dumps(wv.run(spec, run=run, rules_only=True, **world), default=dict))
(seconds,) = [step["seconds"] for step in record["steps"] if "load" in step["step"]]
used = resource.getrusage(resource.RUSAGE_SELF)
print("ANSWER" + json.dumps([seconds, used.ru_maxrss / 1024, record["outputs"][0]]))
"""

COLUMNS = (
    "l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber int, l_quantity numeric(15,2),"
    " l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag text, l_linestatus text,"
    " l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct text, l_shipmode text, l_comment text"
)
KEY = ["l_orderkey", "l_linenumber"]
NAMES = [part.split()[0] for part in COLUMNS.split(", ")]


def server_cpu(pg: Server) -> float:
    """Seconds of all sessions that have ended."""
    (folder,) = pg.query("SHOW data_directory")[0]
    postmaster = int(Path(folder, "postmaster.pid").read_text().split("\n")[0])
    fields = Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[13:15]) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, pg: Server, folder: Path) -> None:
        self.pg, self.folder = pg, folder
        self.database = pg.database()
        self.runs = 0

    def sql(self, *statements: str) -> None:
        for statement in statements:
            self.pg.execute(statement, database=self.database)

    def measured(self, work: Any) -> dict[str, float]:
        self.sql("CHECKPOINT")
        before, start, child = server_cpu(self.pg), time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        more = work()
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        client = after.ru_utime + after.ru_stime - child.ru_utime - child.ru_stime
        time.sleep(0.2)
        return {"wall": wall, "client": client, "server": server_cpu(self.pg) - before, **(more or {})}

    def psql(self, script: str) -> Any:
        def work() -> None:
            command = [self.pg.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.pg.url(self.database)]
            subprocess.run([str(part) for part in command], input=script, text=True, check=True)

        return work

    def ours(self, table: str, parquet: Path, **settings: Any) -> Any:
        def work() -> dict[str, float]:
            self.runs += 1
            home = self.folder / f"run{self.runs}"
            (home / "data").mkdir(parents=True)
            (home / "data" / f"{table}.parquet").symlink_to(parquet.resolve())
            verify = settings.pop("verify", "auto")
            spec = home / "b.windvane.json"
            document = {
                "pipeline": "b",
                "source": {"parquet": {"path": "data"}},
                "target": {"postgres": {"connection": "db"}},
                "verify": verify,
                "datasets": {table: {**settings, "strategy": "staged"}},
            }
            spec.write_text(json.dumps(document))
            world = {
                "store": f"sqlite:///{home}/store.db",
                "staging": str(home / "staging"),
                "connections": {"db": self.pg.url(self.database)},
            }
            command = [sys.executable, "-c", RUN, json.dumps([str(spec), f"r{self.runs}", world])]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            seconds, rss, receipt = json.loads(done.stdout.split("ANSWER")[1])
            print("   ", receipt["loaded"], receipt.get("changes"))
            return {"wall": seconds, "rss": rss}

        return work


def copy_file(bench: Bench, parquet: Path) -> Path:
    """The ready binary file, made by the server from our own load."""
    ready = bench.folder / "lineitem.bin"
    bench.sql(f"CREATE TABLE lineitem ({COLUMNS})")
    bench.ours("lineitem", parquet, mode="append")()
    bench.psql(f"\\copy lineitem TO '{ready}' (FORMAT binary)")()
    return ready


def append(bench: Bench, parquet: Path, ready: Path) -> tuple[dict[str, float], dict[str, float]]:
    fresh = ("DROP TABLE IF EXISTS lineitem", f"CREATE TABLE lineitem ({COLUMNS})")
    bench.sql(*fresh)
    theirs = bench.measured(bench.psql(f"\\copy lineitem FROM '{ready}' (FORMAT binary)"))
    bench.sql(*fresh)
    return bench.measured(bench.ours("lineitem", parquet, mode="append")), theirs


def changed(parquet: Path, folder: Path) -> Path:
    """A tenth of the rows: of ten, nine are changed and one gets a new key."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = folder / "changed.parquet"
    if not path.exists():
        table = pq.read_table(parquet)
        tenth = table.take(pa.array(range(0, table.num_rows, 10), pa.int64()))
        place = pa.array([number % 10 == 9 for number in range(tenth.num_rows)])
        keys = pc.if_else(place, pc.add(tenth["l_orderkey"], 1_000_000_000), tenth["l_orderkey"])
        tenth = tenth.set_column(0, tenth.schema.field(0), keys.cast(tenth.schema.field(0).type))
        comment = tenth.schema.get_field_index("l_comment")
        said = pc.binary_join_element_wise(tenth["l_comment"].cast(pa.string()), "changed", " ")
        tenth = tenth.set_column(comment, "l_comment", said)
        pq.write_table(tenth, path)
    return path


def merge(bench: Bench, parquet: Path, ready: Path, verify: str) -> tuple[dict[str, float], dict[str, float]]:
    delta = changed(parquet, bench.folder)
    binary = bench.folder / "changed.bin"
    if not binary.exists():
        bench.sql("DROP TABLE IF EXISTS delta", f"CREATE TABLE delta ({COLUMNS})")
        bench.ours("delta", delta, mode="append")()
        bench.psql(f"\\copy delta TO '{binary}' (FORMAT binary)")()

    def whole() -> None:
        bench.sql("DROP TABLE IF EXISTS lineitem", f"CREATE TABLE lineitem ({COLUMNS})")
        bench.psql(f"\\copy lineitem FROM '{ready}' (FORMAT binary)")()
        bench.sql(f"ALTER TABLE lineitem ADD PRIMARY KEY ({', '.join(KEY)})", "VACUUM ANALYZE lineitem")

    update = ", ".join(f"{name} = excluded.{name}" for name in NAMES if name not in KEY)
    by_hand = f"""BEGIN;
CREATE UNLOGGED TABLE staging ({COLUMNS});
\\copy staging FROM '{binary}' (FORMAT binary)
INSERT INTO lineitem SELECT * FROM staging ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET {update};
DROP TABLE staging;
COMMIT;
"""
    whole()
    theirs = bench.measured(bench.psql(by_hand))
    whole()
    ours = bench.measured(bench.ours("lineitem", delta, mode="merge", key=KEY, verify=verify))
    return ours, theirs


def replace(bench: Bench, parquet: Path, ready: Path) -> tuple[dict[str, float], dict[str, float]]:
    def whole() -> None:
        bench.sql("DROP TABLE IF EXISTS lineitem", f"CREATE TABLE lineitem ({COLUMNS})")
        bench.psql(f"\\copy lineitem FROM '{ready}' (FORMAT binary)")()

    whole()
    by_hand = f"""BEGIN;
CREATE TEMP TABLE staging ({COLUMNS}) ON COMMIT DROP;
\\copy staging FROM '{ready}' (FORMAT binary)
LOCK TABLE lineitem IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM lineitem;
INSERT INTO lineitem SELECT * FROM staging;
COMMIT;
"""
    theirs = bench.measured(bench.psql(by_hand))
    whole()
    return bench.measured(bench.ours("lineitem", parquet, mode="replace")), theirs


def main() -> int:
    """Measure and print; the bars are those of the project's plan."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("lineitem", type=Path)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--only", choices=["append", "merge", "merge-rows", "replace"])
    asked = arguments.parse_args()
    programs = binaries()
    if programs is None:
        raise SystemExit("no PostgreSQL server programs on this machine")
    cases = {
        "append": (append, 1.15),
        "merge": (lambda *given: merge(*given, "auto"), 1.3),
        "merge-rows": (lambda *given: merge(*given, "rows"), 1.3),
        "replace": (replace, 1.0),
    }
    with server(programs) as pg, tempfile.TemporaryDirectory(prefix="wv-bench-") as folder:
        Path(folder).chmod(0o755)
        bench = Bench(pg, Path(folder))
        ready = copy_file(bench, asked.lineitem)
        for name, (case, bar) in cases.items():
            if asked.only not in {None, name}:
                continue
            pairs = []
            for number in range(asked.runs):
                ours, theirs = case(bench, asked.lineitem, ready)
                pairs.append((ours, theirs))
                print(name, number, "ours", shown(ours), "theirs", shown(theirs), flush=True)
            middle = [
                {key: statistics.median(pair[side][key] for pair in pairs) for key in pairs[0][side]} for side in (0, 1)
            ]
            ratio = statistics.median(ours["wall"] / theirs["wall"] for ours, theirs in pairs)
            print(
                f"{name}: ours {shown(middle[0])} | theirs {shown(middle[1])} | ratio {ratio:.2f} (bar {bar})",
                flush=True,
            )
    return 0


def shown(case: dict[str, float]) -> str:
    return " ".join(f"{key} {value:.2f}" for key, value in case.items())


if __name__ == "__main__":
    raise SystemExit(main())
