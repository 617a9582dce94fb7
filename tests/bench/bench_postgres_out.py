"""PostgreSQL to Parquet, a whole table, against DuckDB's postgres reader and ConnectorX, in the clear and over TLS.

All write snappy.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from harness import COLUMNS, Line, Ours, Ran, data, ended_sessions, in_turns, main, peer, wanted
from services.certificates import Authority
from services.postgres import Server, binaries, server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORK = "PostgreSQL → Parquet"
OVER_TLS = f"{WORK} over TLS"
DUCKDB = """
import pathlib, sys, duckdb
url, out = sys.argv[1:]
connection = duckdb.connect()
packaged = pathlib.Path(duckdb.__file__).parents[1].glob("duckdb_extension_postgres_scanner/**/*.duckdb_extension")
connection.execute(f"LOAD '{next(map(str, packaged), 'postgres')}'")
connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
connection.execute(f"COPY (SELECT * FROM pg.public.lineitem) TO '{out}' (FORMAT parquet, CODEC snappy)")
"""
SPEC = {
    "source": {"postgres": {"connection": "db", "tables": ["lineitem"]}},
    "target": {"parquet": {"path": "lake", "compression": "snappy"}},
    "datasets": {"lineitem": {"strategy": "fused"}},
}
CONNECTORX = """
import sys, connectorx, pyarrow.parquet
url, out = sys.argv[1:]
table = connectorx.read_sql(url, "SELECT * FROM lineitem", return_type="arrow")
pyarrow.parquet.write_table(table, out, compression="snappy")
"""


def filled(pg: Server) -> str:
    """A database with the whole table."""
    database = pg.database()
    pg.execute(f"CREATE TABLE lineitem ({COLUMNS})", database=database)
    copy = f"\\copy lineitem from '{data('lineitem.csv')}' with (format csv, header)"
    command = [pg.programs / "psql", "-X", "-q", "-d", pg.url(database), "-c", copy]
    subprocess.run([str(part) for part in command], check=True)
    pg.execute("VACUUM ANALYZE lineitem", database=database)
    return database


def lines(runs: int, folder: Path) -> Iterator[Line]:
    """Ours against each of the two, and over TLS against ours in the clear too."""
    programs = binaries()
    if programs is None:
        raise SystemExit("there are no PostgreSQL server programs here: sh tests/services/install.sh")
    if not wanted(WORK):
        return
    with server(programs, Authority.new(folder / "authority")) as pg:
        url = pg.url(filled(pg))
        clear, encrypted = f"{url}?sslmode=disable", f"{url}?sslmode=require"
        seconds = ended_sessions(pg.query("SHOW data_directory")[0][0])
        out = folder / "peer.parquet"

        def ours(name: str, url: str) -> Callable[[], Ran]:
            planned = Ours(folder / name, SPEC, {"db": url})

            def fused() -> Ran:
                shutil.rmtree(planned.home / "lake", ignore_errors=True)
                return planned.run(server=seconds)

            return fused

        seen = in_turns(
            runs,
            {
                "windvane": ours("clear", clear),
                "duckdb": lambda: peer(DUCKDB, clear, out, server=seconds),
                "windvane over TLS": ours("encrypted", encrypted),
                "duckdb over TLS": lambda: peer(DUCKDB, encrypted, out, server=seconds),
                "connectorx": lambda: peer(CONNECTORX, clear, out, server=seconds),
            },
        )
        for name, bar in (("duckdb", 0.85), ("connectorx", 0.33)):
            yield Line(WORK, name, seen["windvane"], seen[name], bar, memory=250)
        for name, bar in (("duckdb over TLS", 0.85), ("windvane", 1.15)):
            yield Line(OVER_TLS, name, seen["windvane over TLS"], seen[name], bar, memory=250)


if __name__ == "__main__":
    raise SystemExit(main(lines, __doc__))
