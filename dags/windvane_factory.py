"""Every spec in this folder becomes an Airflow DAG."""

from __future__ import annotations

from airflow_windvane import load_dags

load_dags(globals(), ".")
