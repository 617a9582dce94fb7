"""What a changed source does by kind: with a plan file and without one, staged and fused, into tables and folders."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError, DataError, WindvaneError

HEADER = "order_id,order_status,amount\n"
ROWS = "".join(f"{number},complete,{number}.50\n" for number in range(1, 101))
NOTED = "".join(f"{number},complete,{number}.50,hi\n" for number in range(1, 101))
HTML = "<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head><body><p>no</p></body></html>\n"


class Case:
    """A pipeline of one CSV file, loaded once."""

    def __init__(
        self, folder: Path, *, planned: bool, strategy: str = "staged", target: str = "parquet", **more: Any
    ) -> None:
        self.folder = folder
        self.target = target
        where = {"parquet": {"path": "lake"}, "sqlite": {"path": "w.db"}}
        settings = {"strategy": strategy, **more.pop("dataset", {})}
        source = {"csv": {"path": "orders.csv"}}
        self.write(HEADER + ROWS)
        self.spec = write_spec(
            folder, "orders", source=source, target={target: where[target]}, datasets={"orders": settings}, **more
        )
        self.world = outside(folder)
        if planned:
            wv.plan(self.spec, rules_only=True, **self.world)
        move(self.spec, "r1", **self.world)

    def write(self, text: str | bytes) -> None:
        (self.folder / "orders.csv").write_bytes(text.encode() if isinstance(text, str) else text)

    def rows(self) -> list[dict[str, Any]]:
        if self.target == "parquet":
            return parquet_rows(self.folder / "lake" / "orders")
        with sqlite3.connect(self.folder / "w.db") as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM orders")]

    def again(self, text: str | bytes, **world: Any) -> Any:
        self.write(text)
        return move(self.spec, "r2", **{**self.world, **world})

    def refused(self, text: str | bytes, kind: type[WindvaneError], match: str) -> WindvaneError:
        before = self.rows()
        with pytest.raises(kind, match=match) as caught:
            self.again(text)
        assert self.rows() == before
        return caught.value


@pytest.fixture(params=["planned", "unplanned"])
def planned(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "planned")


@pytest.fixture(params=["staged", "fused"])
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["parquet", "sqlite"])
def case(request: pytest.FixtureRequest, tmp_path: Path, planned: bool, strategy: str) -> Case:
    return Case(tmp_path, planned=planned, strategy=strategy, target=request.param)


STRANGE = {
    "html": (HTML, DataError, "this is an HTML page \\('503 Service Unavailable'\\)"),
    "json": ('{"error": {"message": "rate limit"}}', DataError, "this is a JSON error document \\('rate limit'\\)"),
    "zip": (b"PK\x03\x04" + bytes(range(200)), DataError, "this is a ZIP archive"),
    "parquet": (b"PAR1" + bytes(range(200)), DataError, "this is a Parquet file"),
    "empty": ("", ConflictError, "the file is empty"),
    "delimiter": ((HEADER + ROWS).replace(",", ";"), ConflictError, 'its delimiter was "," and is ";"'),
    "header": (ROWS, ConflictError, "header is missing"),
    "renamed": (
        (HEADER + ROWS).replace("order_status", "status"),
        ConflictError,
        "'order_status' \\(text\\) is gone, and 'status' is new, which is likely the same",
    ),
    "dropped": ("order_id,amount\n" + "1,2.50\n" * 100, ConflictError, "column 'order_status' \\(text\\) is gone"),
    "other": ("a,b,c\n" + "x,y,z\n" * 100, ConflictError, "none of the 3 known columns"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_the_table_replaces_nothing(case: Case, name: str) -> None:
    text, kind, match = STRANGE[name]
    case.refused(text, kind, match)


def test_names_that_are_only_written_otherwise_are_matched_and_reported(case: Case) -> None:
    record = case.again("ORDER_ID,Order Status,Amount\n" + ROWS)
    assert record["reconciliation"]["loaded"] == 100
    assert list(case.rows()[0]) == ["order_id", "order_status", "amount"]
    assert case.rows()[0]["order_status"] == "complete"
    told = [note["what"] for note in record["drift"]]
    assert "column 'order_status' is written 'Order Status' at the source now" in told


def test_a_new_column_flows_on(case: Case) -> None:
    case.again("order_id,order_status,amount,note\n" + NOTED)
    assert case.rows()[0]["note"] == "hi"


@pytest.mark.parametrize("row", [{"id": 1, "status": "paid", "title": "Ink"}, {"type": "book", "title": "Ink"}])
def test_one_row_of_json_is_no_error_document(tmp_path: Path, row: dict[str, Any]) -> None:
    (tmp_path / "orders.jsonl").write_text(json.dumps(row) + "\n")
    spec = write_spec(tmp_path, "orders", source={"jsonl": {"path": "orders.jsonl"}}, target={"parquet": {"path": "l"}})
    assert move(spec, **outside(tmp_path))["reconciliation"]["loaded"] == 1


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(HEADER)
    spec = write_spec(tmp_path, "orders", source={"csv": {"path": "orders.csv"}}, target={"parquet": {"path": "lake"}})
    assert move(spec, **outside(tmp_path))["reconciliation"]["loaded"] == 0


@pytest.mark.parametrize("policy", ["fail", {"columns": "fail"}])
def test_fail_holds_without_a_plan_file(tmp_path: Path, policy: Any) -> None:
    case = Case(tmp_path, planned=False, drift=policy)
    case.refused("order_id,order_status,amount,note\n1,complete,1.5,x\n", ConflictError, "column 'note'")


def test_drift_of_one_dataset(tmp_path: Path) -> None:
    case = Case(tmp_path, planned=False, drift="fail", dataset={"drift": {"columns": "freeze", "types": "evolve"}})
    case.again("order_id,order_status,amount,note\n" + NOTED)
    assert list(case.rows()[0]) == ["order_id", "order_status", "amount"]


def test_a_likely_rename_is_proposed_as_a_plan_and_waits(tmp_path: Path) -> None:
    case = Case(tmp_path, planned=True)
    text = (HEADER + ROWS).replace("order_status", "status")
    refused = case.refused(text, ConflictError, "likely the same")
    proposal = tmp_path / "orders.plan.proposed.json"
    assert str(proposal) in (refused.hint or "")
    steps = json.loads(proposal.read_text())["outputs"][0]["steps"]
    assert steps[0]["step"] == {"rename": {"status": "order_status"}}
    proposal.rename(tmp_path / "orders.plan.json")
    move(case.spec, "r3", **case.world)
    assert case.rows()[0]["order_status"] == "complete"


def test_a_format_passes_when_it_is_let_pass(tmp_path: Path) -> None:
    case = Case(tmp_path, planned=True)
    record = case.again((HEADER + ROWS).replace(",", ";"), allow=["format"])
    assert record["reconciliation"]["loaded"] == 100
    assert record["passed"][0]["guard"] == "format"


def test_rows_without_their_header_pass_by_their_places(tmp_path: Path) -> None:
    case = Case(tmp_path, planned=True)
    case.again(ROWS, allow=["format"])
    assert len(case.rows()) == 100
    assert case.rows()[0]["order_status"] == "complete"


def test_an_encoding_that_changes_is_told(tmp_path: Path) -> None:
    case = Case(tmp_path, planned=True)
    case.refused((HEADER + "1,größer,1.50\n" * 100).encode("cp1252"), ConflictError, "its encoding was utf-8")


def test_looking_names_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x\n1,2\n")
    (tmp_path / "page.json").write_text(HTML)
    with pytest.raises(DataError, match="HTML page"):
        wv.profile(str(tmp_path / "page.json"))
    (tmp_path / "b.csv").write_text(HTML)
    with pytest.raises(DataError, match="HTML page"):
        wv.discover(str(tmp_path / "b.csv"))


def test_codes_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id,zip,phone,account_no,country_code,kontonummer,pin,tax_id,partNumber,amount,year,customer_id,order_no\n"
        + "1,10115,4930123,77001,276,1234567,1234,998877,4711,5,2024,17,12\n" * 3
    )
    types = {column["name"]: column["type"] for column in wv.profile(str(tmp_path / "a.csv"))["columns"]}
    texts = {name for name, kind in types.items() if kind == "text"}
    assert texts == {"zip", "phone", "account_no", "country_code", "kontonummer", "pin", "tax_id", "partNumber"}


def test_a_column_of_nulls_keeps_its_type_without_a_plan_file(tmp_path: Path) -> None:
    case = Case(tmp_path, planned=False, dataset={"guard": {"emptied_columns": False}})
    case.again(HEADER + "".join(f"{number},complete,\n" for number in range(100)))
    assert case.rows()[0]["amount"] is None


MEMBERS = [{"id": number, "status": "complete", "note": f"n{number}"} for number in range(1, 101)]


def json_rows(rows: list[dict[str, Any]], kind: str) -> str:
    return json.dumps(rows) if kind == "json" else "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("kind", ["jsonl", "json"])
@pytest.mark.parametrize("mode", ["replace", "merge", "append"])
def test_a_member_that_no_row_has_writes_no_null_over_values(
    tmp_path: Path, kind: str, mode: str, planned: bool, strategy: str
) -> None:
    path = tmp_path / f"orders.{kind}"
    path.write_text(json_rows(MEMBERS, kind))
    settings = {"strategy": strategy, "mode": mode, **({"key": "id"} if mode == "merge" else {})}
    source = {"jsonl": {"path": path.name, "as_dataset": "orders"}}
    spec = write_spec(
        tmp_path, "orders", source=source, target={"sqlite": {"path": "w.db"}}, datasets={"orders": settings}
    )
    world = outside(tmp_path)
    if planned:
        wv.plan(spec, rules_only=True, **world)
    move(spec, "r1", **world)
    path.write_text(json_rows([{"id": row["id"], "status": "open"} for row in MEMBERS], kind))
    if mode == "append":
        assert move(spec, "r2", **world)["reconciliation"]["loaded"] == 100
        return
    with pytest.raises(DataError, match="member 'note' \\(text\\) is in no row"):
        move(spec, "r2", **world)
    with sqlite3.connect(tmp_path / "w.db") as database:
        notes = database.execute("SELECT count(note), count(*) FROM orders WHERE status = 'complete'").fetchone()
    assert notes == (100, 100)
    # One row that has it is enough, and the run can be told to let it pass.
    assert move(spec, "r3", allow=["emptied_columns"], **world)["passed"][0]["guard"] == "emptied_columns"
    path.write_text(json_rows([*MEMBERS[:1], *({"id": row["id"], "status": "x"} for row in MEMBERS[1:])], kind))
    assert move(spec, "r4", **world)["reconciliation"]["loaded"] == 100


def test_a_proposal_speaks_of_all_that_has_drifted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ["a", "b", "c"]:
        (tmp_path / "in" / f"{name}.csv").write_text(HEADER + ROWS)
    spec = write_spec(tmp_path, "all", source={"csv": {"path": "in"}}, target={"parquet": {"path": "lake"}})
    world = outside(tmp_path)
    wv.plan(spec, rules_only=True, **world)
    (tmp_path / "in" / "a.csv").write_text((HEADER + ROWS).replace("order_status", "status"))
    (tmp_path / "in" / "b.csv").write_text((HEADER + ROWS).replace("amount", "amount_eur"))
    with pytest.raises(ConflictError, match="2 of 3|a: |'order_status'"):
        move(spec, "r1", **world)
    proposal = tmp_path / "all.plan.proposed.json"
    named = {output["name"]: output["steps"] for output in json.loads(proposal.read_text())["outputs"]}
    assert named["a"][0]["step"] == {"rename": {"status": "order_status"}}
    assert named["b"][0]["step"] == {"rename": {"amount_eur": "amount"}}
    assert named["c"] == []
    proposal.rename(tmp_path / "all.plan.json")
    assert move(spec, "r2", **world)["reconciliation"]["loaded"] == 300


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_an_object_without_members_is_no_row(tmp_path: Path, planned: bool, mode: str) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text(json_rows(MEMBERS, "jsonl"))
    spec = write_spec(
        tmp_path, "orders", source={"jsonl": {"path": path.name}}, target={"parquet": {"path": "lake", "mode": mode}}
    )
    world = outside(tmp_path)
    if planned:
        wv.plan(spec, rules_only=True, **world)
    move(spec, "r1", **world)
    path.write_text("{}")
    with pytest.raises(WindvaneError):
        move(spec, "r2", **world)
    assert len(parquet_rows(tmp_path / "lake" / "orders")) == 100
