"""Incremental runs: every row once, under retry, another run, a killed one, late rows and backfills."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import move, outside, write_spec
from windvane import _core
from windvane.errors import WindvaneError


def fill(path: Path, rows: list[tuple[int, str | None, str]]) -> None:
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, at TIMESTAMP, what TEXT)")
        file.executemany("INSERT INTO events VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at", rows)
    file.close()


def at(day: int, hour: int = 0) -> str:
    return f"2024-03-{day:02d} {hour:02d}:00:00"


def spec(folder: Path, strategy: str = "staged", mode: str = "append", **incremental: Any) -> Path:
    path = write_spec(
        folder,
        "events",
        source={"sqlite": {"path": "source.db", "tables": ["events"]}},
        target={"sqlite": {"path": "target.db"}},
        datasets={
            "events": {"mode": mode, "key": "id", "strategy": strategy, "incremental": {"column": "at", **incremental}}
            if mode != "append"
            else {"mode": mode, "strategy": strategy, "incremental": {"column": "at", **incremental}}
        },
    )
    wv.plan(path, rules_only=True, **outside(folder))
    return path


def ids(folder: Path) -> list[int]:
    with sqlite3.connect(folder / "target.db") as file:
        found = [row[0] for row in file.execute("SELECT id FROM events ORDER BY id")]
    file.close()
    return found


@pytest.fixture(params=["staged", "fused"])
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_first_run_is_full_and_later_ones_take_what_is_new(tmp_path: Path, strategy: str) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a"), (2, at(2), "b"), (3, None, "no time")])
    path = spec(tmp_path, strategy)
    sums = move(path, run="r1", **outside(tmp_path))["reconciliation"]
    # An append cannot tell in later runs whether it has a row without a time: such rows go to quarantine, every time.
    assert (sums["loaded"], sums["quarantined"]) == (2, 1)
    sums = move(path, run="r2", **outside(tmp_path))["reconciliation"]
    assert (sums["rows_in"], sums["quarantined"]) == (1, 1)
    fill(tmp_path / "source.db", [(4, at(3), "c"), (5, None, "no time")])
    sums = move(path, run="r3", **outside(tmp_path))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (1, 2)
    assert ids(tmp_path) == [1, 2, 4]


def test_rows_at_the_cursor_are_not_lost(tmp_path: Path, strategy: str) -> None:
    """Equal values and rows without one are read again where the key makes that harmless; what no later value can follow
    goes to quarantine and ends nothing."""
    fill(tmp_path / "source.db", [(1, at(1), "a"), (2, at(2), "b"), (9, "9999-12-31 00:00:00", "never ends")])
    path = spec(tmp_path, strategy, mode="merge")
    sums = move(path, run="r1", **outside(tmp_path))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (2, 1)
    fill(tmp_path / "source.db", [(3, at(2), "the same"), (4, None, "no time"), (5, at(3), "new")])
    record = move(path, run="r2", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2, 3, 4, 5]
    assert record["reconciliation"]["quarantined"] == 1
    reason = json.loads(Path(record["outputs"][0]["quarantine"][0]).read_text().splitlines()[0])["reason"]
    assert "'at' lies beyond" in reason
    sums = move(path, run="r3", **outside(tmp_path))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (2, 1)
    assert ids(tmp_path) == [1, 2, 3, 4, 5]


def test_with_a_lag_an_append_waits_for_late_rows(tmp_path: Path, strategy: str) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a"), (2, at(5), "b")])
    path = spec(tmp_path, strategy, lag=2 * 86_400)
    move(path, run="r1", **outside(tmp_path))
    assert ids(tmp_path) == [1]
    fill(tmp_path / "source.db", [(3, at(4), "late"), (4, at(7), "new")])
    move(path, run="r2", **outside(tmp_path))
    move(path, run="r3", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2, 3]


def test_the_plan_says_what_an_incremental_run_reads(tmp_path: Path) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    spec(tmp_path)
    said = wv.explain(tmp_path / "events.plan.json")
    assert "Reads only what is new" in said
    assert "with `lag`, rows are read only when they are that far behind the newest" in said
    spec(tmp_path, mode="merge")
    said = wv.explain(tmp_path / "events.plan.json")
    assert "rows with that value are read again" in said
    assert "Rows without a value are read every time" in said


def test_the_same_run_reads_the_same_rows_again(tmp_path: Path, strategy: str) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    path = spec(tmp_path, strategy)
    move(path, run="r1", **outside(tmp_path))
    fill(tmp_path / "source.db", [(2, at(2), "b")])
    again = move(path, run="r1", **outside(tmp_path))
    assert again["outputs"][0]["already"]
    assert again["outputs"][0]["rows_in"] == 1
    assert ids(tmp_path) == [1]
    move(path, run="r2", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2]


def test_a_run_that_failed_is_passed_over_and_its_rows_are_not_lost(tmp_path: Path, strategy: str) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    path = spec(tmp_path, strategy)
    with sqlite3.connect(tmp_path / "target.db") as file:
        file.execute("CREATE VIEW events AS SELECT 1 AS id")
    file.close()
    with pytest.raises(WindvaneError, match="is a view"):
        move(path, run="r1", **outside(tmp_path))
    with sqlite3.connect(tmp_path / "target.db") as file:
        file.execute("DROP VIEW events")
    file.close()
    fill(tmp_path / "source.db", [(2, at(2), "b")])
    move(path, run="r2", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2]
    # The failed run, tried again, finds nothing that is still its own: what it reads is new.
    fill(tmp_path / "source.db", [(3, at(3), "c")])
    move(path, run="r1", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2, 3]
    move(path, run="r4", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2, 3]


def test_a_load_that_the_store_never_heard_of_is_found_at_the_target(tmp_path: Path, strategy: str) -> None:
    """Killed between the target's commit and the store's note; then another run comes."""
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    path = spec(tmp_path, strategy)
    move(path, run="r1", **outside(tmp_path))
    with sqlite3.connect(tmp_path / "store.db") as file:
        file.execute("UPDATE windows SET state = 'open', touched_at = '2020-01-01T00:00:00Z'")
    file.close()
    fill(tmp_path / "source.db", [(2, at(2), "b")])
    move(path, run="r2", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2]


def test_two_runs_at_once_do_not_read_the_same_rows(tmp_path: Path) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    path = spec(tmp_path)
    move(path, run="r1", **outside(tmp_path))
    with sqlite3.connect(tmp_path / "store.db") as file:
        now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        file.execute(f"UPDATE windows SET state = 'open', touched_at = {now}")
    file.close()
    with pytest.raises(WindvaneError, match="run 'r1' is moving this dataset now") as caught:
        move(path, run="r2", **outside(tmp_path))
    assert caught.value.retryable
    assert ids(tmp_path) == [1]


def test_late_rows_within_the_lag_arrive_and_nothing_doubles(tmp_path: Path, strategy: str) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a"), (2, at(5), "b")])
    path = spec(tmp_path, strategy, mode="merge", lag=2 * 86_400)
    move(path, run="r1", **outside(tmp_path))
    fill(tmp_path / "source.db", [(3, at(4), "late"), (4, at(2), "too late"), (5, at(6), "new")])
    move(path, run="r2", **outside(tmp_path))
    assert ids(tmp_path) == [1, 2, 3, 5]


@pytest.mark.parametrize(
    ("mode", "incremental", "message"),
    [
        ("append", {"lag": 60, "by": "interval"}, "would double their rows"),
        ("replace", {}, "cannot replace"),
        ("append", {"column": "what"}, "a watermark is a number, a date or a time stamp"),
        ("append", {"column": "when"}, "'when' is not among the source's columns"),
    ],
)
def test_what_cannot_be_incremental_is_said_when_planning(
    tmp_path: Path, mode: str, incremental: Any, message: str
) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    path = write_spec(
        tmp_path,
        "events",
        source={"sqlite": {"path": "source.db", "tables": ["events"]}},
        target={"sqlite": {"path": "target.db"}},
        datasets={"events": {"mode": mode, "incremental": {"column": "at", **incremental}}},
    )
    with pytest.raises(WindvaneError, match=message):
        wv.plan(path, rules_only=True, **outside(tmp_path))


def test_by_interval_any_order_of_runs_gives_every_row_once(tmp_path: Path, strategy: str) -> None:
    fill(tmp_path / "source.db", [(day * 10 + hour, at(day, hour), "x") for day in range(1, 6) for hour in (0, 7, 23)])
    path = spec(tmp_path, strategy, by="interval")
    for day in (3, 1, 5, 2, 4, 3):
        interval = (f"2024-03-{day:02d}T00:00:00Z", f"2024-03-{day + 1:02d}T00:00:00+00:00")
        move(path, run=f"day-{day}", interval=interval, **outside(tmp_path))
    assert ids(tmp_path) == sorted(day * 10 + hour for day in range(1, 6) for hour in (0, 7, 23))
    with pytest.raises(WindvaneError, match="the run has none"):
        move(path, run="none", **outside(tmp_path))


@pytest.mark.parametrize("end", ["2024-03-01T00:00:00Z", "2024-02-29T00:00:00Z"])
def test_an_interval_without_any_width_is_refused(tmp_path: Path, strategy: str, end: str) -> None:
    """Airflow 3 makes points in time of cron expressions: every run would be well and load nothing."""
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    with pytest.raises(WindvaneError, match="no row lies in the run's data interval") as caught:
        path = spec(tmp_path, strategy, by="interval")
        move(path, run="none", interval=("2024-03-01T00:00:00Z", end), **outside(tmp_path))
    assert "CronDataIntervalTimetable" in (caught.value.hint or "")


def test_another_run_of_the_same_interval_is_refused_where_rows_would_be_there_twice(
    tmp_path: Path, strategy: str
) -> None:
    """What a person starts by hand in Airflow has the interval of the last scheduled run, under another name."""
    fill(tmp_path / "source.db", [(day, at(day), "x") for day in range(1, 6)])
    path = spec(tmp_path, strategy, by="interval")

    def day(run: str, first: int, last: int) -> Any:
        interval = (f"2024-03-{first:02d}T00:00:00Z", f"2024-03-{last:02d}T00:00:00+00:00")
        return move(path, run=run, interval=interval, **outside(tmp_path))

    day("scheduled-2", 2, 3)
    for first, last in ((2, 3), (1, 4), (1, 3)):
        with pytest.raises(WindvaneError, match="'scheduled-2' has loaded the rows from") as caught:
            day("manual", first, last)
        assert caught.value.kind == "conflict"
    for run, first, last in (("scheduled-2", 2, 3), ("scheduled-1", 1, 2), ("scheduled-3", 3, 5)):
        day(run, first, last)
    assert ids(tmp_path) == [1, 2, 3, 4]
    # What somebody has taken away may be loaded again under any name.
    target = sqlite3.connect(tmp_path / "target.db")
    target.execute("DELETE FROM events")
    target.commit()
    target.close()
    day("manual", 1, 6)
    assert ids(tmp_path) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_a_spec_that_was_changed_from_interval_to_watermark(tmp_path: Path, strategy: str, mode: str) -> None:
    """An interval ends before its end: a row exactly there is the first of the next window, and comes once."""
    rows = [(day * 10 + hour, at(day, hour), "x") for day in range(1, 4) for hour in (0, 12)]
    fill(tmp_path / "source.db", rows)

    def by(word: str) -> Path:
        dataset: dict[str, Any] = {"incremental": {"column": "at", "by": word}, "strategy": strategy, "mode": mode}
        if mode == "merge":
            dataset["key"] = "id"
        return write_spec(
            tmp_path, "events", source={"sqlite": {"path": "source.db"}}, target={"sqlite": {"path": "target.db"}},
            datasets={"events": dataset},
        )  # fmt: skip

    interval = ("2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z")
    move(by("interval"), run="d1", interval=interval, **outside(tmp_path))
    assert ids(tmp_path) == [10, 22]
    move(by("watermark"), run="d2", **outside(tmp_path))
    assert ids(tmp_path) == sorted(row[0] for row in rows)
    # The run by interval, done again by watermark, has the rows that it had.
    again = move(by("watermark"), run="d1", **outside(tmp_path))
    assert again["reconciliation"]["rows_in"] == 2
    assert ids(tmp_path) == sorted(row[0] for row in rows)


def test_a_run_without_a_name_is_refused(tmp_path: Path) -> None:
    """Of a variable that is not set: every day would be the same run, and be found done."""
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    for run in ("", " "):
        with pytest.raises(WindvaneError, match="the run's id is empty"):
            move(spec(tmp_path), run=run, **outside(tmp_path))


def test_a_file_that_is_late_may_still_come(tmp_path: Path) -> None:
    """Airflow's retries are for it."""
    path = write_spec(tmp_path, "late", source={"csv": {"path": "in/*.csv"}}, target={"parquet": {"path": "lake"}})
    with pytest.raises(WindvaneError, match="no file matches") as caught:
        move(path, **outside(tmp_path))
    assert (caught.value.kind, caught.value.retryable) == ("missing", True)


