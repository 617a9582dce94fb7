"""What importing the provider costs and does not do. Each question is asked in a process of its own."""

from __future__ import annotations

import pytest

EVERYTHING = """
import sys, threading
import windvane_provider
from windvane_provider import *
from windvane_provider import dag_factory, connections, surroundings, broken
"""
PROVIDER_ONLY = "import sys; import windvane_provider, windvane_provider.get_provider_info"


def test_nothing_heavy_is_loaded(python) -> None:
    heavy = "windvane", "windvane._core", "polars", "pyarrow", "pandas", "httpx._never"
    answer = python("-c", f"{EVERYTHING}\nprint([name for name in {heavy!r} if name in sys.modules])")
    assert answer.strip().endswith("[]")


def test_the_package_itself_imports_only_the_standard_library(python) -> None:
    answer = python("-c", f"{PROVIDER_ONLY}\nprint('airflow' in sys.modules, 'windvane' in sys.modules)")
    assert answer.strip() == "False False"


def test_every_exported_name_can_be_loaded_and_nothing_else() -> None:
    import windvane_provider

    for name in windvane_provider.__all__:
        assert getattr(windvane_provider, name).__name__ == name
    assert set(windvane_provider.__all__) == set(windvane_provider._HOME)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = windvane_provider.nonsense


def test_no_thread_is_started(python) -> None:
    script = f"""
import os, airflow.sdk
before = len(os.listdir("/proc/self/task"))
{EVERYTHING}
print("THREADS", len(os.listdir("/proc/self/task")) - before)
"""
    assert "THREADS 0" in python("-c", script)
