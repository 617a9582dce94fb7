"""What every supported version of Airflow must do: `make matrix` runs this file on each of them, `make test` on two."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow_windvane.version_compat import AIRFLOW_V_3_4_PLUS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Dags

TWO_LINES = 'from airflow_windvane import load_dags\nload_dags(globals(), "pipelines")\n'
DAY = (
    "pipeline: {name}\nsource:\n  csv: {{path: 'data/{{{{ ds }}}}/*.csv'}}\ntarget:\n  parquet: {{path: lake/{name}}}\n"
)
TABLES = "pipeline: {name}\nsource:\n  csv: {{path: data/*.csv}}\ntarget:\n  sqlite: {{connection: warehouse}}\n"
PEOPLE = "id,email\n" + "".join(f"{number},person{number}@example.org\n" for number in range(1, 21))
TINY = "from airflow.sdk import DAG, Asset\nfrom airflow.providers.standard.operators.empty import EmptyOperator\n"


def run(dags: Dags, **options: Any) -> tuple[str, dict[tuple[str, int], Any]]:
    bag = dags.bag()
    assert bag.import_errors == {}
    dag = bag.dags[dags.root.name] if dags.root.name in bag.dags else next(iter(bag.dags.values()))
    done = dag.test(**options)
    # Airflow 3.1 leaves behind which DAG it wanted to have parsed, where a task has no process of its own.
    os.environ.pop("_AIRFLOW_PARSING_CONTEXT_DAG_ID", None)
    return done.state, {(ti.task_id, ti.map_index): ti for ti in done.get_task_instances()}


def rows(database: Path, query: str, *values: str) -> list[tuple]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query, values).fetchall()


def events(home: Path, run_id_like: str) -> dict[str, dict]:
    query = (
        "select asset.uri, asset_event.extra from asset_event join asset on asset.id = asset_event.asset_id "
        "where asset_event.source_dag_id = ?"
    )
    return {uri: json.loads(extra) for uri, extra in rows(home / "airflow.db", query, run_id_like)}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    target = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(target)}))
    return target


def test_two_lines_alone_give_dags(dags: Dags) -> None:
    """Airflow's safe mode looks for the words `dag` and `airflow` in the file."""
    dags.loader.write_text(TWO_LINES)
    dags.spec("one")
    dags.spec("two")
    bag = dags.bag()
    assert (sorted(bag.dags), bag.import_errors) == (["one", "two"], {})


def test_the_dag_processor_lists_a_broken_spec_by_its_own_name(
    dags: Dags, migrated: Path, python: Callable[..., str], tmp_path: Path
) -> None:
    import shutil

    database = tmp_path / "airflow.db"
    shutil.copy(migrated / "pristine.db", database)
    dags.loader.write_text(TWO_LINES)
    for name in ("one", "two"):
        dags.spec(name)
    dags.broken("bad")
    environment = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags.root),
    }
    python("-m", "airflow", "dag-processor", "--num-runs", "1", **environment)
    ((file, message),) = rows(database, "select filename, stacktrace from import_error")
    assert file.endswith("pipelines/bad.windvane.yaml")
    assert "bad.windvane.yaml:1:1" in message
    known = rows(database, "select dag_id, is_stale, has_import_errors from dag order by dag_id")
    assert known == [("one", 0, 0), ("two", 0, 0)]


@pytest.mark.parametrize("planned", [False, True])
def test_a_spec_runs_and_its_assets_say_what_came(
    bundled: Dags, migrated: Path, python: Callable[..., str], planned: bool
) -> None:
    name = f"assets_{'with' if planned else 'without'}_plan"
    spec = bundled.spec(name)
    if planned:
        import windvane

        windvane.plan(spec, rules_only=True)
        # Assets that a DAG names are taken into use by the DAG processor; Airflow 3.0 refuses others.
        python("-m", "airflow", "dag-processor", "--num-runs", "1", AIRFLOW__CORE__DAGS_FOLDER=str(bundled.root))
    state, tasks = run(bundled)
    assert state == "success"
    record = tasks["record", -1].xcom_pull(task_ids="record")
    told = events(migrated, name)
    lake = migrated / "windvane" / "data" / "lake" / name
    assert set(told) == {f"file://{lake}/orders", f"file://{lake}/people"}
    assert {uri.rpartition("/")[2]: extra["rows"] for uri, extra in told.items()} == {"orders": 2, "people": 2}
    for receipt in record["outputs"]:
        extra = told[f"file://{lake}/{receipt['dataset']}"]
        expected = {"checksum": receipt["checksum_target"], "run": record["run"], "plan": record["plan"]}
        assert {key: extra[key] for key in expected} == expected
    # What was loaded lies where [windvane] home says, and nothing in the DAG folder.
    assert (lake / "orders").is_dir()
    assert not (bundled.specs / "lake").exists()


