"""Columns by which rows are read, of every type: a value is compared as it is, none that cannot be read is passed over, and
a type that no rows can be chosen by is refused before the first load."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import outside, parquet_rows, write_spec
from windvane.errors import WindvaneError

SINGLES = [("sqlite", "0.1"), ("parquet", "2.2"), ("sqlite", "3.3e38"), ("sqlite", "1e-40"), ("sqlite", "-0.7")]


class Source:
    """A table `t` with a key and a column `u` of some type, read by `u`."""

    def __init__(self, kind: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self.kind, self.folder, self.url = kind, folder, ""
        if kind != "sqlite":
            self.server = request.getfixturevalue({"postgres": "postgres", "mysql": "mariadb"}[kind])
            self.database = self.server.database()
            self.url = self.server.url(self.database)

    def execute(self, sql: str) -> None:
        if self.kind != "sqlite":
            self.server.execute(sql, database=self.database)
            return
        file = sqlite3.connect(self.folder / "source.db")
        with file:
            file.execute(sql)
        file.close()

    def make(self, declared: str, *values: str) -> None:
        self.execute(f"CREATE TABLE t (id integer PRIMARY KEY, u {declared})")
        self.add(1, *values)

    def add(self, first: int, *values: str) -> None:
        rows = [f"({number}, {value})" for number, value in enumerate(values, first)]
        self.execute(f"INSERT INTO t VALUES {', '.join(rows)}")

    def spec(self, mode: str, target: str = "sqlite", **incremental: Any) -> Path:
        place = {"connection": "src"} if self.url else {"path": "source.db"}
        return write_spec(
            self.folder,
            "p",
            source={self.kind: {**place, "tables": ["t"]}},
            target={target: {"path": "out.db" if target == "sqlite" else "lake", "mode": mode}},
            datasets={
                "t": {"incremental": {"column": "u", **incremental}, **({} if mode == "append" else {"key": "id"})}
            },
        )

    def run(self, spec: Path, run: str, **more: Any) -> Any:
        world = outside(self.folder, **({"src": self.url} if self.url else {}))
        return wv.run(spec, run=run, rules_only=True, **world, **more)

    def ids(self, target: str = "sqlite") -> list[int]:
        if target == "parquet":
            return sorted(row["id"] for row in parquet_rows(self.folder / "lake" / "t"))
        file = sqlite3.connect(self.folder / "out.db")
        found = [row[0] for row in file.execute("SELECT id FROM t ORDER BY id")]
        file.close()
        return found


def put_aside(record: Any) -> list[str]:
    """What `u` was in the refused rows."""
    files = [path for output in record["outputs"] for path in output["quarantine"]]
    return sorted(json.loads(line)["record"]["u"] for path in files for line in Path(path).read_text().splitlines())


def sums(record: Any) -> tuple[int, int]:
    assert record["reconciliation"]["balanced"]
    return record["reconciliation"]["loaded"], record["reconciliation"]["quarantined"]


@pytest.mark.parametrize(("target", "value"), SINGLES)
@pytest.mark.parametrize(("kind", "declared"), [("postgres", "real"), ("mysql", "float")])
def test_a_single_float(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, declared: str, target: str, value: str
) -> None:
    """The shortest digits of a single float are not those of the double that a server takes it for."""
    source = Source(kind, tmp_path, request)
    source.make(declared, "-1.1", value)
    spec = source.spec("append", target)
    assert sums(source.run(spec, "r1")) == (2, 0)
    assert sums(source.run(spec, "r2")) == (0, 0)
    source.add(3, "3.35e38")
    assert sums(source.run(spec, "r3")) == (1, 0)
    assert sums(source.run(spec, "r4")) == (0, 0)
    assert source.ids(target) == [1, 2, 3]


@pytest.mark.parametrize(("kind", "declared"), [("postgres", "real"), ("mysql", "float"), ("mysql", "float(9,2)")])
def test_a_single_float_with_an_index_or_a_lag(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, declared: str
) -> None:
    source = Source(kind, tmp_path, request)
    source.make(declared, "1.1", "2.2", "3.3")
    source.execute("CREATE INDEX by_u ON t (u)")
    spec = source.spec("merge", lag=1)
    assert sums(source.run(spec, "r1")) == (3, 0)
    source.add(4, "3.3", "2.4", "2.1")
    # From 2.3 on.
    assert sums(source.run(spec, "r2")) == (3, 0)
    assert source.ids() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("kind", "declared", "wider", "value", "later"),
    [
        ("postgres", "real", "double precision", "2.2", "2.20000006"),
        ("mysql", "float", "double", "2.2", "2.20000006"),
        ("postgres", "integer", "bigint", "2", "3000000000"),
        ("postgres", "integer", "numeric(12,1)", "2", "2.5"),
        ("postgres", "numeric(4,2)", "numeric(12,4)", "2.2", "2.2001"),
        ("postgres", "date", "timestamp", "'2024-01-02'", "'2024-01-02 00:00:01'"),
    ],
)
def test_a_cursor_that_becomes_wider(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, declared: str, wider: str, value: str, later: str
) -> None:
    """What was the last value is the last value of the wider type."""
    source = Source(kind, tmp_path, request)
    source.make(declared, value)
    spec = source.spec("append")
    assert sums(source.run(spec, "r1")) == (1, 0)
    of = {"postgres": f"ALTER COLUMN u TYPE {wider}", "mysql": f"MODIFY u {wider}"}
    source.execute(f"ALTER TABLE t {of[kind]}")
    assert sums(source.run(spec, "r2")) == (0, 0)
    source.add(2, later)
    assert sums(source.run(spec, "r3")) == (1, 0)
    assert source.ids() == [1, 2]


@pytest.mark.parametrize("mode", ["merge", "append"])
def test_what_is_no_integer_among_integers(tmp_path: Path, request: pytest.FixtureRequest, mode: str) -> None:
    """SQLite takes anything in a column of integers; below, between and above the others, it goes to quarantine."""
    source = Source("sqlite", tmp_path, request)
    source.make("integer", "1", "2.5", "'x'", "3", "x'31'", "'y'", "-0.5")
    spec = source.spec(mode)
    again = 0 if mode == "append" else 1
    odd = ["-0.5", "2.5", "31", "x", "y"]
    first = source.run(spec, "r1")
    assert (sums(first), put_aside(first)) == ((2, 5), odd)
    source.add(8, "0.5", "'z'", "4")
    second = source.run(spec, "r2")
    assert (sums(second), put_aside(second)) == ((1 + again, 7), sorted([*odd, "0.5", "z"]))
    assert sums(source.run(spec, "r3")) == (again, 7)
    assert source.ids() == [1, 4, 10]


def test_rows_that_are_another_windows_are_refused_there(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A row above the window's end with a wrong value in another column: once, by the window that it lies in."""
    source = Source("sqlite", tmp_path, request)
    source.execute("CREATE TABLE t (id integer PRIMARY KEY, u integer, n integer)")
    source.execute("INSERT INTO t VALUES (1, 10, 1), (2, 20, 'wrong'), (3, 12, 'wrong'), (4, 22, 1)")
    spec = source.spec("append", lag=5)
    # The window ends at 17.
    assert sums(source.run(spec, "r1")) == (1, 1)
    source.execute("INSERT INTO t VALUES (5, 30, 1)")
    assert sums(source.run(spec, "r2")) == (1, 1)
    assert source.ids() == [1, 4]


