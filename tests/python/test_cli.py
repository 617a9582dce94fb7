"""The shell's contract: documents on stdout, everything for people on stderr, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pipelines import write_spec


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("WINDVANE_", "AIRFLOW_"))},
        "WINDVANE_STORE": str(tmp_path / "store.db"),
        "WINDVANE_STAGING": str(tmp_path / "staging"),
    }

    def run(*arguments: str, text: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "windvane", *arguments],
            capture_output=True,
            text=True,
            input=text,
            cwd=tmp_path,
            env={**environment, **more},
            check=False,
        )

    return run


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text("id,email\n" + "".join(f"{n},p{n}@example.org\n" for n in range(20)))
    return write_spec(tmp_path, "rows", source={"csv": {"path": "rows.csv"}}, target={"sqlite": {"path": "lake.db"}})


def test_the_way_through(shell: Any, spec: Path) -> None:
    assert shell("check", spec.name).returncode == 0
    found = json.loads(shell("discover", "rows.csv", "--json").stdout)
    assert [(one["name"], one["rows"]) for one in found["datasets"]] == [("rows", 20)]
    figures = json.loads(shell("profile", "rows.csv", "--json").stdout)
    assert figures["exact"] is True
    assert figures["columns"][1]["semantic_type"] == "email"
    planned = shell("plan", spec.name, "--rules-only", "--json")
    assert json.loads(planned.stdout)["schema"] == "windvane/plan/v1"
    assert "written in the spec" in shell("explain", "rows.plan.json").stdout or planned.returncode == 0
    done = shell("run", spec.name, "--run", "r1", "--json")
    assert json.loads(done.stdout)["reconciliation"]["loaded"] == 20
    mapped = json.loads(shell("map", "rows.csv", "lake.db#rows", "--json").stdout)
    assert {(one["source"], one["target"]) for one in mapped["mappings"]} == {("id", "id"), ("email", "email")}
    for verb in (["runs"], ["decisions", "rows"], ["ledger", "rows"], ["catalog", "rows"]):
        rows = shell(*verb, "--json")
        assert json.loads(rows.stdout)["rows"], verb
        assert shell(*verb).returncode == 0
    assert shell("diff", "rows.plan.json", "rows.plan.json").returncode == 0
    assert shell("doctor").returncode in {0, 1}


def test_every_person_readable_form_is_readable(shell: Any, spec: Path) -> None:
    for arguments in (
        ["discover", "rows.csv"],
        ["profile", "rows.csv"],
        ["plan", spec.name, "--rules-only"],
        ["run", spec.name],
        ["map", "rows.csv", "rows.csv"],
        ["schema", "spec"],
    ):
        done = shell(*arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
        assert "Traceback" not in done.stderr


def test_exit_2_for_a_wrong_request(shell: Any, spec: Path) -> None:
    (spec.parent / "bad.windvane.yaml").write_text("pipeline: x\nsorce: {}\n")
    assert shell("run", "bad.windvane.yaml").returncode == 2
    assert shell("profile", "missing.csv").returncode == 2
    failed = shell("profile", "missing.csv", "--json")
    assert json.loads(failed.stdout)["error"]["kind"] == "missing"
    assert "hint" in failed.stderr


def test_exit_1_when_the_thing_is_not_well(shell: Any, spec: Path) -> None:
    (spec.parent / "bad.windvane.yaml").write_text("pipeline: x\nsorce: {}\n")
    done = shell("check", "bad.windvane.yaml", "--json")
    assert done.returncode == 1
    problems = json.loads(done.stdout)["problems"]
    assert {"file", "line", "column", "path", "kind", "message", "hint"} <= problems[0].keys()
    shell("plan", spec.name, "--rules-only")
    (spec.parent / "other.plan.json").write_text((spec.parent / "rows.plan.json").read_text())
    assert shell("diff", "rows.plan.json", "other.plan.json").returncode == 0


def test_exit_3_when_the_outside_failed(shell: Any, tmp_path: Path) -> None:
    done = shell("discover", "conn:shop", WINDVANE_CONN_SHOP="postgresql://me:s3cret@127.0.0.1:1/shop")
    assert done.returncode == 3
    assert "s3cret" not in done.stdout + done.stderr


def test_a_missing_connection_says_how_to_define_it(shell: Any) -> None:
    done = shell("discover", "conn:shop")
    assert done.returncode == 2
    assert "AIRFLOW_CONN_SHOP" in done.stderr


def test_a_connection_from_airflows_environment(shell: Any, postgres_database: str) -> None:
    done = shell(
        "discover", "conn:shop", "--json", AIRFLOW_CONN_SHOP=postgres_database.replace("postgresql", "postgres")
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["datasets"] == []


def test_a_log_or_a_folder_of_specs_that_is_not_there(shell: Any, tmp_path: Path) -> None:
    """A traceback, and "no mistakes"."""
    (tmp_path / "empty").mkdir()
    for arguments, words in ((("diagnose", "no.log"), "cannot be read"), (("check", "empty"), "there is no spec")):
        done = shell(*arguments)
        assert done.returncode == 2, done
        assert words in done.stderr
        assert "hint:" in done.stderr
        assert "Traceback" not in done.stderr


def test_diagnose_reads_stdin(shell: Any) -> None:
    document = json.loads(shell("diagnose", "--json", text="psycopg2.OperationalError: connection refused").stdout)
    assert document["retryable"] is True
    assert document["action"] == "retry"


@pytest.mark.parametrize("noun", ["spec", "plan", "profile", "run", "catalog", "mapping", "diagnosis"])
def test_schemas_are_there(shell: Any, noun: str) -> None:
    assert "$schema" in json.loads(shell("schema", noun).stdout)


def test_history_tells_runs_of_one_name_apart(shell: Any, spec: Path) -> None:
    source, target = {"csv": {"path": "rows.csv"}}, {"parquet": {"path": "lake"}}
    other = write_spec(spec.parent, "other", source=source, target=target)
    for path in (spec, other):
        assert shell("run", path.name, "--run", "nightly").returncode == 0
    rows = json.loads(shell("runs", "--json").stdout)["rows"]
    assert sorted((row["pipeline"], row["status"]) for row in rows) == [("other", "succeeded"), ("rows", "succeeded")]


def test_a_failed_run_stays_in_history(shell: Any, spec: Path) -> None:
    content = json.loads(spec.read_text())
    spec.write_text(json.dumps({**content, "checks": [{"rows": {"min": 1000}}]}))
    assert shell("run", spec.name, "--run", "r1").returncode == 1
    (row,) = json.loads(shell("runs", "rows", "--json").stdout)["rows"]
    assert row["status"] == "failed"
    assert [one["stage"] for one in row["document"]["failed"]] == ["validate"]


def test_versions_agree(shell: Any) -> None:
    import windvane

    assert shell("--version").stdout.split() == ["windvane", windvane.__version__]


def test_the_doctor_makes_nothing(shell: Any, tmp_path: Path) -> None:
    store, staging = tmp_path / "deep" / "store.db", tmp_path / "deep" / "staging"
    done = shell("doctor", "--json", WINDVANE_STORE=str(store), WINDVANE_STAGING=str(staging))
    found = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["store"]["ok"]
    assert "the first run makes it" in found["store"]["found"]
    assert found["staging"]["ok"]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    done = shell(
        "doctor",
        "--json",
        WINDVANE_STORE=str(tmp_path / "file" / "s.db"),
        WINDVANE_STAGING=str(tmp_path / "file" / "s"),
    )
    found = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert not found["store"]["ok"]
    assert not found["staging"]["ok"]


def test_a_pipeline_that_the_store_does_not_know(shell: Any, spec: Path) -> None:
    assert "knows none yet" in shell("runs", "NOPE").stderr
    assert shell("run", spec.name, "--run", "r1").returncode == 0
    for verb in ("runs", "decisions", "ledger"):
        done = shell(verb, "NOPE")
        assert done.returncode == 2, verb
        assert "no pipeline 'NOPE'" in done.stderr
        assert "It knows: rows" in done.stderr
    head = shell("ledger", "rows").stdout.splitlines()[0].split()
    assert head[:4] == ["dataset", "run", "rows", "loaded_at"]


def test_an_unknown_quarantine_file_is_a_wrong_request(shell: Any, spec: Path) -> None:
    done = shell("run", spec.name, "--replay", "nope.jsonl")
    assert done.returncode == 2
    assert "nope.jsonl" in done.stderr
