"""Steps written down in another language give the same rows there: PostgreSQL's SQL on a real server, polars' code."""

from __future__ import annotations

import json
import math
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_verbs import fields
from windvane import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]
Step = dict[str, Any]

KINDS = {
    "k": "text",
    "a": "int64",
    "b": "int32",
    "d": "decimal(9,2)",
    "e": "decimal(9,3)",
    "f": "float64",
    "x": "date",
    "ts": "timestamp",
    "p": "boolean",
}
CELLS = st.fixed_dictionaries(
    {
        "k": st.none() | st.sampled_from(["x", "Y", "z", "ä", "it's", "", "1", "-7"]),
        "a": st.none() | st.integers(-4, 4),
        "b": st.none() | st.integers(-3, 3),
        "d": st.none() | st.integers(-99, 99).map(lambda cents: f"{cents / 100:.2f}"),
        "e": st.none() | st.integers(-999, 999).map(lambda mills: f"{mills / 1000:.3f}"),
        "f": st.none() | st.integers(-8, 8).map(lambda eighths: eighths / 8),
        "x": st.none() | st.dates(date(1950, 1, 1), date(2100, 1, 1)).map(str),
        "ts": st.none() | st.sampled_from(["2024-02-29 13:14:15", "1999-12-31 23:59:59.5"]),
        "p": st.none() | st.booleans(),
    }
)
DATA = st.lists(CELLS, max_size=15)
OTHER = ({"k": "text", "name": "text", "a": "int64"}, [
    {"k": "x", "name": "Xenia", "a": 1},
    {"k": "it's", "name": None, "a": 2},
    {"k": None, "name": "Nobody", "a": 3},
])  # fmt: skip

