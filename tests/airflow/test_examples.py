"""The example DAG files and specs: they parse, and they run on data such as they speak of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "dags"
ORDERS = """\
order_id,customer_id,ordered_on,amount,status
1,7,2024-03-01,10.50,complete
2,7,02/03/2024,20.00,complete
3,8,2024-03-03,5.25,open
4,8,someday,5.25,complete
""" + "".join(f"{number},9,2024-03-05,{number}.00,complete\n" for number in range(5, 15))
CUSTOMERS = """\
customer_id,country,email
7,SE,a@example.org
8,-,b@example.org
9,FR,c@example.org
"""


@pytest.fixture
def examples(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The examples, inside Airflow's bundle, beside data."""
    folder = migrated / "dags" / "examples"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLES, folder)
    shop = folder / "data" / "shop"
    shop.mkdir(parents=True)
    (shop / "orders.csv").write_text(ORDERS)
    (shop / "customers.csv").write_text(CUSTOMERS)
    metadata = {"conn_type": "sqlite", "host": str(migrated / "airflow.db")}
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_METADATA", json.dumps(metadata))
    monkeypatch.setenv("AIRFLOW__WINDVANE__ROOTS", str(migrated))
    return folder


def bag_of(folder: Path):
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(folder))
    assert bag.import_errors == {}
    return bag


def test_every_example_parses(examples: Path) -> None:
    specs = {path.name.split(".")[0] for path in EXAMPLES.glob("*.windvane.*")}
    assert set(bag_of(examples).dags) == specs | {"orders_by_hand"}


@pytest.mark.parametrize("dag_id", ["orders", "airflow_history", "orders_by_hand"])
def test_an_example_runs(examples: Path, dag_id: str) -> None:
    assert bag_of(examples).dags[dag_id].test().state == "success"
