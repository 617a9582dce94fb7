"""Every word of the expressions at least once: what it gives beside DuckDB or by hand, and how its misuse is told."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_verbs import fields, transform, tuples
from windvane import _core, errors

Row = dict[str, Any]

COLUMNS = {
    "a": "int64",
    "i": "int32",
    "s": "int16",
    "f": "float64",
    "g": "float32",
    "d": "decimal(15,2)",
    "t": "text",
    "x": "date",
    "h": "time",
    "ts": "timestamp",
    "tz": "timestamptz",
    "bin": "binary",
    "p": "boolean",
    "u": "uuid",
    "j": "json",
}
ROW: Row = {
    "a": 17,
    "i": 3,
    "s": 4,
    "f": -2.5,
    "g": 1.5,
    "d": "-15.55",
    "t": "a,b,c",
    "x": "2024-02-29",
    "h": "13:14:15",
    "ts": "2024-11-30 13:14:15.5",
    "tz": "2024-02-29 23:30:00+00:00",
    "bin": "\\x6162",
    "p": True,
    "u": "12345678-1234-1234-1234-123456789abc",
    "j": '{"a": 1}',
}


def derive(expression: str, rows: list[Row], columns: dict[str, str] = COLUMNS) -> Row:
    return transform([{"derive": {"result": expression}}], rows, columns)


# Dates and times ----------------------------------------------------------------------------------------------------

OF_DATES = ("year", "quarter", "month", "week", "day", "dow", "isodow", "doy", "epoch")
OF_TIMES = ("hour", "minute", "second")
CUTS = ("year", "quarter", "month", "week", "day")
DAYS = st.dates(date(1, 1, 8))
MOMENTS = st.datetimes(datetime.fromisoformat("0001-01-08"))


def theirs(calls: dict[str, str], kind: str, values: list[Any]) -> list[tuple[Any, ...]]:
    """What DuckDB gives for calls on the column `v`; moments as text."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE input (n INT, v {kind})")
        for place, value in enumerate(values):
            connection.execute("INSERT INTO input VALUES (?, ?)", [place, value])
        chosen = ", ".join(f"({call})" for call in calls.values())
        return connection.execute(f"SELECT {chosen} FROM input ORDER BY n").fetchall()


def compared(calls: dict[str, str], kind: str, values: list[Any], duck: dict[str, str] | None = None) -> None:
    rows = [{"v": None if value is None else str(value)} for value in values]
    ours = transform([{"derive": calls}, {"select": sorted(calls)}], rows, {"v": kind})
    known = duck or {name: calls[name] for name in sorted(calls)}
    wanted = [tuple(None if v is None else str(v) for v in row) for row in theirs(known, kind, values)]
    assert [tuple(None if v is None else str(v) for v in row) for row in tuples(ours)] == wanted


