"""What a text file holds arrives letter by letter in columns that are text, whatever the steps do with other columns."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec

if TYPE_CHECKING:
    from pathlib import Path

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

# As they are written: numbers, dates in two orders, truths, times, exponents.
WRITTEN = {
    "a": ["10.50", "7", "10.25"],
    "b": ["2025-1-5", "2025-12-31", "2025-3-1"],
    "c": ["31/12/2024", "13/05/2024", "01/02/2024"],
    "d": ["TRUE", "false", "True"],
    "e": ["10:5", "23:59", "7:00"],
    "f": ["2026-03-01T10:00:00+02:00", "2026-03-01T10:00:00Z", "2026-03-01 10:00:00 UTC"],
}
ROWS = list(zip(*WRITTEN.values(), strict=True))


def file(folder: Path, name: str, rows: list[tuple[str, ...]] = ROWS, columns: str = "a,b,c,d,e,f") -> None:
    """A CSV file with an id and a column more."""
    lines = [f"id,{columns},q"] + [f"{at},{','.join(row)},k{at}" for at, row in enumerate(rows, 1)]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def there(folder: Path, *more: str) -> None:
    columns = ", ".join([f"{name} text" for name in WRITTEN] + list(more))
    with closing(sqlite3.connect(folder / "w.db")) as db:
        db.execute(f"CREATE TABLE t (id integer primary key, {columns})")
        db.commit()


def held(folder: Path, columns: str = "a, b, c, d, e, f") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "w.db")) as db:
        return db.execute(f"SELECT {columns} FROM t ORDER BY id").fetchall()


def spec(folder: Path, steps: list[dict[str, Any]] | None = None, **more: Any) -> Path:
    more = {"key": "id", "adopt": True} | more
    return write_spec(
        folder,
        "letters",
        source={"csv": {"path": "t.csv"}},
        target={"sqlite": {"path": "w.db", "mode": "merge"}},
        datasets={"t": {**more, **({"steps": steps} if steps else {})}},
    )


OTHER_STEPS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "filter": [{"filter": "id > 0"}],
    "sort": [{"sort": {"by": ["id"]}}],
    "deduplicate": [{"deduplicate": {"on": ["id"]}}],
    "derive": [{"derive": {"q": "upper(q)"}}],
    "set": [{"set": {"where": "id > 1", "values": {"q": "'x'"}}}],
    "fill": [{"fill": {"q": "none"}}],
    "fill from": [{"fill": {"q": {"from": "previous", "order_by": "id"}}}],
    "window": [{"window": {"columns": {"n": "row_number()"}, "order_by": ["id"]}}, {"drop": ["n"]}],
    "mask": [{"mask": {"columns": {"q": "redact"}}}],
    "split": [{"split": {"column": "q", "by": "k", "into": ["x", "y"]}}, {"drop": ["x", "y"]}],
    "cast": [{"cast": {"id": "int32"}}],
    "rename": [{"rename": {"a": "z"}}, {"filter": "id > 0"}, {"rename": {"z": "a"}}],
    "copy": [{"derive": {"z": "a"}}, {"drop": ["a"]}, {"rename": {"z": "a"}}],
    "select": [{"select": ["id", *WRITTEN, "q"]}],
    "sql": [{"sql": "SELECT id, a, b, c, d, e, f, upper(q) AS q FROM input WHERE id > 0 ORDER BY id"}],
}


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("steps", OTHER_STEPS.values(), ids=OTHER_STEPS)
def test_steps_on_other_columns_change_no_letter(tmp_path: Path, steps: list[dict[str, Any]], strategy: str) -> None:
    file(tmp_path, "t")
    there(tmp_path, "q text")
    whole = {"sort", "deduplicate", "window", "sql"} & {verb for step in steps for verb in step}
    path = spec(tmp_path, steps, **({} if whole or "fill" in str(steps) else {"strategy": strategy}))
    for run in ("r1", "r2"):
        record = move(path, run, **outside(tmp_path))
        assert record["reconciliation"]["quarantined"] == 0
        assert held(tmp_path) == ROWS, run


def test_a_cast_of_the_spec_behind_other_steps(tmp_path: Path) -> None:
    file(tmp_path, "t")
    for name, steps in {
        "first": [{"cast": {"a": "text", "d": "text", "e": "text", "f": "text"}}],
        "behind": [{"filter": "id > 0"}, {"cast": dict.fromkeys(WRITTEN, "text")}],
        "renamed": [{"rename": {"q": "p"}}, {"sort": {"by": ["id"]}}, {"cast": dict.fromkeys(WRITTEN, "text")}],
        "words": [{"derive": {name: f"CAST({name} AS text)" for name in WRITTEN}}],
    }.items():
        path = write_spec(
            tmp_path,
            name,
            source={"csv": {"path": "t.csv"}},
            target={"parquet": {"path": name}},
            steps=steps,
        )
        move(path, **outside(tmp_path))
        asked = [column for column in WRITTEN if f"'{column}'" in str(steps)]
        rows = sorted(parquet_rows(tmp_path / name / "t"), key=lambda row: row["id"])
        assert [tuple(row[column] for column in asked) for row in rows] == list(
            zip(*(WRITTEN[column] for column in asked), strict=True)
        ), name


NEEDED: dict[str, list[dict[str, Any]]] = {
    "filter": [{"filter": "a > 1"}],
    "sort": [{"sort": {"by": ["a"]}}],
    "derive": [{"derive": {"a": "a * 1"}}],
    "deduplicate": [{"deduplicate": {"on": ["a"]}}],
}


@pytest.mark.parametrize("steps", NEEDED.values(), ids=NEEDED)
def test_a_step_that_works_with_the_value_has_its_type_and_the_plan_says_so(
    tmp_path: Path, steps: list[dict[str, Any]]
) -> None:
    (tmp_path / "t.csv").write_text(
        "id,a,b,c,d,e,f\n1,10.50,x,31/12/2024,x,x,x\n2,2,x,13/05/2024,x,x,x\n3,7.25,x,,x,x,x\n"
    )
    there(tmp_path)
    path = spec(tmp_path, steps)
    plan = wv.plan(path, rules_only=True, **outside(tmp_path))
    types = {field["name"]: field["type"] for field in plan["inputs"][0]["schema"]}
    assert types["a"].startswith("decimal"), types
    assert types["c"] == "text"
    text = wv.explain(path.with_name("letters.plan.json"))
    assert "becomes text, not as it is written" in text or "derive" in steps[0], text
    move(path, **outside(tmp_path))
    assert [row[2] for row in held(tmp_path)] == ["31/12/2024", "13/05/2024", None]
    assert {row[0] for row in held(tmp_path)} <= {"10.50", "2.00", "7.25"}


def test_dates_and_a_second_column_into_text_of_servers(
    tmp_path: Path, postgres: Server, mariadb: MariadbServer
) -> None:
    file(tmp_path, "t")
    for kind, mode in [("postgres", "merge"), ("postgres", "append"), ("postgres", "replace"), ("mysql", "merge")]:
        server: Any = postgres if kind == "postgres" else mariadb
        database = server.database()
        columns = ", ".join(f"{name} {'text' if kind == 'postgres' else 'varchar(40)'}" for name in WRITTEN)
        server.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns})", database=database)
        path = write_spec(
            tmp_path,
            f"{kind}-{mode}",
            source={"csv": {"path": "t.csv"}},
            target={kind: {"connection": "db", "mode": mode}},
            datasets={"t": {"adopt": True, "steps": [{"drop": ["q"]}], **({"key": "id"} if mode == "merge" else {})}},
        )
        record = move(path, **outside(tmp_path, db=server.url(database)))
        assert record["reconciliation"]["quarantined"] == 0
        rows = server.query("SELECT a, b, c, d, e, f FROM t ORDER BY id", database=database)
        assert [tuple(row) for row in rows] == ROWS, (kind, mode)


@pytest.mark.parametrize("steps", [[], [{"filter": "id > 0"}]])
def test_steps_at_the_target(tmp_path: Path, postgres: Server, steps: list[dict[str, Any]]) -> None:
    """What runs there is told for columns that are read as they are written."""
    file(tmp_path, "t")
    database = postgres.database()
    # That a moment becomes text has no form there.
    columns = ", ".join(f"{name} text" for name in WRITTEN if name != "f")
    postgres.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns}, q text)", database=database)
    steps = [{"drop": ["f"]}, *steps]
    path = write_spec(
        tmp_path,
        "pushed",
        source={"csv": {"path": "t.csv"}},
        target={"postgres": {"connection": "db", "mode": "merge"}},
        datasets={"t": {"key": "id", "adopt": True, "strategy": "pushdown", "steps": steps}},
    )
    move(path, **outside(tmp_path, db=postgres.url(database)))
    rows = postgres.query("SELECT a, b, c, d, e FROM t ORDER BY id", database=database)
    assert [tuple(row) for row in rows] == [row[:-1] for row in ROWS]


def test_a_column_that_a_join_takes(tmp_path: Path) -> None:
    file(tmp_path, "codes")
    (tmp_path / "t.csv").write_text("id,amount\n1,5\n2,6\n3,7\n")
    there(tmp_path, "amount integer")
    path = write_spec(
        tmp_path,
        "joined",
        source={"files": {"path": "*.csv"}},
        target={"sqlite": {"path": "w.db", "mode": "merge"}},
        datasets={
            "codes": {"load": False},
            "t": {
                "key": "id",
                "adopt": True,
                "steps": [{"join": {"with": "codes", "on": "id", "take": list(WRITTEN)}}, {"filter": "amount > 0"}],
            },
        },
    )
    move(path, **outside(tmp_path))
    assert held(tmp_path) == ROWS


def test_two_outputs_of_one_file(tmp_path: Path) -> None:
    """Where one of them needs the values, they are values for both."""
    (tmp_path / "t.csv").write_text("id,a,b\n1,1.50,TRUE\n2,2,false\n")
    path = write_spec(
        tmp_path,
        "two",
        source={"csv": {"path": "t.csv"}},
        target={"parquet": {"path": "out"}},
        datasets={
            "t": {"steps": [{"filter": "id > 0"}, {"cast": {"a": "text", "b": "text"}}]},
            "u": {"from": "t", "steps": [{"drop": ["b"]}]},
        },
    )
    wv.plan(path, rules_only=True, **outside(tmp_path))
    assert "its values are needed elsewhere too" in wv.explain(path.with_name("two.plan.json"))
    move(path, **outside(tmp_path))
    rows = sorted(parquet_rows(tmp_path / "out" / "t"), key=lambda row: row["id"])
    assert [(row["a"], row["b"]) for row in rows] == [("1.50", "TRUE"), ("2.00", "false")]


BATCHES = [("13/05/2024", "31/12/2024"), ("2025-1-5", "2025-12-31"), ("1.50", "2"), ("TRUE", "false"), ("10:30", "7:5")]


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("sqlite", "merge"), ("sqlite", "append"), ("parquet", "append"), ("parquet", "replace"), ("jsonl", "replace")],
)
def test_a_column_that_was_text_stays_what_is_written(tmp_path: Path, kind: str, mode: str, *, store: bool) -> None:
    """Codes made the column text; the next file's values only look like dates. Also where nothing but the target remembers."""
    path = write_spec(
        tmp_path,
        "codes",
        source={"csv": {"path": "t.csv"}},
        target={kind: {"path": "w.db" if kind == "sqlite" else "out", "mode": mode}},
        datasets={"t": {"key": "id"} if mode == "merge" else {}},
    )
    for at, batch in enumerate([("A1", "B2"), *BATCHES]):
        (tmp_path / "t.csv").write_text("id,code\n" + "".join(f"{at}{n},{code}\n" for n, code in enumerate(batch, 1)))
        world = outside(tmp_path)
        if not store:
            world["store"] = f"sqlite:///{tmp_path}/store{at}.db"
        move(path, f"r{at}", **world)
        wanted = list(batch)
        if kind == "sqlite":
            assert [row[0] for row in held(tmp_path, "code")][-2:] == wanted
        elif kind == "parquet":
            assert [row["code"] for row in parquet_rows(tmp_path / "out" / "t")][-2:] == wanted
        else:
            lines = [line for part in (tmp_path / "out" / "t").glob("*.jsonl") for line in part.read_text().split("\n")]
            assert [json.loads(line)["code"] for line in lines if line] == wanted


