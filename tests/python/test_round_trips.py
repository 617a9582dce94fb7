"""Every type of a database through Parquet and back into a table like the first: equal values, as the server sees them.

The documented exceptions are in ``crates/sql/src/*/wire.rs`` and ``value.rs``: what our types cannot hold is in quarantine.
MySQL's types have their own round trip in test_connectors_mysql.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pipelines import move, outside, write_spec

PREPARE = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
"""
# Type to literals; a null is added to each.
TYPES: dict[str, list[str]] = {
    "smallint": ["-32768", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "real": ["1.5", "-3.4e38", "0"],
    "double precision": ["1.7976931348623157e308", "0.1", "-0.0"],
    "numeric(15,2)": ["1234567890123.45", "-0.01", "0"],
    "numeric(38,10)": ["1234567890123456789012345678.0123456789"],
    "numeric": ["'123456789.000100'", "-7"],
    "boolean": ["true", "false"],
    "text": ["''", "'ünïcödé \U0001f600'", "E'line\\nbreak'", "'NULL'"],
    "varchar(20)": ["'short'"],
    "char(5)": ["'ab'"],
    "bytea": [r"'\x00ff10'", r"'\x'"],
    "date": ["'0001-01-01'", "'9999-12-31'", "'2024-02-29'"],
    "time": ["'00:00:00'", "'23:59:59.999999'"],
    "timetz": ["'12:00:00+02'"],
    "timestamp": ["'2024-02-29 12:34:56.789012'", "'0001-01-01 00:00:00'"],
    "timestamptz": ["'2024-02-29 12:34:56.789012+05'", "'1969-12-31 23:59:59Z'"],
    "interval": ["'1 year 2 mons 3 days 04:05:06.789'", "'-1 day'"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    "json": ["""'{"a": [1, 2.50, null]}'"""],
    "jsonb": ["""'{"b": {"c": 12345678901234567890.5}}'"""],
    "xml": ["'<a>1</a>'"],
    "inet": ["'192.168.0.1/24'", "'::1'"],
    "cidr": ["'10.0.0.0/8'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "bit(4)": ["B'1010'"],
    "bit varying": ["B'1'"],
    "money": ["'$1,234.56'"],
    "point": ["'(1,2)'"],
    "tsvector": ["'a:1 b:2'"],
    "int4range": ["'[1,10)'", "'empty'"],
    "tstzrange": ["'[2024-01-01 00:00:00+00,)'"],
    "integer[]": ["'{1,2,NULL}'", "'{}'"],
    "text[]": ["""'{"a,b","c\\"d",NULL}'"""],
    "mood": ["'happy'"],
    "positive": ["7"],
    "pair": ["ROW(1, 'x y')"],
}


@pytest.mark.parametrize("kind", TYPES)
def test_postgres(kind: str, postgres: Any, tmp_path: Path) -> None:
    database = postgres.database()
    postgres.execute(PREPARE, database=database)
    for table in ("source", "target"):
        postgres.execute(f"CREATE TABLE {table} (id int, v {kind})", database=database)
    values = [*TYPES[kind], "NULL"]
    rows = ", ".join(f"({n}, ({value})::{kind})" for n, value in enumerate(values))
    postgres.execute(f"INSERT INTO source VALUES {rows}", database=database)
    world = outside(tmp_path, db=postgres.url(database))
    out = write_spec(
        tmp_path,
        "out",
        source={"postgres": {"connection": "db", "tables": ["source"]}},
        target={"parquet": {"path": "lake"}},
    )
    back = write_spec(
        tmp_path,
        "back",
        source={"parquet": {"path": "lake/source/*.parquet", "as_dataset": "target"}},
        target={"postgres": {"connection": "db", "mode": "append"}},
    )
    for spec in (out, back):
        record = move(spec, **world)["reconciliation"]
        assert (record["loaded"], record["quarantined"]) == (len(values), 0)
    # One scale for all numbers of a column: what has none of its own comes back with zeros behind the point.
    shown = "trim_scale(v)::text" if kind == "numeric" else "v::text"
    sql = "SELECT id, " + shown + " FROM {} ORDER BY id"
    before = postgres.query(sql.format("source"), database=database)
    assert postgres.query(sql.format("target"), database=database) == before


def test_sqlite(tmp_path: Path) -> None:
    declared = {
        "i": "INTEGER", "r": "REAL", "t": "TEXT", "b": "BLOB", "d": "DATE", "ts": "TIMESTAMP", "n": "DECIMAL(12,2)",
        "flag": "BOOLEAN",
    }  # fmt: skip
    columns = ", ".join(f"{name} {kind}" for name, kind in declared.items())
    rows = [
        (1, 0.1, "x", b"\x00\xff", "2024-02-29", "2024-02-29 12:34:56", "10.25", 1),
        (-(2**63), -1e300, "", b"", "0001-01-01", "1969-12-31 23:59:59", "-0.01", 0),
        (None, None, None, None, None, None, None, None),
    ]
    with sqlite3.connect(tmp_path / "source.db") as file:
        file.execute(f"CREATE TABLE items ({columns})")
        file.executemany(f"INSERT INTO items VALUES ({', '.join('?' * len(declared))})", rows)
    file.close()
    with sqlite3.connect(tmp_path / "target.db") as file:
        file.execute(f"CREATE TABLE items ({columns})")
    file.close()
    out = write_spec(tmp_path, "out", source={"sqlite": {"path": "source.db"}}, target={"parquet": {"path": "lake"}})
    back = write_spec(
        tmp_path,
        "back",
        source={"parquet": {"path": "lake/items/*.parquet", "as_dataset": "items"}},
        target={"sqlite": {"path": "target.db", "mode": "append"}},
    )
    for spec in (out, back):
        record = move(spec, **outside(tmp_path))["reconciliation"]
        assert (record["loaded"], record["quarantined"]) == (len(rows), 0)
    found = []
    for name in ("source.db", "target.db"):
        with sqlite3.connect(tmp_path / name) as file:
            # A moment is written with a T, as ISO 8601 has it; both read the same.
            sql = "SELECT i, r, t, b, d, replace(ts, 'T', ' '), n, flag FROM items ORDER BY i"
            found.append(file.execute(sql).fetchall())
        file.close()
    assert found[0] == found[1]
