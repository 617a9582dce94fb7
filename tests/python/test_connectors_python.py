"""Python objects and hooks as sources, a callable as target: user code may be anything."""

from __future__ import annotations

import sqlite3
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from conformance import call, column
from pipelines import move, outside, parquet_rows, write_spec
from sql_homes import refused
from windvane.errors import DataError, SpecError, WindvaneError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THINGS = """
import decimal, datetime
import pyarrow as pa
import polars as pl

asked = []
table = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": ["a", None, "c"],
                  "amount": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("3.30")], pa.decimal128(10, 2))})
frame = pl.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"], "day": [datetime.date(2026, 1, day) for day in (1, 2, 3)]})
reader = table.to_reader()
number = 7

class Holder:
    inside = table

def plain():
    return table

def choosing(columns=None, limit=None, within=None):
    asked.append((columns, limit, within))
    return table.select([name for name in columns or table.column_names if name in table.column_names])

def many():
    def batches():
        for start in range(0, 100_000, 10_000):
            yield pa.record_batch({"id": pa.array(range(start, start + 10_000), pa.int64())})
    return pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches())

def breaking():
    def batches():
        yield pa.record_batch({"id": pa.array(range(1000), pa.int64())})
        raise RuntimeError("the tape tore")
    return pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches())

def raising():
    raise LookupError("nobody home")

def wrong():
    return [1, 2, 3]

taken = {}
calls = []

def take(rows, *, load_id, mode, dataset):
    calls.append((load_id, mode, dataset))
    batches = pa.RecordBatchReader.from_stream(rows).read_all()
    if load_id in taken:
        return batches.num_rows
    taken[load_id] = batches.to_pylist()
    return batches.num_rows

def take_polars(rows):
    taken["polars"] = pl.DataFrame(rows).to_dicts()

def take_some(rows):
    next(iter(pa.RecordBatchReader.from_stream(rows)))

def take_wrongly(rows):
    return pa.RecordBatchReader.from_stream(rows).read_all().num_rows - 1

def take_badly(rows, **words):
    raise OSError("disk of " + words["dataset"])
"""


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "things.py").write_text(THINGS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("things")
    sys.modules.pop("things", None)


def source(name: str, **more: Any) -> dict[str, Any]:
    return {"source": {"python": {"object": f"things:{name}"}}, "dataset": name.rsplit(".", maxsplit=1)[-1], **more}


@pytest.mark.parametrize("name", ["table", "plain", "choosing", "Holder.inside"])
def test_an_object_or_a_callable_gives_its_rows(things: Any, name: str) -> None:
    answer = call("read_rows", source(name))
    assert answer["rows"] == [
        {"id": 1, "name": "a", "amount": "1.10"},
        {"id": 2, "name": None, "amount": None},
        {"id": 3, "name": "c", "amount": "3.30"},
    ]
    assert answer["numbers"] == [1, 2, 3]


def test_a_frame_of_another_library(things: Any) -> None:
    answer = call("read_rows", source("frame"))
    assert answer["rows"][1] == {"id": 2, "name": None, "day": "2026-01-02"}


def test_wanted_columns_reach_a_callable_that_takes_them(things: Any) -> None:
    answer = call("read_rows", source("choosing", schema=[column("name", "text"), column("later", "int64")], limit=2))
    assert answer["rows"] == [{"name": "a", "later": None}, {"name": None, "later": None}]
    assert things.asked[-1] == (["name", "later"], 2, [])


def test_a_range_leaves_rows_out(things: Any) -> None:
    bound = {"column": "id", "data_type": "int64", "from": {"value": "2", "inclusive": True}, "nulls": False}
    answer = call("read_rows", source("choosing", schema=[column("name", "text")], within=[bound]))
    assert (answer["rows"], answer["numbers"]) == ([{"name": None}, {"name": "c"}], [2, 3])
    assert things.asked[-1][2][0]["column"] == "id"


def test_a_generator_streams(things: Any) -> None:
    answer = call("read_rows", source("many"))
    assert [row["id"] for row in answer["rows"]] == list(range(100_000))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "has no 'nothing'"),
        ("number", "no __arrow_c_stream__"),
        ("wrong", "gives a list"),
        ("reader", "only once"),
    ],
)
def test_wrong_objects_are_named(things: Any, name: str, words: str) -> None:
    error = refused("spec", "read_rows", source(name))
    assert words in str(error)
    assert f"things:{name}" in str(error)