def test_a_store_is_needed(tmp_path: Path) -> None:
    fill(tmp_path / "source.db", [(1, at(1), "a")])
    path = spec(tmp_path)
    request = {
        "world": {"base": str(tmp_path), "staging": str(tmp_path / "staging")},
        "path": str(path),
        "run": "r1",
        "rules_only": True,
    }
    assert "WINDVANE_STORE" not in os.environ
    record = json.loads(_core.run(json.dumps(request)))
    assert "needs a store" in record["failed"][0]["message"]


def test_postgres(tmp_path: Path, postgres: Any) -> None:
    database = postgres.database()
    postgres.execute("CREATE TABLE items (id int PRIMARY KEY, v numeric(10,2))", database=database)
    postgres.execute("INSERT INTO items VALUES (1, 1), (2, 2)", database=database)
    path = write_spec(
        tmp_path,
        "items",
        source={"postgres": {"connection": "db", "tables": ["items"]}},
        target={"sqlite": {"path": "target.db", "mode": "append"}},
        datasets={"items": {"incremental": {"column": "id"}}},
    )
    world = outside(tmp_path, db=postgres.url(database))
    assert move(path, run="r1", **world)["reconciliation"]["loaded"] == 2
    postgres.execute("INSERT INTO items VALUES (3, 3)", database=database)
    assert move(path, run="r2", **world)["reconciliation"]["rows_in"] == 1


