"""A table that holds more than what was loaded: rows and columns of its owner, names spelt otherwise, days beyond the calendar."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane as wv
from pipelines import outside, parquet_rows, write_spec
from windvane.errors import ConflictError, DataError

if TYPE_CHECKING:
    from pathlib import Path


class Shop:
    """A CSV file `orders`, and a server or a file with a table for it."""

    def __init__(self, folder: Path, kind: str, request: pytest.FixtureRequest) -> None:
        self.folder, self.kind = folder, kind
        self.connections: dict[str, str] = {}
        if kind != "sqlite":
            self.server = request.getfixturevalue({"mysql": "mariadb"}.get(kind, kind))
            self.database = self.server.database()
            self.connections = {"w": self.server.url(self.database)}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        if self.kind != "sqlite":
            return self.server.query(sql, database=self.database)
        with closing(sqlite3.connect(self.folder / "w.db")) as file, file:
            return file.execute(sql).fetchall()

    def run(self, run: str, mode: str, orders: dict[str, Any] | None = None, *allow: str, **more: Any) -> Any:
        place = {"path": "w.db"} if self.kind == "sqlite" else {"connection": "w"}
        path = write_spec(
            self.folder,
            "shop",
            source=more.pop("source", {"csv": {"path": "orders.csv"}}),
            target={self.kind: {**place, "mode": mode}},
            datasets={"orders": {"key": "id", **(orders or {})}},
            **more,
        )
        where = outside(self.folder, **self.connections)
        return wv.run(path, run=run, rules_only=True, home=self.folder, allow=allow, **where)

    def give(self, ids: range, head: str = "id,name") -> None:
        (self.folder / "orders.csv").write_text(head + "\n" + "".join(f"{n},n{n}\n" for n in ids))

    def ids(self) -> list[int]:
        return [row[0] for row in self.ask("SELECT id FROM orders ORDER BY id")]


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    return Shop(tmp_path, request.param, request)


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("first", ["append", "merge"])
def test_rows_that_were_there_first_do_not_go_with_ours(shop: Shop, first: str, strategy: str) -> None:
    shop.ask("CREATE TABLE orders (id int PRIMARY KEY, name varchar(20))")
    shop.ask("INSERT INTO orders VALUES " + ", ".join(f"({n}, 'own')" for n in range(1000, 1015)))
    shop.give(range(20))
    shop.run("d1", first, {"strategy": strategy})
    shop.run("d2", "merge", {"strategy": strategy})
    everything = [*range(20), *range(1000, 1015)]
    assert shop.ids() == everything
    takes: list[tuple[str, dict[str, Any]]] = [("replace", {}), ("merge", {"absent": "delete"})]
    for at, (mode, more) in enumerate(takes):
        with pytest.raises(ConflictError, match="15 were there before windvane's first load") as refused:
            shop.run(f"d3{at}", mode, {**more, "strategy": strategy})
        assert "adopt: true" in str(refused.value)
        assert shop.ids() == everything
    shop.run("d4", "replace", {"adopt": True, "strategy": strategy})
    assert shop.ids() == list(range(20))
    shop.run("d5", "replace", {"strategy": strategy})


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_a_column_that_its_owner_has_filled_is_not_emptied(shop: Shop, strategy: str) -> None:
    shop.give(range(20))
    orders = {"strategy": strategy}
    shop.run("d1", "replace", orders)
    shop.ask("ALTER TABLE orders ADD COLUMN mine varchar(20)")
    shop.ask("ALTER TABLE orders ADD COLUMN made varchar(20) DEFAULT 'x'")
    shop.run("d2", "replace", orders)
    shop.ask("UPDATE orders SET mine = 'precious'")
    with pytest.raises(DataError, match="the column 'mine' had values at the target and now has none") as refused:
        shop.run("d3", "replace", orders)
    assert "--allow emptied_columns" in str(refused.value)
    assert shop.ask("SELECT count(mine) FROM orders") == [(20,)]
    shop.run("d4", "merge", orders)
    assert shop.ask("SELECT count(mine) FROM orders") == [(20,)]
    shop.run("d5", "replace", orders, "emptied_columns")
    assert shop.ask("SELECT count(mine), count(made) FROM orders") == [(0, 20)]


@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_a_column_that_the_table_spells_otherwise(tmp_path: Path, mode: str, request: pytest.FixtureRequest) -> None:
    shop = Shop(tmp_path, "postgres", request)
    shop.ask('CREATE TABLE orders ("Id" int, "Name" varchar(20))')
    shop.give(range(5))
    with pytest.raises(ConflictError, match="column 'id' is called 'Id' at the target") as refused:
        shop.run("d1", mode, {"adopt": True})
    assert "rename: {id: Id}" in str(refused.value)
    shop.run("d2", mode, {"adopt": True, "key": "Id", "steps": [{"rename": {"id": "Id", "name": "Name"}}]})
    assert shop.ask('SELECT "Id", "Name" FROM orders ORDER BY 1') == [(n, f"n{n}") for n in range(5)]


def test_two_rows_of_the_table_with_one_key(shop: Shop) -> None:
    shop.ask("CREATE TABLE orders (id int, name varchar(20))")
    shop.ask("INSERT INTO orders VALUES (1, 'a'), (1, 'b')")
    shop.give(range(1, 3))
    with pytest.raises(DataError, match="rows were expected at the target") as refused:
        shop.run("d1", "merge")
    assert "several rows with one key" in str(refused.value)
    assert shop.ids() == [1, 1]


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("target", ["csv", "jsonl", "sqlite", "postgres", "mysql", "parquet"])
def test_days_beyond_the_calendar(tmp_path: Path, target: str, strategy: str, request: pytest.FixtureRequest) -> None:
    days = pa.array([0] * 18 + [2932897, -719163], pa.int32()).view(pa.date32())
    moments = pa.array([0] * 17 + [253402300800] + [1, 1], pa.int64()).view(pa.timestamp("s"))
    pq.write_table(pa.table({"id": list(range(20)), "day": days, "at": moments}), tmp_path / "orders.parquet")
    shop = Shop(tmp_path, "sqlite" if target in {"csv", "jsonl", "parquet"} else target, request)
    place = {"sqlite": {"path": "w.db"}, "postgres": {"connection": "w"}, "mysql": {"connection": "w"}}
    path = write_spec(
        tmp_path,
        "shop",
        source={"parquet": {"path": "orders.parquet"}},
        target={target: place.get(target, {"path": "lake"})},
        datasets={"orders": {"strategy": strategy}},
        guard={"quarantined": 0.5},
    )
    record = wv.run(path, run="d1", rules_only=True, home=tmp_path, **outside(tmp_path, **shop.connections))
    counts = record["reconciliation"]
    if target == "parquet":
        assert (counts["loaded"], counts["quarantined"]) == (20, 0)
        return
    assert (counts["loaded"], counts["quarantined"]) == (17, 3)
    if target not in {"csv", "jsonl"}:
        assert shop.ids() == list(range(17))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("left", [0, 40])
def test_a_part_that_was_cut_off_is_made_anew(tmp_path: Path, kind: str, left: int) -> None:
    def run(name: str, ids: range) -> Any:
        (tmp_path / "orders.csv").write_text("id,day\n" + "".join(f"{n},{date(2026, 1, 1)}\n" for n in ids))
        path = write_spec(
            tmp_path,
            "shop",
            source={"csv": {"path": "orders.csv"}},
            target={kind: {"path": "lake", "mode": "append"}},
        )
        return wv.run(path, run=name, rules_only=True, home=tmp_path, **outside(tmp_path))

    run("d1", range(20))
    run("d2", range(20, 40))
    folder = tmp_path / "lake" / "orders"
    manifest = json.loads((folder / "_manifest.json").read_text())
    last = folder / manifest["parts"][-1]["path"]
    last.write_bytes(last.read_bytes()[:left])
    run("d2", range(20, 40))
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert sum(part["rows"] for part in manifest["parts"]) == 40
    assert all((folder / part["path"]).stat().st_size == part["bytes"] for part in manifest["parts"])
    if kind == "parquet":
        assert sorted(row["id"] for row in parquet_rows(folder)) == list(range(40))


@pytest.mark.parametrize(
    "declared", ["varchar(10)", "char(5)", "binary(2)", "enum('a','b')", "varchar(190)", "varchar(255)", "varchar(500)"]
)
@pytest.mark.parametrize("mode", ["merge", "history"])
def test_mysql_keys_that_are_shorter_than_an_index(
    tmp_path: Path, mode: str, declared: str, request: pytest.FixtureRequest
) -> None:
    shop = Shop(tmp_path, "mysql", request)
    source = shop.server.database()
    shop.server.execute(f"CREATE TABLE orders (k {declared} PRIMARY KEY, id int)", database=source)
    shop.server.execute("INSERT INTO orders VALUES ('a', 1), ('b', 2)", database=source)
    shop.connections["s"] = shop.server.url(source)
    shop.run("d1", mode, {"key": "k"}, source={"mysql": {"connection": "s", "tables": ["orders"]}})
    shop.server.execute("UPDATE orders SET id = 3 WHERE id = 2", database=source)
    shop.run("d2", mode, {"key": "k"}, source={"mysql": {"connection": "s", "tables": ["orders"]}})
    current = " WHERE valid_to IS NULL" if mode == "history" else ""
    assert shop.ask(f"SELECT id FROM orders{current} ORDER BY id") == [(1,), (3,)]


def test_mysql_a_row_that_no_partition_takes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shop = Shop(tmp_path, "mysql", request)
    shop.ask(
        "CREATE TABLE orders (id int PRIMARY KEY, name varchar(20))"
        " PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (19))"
    )
    shop.give(range(20))
    record = shop.run("d1", "append")
    assert (record["reconciliation"]["loaded"], record["reconciliation"]["quarantined"]) == (19, 1)
    assert shop.ids() == list(range(19))
