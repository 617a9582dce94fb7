"""One stage of a run that has ended is done again alone: what is gone of its staging is made again from the source."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import outside, write_spec
from tries import Case
from windvane import stages
from windvane.errors import WindvaneError


class Staged:
    """A run in stages, as Airflow's tasks do them."""

    def __init__(self, folder: Path, target: dict[str, Any], **dataset: Any) -> None:
        self.case = Case(folder, next(iter(target)), None, folder / "p.windvane.json")
        self.case.source(range(100))
        spec = write_spec(
            folder, "p", source={"csv": {"path": "items.csv"}}, target=target, guard={"rows": 0},
            datasets={"items": {"strategy": "staged", **dataset}},
        )  # fmt: skip
        wv.plan(spec, rules_only=True, **outside(folder))
        world = outside(folder)
        self.plan = str(spec.with_name("p.plan.json"))
        self.common = {"run": "d1", "base": str(folder), **world}

    def run(self) -> None:
        self.inputs = stages.extract(self.plan, "items", **self.common)
        self.staged = self.transform()
        self.verdict = self.validate()
        stages.record(self.plan, [self.load()], **self.common)
        assert not Path(self.verdict["staged"]["uri"]).exists()

    def transform(self) -> Any:
        return stages.transform(self.plan, "items", self.inputs, **self.common)

    def validate(self) -> Any:
        return stages.validate(self.plan, "items", self.staged, self.inputs, **self.common)

    def load(self) -> Any:
        return stages.load(self.plan, "items", self.verdict, **self.common)