WINDOW = {"partition_by": "k", "order_by": ["a desc", "x"]}
PROGRAMS: dict[str, list[Step]] = {
    "columns": [{"select": ["a", "k", "d"]}, {"rename": {"a": "k", "k": "a"}}, {"drop": ["d"]}],
    "filter": [{"filter": "a > 0 AND d <= 0.5 OR k IN ('x', 'z') AND NOT p"}],
    "between": [{"filter": "x BETWEEN '1950-01-01' AND '2020-12-31' OR a IS NULL OR p IS NOT TRUE"}],
    "numbers": [{"derive": {"s": "a + b * 2", "q": "a / 2", "m": "-a", "r": "a % 3", "h": "abs(b)", "u": "f * 2 - a"}}],
    "decimals": [
        {"derive": {"s": "d + e", "m": "d * e", "q": "d / 3", "r": "round(e, 1)", "l": "floor(d)", "c": "ceil(e)"}}
    ],
    "protected": [{"derive": {"q": "CASE WHEN a <> 0 THEN b / a END"}}, {"filter": "a <> 0"}, {"derive": {"z": "d / a"}}],
    "texts": [{"derive": {"j": "k || '-' || a", "n": "length(k)", "c": "coalesce(k, 'none')", "t": "CAST(d AS text)"}}],
    "dates": [{"derive": {"y": "extract(year from x)", "w": "extract(dow from x)", "m": "date_trunc('month', x)",
                          "n": "x + 1", "v": "x - DATE '2000-01-01'", "h": "hour(ts)", "c": "CAST(ts AS date)"}}],
    "set": [{"set": {"where": "a > 1", "values": {"k": "'many'", "d": "NULL"}}}, {"fill": {"a": 0, "k": "it's", "p": True}}],
    "cast": [{"cast": {"a": "text", "b": "decimal(12,1)", "d": "decimal(12,4)", "e": "float64"}}],
    "join": [{"join": {"with": "other", "on": "k"}}],
    "inner": [{"join": {"with": "other", "on": ["k", "a"], "how": "inner", "take": ["name"]}}],
    "first": [{"deduplicate": {"on": "k", "order_by": ["a", "d"]}}],
    "last": [{"deduplicate": {"on": ["k", "p"], "keep": "last"}}],
    "aggregate": [{"aggregate": {"by": ["k", "p"], "measures": {"n": "count(*)", "s": "sum(a)", "t": "sum(d * e)",
                                 "lo": "min(k)", "hi": "max(x)", "u": "count(distinct b)", "share": "sum(a) / count(*)"}}}],
    "whole": [{"aggregate": {"by": [], "measures": {"n": "count(d)", "s": "sum(d)"}}}],
    "pivot": [{"pivot": {"by": "a", "column": "k", "values": ["x", "it's"], "value": "d"}}],
    "pivot first": [{"pivot": {"by": "p", "column": "k", "values": ["x", "z"], "value": "e", "aggregate": "first"}}],
    "unpivot": [{"unpivot": {"keep": ["k"], "columns": ["d", "e", "b"]}}, {"filter": "value > 0"}],
    "window": [{"window": {**WINDOW, "columns": {"n": "row_number()", "r": "rank()", "q": "dense_rank()", "l": "lag(d)",
                           "f": "lead(a, 2)", "s": "sum(d)", "c": "count(a)", "lo": "min(x)", "i": "first_value(e)"}}}],
    "window whole": [{"window": {**WINDOW, "frame": "whole", "columns": {"s": "sum(d)", "n": "count(*)", "z": "last_value(a)"}}}],
    "sort": [{"sort": {"by": ["k desc", "a"], "limit": 4}}, {"select": ["k", "a"]}],
    "sql": [{"sql": "SELECT i.k AS key, o.name, sum(i.a) AS s FROM input i JOIN other o ON o.k = i.k AND o.a > -9"
                    .replace(" AND o.a > -9", "") + " WHERE i.b > 0 GROUP BY i.k, o.name HAVING count(*) > 0 ORDER BY key"}],
    "mask": [{"mask": {"columns": {"k": "redact", "d": "clear"}}}],
    "cut": [{"derive": {"y": "date_trunc('year', x)", "q": "date_trunc('quarter', x)", "w": "date_trunc('week', x)",
                        "n": "date_trunc('day', ts)", "h": "date_trunc('hour', ts)", "i": "date_trunc('minute', ts)",
                        "s": "date_trunc('second', ts)"}}],
    "parts": [{"derive": {"q": "quarter(x)", "m": "month(x)", "w": "week(x)", "n": "day(x)", "i": "extract(isodow from x)",
                          "o": "extract(doy from x)", "t": "minute(ts)", "s": "second(ts)", "y": "year(ts)"}}],
    "joined": [{"derive": {"c": "concat(k, '-', a)"}}, {"filter": "k IS NOT NULL AND NOT (a IS NULL)"}],
    "in order": [{"filter": "a <> 0 AND b / a > 1"}],
    "in order or": [{"filter": "a = 0 OR CASE WHEN a > 0 THEN b / a > 0 ELSE b > 0 END"}],
    "in order first": [{"filter": "a IS NULL OR coalesce(p, b > a * 2)"}],
    "measures": [{"aggregate": {"by": ["p"], "measures": {"a": "avg(a)", "d": "avg(d)", "f": "avg(f)", "lo": "min(p)",
                                "hi": "max(p)", "least": "min(b)", "last": "max(ts)"}}}],
    "floats": [{"derive": {"v": "abs(f)", "l": "floor(f)", "c": "ceil(f)", "m": "-f", "n": "-d", "w": "floor(a)",
                           "r": "round(a, 1)"}}],
    "zones": [{"derive": {"z": "CAST(CAST(x AS timestamptz) AS date)", "y": "CAST(x AS timestamp)"}}],
    "literals": [{"filter": "ts > TIMESTAMP '2000-01-01 10:00:00' OR x > DATE '2020-01-01' OR p = TRUE"}],
}  # fmt: skip