@given(values=st.lists(st.none() | DAYS, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_parts_of_dates_are_those_of_duckdb(values: list[date | None]) -> None:
    parts = {f"p_{part}": f"extract({part} from v)" for part in OF_DATES}
    whole = {name: f"CAST(floor({call}) AS BIGINT)" for name, call in sorted(parts.items())}
    compared(parts, "date", values, whole)
    cuts = {f"c_{unit}": f"date_trunc('{unit}', v)" for unit in CUTS}
    compared(cuts, "date", values, {name: f"CAST({call} AS DATE)" for name, call in sorted(cuts.items())})


@given(values=st.lists(st.none() | MOMENTS, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_parts_of_moments_are_those_of_duckdb(values: list[datetime | None]) -> None:
    parts = {f"p_{part}": f"extract({part} from v)" for part in OF_DATES + OF_TIMES}
    whole = {name: f"CAST(floor({call}) AS BIGINT)" for name, call in sorted(parts.items())}
    compared(parts, "timestamp", values, whole)
    cuts = {f"c_{unit}": f"date_trunc('{unit}', v)" for unit in CUTS + OF_TIMES}
    moment = "strftime({}::TIMESTAMP, '%Y-%m-%d %H:%M:%S')"
    compared(cuts, "timestamp", values, {name: moment.format(call) for name, call in sorted(cuts.items())})


@given(values=st.lists(st.none() | st.times(), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_parts_of_times_are_those_of_python(values: list[time | None]) -> None:
    ours = transform(
        [{"derive": {part: f"extract({part} from v)" for part in OF_TIMES}}, {"select": list(OF_TIMES)}],
        [{"v": value and value.isoformat()} for value in values],
        {"v": "time"},
    )
    assert tuples(ours) == [
        (None, None, None) if value is None else (value.hour, value.minute, value.second) for value in values
    ]


# Values -------------------------------------------------------------------------------------------------------------

VALUES = [
    ("trim(leading ' ' from '  x ')", "text", "x "),
    ("trim(trailing ' ' from ' x  ')", "text", " x"),
    ("ltrim('xxay', 'xy')", "text", "ay"),
    ("rtrim('xay', 'xy')", "text", "xa"),
    ("split_part(t, ',', -1)", "text", "c"),
    ("split_part(t, ',', -3)", "text", "a"),
    ("split_part(t, ',', -4)", "text", ""),
    ("split_part(t, ',', 0)", "text", ""),
    ("split_part(t, '', 1)", "text", "a,b,c"),
    ("split_part(NULL, ',', 1)", "text", None),
    ("t LIKE NULL", "boolean", None),
    ("'a%' LIKE 'a!%' ESCAPE '!'", "boolean", True),
    ("$$it's$$", "text", "it's"),
    ("-f", "float64", 2.5),
    ("-d", "decimal(15,2)", "15.55"),
    ("abs(f)", "float64", 2.5),
    ("abs(d)", "decimal(15,2)", "15.55"),
    ("floor(f)", "float64", -3.0),
    ("ceil(f)", "float64", -2.0),
    ("ceiling(a)", "int64", 17),
    ("round(f)", "float64", -3.0),
    ("round(2.675e0, 2)", "float64", 2.68),
    ("round(-1250e0, -2)", "float64", -1300.0),
    ("round(d, -1)", "decimal(14,0)", "-20"),
    ("round(a, 0)", "int64", 17),
    ("f % 2", "float64", -0.5),
    ("d % 0.4", "decimal(15,2)", "-0.35"),
    ("g + i", "float64", 4.5),
    ("s * 2", "int64", 8),
    ("d + s", "decimal(16,2)", "-11.55"),
    ("x < ts", "boolean", True),
    ("x <= tz", "boolean", True),
    ("h > '10:00'", "boolean", True),
    ("p = 'true'", "boolean", True),
    ("u = '12345678-1234-1234-1234-123456789abc'", "boolean", True),
    ("x - '2024-02-01'", "int64", 28),
    ("parse_timestamp('31/01/2024 10:11', '%d/%m/%Y %H:%M')", "timestamp", "2024-01-31 10:11:00"),
    ("parse_timestamp('31/01/2024', '%d/%m/%Y')", "timestamp", "2024-01-31 00:00:00"),
    ("parse_date('31/01/2024 10:11', '%d/%m/%Y %H:%M')", "date", "2024-01-31"),
    ("CAST(x AS timestamp)", "timestamp", "2024-02-29 00:00:00"),
    ("CAST(x AS timestamptz)", "timestamptz", "2024-02-29 00:00:00+00:00"),
    ("CAST(ts AS time)", "time", "13:14:15.500"),
    ("CAST(tz AS time)", "time", "23:30:00"),
    ("CAST('10:11' AS time)", "time", "10:11:00"),
    ("CAST(bin AS text)", "text", "ab"),
    ("CAST(j AS text)", "text", '{"a": 1}'),
    ("CAST(u AS text)", "text", "12345678-1234-1234-1234-123456789abc"),
    ("CAST(upper(CAST(u AS text)) AS uuid)", "uuid", "12345678-1234-1234-1234-123456789abc"),
    ("CAST('[1]' AS jsonb)", "json", "[1]"),
    ("CAST('\\x00ff' AS bytea)", "binary", "\\x00ff"),
    ("CAST(a AS real)", "float32", 17.0),
    ("CAST(a AS decimal(12))", "decimal(12,0)", "17"),
    # A float is taken by its shortest digits, and rounded half away from zero.
    ("CAST(f AS decimal(10,0))", "decimal(10,0)", "-3"),
    ("CAST(1.005e0 AS decimal(10,2))", "decimal(10,2)", "1.01"),
    ("CAST(1.0049e0 AS decimal(10,2))", "decimal(10,2)", "1.00"),
    ("CAST(-0.05e0 AS decimal(10,1))", "decimal(10,1)", "-0.1"),
    ("CAST(0.04e0 AS decimal(10,1))", "decimal(10,1)", "0.0"),
]


@pytest.mark.parametrize(("expression", "kind", "value"), VALUES, ids=[v[0] for v in VALUES])
def test_value_and_type(expression: str, kind: str, value: Any) -> None:
    request = {"expression": expression, "schema": fields(COLUMNS)}
    assert json.loads(_core.expression_type(json.dumps(request)))["type"] == kind
    answer = derive(expression, [ROW])
    assert not answer["rejected"]
    assert answer["rows"][0]["result"] == value


def test_a_float_of_nothing_but_nines_is_not_rounded_out_of_its_digits() -> None:
    answer = derive("CAST(f AS decimal(3,2))", [{"f": 9.994}, {"f": 9.995}, {"f": -9.995}])
    assert [row["result"] for row in answer["rows"]] == ["9.99"]
    assert [rejected["row"] for rejected in answer["rejected"]] == [2, 3]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("abs(-9223372036854775807 - 1)", "abs(-9223372036854775808) is out of range of int64"),
        ("round(9223372036854775807, -1)", "round(9223372036854775807, -1) is out of range of int64"),
        ("-(-9223372036854775807 - 1)", "-(-9223372036854775808) is out of range of int64"),
        ("CAST(t AS bytea)", "'a,b,c' is not a binary"),
        ("CAST(t AS jsonb)", "'a,b,c' is not a json"),
        ("CAST(replace(t, ',', '____________________________') AS uuid)", f"'a{'_' * 28}b{'_' * 28}c' is not a uuid"),
        ("CAST(replace(t, ',', '_____________________________') AS uuid)", f"'a{'_' * 29}b{'_' * 29}…' is not a uuid"),
        ("CAST(bin AS text)", "is not a text"),
    ],
)
def test_a_row_that_fails_says_why(expression: str, reason: str) -> None:
    (rejected,) = derive(expression, [{**ROW, "bin": "\\xff00"}])["rejected"]
    assert reason in rejected["reason"]


REFUSED = [
    ("year(h)", "spec", "a time has no such part"),
    ("date_trunc('hour', x)", "spec", "cannot be cut"),
    ("date_trunc('day', h)", "spec", "cannot be cut"),
    ("date_trunc('dow', ts)", "spec", "cannot be cut"),
    ("extract(century from x)", "unsupported", "Parts are year, quarter"),
    ("hour(t)", "spec", "parse_date(column"),
    ("parse_date(t, t)", "unsupported", "in quotes here, not a column"),
    ("regexp_matches(t, t)", "unsupported", "must be a text in quotes"),
    ("round(a, t)", "unsupported", "number of digits from -18 to 38"),
    ("round(a, 39)", "unsupported", "number of digits from -18 to 38"),
    ("substr(t, f)", "spec", "needs a whole number"),
    ("floor(t)", "spec", "cannot be rounded"),
    ("concat()", "spec", "takes 1 or more arguments and got 0"),
    ("nullif(a)", "spec", "takes 2 arguments and got 1"),
    ("lower(DISTINCT t)", "spec", "are not what it takes"),
    ("lower(*)", "spec", "are not what it takes"),
    ("coalesce((SELECT 1))", "unsupported", "subquery"),
    ("a.upper(t)", "unsupported", "'a.upper' is not known"),
    ("a ^ 2", "unsupported", "the operator ^"),
    ("~a", "unsupported", "the operator ~"),
    ("-t", "spec", "needs a number and got text"),
    ("1 || 2", "spec", "has no text in it"),
    ("t LIKE 'a\\'", "spec", "ends with its escape"),
    ("x'41'", "unsupported", "the literal X'41'"),
    ("123456789012345678901234567890123456789", "spec", "more than 38 digits"),
    ("1e400", "spec", "is not a number"),
    ("ts > '2024'", "spec", "2024-01-31 10:00:00"),
    ("t > 5", "spec", "cannot be compared"),
    ("coalesce(a, t)", "spec", "arguments of coalesce are int64 and text"),
    ("CASE WHEN p THEN a ELSE t END", "spec", "branches of CASE are int64 and text"),
    ("CAST(u AS json)", "spec", "uuid cannot become json"),
    ("CAST(j AS uuid)", "spec", "json cannot become uuid"),
    ("CAST(bin AS int64)", "spec", "binary cannot become int64"),
    ("position('a' in t)", "unsupported", "is not something an expression can hold"),
]


@pytest.mark.parametrize(("expression", "kind", "said"), REFUSED, ids=[r[0] for r in REFUSED])
def test_misuse_is_told_before_anything_runs(expression: str, kind: str, said: str) -> None:
    with pytest.raises(errors.WindvaneError) as caught:
        derive(expression, [])
    assert caught.value.kind == kind
    assert caught.value.hint
    assert any(words in f"{caught.value} {caught.value.hint}" for words in said.split("|"))


def test_a_filter_cannot_hold_an_aggregate_or_a_function_that_is_not_there() -> None:
    for text in ("count(*) > 1", "schema.lower(t) = 'x'", "lower((SELECT 1)) = 'x'"):
        with pytest.raises(errors.WindvaneError) as caught:
            transform([{"filter": text}], [], COLUMNS)
        assert caught.value.place.get("path") == "steps[0].filter"


# Aggregates ---------------------------------------------------------------------------------------------------------


def valued(n: int) -> Row:
    return {
        "a": n,
        "i": -n,
        "s": n,
        "f": -n / 4,
        "g": n / 2,
        "d": f"{n}.50",
        "t": f"t{n}",
        "x": f"2024-01-0{n}",
        "h": f"10:00:0{n}",
        "ts": f"2024-01-0{n} 10:00:00",
        "tz": f"2024-02-0{n} 10:00:00+00:00",
        "bin": f"\\xf{n}",
        "p": n > 1,
        "u": f"0000000{n}-1234-1234-1234-123456789abc",
        "j": f"[{n}]",
    }


def test_the_least_and_the_most_of_every_type() -> None:
    rows = [{"t": None}, valued(2), valued(3), valued(1), {}]
    for column in COLUMNS:
        measures = {"low": f"min({column})", "high": f"max({column})"}
        (found,) = transform([{"aggregate": {"by": [], "measures": measures}}], rows, COLUMNS)["rows"]
        low, high = (3, 1) if column in ("i", "f") else (1, 3)
        assert (found["low"], found["high"]) == (valued(low)[column], valued(high)[column]), column
        kept = transform([{"aggregate": {"by": ["p"], "measures": measures}}], [{}], COLUMNS)
        assert (kept["rows"][0]["low"], kept["rows"][0]["high"]) == (None, None), column


@pytest.mark.parametrize("measure", ["sum(a)", "sum(d)", "avg(d)"])
@pytest.mark.parametrize("by", [[], ["t"]])
def test_a_total_out_of_range_ends_the_step(measure: str, by: list[str]) -> None:
    columns = {"a": "int64", "d": "decimal(38,0)", "t": "text"}
    rows = [{"a": 2**62, "d": "9" * 38, "t": "x"}] * 2
    with pytest.raises(errors.WindvaneError, match="out of range"):
        transform([{"aggregate": {"by": by, "measures": {"m": measure}}}], rows, columns)


MEASURES_REFUSED = [
    ("sum(distinct a)", "DISTINCT works with count, min and max"),
    ("sum(*)", "the arguments of 'sum'"),
    ("sum(a, a)", "the arguments of 'sum'"),
    ("sum()", "the arguments of 'sum'"),
    ("count(distinct *)", "the arguments of 'count'"),
    ("sum((SELECT 1))", "subquery"),
    ("sum(sum(a))", "no meaning for a single row"),
    ("t", "aggregates nothing|neither grouped by"),
]


@pytest.mark.parametrize(("measure", "said"), MEASURES_REFUSED, ids=[m[0] for m in MEASURES_REFUSED])
def test_a_measure_that_is_none_is_refused(measure: str, said: str) -> None:
    with pytest.raises(errors.WindvaneError) as caught:
        transform([{"aggregate": {"by": ["p"], "measures": {"m": measure}}}], [], COLUMNS)
    assert caught.value.place.get("path") == "steps[0].aggregate.measures.m"
    assert any(words in f"{caught.value} {caught.value.hint}" for words in said.split("|"))
