"""The demo's data and specs, moved without Airflow; ``make demo`` runs them with it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "demo"


def test_the_shop_is_messy_and_comes_out_clean(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(DEMO))
    import generate
    import windvane

    lines = generate.write(tmp_path / "data")
    again = generate.write(tmp_path / "again")
    assert lines == again
    for name in lines:
        assert (tmp_path / "data" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    spec = shutil.copy(DEMO / "pipelines" / "shop.windvane.yaml", tmp_path)
    warehouse = tmp_path / "warehouse.db"
    run = windvane.run(
        spec,
        rules_only=True,
        connections={"warehouse": f"sqlite://{warehouse}"},
        store=str(tmp_path / "store.db"),
        staging=tmp_path / "staging",
    )
    receipts = {receipt["output"]: receipt for receipt in run["outputs"]}
    assert run["status"] == "success"
    assert run["reconciliation"]["balanced"]
    # Every line of the exports is accounted for, and each file has rows that could not be mended.
    assert {name: receipt["rows_in"] for name, receipt in receipts.items()} == {
        "customers": lines["customers.csv"],
        "orders": lines["orders.csv"],
        "payments": lines["payments.tsv"],
        "products": lines["products.jsonl"],
    }
    assert all(receipt["quarantined"] > 0 for receipt in receipts.values())
    reasons = [
        json.loads(line)["reason"]
        for receipt in receipts.values()
        for file in receipt["quarantine"]
        for line in Path(file).read_text().splitlines()
    ]
    assert len(reasons) == run["reconciliation"]["quarantined"]
    assert all(reasons)
    with sqlite3.connect(warehouse) as database:
        assert database.execute("select count(*) from orders").fetchone() == (receipts["orders"]["loaded"],)
        # The Latin-1 file came through with its letters.
        assert database.execute("select count(*) from customers where name like 'José %'").fetchone()[0] > 50
        assert database.execute("select count(*) from orders where country is null").fetchone()[0] < 100
    assert "generate" in sys.modules
    del sys.modules["generate"]