def test_the_table_as_it_is_goes_before_what_was_loaded_last(tmp_path: Path) -> None:
    path = spec(tmp_path)
    (tmp_path / "t.csv").write_text("id,c\n1,A1\n2,B2\n")
    move(path, "r1", **outside(tmp_path))
    with closing(sqlite3.connect(tmp_path / "w.db")) as db:
        db.execute("DROP TABLE t")
        db.execute("CREATE TABLE t (id integer primary key, c date)")
        db.commit()
    (tmp_path / "t.csv").write_text("id,c\n1,31/12/2024\n2,13/05/2024\n")
    assert move(path, "r2", **outside(tmp_path))["reconciliation"]["quarantined"] == 0
    assert [row[0] for row in held(tmp_path, "c")] == ["2024-12-31", "2024-05-13"]


def test_plans_without_such_columns_parse_dates_as_before(tmp_path: Path) -> None:
    """The target is new: what is a date by all its values becomes one."""
    file(tmp_path, "t")
    path = spec(tmp_path)
    plan = wv.plan(path, rules_only=True, write=False, **outside(tmp_path))
    parsed = [step["step"]["parse"]["columns"] for step in plan["outputs"][0]["steps"] if "parse" in step["step"]]
    assert ["c"] in parsed
    there(tmp_path, "q text")
    plan = wv.plan(path, rules_only=True, write=False, **outside(tmp_path))
    assert not [step for step in plan["outputs"][0]["steps"] if "parse" in step["step"]]
    refused = [one["reason"] for one in plan["decisions"] if "parse" in json.dumps(one["proposal"])]
    assert refused
    assert all("it arrives as it is written" in reason for reason in refused)
