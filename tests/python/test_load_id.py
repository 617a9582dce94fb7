"""Appended rows that know their load: a run that is done again takes its own rows out and no others."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import outside, write_spec
from tries import FILES, Case, made
from windvane.errors import WindvaneError

TABLES = ("sqlite", "postgres", "mysql")
WAYS = ("staged", "fused", "pieces", "quarantine", "pushdown")


@pytest.fixture(params=TABLES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def case(folder: Path, kind: str, way: str, request: pytest.FixtureRequest, **more: Any) -> Case:
    settings: dict[str, Any] = {}
    if way == "pieces":
        # Pieces of a file of text need some length.
        settings = {"partitions": 3, "strategy": "staged"}
        fill = "x" * 40
        more.setdefault("steps", [{"derive": {"note": f"'{fill}'"}}])
    if way == "quarantine":
        settings = {"strategy": "staged", "checks": [{"range": {"column": "id", "max": 1_000}}]}
    if way == "pushdown":
        settings = {"strategy": "pushdown", "steps": [{"derive": {"twice": "amount * 2"}}]}
    return made(folder, kind, "append", way, request, **{"load_id": True, "settings": settings, **more})


def last_load(case: Case) -> dict[str, Any]:
    facts = [row[0] for row in case.execute("SELECT facts FROM windvane_loads WHERE dataset = 'items'")]
    return max((json.loads(text) for text in facts), key=lambda facts: facts["attempt"])


# Only PostgreSQL does steps itself.
@pytest.mark.parametrize(
    ("kind", "way"), [(kind, way) for kind in TABLES for way in WAYS if way != "pushdown" or kind == "postgres"]
)
def test_a_run_that_is_done_again_replaces_its_own_rows(
    tmp_path: Path, kind: str, way: str, request: pytest.FixtureRequest
) -> None:
    one = case(tmp_path, kind, way, request)
    wrong = [2_000] if way == "quarantine" else []
    one.source([*range(100), *wrong])
    assert one.run("d1")["status"] == "success"
    one.source([*range(200, 210), *wrong])
    assert one.run("d2")["status"] == "success"
    marks = one.execute("SELECT load_id, count(*) FROM items GROUP BY load_id ORDER BY 2")
    assert [count for _, count in marks] == [10, 100]
    assert {mark for mark, _ in marks} == {row[0] for row in one.execute("SELECT load_id FROM windvane_loads")}
    for ids in (range(105), range(50), [*range(40), 77]):
        one.source([*ids, *wrong])
        again = one.run("d1")
        assert again["status"] == "success", again
        receipt = again["outputs"][0]
        assert not receipt["already"]
        assert receipt["loaded"] == len(ids)
        assert receipt["quarantined"] == len(wrong)
        assert receipt["rows_in"] + receipt["added"] == len(ids) + receipt["filtered"] + len(wrong)
        assert one.ids() == [*ids, *range(200, 210)]
    assert last_load(one)["attempt"] == 4
    assert len(one.execute("SELECT load_id FROM windvane_loads WHERE dataset = 'items'")) == 2
    # The same content again, and the other run, change nothing.
    assert one.run("d1")["status"] == "success"
    one.source([*range(200, 210), *wrong])
    assert one.run("d2")["status"] == "success"
    assert one.ids() == [*range(40), 77, *range(200, 210)]


def test_as_many_other_rows_are_seen_without_reading_them_back(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    one = case(tmp_path, kind, "staged", request, verify="rows")
    one.source(range(100))
    one.run("d1")
    one.source(range(500, 600))
    assert one.run("d1")["status"] == "success"
    assert one.ids() == list(range(500, 600))


def test_rows_that_somebody_took_away_come_back(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    one = case(tmp_path, kind, "staged", request)
    for run, ids in (("d1", range(10)), ("d2", range(10, 20)), ("d3", range(20, 30))):
        one.source(ids)
        one.run(run)
    one.execute("DELETE FROM items WHERE id IN (3, 4, 13, 25)")
    for run, ids in (("d1", range(10)), ("d2", range(10, 20)), ("d3", range(20, 30))):
        one.source(ids)
        again = one.run(run)
        assert again["status"] == "success", again
        assert not again["outputs"][0]["already"]
    assert one.ids() == list(range(30))


@pytest.mark.parametrize("drift", ["evolve", "freeze"])
def test_a_table_without_the_column(tmp_path: Path, kind: str, drift: str, request: pytest.FixtureRequest) -> None:
    one = made(tmp_path, kind, "append", "staged", request)
    one.source(range(10))
    assert one.run("d1")["status"] == "success"
    document = json.loads(one.spec.read_text())
    document["target"][kind]["load_id"] = "_load"
    document["drift"] = drift
    one.spec.write_text(json.dumps(document))
    one.source(range(10, 20))
    record = one.run("d2")
    if drift == "freeze":
        assert record["status"] == "failed"
        assert "lacks the column '_load'" in json.dumps(record)
        assert one.ids() == list(range(10))
        return
    assert record["status"] == "success", record
    assert any("gets the column '_load'" in note["what"] for note in record["drift"])
    assert [row[0] for row in one.execute("SELECT count(*) FROM items WHERE _load IS NULL")] == [10]
    # Rows from before the column cannot be told from others; those behind it can.
    one.source(range(5))
    again = one.run("d1")
    assert again["status"] == "failed"
    assert "before the column '_load' was there" in json.dumps(again)
    assert one.ids() == list(range(20))
    one.source(range(10, 15))
    assert one.run("d2")["status"] == "success"
    assert one.ids() == list(range(15))


def spec(folder: Path, **more: Any) -> Path:
    (folder / "items.csv").write_text("id,load_id\n1,2\n")
    target = {"sqlite": {"path": "lake.db", "mode": "append", **more.pop("target", {})}}
    return write_spec(folder, "p", source={"csv": {"path": "items.csv"}}, target=target, **more)


def test_a_column_of_the_data_with_its_name_is_refused(tmp_path: Path) -> None:
    path = spec(tmp_path, target={"load_id": True})
    with pytest.raises(WindvaneError, match="the rows have a column 'load_id'") as caught:
        wv.plan(path, rules_only=True, **outside(tmp_path))
    assert "Rename the column" in str(caught.value.hint)
    # A step that makes it is seen without a connection.
    path = spec(tmp_path, target={"load_id": "mark"}, steps=[{"rename": {"load_id": "Mark"}}])
    problems = wv.check(path)["problems"]
    assert any("the rows have a column" in problem["message"] for problem in problems), problems
    path = spec(tmp_path, target={"load_id": "mark"}, steps=[{"drop": ["load_id"]}])
    assert wv.check(path)["ok"]


@pytest.mark.parametrize(
    ("target", "datasets", "says"),
    [
        ({"sqlite": {"path": "a.db", "load_id": True}}, {}, "the mode is 'replace'"),
        ({"sqlite": {"path": "a.db", "mode": "append"}}, {"items": {"mode": "merge", "key": "id", "load_id": True}},
         "the mode is 'merge'"),
        ({"parquet": {"path": "lake", "mode": "append"}}, {"items": {"load_id": True}}, "has no column 'load_id'"),
        ({"sqlite": {"path": "a.db", "mode": "append", "load_id": ""}}, {}, "load_id"),
    ],
)  # fmt: skip
def test_where_it_means_nothing_it_is_refused(
    tmp_path: Path, target: dict[str, Any], datasets: dict[str, Any], says: str
) -> None:
    path = write_spec(tmp_path, "p", source={"csv": {"path": "items.csv"}}, target=target, datasets=datasets)
    assert any(says in json.dumps(problem) for problem in wv.check(path)["problems"]), wv.check(path)["problems"]


def test_the_plan_says_it_and_a_dataset_may_have_its_own(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.csv").write_text("id\n1\n")
    path = write_spec(
        tmp_path, "p", source={"csv": {"path": "*.csv"}},
        target={"sqlite": {"path": "lake.db", "mode": "append", "load_id": True}},
        datasets={"a": {}, "b": {"load_id": "_batch"}, "c": {"load_id": False}},
    )  # fmt: skip
    plan = wv.plan(path, rules_only=True, **outside(tmp_path))
    assert [output.get("load_id") for output in plan["outputs"]] == ["load_id", "_batch", None]
    text = wv.explain(path.with_name("p.plan.json"))
    assert "carries the id of its load in `_batch`" in text
    assert "cannot be told from others without `load_id: true`" in text
    assert wv.run(path, run="r", rules_only=True, **outside(tmp_path))["status"] == "success"
    with sqlite3.connect(tmp_path / "lake.db") as file:
        assert [column[1] for column in file.execute("PRAGMA table_info(b)")] == ["id", "_batch"]
        assert [column[1] for column in file.execute("PRAGMA table_info(c)")] == ["id"]


def test_a_replay_and_the_quarantine_table_stand_beside(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    one = case(tmp_path, kind, "quarantine", request, quarantine={"table": "refused"})
    one.source([*range(10), 5_000])
    record = one.run("d1")
    assert one.ids() == list(range(10))
    assert one.execute("SELECT count(*) FROM refused")[0][0] == 1
    file = Path(record["outputs"][0]["quarantine"][0])
    mended = tmp_path / "mended.jsonl"
    mended.write_text(file.read_text().replace("5000", "500"))
    wv.run(one.spec, replay=str(mended), **one.world())
    assert one.ids() == [*range(10), 500]
    one.source([*range(12), 5_000])
    # The row is one of the run's: it goes with the others, into the quarantine of this doing of it, and is said to.
    again = one.run("d1")["outputs"][0]
    assert any("replay" in warning for warning in again["warnings"])
    assert (again["quarantined"], one.ids()) == (1, list(range(12)))


def interval_case(folder: Path, kind: str, way: str, request: pytest.FixtureRequest, **more: Any) -> Case:
    settings = {"strategy": way, "incremental": {"column": "day", "by": "interval"}, **more.pop("settings", {})}
    return made(folder, kind, "append", way, request, settings=settings, **more)


def days(case: Case, *rows: tuple[int, str]) -> None:
    (case.folder / "items.csv").write_text("id,day\n" + "".join(f"{n},{day}\n" for n, day in rows))


def interval(day: int) -> tuple[str, str]:
    return (f"2024-03-{day:02d}T00:00:00Z", f"2024-03-{day + 1:02d}T00:00:00Z")


def source_of(*days_: int, extra: int = 0) -> list[tuple[int, str]]:
    rows = [(day * 100 + n, f"2024-03-{day:02d}T{n:02d}:00:00.5Z") for day in days_ for n in range(10)]
    return rows + [(5_000 + n, f"2024-03-01T23:59:59.{n}Z") for n in range(extra)]


@pytest.mark.parametrize("way", ["staged", "fused"])
@pytest.mark.parametrize("renamed", [False, True])
def test_an_interval_is_done_again(
    tmp_path: Path, kind: str, way: str, renamed: bool, request: pytest.FixtureRequest
) -> None:
    steps = {"steps": [{"rename": {"day": "at"}}]} if renamed else {}
    one = interval_case(tmp_path, kind, way, request, **steps)
    days(one, *source_of(1, 2, 3))
    for day in (1, 2, 3):
        assert one.run(f"d{day}", interval=interval(day))["status"] == "success"
    assert len(one.ids()) == 30
    # Rows that came late into the first day, and one that is gone.
    days(one, *source_of(1, 2, 3, extra=3)[1:])
    again = one.run("d1", interval=interval(1))
    assert again["status"] == "success", again
    assert again["outputs"][0]["loaded"] == 12
    assert one.ids() == sorted([*range(101, 110), *range(200, 210), *range(300, 310), 5_000, 5_001, 5_002])
    assert one.run("d2", interval=interval(2))["status"] == "success"
    assert len(one.ids()) == 32


@pytest.mark.parametrize("load_id", [None, True])
@pytest.mark.parametrize(
    ("first", "last", "shares"),
    [
        ("03-01T12", "03-02T12", True),
        ("02-29T12", "03-01T01", True),
        ("03-01T03", "03-01T04", True),
        ("02-28T00", "03-03T00", True),
        ("02-29T00", "03-01T00", False),
        ("03-02T00", "03-03T00", False),
    ],
)
def test_an_interval_of_which_another_run_has_a_part(
    tmp_path: Path, first: str, last: str, *, shares: bool, load_id: bool | None, kind: str,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    one = interval_case(tmp_path, kind, "staged", request, load_id=load_id)
    days(one, (29, "2024-02-29T23:00:00.5Z"), *source_of(1, 2))
    assert one.run("d1", interval=interval(1))["status"] == "success"
    before = one.ids()
    other = one.run("other", interval=(f"2024-{first}:00:00Z", f"2024-{last}:00:00Z"))
    if not shares:
        assert other["status"] == "success", other
        assert len(one.ids()) > len(before)
        assert len(set(one.ids())) == len(one.ids())
        return
    assert other["status"] == "failed"
    said = json.dumps(other)
    assert "run 'd1' has loaded the rows from 2024-03-01" in said
    assert f"this run's are those from 2024-{first[:5]}" in said
    assert '"kind": "conflict"' in said
    assert one.ids() == before


@pytest.mark.parametrize("kind", FILES)
def test_an_interval_of_which_files_hold_a_part(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    one = interval_case(tmp_path, kind, "staged", request)
    days(one, *source_of(1, 2))
    assert one.run("d1", interval=interval(1))["status"] == "success"
    half = one.run("half", interval=("2024-03-01T05:00:00Z", "2024-03-02T05:00:00Z"))
    assert half["status"] == "failed"
    assert "run 'd1' has loaded the rows from" in json.dumps(half)
    assert one.run("d2", interval=interval(2))["status"] == "success"
    assert len(one.ids()) == 20


def test_days_of_another_zone_follow_each_other(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A schedule of Berlin over a column of dates: its days begin at 23:00 UTC, in any order of the runs."""
    one = interval_case(tmp_path, "sqlite", "staged", request)
    days(one, *[(day, f"2024-03-{day:02d}") for day in range(1, 8)])
    for day in (4, 3, 5):
        ends = (f"2024-03-{day - 1:02d}T23:00:00Z", f"2024-03-{day:02d}T23:00:00Z")
        assert one.run(f"d{day}", interval=ends)["status"] == "success"
    assert len(one.ids()) == len(set(one.ids())) == 3


