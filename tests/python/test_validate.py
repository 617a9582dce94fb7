"""A row that breaks a check is refused once, with every reason; all other rows pass unchanged."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane import _core, errors

Row = dict[str, Any]

COLUMNS = {"id": "int64", "country": "text", "amount": "decimal(12,2)", "day": "date", "rate": "float64"}
ROWS: list[Row] = [
    {"id": 1, "country": "DE", "amount": "5.00", "day": "2024-01-01", "rate": 0.5},
    {"id": 2, "country": None, "amount": "-1.00", "day": "2023-01-01", "rate": None},
    {"id": 1, "country": "XX", "amount": "200.01", "day": None, "rate": 2.0},
    {"id": None, "country": "FR", "amount": None, "day": "2024-12-31", "rate": 1.0},
    {"id": None, "country": "FR", "amount": "0.00", "day": "2025-01-01", "rate": 0.0},
]
COUNTRIES = ({"code": "text"}, [{"code": "DE"}, {"code": "FR"}, {"code": None}])


def fields(columns: dict[str, str]) -> list[Row]:
    return [{"name": name, "type": kind, "nullable": True} for name, kind in columns.items()]


def validate(checks: list[Row], rows: list[Row] = ROWS, columns: dict[str, str] = COLUMNS) -> Row:
    others = {"countries": {"schema": fields(COUNTRIES[0]), "rows": COUNTRIES[1]}}
    request = {"schema": fields(columns), "rows": rows, "checks": checks, "others": others}
    answer = json.loads(_core.validate_rows(json.dumps(request)))
    assert len(answer["rows"]) + len(answer["rejected"]) == len(rows)
    return answer


CHECKS = [
    ({"not_null": ["id", "country"]}, [2, 4, 5], "id must not be null"),
    ({"unique": "id"}, [3], "id = '1' is not unique: row 1 has it first"),
    ({"unique": ["id", "country"]}, [], ""),
    ({"accepted": {"column": "country", "values": ["DE", "FR"]}}, [3], "country = 'XX' is not one of 'DE', 'FR'"),
    ({"accepted": {"column": "id", "values": [2, None]}}, [1, 3], "id = '1' is not one of 2"),
    ({"range": {"column": "amount", "min": 0, "max": 200}}, [2, 3], "amount = '-1.00' is not >= 0 and <= 200"),
    ({"range": {"column": "day", "min": "2024-01-01"}}, [2], "day = '2023-01-01'"),
    ({"range": {"column": "rate", "max": 1}}, [3], "rate = '2.0'"),
    ({"matches": {"column": "country", "pattern": "D|F"}}, [1, 3, 4, 5], "'DE' does not match D|F"),
    ({"matches": {"column": "country", "pattern": "[A-Z]{2}"}}, [], ""),
    ({"expression": "amount >= 0 AND rate < 2"}, [2, 3], "amount >= 0 AND rate < 2 is false"),
    ({"expression": "1 / rate > 0"}, [5], "division by zero"),
    ({"references": {"column": "country", "dataset": "countries", "key": "code"}}, [3], "is not a code of countries"),
    ({"rows": {"min": 5, "max": 5}}, [], ""),
]


@pytest.mark.parametrize(("check", "failing", "reason"), CHECKS, ids=[json.dumps(c[0]) for c in CHECKS])
def test_check(check: Row, failing: list[int], reason: str) -> None:
    answer = validate([check])
    assert [rejected["row"] for rejected in answer["rejected"]] == failing
    assert answer["numbers"] == [n for n in range(1, 6) if n not in failing]
    assert answer["checks"][0]["failed"] == len(failing)
    assert answer["checks"][0]["rows"] == 5
    assert not failing or any(reason in rejected["reason"] for rejected in answer["rejected"])


def test_a_row_that_breaks_several_checks_is_refused_once_with_all_reasons() -> None:
    answer = validate([{"unique": "id"}, {"range": {"column": "amount", "max": 100}}, {"expression": "rate <= 1"}])
    (rejected,) = answer["rejected"]
    assert rejected["row"] == 3
    assert rejected["reason"].count("; ") == 2
    assert rejected["record"]["country"] == "XX"


@pytest.mark.parametrize("bounds", [{"min": 6}, {"max": 4}])
def test_number_of_rows_fails_the_run(bounds: Row) -> None:
    with pytest.raises(errors.DataError, match="5 rows are left"):
        validate([{"rows": bounds}])


@pytest.mark.parametrize(
    ("check", "path", "said"),
    [
        ({"not_null": ["contry"]}, "checks[0].contry", "'country'"),
        ({"unique": []}, "checks[0]", "at least one"),
        ({"accepted": {"column": "country", "values": [1]}}, "checks[0].country", "cannot be compared"),
        ({"accepted": {"column": "id", "values": []}}, "checks[0].values", "List"),
        ({"range": {"column": "country", "min": 1}}, "checks[0].country", "no range"),
        ({"range": {"column": "day", "min": "soon"}}, "checks[0].day", "not a date"),
        ({"range": {"column": "id"}}, "checks[0].id", "no bound"),
        ({"matches": {"column": "id", "pattern": "x"}}, "checks[0].id", "not text"),
        ({"matches": {"column": "country", "pattern": "("}}, "checks[0].pattern", "regular expression"),
        ({"expression": "amount"}, "checks[0].expression", "true or false"),
        ({"expression": "sum(amount) > 0"}, "checks[0].expression", "aggregate"),
        ({"references": {"column": "country", "dataset": "nope"}}, "checks[0].dataset", "inputs"),
        ({"references": {"column": "country", "dataset": "countries", "key": "cod"}}, "checks[0].key", "'code'"),
        ({"references": {"column": "id", "dataset": "countries", "key": "code"}}, "checks[0].id", "Cast"),
        ({"rows": {}}, "checks[0].rows", "min"),
        ({"rows": {"min": 2, "max": 1}}, "checks[0].rows", "Swap"),
    ],
)
def test_mistakes_are_found_before_the_rows(check: Row, path: str, said: str) -> None:
    with pytest.raises(errors.WindvaneError) as caught:
        validate([check])
    assert f"at {path}:" in str(caught.value)
    assert said in f"{caught.value} {caught.value.hint}"


DATA = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.none() | st.integers(0, 5),
            "country": st.none() | st.sampled_from(["DE", "FR", "XX", "", "a\nb", "it's"]),
            "rate": st.none() | st.floats(-2, 2).map(lambda value: round(value, 2)),
        }
    ),
    max_size=20,
)
KINDS = {"id": "int64", "country": "text", "rate": "float64"}
MEANING: list[tuple[Row, Any]] = [
    ({"not_null": "id"}, lambda row, _: row["id"] is not None),
    ({"unique": "id"}, lambda row, before: row["id"] is None or all(other["id"] != row["id"] for other in before)),
    (
        {"unique": ["id", "country"]},
        lambda row, before: (
            None in (row["id"], row["country"])
            or all((other["id"], other["country"]) != (row["id"], row["country"]) for other in before)
        ),
    ),
    (
        {"accepted": {"column": "country", "values": ["DE", "it's"]}},
        lambda row, _: row["country"] in {None, "DE", "it's"},
    ),
    (
        {"range": {"column": "rate", "min": -1, "max": 1.5}},
        lambda row, _: row["rate"] is None or -1 <= row["rate"] <= 1.5,
    ),
    (
        {"matches": {"column": "country", "pattern": "[A-Z]+"}},
        lambda row, _: row["country"] is None or re.fullmatch("[A-Z]+", row["country"]) is not None,
    ),
    (
        {"expression": "id > 1 OR rate > 0"},
        lambda row, _: (row["id"] is None or row["id"] > 1) or (row["rate"] is None or row["rate"] > 0),
    ),
    (
        {"references": {"column": "country", "dataset": "countries", "key": "code"}},
        lambda row, _: row["country"] in {None, "DE", "FR"},
    ),
]


@given(rows=DATA, chosen=st.lists(st.sampled_from(MEANING), max_size=4, unique_by=lambda pair: json.dumps(pair[0])))
@settings(max_examples=200, deadline=None)
def test_exactly_the_rows_that_hold_pass(rows: list[Row], chosen: list[Any]) -> None:
    answer = validate([check for check, _ in chosen], rows, KINDS)
    holds = [all(meaning(row, rows[:n]) for _, meaning in chosen) for n, row in enumerate(rows)]
    assert answer["numbers"] == [n + 1 for n, held in enumerate(holds) if held]
    for result, (_, meaning) in zip(answer["checks"], chosen, strict=True):
        assert result["failed"] == sum(not meaning(row, rows[:n]) for n, row in enumerate(rows))


NAMED = st.builds(lambda n, long: "x" * 300 * long + f"name {n:05}", st.integers(0, 3_000), st.booleans())


@given(
    ordered=st.integers(0, 700),
    stride=st.integers(1, 9),
    others=st.lists(st.tuples(st.integers(-10, 7_000), NAMED), max_size=80),
    places=st.lists(st.integers(0, 800), max_size=80),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("columns", [["id"], ["name"], ["name", "id"]])
def test_unique_of_keys_in_order_and_not(
    columns: list[str], ordered: int, stride: int, others: list[tuple[int, str]], places: list[int]
) -> None:
    rows: list[Row] = [{"id": n * stride, "name": f"name {n * stride:05}"} for n in range(ordered)]
    for place, (number, name) in zip(places, others, strict=False):
        rows.insert(place, {"id": number, "name": name})
    answer = validate([{"unique": columns}], rows, {"id": "int64", "name": "text"})
    first: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows, start=1):
        first.setdefault(tuple(row[column] for column in columns), number)
    assert answer["numbers"] == sorted(first.values())
    for rejected in answer["rejected"]:
        had = first[tuple(rows[rejected["row"] - 1][column] for column in columns)]
        assert rejected["reason"].endswith(f"row {had} has it first")
