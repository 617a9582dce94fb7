"""What Airflow reads about the provider."""

from __future__ import annotations

import importlib
import json
import os
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow_windvane.get_provider_info import get_provider_info


def installed() -> bool:
    try:
        version("airflow-provider-windvane")
    except PackageNotFoundError:
        return False
    return True


# In CI the wheel must be there: without it these tests fail instead of being skipped.
needs_wheel = pytest.mark.skipif(
    not installed() and not os.environ.get("CI"), reason="airflow-provider-windvane is not installed as a package"
)


def test_matches_airflows_schema() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_every_named_module_and_class_exists() -> None:
    info = get_provider_info()
    for kind in ("operators", "hooks"):
        for module in info[kind][0]["python-modules"]:
            importlib.import_module(module)
    for connection in info["connection-types"]:
        module, _, name = connection["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert hook.conn_type == connection["connection-type"]
        assert hook.hook_name == connection["hook-name"]


def test_versions_agree() -> None:
    import airflow_windvane

    assert get_provider_info()["versions"][0] == airflow_windvane.__version__


@needs_wheel
def test_airflow_finds_the_entry_point() -> None:
    (entry,) = [
        point for point in entry_points(group="apache_airflow_provider") if point.value.startswith("airflow_windvane")
    ]
    assert entry.load()() == get_provider_info()


@needs_wheel
def test_connection_forms_are_known_without_importing_a_hook(python) -> None:
    script = """
import json, sys
from airflow.providers_manager import ProvidersManager
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
metas = {meta.connection_type: meta.model_dump() for meta in HookMetaService.hook_meta_data()}
llm, store = metas["windvane_llm"], metas["windvane_store"]
loaded = [name for name in sys.modules if name.startswith("airflow_windvane.hooks")]
print("ANSWER" + json.dumps([sorted(llm["extra_fields"]), llm["standard_fields"]["host"]["title"],
    llm["standard_fields"]["port"]["hidden"], sorted(store["extra_fields"]), loaded]))
"""
    answer = json.loads(python("-c", script).split("ANSWER")[1])
    assert answer == [["model", "timeout"], "Base URL", True, ["sslmode"], []]


@needs_wheel
def test_configuration_options_are_known(python) -> None:
    listed = python("-m", "airflow", "config", "list", "--section", "windvane", "--include-descriptions")
    for option in ("store", "staging", "environment", "gateway_conn_id"):
        assert f"{option} =" in listed