def test_an_interval_that_brought_no_row_hinders_no_other(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    one = interval_case(tmp_path, kind, "staged", request)
    days(one, *source_of(2))
    assert one.run("d1", interval=interval(1))["status"] == "success"
    assert one.run("d2", interval=interval(2))["status"] == "success"
    assert one.run("late", interval=("2024-03-01T12:00:00Z", "2024-03-02T00:00:00Z"))["status"] == "success"
    assert len(one.ids()) == 10


def test_an_interval_with_a_row_more(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Somebody has added one by hand."""
    one = interval_case(tmp_path, kind, "staged", request)
    days(one, *source_of(1, 2))
    one.run("d1", interval=interval(1))
    one.execute("INSERT INTO items (id, day) SELECT 9999, min(day) FROM items")
    days(one, *source_of(1, 2, extra=3))
    again = one.run("d1", interval=interval(1))
    assert again["status"] == "failed"
    assert "has appended 10 rows, and the table holds 11 rows in its window" in json.dumps(again)
    assert len(one.ids()) == 11


@pytest.mark.parametrize("way", ["staged", "fused"])
@pytest.mark.parametrize(
    "change",
    [
        (
            "DELETE FROM items WHERE id = 100",
            "INSERT INTO items (id, day) SELECT 9999, max(day) FROM items WHERE id < 200",
        ),
        ("UPDATE items SET id = 9999 WHERE id = 100",),
        ("UPDATE items SET id = 102 WHERE id = 101",),
    ],
)
def test_an_interval_with_as_many_other_rows(
    tmp_path: Path, kind: str, way: str, change: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    """What somebody else has written into the window goes with nothing."""
    one = interval_case(tmp_path, kind, way, request)
    days(one, *source_of(1, 2))
    for day in (1, 2):
        one.run(f"d{day}", interval=interval(day))
    for statement in change:
        one.execute(statement)
    before = one.ids()
    days(one, *source_of(1, 2, extra=3))
    again = one.run("d1", interval=interval(1))
    assert again["status"] == "failed"
    said = json.dumps(again)
    assert "has appended 10 rows, and the table holds as many in its window, but not the same ones" in said
    assert '"kind": "conflict"' in said
    assert one.ids() == before
    # The other day is as it was.
    days(one, *source_of(1, 2)[:-1])
    again = one.run("d2", interval=interval(2))
    assert again["status"] == "success", again
    assert one.ids() == [n for n in before if n != 209]
    assert again["outputs"][0].get("warnings", []) == []


@pytest.mark.parametrize("way", ["staged", "fused"])
def test_an_interval_that_was_only_counted(tmp_path: Path, kind: str, way: str, request: pytest.FixtureRequest) -> None:
    one = interval_case(tmp_path, kind, way, request, verify="rows")
    days(one, *source_of(1, 2))
    one.run("d1", interval=interval(1))
    days(one, *source_of(1, 2, extra=3))
    again = one.run("d1", interval=interval(1))
    assert again["status"] == "success", again
    assert "by their number alone" in json.dumps(again["outputs"][0]["warnings"])
    assert len(one.ids()) == 13


def test_an_interval_in_a_table_that_was_there(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Whose types are others, and whose blanks are the server's."""
    one = interval_case(tmp_path, "postgres", "staged", request, drift="evolve")
    one.execute("CREATE TABLE items (id bigint, day timestamptz, code char(12))")
    rows = [f"{day * 100 + n},2024-03-{day:02d}T{n:02d}:00:00.5Z,x{n}" for day in (1, 2) for n in range(10)]
    (tmp_path / "items.csv").write_text("\n".join(["id,day,code", *rows]) + "\n")
    for _ in range(3):
        again = one.run("d1", interval=interval(1))
        assert again["status"] == "success", again
        with (tmp_path / "items.csv").open("a") as file:
            file.write(f"{len(one.ids())},2024-03-01T20:00:00Z,late\n")
    assert len(one.ids()) == 12


def test_an_interval_whose_column_is_computed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    one = interval_case(tmp_path, "sqlite", "staged", request, steps=[{"cast": {"day": "date"}}])
    days(one, *source_of(1))
    one.run("d1", interval=interval(1))
    days(one, *source_of(1, extra=3))
    again = one.run("d1", interval=interval(1))
    assert again["status"] == "failed"
    assert "its source has changed since" in json.dumps(again)
    assert len(one.ids()) == 10


def test_the_names_of_other_columns_may_be_anything(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    one = case(tmp_path, kind, "staged", request, steps=[{"rename": {"amount": "a) VALUES (?, ?"}}])
    one.source(range(3))
    assert one.run("d1")["status"] == "success"
    assert one.ids() == [0, 1, 2]
    assert len(one.execute("SELECT DISTINCT load_id FROM items")) == 1