@pytest.mark.parametrize("by", ["watermark", "interval"])
@pytest.mark.parametrize(
    ("kind", "declared", "odd"),
    [
        ("postgres", "date", ["'-infinity'", "'infinity'", "'0044-03-15 BC'"]),
        ("postgres", "timestamp", ["'-infinity'", "'infinity'", "'0044-03-15 BC'"]),
        ("postgres", "timestamptz", ["'-infinity'", "'infinity'", "'0044-03-15 BC'"]),
        ("mysql", "date NULL", ["'0000-00-00'"]),
        ("mysql", "datetime NULL", ["'0000-00-00'"]),
        ("mysql", "timestamp NULL", ["'0000-00-00'"]),
    ],
)
def test_a_moment_that_cannot_be_read(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, declared: str, odd: list[str], by: str
) -> None:
    """Also one that comes later and is smaller than all that was read."""
    source = Source(kind, tmp_path, request)
    source.make(declared, "'2024-01-01'", "'2024-01-02'")
    spec = source.spec("merge", **({} if by == "watermark" else {"by": "interval"}))
    days = {n: {"interval": (f"2024-01-0{n}T00:00:00Z", f"2024-01-0{n + 1}T00:00:00Z")} for n in (1, 3)}
    more: dict[int, dict[str, Any]] = days if by == "interval" else {1: {}, 3: {}}
    assert sums(source.run(spec, "r1", **more[1])) == (2 if by == "watermark" else 1, 0)
    source.add(3, *odd)
    source.add(8, "'2024-01-03'")
    assert sums(source.run(spec, "r2", **more[3])) == (2 if by == "watermark" else 1, len(odd))
    assert 8 in source.ids()


