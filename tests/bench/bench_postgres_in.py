"""Loading into PostgreSQL against the server's own tools, each load into a table just made.

``append``   Parquet to a new table, against ``psql \\copy`` of a ready binary file.
``merge``    a changed tenth (nine parts updated, one new) into the whole table, against COPY into an unlogged staging
             table and ``INSERT ... ON CONFLICT DO UPDATE`` by hand.
``replace``  a table by itself, against COPY into a staging table whose rows are then inserted, by hand.
``fused``    table to table, against ``psql COPY TO`` piped into ``psql COPY FROM``, binary.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import COLUMNS, KEY, Line, Ours, Ran, data, ended_sessions, in_turns, main, measured, peers, wanted
from services.postgres import Server, binaries, server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = [part.split()[0] for part in COLUMNS.split(", ")]
CHANGED = """
import sys, pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
plain = [pa.string() if field.type == pa.string_view() else field.type for field in table.schema]
table = table.cast(pa.schema(list(zip(table.schema.names, plain))))
tenth = table.take(pa.array(range(0, table.num_rows, 10), pa.int64()))
new = pa.array([number % 10 == 9 for number in range(tenth.num_rows)])
keys = pc.if_else(new, pc.add(tenth["l_orderkey"], 1_000_000_000), tenth["l_orderkey"])
tenth = tenth.set_column(0, tenth.schema.field(0), keys.cast(tenth.schema.field(0).type))
comment = tenth.schema.get_field_index("l_comment")
said = pc.binary_join_element_wise(tenth["l_comment"], "changed", " ")
pq.write_table(tenth.set_column(comment, "l_comment", said), sys.argv[2])
"""


class Bench:
    """A server with the table, the same rows as a binary file, and what changes in them."""

    def __init__(self, pg: Server, folder: Path) -> None:
        self.pg, self.folder, self.counter = pg, folder, 0
        self.seconds = ended_sessions(pg.query("SHOW data_directory")[0][0])
        self.target = "loaded"
        self.ready, self.changed = folder / "lineitem.bin", folder / "changed.bin"
        pg.execute("CREATE DATABASE empty")
        pg.execute(f"CREATE TABLE lineitem ({COLUMNS})", database="empty")
        pg.execute("CREATE DATABASE whole TEMPLATE empty")
        self.psql("whole", f"\\copy lineitem FROM '{data('lineitem.csv')}' (FORMAT csv, HEADER)")
        self.psql("whole", f"\\copy lineitem TO '{self.ready}' (FORMAT binary)")

    def psql(self, database: str, script: str) -> Ran:
        command = [self.pg.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.pg.url(database)]
        return measured(command, server=self.seconds, given=script + "\n")

    def fresh(self, template: str) -> None:
        """The target as every load finds it, its files written out."""
        self.pg.execute(f"DROP DATABASE IF EXISTS {self.target}")
        self.pg.execute(f"CREATE DATABASE {self.target} TEMPLATE {template} STRATEGY file_copy")
        self.pg.execute("CHECKPOINT")

    def by_hand(self, template: str, script: str) -> Callable[[], Ran]:
        def work() -> Ran:
            self.fresh(template)
            return self.psql(self.target, script)

        return work

    def ours(
        self, template: str, source: dict[str, Any], *, verify: str = "auto", **settings: Any
    ) -> Callable[[], Ran]:
        self.counter += 1
        self.fresh(template)
        spec = {
            "source": source,
            "target": {"postgres": {"connection": "to"}},
            "verify": verify,
            "datasets": {"lineitem": {"strategy": "fused", **settings}},
        }
        connections = {"to": self.pg.url(self.target)}
        if "postgres" in source:
            connections["from"] = self.pg.url("whole")
        planned = Ours(self.folder / f"ours{self.counter}", spec, connections)

        def work() -> Ran:
            self.fresh(template)
            return planned.run(server=self.seconds)

        return work

    def files(self, path: Path) -> dict[str, Any]:
        """A source whose one file is named as the table."""
        home = self.folder / f"files-{path.stem}"
        home.mkdir(exist_ok=True)
        link = home / "lineitem.parquet"
        if not link.exists():
            link.symlink_to(path.resolve())
        return {"parquet": {"path": str(link)}}


# Ours by name, and theirs.
Work = tuple[dict[str, "Callable[[], Ran]"], "Callable[[], Ran]"]


def append(bench: Bench) -> Work:
    ours = bench.ours("empty", bench.files(data("lineitem.parquet")), mode="append")
    return {"windvane": ours}, bench.by_hand("empty", f"\\copy lineitem FROM '{bench.ready}' (FORMAT binary)")


def replace(bench: Bench) -> Work:
    script = f"""BEGIN;