POLARS_ONLY: dict[str, list[Step]] = {
    "split": [{"split": {"column": "k", "by": "t", "into": ["l", "r"]}}],
    "split pattern": [{"split": {"column": "k", "pattern": r"^(?<sign>-?)(?<digit>\d)$"}}],
    "fill": [{"fill": {"a": {"from": "previous", "order_by": "x", "partition_by": "k"}, "d": {"from": "max"}}}],
    "like": [{"filter": "k LIKE 'i%' OR upper(k) = 'X'"}],
    "parse": [
        {"cast": {"x": "text"}},
        {"parse": {"columns": ["x"], "to": "date", "formats": ["%d/%m/%Y", "%Y-%m-%d"]}},
    ],
    "masks": [{"mask": {"columns": {"k": "last4"}}}],
    "trim": [{"derive": {"l": "ltrim(k, 'x')", "r": "rtrim(k, 'x')", "b": "trim(k)", "o": "trim(both 'iz' from k)"}}],
    "texts again": [{"derive": {"r": "replace(k, 's', 'S')", "l": "lower(k)"}}],
    "split part": [{"derive": {f"p{at}": f"split_part(k, 't', {at})" for at in (1, 2, -1, -2, 9)}}],
    "read": [
        {"derive": {"t": "CAST(x AS text)"}},
        {"derive": {"d2": "parse_date(t, '%Y-%m-%d')", "t2": "parse_timestamp(t || ' 10:11', '%Y-%m-%d %H:%M')"}},
    ],
    "matches": [{"filter": "regexp_matches(k, '^[a-z]')"}],
    "fill again": [
        {"fill": {"a": {"from": "next", "order_by": "x"}, "f": {"from": "mean"}}},
        {"fill": {"d": {"from": "min", "partition_by": "p"}, "p": False}},
    ],
    "window again": [
        {"window": {**WINDOW, "columns": {"hi": "max(d)", "av": "avg(f)", "la": "last_value(e)", "n": "count(*)"}}},
        {"window": {"order_by": "x", "columns": {"m": "avg(b)"}}},
    ],
    "keys": [{"deduplicate": {"on": ["k"]}}],
    "explode": [
        {"derive": {"j": "'[1, ' || coalesce(CAST(a AS text), 'null') || ']'"}},
        {"explode": {"column": "j", "type": "int64"}},
    ],
    "flatten": [
        {"derive": {"j": '\'{"n": {"m": ["\' || k || \'", 5]}}\''}},
        {"flatten": {"column": "j", "fields": {"one": "n.m.0", "two": "n.m.1"}, "types": {"two": "int64"}}},
    ],
    "email": [
        {"set": {"where": "a > 0", "values": {"k": "'ada@example.org'"}}},
        {"mask": {"columns": {"k": "email", "a": "last4"}}},
    ],
    "moments": [
        {"cast": {"ts": "text"}},
        {"parse": {"columns": ["ts"], "to": "timestamp", "formats": ["%Y-%m-%d %H:%M:%S%.f"]}},
    ],
    "clock": [
        {"derive": {"t": "'13:14'"}},
        {"parse": {"columns": ["t"], "to": "time", "formats": ["%H:%M:%S", "%H:%M"]}},
    ],
    "narrow": [{"cast": {"a": "int16", "f": "float32"}}, {"derive": {"z": "CAST(x AS timestamptz)"}}],
    "zone": [{"derive": {"z": "CAST(x AS timestamptz)"}}, {"filter": "z > '2000-01-01 00:00:00+00:00'"}],
    "time": [{"filter": "CAST(ts AS time) > '20:00'"}],
}


def run(steps: list[Step], rows: list[Row]) -> Row:
    kinds, data = OTHER
    request = {
        "schema": fields(KINDS),
        "rows": rows,
        "steps": steps,
        "others": {"other": {"schema": fields(kinds), "rows": data}},
    }
    return json.loads(_core.transform_rows(json.dumps(request)))


def written(steps: list[Step]) -> Row:
    request = {
        "schema": fields(KINDS),
        "steps": steps,
        "others": {"other": fields(OTHER[0])},
        "table": '"raw"',
        "tables": {"other": '"other"'},
    }
    return json.loads(_core.write_steps(json.dumps(request)))


def plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isnan(value) else round(value, 9)
    return re.sub(r"( \d\d:\d\d:\d\d)\.?(\d*?)0*$", r"\1.\2", str(value))


def ours(answer: Row) -> list[tuple[Any, ...]]:
    names = [field["name"] for field in answer["schema"]]
    return [tuple(plain(row[name]) for name in names) for row in answer["rows"]]


# PostgreSQL ---------------------------------------------------------------------------------------------------------

NATIVE = {"text": "text", "int64": "bigint", "int32": "integer", "float64": "double precision"}


@pytest.fixture(scope="module")
def server(postgres: Any) -> Iterator[Any]:
    connection = psycopg2.connect(postgres.url(postgres.database()))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
        for name, kinds in (("raw", KINDS), ("other", OTHER[0])):
            columns = ", ".join(f'"{c}" {NATIVE.get(kind, kind)}' for c, kind in kinds.items())
            cursor.execute(f'CREATE TABLE "{name}" ({columns}, windvane_row bigint)')
        fill(cursor, "other", OTHER[0], OTHER[1])
    yield connection
    connection.close()


