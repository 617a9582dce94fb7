"""Steps at the target do what the stages do: the same rows, counts and quarantine, for every mode, on a real server."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane as wv
from pipelines import move, outside, write_spec
from test_kill import killed
from windvane import stages
from windvane.errors import WindvaneError

ROWS = 3_000
TIMES = {"valid_from", "valid_to"}
Row = dict[str, Any]


def orders(folder: Path, *, later: bool = False, rows: int = ROWS) -> None:
    """Orders of every kind of column; ``later`` some have changed, some are gone, some are new."""
    ids = [n for n in range(rows + 200 * later) if not (later and n % 50 == 7)]
    moment = datetime.fromisoformat("2024-01-01T12:30")
    columns = {
        "id": pa.array(ids, pa.int64()),
        "customer": pa.array([None if n % 41 == 3 else f"c{n % 30}" for n in ids]),
        "amount": pa.array([Decimal(n % 997 + 5 * (later and n % 10 == 0)) / 100 for n in ids], pa.decimal128(10, 2)),
        "tax": pa.array([Decimal(n % 19) / 1000 for n in ids], pa.decimal128(9, 3)),
        "pieces": pa.array([None if n % 53 == 1 else n % 7 - 3 for n in ids], pa.int32()),
        "share": pa.array([n % 8 / 8 for n in ids], pa.float64()),
        "day": pa.array([date(2024, 1, 1) + timedelta(days=n % 90) for n in ids]),
        "seen": pa.array([moment + timedelta(seconds=n % 1000, microseconds=n) for n in ids], pa.timestamp("us")),
        "paid": pa.array([n % 3 == 0 for n in ids]),
        "note": pa.array([["", "it's", "ä\\b", None, ' "q" '][n % 5] for n in ids]),
        "xmin": pa.array(ids, pa.int32()),
    }
    (folder / "data").mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / "data" / "orders.parquet")
    names = {"customer": [f"c{n}" for n in range(25)], "country": [f"C{n % 4}" if n % 9 else None for n in range(25)]}
    pq.write_table(pa.table(names), folder / "data" / "customers.parquet")


JOIN: Row = {"join": {"with": "customers", "on": "customer"}}
PROGRAMS: dict[str, list[Row]] = {
    "columns": [
        {"rename": {"xmin": "at"}},
        {"filter": "pieces > -2 OR pieces IS NULL"},
        {"derive": {"total": "amount * pieces + tax", "label": "coalesce(note, '-') || customer", "later": "day + 7"}},
        {"cast": {"amount": "decimal(12,4)", "id": "text"}},
        {"cast": {"id": "int64"}},
        {"set": {"where": "paid", "values": {"note": "'paid'", "tax": "NULL"}}},
        {"fill": {"pieces": 0}},
        {"mask": {"columns": {"customer": "redact"}}},
    ],
    "nothing": [{"drop": ["xmin"]}],
    "join": [JOIN, {"filter": "country IS NOT NULL"}, {"drop": ["share", "xmin"]}],
    "inner": [{"join": {"with": "customers", "on": "customer", "how": "inner"}}, {"drop": ["xmin"]}],
    "latest": [
        {"drop": ["xmin"]},
        {"deduplicate": {"on": ["customer", "day"], "keep": "last", "order_by": ["amount"]}},
        {"window": {"partition_by": "customer", "order_by": ["day", "id"],
                    "columns": {"n": "row_number()", "sofar": "sum(amount)", "before": "lag(pieces)"}}},
    ],
    "sums": [
        {"aggregate": {"by": ["customer", "paid"], "measures": {"id": "min(id)", "n": "count(*)", "sum": "sum(amount)",
                       "mean": "avg(amount)", "last": "max(day)"}}},
    ],
    "long": [
        {"filter": "id < 500"},
        {"unpivot": {"keep": ["id", "day"], "columns": ["amount", "tax"], "name": "what", "value": "how_much"}},
        {"filter": "how_much > 0.004"},
        {"derive": {"id": "id * 2 + CASE WHEN what = 'tax' THEN 1 ELSE 0 END"}},
    ],
    "top": [{"sort": {"by": ["amount desc", "customer"], "limit": 100}}, {"select": ["id", "amount", "customer"]}],
    "query": [
        {"sql": "SELECT min(i.id) AS id, c.country, sum(i.amount) AS amount FROM input i JOIN customers c "
                "ON c.customer = i.customer WHERE i.paid GROUP BY c.country HAVING count(*) > 1"},
    ],
}  # fmt: skip
MODES = ("replace", "append", "merge", "history")
# Each program in two modes, each mode with many programs.
CASES = [(name, MODES[(at + more) % 4]) for at, name in enumerate(PROGRAMS) for more in (0, 2)]
CASES += [("columns", "append"), ("columns", "history")]


def spec(folder: Path, way: str, steps: list[Row], mode: str = "replace", **more: Any) -> Path:
    settings = {"strategy": way, "steps": steps, "mode": mode, "to": f"orders_{way}", **more.pop("orders", {})}
    if mode in ("merge", "history"):
        settings.setdefault("key", "id")
    return write_spec(
        folder,
        way,
        source={"parquet": {"path": "data/*.parquet"}},
        target={"postgres": {"connection": "db"}},
        datasets={"orders": settings, "customers": {"load": False}},
        **more,
    )


def rows(url: str, table: str) -> list[str]:
    with psycopg2.connect(url) as session, session.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NULL", (table,))
        if cursor.fetchone() == (True,):
            return []
        cursor.execute(f"SELECT * FROM {table}")
        names = [column.name for column in cursor.description]
        kept = [at for at, name in enumerate(names) if name not in TIMES]
        plain = [[bytes(value) if isinstance(value, memoryview) else value for value in row] for row in cursor]
        found = [str([row[at] for at in kept]) for row in plain]
    session.close()
    return [str(names), *sorted(found)]


def leftovers(url: str) -> list[str]:
    """Tables of ours in any schema that no load should leave."""
    with psycopg2.connect(url) as session, session.cursor() as cursor:
        cursor.execute(
            r"SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relname ~ '^(raw_|windvane_(raw|staged|gone))'"
        )
        found = [str(name) for (name,) in cursor.fetchall()]
    session.close()
    return found


def lines(record: Any) -> list[Row]:
    files = record["outputs"][0]["quarantine"]
    found = [json.loads(line) for file in files for line in Path(file).read_text().splitlines()]
    for line in found:
        if line["stage"] == "load":
            # What the target refuses has its source row only where the target had it too.
            line.pop("source", None)
            line["marks"].pop("source", None)
    return sorted(found, key=lambda line: (line["row"], line["stage"]))


def same(pushed: Any, staged: Any) -> None:
    ours, theirs = pushed["outputs"][0], staged["outputs"][0]
    keys = ["rows_in", "added", "loaded", "filtered", "quarantined", "checksum_source", "checksum_target"]
    for key in keys:
        assert ours[key] == theirs[key], key
    assert ours.get("changes") == theirs.get("changes")
    assert pushed["reconciliation"]["balanced"]


@pytest.mark.parametrize(("program", "mode"), CASES)
def test_it_equals_the_stages(tmp_path: Path, postgres_database: str, program: str, mode: str) -> None:
    steps = PROGRAMS[program]
    # A key that is null or there twice is refused by the target: in both ways, row by row.
    key = ["customer"] if program == "top" else ["id"]
    paths = {way: spec(tmp_path, way, steps, mode, orders={"key": key} if mode in ("merge", "history") else {})
             for way in ("staged", "pushdown")}  # fmt: skip
    for run in ("r1", "r2"):
        orders(tmp_path, later=run == "r2")
        done = {way: move(path, run, **outside(tmp_path, db=postgres_database)) for way, path in paths.items()}
        assert [step["step"] for step in done["pushdown"]["steps"]][-1:] == ["orders.load"]
        same(done["pushdown"], done["staged"])
        assert rows(postgres_database, "orders_pushdown") == rows(postgres_database, "orders_staged")
        assert lines(done["pushdown"]) == lines(done["staged"])
        assert not leftovers(postgres_database)
    assert len(rows(postgres_database, "orders_pushdown")) > 3


CHECKS: list[Row] = [
    {"not_null": "customer"},
    {"unique": ["customer", "day", "paid"]},
    {"references": {"column": "customer", "dataset": "customers"}},
    {"expression": "amount < 9"},
]


def test_checks_see_the_rows_that_the_target_made(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    steps = [{"filter": "id % 5 <> 0"}, {"derive": {"double": "amount * 2"}}, {"drop": ["xmin"]}]
    done = {}
    for way in ("staged", "pushdown"):
        path = spec(tmp_path, way, steps, "merge", checks=CHECKS)
        done[way] = move(path, **outside(tmp_path, db=postgres_database))
    same(done["pushdown"], done["staged"])
    assert rows(postgres_database, "orders_pushdown") == rows(postgres_database, "orders_staged")
    found = lines(done["pushdown"])
    assert found == lines(done["staged"])
    assert {"customer", "id", "amount"} <= set(found[0]["source"])
    assert done["pushdown"]["outputs"][0]["quarantined"] == len(found) > 500


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"errors": {"max_quarantined": 0.001}, "checks": CHECKS}, "went to quarantine"),
        ({"errors": {"rows": "fail"}, "checks": CHECKS}, "customer must not be null"),
        ({"checks": [{"rows": {"max": 10}}]}, "at most 10"),
    ],
)
def test_a_failed_check_leaves_the_target_as_it_was(
    tmp_path: Path, postgres_database: str, more: Row, said: str
) -> None:
    orders(tmp_path)
    steps = [{"drop": ["xmin"]}]
    world = outside(tmp_path, db=postgres_database)
    move(spec(tmp_path, "pushdown", steps), **world)
    before = rows(postgres_database, "orders_pushdown")
    orders(tmp_path, later=True)
    with pytest.raises(WindvaneError, match=said) as caught:
        move(spec(tmp_path, "pushdown", [*steps, {"derive": {"fresh": "1"}}], **more), "r2", **world)
    assert caught.value.stage == "validate"
    if "max_quarantined" in str(more):
        named = re.search(r"\S+\.quarantine\.jsonl", caught.value.hint)
        assert named is not None
        assert '"source"' in Path(named[0]).read_text().splitlines()[0]
    assert rows(postgres_database, "orders_pushdown") == before
    assert not leftovers(postgres_database)


def test_a_value_that_the_target_cannot_compute_is_named(tmp_path: Path, postgres_database: str) -> None:
    texts = [str(n) if n != 1_234 else "12x" for n in range(2_000)]
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"id": pa.array(range(2_000)), "amount": texts}), tmp_path / "data" / "orders.parquet")
    pq.write_table(pa.table({"customer": ["a"]}), tmp_path / "data" / "customers.parquet")
    steps: list[Row] = [{"filter": "id <> 3"}, {"derive": {"twice": "id * 2"}}, {"cast": {"amount": "int64"}}]
    world = outside(tmp_path, db=postgres_database)
    with pytest.raises(WindvaneError, match="the target cannot compute this step") as caught:
        move(spec(tmp_path, "pushdown", steps), **world)
    assert caught.value.place["path"] == "steps[2].cast.amount"
    assert caught.value.place["row"] == 1_235
    assert "this step: not a int64: 12x" in str(caught.value)
    assert "quarantine" in caught.value.hint
    steps = [{"filter": "id < 1000"}, *steps, {"aggregate": {"by": "id", "measures": {"n": "sum(1 / (id - 7))"}}}]
    with pytest.raises(WindvaneError, match="division by zero") as caught:
        move(spec(tmp_path, "pushdown", steps), **world)
    assert caught.value.place["path"] == "steps[4].aggregate.n"
    assert not rows(postgres_database, "orders_pushdown")


def test_a_join_that_would_multiply_rows_is_named(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    plan = tmp_path / "kept.plan.json"
    world = outside(tmp_path, db=postgres_database)
    steps = [{"drop": ["xmin"]}, JOIN]
    wv.plan(spec(tmp_path, "pushdown", steps), rules_only=True, plan_file=plan, **world)
    names = {"customer": ["c1", "c1", "c2"], "country": ["x", "y", "z"]}
    pq.write_table(pa.table(names), tmp_path / "data" / "customers.parquet")
    with pytest.raises(WindvaneError, match="this step: the join would multiply rows") as caught:
        wv.run(plan, run="r1", **world)
    assert caught.value.place["path"] == "steps[1].join"
    assert not rows(postgres_database, "orders_pushdown")


def test_rows_that_the_target_does_not_take_go_to_quarantine(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    table = pq.read_table(tmp_path / "data" / "orders.parquet")
    notes = [note if n != 70 else "a\0b" for n, note in enumerate(table["note"].to_pylist())]
    table = table.set_column(table.schema.get_field_index("note"), "note", pa.array(notes))
    pq.write_table(table, tmp_path / "data" / "orders.parquet")
    steps = [{"filter": "id < 100"}, {"select": ["id", "amount", "note"]}]
    with psycopg2.connect(postgres_database) as session, session.cursor() as cursor:
        for way in ("staged", "pushdown"):
            cursor.execute(
                f"CREATE TABLE orders_{way} (id bigint, amount numeric(10,2) CHECK (amount <> 0.30), note varchar(5))"
            )
    session.close()
    done = {}
    for way in ("staged", "pushdown"):
        done[way] = move(spec(tmp_path, way, steps, "append"), **outside(tmp_path, db=postgres_database))
    same(done["pushdown"], done["staged"])
    assert rows(postgres_database, "orders_pushdown") == rows(postgres_database, "orders_staged")
    found = {line["row"]: line["reason"] for line in lines(done["pushdown"])}
    assert found.keys() == {line["row"] for line in lines(done["staged"])} >= {31, 71}
    assert "character 0" in found[71]
    assert "check constraint" in found[31]


def test_again_is_nothing_and_gives_the_same_receipt(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    path = spec(tmp_path, "pushdown", PROGRAMS["columns"], "append", checks=CHECKS[:2])
    world = outside(tmp_path, db=postgres_database)
    first = move(path, **world)["outputs"][0]
    before = rows(postgres_database, "orders_pushdown")
    again = move(path, **world)["outputs"][0]
    assert not first["already"]
    assert again["already"]
    assert {**again, "already": False} == first
    assert rows(postgres_database, "orders_pushdown") == before


def test_again_with_other_rows_is_a_conflict(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    plan = tmp_path / "kept.plan.json"
    world = outside(tmp_path, db=postgres_database)
    wv.plan(spec(tmp_path, "pushdown", PROGRAMS["columns"], "append"), rules_only=True, plan_file=plan, **world)
    wv.run(plan, run="r1", **world)
    before = rows(postgres_database, "orders_pushdown")
    orders(tmp_path, later=True)
    with pytest.raises(WindvaneError, match="its source has changed since"):
        wv.run(plan, run="r1", **world)
    assert rows(postgres_database, "orders_pushdown") == before


def test_a_replay_of_mended_rows(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    world = outside(tmp_path, db=postgres_database)
    plan = tmp_path / "kept.plan.json"
    steps = [{"drop": ["xmin"]}, {"derive": {"double": "amount * 2"}}]
    wv.plan(
        spec(tmp_path, "pushdown", steps, checks=[{"not_null": "customer"}]),
        rules_only=True,
        plan_file=plan,
        **world,
    )
    first = wv.run(plan, run="r1", **world)["outputs"][0]
    (file,) = map(Path, first["quarantine"])
    mended = [json.loads(line) for line in file.read_text().splitlines()]
    for line in mended:
        line["source"]["customer"] = "mended"
    file.write_text("".join(json.dumps(line) + "\n" for line in mended))
    again = wv.run(plan, replay=str(file), **world)["outputs"][0]
    assert (first["loaded"], again["loaded"], again["quarantined"]) == (ROWS - len(mended), len(mended), 0)
    assert sum("'mended'" in row for row in rows(postgres_database, "orders_pushdown")) == len(mended) > 0


def test_a_kill_leaves_no_trace(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path, rows=20_000)
    world = outside(tmp_path, db=postgres_database)
    steps = [*PROGRAMS["join"], {"derive": {"double": "amount * 2"}}]
    move(spec(tmp_path, "staged", steps, "append"), **world)
    path = spec(tmp_path, "pushdown", steps, "append")
    early = [killed(path, "r1", world, delay) for delay in (0.02, 0.1, 0.2, 0.3, 0.4, 0.6)]
    move(path, **world)
    assert any(early)
    assert rows(postgres_database, "orders_pushdown") == rows(postgres_database, "orders_staged")
    assert not leftovers(postgres_database)


def test_the_plan_shows_the_sql(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    world = outside(tmp_path, db=postgres_database)
    path = spec(tmp_path, "pushdown", [JOIN, {"filter": "amount > 1"}])
    file = tmp_path / "shown.plan.json"
    plan = wv.plan(path, rules_only=True, plan_file=file, **world)
    strategy = plan["outputs"][0]["strategy"]
    assert (strategy["strategy"], strategy["by"]) == ("pushdown", "spec")
    assert 'pg_temp."raw_customers"' in strategy["sql"]
    assert '("amount" > CAST(' in strategy["sql"]
    path = spec(tmp_path, "pushdown", [{"aggregate": {"by": "day", "measures": {"n": "sum(amount)"}}}])
    narrow = wv.plan(path, rules_only=True, **world)["outputs"][0]["strategy"]["sql"]
    assert 's0 AS (SELECT "amount", "day", "windvane_row"' in narrow
    shown = wv.explain(file)
    assert f"```sql\n{strategy['sql']}\n```" in shown
    assert "Moves with its steps at the target (spec: written in the spec)." in shown
    assert "def load_orders(" in wv.explain(file, code=True)


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_stages_of_a_dag(tmp_path: Path, postgres_database: str, partitions: int) -> None:
    orders(tmp_path)
    world = outside(tmp_path, db=postgres_database)
    path = spec(tmp_path, "pushdown", PROGRAMS["latest"], orders={"partitions": partitions})
    plan = tmp_path / "pushdown.plan.json"
    wv.plan(path, rules_only=True, plan_file=plan, **world)
    if partitions == 1:
        extracted: Any = stages.extract(str(plan), "orders", run="r1", **world)
    else:
        pieces = stages.split(str(plan), "orders", run="r1", **world)
        extracted = [stages.extract(str(plan), "orders", run="r1", piece=piece, **world) for piece in pieces]
    receipt = stages.load(str(plan), "orders", extracted=extracted, run="r1", **world)
    again = stages.load(str(plan), "orders", extracted=extracted, run="r1", **world)
    assert again["already"]
    assert {**again, "already": False} == receipt
    assert stages.record(str(plan), [receipt], run="r1", **world)["reconciliation"]["balanced"]
    move(spec(tmp_path, "staged", PROGRAMS["latest"]), **world)
    assert rows(postgres_database, "orders_pushdown") == rows(postgres_database, "orders_staged")


def test_incremental_loads(tmp_path: Path, postgres_database: str) -> None:
    steps = [{"drop": ["xmin"]}, {"derive": {"double": "amount * 2"}}]
    world = outside(tmp_path, db=postgres_database)
    counts = []
    for run in ("r1", "r2", "r3"):
        orders(tmp_path, later=run != "r1")
        for way in ("staged", "pushdown"):
            more = {"orders": {"incremental": {"column": "id"}}}
            done = move(spec(tmp_path, way, steps, "append", **more), run, **world)
        counts.append(done["outputs"][0]["loaded"])
        assert rows(postgres_database, "orders_pushdown") == rows(postgres_database, "orders_staged")
    assert counts == [ROWS, 196, 0]


def test_new_columns_travel_along(tmp_path: Path, postgres_database: str) -> None:
    """The plan stays, the source has changed: what the steps do not name goes through them."""
    orders(tmp_path)
    world = outside(tmp_path, db=postgres_database)
    path = spec(tmp_path, "pushdown", [{"drop": ["xmin"]}, {"filter": "id < 10"}])
    plan = tmp_path / "kept.plan.json"
    wv.plan(path, rules_only=True, plan_file=plan, **world)
    table = pq.read_table(tmp_path / "data" / "orders.parquet")
    table = table.append_column("fresh", pa.array(range(table.num_rows)))
    pq.write_table(table, tmp_path / "data" / "orders.parquet")
    wv.run(plan, run="r1", **world)
    found = rows(postgres_database, "orders_pushdown")
    assert "'fresh'" in found[0]
    assert len(found) == 11


@pytest.mark.parametrize(
    ("columns", "said"), [({"windvane_row": [1]}, "cannot have this name"), ({"x" * 64: [1]}, "cannot have this name")]
)
def test_names_that_mean_something_else_there(tmp_path: Path, postgres_database: str, columns: Row, said: str) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "data" / "orders.parquet")
    pq.write_table(pa.table({"customer": ["a"]}), tmp_path / "data" / "customers.parquet")
    with pytest.raises(WindvaneError, match=said):
        wv.plan(spec(tmp_path, "pushdown", []), rules_only=True, **outside(tmp_path, db=postgres_database))


def test_a_proposal_without_sql_is_not_taken(tmp_path: Path, postgres_database: str) -> None:
    """The rules would parse the texts of a CSV; that has no form in SQL."""
    (tmp_path / "data").mkdir()
    lines = "".join(f"{n},{n % 28 + 1:02d}/01/2024\n" for n in range(50))
    (tmp_path / "data" / "orders.csv").write_text(f"id,day\n{lines}")
    path = write_spec(
        tmp_path, "texts", source={"csv": {"path": "data/orders.csv"}}, target={"postgres": {"connection": "db"}},
        datasets={"orders": {"strategy": "pushdown"}},
    )  # fmt: skip
    world = outside(tmp_path, db=postgres_database)
    plan = wv.plan(path, rules_only=True, **world)
    refused = [one["reason"] for one in plan["decisions"] if not one["accepted"]]
    assert any("has no form in SQL" in reason for reason in refused), plan["decisions"]
    assert move(path, **world)["outputs"][0]["loaded"] == 50


EVERY = """
CREATE TABLE "Every Kind" (
  id bigint PRIMARY KEY, small smallint, real real, json json, jsonb jsonb, uuid uuid, bytes bytea, clock time,
  zoned timestamptz, exact numeric(38,10), tags text[], "ctid " text
);
INSERT INTO "Every Kind"
SELECT n, n, n / 3.0, '{"b": 1,  "a": [1.0, 2]}', '{"b": 1}', md5(n::text)::uuid, decode('00ff', 'hex'), '12:34:56.789',
       '2024-03-31 01:30:00.000001+02'::timestamptz + n * interval '1 day', n * 1234567890.0123456789, ARRAY['x', NULL], 'c'
