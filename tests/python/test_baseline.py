"""Without a plan file and with the store lost, the target itself is what a run compares with; files among others; adopted folders."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError, DataError, WindvaneError

if TYPE_CHECKING:
    from services.postgres import Server

HEADER = "order_id,order_status,amount\n"
ROWS = "".join(f"{number},complete,{number}.50\n" for number in range(1, 101))
HTML = "<!DOCTYPE html>\n<html><body><p>no</p></body></html>\n"


class Lost:
    """A pipeline that has loaded once and whose store is then lost."""

    def __init__(self, folder: Path, target: dict[str, Any], mode: str, world: dict[str, Any], **more: Any) -> None:
        self.folder = folder
        self.write(HEADER + ROWS)
        settings = {"mode": mode, **({"key": "order_id"} if mode in {"merge", "history"} else {}), **more}
        source = {"csv": {"path": "orders.csv"}}
        self.spec = write_spec(folder, "orders", source=source, target=target, datasets={"orders": settings})
        self.world = world
        move(self.spec, "r1", **world)
        for left in folder.glob("store.db*"):
            left.unlink()

    def write(self, text: str) -> None:
        (self.folder / "orders.csv").write_text(text)

    def refused(self, text: str, kind: type[WindvaneError], match: str) -> None:
        self.write(text)
        with pytest.raises(kind, match=match):
            move(self.spec, "r2", **self.world)


CHANGES = {
    "renamed": (
        (HEADER + ROWS).replace("order_status", "status"),
        ConflictError,
        "'order_status' .* is gone, and 'status'",
    ),
    "dropped": ("order_id,amount\n" + "1,2.50\n" * 100, ConflictError, "column 'order_status' .* is gone"),
    "other": ("a,b,c\n" + "x,y,z\n" * 100, ConflictError, "none of the 3 known columns"),
    "header": (ROWS, ConflictError, "header is missing"),
    "empty": ("", WindvaneError, "empty"),
    "html": (HTML, DataError, "HTML page"),
    "half": (HEADER + "1,complete,1.50\n", DataError, "1 rows are left to load where there were 100"),
    "emptied": (HEADER + "".join(f"{n},,{n}.5\n" for n in range(1, 101)), DataError, "'order_status' had values"),
    "retyped": (HEADER + ROWS.replace(".50", " EUR"), WindvaneError, "amount|quarantine"),
}


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "sqlite"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_target_alone_is_enough(tmp_path: Path, kind: str, change: str) -> None:
    where = {"path": "w.db"} if kind == "sqlite" else {"path": "lake"}
    lost = Lost(tmp_path, {kind: where}, "replace", outside(tmp_path), guard={"quarantined": 0.1})
    lost.refused(*CHANGES[change])


@pytest.mark.parametrize("mode", ["merge", "history", "append"])
@pytest.mark.parametrize("change", ["renamed", "dropped", "other", "header", "html"])
def test_the_target_alone_is_enough_in_every_mode(tmp_path: Path, mode: str, change: str) -> None:
    lost = Lost(tmp_path, {"sqlite": {"path": "w.db"}}, mode, outside(tmp_path))
    lost.refused(*CHANGES[change])


@pytest.mark.parametrize("change", CHANGES)
def test_servers_alone_are_enough(
    tmp_path: Path, change: str, postgres: Server, postgres_database: str, mysql_database: str
) -> None:
    for kind, url in [("postgres", postgres_database), ("mysql", mysql_database)]:
        folder = tmp_path / kind
        folder.mkdir()
        world = outside(folder, warehouse=url)
        lost = Lost(folder, {kind: {"connection": "warehouse"}}, "replace", world, guard={"quarantined": 0.1})
        lost.refused(*CHANGES[change])


def test_what_is_the_same_flows_on_and_what_is_new_too(tmp_path: Path) -> None:
    lost = Lost(tmp_path, {"sqlite": {"path": "w.db"}}, "replace", outside(tmp_path))
    lost.write("ORDER_ID,Order Status,amount,note\n" + "".join(f"{n},complete,{n}.5,hi\n" for n in range(1, 101)))
    record = move(lost.spec, "r2", **lost.world)
    assert record["reconciliation"]["loaded"] == 100
    with sqlite3.connect(tmp_path / "w.db") as database:
        columns = [name for (name,) in database.execute("SELECT name FROM pragma_table_info('orders')")]
    assert columns == ["order_id", "order_status", "amount", "note"]


def test_steps_explain_what_is_not_there(tmp_path: Path) -> None:
    steps = [{"rename": {"order_status": "status"}}, {"drop": ["amount"]}, {"derive": {"twice": "order_id * 2"}}]
    lost = Lost(tmp_path, {"sqlite": {"path": "w.db"}}, "replace", outside(tmp_path), steps=steps, drift="fail")
    assert move(lost.spec, "r2", **lost.world)["reconciliation"]["loaded"] == 100


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ((HEADER + ROWS).replace("order_status", "status"), "b.csv' lacks 'order_status'"),
        ("order_id,order_status\n1,x\n2,x\n", "b.csv' lacks 'amount'"),
        (ROWS, "lacks|header|written"),
        ((HEADER + ROWS).replace(",", ";"), "no longer all written in the same way|b.csv' lacks"),
        ("", "empty|lacks|written"),
        (HTML, "HTML page"),
        ('{"error": "no"}', "JSON"),
    ],
)
def test_one_bad_file_of_three(tmp_path: Path, planned: bool, strategy: str, bad: str, match: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.csv").write_text(HEADER + ROWS)
    spec = write_spec(
        tmp_path,
        "orders",
        source={"csv": {"path": "in/*.csv", "as_dataset": "orders"}},
        target={"parquet": {"path": "lake"}},
        datasets={"orders": {"strategy": strategy}},
    )
    world = outside(tmp_path)
    if planned:
        wv.plan(spec, rules_only=True, **world)
    move(spec, "r1", **world)
    before = parquet_rows(tmp_path / "lake" / "orders")
    (folder / "b.csv").write_text(bad)
    with pytest.raises(WindvaneError, match=match):
        move(spec, "r2", **world)
    assert parquet_rows(tmp_path / "lake" / "orders") == before


def test_files_that_always_differed_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text(HEADER + ROWS)
    (folder / "b.csv").write_text("order_id,order_status\n101,x\n")
    source = {"csv": {"path": "in/*.csv", "as_dataset": "orders"}}
    spec = write_spec(tmp_path, "orders", source=source, target={"parquet": {"path": "lake"}})
    for run in ["r1", "r2"]:
        assert move(spec, run, **outside(tmp_path))["reconciliation"]["loaded"] == 101


def test_a_folder_is_adopted_when_the_spec_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "orders"
    folder.mkdir(parents=True)
    (folder / "old.parquet").write_bytes(b"PAR1 somebody else's")
    (folder / "readme.md").write_text("stays")
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    source, target = {"csv": {"path": "orders.csv"}}, {"parquet": {"path": "lake"}}
    spec = write_spec(tmp_path, "orders", source=source, target=target)
    with pytest.raises(ConflictError, match="'old.parquet', which windvane did not write") as caught:
        move(spec, "r1", **outside(tmp_path))
    assert "adopt: true" in (caught.value.hint or "")
    assert (folder / "old.parquet").exists()
    spec = write_spec(tmp_path, "orders", source=source, target=target, datasets={"orders": {"adopt": True}})
    assert move(spec, "r2", **outside(tmp_path))["reconciliation"]["loaded"] == 100
    assert not (folder / "old.parquet").exists()
    assert (folder / "readme.md").exists()
    assert len(parquet_rows(folder)) == 100


def test_what_is_added_to_does_not_take_a_folder_over(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "orders"
    folder.mkdir(parents=True)
    (folder / "old.csv").write_text("a\n1\n")
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    spec = write_spec(
        tmp_path,
        "orders",
        source={"csv": {"path": "orders.csv"}},
        target={"parquet": {"path": "lake", "mode": "append", "adopt": True}},
    )
    with pytest.raises(ConflictError, match="'old.csv', which windvane did not write"):
        move(spec, "r1", **outside(tmp_path))


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("rows", [100, 600_000])
def test_lines_that_are_no_rows_are_counted(tmp_path: Path, strategy: str, rows: int) -> None:
    lines = [f"{number},complete,{number}.50" for number in range(rows)]
    for at in [rows // 5, rows // 2, rows - 1]:
        lines[at] += "\n" if at % 2 else "\r\n\r"
        lines[at] += "\n# a comment"
    (tmp_path / "orders.csv").write_bytes((HEADER + "# first\n\n" + "\n".join(lines) + "\n").encode())
    spec = write_spec(
        tmp_path,
        "orders",
        source={"csv": {"path": "orders.csv", "comment": "#"}},
        target={"parquet": {"path": "lake"}},
        datasets={"orders": {"strategy": strategy}},
    )
    record = move(spec, "r1", **outside(tmp_path))
    assert record["reconciliation"]["loaded"] == rows
    assert [note["what"] for note in record["drift"]] == ["8 lines are no rows: empty, or a comment"]
    assert json.loads((tmp_path / "lake" / "orders" / "_manifest.json").read_text())["parts"]
