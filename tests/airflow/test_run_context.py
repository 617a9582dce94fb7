"""Where a task finds its store, its staging folder and its run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from airflow_windvane import run_context

if TYPE_CHECKING:
    import pytest


def context(run_id: str) -> dict[str, object]:
    return {"dag": SimpleNamespace(dag_id="orders"), "run_id": run_id}


def test_a_run_is_a_file_name_and_stays_itself() -> None:
    run = run_context.run_of(context("manual__2026-11-21T07:36:00+00:00"))
    assert run == run_context.run_of(context("manual__2026-11-21T07:36:00+00:00"))
    assert run.startswith("orders__manual__2026-11-21T07-36-00+00-00-")
    assert not set(run) & set("/\\: ")


def test_two_runs_never_share_an_identity() -> None:
    ids = ["a:b", "a/b", "a-b", "a b", "a_b", "../../etc"]
    assert len({run_context.run_of(context(run_id)) for run_id in ids}) == len(ids)


def test_defaults_lie_in_airflow_home(airflow_home) -> None:
    assert run_context.store_url(None) == f"sqlite://{airflow_home}/windvane/store.db"
    assert run_context.staging_place(None) == f"{airflow_home}/windvane/staging"
    assert run_context.gateway(None) is None


def test_the_configuration_wins_over_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("AIRFLOW__WINDVANE__STORE", "conn:wv")
    monkeypatch.setenv("AIRFLOW_CONN_WV", '{"conn_type": "windvane_store", "host": "/srv/store.db"}')
    monkeypatch.setenv("AIRFLOW__WINDVANE__STAGING", str(tmp_path / "here"))
    assert run_context.store_url(None) == "sqlite:///srv/store.db"
    assert run_context.staging_place(None) == str(tmp_path / "here")


def test_the_shells_variables_count_too_below_the_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "shell.db"))
    monkeypatch.setenv("WINDVANE_ROOTS", "/srv/one:/srv/two")
    monkeypatch.setenv("WINDVANE_HOME", "/srv/lake")
    assert run_context.store_url(None) == str(tmp_path / "shell.db")
    assert run_context.roots() == ["/srv/one", "/srv/two"]
    assert run_context.home() == "/srv/lake"
    monkeypatch.setenv("AIRFLOW__WINDVANE__STORE", "sqlite:////elsewhere.db")
    monkeypatch.setenv("AIRFLOW__WINDVANE__HOME", "/srv/other")
    assert run_context.store_url(None) == "sqlite:////elsewhere.db"
    assert run_context.home() == "/srv/other"


def test_where_rows_rest(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Task, spec, environment, configuration, default: the first that says something."""
    config, environment, spec, task = (str(tmp_path / name) for name in ("config", "environment", "spec", "task"))
    monkeypatch.setenv("AIRFLOW__WINDVANE__STAGING", config)
    assert run_context.staging_place(None) == config
    monkeypatch.setenv("WINDVANE_STAGING", environment)
    assert run_context.staging_place(None) == environment
    assert run_context.staging_place(None, spec) == spec
    assert run_context.staging_place(task, spec) == task
    assert run_context.staging_place("s3://store@bucket/rests/") == "s3://store@bucket/rests"


def test_targets_have_a_home_outside_of_the_dag_folder(airflow_home) -> None:
    assert run_context.home() == f"{airflow_home}/windvane/data"
    assert sorted(run_context.bundles("/srv/bundle", None)) == sorted(["/srv/bundle", f"{airflow_home}/dags"])


def test_the_task_wins_over_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WINDVANE__STORE", "sqlite:////elsewhere.db")
    assert run_context.store_url("sqlite:////mine.db") == "sqlite:////mine.db"


def test_the_gateway_comes_from_the_configured_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WINDVANE__GATEWAY_CONN_ID", "gate")
    monkeypatch.setenv("AIRFLOW_CONN_GATE", '{"conn_type": "windvane_llm", "host": "http://h/v1", "password": "k"}')
    assert run_context.gateway(None) == {
        "base_url": "http://h/v1",
        "api_key": "k",
        "model": "default",
        "timeout_seconds": 30.0,
    }


def test_roots_are_a_list_of_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_context.roots() == []
    monkeypatch.setenv("AIRFLOW__WINDVANE__ROOTS", "/srv/data/, /srv/lake,")
    assert run_context.roots() == ["/srv/data", "/srv/lake"]