def test_a_module_that_is_not_there_is_named(things: Any) -> None:
    error = refused("spec", "datasets", {"source": {"python": {"object": "thingz.inner:table"}}})
    assert "thingz" in str(error)


def test_what_user_code_raises_is_told_with_its_words(things: Any) -> None:
    error = refused("data", "datasets", {"source": {"python": {"object": "things:raising"}}})
    assert "LookupError: nobody home" in str(error)
    assert "things:raising" in str(error)


def test_reading_a_spec_runs_nothing(tmp_path: Path) -> None:
    import windvane as wv

    place = {"python": {"object": "this_would_explode:now"}}
    spec = write_spec(tmp_path, "p", source=place, target={"parquet": {"path": "out"}})
    assert wv.check(spec)["ok"]


def test_an_object_that_breaks_off_loads_nothing(things: Any, tmp_path: Path) -> None:
    place = {"python": {"object": "things:breaking"}}
    spec = write_spec(tmp_path, "p", source=place, target={"parquet": {"path": "lake"}})
    with pytest.raises(DataError, match="the tape tore"):
        move(spec, **outside(tmp_path))
    assert not list(tmp_path.glob("lake/*/*.parquet"))


def test_from_an_object_to_a_callable_and_again(things: Any, tmp_path: Path) -> None:
    place = {"python": {"object": "things:table", "as_dataset": "orders"}}
    spec = write_spec(tmp_path, "p", source=place, target={"python": {"object": "things:take", "mode": "append"}})
    first = move(spec, **outside(tmp_path))
    assert [(one["dataset"], one["loaded"]) for one in first["outputs"]] == [("orders", 3)]
    assert [row["amount"] for rows in things.taken.values() for row in rows] == [Decimal("1.10"), None, Decimal("3.30")]
    # The same run is the same load id: what has seen it takes nothing twice.
    move(spec, **outside(tmp_path))
    assert len(things.calls) == 2
    assert len({load_id for load_id, _, _ in things.calls}) == 1
    assert {(mode, dataset) for _, mode, dataset in things.calls} == {("append", "orders")}
    move(spec, run="r2", **outside(tmp_path))
    assert len(things.taken) == 2


ROWS = [{"id": number, "name": f"n{number}"} for number in range(5)]


def giving(name: str, **more: Any) -> dict[str, Any]:
    fields = [column("id", "int64"), column("name", "text")]
    target = {"python": {"object": f"things:{name}"}}
    return {"target": target, "dataset": "items", "schema": fields, "rows": ROWS, "load_id": "l1", **more}


@pytest.mark.parametrize("flowing", [True, False])
def test_a_callable_takes_rows(things: Any, flowing: bool) -> None:
    loaded = call("load_rows", giving("take", flowing=flowing))
    assert (loaded["rows"], loaded["already"]) == (5, False)
    assert things.taken == {"l1": ROWS}
    assert call("load_rows", giving("take_polars"))["rows"] == 5
    assert things.taken["polars"] == ROWS


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("take_wrongly", "data", "took 4 rows and was given 5"),
        ("take_badly", "data", "OSError: disk of items"),
        ("number", "spec", "cannot be called"),
    ],
)
def test_a_callable_that_fails_is_told(things: Any, name: str, kind: str, words: str) -> None:
    assert words in str(refused(kind, "load_rows", giving(name)))


def test_a_callable_must_read_to_the_end(things: Any) -> None:
    rows = [{"id": number, "name": "x"} for number in range(50_000)]
    error = refused("data", "load_rows", giving("take_some", rows=rows))
    assert "there are more" in str(error)


HOOK = """
import sqlite3
from airflow.providers.common.sql.hooks.sql import DbApiHook

class LocalHook(DbApiHook):
    conn_name_attr = "local_conn_id"
    default_conn_name = "local"
    _placeholder = "?"
    statements = []

    def get_conn(self):
        connection = sqlite3.connect(self.get_connection(getattr(self, self.conn_name_attr)).host)
        connection.set_trace_callback(self.statements.append)
        return connection
"""