def fill(cursor: Any, name: str, kinds: dict[str, str], rows: list[Row]) -> None:
    cursor.execute(f'TRUNCATE "{name}"')
    for number, row in enumerate(rows, 1):
        marks = ", ".join(["%s"] * (len(kinds) + 1))
        cursor.execute(f'INSERT INTO "{name}" VALUES ({marks})', [*(row.get(c) for c in kinds), number])


def pushed(server: Any, steps: list[Step], rows: list[Row]) -> list[tuple[Any, ...]]:
    answer = written(steps)
    assert answer["refused"] is None, answer["refused"]
    with server.cursor() as cursor:
        fill(cursor, "raw", KINDS, rows)
        cursor.execute(answer["sql"])
        return [tuple(plain(value) for value in row) for row in cursor.fetchall()]


@pytest.mark.parametrize("name", PROGRAMS)
@given(rows=DATA)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_on_the_server_gives_the_same_rows(server: Any, name: str, rows: list[Row]) -> None:
    steps = PROGRAMS[name]
    expected = run(steps, rows)
    assert not expected["rejected"]
    assert sorted(pushed(server, steps, rows), key=repr) == sorted(ours(expected), key=repr)


@pytest.mark.parametrize(
    ("steps", "row"),
    [
        ([{"derive": {"q": "a / b"}}], {"a": 1, "b": 0}),
        ([{"derive": {"q": "a * 9223372036854775807"}}], {"a": 2}),
        ([{"cast": {"k": "int64"}}], {"k": "1e3"}),
        ([{"cast": {"k": "date"}}], {"k": "31 Jan 2024"}),
        ([{"cast": {"k": "decimal(5,1)"}}], {"k": "1.25"}),
        ([{"cast": {"d": "decimal(3,2)"}}], {"d": "10.00"}),
    ],
)
def test_what_the_engine_would_quarantine_stops_the_statement(server: Any, steps: list[Step], row: Row) -> None:
    assert run(steps, [row])["rejected"]
    with pytest.raises(psycopg2.Error):
        pushed(server, steps, [row])


def test_a_join_that_would_multiply_rows_stops_the_statement(server: Any) -> None:
    with server.cursor() as cursor:
        fill(cursor, "other", OTHER[0], [*OTHER[1], {"k": "x", "name": "twin", "a": 9}])
    try:
        with pytest.raises(psycopg2.Error, match="multiply rows"):
            pushed(server, PROGRAMS["join"], [{"k": "x"}])
    finally:
        with server.cursor() as cursor:
            fill(cursor, "other", OTHER[0], OTHER[1])


def test_text_that_is_a_number_is_read_as_the_engine_reads_it(server: Any) -> None:
    rows = [{"k": text} for text in (" 12 ", "-7", "+5", None)]
    for kind in ("int64", "decimal(9,2)"):
        steps = [{"cast": {"k": kind}}, {"select": ["k"]}]
        assert pushed(server, steps, rows) == ours(run(steps, rows))


@pytest.mark.parametrize(
    ("steps", "place", "what"),
    [
        (
            [{"filter": "a > 0"}, {"parse": {"columns": ["k"], "to": "date", "formats": ["%d"]}}],
            "steps[1].parse",
            "parse",
        ),
        ([{"derive": {"u": "upper(k)"}}], "steps[0].derive", "locale"),
        ([{"filter": "k LIKE 'a%'"}], "steps[0].filter", "pattern"),
        ([{"split": {"column": "k", "by": "-", "into": ["l"]}}], "steps[0].split", "split"),
        ([{"fill": {"a": {"from": "previous"}}}], "steps[0].fill", "other rows"),
        ([{"cast": {"f": "int64"}}], "steps[0].cast", "float64 to int64"),
        ([{"derive": {"t": "TRY_CAST(k AS int64)"}}], "steps[0].derive", "TRY_CAST"),
        ([{"sql": "SELECT lower(k) AS l FROM input"}], "steps[0].sql", "locale"),
        ([{"derive": {"t": "trim(k)"}}], "steps[0].derive", "trim"),
        ([{"derive": {"t": "replace(k, 'a', 'b')"}}], "steps[0].derive", "replace"),
        ([{"derive": {"t": "substr(k, 1)"}}], "steps[0].derive", "substring"),
        ([{"derive": {"t": "split_part(k, 'a', 1)"}}], "steps[0].derive", "split_part"),
        ([{"derive": {"t": "parse_date(k, '%Y')"}}], "steps[0].derive", "format of its own"),
        ([{"derive": {"t": "extract(epoch from x)"}}], "steps[0].derive", "epoch"),
        ([{"derive": {"t": "round(f, 1)"}}], "steps[0].derive", "this round"),
        ([{"derive": {"j": "CAST(k AS json)"}}, {"filter": "j = '1'"}], "steps[0].derive", "text to json"),
        ([{"aggregate": {"by": "k", "measures": {"j": "min(CAST(k AS uuid))"}}}], "steps[0].aggregate", "uuid"),
        ([{"window": {"frame": "whole", "columns": {"n": "count(distinct a)"}}}], "steps[0].window", "DISTINCT"),
    ],
)
def test_a_step_without_sql_is_named(steps: list[Step], place: str, what: str) -> None:
    answer = written(steps)
    assert answer["sql"] is None
    assert place in answer["refused"]
    assert what in answer["refused"]