TARGETS: dict[str, dict[str, Any]] = {
    "replace": {"sqlite": {"path": "lake.db"}},
    "append": {"parquet": {"path": "lake", "mode": "append"}},
    "load_id": {"sqlite": {"path": "lake.db", "mode": "append", "load_id": True}},
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_stage_alone(tmp_path: Path, target: str) -> None:
    one = Staged(tmp_path, TARGETS[target])
    one.run()
    again = one.load()
    assert (again["loaded"], again["rows_in"]) == (100, 100)
    staged = one.transform()
    assert staged["rows"] == 100
    verdict = one.validate()
    assert verdict["checksum"] == one.verdict["checksum"]
    assert one.case.ids() == list(range(100))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ids", [range(105), range(1, 101)])
def test_the_source_gives_other_rows(tmp_path: Path, target: str, ids: range) -> None:
    one = Staged(tmp_path, TARGETS[target])
    one.run()
    one.case.source(ids)
    with pytest.raises(WindvaneError, match="are gone, and its source gives") as caught:
        one.load()
    assert "Clear the whole run" in str(caught.value.hint)
    assert one.case.ids() == list(range(100))
    # And from the beginning it is done again.
    one.run()
    assert one.case.ids() == list(ids)


def test_a_first_try_does_not_read_twice(tmp_path: Path) -> None:
    one = Staged(tmp_path, TARGETS["replace"])
    one.inputs = stages.extract(one.plan, "items", **one.common)
    Path(one.inputs["inputs"]["items"]["uri"]).unlink()
    with pytest.raises(WindvaneError, match="is gone"):
        one.transform()


def test_the_receipts_of_a_thousand_loads_are_kept(tmp_path: Path) -> None:
    """Of older ones only that they were: an append of such a run is refused, not doubled."""
    one = Staged(tmp_path, TARGETS["append"])
    one.run()
    path = tmp_path / "lake" / "items" / "_manifest.json"
    manifest = json.loads(path.read_text())
    (first,) = manifest["loads"]
    manifest["loads"] += [{**first, "load_id": f"other-{n}"} for n in range(999)]
    path.write_text(json.dumps(manifest))
    one.case.source(range(200, 205))
    assert one.case.run("d2")["status"] == "success"
    manifest = json.loads(path.read_text())
    assert manifest["older"] == [first["load_id"]]
    assert len(manifest["loads"]) == 1_000
    before = one.case.ids()
    again = one.case.run("d1")
    assert again["status"] == "failed"
    assert "more than 1000 loads ago" in json.dumps(again)
    assert one.case.ids() == before


def test_plans_with_the_same_work(tmp_path: Path) -> None:
    case = Case(tmp_path, "sqlite", None, tmp_path / "p.windvane.json")
    case.source(range(100))
    spec = write_spec(tmp_path, "p", source={"csv": {"path": "items.csv"}}, target={"sqlite": {"path": "lake.db"}})
    first = wv.plan(spec, rules_only=True, **outside(tmp_path))
    (tmp_path / "p.plan.json").rename(tmp_path / "first.json")
    case.source(range(300))
    second = wv.plan(spec, rules_only=True, **outside(tmp_path))
    assert first["id"] != second["id"]
    assert first["work"] == second["work"]
    (said,) = wv.diff(tmp_path / "first.json", tmp_path / "p.plan.json")
    assert "only what was observed has changed" in said["what"]
    (tmp_path / "p.plan.json").rename(tmp_path / "second.json")
    write_spec(
        tmp_path, "p", source={"csv": {"path": "items.csv"}}, target={"sqlite": {"path": "lake.db"}},
        steps=[{"filter": "id > 5"}],
    )  # fmt: skip
    third = wv.plan(spec, rules_only=True, **outside(tmp_path))
    assert third["work"] != second["work"]
    assert all("observed" not in one["what"] for one in wv.diff(tmp_path / "second.json", tmp_path / "p.plan.json"))


WHOLE: dict[str, dict[str, Any]] = {
    **TARGETS,
    "merge": {"sqlite": {"path": "lake.db", "mode": "merge"}},
    "append_untold": {"sqlite": {"path": "lake.db", "mode": "append"}},
}


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("target", WHOLE)
def test_a_lost_store_is_no_reason_to_call_a_run_done(tmp_path: Path, target: str, strategy: str) -> None:
    """The stages of a run that only the target knows do it again, as a whole run does."""
    settings = {"key": "id"} if target == "merge" else {}
    one = Staged(tmp_path, WHOLE[target], **settings, strategy=strategy)

    def whole(store: str) -> Any:
        one.common["store"] = str(tmp_path / store)
        if strategy == "fused":
            receipt = stages.move(one.plan, "items", **one.common)
        else:
            one.inputs = stages.extract(one.plan, "items", **one.common)
            one.staged, one.verdict = one.transform(), None
            one.verdict = one.validate()
            receipt = one.load()
        stages.record(one.plan, [receipt], **one.common)
        return receipt

    assert whole("store.db")["attempt"] == 1
    one.case.source(range(104))
    if target == "append_untold":
        with pytest.raises(WindvaneError, match="its source has changed since"):
            whole("other.db")
        assert one.case.ids() == list(range(100))
        return
    again = whole("other.db")
    assert (again["already"], again["loaded"], again["attempt"]) == (False, 104, 2)
    assert one.case.ids() == list(range(104))
    one.case.source(range(105))
    assert whole("other.db")["attempt"] == 3
    one.case.source(range(106))
    assert whole("third.db")["attempt"] == 4
    assert one.case.ids() == list(range(106))


def test_tasks_of_a_lost_run_that_begin_side_by_side(tmp_path: Path) -> None:
    """Each of them knows which doing of the run it is."""
    one = Staged(tmp_path, TARGETS["replace"])
    one.run()
    one.case.source(range(104))
    one.common["store"] = str(tmp_path / "other.db")
    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(stages.split, one.plan, "items", **one.common) for _ in range(4)]
        for task in tasks:
            task.result()
    one.inputs = stages.extract(one.plan, "items", **one.common)
    one.staged = one.transform()
    one.verdict = one.validate()
    receipt = one.load()
    assert (receipt["already"], receipt["attempt"]) == (False, 2)