CHOOSES = {
    "postgres": [
        ("money", "1.00", "2.00", "2.01"),
        ("smallint", "1", "2", "3"),
        ("bigint", "1", "2", "3"),
        ("real", "1.1", "2.2", "3.3"),
        ("double precision", "0.1", "0.3", "0.30000000000000004"),
        ("numeric(10,2)", "1.10", "2.20", "2.21"),
        ("numeric", "1.1", "2.2", "2.21"),
        ("date", "2024-01-01", "2024-01-02", "2024-01-03"),
        ("timestamp", "2024-01-01", "2024-01-02", "2024-01-02 00:00:00.000001"),
        ("timestamptz", "2024-01-01", "2024-01-02", "2024-01-02 00:00:00.000001"),
    ],
    "mysql": [
        ("tinyint", "1", "2", "3"),
        ("bigint unsigned", "1", "18446744073709551614", "18446744073709551615"),
        ("float", "1.1", "2.2", "3.3"),
        ("double", "0.1", "0.3", "0.30000000000000004"),
        ("decimal(10,2)", "1.10", "2.20", "2.21"),
        ("year", "2023", "2024", "2025"),
        ("date", "2024-01-01", "2024-01-02", "2024-01-03"),
        ("datetime(6)", "2024-01-01", "2024-01-02", "2024-01-02 00:00:00.000001"),
        ("timestamp(6) NULL", "2024-01-01", "2024-01-02", "2024-01-02 00:00:00.000001"),
    ],
    "sqlite": [
        ("integer", "1", "2", "3"),
        ("real", "1.1", "2.2", "3.3"),
        ("numeric(10,2)", "1.10", "2.20", "2.21"),
        ("date", "2024-01-01", "2024-01-02", "2024-01-03"),
        ("timestamp", "2024-01-01 00:00:00", "2024-01-02 00:00:00", "2024-01-02 00:00:01"),
    ],
}


