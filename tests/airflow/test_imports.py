"""What importing the provider costs and does not do. Each question is asked in a process of its own."""

from __future__ import annotations

import pytest

EVERYTHING = """
import sys, threading
import airflow_windvane
from airflow_windvane import *
from airflow_windvane import dag_factory, connections, run_context, broken
"""
PROVIDER_ONLY = "import sys; import airflow_windvane, airflow_windvane.get_provider_info"


def test_nothing_heavy_is_loaded(python) -> None:
    heavy = "windvane", "windvane._core", "polars", "pyarrow", "pandas", "httpx._never"
    answer = python("-c", f"{EVERYTHING}\nprint([name for name in {heavy!r} if name in sys.modules])")
    assert answer.strip().endswith("[]")


def test_the_package_itself_imports_only_the_standard_library(python) -> None:
    answer = python("-c", f"{PROVIDER_ONLY}\nprint('airflow' in sys.modules, 'windvane' in sys.modules)")
    assert answer.strip() == "False False"


def test_every_exported_name_can_be_loaded_and_nothing_else() -> None:
    import airflow_windvane

    for name in airflow_windvane.__all__:
        assert getattr(airflow_windvane, name).__name__ == name
    assert set(airflow_windvane.__all__) == set(airflow_windvane._HOME)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = airflow_windvane.nonsense


def test_no_thread_is_started(python) -> None:
    script = f"""
import os, airflow.sdk
before = len(os.listdir("/proc/self/task"))
{EVERYTHING}
print("THREADS", len(os.listdir("/proc/self/task")) - before)
"""
    assert "THREADS 0" in python("-c", script)
