"""Where rows rest between stages: what the folder may be, names of files, workers that do not share it, the quarantine
files.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane import stages
from windvane.errors import DataError, MissingError, SpecError, UnsupportedError
from windvane.settings import staging_place, without_connection
from windvane.shell import doctor


def _spec(folder: Path, name: str = "p", dataset: str = "orders", **more: Any) -> Path:
    (folder / f"{dataset}.csv").write_text("id,amount\n1,10\n2,20\n3,x\n")
    return write_spec(
        folder,
        name,
        source={"csv": {"path": str(folder / f"{dataset}.csv")}},
        target={"parquet": {"path": str(folder / "out")}},
        **more,
    )


@pytest.mark.parametrize(
    "place",
    [
        "s3:/bucket",
        "S3://bucket/x",
        "ftp://host/x",
        "https://user:hush@host/x",
        "file:///x",
        "s3://",
        "s3://key:hush@bucket/x",
        "s3://bucket/x?versionId=hush",
        "hdfs://hush@h/x",
    ],
)
def test_what_is_no_place_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    world = {**outside(tmp_path), "staging": place}
    spec = _spec(tmp_path)
    with pytest.raises((UnsupportedError, SpecError)) as caught:
        move(spec, **world)
    assert "s3://CONNECTION@bucket" in str(caught.value.hint)
    assert "hush" not in str(caught.value)
    with pytest.raises((UnsupportedError, SpecError)):
        stages.plan(str(spec), run="r", **world)
    with pytest.raises((UnsupportedError, SpecError)):
        wv.prune(staging=place, store=world["store"])
    monkeypatch.setenv("WINDVANE_STAGING", place)
    findings = {finding["what"]: finding for finding in doctor.examine()["findings"]}
    assert not findings["staging"]["ok"]
    assert not [path for path in tmp_path.iterdir() if ":" in path.name]


@pytest.mark.parametrize(
    ("text", "plain", "connection"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b", None),
        ("s3://my.conn-1@bucket/a", "s3://bucket/a", "my.conn-1"),
        ("gs://c@bucket", "gs://bucket", "c"),
        ("az://c@box/x", "az://box/x", "c"),
        ("abfss://box@acct.dfs.core.windows.net/x", "abfss://box@acct.dfs.core.windows.net/x", None),
        ("/plain/c@d", "/plain/c@d", None),
    ],
)
def test_a_connection_stands_before_the_bucket(text: str, plain: str, connection: str | None) -> None:
    assert without_connection(staging_place(text)) == (plain, connection)


@pytest.mark.parametrize(
    "place", ["relative/x", "~/x", "ftp://h/x", "s3://k:hush@b/x", "s3://", "s3://b/{{ ds }}", "${HOME}/x"]
)
def test_check_finds_what_is_no_place(tmp_path: Path, place: str) -> None:
    found = wv.check(_spec(tmp_path, staging=place))
    assert not found["ok"]
    assert "hush" not in json.dumps(found.to_dict())


def test_the_spec_says_where_rows_rest(tmp_path: Path) -> None:
    rests = tmp_path / "rests"
    spec = _spec(tmp_path, staging=str(rests), datasets={"orders": {"steps": [{"cast": {"amount": "int64"}}]}})
    world = {key: value for key, value in outside(tmp_path).items() if key != "staging"}
    record = move(spec, **world)
    assert record["outputs"][0]["quarantine"][0].startswith(f"{rests}/")
    planned = stages.plan(str(spec), run="r2", **world)
    assert planned["plan_file"].startswith(f"{rests}/plans/")
    # What a call says goes before.
    record = move(spec, "r3", **outside(tmp_path))
    assert record["outputs"][0]["quarantine"][0].startswith(f"{tmp_path}/staging/")


def test_a_path_is(tmp_path: Path) -> None:
    assert staging_place(str(tmp_path / "a:b")) == str(tmp_path / "a:b")
    assert staging_place("~/x").startswith("/")


def test_names_of_any_length(tmp_path: Path) -> None:
    first, second = "订" * 60 + "一", "订" * 60 + "二"
    for dataset, amount in ((first, 1), (second, 2)):
        (tmp_path / f"{dataset}.csv").write_text(f"id,amount\n1,{amount}\n2,x{amount}\n")
    spec = write_spec(
        tmp_path,
        "p" * 190,
        source={"csv": {"path": str(tmp_path / "订*.csv")}},
        target={"parquet": {"path": str(tmp_path / "out")}},
    )
    for strategy in ("staged", "fused"):
        document = json.loads(spec.read_text())
        datasets = {name: {"strategy": strategy} for name in (first, second)}
        spec.write_text(json.dumps({**document, "datasets": datasets}))
        record = move(spec, run="r" * 240 + strategy, **outside(tmp_path))
        assert record["status"] == "success"
        assert [len(parquet_rows(tmp_path / "out" / name)) for name in (first, second)] == [2, 2]


def test_a_staged_file_that_is_gone_says_so(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,amount\n1,10\n")
    spec = write_spec(
        tmp_path,
        "p",
        source={"csv": {"path": str(tmp_path / "orders.csv")}},
        target={"parquet": {"path": str(tmp_path / "out")}},
        datasets={"orders": {"strategy": "staged"}},
    )
    world = outside(tmp_path)
    planned = stages.plan(str(spec), run="r", **world)
    given = {"run": "r", "base": str(tmp_path), **world}
    extracted = stages.extract(planned["plan_file"], "orders", **given)
    staged = extracted["inputs"]["orders"]
    assert staged["origin"]["host"]
    assert staged["origin"]["disk"]
    (tmp_path / staged["uri"]).unlink()
    with pytest.raises(MissingError, match="is gone"):
        stages.transform(planned["plan_file"], "orders", extracted, **given)


def test_disks_that_are_not_shared(tmp_path: Path) -> None:
    """Two workers whose staging folders have one path, or two, on disks of their own."""
    spec = _spec(tmp_path, datasets={"orders": {"strategy": "staged"}})
    world = {**outside(tmp_path), "host": "worker-a"}
    planned = stages.plan(str(spec), run="r", **world)
    given = {"run": "r", "base": str(tmp_path)}
    extracted = stages.extract(planned["plan_file"], "orders", **given, **world)
    uri = extracted["inputs"]["orders"]["uri"]
    disk = tmp_path / "staging"
    committed = wv.plan(spec, rules_only=True, **world)
    plan_file = str(tmp_path / "p.plan.json")
    assert committed["id"]
    away = disk.rename(tmp_path / "another disk")
    for host in ("worker-b", "worker-a"):
        # The same name too: containers are often called alike.
        there = {**world, "host": host}
        with pytest.raises(MissingError) as caught:
            stages.transform(plan_file, "orders", extracted, **given, **there)
        assert f"staged on worker-a's disk at {uri}; this is {host}" in str(caught.value)
        assert "Set [windvane] staging to a shared folder or s3://" in str(caught.value.hint)
        # The same after something else was staged here.
        stages.extract(plan_file, "orders", run="other", base=str(tmp_path), **there)
    with pytest.raises(MissingError) as caught:
        stages.transform(planned["plan_file"], "orders", extracted, **given, **{**world, "host": "worker-b"})
    assert f"planned on worker-a's disk at {planned['plan_file']}; this is worker-b" in str(caught.value)
    # A shared folder, from which the rows were removed, is told apart from that.
    shutil.rmtree(disk)
    away.rename(disk)
    Path(uri).unlink()
    with pytest.raises(MissingError, match="is gone"):
        stages.transform(planned["plan_file"], "orders", extracted, **given, **{**world, "host": "worker-b"})


def test_a_damaged_line_of_a_quarantine_file_is_named(tmp_path: Path) -> None:
    spec = _spec(tmp_path)
    whole = {"stage": "extract", "output": "orders", "run": "r", "attempt": 1, "row": 1, "marks": {"record": "0"}}
    lines = [json.dumps({**whole, "record": {"id": "3", "amount": "3"}}), '{"stage": ']
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        wv.run(spec, replay=tmp_path / "q.jsonl", rules_only=True, **outside(tmp_path))
    assert caught.value.place["line"] == 2
    assert caught.value.place["file"].endswith("q.jsonl")
