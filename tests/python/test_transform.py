"""Steps run in the written order, do what they say and account for every row."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane import _core, errors

Row = dict[str, Any]
Step = dict[str, Any]

ORDERS = {"id": "int64", "day": "text", "status": "text", "amount": "decimal(12,2)", "customer": "int64"}
ROWS: list[Row] = [
    {"id": 1, "day": "2024-01-05", "status": "complete", "amount": "10.50", "customer": 1},
    {"id": 2, "day": "31/01/2024", "status": "open", "amount": "3.00", "customer": 2},
    {"id": 3, "day": "2024-02-30", "status": "complete", "amount": None, "customer": 9},
    {"id": 3, "day": None, "status": None, "amount": "7.25", "customer": None},
]
CUSTOMERS = (
    {"customer": "int32", "name": "text", "status": "text"},
    [
        {"customer": 1, "name": "Ada", "status": "gold"},
        {"customer": 2, "name": "Bob", "status": None},
        {"customer": None, "name": "Nobody", "status": "x"},
    ],
)


def fields(columns: dict[str, str]) -> list[Row]:
    return [{"name": name, "type": kind, "nullable": True} for name, kind in columns.items()]


def transform(steps: list[Step], rows: list[Row] = ROWS, columns: dict[str, str] = ORDERS, **others: Any) -> Row:
    request = {
        "schema": fields(columns),
        "rows": rows,
        "steps": steps,
        "others": {name: {"schema": fields(kinds), "rows": data} for name, (kinds, data) in others.items()},
    }
    answer = json.loads(_core.transform_rows(json.dumps(request)))
    assert len(rows) == len(answer["rows"]) + answer["filtered"] + len(answer["rejected"])
    names = [field["name"] for field in answer["schema"]]
    assert all(list(row) == sorted(row) or list(row) == names for row in answer["rows"])
    return answer


def refused(steps: list[Step], **others: Any) -> errors.WindvaneError:
    with pytest.raises(errors.WindvaneError) as caught:
        transform(steps, **others)
    assert caught.value.hint
    return caught.value


def names(answer: Row) -> list[str]:
    return [field["name"] for field in answer["schema"]]


def test_select_drop_rename() -> None:
    assert names(transform([{"select": ["amount", "id"]}])) == ["amount", "id"]
    assert names(transform([{"drop": ["day", "status"]}])) == ["id", "amount", "customer"]
    swapped = transform([{"rename": {"id": "customer", "customer": "id"}}])
    assert names(swapped) == ["customer", "day", "status", "amount", "id"]
    assert swapped["rows"][0]["customer"] == 1
    assert swapped["rows"][2]["id"] == 9


def test_parse_tries_formats_in_order_and_rejects_the_rest() -> None:
    answer = transform([{"parse": {"columns": ["day"], "to": "date", "formats": ["%Y-%m-%d", "%d/%m/%Y"]}}])
    assert [row["day"] for row in answer["rows"]] == ["2024-01-05", "2024-01-31", None]
    (rejected,) = answer["rejected"]
    assert (rejected["row"], rejected["column"]) == (3, "day")
    assert rejected["reason"] == "'2024-02-30' is not a date as %Y-%m-%d or %d/%m/%Y"
    assert rejected["record"] == {"id": "3", "day": "2024-02-30", "status": "complete", "amount": None, "customer": "9"}


def test_cast_failures_are_rejected_with_row_and_column() -> None:
    answer = transform([{"cast": {"day": "date", "id": "text"}}])
    assert [(r["row"], r["column"]) for r in answer["rejected"]] == [(2, "day"), (3, "day")]
    assert answer["numbers"] == [1, 4]
    assert [row["id"] for row in answer["rows"]] == ["1", "3"]


def test_filter_counts_false_and_null() -> None:
    answer = transform([{"filter": "status = 'complete'"}])
    assert (answer["numbers"], answer["filtered"]) == ([1, 3], 2)


def test_derive_sees_the_columns_before_the_step() -> None:
    answer = transform([{"derive": {"id": "id + 1", "old": "id"}}])
    assert [(row["id"], row["old"]) for row in answer["rows"]] == [(2, 1), (3, 2), (4, 3), (4, 3)]


def test_set_touches_only_rows_where_the_condition_is_true() -> None:
    answer = transform([{"set": {"where": "status <> 'complete'", "values": {"status": "'other'", "amount": "0"}}}])
    assert [row["status"] for row in answer["rows"]] == ["complete", "other", "complete", None]
    assert [row["amount"] for row in answer["rows"]] == ["10.50", "0.00", None, "7.25"]


def test_fill_replaces_nulls_only() -> None:
    answer = transform([{"fill": {"amount": 0, "status": "none"}}])
    assert [row["amount"] for row in answer["rows"]] == ["10.50", "3.00", "0.00", "7.25"]
    assert answer["rows"][3]["status"] == "none"
    assert not next(field for field in answer["schema"] if field["name"] == "amount")["nullable"]


def test_left_join_keeps_every_row_and_inner_counts_the_rest() -> None:
    left = transform([{"join": {"with": "customers", "on": "customer"}}], customers=CUSTOMERS)
    assert names(left)[-2:] == ["name", "status_right"]
    assert [row["name"] for row in left["rows"]] == ["Ada", "Bob", None, None]
    inner = transform(
        [{"join": {"with": "customers", "on": ["customer"], "how": "inner", "take": ["name"]}}], customers=CUSTOMERS
    )
    assert (inner["numbers"], inner["filtered"], names(inner)[-1]) == ([1, 2], 2, "name")


def test_join_to_a_key_that_is_there_twice_is_an_error() -> None:
    twice = (CUSTOMERS[0], [*CUSTOMERS[1], {"customer": 2, "name": "Bea", "status": None}])
    error = refused([{"join": {"with": "customers", "on": "customer"}}], customers=twice)
    assert error.kind == "data"
    assert "customer = 2" in str(error)
    nulls = (CUSTOMERS[0], [*CUSTOMERS[1], {"customer": None, "name": "Bea", "status": None}])
    assert transform([{"join": {"with": "customers", "on": "customer"}}], customers=nulls)["rows"][3]["name"] is None


def test_deduplicate() -> None:
    assert transform([{"deduplicate": {"on": "id"}}])["numbers"] == [1, 2, 3]
    assert transform([{"deduplicate": {"on": "id", "keep": "last"}}])["numbers"] == [1, 2, 4]
    assert transform([{"deduplicate": {"on": "id", "order_by": ["amount"]}}])["numbers"] == [1, 2, 4]


def test_aggregate() -> None:
    steps = [
        {
            "aggregate": {
                "by": "id",
                "measures": {
                    "n": "count(*)",
                    "known": "count(amount)",
                    "total": "sum(amount)",
                    "least": "min(amount)",
                    "mean": "avg(amount)",
                    "share": "sum(amount) / count(*)",
                    "last": "max(day)",
                },
            }
        }
    ]
    answer = transform(steps)
    assert names(answer) == ["id", "known", "last", "least", "mean", "n", "share", "total"]
    assert answer["numbers"] == [1, 2, 3]
    assert answer["rows"][2] == {
        "id": 3,
        "known": 1,
        "last": "2024-02-30",
        "least": "7.25",
        "mean": "7.250000",
        "n": 2,
        "share": "3.625000",
        "total": "7.25",
    }


@pytest.mark.parametrize(
    ("step", "path", "said"),
    [
        ({"select": ["id", "amuont"]}, "steps[1].select.amuont", "amount"),
        ({"select": []}, "steps[1].select", "at least one"),
        ({"select": ["id", "id"]}, "steps[1].select.id", "twice"),
        ({"drop": ["nope"]}, "steps[1].drop.nope", "Columns"),
        ({"rename": {"id": "day"}}, "steps[1].rename.day", "twice"),
        ({"cast": {"amount": "date"}}, "steps[1].cast.amount", "text"),
        ({"parse": {"columns": ["id"], "to": "date", "formats": ["%Y"]}}, "steps[1].parse.id", "text"),
        ({"parse": {"columns": ["day"], "to": "int64", "formats": ["%Y"]}}, "steps[1].parse.to", "cast"),
        ({"parse": {"columns": ["day"], "to": "date", "formats": ["%Q"]}}, "steps[1].parse.formats", "strftime"),
        ({"filter": "amount"}, "steps[1].filter", "Compare"),
        ({"derive": {"total": "amount * quantity"}}, "steps[1].derive.total", "Columns"),
        ({"set": {"where": "id = 1", "values": {"amuont": "1"}}}, "steps[1].set.values.amuont", "derive"),
        ({"set": {"where": "id = 1", "values": {"amount": "'x'"}}}, "steps[1].set.values.amount", ""),
        ({"set": {"where": "idd = 1", "values": {"amount": "1"}}}, "steps[1].set.where", "'id'"),
        ({"fill": {"amount": "many"}}, "steps[1].fill.amount", "decimal(12,2)"),
        ({"fill": {"id": 1.5}}, "steps[1].fill.id", "int64"),
        ({"join": {"with": "nope", "on": "id"}}, "steps[1].join.with", "discover"),
        ({"join": {"with": "customers", "on": "id"}}, "steps[1].join.on", "Columns of"),
        ({"join": {"with": "customers", "on": "customer", "take": ["nam"]}}, "steps[1].join.take", "'name'"),
        ({"deduplicate": {"on": "idd"}}, "steps[1].deduplicate.on", "'id'"),
        ({"aggregate": {"by": "id", "measures": {"x": "amount"}}}, "steps[1].aggregate.measures.x", "max(amount)"),
        ({"aggregate": {"by": "id", "measures": {"x": "1"}}}, "steps[1].aggregate.measures.x", "count"),
        ({"aggregate": {"by": "id", "measures": {"x": "sum(day)"}}}, "steps[1].aggregate.measures.x", "Cast"),
        ({"aggregate": {"by": "id", "measures": {"x": "sum(sum(id))"}}}, "steps[1].aggregate.measures.x", "inside"),
        ({"aggregate": {"by": "id", "measures": {"id": "count(*)"}}}, "steps[1].aggregate.id", "twice"),
    ],
)
def test_mistakes_are_located_before_anything_runs(step: Step, path: str, said: str) -> None:
    error = refused([{"filter": "TRUE"}, step], customers=CUSTOMERS)
    assert f"at {path}:" in str(error)
    assert said in f"{error} {error.hint}"


def test_sum_out_of_range_is_an_error() -> None:
    rows = [{"n": 2**62}, {"n": 2**62}]
    with pytest.raises(errors.DataError, match="out of range of int64"):
        transform([{"aggregate": {"by": [], "measures": {"s": "sum(n)"}}}], rows, {"n": "int64"})
    wide = transform(
        [{"aggregate": {"by": [], "measures": {"s": "sum(CAST(n AS decimal(38,0)))"}}}], rows, {"n": "int64"}
    )
    assert wide["rows"] == [{"s": str(2**63)}]


def test_rows_that_fail_inside_an_aggregate_are_rejected() -> None:
    rows = [{"k": 1, "n": 0}, {"k": 1, "n": 2}, {"k": 2, "n": 0}]
    answer = transform(
        [{"aggregate": {"by": "k", "measures": {"s": "sum(4 / n)"}}}], rows, {"k": "int64", "n": "int64"}
    )
    assert answer["rows"] == [{"k": 1, "s": 2.0}]
    assert [rejected["row"] for rejected in answer["rejected"]] == [1, 3]


# Properties --------------------------------------------------------------------------------------------------------

KINDS = {"a": "int64", "b": "int64", "s": "text", "m": "decimal(12,2)"}
DATA = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.none() | st.integers(-5, 5),
            "b": st.none() | st.integers(-5, 5),
            "s": st.none() | st.sampled_from(["x", "y", "12", "2024-01-01", ""]),
            "m": st.none() | st.decimals(-99, 99, places=2).map(str),
        }
    ),
    max_size=15,
)

# Each step with what it does to rows, in plain Python.
ARITHMETIC = [
    ({"derive": {"a": "a + b"}}, lambda r: {**r, "a": None if None in (r["a"], r["b"]) else r["a"] + r["b"]}),
    ({"derive": {"b": "b * 2"}}, lambda r: {**r, "b": None if r["b"] is None else r["b"] * 2}),
    ({"rename": {"a": "b", "b": "a"}}, lambda r: {**r, "a": r["b"], "b": r["a"]}),
    ({"fill": {"a": 3}}, lambda r: {**r, "a": 3 if r["a"] is None else r["a"]}),
    ({"filter": "a >= 0"}, lambda r: r if r["a"] is not None and r["a"] >= 0 else None),
    (
        {"filter": "b IS NULL OR a <> b"},
        lambda r: r if r["b"] is None or (r["a"] is not None and r["a"] != r["b"]) else None,
    ),
    (
        {"set": {"where": "a < b", "values": {"a": "b", "b": "a"}}},
        lambda r: {**r, "a": r["b"], "b": r["a"]} if None not in (r["a"], r["b"]) and r["a"] < r["b"] else r,
    ),
    ({"set": {"where": "s = 'x'", "values": {"a": "0"}}}, lambda r: {**r, "a": 0} if r["s"] == "x" else r),
]


@given(rows=DATA, steps=st.lists(st.sampled_from(ARITHMETIC), max_size=8))
@settings(max_examples=200, deadline=None)
def test_steps_run_in_the_written_order(rows: list[Row], steps: list[Any]) -> None:
    expected = rows
    for _, meaning in steps:
        expected = [done for done in map(meaning, expected) if done is not None]
    answer = transform([step for step, _ in steps], rows, KINDS)
    got = [{"a": row["a"], "b": row["b"], "s": row["s"]} for row in answer["rows"]]
    assert got == [{"a": row["a"], "b": row["b"], "s": row["s"]} for row in expected]


STEPS: list[Step] = [
    {"select": ["m", "a", "s", "b"]},
    {"cast": {"s": "int64"}},
    {"cast": {"a": "int16", "m": "decimal(14,4)"}},
    {"cast": {"m": "int64"}},
    {"cast": {"b": "boolean"}},
    {"parse": {"columns": ["s"], "to": "date", "formats": ["%Y-%m-%d"]}},
    {"filter": "a > 0 OR s = 'x'"},
    {"filter": "10 / a > 2"},
    {"derive": {"c": "m * m", "d": "a / b", "e": "s || '!'"}},
    {"derive": {"c": "CASE WHEN b <> 0 THEN a % b END"}},
    {"set": {"where": "a = 1", "values": {"m": "m * 2", "s": "NULL"}}},
    {"fill": {"a": 0}},
    {"join": {"with": "other", "on": "a"}},
    {"join": {"with": "other", "on": "a", "how": "inner", "suffix": "_o"}},
    {"deduplicate": {"on": ["a", "s"]}},
    {"deduplicate": {"on": "b", "keep": "last", "order_by": ["m", "a"]}},
    {"aggregate": {"by": ["a"], "measures": {"s": "max(s)", "m": "avg(m)", "b": "sum(b)"}}},
    {"aggregate": {"by": "s", "measures": {"a": "count(distinct a)", "b": "min(b)", "m": "sum(m)"}}},
]
OTHER = ({"a": "int32", "m": "text"}, [{"a": n, "m": f"m{n}"} for n in range(-2, 3)])


@given(rows=DATA, steps=st.lists(st.sampled_from(STEPS), max_size=6))
@settings(max_examples=300, deadline=None)
def test_every_row_is_accounted_for_and_the_schema_is_the_promised_one(rows: list[Row], steps: list[Step]) -> None:
    """`transform_rows` fails when a step's rows or real columns differ from what the program promised."""
    try:
        answer = transform(steps, rows, KINDS, other=OTHER)
    except errors.WindvaneError as error:
        assert error.kind == "spec", error
        assert f"{error}".startswith("at steps["), error
        return
    assert sorted(answer["numbers"]) == answer["numbers"] or any("aggregate" in step for step in steps)
    for field in answer["schema"]:
        values = [row[field["name"]] for row in answer["rows"]]
        assert field["nullable"] or None not in values


