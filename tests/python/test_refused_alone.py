"""Without a plan file, a file that is no table any more is refused by itself: the others are loaded, and the run fails and says which."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from pipelines import move, outside, parquet_rows, write_spec
from windvane import stages
from windvane.errors import DataError, WindvaneError

HTML = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n"
DAMAGED = gzip.compress(b"id,name\n" + b"1,a\n" * 5000)[:-30]
BAD = {
    "html": ("b.csv", HTML, "b.csv.*this is an HTML page"),
    "json": ("b.csv", b'{"error": "no"}', "JSON error document"),
    "zip": ("b.csv", b"PK\x03\x04" + bytes(200), "ZIP archive"),
    "empty": ("b.csv", b"", "empty"),
    "empty_lines": ("b.jsonl", b"", "empty|no columns|is left"),
    "damaged": ("b.csv.gz", DAMAGED, "b.csv.gz.*could not be"),
    "no_parquet": ("b.parquet", b"id,name\n1,a\n", "b.parquet"),
}


def good(folder: Path, name: str) -> None:
    text = "id,name\n" + "".join(f"{number},x{number}\n" for number in range(20))
    match name.split(".", 1)[1]:
        case "csv":
            (folder / name).write_text(text)
        case "csv.gz":
            (folder / name).write_bytes(gzip.compress(text.encode()))
        case "jsonl":
            (folder / name).write_text("".join(f'{{"id": {number}, "name": "x"}}\n' for number in range(20)))
        case _:
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.table({"id": list(range(20)), "name": ["x"] * 20}), folder / name)


def pipeline(tmp_path: Path, **more: Any) -> tuple[Path, Path]:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ["a.csv", "c.csv"]:
        good(folder, name)
    spec = write_spec(
        tmp_path, "three", source={"files": {"path": "in/*"}}, target={"parquet": {"path": "lake"}}, **more
    )
    return spec, folder


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("bad", BAD)
def test_the_others_are_loaded(tmp_path: Path, bad: str, first: bool, strategy: str) -> None:
    name, content, match = BAD[bad]
    datasets = {one: {"strategy": strategy} for one in "abc"}
    spec, folder = pipeline(tmp_path, datasets=datasets)
    if not first:
        good(folder, name)
        move(spec, "r1", **outside(tmp_path))
        before = parquet_rows(tmp_path / "lake" / "b")
    (folder / name).write_bytes(content)
    good(folder, "a.csv")
    with (folder / "a.csv").open("a") as file:
        file.write("20,new\n")
    with pytest.raises(WindvaneError, match=match) as caught:
        move(spec, "r2", **outside(tmp_path))
    record = caught.value.record
    assert record is not None
    assert record["status"] == "failed"
    assert sorted(one["output"] for one in record["outputs"]) == ["a", "c"]
    (failed,) = record["failed"]
    assert failed["output"] == "b"
    assert failed["kind"] in {"data", "conflict", "unsupported"}
    assert failed["hint"]
    assert len(parquet_rows(tmp_path / "lake" / "a")) == 21
    if not first:
        assert parquet_rows(tmp_path / "lake" / "b") == before
    # Mended, it is loaded with the others.
    good(folder, name)
    assert len(move(spec, "r3", **outside(tmp_path))["outputs"]) == 3


def test_the_store_is_lost(tmp_path: Path) -> None:
    spec, folder = pipeline(tmp_path)
    good(folder, "b.csv")
    move(spec, "r1", **outside(tmp_path))
    for left in tmp_path.glob("store.db*"):
        left.unlink()
    (folder / "b.csv").write_bytes(HTML)
    with pytest.raises(DataError, match="HTML page") as caught:
        move(spec, "r2", **outside(tmp_path))
    assert caught.value.record is not None
    assert len(caught.value.record["outputs"]) == 2
    assert len(parquet_rows(tmp_path / "lake" / "b")) == 20


def test_what_needs_a_broken_dataset_is_refused_with_it(tmp_path: Path) -> None:
    joined = {"a": {"steps": [{"join": {"with": "b", "on": ["id"], "how": "left"}}]}}
    spec, folder = pipeline(tmp_path, datasets=joined)
    (folder / "b.csv").write_bytes(HTML)
    with pytest.raises(DataError, match="it needs 'b', which cannot be read: this is an HTML page") as caught:
        move(spec, "r1", **outside(tmp_path))
    record = caught.value.record
    assert record is not None
    assert [one["output"] for one in record["failed"]] == ["a"]
    assert [one["output"] for one in record["outputs"]] == ["c"]


def test_what_nobody_needs_may_be_anything(tmp_path: Path) -> None:
    spec, folder = pipeline(tmp_path, datasets={"b": {"load": False}})
    (folder / "b.csv").write_bytes(HTML)
    assert len(move(spec, "r1", **outside(tmp_path))["outputs"]) == 2


def test_two_sources(tmp_path: Path) -> None:
    for name in ["x", "y"]:
        (tmp_path / name).mkdir()
        good(tmp_path / name, "a.csv")
        good(tmp_path / name, "b.csv")
    sources = {name: {"csv": {"path": f"{name}/*.csv"}} for name in ["x", "y"]}
    spec = write_spec(tmp_path, "two", sources=sources, target={"sqlite": {"path": "w.db"}})
    (tmp_path / "y" / "b.csv").write_bytes(HTML)
    with pytest.raises(DataError, match="HTML") as caught:
        move(spec, "r1", **outside(tmp_path))
    assert caught.value.record is not None
    assert [one["output"] for one in caught.value.record["failed"]] == ["y.b"]
    assert len(caught.value.record["outputs"]) == 3


def test_nothing_is_left(tmp_path: Path) -> None:
    spec, folder = pipeline(tmp_path)
    for name in ["a.csv", "c.csv"]:
        (folder / name).write_bytes(HTML)
    with pytest.raises(DataError, match="HTML page") as caught:
        move(spec, "r1", **outside(tmp_path))
    assert "Also: c: " in (caught.value.hint or "")


def test_a_plan_that_is_reviewed_is_not_made_of_a_part(tmp_path: Path) -> None:
    import windvane as wv

    spec, folder = pipeline(tmp_path)
    (folder / "b.csv").write_bytes(HTML)
    with pytest.raises(DataError, match="HTML page"):
        wv.plan(spec, rules_only=True, **outside(tmp_path))
    assert not list(tmp_path.glob("*.plan.json"))


def test_in_stages(tmp_path: Path) -> None:
    spec, folder = pipeline(tmp_path)
    (folder / "b.csv").write_bytes(HTML)
    world = {**outside(tmp_path), "run": "r1"}
    planned = stages.plan(str(spec), **world)
    assert planned["outputs"] == ["a", "c"]
    assert planned["refused"] == {"b": "this is an HTML page ('502 Bad Gateway'), not delimited text"}
    plan, world = planned["plan_file"], {**world, "base": str(tmp_path)}
    receipts = []
    for name in planned["outputs"]:
        extracted = stages.extract(plan, name, **world)
        transformed = stages.transform(plan, name, extracted, **world)
        verdict = stages.validate(plan, name, transformed, extracted, **world)
        receipts.append(stages.load(plan, name, verdict, **world))
    with pytest.raises(DataError, match="not loaded: b\n  b: .*this is an HTML page"):
        stages.record(plan, receipts, **world)
    assert len(parquet_rows(tmp_path / "lake" / "c")) == 20
