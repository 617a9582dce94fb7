"""Windvane's operators in a DAG of one's own: look at a source, then run a spec as one task."""

from __future__ import annotations

from airflow.sdk import DAG
from airflow_windvane import DiscoverOperator, ProfileOperator, WindvaneOperator

with DAG("orders_by_hand", schedule=None, tags=["example"], doc_md=__doc__):
    discover = DiscoverOperator(task_id="discover", source="data/shop")
    profile = ProfileOperator(task_id="profile", source="data/shop/orders.csv", sample=10_000)
    run = WindvaneOperator(task_id="run", spec="orders.windvane.yaml")
    discover >> profile >> run