@pytest.mark.parametrize("planned", [False, True])
def test_templates_are_rendered(bundled: Dags, python: Callable[..., str], planned: bool) -> None:
    import pendulum

    for day, content in (("2026-11-01", "id\n1\n"), ("2026-11-02", "id\n1\n2\n")):
        (bundled.data / day).mkdir()
        (bundled.data / day / "days.csv").write_text(content)
    spec = bundled.spec(f"rendered_{planned}".lower(), DAY)
    if planned:
        import windvane

        # Of another day than the one that is run.
        windvane.plan(spec, rules_only=True, params={"ds": "2026-11-01"})
        python("-m", "airflow", "dag-processor", "--num-runs", "1", AIRFLOW__CORE__DAGS_FOLDER=str(bundled.root))
    state, tasks = run(bundled, logical_date=pendulum.datetime(2026, 11, 2))
    assert state == "success"
    assert tasks["record", -1].xcom_pull(task_ids="record")["reconciliation"]["loaded"] == 2


def test_operators_find_their_connections_and_xcom_holds_no_personal_value(bundled: Dags, warehouse: Path) -> None:
    (bundled.data / "people.csv").write_text(PEOPLE)
    bundled.spec("named", TABLES)
    bundled.loader.write_text(
        "from airflow.sdk import DAG, AssetAlias\n"
        "from airflow_windvane import DiscoverOperator, ProfileOperator, WindvaneOperator\n"
        "with DAG('by_hand_everywhere', schedule=None) as dag:\n"
        "    found = DiscoverOperator(task_id='discover', source='pipelines/data')\n"
        "    looked = ProfileOperator(task_id='profile', source='pipelines/data/people.csv')\n"
        "    moved = WindvaneOperator(task_id='move', spec='pipelines/named.windvane.yaml',\n"
        "                             outlets=[AssetAlias('windvane/named')])\n"
        "    found >> looked >> moved\n"
    )
    state, tasks = run(bundled)
    assert state == "success"
    looked = tasks["profile", -1].xcom_pull(task_ids="profile")
    assert looked["personal"] == ["email"]
    assert looked["rows"] == 20
    assert "@example.org" not in json.dumps(looked)
    import windvane

    kept = windvane.kept_profile(looked["profile"], store=f"sqlite://{os.environ['AIRFLOW_HOME']}/windvane/store.db")
    assert "[email]" in json.dumps(kept.to_dict())
    assert "@example.org" not in json.dumps(kept.to_dict())
    assert rows(warehouse, "select count(*) from people") == [(20,)]
    told = events(Path(os.environ["AIRFLOW_HOME"]), "by_hand_everywhere")
    assert set(told) == {f"file://{warehouse}/orders", f"file://{warehouse}/people"}


def test_a_failure_that_no_retry_mends_ends_the_task(bundled: Dags) -> None:
    bundled.spec("unconnected_everywhere", TABLES.replace("warehouse", "nowhere"))
    state, tasks = run(bundled)
    assert state == "failed"
    assert tasks["plan", -1].state == "failed"


def test_a_connection_that_airflow_does_not_know_is_named_with_its_place(tmp_path: Path) -> None:
    from airflow_windvane.connections import engine_urls
    from windvane.errors import MissingError

    spec = tmp_path / "a.windvane.yaml"
    spec.write_text("pipeline: nowhere  # nowhere\ntarget:\n  sqlite: {connection: nowhere}\n")
    with pytest.raises(MissingError, match="Airflow has no connection 'nowhere'") as caught:
        engine_urls(["nowhere"], str(spec))
    assert caught.value.place == {"file": str(spec), "line": 3, "column": 24}
    assert f"{spec}:3:24" in str(caught.value)
    assert "AIRFLOW_CONN_NOWHERE" in str(caught.value)
    assert not caught.value.retryable


def test_a_hook_without_its_provider_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from windvane import callbacks
    from windvane.errors import MissingError, SpecError

    monkeypatch.setenv("AIRFLOW_CONN_OLD", json.dumps({"conn_type": "teradata", "host": "x"}))
    with pytest.raises(SpecError, match="no installed provider opens 'old'") as caught:
        callbacks.hook_columns("old", "t", None)
    assert "apache-airflow-providers-teradata" in str(caught.value.hint)
    with pytest.raises(MissingError, match="no connection 'nowhere'") as missing:
        callbacks.hook_columns("nowhere", "t", None)
    assert "AIRFLOW_CONN_NOWHERE" in str(missing.value.hint)