CREATE TEMP TABLE staging ({COLUMNS}) ON COMMIT DROP;
\\copy staging FROM '{bench.ready}' (FORMAT binary)
LOCK TABLE lineitem IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM lineitem;
INSERT INTO lineitem SELECT * FROM staging;
COMMIT;"""
    ours = bench.ours("whole", bench.files(data("lineitem.parquet")), mode="replace", adopt=True)
    return {"windvane": ours}, bench.by_hand("whole", script)


def merge(bench: Bench) -> Work:
    pg, delta = bench.pg, bench.folder / "changed.parquet"
    subprocess.run([peers(), "-c", CHANGED, str(data("lineitem.parquet")), str(delta)], check=True)
    pg.execute("CREATE DATABASE keyed TEMPLATE whole STRATEGY file_copy")
    pg.execute(f"ALTER TABLE lineitem ADD PRIMARY KEY ({', '.join(KEY)})", database="keyed")
    pg.execute("VACUUM ANALYZE lineitem", database="keyed")
    bench.ours("empty", bench.files(delta), mode="append")()
    bench.psql(bench.target, f"\\copy lineitem TO '{bench.changed}' (FORMAT binary)")
    update = ", ".join(f"{name} = excluded.{name}" for name in NAMES if name not in KEY)
    script = f"""BEGIN;
CREATE UNLOGGED TABLE staging ({COLUMNS});
\\copy staging FROM '{bench.changed}' (FORMAT binary)
INSERT INTO lineitem SELECT * FROM staging ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET {update};
DROP TABLE staging;
COMMIT;"""
    settings = {"mode": "merge", "key": KEY}
    ours = {"windvane": bench.ours("keyed", bench.files(delta), **settings)}
    # What the hand-written merge does: it counts, and reads nothing back.
    ours["windvane, verify: rows"] = bench.ours("keyed", bench.files(delta), verify="rows", **settings)
    return ours, bench.by_hand("keyed", script)


def fused(bench: Bench) -> Work:
    source = {"postgres": {"connection": "from", "tables": ["lineitem"]}}
    psql = f"'{bench.pg.programs / 'psql'}' -X -q -v ON_ERROR_STOP=1"
    out = f"{psql} -d {bench.pg.url('whole')} -c 'COPY lineitem TO STDOUT (FORMAT binary)'"
    into = f"{psql} -d {bench.pg.url(bench.target)} -c 'COPY lineitem FROM STDIN (FORMAT binary)'"

    def piped() -> Ran:
        bench.fresh("empty")
        return measured(["bash", "-o", "pipefail", "-c", f"{out} | {into}"], server=bench.seconds)

    return {"windvane": bench.ours("empty", source, mode="append")}, piped


WORKS = {
    "Parquet → PostgreSQL, append": (append, "psql COPY of a ready binary file", 1.15),
    "Merge of a changed tenth": (merge, "COPY + INSERT … ON CONFLICT by hand", 1.3),
    "Replace": (replace, "COPY + DELETE + INSERT by hand", 1.0),
    "PostgreSQL → PostgreSQL, fused": (fused, "psql COPY TO piped into COPY FROM", 1.2),
}


def lines(runs: int, folder: Path) -> Iterator[Line]:
    """Every work on one server."""
    programs = binaries()
    if programs is None:
        raise SystemExit("there are no PostgreSQL server programs here: sh tests/services/install.sh")
    chosen = {name: work for name, work in WORKS.items() if wanted(name)}
    if not chosen:
        return
    with server(programs) as pg:
        bench = Bench(pg, folder)
        for name, (work, by, bar) in chosen.items():
            ours, theirs = work(bench)
            seen = in_turns(runs, {**ours, by: theirs})
            for mine in ours:
                yield Line(name + mine.removeprefix("windvane"), by, seen[mine], seen[by], bar)


if __name__ == "__main__":
    raise SystemExit(main(lines, __doc__))