FROM generate_series(1, 300) AS n;
INSERT INTO "Every Kind" (id) VALUES (1000);
CREATE TABLE nothing (id bigint, t text);
"""


def test_values_of_every_kind(tmp_path: Path, postgres_database: str) -> None:
    with psycopg2.connect(postgres_database) as session, session.cursor() as cursor:
        cursor.execute(EVERY)
    session.close()
    steps = [
        {"filter": "id <> 5"},
        {"set": {"where": "id = 7", "values": {"json": "NULL"}}},
        {"deduplicate": {"on": ["json", "uuid", "zoned"]}},
        {"window": {"order_by": "zoned", "columns": {"before": "lag(jsonb)"}}},
        {"derive": {"month": "date_trunc('month', zoned)", "year": "extract(year from zoned)", "big": "exact * 2"}},
    ]
    done = {}
    for way in ("staged", "pushdown"):
        path = write_spec(
            tmp_path,
            way,
            source={"postgres": {"connection": "db", "tables": ["Every Kind", "nothing"]}},
            target={"postgres": {"connection": "db", "schema": way}},
            datasets={
                "Every Kind": {"strategy": way, "steps": steps},
                "nothing": {"strategy": way, "steps": [{"aggregate": {"by": "t", "measures": {"n": "count(*)"}}}]},
            },
        )
        done[way] = move(path, **outside(tmp_path, db=postgres_database))
    for ours, theirs in zip(done["pushdown"]["outputs"], done["staged"]["outputs"], strict=True):
        for key in ("rows_in", "loaded", "filtered", "quarantined", "checksum_source", "checksum_target"):
            assert ours[key] == theirs[key], key
    assert rows(postgres_database, 'pushdown."Every Kind"') == rows(postgres_database, 'staged."Every Kind"')
    assert len(rows(postgres_database, 'pushdown."Every Kind"')) == 301
    assert rows(postgres_database, "pushdown.nothing") == rows(postgres_database, "staged.nothing")


@pytest.mark.parametrize("way", ["staged", "pushdown"])
def test_rows_that_the_table_refuses_count_against_the_share(tmp_path: Path, postgres_database: str, way: str) -> None:
    orders(tmp_path)
    steps = [{"select": ["id", "amount", "note"]}]
    with psycopg2.connect(postgres_database) as session, session.cursor() as cursor:
        cursor.execute(f"CREATE TABLE orders_{way} (id bigint CHECK (id % 10 <> 0), amount numeric(10,2), note text)")
    session.close()
    path = spec(tmp_path, way, steps, "append", errors={"max_quarantined": 0.05})
    with pytest.raises(WindvaneError, match="went to quarantine"):
        move(path, **outside(tmp_path, db=postgres_database))
    assert not rows(postgres_database, f"orders_{way}")[1:]