def test_a_target_in_the_bundle_is_refused_with_the_way_out(dags: Dags, monkeypatch: pytest.MonkeyPatch) -> None:
    dags.spec("inside", dags.text.replace("lake/{name}", f"{dags.root}/out"))
    (message,) = dags.bag().import_errors.values()
    assert "leads into a DAG bundle" in message
    assert "[windvane] home" in message
    dags.spec("inside")
    monkeypatch.setenv("AIRFLOW__WINDVANE__HOME", str(dags.root / "lake"))
    (message,) = dags.bag().import_errors.values()
    assert "leads into a DAG bundle" in message


def test_a_schedule_is_meant_in_its_time_zone(dags: Dags) -> None:
    dags.spec("local", dags.text.replace('"@daily"', '"0 6 * * *"\ntimezone: Europe/Stockholm\nstart_date: 2026-03-01'))
    dags.spec("utc")
    bag = dags.bag()
    assert bag.import_errors == {}
    assert str(bag.dags["local"].timezone) == "Europe/Stockholm"
    assert str(bag.dags["utc"].timezone) == "UTC"
    # Midnight there.
    assert bag.dags["local"].start_date.isoformat() == "2026-02-28T23:00:00+00:00"


def test_a_dag_scheduled_on_the_asset_runs(
    migrated: Path, python: Callable[..., str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The DAG processor, a run of the producer, and the scheduler, which ends an empty task by itself."""
    from conftest import Dags

    dags = Dags(migrated / "dags" / request.node.name)
    dags.spec("producer")
    uri = f"file://{migrated}/windvane/data/lake/producer/orders"
    (dags.root / "consumer.py").write_text(
        f"{TINY}with DAG('consumer', schedule=[Asset({uri!r})]) as dag:\n    EmptyOperator(task_id='use')\n"
    )
    only = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags.root)}
    python("-m", "airflow", "dag-processor", "--num-runs", "1", **only)
    python("-m", "airflow", "dags", "unpause", "consumer", **only)
    assert run(dags)[0] == "success"
    python("-m", "airflow", "scheduler", "--num-runs", "8", **only)
    runs = rows(migrated / "airflow.db", "select state, run_type from dag_run where dag_id = 'consumer'")
    assert runs == [("success", "asset_triggered")]


BY_HAND = """\
from airflow.sdk import DAG
from airflow_windvane import ExtractOperator, LoadOperator, MoveOperator, PlanOperator, TransformOperator
from airflow_windvane import ValidateOperator, WindvaneOperator
with DAG("{name}_whole", schedule=None):
    WindvaneOperator(task_id="go", spec="pipelines/{name}.windvane.yaml")
with DAG("{name}_each", schedule=None):
    WindvaneOperator.partial(task_id="go").expand(spec=["pipelines/{name}.windvane.yaml"])
with DAG("{name}_move", schedule=None):
    MoveOperator.partial(task_id="go", plan_file="pipelines/{name}.plan.json").expand(dataset=["orders", "people"])
with DAG("{name}_load", schedule=None):
    known = {{"plan_file": "pipelines/{name}.plan.json", "dataset": "orders"}}
    taken = ExtractOperator(task_id="extract", **known).output
    done = TransformOperator(task_id="transform", extracted=taken, **known).output
    judged = ValidateOperator(task_id="validate", transformed=done, extracted=taken, **known).output
    LoadOperator(task_id="go", verdict=judged, **known)
"""


def test_operators_by_hand_tell_the_assets_what_they_loaded(
    migrated: Path, python: Callable[..., str], request: pytest.FixtureRequest
) -> None:
    """No outlets are written, and a DAG that is scheduled on the output's asset runs."""
    import windvane
    from conftest import Dags

    dags = Dags(migrated / "dags" / request.node.name)
    name = "byhand"
    windvane.plan(dags.spec(name), rules_only=True)
    dags.loader.write_text(BY_HAND.format(name=name))
    lake = f"file://{migrated}/windvane/data/lake/{name}"
    (dags.root / "used.py").write_text(
        f"{TINY}with DAG('used', schedule=[Asset('{lake}/orders')]) as dag:\n    EmptyOperator(task_id='use')\n"
    )
    only = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags.root)}
    python("-m", "airflow", "dag-processor", "--num-runs", "1", **only)
    python("-m", "airflow", "dags", "unpause", "used", **only)
    bag = dags.bag()
    assert bag.import_errors == {}
    for kind in ("whole", "each", "move", "load"):
        done = bag.dags[f"{name}_{kind}"].test()
        os.environ.pop("_AIRFLOW_PARSING_CONTEXT_DAG_ID", None)
        assert done.state == "success"
        told = events(migrated, f"{name}_{kind}")
        loaded = {f"{lake}/orders"} if kind == "load" else {f"{lake}/orders", f"{lake}/people"}
        assert set(told) == loaded, kind
        for extra in told.values():
            assert extra["rows"] == 2
            assert extra["checksum"]
            assert extra["plan"].startswith("plan") or len(extra["plan"]) > 8
            assert extra["run"].startswith(f"{name}_{kind}__")
            assert extra["pipeline"] == name
    python("-m", "airflow", "scheduler", "--num-runs", "8", **only)
    runs = rows(migrated / "airflow.db", "select distinct state, run_type from dag_run where dag_id = 'used'")
    assert runs == [("success", "asset_triggered")]


