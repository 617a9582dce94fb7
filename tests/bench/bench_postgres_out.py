"""PostgreSQL to Parquet, a whole table, against DuckDB's postgres reader and ConnectorX. All write snappy."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from harness import COLUMNS, Line, Ours, data, ended_sessions, in_turns, main, peer, wanted
from services.postgres import Server, binaries, server

if TYPE_CHECKING:
    from collections.abc import Iterator

WORK = "PostgreSQL → Parquet"
DUCKDB = """
import pathlib, sys, duckdb
url, out = sys.argv[1:]
connection = duckdb.connect()
packaged = pathlib.Path(duckdb.__file__).parents[1].glob("duckdb_extension_postgres_scanner/**/*.duckdb_extension")
connection.execute(f"LOAD '{next(map(str, packaged), 'postgres')}'")
connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
connection.execute(f"COPY (SELECT * FROM pg.public.lineitem) TO '{out}' (FORMAT parquet, CODEC snappy)")
"""
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
    """Ours against each of the two."""
    programs = binaries()
    if programs is None:
        raise SystemExit("there are no PostgreSQL server programs here: sh tests/services/install.sh")
    if not wanted(WORK):
        return
    with server(programs) as pg:
        url = pg.url(filled(pg))
        seconds = ended_sessions(pg.query("SHOW data_directory")[0][0])
        spec = {
            "source": {"postgres": {"connection": "db", "tables": ["lineitem"]}},
            "target": {"parquet": {"path": "lake", "compression": "snappy"}},
            "datasets": {"lineitem": {"strategy": "fused"}},
        }
        ours = Ours(folder / "out", spec, {"db": url})

        def fused() -> object:
            shutil.rmtree(ours.home / "lake", ignore_errors=True)
            return ours.run(server=seconds)

        out = folder / "peer.parquet"
        seen = in_turns(
            runs,
            {
                "windvane": fused,
                "duckdb": lambda: peer(DUCKDB, url, out, server=seconds),
                "connectorx": lambda: peer(CONNECTORX, url, out, server=seconds),
            },
        )
        for name, bar in (("duckdb", 0.75), ("connectorx", 0.33)):
            yield Line(WORK, name, seen["windvane"], seen[name], bar, memory=250)


if __name__ == "__main__":
    raise SystemExit(main(lines, __doc__))
