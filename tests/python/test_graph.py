"""Folders of specs as task graphs: what can run, in which order, the same on every run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane import _core

EXAMPLES = Path(__file__).parents[2] / "dags"
SPEC = "pipeline: {name}\nsource:\n  csv: {{path: data}}\ntarget:\n  parquet: {{path: lake}}\n"
OVERLAY = "environments: {prod: {owner: ops, target: {postgres: {connection: lake}}}}\n"


def load(folder: Path, **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_core.load_folder(json.dumps({"folder": str(folder), **more})))
    return document


def write(folder: Path, name: str, text: str | None = None) -> Path:
    path = folder / f"{name}.windvane.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if text is not None else SPEC.format(name=Path(name).name))
    return path


def write_plan(
    spec: Path, outputs: list[str], file: str | None = None, strategy: str = "staged", **more: Any
) -> dict[str, Any]:
    """A plan file as the engine seals it: the id is the hash of the compact document with an empty id."""
    request = {"path": str(spec), "environment": more.get("environment")}
    normal = json.loads(_core.normalize(json.dumps(request)))
    plan = {
        "schema": "windvane/plan/v1",
        "id": "",
        "pipeline": normal["spec"]["pipeline"],
        **more,
        "engine": _core.version(),
        "spec_hash": normal["hash"],
        "sources": {"source": normal["spec"]["source"]},
        "target": normal["spec"]["target"],
        "drift": "evolve",
        "errors": {"rows": "quarantine", "max_quarantined": 1.0},
        "inputs": [],
        "outputs": [
            {
                "name": name, "from": name, "reads": [], "steps": [], "schema": [], "checks": [],
                "dataset": name.replace(".", "_"), "mode": "replace",
                "strategy": {"strategy": strategy, "by": "rules", "reason": "asked"},
            }
            for name in outputs
        ],
        "decisions": [],
    }  # fmt: skip
    compact = json.dumps(plan, separators=(",", ":"), ensure_ascii=False)
    plan["id"] = hashlib.sha256(compact.encode()).hexdigest()[:16]
    stem = spec.name.split(".windvane.")[0]
    spec.with_name(file or f"{stem}.plan.json").write_text(json.dumps(plan, ensure_ascii=False))
    return plan


def judge(graph: dict[str, Any]) -> None:
    """Ids are sound and unique, and every node stands behind those that it waits for."""
    seen: set[str] = set()
    for node in graph["nodes"]:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,200}", node["id"]), node
        assert node["group"] is None or re.fullmatch(r"[A-Za-z0-9_-]{1,200}", node["group"]), node
        assert node["id"] not in seen
        assert set(node["after"]) <= seen
        seen.add(node["id"])
    groups = {node["group"] for node in graph["nodes"]} - {None}
    assert not groups & seen


def test_examples_load() -> None:
    found = load(EXAMPLES)
    assert found["broken"] == []
    assert {entry["pipeline"] for entry in found["pipelines"]} >= {"orders", "airflow_history", "two_sources"}
    for entry in found["pipelines"]:
        judge(entry["graph"])


def test_what_a_pipeline_says(tmp_path: Path) -> None:
    text = SPEC.format(name="orders") + (
        "intent: Orders.\nschedule: '@daily'\nstart_date: 2024-01-01\ncatchup: true\nowner: ann\ntags: [b, a]\n"
        "retries: 3\nretry_delay: 1.5\n"
    )
    path = write(tmp_path, "orders", text)
    entry = load(tmp_path)["pipelines"][0]
    graph = entry.pop("graph")
    assert "Orders." in entry.pop("doc_md")
    assert entry == {
        "file": str(path), "spec_file_hash": hashlib.sha256(text.encode()).hexdigest()[:16], "pipeline": "orders",
        "schedule": "@daily", "start_date": "2024-01-01", "catchup": True, "owner": "ann", "tags": ["b", "a"],
        "retries": 3, "retry_delay": 1.5, "intent": "Orders.", "plan": None, "connections": [],
        "timezone": None, "target": {"parquet": {"path": "lake"}}, "loads": [],
        "intervals": False,
    }  # fmt: skip
    assert [(node["id"], node["stage"], node["mapped"], node["after"]) for node in graph["nodes"]] == [
        ("plan", "plan", False, []),
        ("datasets-extract", "extract", True, ["plan"]),
        ("datasets-transform", "transform", True, ["datasets-extract"]),
        ("datasets-validate", "validate", True, ["datasets-transform"]),
        ("datasets-load", "load", True, ["datasets-validate"]),
        ("record", "record", False, ["datasets-load"]),
    ]


def test_a_committed_plan_gives_a_group_an_output(tmp_path: Path) -> None:
    path = write(tmp_path, "deep/orders")
    plan = write_plan(path, ["customers", "orders"])
    entry = load(tmp_path)["pipelines"][0]
    judge(entry["graph"])
    assert entry["plan"] == {"file": str(path.with_name("orders.plan.json")), "id": plan["id"]}
    assert entry["loads"] == ["customers", "orders"]
    nodes = {node["id"]: node for node in entry["graph"]["nodes"]}
    assert len(nodes) == 2 + 2 * 4
    assert nodes["orders-extract"]["output"] == "orders"
    assert nodes["orders-extract"]["group"] == "orders"
    assert nodes["record"]["after"] == ["customers-load", "orders-load"]
    assert not any(node["mapped"] for node in nodes.values())


def test_many_outputs_become_one_mapped_group(tmp_path: Path) -> None:
    names = [f"t{number:02}" for number in range(17)]
    write_plan(write(tmp_path, "orders"), names)
    graph = load(tmp_path)["pipelines"][0]["graph"]
    assert graph["outputs"] == names
    assert [node["mapped"] for node in graph["nodes"]] == [False, True, True, True, True, False]


@pytest.mark.parametrize("count", [2, 17])
def test_what_the_target_does_itself_is_extracted_and_loaded(tmp_path: Path, count: int) -> None:
    names = [f"t{number:02}" for number in range(count)]
    write_plan(write(tmp_path, "orders"), names, strategy="pushdown")
    graph = load(tmp_path)["pipelines"][0]["graph"]
    judge(graph)
    stages = ["extract", "load"] if count > 16 else ["extract", "load"] * count
    assert [node["stage"] for node in graph["nodes"]] == ["plan", *stages, "record"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.text('ab.-_ é/#"数', max_size=5) | st.sampled_from(["record", "plan", "x" * 500]), max_size=16, unique=True
    )
)
def test_ids_are_sound_and_do_not_depend_on_other_outputs(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    path = write(folder, "orders")
    write_plan(path, sorted(names))
    graph = load(folder)["pipelines"][0]["graph"]
    judge(graph)
    assert {node["output"] for node in graph["nodes"]} - {None} == set(names)
    for node in graph["nodes"]:
        if node["output"] is not None and re.fullmatch("[ab_-]+", node["output"]):
            assert node["group"] == node["output"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"orders"', '"other"'), "not what its id"),
        (lambda text: text[:-5], "not a plan file"),
        (lambda _: "", "not a plan file"),
    ],
)
def test_a_damaged_plan_breaks_its_pipeline_alone(tmp_path: Path, damage: Any, message: str) -> None:
    write(tmp_path, "sound")
    path = write(tmp_path, "orders")
    write_plan(path, ["orders"])
    file = tmp_path / "orders.plan.json"
    file.write_text(damage(file.read_text()))
    found = load(tmp_path)
    assert [entry["pipeline"] for entry in found["pipelines"]] == ["sound"]
    assert [entry["file"] for entry in found["broken"]] == [str(path)]
    problem = found["broken"][0]["problems"][0]
    assert problem["file"] == str(file)
    assert message in problem["message"]
    assert problem["hint"]


def test_a_plan_of_another_spec_or_environment_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "orders", SPEC.format(name="orders") + OVERLAY)
    write_plan(path, ["orders"])
    assert load(tmp_path)["broken"] == []
    refused = load(tmp_path, environment="prod")["broken"][0]["problems"][0]
    assert "it was built for no environment, not 'prod'" in refused["message"]
    write_plan(path, ["orders"], "orders.prod.plan.json", environment="prod")
    assert load(tmp_path, environment="prod")["pipelines"][0]["plan"]["file"].endswith("orders.prod.plan.json")
    path.write_text(path.read_text() + "drift: fail\n")
    refused = load(tmp_path)["broken"][0]["problems"][0]
    assert "the spec has changed" in refused["message"]
    assert "windvane plan" in refused["hint"]
    path.write_text(path.read_text().replace("drift: fail", "schedule: '@daily'"))
    assert load(tmp_path)["broken"] == []


def test_environments_apply_to_the_specs_that_have_them(tmp_path: Path) -> None:
    write(tmp_path, "plain")
    write(tmp_path, "rich", SPEC.format(name="rich") + OVERLAY)
    found = load(tmp_path, environment="prod")
    assert [(entry["owner"], entry["target"]) for entry in found["pipelines"]] == [
        (None, {"parquet": {"path": "lake"}}),
        ("ops", {"postgres": {"connection": "lake"}}),
    ]
    found = load(tmp_path, environment="prd")
    assert [entry["pipeline"] for entry in found["pipelines"]] == ["plain"]
    assert found["broken"][0]["problems"][0]["hint"] == "Did you mean 'prod'?"


def test_one_broken_file_hides_no_other(tmp_path: Path) -> None:
    for name in ("a", "c"):
        write(tmp_path, name)
    bad = write(tmp_path, "b", SPEC.format(name="b") + "scheduel: x\nownr: y\n")
    (tmp_path / "d.windvane.yaml").write_bytes(b"\xff\xfe")
    found = load(tmp_path)
    assert [entry["pipeline"] for entry in found["pipelines"]] == ["a", "c"]
    assert [Path(entry["file"]).name for entry in found["broken"]] == ["b.windvane.yaml", "d.windvane.yaml"]
    assert [(p["file"], p["line"], p["path"]) for p in found["broken"][0]["problems"]] == [
        (str(bad), 6, "scheduel"), (str(bad), 7, "ownr"),
    ]  # fmt: skip


def test_the_second_spec_of_an_id_is_broken(tmp_path: Path) -> None:
    first = write(tmp_path, "a/orders")
    second = write(tmp_path, "b/orders")
    for only in ({}, {"only": "orders"}):
        found = load(tmp_path, **only)
        assert [entry["file"] for entry in found["pipelines"]] == [str(first)]
        assert [entry["file"] for entry in found["broken"]] == [str(second)]
        problem = found["broken"][0]["problems"][0]
        assert (problem["line"], problem["column"], problem["path"]) == (1, 11, "pipeline")
        assert str(first) in problem["message"]
    # Broken as it may be, the first owns the id: the second never takes its place unasked.
    first.write_text(first.read_text() + "scheduel: x\n")
    for only in ({}, {"only": "orders"}):
        found = load(tmp_path, **only)
        assert found["pipelines"] == []
        assert len(found["broken"]) == 2


def test_only_the_wanted_pipeline_is_read(tmp_path: Path) -> None:
    for name in ("orders", "orders2", "other"):
        write(tmp_path, name)
    (tmp_path / "broken.windvane.yaml").write_text("orders: [")
    (tmp_path / "escaped.windvane.yaml").write_text(SPEC.format(name='"esc\\x61ped"'))
    (tmp_path / "mention.windvane.yaml").write_text(SPEC.format(name="mention") + "intent: as orders\n")
    whole = {entry["pipeline"]: entry for entry in load(tmp_path)["pipelines"]}
    assert set(whole) == {"orders", "orders2", "other", "escaped", "mention"}
    for name, entry in whole.items():
        found = load(tmp_path, only=name)
        assert found["pipelines"] == [entry]
        assert found["broken"] == []
    assert load(tmp_path, only="nobody")["pipelines"] == []


def test_one_file(tmp_path: Path) -> None:
    path = write(tmp_path, "orders")
    write(tmp_path, "other")
    for file in (str(path), path.name):
        assert [entry["file"] for entry in load(tmp_path, file=file)["pipelines"]] == [str(path)]


def test_hidden_folders_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, ".git/orders")
    write(tmp_path, "a/b/c/orders")
    assert [entry["pipeline"] for entry in load(tmp_path)["pipelines"]] == ["orders"]


def test_twenty_times_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    for number in range(20):
        text = SPEC.format(name=f"p{number}") + OVERLAY
        write(tmp_path, f"p{number}", text + ("scheduel: x\n" if number % 5 == 0 else ""))
    write_plan(tmp_path / "p1.windvane.yaml", ["b", "a.b", "a_b", "a-b"])
    request = json.dumps({"folder": str(tmp_path)})
    program = "import sys; from windvane import _core; sys.stdout.write(_core.load_folder(sys.argv[1]))"
    outputs = {_core.load_folder(request)}
    for seed in range(20):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        command = [sys.executable, "-c", program, request]
        outputs.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(outputs) == 1
    assert len(json.loads(outputs.pop())["pipelines"]) == 16