@given(rows=DATA, steps=st.lists(st.sampled_from(STEPS), max_size=6), cut=st.integers(0, 15))
@settings(max_examples=100, deadline=None)
def test_row_wise_steps_give_the_same_in_any_batches(rows: list[Row], steps: list[Step], cut: int) -> None:
    steps = [step for step in steps if not {"deduplicate", "aggregate"} & set(step)]
    try:
        whole = transform(steps, rows, KINDS, other=OTHER)
    except errors.SpecError:
        return
    parts = [transform(steps, part, KINDS, other=OTHER) for part in (rows[:cut], rows[cut:])]
    assert whole["rows"] == parts[0]["rows"] + parts[1]["rows"]
    assert whole["filtered"] == parts[0]["filtered"] + parts[1]["filtered"]


@given(rows=DATA)
@settings(max_examples=100, deadline=None)
def test_aggregates_are_those_of_python(rows: list[Row]) -> None:
    answer = transform([{"aggregate": {"by": "a", "measures": {"n": "count(*)", "m": "sum(m)"}}}], rows, KINDS)
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["a"], []).append(row)
    expected = []
    for key, members in groups.items():
        known = [Decimal(row["m"]) for row in members if row["m"] is not None]
        expected.append({"a": key, "m": str(sum(known, Decimal("0.00"))) if known else None, "n": len(members)})
    got = [{"a": row["a"], "m": row["m"], "n": row["n"]} for row in answer["rows"]]
    assert [{**g, "m": g["m"] and Decimal(g["m"])} for g in got] == [
        {**e, "m": e["m"] and Decimal(e["m"])} for e in expected
    ]
