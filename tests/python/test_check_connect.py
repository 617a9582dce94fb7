"""`windvane check --connect`: unknown datasets and columns, and types that do not fit, all at once, at their places."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from windvane.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = """\
target:
  parquet: {path: lake}
steps:
  - filter: "amout > 1 and custmer = 'x'"
  - derive: {total: "amount * 2", wrong: "upper(amount)", worse: "note - 1"}
  - cast: {amount: "decimal(10,2)", placed: boolean}
  - drop: [note]
  - filter: "note = 'a'"
  - sort: {by: [nothing]}
checks:
  - not_null: [order_id, custmer]
  - range: {column: amount, min: 0}
"""

FOUND = [
    (7, "steps[0].filter", "column 'amout' is not among those that orders has"),
    (7, "steps[0].filter", "column 'custmer' is not among those that orders has"),
    (8, "steps[1].derive.wrong", ""),
    (8, "steps[1].derive.worse", ""),
    (9, "steps[2].cast.placed", ""),
    (11, "steps[4].filter", "column 'note' is not there any more: `drop` (step 4) drops it"),
    (12, "steps[5].sort.by", "column 'nothing' is not among those that orders has"),
    (14, "checks[0].not_null", "column 'custmer' is not among those that orders has"),
]


def sqlite(folder: Path) -> tuple[str, dict[str, str]]:
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute("create table orders (order_id integer primary key, amount real, note text, placed date)")
        database.execute("insert into orders values (1, 2.5, 'a', '2024-01-01')")
    database.close()
    return "sqlite: {path: shop.db}", {}


def csv(folder: Path) -> tuple[str, dict[str, str]]:
    (folder / "orders.csv").write_text("order_id,amount,note,placed\n1,2.5,a,2024-01-01\n2,3.5,b,2024-01-02\n")
    return "csv: {path: orders.csv}", {}


def parquet(folder: Path) -> tuple[str, dict[str, str]]:
    import datetime as dt

    import pyarrow as pa
    import pyarrow.parquet as pq

    day = dt.date(2024, 1, 1)
    table = pa.table({"order_id": [1], "amount": [2.5], "note": ["a"], "placed": [day]})
    pq.write_table(table, folder / "orders.parquet")
    return "parquet: {path: orders.parquet}", {}


@pytest.fixture(params=["csv", "parquet", "sqlite", "postgres", "mysql"])
def source(request: pytest.FixtureRequest) -> Callable[[Path], tuple[str, dict[str, str]]]:
    table = "create table orders (order_id int primary key, amount {}, note text, placed date)"
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        database = server.database()
        server.execute(table.format("float8"), database=database)
        return lambda _: ("postgres: {connection: shop, tables: [orders]}", {"shop": server.url(database)})
    if request.param == "mysql":
        home = request.getfixturevalue("mariadb")
        name = home.database()
        home.execute(table.format("double"), database=name)
        return lambda _: ("mysql: {connection: shop, tables: [orders]}", {"shop": home.url(name)})
    made: dict[str, Callable[[Path], tuple[str, dict[str, str]]]] = {"csv": csv, "parquet": parquet, "sqlite": sqlite}
    return made[request.param]


def checked(folder: Path, head: str, connections: dict[str, str], rest: str = STEPS) -> list[dict[str, Any]]:
    path = folder / "orders.windvane.yaml"
    path.write_text(f"pipeline: orders\nsource:\n  {head}\n{rest}")
    assert wv.check(path)["problems"] == [] or "drop" in rest
    found: list[dict[str, Any]] = wv.check(path, connect=True, connections=connections)["problems"]
    return found


def test_every_kind_of_source_and_every_mistake(
    source: Callable[[Path], tuple[str, dict[str, str]]], tmp_path: Path
) -> None:
    head, connections = source(tmp_path)
    rest = STEPS.replace("""  - filter: "note = 'a'"\n""", """  - filter: "noet = 'a'"\n""")
    before = sorted(path.name for path in tmp_path.iterdir())
    found = checked(tmp_path, head, connections, rest)
    places = [(one["line"], one["path"]) for one in found]
    assert places == [(line, path) for line, path, _ in FOUND]
    for one, (_, path, message) in zip(found, FOUND, strict=True):
        assert one["file"].endswith("orders.windvane.yaml")
        assert one["column"] > 1
        if path != "steps[4].filter":
            assert message in one["message"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "orders.windvane.yaml"])


def test_what_is_right_is_right(source: Callable[[Path], tuple[str, dict[str, str]]], tmp_path: Path) -> None:
    head, connections = source(tmp_path)
    rest = "target:\n  parquet: {path: lake}\nsteps:\n  - filter: \"amount > 1 and note = 'a'\"\n"
    assert checked(tmp_path, head, connections, rest) == []


def test_datasets_keys_and_joins(tmp_path: Path) -> None:
    head, _ = csv(tmp_path)
    (tmp_path / "customers.csv").write_text("customer_id,country\n1,DE\n")
    rest = """\
target:
  sqlite: {path: out.db, mode: merge}
datasets:
  orders:
    key: id
    steps:
      - join: {with: customers, on: customer_id, take: [country]}
  ordres: {}
"""
    found = checked(tmp_path, head.replace("orders.csv", "'*.csv'"), {}, rest)
    assert [one["path"] for one in found] == [
        "datasets.orders.key",
        "datasets.orders.steps[0].join.on",
        "datasets.ordres",
    ]
    assert "Did you mean 'orders'?" in found[2]["hint"]


def test_an_unknown_watermark(tmp_path: Path) -> None:
    head, _ = csv(tmp_path)
    rest = """\
target:
  sqlite: {path: out.db, mode: merge}
datasets:
  orders:
    key: nothing
    incremental: {column: placd}
    steps:
      - drop: [placed]
"""
    found = checked(tmp_path, head, {}, rest)
    assert [(one["line"], one["column"], one["path"]) for one in found] == [
        (8, 10, "datasets.orders.key"),
        (9, 27, "datasets.orders.incremental.column"),
    ]
    assert "column 'placd' is not among those that orders has" in found[1]["message"]
    # A column that the steps drop is a watermark all the same.
    assert checked(tmp_path, head, {}, rest.replace("placd", "placed").replace("nothing", "order_id")) == []


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    (one,) = checked(tmp_path, "csv: {path: nothing.csv}", {}, "target:\n  parquet: {path: lake}\n")
    assert (one["line"], one["path"], one["kind"]) == (3, "source", "missing")
    dead = {"shop": "postgres://nobody:x@127.0.0.1:1/none"}
    (one,) = checked(tmp_path, "postgres: {connection: shop}", dead, "target:\n  parquet: {path: lake}\n")
    assert one["path"] == "source"
    assert one["kind"] == "unavailable"


def test_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WINDVANE_STORE", raising=False)
    head, _ = csv(tmp_path)
    path = tmp_path / "orders.windvane.yaml"
    rest = "target:\n  parquet: {path: lake}\nsteps:\n  - filter: 'amout > 1'\n"
    path.write_text(f"pipeline: orders\nsource:\n  {head}\n{rest}")
    assert main(["check", str(path)]) == 0
    capsys.readouterr()
    assert main(["check", "--connect", str(path)]) == 1
    said = capsys.readouterr().out
    assert "orders.windvane.yaml:7:13: column 'amout' is not among those that orders has" in said
    assert "Did you mean 'amount'?" in said
    assert not (tmp_path / "home").exists(), "no store, no staging"