@pytest.fixture
def hook(things: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An Airflow connection whose hook is our own: what any provider's would be."""
    from airflow.sdk import BaseHook

    (tmp_path / "local_hook.py").write_text(HOOK)
    with sqlite3.connect(tmp_path / "local.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER, name TEXT, price REAL, raw BLOB)")
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            [
                (number, f"n{number}" if number % 3 else None, number / 4, bytes([number % 256]))
                for number in range(1, 10_001)
            ],
        )
    database.close()
    monkeypatch.setenv("AIRFLOW_CONN_LOCAL", f'{{"conn_type": "generic", "host": "{tmp_path}/local.db"}}')
    module = __import__("local_hook")
    monkeypatch.setattr(BaseHook, "get_hook", classmethod(lambda _, name, **__: module.LocalHook(local_conn_id=name)))
    module.LocalHook.statements.clear()
    yield module.LocalHook
    sys.modules.pop("local_hook", None)


HOOKED = {
    "hook": {
        "connection": "local",
        "tables": ["orders"],
        "queries": {"few": "SELECT id, price FROM orders WHERE id < 4"},
    }
}


def test_a_hook_gives_tables_and_queries(hook: Any) -> None:
    found = {one["name"]: one for one in call("datasets", {"source": HOOKED})["datasets"]}
    assert {name: [(one["name"], one["type"]) for one in item["fields"]] for name, item in found.items()} == {
        "few": [("id", "int64"), ("price", "float64")],
        "orders": [("id", "int64"), ("name", "text"), ("price", "float64"), ("raw", "binary")],
    }
    answer = call("read_rows", {"source": HOOKED, "dataset": "orders"})
    assert len(answer["rows"]) == 10_000
    assert answer["rows"][2] == {"id": 3, "name": None, "price": 0.75, "raw": "\\x03"}
    few = call("read_rows", {"source": HOOKED, "dataset": "few"})
    assert [row["id"] for row in few["rows"]] == [1, 2, 3]


def test_a_range_is_the_databases_work(hook: Any) -> None:
    bound = {"column": "id", "data_type": "int64", "from": {"value": "9998", "inclusive": False}, "nulls": False}
    answer = call("read_rows", {"source": HOOKED, "dataset": "orders", "within": [bound]})
    assert [row["id"] for row in answer["rows"]] == [9999, 10000]
    assert any("WHERE id > 9998" in statement for statement in hook.statements)


def test_a_whole_run_from_a_hook(hook: Any, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, "p", source=HOOKED, target={"parquet": {"path": "lake"}})
    record = move(spec, **outside(tmp_path))
    assert {one["dataset"]: one["loaded"] for one in record["outputs"]} == {"few": 3, "orders": 10_000}
    assert sum(row["id"] for row in parquet_rows(tmp_path / "lake" / "orders")) == 50_005_000
    again = move(spec, **outside(tmp_path))
    assert not any(one["already"] for one in again["outputs"])
    assert sum(row["id"] for row in parquet_rows(tmp_path / "lake" / "orders")) == 50_005_000


def test_a_hook_that_is_no_database_is_named(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import BaseHook

    monkeypatch.setattr(BaseHook, "get_hook", classmethod(lambda *_, **__: object()))
    assert "no DbApiHook" in str(refused("spec", "datasets", {"source": HOOKED}))
    with pytest.raises(WindvaneError):
        call("datasets", {"source": {"hook": {"connection": "local"}}})


def test_the_helpers_keep_every_digit() -> None:
    from windvane import callbacks

    assert callbacks._text(Decimal("1E+3")) == "1000"
    assert callbacks._text(Decimal("0.10000000000000000001")) == "0.10000000000000000001"
    assert callbacks._type_of([Decimal("1.5"), 2, None, Decimal("0.125")]) == "decimal(38,3)"
    assert callbacks._type_of([1, 2.5]) == "float64"
    assert callbacks._type_of([1, "x"]) == "text"
    with pytest.raises(SpecError):
        callbacks.load("nocolon")
    assert pa.__name__ == callbacks.load("pyarrow:lib").__package__
