"""What joins to a dataset that is refused in the same run is held: its rows would be loaded with what was left of the other."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows
from test_graph import judge, load
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

CUSTOMERS = [(number, f"c{number}", ["SE", "DE", "NO"][number % 3], number * 10) for number in range(10)]
HEAD = "cid,cname,country,lim"
JOIN = {"join": {"with": "customers", "on": "cid", "take": ["country"]}}
BAD = {
    "cut": (CUSTOMERS[:2], "held: 'customers', which it joins to, was refused: 2 rows are left"),
    "header only": ([], "held: 'customers', which it joins to, was refused: "),
    "quarantined": (
        [(number, name, country, "n/a" if number > 1 else 1) for number, name, country, _ in CUSTOMERS],
        "held: 'customers', which it joins to, was refused: 8 of 10 rows went to quarantine",
    ),
    "emptied": ([(number, "", country, 1) for number, _, country, _ in CUSTOMERS], "held: 'customers'"),
}


class Shop:
    """Orders that join customers, in files, and where they go."""

    def __init__(self, folder: Path, target: str = "sqlite", strategy: str = "staged") -> None:
        self.folder = folder
        self.target = target
        self.strategy = strategy
        (folder / "in").mkdir()
        self.give("customers", HEAD, CUSTOMERS)
        self.orders(50)

    def give(self, name: str, head: str, rows: list[Any]) -> None:
        lines = [head, *(",".join(map(str, row)) for row in rows)]
        (self.folder / "in" / f"{name}.csv").write_text("\n".join(lines) + "\n")

    def orders(self, upto: int, first: int = 0) -> None:
        self.give("orders", "id,cid,amt", [(number, number % 10, number * 2) for number in range(first, upto)])

    def spec(self, mode: str, **datasets: Any) -> Path:
        target: dict[str, Any] = {
            "sqlite": {"sqlite": {"path": "w.db"}},
            "parquet": {"parquet": {"path": "lake"}},
            "postgres": {"postgres": {"connection": "warehouse"}},
        }[self.target]
        (name,) = target
        known = {"orders": {"key": "id", "steps": [JOIN]}, "customers": {"key": "cid"}, **datasets}
        document = {
            "pipeline": "shop",
            "source": {"csv": {"path": "in/*.csv"}},
            "target": {name: {**target[name], "mode": mode}},
            "datasets": {one: {"strategy": self.strategy, **settings} for one, settings in known.items()},
        }
        path = self.folder / "shop.windvane.json"
        path.write_text(json.dumps(document))
        return path

    def rows(self, table: str = "orders") -> list[dict[str, Any]]:
        if self.target == "parquet":
            return parquet_rows(self.folder / "lake" / table)
        with contextlib.closing(sqlite3.connect(self.folder / "w.db")) as base:
            base.row_factory = sqlite3.Row
            return [dict(row) for row in base.execute(f"select * from {table}")]


def refused(spec: Path, run: str, folder: Path) -> Any:
    with pytest.raises(WindvaneError) as caught:
        move(spec, run, **outside(folder))
    assert caught.value.record is not None
    return caught.value.record


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize(("target", "mode"), [("sqlite", "replace"), ("sqlite", "merge"), ("parquet", "replace")])
def test_what_joins_to_a_refused_dataset_is_held(
    tmp_path: Path, target: str, mode: str, case: str, strategy: str, planned: bool
) -> None:
    shop = Shop(tmp_path, target, strategy)
    shop.give("others", "id", [(1,), (2,)])
    spec = shop.spec(mode, others={"key": "id"})
    if planned:
        wv.plan(spec, rules_only=True, **outside(tmp_path))
    move(spec, "r1", **outside(tmp_path))
    before = shop.rows()
    rows, said = BAD[case]
    shop.orders(60)
    shop.give("customers", HEAD, rows)
    record = refused(spec, "r2", tmp_path)
    assert shop.rows() == before
    if mode == "merge" and case == "cut":
        # A merge takes no row away, and what joins to it would.
        assert [one["output"] for one in record["failed"]] == ["orders"]
        assert "'customers', which it joins to or looks into, has 2 rows where it had 10" in str(record["failed"])
    else:
        assert [one["output"] for one in record["outputs"]] == ["others"]
        assert [one["output"] for one in record["failed"]] == ["customers", "orders"]
        assert said in record["failed"][1]["message"]
        assert "When 'customers' is loaded, so is this" in record["failed"][1]["hint"]
    # Mended, the same run loads both.
    shop.give("customers", HEAD, CUSTOMERS)
    assert move(spec, "r2", **outside(tmp_path))["status"] == "success"
    assert len(shop.rows()) == 60
    assert all(row["country"] for row in shop.rows())


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("left", [0, 2])
@pytest.mark.parametrize(
    ("target", "mode"),
    [("sqlite", "replace"), ("sqlite", "merge"), ("sqlite", "append"), ("parquet", "replace"), ("parquet", "append")],
)
def test_what_is_only_joined_to_is_judged_too(
    tmp_path: Path, target: str, mode: str, left: int, strategy: str, planned: bool, lost: bool
) -> None:
    shop = Shop(tmp_path, target, strategy)
    spec = shop.spec(mode, customers={"load": False})
    if planned:
        wv.plan(spec, rules_only=True, **outside(tmp_path))
    move(spec, "r1", **outside(tmp_path))
    before = shop.rows()
    shop.orders(60, 50 if mode == "append" else 0)
    shop.give("customers", HEAD, CUSTOMERS[:left])
    if lost:
        for path in tmp_path.glob("store.db*"):
            path.unlink()
    record = refused(spec, "r2", tmp_path)
    assert [one["output"] for one in record["failed"]] == ["orders"]
    assert f"'customers', which it joins to or looks into, has {left} rows where it had 10" in str(record["failed"])
    assert "--allow rows" in record["failed"][0]["hint"]
    assert shop.rows() == before
    record = move(spec, "r2", allow=["rows", "emptied_columns"], **outside(tmp_path))
    assert ("rows", "customers") in [(one["guard"], one["dataset"]) for one in record["passed"]]
    # The next one is compared with what was let pass.
    shop.orders(62, 60 if mode == "append" else 0)
    shop.give("customers", HEAD, CUSTOMERS[:left])
    assert move(spec, "r3", **outside(tmp_path))["status"] == "success"


def test_a_pushed_join_is_judged_too(tmp_path: Path, postgres_database: str) -> None:
    shop = Shop(tmp_path, "postgres", "pushdown")
    spec = shop.spec("replace", customers={"load": False})
    world = outside(tmp_path, warehouse=postgres_database)
    move(spec, "r1", **world)
    shop.give("customers", HEAD, CUSTOMERS[:2])
    with pytest.raises(WindvaneError, match="has 2 rows where it had 10"):
        move(spec, "r2", **world)
    assert move(spec, "r2", allow=["rows"], **world)["status"] == "success"


def test_a_pushed_output_is_held(tmp_path: Path, postgres_database: str) -> None:
    shop = Shop(tmp_path, "postgres", "pushdown")
    spec = shop.spec("replace")
    world = outside(tmp_path, warehouse=postgres_database)
    move(spec, "r1", **world)
    shop.give("customers", HEAD, CUSTOMERS[:2])
    with pytest.raises(WindvaneError) as caught:
        move(spec, "r2", **world)
    assert caught.value.record is not None
    assert [one["output"] for one in caught.value.record["failed"]] == ["customers", "orders"]
    assert "held: 'customers'" in caught.value.record["failed"][1]["message"]


def test_a_joined_dataset_may_say_how_many_rows_it_has(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    spec = shop.spec("merge", customers={"key": "cid", "guard": {"rows": 0.1}})
    move(spec, "r1", **outside(tmp_path))
    shop.give("customers", HEAD, CUSTOMERS[:2])
    assert move(spec, "r2", **outside(tmp_path))["status"] == "success"


def test_an_append_is_held(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    spec = shop.spec("append")
    move(spec, "r1", **outside(tmp_path))
    shop.orders(60, 50)
    shop.give("customers", HEAD, [])
    record = refused(spec, "r2", tmp_path)
    assert [one["output"] for one in record["failed"]] == ["customers", "orders"]
    assert len(shop.rows()) == 50


def test_what_is_let_pass_lets_both_pass(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    spec = shop.spec("replace")
    move(spec, "r1", **outside(tmp_path))
    shop.give("customers", HEAD, CUSTOMERS[:6])
    move(spec, "r2", **outside(tmp_path))
    shop.give("customers", HEAD, CUSTOMERS[:2])
    refused(spec, "r3", tmp_path)
    record = move(spec, "r3", allow=["rows"], **outside(tmp_path))
    assert [one["output"] for one in record["outputs"]] == ["customers", "orders"]
    assert sum(not row["country"] for row in shop.rows()) == 40


def test_a_chain(tmp_path: Path) -> None:
    """By name the first one joins to the second, and that to the third."""
    shop = Shop(tmp_path)
    names = [(number, number) for number in range(10)]
    shop.give("a", "id,cid", names)
    shop.give("b", "cid,region", names)
    chain = {
        "a": {"key": "id", "steps": [{"join": {"with": "b", "on": "cid", "take": ["region"]}}]},
        "b": {"key": "cid", "steps": [JOIN]},
    }
    spec = shop.spec("replace", **chain)
    move(spec, "r1", **outside(tmp_path))
    shop.give("customers", HEAD, CUSTOMERS[:2])
    record = refused(spec, "r2", tmp_path)
    assert record["outputs"] == []
    assert [one["output"] for one in record["failed"]] == ["customers", "b", "a", "orders"]
    assert "held: 'b', which it joins to, was refused: held: 'customers'" in record["failed"][2]["message"]


def test_a_check_that_looks_into_a_refused_dataset(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    check = {"references": {"column": "cid", "dataset": "customers", "key": "cid"}}
    spec = shop.spec("append", orders={"key": "id", "checks": [check], "guard": {"quarantined": 1}})
    move(spec, "r1", **outside(tmp_path))
    shop.give("customers", HEAD, [])
    record = refused(spec, "r2", tmp_path)
    assert "held: 'customers', which its checks look into" in record["failed"][1]["message"]


def test_a_circle_and_a_dataset_that_joins_to_itself(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    steps = [{"join": {"with": "orders", "on": "cid", "take": ["amt"], "how": "left"}}]
    circle = {"customers": {"key": "cid", "steps": steps, "guard": {"rows": 0}}}
    own = {"join": {"with": "orders", "on": "id", "take": ["amt"], "suffix": "_again"}}
    circle |= {"again": {"from": "orders", "key": "id", "steps": [own]}}
    spec = shop.spec("replace", **circle)
    shop.give("orders", "id,cid,amt", [(number, number, number) for number in range(10)])
    assert move(spec, "r1", **outside(tmp_path))["status"] == "success"


def test_a_target_that_refuses_for_its_own_reasons_holds_nobody(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "w.db")) as base, base:
        base.execute("create table customers (cid integer, cname text, country text, lim integer)")
        base.execute("insert into customers values (99, 'x', 'y', 1)")
    record = refused(shop.spec("replace"), "r1", tmp_path)
    assert [one["output"] for one in record["failed"]] == ["customers"]
    assert "windvane has not loaded" in record["failed"][0]["message"]
    assert len(shop.rows()) == 50


@pytest.mark.parametrize(("strategy", "last"), [("staged", "load"), ("fused", "move")])
def test_tasks_wait_for_what_is_joined_to(tmp_path: Path, strategy: str, last: str) -> None:
    shop = Shop(tmp_path, "sqlite", strategy)
    chain = {"aa": {"from": "customers", "steps": [{"join": {"with": "orders", "on": "cid", "take": ["amt"]}}]}}
    shop.orders(10)
    spec = shop.spec("replace", **chain)
    wv.plan(spec, rules_only=True, **outside(tmp_path))
    graph = load(tmp_path)["pipelines"][0]["graph"]
    judge(graph)
    after = {node["id"]: node["after"] for node in graph["nodes"]}
    assert f"customers-{last}" in after[f"orders-{last}"]
    assert f"orders-{last}" in after[f"aa-{last}"]
    assert after["record"] == [f"{name}-{last}" for name in ("aa", "customers", "orders")]