@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize(
    ("kind", "declared", "values"),
    [(kind, declared, values) for kind, types in CHOOSES.items() for declared, *values in types],
)
def test_types_that_rows_are_chosen_by(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, declared: str, values: list[str], mode: str
) -> None:
    source = Source(kind, tmp_path, request)
    low, high, later = (f"'{value}'" for value in values)
    source.make(declared, low, high)
    spec = source.spec(mode)
    again = 0 if mode == "append" else 1
    assert sums(source.run(spec, "r1")) == (2, 0)
    assert sums(source.run(spec, "r2")) == (again, 0)
    source.add(3, later)
    assert sums(source.run(spec, "r3")) == (1 + again, 0)
    assert sums(source.run(spec, "r4")) == (again, 0)
    assert source.ids() == [1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "declared", "value"),
    [
        ("postgres", "boolean", "'t'"),
        ("postgres", "time", "'10:00'"),
        ("postgres", "timetz", "'10:00+02'"),
        ("postgres", "uuid", "'00000000-0000-0000-0000-000000000001'"),
        ("postgres", "bytea", "'\\x01'"),
        ("postgres", "jsonb", "'1'"),
        ("postgres", "interval", "'1 day'"),
        ("postgres", "inet", "'10.0.0.1'"),
        ("postgres", "bit(3)", "B'101'"),
        ("postgres", "int4range", "'[1,2)'"),
        ("postgres", "int[]", "'{1}'"),
        ("postgres", "text", "'a'"),
        ("mysql", "tinyint(1)", "1"),
        ("mysql", "time", "'10:00'"),
        ("mysql", "varbinary(8)", "'a'"),
        ("mysql", "json", "'1'"),
        ("mysql", "enum('a','b')", "'a'"),
        ("mysql", "set('a','b')", "'a'"),
        ("mysql", "inet6", "'::1'"),
        ("mysql", "uuid", "'00000000-0000-0000-0000-000000000001'"),
        ("mysql", "point", "point(1,2)"),
        ("mysql", "varchar(9)", "'a'"),
        ("sqlite", "boolean", "1"),
        ("sqlite", "time", "'10:00:00'"),
        ("sqlite", "blob", "x'01'"),
        ("sqlite", "text", "'a'"),
    ],
)
def test_types_that_no_rows_are_chosen_by(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, declared: str, value: str
) -> None:
    """Before the first load, never after it."""
    source = Source(kind, tmp_path, request)
    source.make(declared, value)
    with pytest.raises(WindvaneError, match="a watermark is a number, a date or a time stamp") as error:
        source.run(source.spec("append"), "r1")
    assert error.value.hint
    assert not (tmp_path / "out.db").exists() or not source.ids()


@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize("name", ["float32", "float16", "uint64", "decimal128", "int96"])
def test_types_of_parquet(tmp_path: Path, name: str, mode: str) -> None:
    import datetime as dt
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds: dict[str, tuple[Any, list[Any]]] = {
        "float32": (pa.float32(), [1.1, 2.2, 3.3]),
        "float16": (pa.float16(), [1.1, 2.2, 3.3]),
        "uint64": (pa.uint64(), [1, 2**64 - 2, 2**64 - 1]),
        "decimal128": (pa.decimal128(38, 2), [decimal.Decimal(one) for one in ("1.10", "2.20", "2.21")]),
        "int96": (pa.timestamp("us"), [dt.datetime(2024, 1, day) for day in (1, 2, 3)]),  # noqa: DTZ001
    }
    kind, values = kinds[name]
    (tmp_path / "in").mkdir()

    def write(count: int) -> None:
        column = pa.array(values[:count], pa.float32() if name == "float16" else kind).cast(kind)
        rows = pa.table({"id": list(range(1, count + 1)), "u": column})
        pq.write_table(rows, tmp_path / "in" / "t.parquet", use_deprecated_int96_timestamps=name == "int96")

    spec = write_spec(
        tmp_path,
        "p",
        source={"parquet": {"path": "in"}},
        target={"sqlite": {"path": "out.db", "mode": mode}},
        datasets={"t": {"incremental": {"column": "u"}, **({} if mode == "append" else {"key": "id"})}},
    )
    again = 0 if mode == "append" else 1
    for run, (count, new) in enumerate([(2, 2), (2, again), (3, 1 + again), (3, again)]):
        write(count)
        assert sums(wv.run(spec, run=f"r{run}", rules_only=True, **outside(tmp_path))) == (new, 0)
