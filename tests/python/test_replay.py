"""Mended rows of a quarantine: they belong to the load of the run that has put them aside, and come once."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from tries import FILES, KINDS, Case, made
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = ("sqlite", "postgres", "mysql")
#: What a run does to its target, where the target can.
MODES = {
    "append": KINDS, "load_id": TABLES, "replace": KINDS, "merge": KINDS, "history": TABLES, "delete": TABLES,
}  # fmt: skip
CASES = [(mode, kind) for mode, kinds in MODES.items() for kind in kinds]
#: Rows that the first run puts aside.
BAD = (5, 17)


@pytest.fixture
def case(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Case]:
    def make(kind: str, mode: str, way: str = "staged", **more: Any) -> Case:
        settings = dict(more.pop("settings", {}))
        if mode in {"history", "delete"}:
            settings["key"] = "id"
        if mode == "delete":
            settings["absent"] = "delete"
        if mode == "load_id":
            more["load_id"] = True
        words = {"load_id": "append", "delete": "merge"}.get(mode, mode)
        return made(tmp_path, kind, words, way, request, settings=settings, guard={"rows": 0, "quarantined": 1}, **more)

    return make


def rows(case: Case, ids: Any, bad: Any = (), amount: str = "1.25") -> None:
    lines = [f"{n},{'n/a' if n in bad else amount}" for n in ids]
    (case.folder / "items.csv").write_text("\n".join(["id,amount", *lines]) + "\n")


def planned(case: Case) -> None:
    """The columns are numbers, whatever comes later."""
    rows(case, range(40))
    wv.plan(case.spec, rules_only=True, **case.world())


def refused(record: Any) -> list[dict[str, Any]]:
    (output,) = record["outputs"]
    return [json.loads(line) for file in output["quarantine"] for line in Path(file).read_text().splitlines()]


def mend(lines: list[dict[str, Any]], amount: str = "2.50") -> list[dict[str, Any]]:
    for line in lines:
        line["source" if "source" in line else "record"]["amount"] = amount
    return lines


def replay(case: Case, lines: list[dict[str, Any]], **more: Any) -> Any:
    file = case.folder / "mended.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return wv.run(case.spec, rules_only=True, replay=str(file), **case.world(), **more)


def ids(case: Case) -> list[int]:
    """Of the rows that count: of a history the current versions."""
    if "history" not in case.spec.read_text():
        return case.ids()
    return [row[0] for row in case.execute("SELECT id FROM items WHERE valid_to IS NULL ORDER BY id")]


def begun(case: Case, ids: Any = range(40), run: str = "d1") -> list[dict[str, Any]]:
    rows(case, ids, BAD)
    record = case.run(run)
    assert record["status"] == "success", record
    lines = mend(refused(record))
    assert len(lines) == len(BAD)
    return lines


def begun_one(case: Case) -> list[dict[str, Any]]:
    """The same of a pipeline with more outputs."""
    rows(case, range(40), BAD)
    (output,) = [output for output in case.run()["outputs"] if output["output"] == "items"]
    return mend([json.loads(line) for file in output["quarantine"] for line in Path(file).read_text().splitlines()])


@pytest.mark.parametrize("way", ["staged", "fused"])
@pytest.mark.parametrize(("mode", "kind"), CASES)
def test_the_run_itself_again_from_a_mended_source(case: Callable[..., Case], mode: str, kind: str, way: str) -> None:
    one = case(kind, mode, way)
    planned(one)
    lines = begun(one)
    for _ in range(2):
        again = replay(one, lines)
        assert again["outputs"][0]["loaded"] == len(BAD)
        assert ids(one) == list(range(40))
    # The same source: nothing has changed.
    assert one.run()["status"] == "success"
    assert set(ids(one)) >= set(range(40)) - set(BAD)
    assert len(ids(one)) == len(set(ids(one)))
    rows(one, range(40))
    record = one.run()
    if mode == "append" and kind in TABLES:
        assert record["failed"][0]["kind"] == "conflict"
    else:
        assert record["status"] == "success", record
    assert ids(one) == list(range(40))
    rows(one, range(40, 50) if mode in {"append", "load_id"} else range(50))
    assert one.run("d2")["status"] == "success"
    assert ids(one) == list(range(50))


@pytest.mark.parametrize(("mode", "kind"), CASES)
def test_lines_in_another_order_and_company(case: Callable[..., Case], mode: str, kind: str) -> None:
    one = case(kind, mode)
    planned(one)
    first, second = begun(one)
    replay(one, [first])
    with pytest.raises(WindvaneError, match=r"1 of these 2 rows were loaded already"):
        replay(one, [first, second])
    with pytest.raises(WindvaneError, match=r"1 of these 1 rows were loaded already"):
        replay(one, mend([first], "9.75"))
    assert ids(one) == [n for n in range(40) if n != BAD[1]]
    replay(one, [second])
    assert ids(one) == list(range(40))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_lines_says_nothing(case: Callable[..., Case], kind: str) -> None:
    one = case(kind, "append")
    planned(one)
    lines = begun(one)
    replay(one, lines)
    assert replay(one, lines[::-1])["outputs"][0]["already"]
    assert replay(one, [*lines, lines[0]])["outputs"][0]["already"]
    assert ids(one) == list(range(40))


@pytest.mark.parametrize(("mode", "kind"), [case for case in CASES if case[0] not in {"append", "load_id"}])
def test_a_replay_after_a_later_run(case: Callable[..., Case], mode: str, kind: str) -> None:
    one = case(kind, mode)
    planned(one)
    lines = begun(one)
    rows(one, range(45), amount="7.75")
    assert one.run("d2")["status"] == "success"
    with pytest.raises(WindvaneError) as told:
        replay(one, lines)
    assert told.value.record["failed"][0]["kind"] == "conflict"
    assert ids(one) == list(range(45))


@pytest.mark.parametrize("kind", KINDS)
def test_by_key_rows_that_nobody_has_brought_since_come_late(case: Callable[..., Case], kind: str) -> None:
    one = case(kind, "merge")
    planned(one)
    lines = begun(one)
    rows(one, range(40, 50))
    assert one.run("d2")["status"] == "success"
    replay(one, lines)
    assert ids(one) == list(range(50))


@pytest.mark.parametrize("kind", KINDS)
def test_by_key_the_row_that_was_there_changes(case: Callable[..., Case], kind: str) -> None:
    one = case(kind, "merge")
    planned(one)
    assert one.run("d0")["status"] == "success"
    lines = begun(one)
    assert replay(one, lines)["outputs"][0]["changes"]["updated"] == len(BAD)
    assert ids(one) == list(range(40))


@pytest.mark.parametrize("kind", TABLES)
def test_in_a_history_a_mended_row_is_a_version(case: Callable[..., Case], kind: str) -> None:
    one = case(kind, "history")
    planned(one)
    assert one.run("d0")["status"] == "success"
    replay(one, begun(one))
    versions = one.execute(f"SELECT amount, valid_to IS NULL FROM items WHERE id = {BAD[0]} ORDER BY valid_from")
    assert [(float(amount), bool(current)) for amount, current in versions] == [(1.25, False), (2.5, True)]
    assert one.execute("SELECT count(*) FROM items WHERE valid_from IS NULL") == [(0,)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_earlier_doing_has_put_aside_is_over(case: Callable[..., Case], kind: str) -> None:
    one = case(kind, "replace")
    planned(one)
    lines = begun(one)
    rows(one, range(41))
    assert one.run()["status"] == "success"
    with pytest.raises(WindvaneError, match="was done again since"):
        replay(one, lines)
    assert ids(one) == list(range(41))


@pytest.mark.parametrize("kind", [*FILES, "load_id"])
def test_a_replay_goes_with_its_run(case: Callable[..., Case], kind: str) -> None:
    one = case("sqlite", "load_id") if kind == "load_id" else case(kind, "append")
    planned(one)
    replay(one, begun(one))
    rows(one, range(60, 70))
    one.run("d2")
    rows(one, range(30), BAD)
    again = one.run()
    assert any("replay" in warning for warning in again["outputs"][0]["warnings"]), again
    assert ids(one) == [*(n for n in range(30) if n not in BAD), *range(60, 70)]
    replay(one, mend(refused(again)))
    assert ids(one) == [*range(30), *range(60, 70)]
    rows(one, range(30))
    assert one.run()["status"] == "success"
    assert one.run()["status"] == "success"
    assert ids(one) == [*range(30), *range(60, 70)]


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_them_or_none(case: Callable[..., Case], kind: str) -> None:
    one = case(kind, "append")
    planned(one)
    first, second = begun(one)
    mend([second], "still none")
    with pytest.raises(WindvaneError, match="still none") as told:
        replay(one, [first, second])
    assert told.value.record["failed"][0]["place"]["row"] == 2
    assert ids(one) == [n for n in range(40) if n not in BAD]
    replay(one, [first, *mend([second])])
    assert ids(one) == list(range(40))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_which_nothing_is_there(case: Callable[..., Case], kind: str) -> None:
    one = case(kind, "append")
    planned(one)
    lines = begun(one)
    one.empty()
    with pytest.raises(WindvaneError, match="not there any more"):
        replay(one, lines)
    assert one.run("d1", store="other.db")["status"] == "success"


@pytest.mark.parametrize("kind", KINDS)
def test_another_pipeline_has_replaced_the_rows(case: Callable[..., Case], kind: str, tmp_path: Path) -> None:
    one = case(kind, "append")
    planned(one)
    lines = begun(one)
    document = json.loads(one.spec.read_text())
    document["pipeline"] = "q"
    document["target"][kind].update(mode="replace")
    document["datasets"]["items"]["adopt"] = True
    other = tmp_path / "q.windvane.json"
    other.write_text(json.dumps(document))
    rows(one, range(45))
    wv.run(other, run="q1", rules_only=True, **one.world())
    with pytest.raises(WindvaneError, match="has replaced the rows|not there any more"):
        replay(one, lines)
    assert ids(one) == list(range(45))


@pytest.mark.parametrize(("mode", "kind"), [case for case in CASES if case[0] in {"append", "replace", "merge"}])
def test_what_the_rows_join_to_is_judged(case: Callable[..., Case], mode: str, kind: str) -> None:
    steps = [{"join": {"with": "names", "on": "id", "how": "left"}}]
    one = case(kind, mode, settings={"steps": steps})
    document = json.loads(one.spec.read_text())
    document["source"]["csv"]["path"] = "*.csv"
    document["guard"] = {"quarantined": 1}
    one.spec.write_text(json.dumps(document))
    names = one.folder / "names.csv"
    whole = "".join(f"{n},n{n}\n" for n in range(40))
    names.write_text(f"id,name\n{whole}")
    planned(one)
    lines = begun_one(one)
    for cut in ("id,name\n", "id,name\n0,n0\n"):
        names.write_text(cut)
        with pytest.raises(WindvaneError, match="names|empty"):
            replay(one, lines)
        assert len(ids(one)) == 38
    names.write_text(f"id,name\n{whole}")
    replay(one, lines)
    assert ids(one) == list(range(40))


@pytest.mark.parametrize("mode", ["append", "merge", "history"])
def test_rows_of_a_table_with_a_key(case: Callable[..., Case], mode: str) -> None:
    settings = {"steps": [{"cast": {"amount": "decimal(10,2)"}}], **({} if mode == "append" else {"key": "id"})}
    one = case("sqlite", mode, source={"sqlite": {"path": "source.db", "tables": ["items"]}}, settings=settings)
    with closing(sqlite3.connect(one.folder / "source.db")) as file, file:
        file.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, amount TEXT)")
        file.executemany("INSERT INTO items VALUES (?, ?)", [(n, "x" if n in BAD else "1.25") for n in range(40)])
    record = one.run()
    lines = mend(refused(record))
    assert replay(one, lines)["outputs"][0]["loaded"] == len(BAD)
    assert ids(one) == list(range(40))


def test_a_measure_for_the_next_load_is_a_load(case: Callable[..., Case]) -> None:
    one = case("sqlite", "replace")
    document = json.loads(one.spec.read_text())
    document["guard"] = {"quarantined": 1}
    one.spec.write_text(json.dumps(document))
    planned(one)
    replay(one, begun(one))
    rows(one, range(3))
    assert re.search("fewer|3 rows|share", one.run("d2")["failed"][0]["message"])
    assert ids(one) == list(range(40))


def test_files_that_are_none_of_one_run(case: Callable[..., Case]) -> None:
    one = case("sqlite", "append")
    planned(one)
    first, second = begun(one)
    for wrong, why in [
        ({"run": None}, "does not say which run"),
        ({"run": "d7"}, "another run, output or stage"),
        ({"attempt": 2}, "another run, output or stage"),
        ({"output": "other"}, "another run, output or stage"),
        ({"marks": {}}, "marks"),
        ({"row": None}, "row"),
    ]:
        with pytest.raises(WindvaneError, match=why) as told:
            replay(one, [first, {**second, **wrong}])
        assert told.value.place["line"] == 2
    with pytest.raises(WindvaneError, match="put aside by run 'd1', not by 'd9'"):
        replay(one, [first, second], run="d9")
    with pytest.raises(WindvaneError, match="no rows"):
        replay(one, [])
    other = {**first, "run": "d7"}
    with pytest.raises(WindvaneError, match="knows of no load by run 'd7'"):
        replay(one, [other])
    assert ids(one) == [n for n in range(40) if n not in BAD]
    replay(one, [first, second], run="d1")
    assert ids(one) == list(range(40))


def test_a_source_row_of_which_some_rows_are_there(case: Callable[..., Case]) -> None:
    steps = [
        {"derive": {"note": "id || ';' || (40 - id)"}},
        {"split": {"column": "note", "by": ";", "into": ["one", "other"]}},
        {"unpivot": {"keep": ["id"], "columns": ["one", "other"], "name": "what", "value": "v"}},
        {"cast": {"v": "int64"}},
    ]
    one = case("sqlite", "append", steps=steps, settings={"checks": [{"range": {"column": "v", "max": 38}}]})
    rows(one, range(40))
    lines = refused(one.run())
    assert {line["source"]["id"] for line in lines} == {"0", "1", "39"}
    for line in lines:
        line["source"]["id"] = "20"
    before = ids(one)
    with pytest.raises(WindvaneError, match="the steps make .* more"):
        replay(one, lines)
    assert ids(one) == before


@pytest.mark.parametrize(
    ("step", "mode", "passes"),
    [
        ({"sort": {"by": ["id"]}}, "append", True),
        ({"sort": {"by": ["id"], "limit": 99}}, "append", False),
        ({"deduplicate": {"on": ["id"]}}, "append", False),
        ({"deduplicate": {"on": ["id"]}}, "merge", True),
        ({"aggregate": {"by": ["id"], "measures": {"amount": "sum(amount)"}}}, "append", False),
        ({"aggregate": {"by": ["id"], "measures": {"amount": "sum(amount)"}}}, "merge", False),
    ],
)
def test_steps_for_which_a_row_needs_the_others(
    case: Callable[..., Case], step: dict[str, Any], mode: str, passes: bool
) -> None:
    one = case("sqlite", mode, steps=[step])
    planned(one)
    lines = begun(one)
    if passes:
        replay(one, lines)
        assert ids(one) == list(range(40))
        return
    with pytest.raises(WindvaneError, match="depends on other rows"):
        replay(one, lines)
    assert ids(one) == [n for n in range(40) if n not in BAD]