def test_an_infinity_of_postgres_ends_nothing(tmp_path: Path, postgres: Any) -> None:
    database = postgres.database()
    postgres.execute("CREATE TABLE items (id int PRIMARY KEY, at timestamptz)", database=database)
    postgres.execute(
        "INSERT INTO items VALUES (1, '2024-01-01'), (2, 'infinity'), (3, '9999-12-31')", database=database
    )
    path = write_spec(
        tmp_path,
        "items",
        source={"postgres": {"connection": "db", "tables": ["items"]}},
        target={"sqlite": {"path": "target.db", "mode": "merge"}},
        datasets={"items": {"incremental": {"column": "at"}}},
    )
    world = outside(tmp_path, db=postgres.url(database))
    sums = move(path, run="r1", **world)["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (1, 2)
    postgres.execute("INSERT INTO items VALUES (4, '2024-01-01'), (5, '2024-01-02'), (6, NULL)", database=database)
    sums = move(path, run="r2", **world)["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (4, 2)


def test_check_says_what_a_lag_is_for(tmp_path: Path) -> None:
    def notes(**settings: Any) -> list[str]:
        dataset = {"incremental": {"column": "at", **settings.pop("incremental", {})}, **settings}
        path = write_spec(
            tmp_path,
            "waits",
            source={"csv": {"path": "t.csv"}},
            target={"parquet": {"path": "lake", "mode": "append"}},
            datasets={"t": dataset},
        )
        return [note["path"] for note in wv.check(path)["notes"]]

    assert notes() == ["datasets.t.incremental"]
    assert notes(incremental={"lag": 60}) == []
    assert notes(incremental={"by": "interval"}) == []
    assert notes(mode="merge", key="id") == []
