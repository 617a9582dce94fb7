"""What a run may not do in silence: refused before anything is visible, let pass once by name, written into the record."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import windvane
import yaml
from windvane import cli, guards
from windvane.errors import DataError, SpecError, WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

WAYS = ["staged", "fused"]


class Shop:
    """A CSV file and the SQLite table that it goes into."""

    def __init__(self, folder: Path, **words: Any) -> None:
        self.folder = folder
        self.words = words
        self.runs = 0

    def give(self, rows: list[str], head: str = "id,price,note") -> None:
        (self.folder / "orders.csv").write_text("\n".join([head, *rows]) + "\n")

    def spec(self, **more: Any) -> Path:
        document = {
            "pipeline": "shop",
            "source": {"csv": {"path": "orders.csv"}},
            "target": {"sqlite": {"path": "shop.db"}},
            "steps": [{"cast": {"price": "int64"}}],
            **self.words,
            **more,
        }
        path = self.folder / "shop.windvane.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def run(self, allow: tuple[str, ...] = (), **more: Any) -> Any:
        self.runs += 1
        where = {"store": f"sqlite:///{self.folder}/store.db", "staging": self.folder / "staging"}
        return windvane.run(self.spec(**more), run=f"r{self.runs}", rules_only=True, allow=allow, **where)

    def held(self, what: str = "count(*)", table: str = "orders") -> Any:
        with sqlite3.connect(self.folder / "shop.db") as base:
            return base.execute(f"select {what} from {table}").fetchone()[0]


def good(rows: int) -> list[str]:
    return [f"{row},{row * 10},n{row}" for row in range(rows)]


def bad(rows: int) -> list[str]:
    return [f"{row},x{row},n{row}" for row in range(rows)]


@pytest.fixture(params=WAYS)
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    return Shop(tmp_path, datasets={"orders": {"strategy": request.param}})


@pytest.mark.parametrize(
    ("well", "ill", "passes"),
    [
        (0, 1111, False),
        (0, 2, False),
        (0, 1, False),
        (2, 1, True),
        (1, 1, True),
        (8, 2, False),
        (90, 10, True),
        (89, 11, False),
    ],
)
def test_a_share_of_rows_in_quarantine(shop: Shop, well: int, ill: int, passes: bool) -> None:
    shop.give(good(well) + bad(ill))
    if passes:
        run = shop.run()
        assert (run["reconciliation"]["loaded"], run["reconciliation"]["quarantined"]) == (well, ill)
        return
    with pytest.raises(DataError, match="went to quarantine") as caught:
        shop.run()
    assert "; nothing is loaded" in str(caught.value)
    assert "--allow quarantined" in str(caught.value)
    assert 'backfill of that day with the configuration {"allow": ["quarantined"]}' in str(caught.value)
    with pytest.raises(sqlite3.OperationalError):
        shop.held()
    if well:
        run = shop.run(allow=("quarantined",))
        assert [(one["guard"], one["dataset"]) for one in run["passed"]] == [("quarantined", "orders")]
        assert run["allow"] == ["quarantined"]
        # Rows were loaded.
        assert all("nothing is loaded" not in one["saw"] for one in run["passed"])
        assert shop.held() == well


def test_a_number_of_rows_stops_early(shop: Shop) -> None:
    shop.give(good(50_000) + bad(40) + good(50_000))
    with pytest.raises(DataError, match=r"rows went to quarantine where 5 are allowed"):
        shop.run(guard={"quarantined_rows": 5})


def test_the_older_word_is_the_same_guard(shop: Shop) -> None:
    shop.give(good(6) + bad(4))
    assert shop.run(errors={"max_quarantined": 0.5})["reconciliation"]["loaded"] == 6
    with pytest.raises(DataError, match=r"a share of 0\.4000 where 0\.3 is allowed"):
        shop.run(guard={"quarantined": 0.3})
    with pytest.raises(SpecError, match="say the same twice"):
        shop.run(errors={"max_quarantined": 0.5}, guard={"quarantined": 0.5})


def test_a_dataset_has_its_own_guard(tmp_path: Path) -> None:
    shop = Shop(tmp_path, guard={"quarantined": 0}, datasets={"orders": {"guard": {"quarantined": 0.5}}})
    shop.give(good(6) + bad(4))
    assert shop.run()["reconciliation"]["loaded"] == 6


def test_an_unknown_guard_is_a_wrong_request(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.give(good(3))
    with pytest.raises(SpecError, match="there is no guard 'quarantine'") as caught:
        shop.run(allow=("quarantine",))
    assert ", ".join(guards.NAMES) in str(caught.value)


def two(folder: Path) -> Path:
    """Of the datasets `a` to `c`, `b` cannot be loaded."""
    for name, rows in (("a", good(5)), ("b", bad(5)), ("c", good(7))):
        (folder / "in").mkdir(exist_ok=True)
        (folder / "in" / f"{name}.csv").write_text("\n".join(["id,price,note", *rows]) + "\n")
    path = folder / "three.windvane.yaml"
    document = {
        "pipeline": "three",
        "source": {"files": {"path": "in"}},
        "target": {"sqlite": {"path": "shop.db"}},
        "steps": [{"cast": {"price": "int64"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_refused_dataset_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDVANE_STAGING", str(tmp_path / "staging"))
    monkeypatch.setenv("WINDVANE_STORE", f"sqlite:///{tmp_path}/store.db")
    path = two(tmp_path)
    assert cli.main(["run", str(path), "--run", "r", "--rules-only", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "failed"
    assert [one["output"] for one in document["failed"]] == ["b"]
    assert [one["output"] for one in document["outputs"]] == ["a", "c"]
    assert document["error"]["kind"] == "data"
    shop = Shop(tmp_path)
    assert (shop.held(table="a"), shop.held(table="c")) == (5, 7)
    assert cli.main(["run", str(path), "--run", "r2", "--rules-only"]) == 1
    shown = capsys.readouterr()
    assert "failed: b" in shown.out
    assert "Loaded: a, c" in shown.err
    with pytest.raises(WindvaneError) as caught:
        windvane.run(path, run="r3", rules_only=True)
    assert caught.value.record is not None
    assert caught.value.record["status"] == "failed"


def test_a_check_that_nobody_wrote_only_counts(tmp_path: Path) -> None:
    shop = Shop(tmp_path, steps=[])
    shop.give(good(300))
    shop.run()
    path = shop.spec()
    # The rules propose `not_null` for columns that had a value in every row.
    where = {"store": f"sqlite:///{tmp_path}/store.db", "staging": tmp_path / "staging"}
    plan = windvane.plan(path, rules_only=True, write=False, **where)
    assert any(check["by"] == "rules" for output in plan["outputs"] for check in output["checks"])
    unreviewed = windvane.plan(path, rules_only=True, write=False, reviewed=False, **where)
    assert all(check["warns"] for output in unreviewed["outputs"] for check in output["checks"])
    assert not any(check.get("warns") for output in plan["outputs"] for check in output["checks"])
    for name, reviewed in (("late", False), ("accepted", True)):
        plan_file = tmp_path / f"{name}.plan.json"
        windvane.plan(path, rules_only=True, plan_file=plan_file, reviewed=reviewed, **where)
    shop.give([*good(300), ",990,late", "301,,late", "302,20,"])
    run = windvane.run(tmp_path / "late.plan.json", run="late", **where)
    assert (run["reconciliation"]["loaded"], run["reconciliation"]["quarantined"]) == (303, 0)
    assert any("break the proposed check" in told for told in run["outputs"][0]["warnings"])
    # A plan file that a person has accepted takes rows away.
    run = windvane.run(tmp_path / "accepted.plan.json", run="accepted", **where)
    assert run["reconciliation"]["quarantined"] > 0
