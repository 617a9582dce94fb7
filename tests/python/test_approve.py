"""Proposals that wait for a person stop the load of their dataset until a person has decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import outside, parquet_rows, write_spec
from windvane.cli import main
from windvane.errors import ConflictError, MissingError, SpecError


def shop(folder: Path, intent: str, **spec: Any) -> Path:
    orders = ["order_id,status,country,amount,note"]
    statuses = ["complete", "complete", "cancelled", "open"]
    orders += [f"{n},{statuses[n % 4]},{['DE', 'FR'][n % 2]},{n}.50,note {n}" for n in range(1, 201)]
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    target = {"parquet": {"path": "lake"}}
    return write_spec(folder, "orders", intent=intent, source={"csv": {"path": "orders.csv"}}, target=target, **spec)


def ran(spec: Path, run: str = "r1") -> Any:
    return wv.run(spec, run=run, rules_only=True, **outside(spec.parent))


def planned(spec: Path) -> Any:
    return wv.plan(spec, rules_only=True, **outside(spec.parent))


def waiting(spec: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = wv.approve(spec)["waits"]
    return found


STOPS = [
    "no duplicates, and the amount in euros",
    "drop the noet",
    "witout the note column",
    "please remove test data",
    "exclude the test customers",
    "drop the note unless it is needed",
    "do not load anything older than 2024",
    "only the first 100 rows",
    "the latest completed orders",
    "shipped orders",
    "orders from Germany",
    "orders of last year",
    "orders since January",
    "orders over 100",
    "orders placed in Berlin",
    "orders that are neither open nor cancelled",
    "valid orders",
    "big orders",
    "keine Duplikate",
    "без дубликатов",
    "ignore bad rows",
    "strip the notes",
    "the amount in cents",
    "revenue per country",
    "customers without email",
    "filter out whatever is cancelled",
    "rename things to German",
    "cancelled or open",
    "keep it small",
    "one row a customer",
    "orders, also the cancelled ones",
    "also cancelled orders",
    "orders and cancelled ones",
    "all orders and the cancelled ones",
    "orders with a note",
    "orders with any note",
    "anonymisierte Kunden",
    "Bestellungen aus Deutschland",
    "deutsche Bestellungen",
    "Betraege gerundet",
    "jeweils die neueste Bestellung",
    "Umsatz je Land",
    "commandes annulees",
]

WARNS = [
    "daily orders for finance",
    "Daily orders for finance.",
    "Copy of the orders table for the weekly controlling meeting",
    "Nightly copy of orders into the lake",
    "The history of the shop, as the auditors want to see it.",
    "All shop orders for the finance team's monthly closing",
    "Sync orders into the warehouse",
    "Orders of the shop, for dashboards in sales",
    "Customer orders, refreshed every 15 minutes",
    "Feeds the board's report",
    "Everything that finance needs",
]


@pytest.mark.parametrize("intent", STOPS)
def test_words_that_may_ask_for_something_stop(intent: str, tmp_path: Path) -> None:
    spec = shop(tmp_path, intent)
    with pytest.raises(ConflictError, match="wait for a person") as refused:
        ran(spec)
    assert "windvane approve" in str(refused.value)
    assert refused.value.record["status"] == "failed"
    assert not (tmp_path / "lake" / "orders").exists()


@pytest.mark.parametrize("intent", WARNS)
def test_description_only_warns(intent: str, tmp_path: Path) -> None:
    run = ran(shop(tmp_path, intent))
    assert run["status"] == "success"
    assert run["reconciliation"]["loaded"] == 200
    assert any("not understood" in what for what in run["degraded"])


def test_the_shell_says_which_words_and_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("WINDVANE_STAGING", str(tmp_path / "staging"))
    spec = shop(tmp_path, "Completed orders, and drop the noet.")
    assert main(["run", str(spec), "--rules-only", "--run", "r1"]) == 1
    said = capsys.readouterr().err
    assert "drop the noet" in said
    assert "windvane plan" in said
    assert "windvane approve" in said
    assert main(["approve", str(spec)]) == 2, "there is no plan file yet"
    capsys.readouterr()
    assert main(["plan", str(spec), "--rules-only"]) == 4
    assert main(["run", str(spec), "--rules-only", "--run", "r1"]) == 1, "a plan file that nobody has decided about"
    capsys.readouterr()
    assert main(["approve", str(spec)]) == 4
    said = capsys.readouterr().out
    assert "drop the noet" in said
    assert "keep only the rows where" in said
    assert main(["approve", str(spec), "--all", "--by", "anna"]) == 0
    assert "approved" in capsys.readouterr().out
    assert main(["explain", str(tmp_path / "orders.plan.json")]) == 0
    explained = capsys.readouterr().out
    assert "Waits for a person" not in explained
    assert "Approved by anna at " in explained
    assert main(["run", str(spec), "--rules-only", "--run", "r1"]) == 0
    rows = parquet_rows(tmp_path / "lake" / "orders")
    assert {row["status"] for row in rows} == {"complete"}
    assert main(["approve", str(spec), "--all"]) == 0, "nothing is left to decide"


def test_one_by_one_and_against(tmp_path: Path) -> None:
    spec = shop(tmp_path, "drop the note, keep the note, completed orders, no open orders, one row per country")
    planned(spec)
    waits = {one["what"].split("] ")[1].split(" (")[0].split(":")[0]: one["id"] for one in waiting(spec)}
    chosen = next(one for what, one in waits.items() if what.startswith("leave out"))
    (taken,) = wv.approve(spec, proposals=[chosen], by="anna")["decided"]
    assert taken["decided"] == {"approved": True, "by": "anna", "at": taken["decided"]["at"]}
    assert taken["decided"]["at"].endswith("Z")
    left = waiting(spec)
    assert left
    assert chosen not in [one["id"] for one in left]
    with pytest.raises(ConflictError, match="wait for a person"):
        ran(spec)
    assert wv.approve(spec, every=True, reject=True, by="ben")["waits"] == []
    assert ran(spec)["status"] == "success"
    rows = parquet_rows(tmp_path / "lake" / "orders")
    assert len(rows) == 200
    assert set(rows[0]) == {"order_id", "status", "country", "amount"}
    document = json.loads((tmp_path / "orders.plan.json").read_text())
    decided = [one["decided"]["by"] for one in document["decisions"] if "decided" in one]
    assert sorted(set(decided)) == ["anna", "ben"]


def test_a_decision_written_by_hand(tmp_path: Path) -> None:
    spec = shop(tmp_path, "completed orders, no notes at all")
    planned(spec)
    file = tmp_path / "orders.plan.json"
    document = json.loads(file.read_text())
    for decision in document["decisions"]:
        if decision.get("waits"):
            decision["decided"] = {"approved": True, "by": "anna", "at": "2026-11-27T12:00:00Z"}
    file.write_text(json.dumps(document))
    assert ran(spec)["status"] == "success"
    assert {row["status"] for row in parquet_rows(tmp_path / "lake" / "orders")} == {"complete"}
    document["outputs"][0]["steps"] = []
    document["outputs"][0]["mode"] = "append"
    file.write_text(json.dumps(document))
    with pytest.raises(SpecError, match="not what its id"):
        ran(spec, "r2")


def test_what_does_not_fit_any_more_is_said(tmp_path: Path) -> None:
    steps = [{"filter": "status = 'complete'"}, {"drop": ["status"]}]
    spec = shop(tmp_path, "rename status to state, and what not", steps=steps)
    planned(spec)
    with pytest.raises(SpecError, match="does not fit the plan") as refused:
        wv.approve(spec, every=True)
    assert "--reject" in str(refused.value)
    assert waiting(spec), "nothing was written"
    wv.approve(spec, every=True, reject=True)
    assert ran(spec)["reconciliation"]["loaded"] == 100


def test_ids_that_nothing_has(tmp_path: Path) -> None:
    spec = shop(tmp_path, "drop the noet")
    planned(spec)
    with pytest.raises(MissingError, match="no proposal 'ffff'"):
        wv.approve(spec, proposals=["ffff"])
    with pytest.raises(SpecError, match="Both were asked for"):
        wv.approve(spec, proposals=["ffff"], every=True)


def test_a_check_that_only_counts_stops_nothing(tmp_path: Path) -> None:
    spec = shop(tmp_path, "country is unique")
    run = ran(spec)
    assert run["status"] == "success"
    assert any("waits for a person" in what for what in run["degraded"])


def test_the_other_datasets_are_loaded(tmp_path: Path) -> None:
    shop(tmp_path, "")
    (tmp_path / "customers.csv").write_text("customer_id,name\n" + "".join(f"{n},c{n}\n" for n in range(1, 50)))
    source = {"files": {"path": "*.csv"}}
    words = "one row per country"
    spec = write_spec(tmp_path, "both", intent=words, source=source, target={"parquet": {"path": "lake"}})
    with pytest.raises(ConflictError, match="wait for a person") as refused:
        ran(spec)
    assert [one["output"] for one in refused.value.record["outputs"]] == ["customers"]
    assert [one["output"] for one in refused.value.record["failed"]] == ["orders"]
    assert len(parquet_rows(tmp_path / "lake" / "customers")) == 49


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_every_way_of_moving_waits(strategy: str, tmp_path: Path) -> None:
    spec = shop(tmp_path, "drop the noet", datasets={"orders": {"strategy": strategy}})
    with pytest.raises(ConflictError, match="wait for a person"):
        ran(spec)
    planned(spec)
    wv.approve(spec, every=True)
    assert ran(spec)["reconciliation"]["loaded"] == 200


def decide(spec: Path, *, approved: bool = True) -> None:
    wv.approve(spec, every=True, reject=not approved)


@pytest.mark.parametrize("approved", [True, False], ids=["approved", "rejected"])
def test_a_new_plan_keeps_what_was_decided(tmp_path: Path, approved: bool) -> None:
    spec = shop(tmp_path, "shipped orders")
    planned(spec)
    assert waiting(spec)
    decide(spec, approved=approved)
    # The data has grown: other counts, the same question.
    with (tmp_path / "orders.csv").open("a") as file:
        file.writelines(f"{n},open,DE,{n}.50,note {n}\n" for n in range(201, 260))
    again = planned(spec)
    assert waiting(spec) == []
    kept = [decision for decision in again["decisions"] if decision.get("decided")]
    assert kept
    assert all(decision["decided"]["approved"] is approved for decision in kept)
    assert all("kept from the plan before" in decision["reason"] for decision in kept)
    ran(spec)
    assert len(parquet_rows(tmp_path / "lake" / "orders")) == 259


def test_other_words_are_asked_anew_and_that_is_said(tmp_path: Path) -> None:
    spec = shop(tmp_path, "shipped orders")
    planned(spec)
    decide(spec)
    document = json.loads(spec.read_text())
    document["intent"] = "valid orders"
    spec.write_text(json.dumps(document))
    again = planned(spec)
    assert waiting(spec)
    assert any("does not hold any more" in decision["reason"] for decision in again["decisions"])
    with pytest.raises(ConflictError):
        ran(spec)


def test_a_plan_that_is_being_merged_is_not_replaced(tmp_path: Path) -> None:
    spec = shop(tmp_path, "shipped orders")
    planned(spec)
    decide(spec)
    file = next(tmp_path.glob("*.plan.json"))
    text = file.read_text()
    file.write_text("<<<<<<< ours\n" + text + "=======\n>>>>>>> theirs\n")
    with pytest.raises(SpecError, match="marks of a merge") as caught:
        planned(spec)
    assert caught.value.place["line"] == 1
    # Of a file cut short, what people have answered would be forgotten.
    file.write_text(text[: text.rindex('"decided"') + 20])
    with pytest.raises(SpecError, match="not a plan file") as caught:
        planned(spec)
    assert "approved or rejected" in str(caught.value)
