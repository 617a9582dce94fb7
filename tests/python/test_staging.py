"""Where rows rest between stages: what the folder may be, names of files, workers that do not share it, the quarantine
files.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane import stages
from windvane.errors import DataError, MissingError, UnsupportedError
from windvane.settings import staging_folder
from windvane.shell import doctor

if TYPE_CHECKING:
    from pathlib import Path


def _spec(folder: Path, name: str = "p", dataset: str = "orders", **more: Any) -> Path:
    (folder / f"{dataset}.csv").write_text("id,amount\n1,10\n2,20\n3,x\n")
    return write_spec(
        folder,
        name,
        source={"csv": {"path": str(folder / f"{dataset}.csv")}},
        target={"parquet": {"path": str(folder / "out")}},
        **more,
    )


@pytest.mark.parametrize("place", ["s3://bucket/staging", "gs://b/s", "az://c/s", "abfss://c@a/s", "s3:/bucket"])
def test_a_url_is_no_staging_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    world = {**outside(tmp_path), "staging": place}
    spec = _spec(tmp_path)
    with pytest.raises(UnsupportedError, match="object store is not there yet") as caught:
        move(spec, **world)
    assert "path" in str(caught.value.hint)
    with pytest.raises(UnsupportedError):
        stages.plan(str(spec), run="r", **world)
    monkeypatch.setenv("WINDVANE_STAGING", place)
    findings = {finding["what"]: finding for finding in doctor.examine()["findings"]}
    assert not findings["staging"]["ok"]
    assert place in findings["staging"]["found"]
    assert not [path for path in tmp_path.iterdir() if ":" in path.name]


def test_a_path_is(tmp_path: Path) -> None:
    assert staging_folder(str(tmp_path / "a:b")) == str(tmp_path / "a:b")
    assert staging_folder("~/x").startswith("/")


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


def test_a_worker_that_does_not_see_the_file_says_so(tmp_path: Path) -> None:
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
    assert staged["host"]
    (tmp_path / staged["uri"]).unlink()
    with pytest.raises(MissingError, match="is gone"):
        stages.transform(planned["plan_file"], "orders", extracted, **given)
    staged["host"] = "worker-7"
    with pytest.raises(MissingError, match=r"this worker \(host .+\) does not see .+ wrote on host worker-7") as caught:
        stages.transform(planned["plan_file"], "orders", extracted, **given)
    assert "[windvane] staging" in str(caught.value.hint)


def test_a_damaged_line_of_a_quarantine_file_is_named(tmp_path: Path) -> None:
    spec = _spec(tmp_path)
    lines = [json.dumps({"stage": "extract", "output": "orders", "record": {"id": "3", "amount": "3"}}), '{"stage": ']
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        wv.run(spec, replay=tmp_path / "q.jsonl", rules_only=True, **outside(tmp_path))
    assert caught.value.place["line"] == 2
    assert caught.value.place["file"].endswith("q.jsonl")