def test_what_a_generated_dag_loaded_is_told_once(bundled: Dags, migrated: Path) -> None:
    bundled.spec("told_once")
    assert run(bundled)[0] == "success"
    query = "select count(*) from asset_event where source_dag_id = 'told_once'"
    assert rows(migrated / "airflow.db", query) == [(2,)]


def test_hooks_read_their_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_windvane import LlmHook, WindvaneStoreHook

    gate = {"conn_type": "windvane_llm", "host": "https://models.example.org/v1/", "password": "k"}
    monkeypatch.setenv("AIRFLOW_CONN_GATE", json.dumps(gate))
    monkeypatch.setenv("AIRFLOW_CONN_KEPT", json.dumps({"conn_type": "windvane_store", "host": "/srv/store.db"}))
    assert LlmHook("gate").get_conn()["base_url"] == "https://models.example.org/v1"
    assert WindvaneStoreHook("kept").get_conn() == "sqlite:///srv/store.db"


def test_airflow_takes_the_providers_description() -> None:
    import airflow
    import jsonschema
    from airflow_windvane.get_provider_info import get_provider_info

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


OURS = {"classpath": "airflow_windvane.importer.WindvaneDagImporter"}
THEIRS = {"classpath": "airflow.sdk.importers.yaml_importer.YamlDagImporter"}
OFFICIAL = """\
$schema: https://airflow.apache.org/schemas/dag/{version}.json
dag_id: official
schedule: null
tasks:
  - id: nothing
    uses: airflow.providers.standard.operators.empty.EmptyOperator
"""


@pytest.mark.skipif(not AIRFLOW_V_3_4_PLUS, reason="importers came with Airflow 3.4")
@pytest.mark.parametrize(
    "importers", [[OURS], [OURS, THEIRS], [THEIRS, OURS]], ids=["ours", "ours first", "theirs first"]
)
def test_both_importers_together(
    migrated: Path, python: Callable[..., str], tmp_path: Path, importers: list[dict]
) -> None:
    import shutil
    from importlib.resources import files

    from conftest import Dags

    database = tmp_path / "airflow.db"
    shutil.copy(migrated / "pristine.db", database)
    dags = Dags(tmp_path / "dags")
    dags.loader.unlink()
    dags.spec("one")
    dags.broken("bad")
    found = sorted(files("airflow.sdk.importers.yaml_importer").rglob("20*-*-*.json")) if THEIRS in importers else []
    if found:
        (dags.root / "official.yaml").write_text(OFFICIAL.format(version=found[-1].stem))
    environment = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags.root),
        "AIRFLOW__DAG_PROCESSOR__DAG_IMPORTER_CONFIGS": json.dumps(importers),
    }
    python("-m", "airflow", "dag-processor", "--num-runs", "1", **environment)
    known = [name for (name,) in rows(database, "select dag_id from dag where not is_stale order by dag_id")]
    assert known == (["official", "one"] if found else ["one"])
    ((file, message),) = rows(database, "select filename, stacktrace from import_error")
    assert file == "pipelines/bad.windvane.yaml"
    assert "bad.windvane.yaml:1:1" in message
    # The task finds its DAG by the same importer.
    script = f"""
from airflow.dag_processing.dagbag import DagBag
bag = DagBag({str(dags.root)!r}, bundle_path={str(dags.root)!r}, bundle_name="dags-folder")
print("BAG", sorted(bag.dags), sorted(bag.import_errors))
"""
    assert "'one'" in python("-c", script, **environment).split("BAG")[1]
