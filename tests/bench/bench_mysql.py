"""MariaDB to Parquet, a whole table, against ConnectorX. Both write snappy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Line, Ours, data, in_turns, main, of_process, peer, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.mariadb import Server

WORK = "MariaDB → Parquet"
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
CONNECTORX = """
import sys, connectorx, pyarrow.parquet
url, out = sys.argv[1:]
table = connectorx.read_sql(url, "SELECT * FROM lineitem", return_type="arrow")
pyarrow.parquet.write_table(table, out, compression="snappy")
"""


def filled(running: Server) -> None:
    import pymysql

    running.execute("CREATE DATABASE bench CHARACTER SET utf8mb4")
    running.execute(TABLE, database="bench")
    place = {"host": "127.0.0.1", "port": running.port, "user": "root", "database": "bench"}
    with pymysql.connect(**place, local_infile=True, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(FILL.format(data("lineitem.csv")))
        cursor.execute("ANALYZE TABLE lineitem")


def lines(runs: int, folder: Path) -> Iterator[Line]:
    """Ours against ConnectorX."""
    if not wanted(WORK):
        return
    from services.mariadb import binaries, server

    program = binaries()
    if program is None:
        raise SystemExit("MariaDB's server programs are missing: sh tests/services/install.sh")
    with server(program, innodb_buffer_pool_size="1500M", innodb_log_file_size="512M", local_infile=1) as running:
        filled(running)
        url = running.url("bench")
        ((pid_file,),) = running.query("SELECT @@pid_file")
        seconds = of_process(int(Path(pid_file).read_text()))
        spec = {
            "source": {"mysql": {"connection": "db", "tables": ["lineitem"]}},
            "target": {"parquet": {"path": "lake", "compression": "snappy"}},
            "datasets": {"lineitem": {"strategy": "fused"}},
        }
        ours = Ours(folder / "mysql", spec, {"db": url})

        def fused() -> object:
            shutil.rmtree(ours.home / "lake", ignore_errors=True)
            return ours.run(server=seconds)

        out = folder / "peer.parquet"
        theirs = {"connectorx": lambda: peer(CONNECTORX, url, out, server=seconds)}
        seen = in_turns(runs, {"windvane": fused, **theirs})
        yield Line(WORK, "connectorx", seen["windvane"], seen["connectorx"], 0.5)


if __name__ == "__main__":
    raise SystemExit(main(lines, __doc__))