# Polars -------------------------------------------------------------------------------------------------------------

TYPES = {"text": pl.String, "int64": pl.Int64, "int32": pl.Int32, "float64": pl.Float64, "boolean": pl.Boolean}


def frame(kinds: dict[str, str], rows: list[Row]) -> pl.LazyFrame:
    columns = []
    for name, kind in kinds.items():
        values = [row.get(name) for row in rows]
        if kind in TYPES:
            columns.append(pl.Series(name, values, dtype=TYPES[kind]))
        elif kind.startswith("decimal"):
            digits = [int(part) for part in kind[8:-1].split(",")]
            columns.append(pl.Series(name, values, dtype=pl.String).cast(pl.Decimal(*digits)))
        elif kind == "date":
            columns.append(pl.Series(name, values, dtype=pl.String).str.to_date("%Y-%m-%d"))
        else:
            columns.append(
                pl.Series(name, values, dtype=pl.String).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
            )
    return pl.DataFrame(columns).lazy()


@pytest.mark.parametrize("name", [*PROGRAMS, *POLARS_ONLY])
@given(rows=DATA)
@settings(max_examples=25, deadline=None)
def test_polars_code_gives_the_same_rows(name: str, rows: list[Row]) -> None:
    steps = {**PROGRAMS, **POLARS_ONLY}[name]
    expected = run(steps, rows)
    assert not expected["rejected"]
    program = {"frame": frame(KINDS, rows), "other": frame(*OTHER)}
    exec(compile(written(steps)["polars"], name, "exec"), program)
    got = [tuple(plain(value) for value in row) for row in program["frame"].collect().rows()]
    if name == "whole" and not rows:
        return  # of no rows polars makes one row, the engine none
    assert got == ours(expected)


NO_POLARS: list[Step] = [
    {"derive": {"s": "substring(k, 1, 2)"}},
    {"derive": {"s": "regexp_replace(k, 'a', 'b')"}},
    {"derive": {"s": "round(a, -1)"}},
    {"derive": {"s": "extract(epoch from x)"}},
    # Polars puts the text between all letters, and knows no part 0.
    {"derive": {"s": "replace(k, '', 'x')"}},
    {"derive": {"s": "split_part(k, '', 1)"}},
    {"derive": {"s": "split_part(k, 't', 0)"}},
    {"mask": {"columns": {"k": "hash"}}},
]


@pytest.mark.parametrize("step", NO_POLARS, ids=str)
def test_what_polars_has_no_words_for_says_so(step: Step) -> None:
    assert "raise NotImplementedError" in written([step])["polars"]


def test_a_mean_that_runs_over_decimals_goes_through_floats() -> None:
    rows = [{"k": "x", "a": at, "d": value} for at, value in enumerate([None, "1.00", None, "2.00"])]
    steps = [{"window": {"order_by": "a", "columns": {"m": "avg(d)"}}}, {"select": ["m"]}]
    program = {"frame": frame(KINDS, rows)}
    exec(compile(written(steps)["polars"], "mean", "exec"), program)
    means = [row[0] and float(row[0]) for row in program["frame"].collect().rows()]
    assert means == [row[0] and float(row[0]) for row in ours(run(steps, rows))] == [None, 1.0, 1.0, 1.5]
