"""Expressions mean what SQL means, are exact, and refuse a row rather than bend a value."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane import _core, errors

Row = dict[str, Any]

COLUMNS = {
    "a": "int64",
    "b": "int64",
    "t": "text",
    "d": "decimal(15,2)",
    "e": "decimal(15,2)",
    "f": "float64",
    "x": "date",
    "ts": "timestamp",
    "p": "boolean",
    "q": "boolean",
}
ROW: Row = {
    "a": 7,
    "b": 2,
    "t": "Hello",
    "d": "10.25",
    "e": "0.05",
    "f": 1.5,
    "x": "2024-02-29",
    "ts": "2024-02-29 13:14:15",
    "p": True,
    "q": None,
}


def fields(columns: dict[str, str]) -> list[Row]:
    return [{"name": name, "type": kind, "nullable": True} for name, kind in columns.items()]


def derive(expression: str, rows: list[Row], columns: dict[str, str] = COLUMNS) -> Row:
    request = {"schema": fields(columns), "rows": rows, "steps": [{"derive": {"result": expression}}]}
    return json.loads(_core.transform_rows(json.dumps(request)))


def value(expression: str) -> Any:
    answer = derive(expression, [ROW])
    assert not answer["rejected"], answer["rejected"]
    return answer["rows"][0]["result"]


def kind(expression: str, columns: dict[str, str] = COLUMNS) -> str:
    request = {"expression": expression, "schema": fields(columns)}
    return json.loads(_core.expression_type(json.dumps(request)))["type"]


VALUES = [
    ("a / b", "float64", 3.5),
    ("a % b", "int64", 1),
    ("a - b - 1", "int64", 4),
    ("a + b * 2", "int64", 11),
    ("-a", "int64", -7),
    ("A", "int64", 7),
    ('"a" + 1', "int64", 8),
    ("d * (1 - e)", "decimal(31,4)", "9.7375"),
    ("d / 3", "decimal(38,6)", "3.416667"),
    ("d = 10.250", "boolean", True),
    ("1.10", "decimal(3,2)", "1.10"),
    ("1e3", "float64", 1000.0),
    ("123456789012345678901234567890", "decimal(30,0)", "123456789012345678901234567890"),
    ("x >= '2024-01-01'", "boolean", True),
    ("x - DATE '2024-02-01'", "int64", 28),
    ("x + 1", "date", "2024-03-01"),
    ("t || '-' || a", "text", "Hello-7"),
    ("upper(t) || lower(t)", "text", "HELLOhello"),
    ("substring(t from 2 for 3)", "text", "ell"),
    ("substr(t, 2, 3)", "text", "ell"),
    ("trim(both 'Ho' from t)", "text", "ell"),
    ("length('äöü')", "int64", 3),
    ("replace(t, 'l', 'L')", "text", "HeLLo"),
    ("concat(t, NULL, a)", "text", "Hello7"),
    ("t || NULL", "text", None),
    ("coalesce(NULL, a)", "int64", 7),
    ("nullif(a, 7)", "int64", None),
    ("abs(-a)", "int64", 7),
    ("round(2.675, 2)", "decimal(4,2)", "2.68"),
    ("round(d, 1)", "decimal(15,1)", "10.3"),
    ("round(a, -1)", "int64", 10),
    ("floor(-1.5)", "decimal(2,0)", "-2"),
    ("ceil(-1.5)", "decimal(2,0)", "-1"),
    ("extract(year from x)", "int64", 2024),
    ("month(ts)", "int64", 2),
    ("date_trunc('month', x)", "date", "2024-02-01"),
    ("date_trunc('hour', ts)", "timestamp", "2024-02-29 13:00:00"),
    ("parse_date('31/01/2024', '%d/%m/%Y')", "date", "2024-01-31"),
    ("regexp_matches(t, '^H.l')", "boolean", True),
    ("regexp_replace(t, 'l+', 'L')", "text", "HeLo"),
    ("split_part('a,b,c', ',', 2)", "text", "b"),
    ("t LIKE 'H%o'", "boolean", True),
    ("t LIKE 'h%o'", "boolean", False),
    ("t ILIKE 'h_llo'", "boolean", True),
    ("t LIKE '100\\%'", "boolean", False),
    ("'a.c' LIKE 'abc'", "boolean", False),
    ("CASE WHEN b = 0 THEN a / b ELSE 1 END", "float64", 1.0),
    ("CASE a WHEN 7 THEN 'seven' END", "text", "seven"),
    ("CAST('12.50' AS decimal(10,2))", "decimal(10,2)", "12.50"),
    ("a::text", "text", "7"),
    ("CAST(ts AS date)", "date", "2024-02-29"),
    ("TRY_CAST(t AS int64)", "int64", None),
    ("a BETWEEN 1 AND 7", "boolean", True),
    ("a IN (1, 7, NULL)", "boolean", True),
    ("a NOT IN (1, NULL)", "boolean", None),
    ("q IS NULL", "boolean", True),
    ("q IS NOT TRUE", "boolean", True),
    ("NOT q", "boolean", None),
]


@pytest.mark.parametrize(("expression", "expected_kind", "expected"), VALUES, ids=[v[0] for v in VALUES])
def test_value_and_type(expression: str, expected_kind: str, expected: Any) -> None:
    assert kind(expression) == expected_kind
    assert value(expression) == expected


REFUSED = [
    ("t + 1", "spec", "text + int64"),
    ("t > 1", "spec", "cannot be compared"),
    ("a + '5'", "spec", "without quotes"),
    ("a = 'abc'", "spec", "not an int64"),
    ("x > '2024-13-01'", "spec", "not a date"),
    ("a OR b", "spec", "true or false"),
    ("ammount", "spec", "does not exist"),
    ("lowr(t)", "unsupported", "Did you mean lower"),
    ("now()", "unsupported", "not known"),
    ("current_date", "unsupported", "not known"),
    ("random()", "unsupported", "not known"),
    ("sum(a)", "unsupported", "aggregate step"),
    ("(SELECT 1)", "unsupported", "join step"),
    ("a IN (SELECT 1)", "unsupported", "subquery"),
    ("EXISTS (SELECT 1)", "unsupported", "subquery"),
    ("a = ANY(SELECT 1)", "unsupported", "queries"),
    ("a; DROP TABLE x", "unsupported", "several statements"),
    ("DROP TABLE x", "spec", "goes on"),
    ("row_number() OVER ()", "unsupported", "OVER"),
    ("pg_sleep(10)", "unsupported", "not known"),
    ("read_csv('/etc/passwd')", "unsupported", "not known"),
    ("a.b", "spec", "names a table"),
    ("a[1]", "unsupported", "cannot hold|can hold"),
    ("a -- b\n; c", "unsupported", "several statements"),
    ("'unfinished", "spec", "not an expression"),
    ("", "spec", "empty"),
    ("regexp_matches(t, '(')", "spec", "regular expression"),
    ("regexp_matches(t, '(a{1000}){1000}')", "spec", "regular expression: it is too large"),
    ("t LIKE t", "unsupported", "in quotes"),
    ("CAST(x AS boolean)", "spec", "cannot become"),
    ("CAST(a AS decimal)", "spec", "needs its digits"),
    ("CAST(a AS money)", "spec", "is not a type"),
    ("CAST(d AS decimal(38,20)) * CAST(d AS decimal(38,20))", "spec", "38"),
    ("hour(x)", "spec", "no such part"),
    ("upper(a)", "spec", "needs text"),
    ("parse_date(t, '%Q')", "spec", "not a format"),
    ("(" * 10_000 + "1" + ")" * 10_000, "unsupported", "nested too deeply"),
    ("NOT " * 10_000 + "p", "unsupported", "too large|too deep"),
    ("1" + " + 1" * 10_000, "unsupported", "too large"),
    ("CASE WHEN p THEN " * 5_000 + "1" + " END" * 5_000, "unsupported", "too long"),
    ("CASE WHEN p THEN " * 1_000 + "1" + " END" * 1_000, "spec|unsupported", ""),
    ("-" * 400 + "a", "spec|unsupported", ""),
    ("x" * 200_000, "unsupported", "too long"),
]


@pytest.mark.parametrize(("expression", "kinds", "said"), REFUSED, ids=[r[0][:30] for r in REFUSED])
def test_refused_before_anything_runs(expression: str, kinds: str, said: str) -> None:
    with pytest.raises(errors.WindvaneError) as caught:
        kind(expression)
    assert caught.value.kind in kinds.split("|")
    assert caught.value.hint
    assert not said or any(part in f"{caught.value} {caught.value.hint}" for part in said.split("|"))


def test_unknown_column_names_the_nearest() -> None:
    with pytest.raises(errors.WindvaneError) as caught:
        kind("amuont > 0", {"amount": "int64", "id": "int64"})
    assert "Did you mean 'amount'" in (caught.value.hint or "")


def test_long_chains_fit_a_small_stack() -> None:
    expression = "a = 1" + " OR a = 1" * 290
    done: list[Any] = []
    threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: done.append(value(expression)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(0)
    assert done == [False]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("a / 0", "division by zero"),
        ("f / 0", "division by zero"),
        ("d / 0.0", "division by zero"),
        ("a % 0", "division by zero"),
        ("9223372036854775807 + a", "out of range of int64"),
        ("-9223372036854775807 - a", "out of range of int64"),
        ("9223372036854775807 * a", "out of range of int64"),
        ("f * 1e308 * 10", "out of range of float64"),
        ("CAST(t AS int64)", "'Hello' is not an int64"),
        ("CAST(a * 10000 AS int16)", "'70000' is not an int16"),
        ("CAST(f AS int64)", "'1.5' is not an int64"),
        ("CAST(d AS decimal(10,1))", "'10.25' is not a decimal(10,1)"),
        ("parse_date('31/02/2024', '%d/%m/%Y')", "'31/02/2024' is not a date"),
        ("parse_date('31/01/24', '%d/%m/%Y')", "'31/01/24' is not a date"),
        ("x + 9223372036854775807", "out of range"),
    ],
)
def test_failing_row_is_rejected_with_the_reason(expression: str, reason: str) -> None:
    answer = derive(expression, [{**ROW, "a": None, "f": None, "d": None, "x": None, "t": None}, ROW])
    numbers = [rejected["row"] for rejected in answer["rejected"]]
    assert 2 in numbers
    rejected = answer["rejected"][numbers.index(2)]
    assert reason in rejected["reason"]
    assert rejected["column"] == "result"
    assert rejected["record"]["t"] == "Hello"
    assert len(answer["rows"]) + len(answer["rejected"]) == 2


@pytest.mark.parametrize(
    "expression",
    [
        "b <> 0 AND a / b > 1",
        "b = 0 OR a / b > 1",
        "CASE WHEN b = 0 THEN NULL ELSE a / b END",
        "CASE WHEN b <> 0 THEN a / b END",
        "coalesce(a, a / b)",
        "a / nullif(b, 0)",
    ],
)
def test_what_is_not_reached_rejects_nothing(expression: str) -> None:
    assert derive(expression, [{**ROW, "b": 0}])["rejected"] == []


# Exactness ---------------------------------------------------------------------------------------------------------


def exact(text: str) -> Decimal:
    with localcontext() as context:
        context.prec = 100
        return Decimal(text)


MONEY = st.decimals(min_value=-(10**12), max_value=10**12, places=2)
RATE = st.decimals(min_value=0, max_value=1, places=2)


@given(rows=st.lists(st.tuples(MONEY, RATE), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_decimal_sum_of_products_is_exact(rows: list[tuple[Decimal, Decimal]]) -> None:
    """TPC-H question 5: `sum(l_extendedprice * (1 - l_discount))`."""
    columns = {"price": "decimal(15,2)", "discount": "decimal(15,2)"}
    request = {
        "schema": fields(columns),
        "rows": [{"price": str(price), "discount": str(discount)} for price, discount in rows],
        "steps": [{"aggregate": {"by": [], "measures": {"revenue": "sum(price * (1 - discount))", "n": "count(*)"}}}],
    }
    answer = json.loads(_core.transform_rows(json.dumps(request)))
    with localcontext() as context:
        context.prec = 100
        expected = sum((price * (1 - discount) for price, discount in rows), Decimal(0))
    assert exact(answer["rows"][0]["revenue"]) == expected
    assert answer["rows"][0]["revenue"].split(".")[1].__len__() == 4
    assert answer["rows"][0]["n"] == len(rows)


def decimals(places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=-(10**9), max_value=10**9, places=places)


@given(a=decimals(2), b=decimals(5), operator=st.sampled_from("+-*/"))
@settings(max_examples=200, deadline=None)
def test_decimal_arithmetic_is_that_of_python(a: Decimal, b: Decimal, operator: str) -> None:
    answer = derive(f"a {operator} b", [{"a": str(a), "b": str(b)}], {"a": "decimal(12,2)", "b": "decimal(15,5)"})
    if operator == "/" and b == 0:
        assert "division by zero" in answer["rejected"][0]["reason"]
        return
    with localcontext() as context:
        context.prec = 100
        expected = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[operator]()
        if operator == "/":
            expected = expected.quantize(Decimal("1e-9"), rounding=ROUND_HALF_UP)
        assert exact(answer["rows"][0]["result"]) == expected


# Around the powers of two and ten that decide whether a result fits.
LARGE = st.builds(
    lambda base, power, near: max(min(base**power + near, 10**38 - 1), 1 - 10**38),
    st.sampled_from([2, -2, 10, -10]),
    st.integers(0, 126),
    st.integers(-2, 2),
)


@given(rows=st.lists(st.tuples(LARGE, LARGE), min_size=1, max_size=3), operator=st.sampled_from("+-*"))
@settings(max_examples=300, deadline=None)
def test_large_decimals_are_right_or_rejected(rows: list[tuple[int, int]], operator: str) -> None:
    columns = {"a": "decimal(38,0)", "b": "decimal(38,0)"}
    answer = derive(f"a {operator} b", [{"a": str(a), "b": str(b)} for a, b in rows], columns)
    results = [{"+": a + b, "-": a - b, "*": a * b}[operator] for a, b in rows]
    assert [int(row["result"]) for row in answer["rows"]] == [result for result in results if abs(result) < 10**38]
    assert len(answer["rejected"]) == sum(abs(result) >= 10**38 for result in results)


@given(days=st.lists(st.none() | st.dates(), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_dates_are_cut_to_their_month(days: list[date | None]) -> None:
    answer = derive("date_trunc('month', x)", [{"x": day and day.isoformat()} for day in days], {"x": "date"})
    assert [row["result"] for row in answer["rows"]] == [day and day.replace(day=1).isoformat() for day in days]


@given(a=st.integers(-(2**63), 2**63 - 1), b=st.integers(-(2**63), 2**63 - 1), operator=st.sampled_from("+-*%"))
@settings(max_examples=200, deadline=None)
def test_integers_are_right_or_rejected(a: int, b: int, operator: str) -> None:
    answer = derive(f"a {operator} b", [{"a": a, "b": b}], {"a": "int64", "b": "int64"})
    if operator == "%" and b == 0:
        assert "division by zero" in answer["rejected"][0]["reason"]
        return
    remainder = abs(a) % abs(b) * (1 if a >= 0 else -1) if b else 0
    expected = {"+": a + b, "-": a - b, "*": a * b, "%": remainder}[operator]
    if -(2**63) <= expected < 2**63:
        assert answer["rows"][0]["result"] == expected
    else:
        assert "out of range of int64" in answer["rejected"][0]["reason"]


# Logic -------------------------------------------------------------------------------------------------------------

SMALL = st.none() | st.integers(-3, 3)
TEXT = st.none() | st.sampled_from(["", "a", "A", "ab", "b%", "a_b", "ba"])


def expressions() -> st.SearchStrategy[str]:
    number = st.sampled_from(["a", "b", "c", "0", "1", "-2", "a + b", "a * c", "b - 1", "coalesce(a, b, 0)"])
    text = st.sampled_from(["s", "u", "'a'", "'ab'", "''", "s || u", "coalesce(s, 'b')"])
    comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    leaf = st.one_of(
        st.builds(lambda x, o, y: f"({x} {o} {y})", number, comparison, number),
        st.builds(lambda x, o, y: f"({x} {o} {y})", text, comparison, text),
        st.builds(lambda x, n: f"({x} IS {n} NULL)", st.one_of(number, text), st.sampled_from(["", "NOT"])),
        st.builds(lambda x, n: f"({x} {n} IN (1, -2, NULL))", number, st.sampled_from(["", "NOT"])),
        st.builds(lambda x, n: f"({x} {n} IN (0, 2))", number, st.sampled_from(["", "NOT"])),
        st.builds(
            lambda x, y, z, n: f"({x} {n} BETWEEN {y} AND {z})", number, number, number, st.sampled_from(["", "NOT"])
        ),
        st.builds(
            lambda x, p, n: f"({x} {n} LIKE '{p}')",
            text,
            st.sampled_from(["a%", "%", "_", "a_", "%b"]),
            st.sampled_from(["", "NOT"]),
        ),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda x, o, y: f"({x} {o} {y})", inner, st.sampled_from(["AND", "OR"]), inner),
            st.builds(lambda x: f"(NOT {x})", inner),
            st.builds(lambda x, y, z: f"(CASE WHEN {x} THEN {y} ELSE {z} END)", inner, inner, inner),
            st.builds(lambda x, y: f"(CASE WHEN {x} THEN {y} END)", inner, inner),
            st.builds(lambda x, y: f"coalesce({x}, {y})", inner, inner),
            st.builds(lambda x, v: f"({x} IS {v})", inner, st.sampled_from(["TRUE", "FALSE", "NOT TRUE", "NOT FALSE"])),
        ),
        max_leaves=8,
    )


ROWS = st.lists(
    st.fixed_dictionaries({"a": SMALL, "b": SMALL, "c": SMALL, "s": TEXT, "u": TEXT}), min_size=1, max_size=12
)
LOGIC = {"a": "int64", "b": "int64", "c": "int64", "s": "text", "u": "text"}


@given(expression=expressions(), rows=ROWS)
@settings(max_examples=300, deadline=None)
def test_three_valued_logic_is_that_of_duckdb_and_sqlite(expression: str, rows: list[Row]) -> None:
    answer = derive(expression, rows, LOGIC)
    ours = [row["result"] for row in answer["rows"]]
    values = [tuple(row[name] for name in LOGIC) for row in rows]
    with duckdb.connect() as duck:
        duck.execute("CREATE TABLE t (n INT, a BIGINT, b BIGINT, c BIGINT, s TEXT, u TEXT)")
        duck.executemany("INSERT INTO t VALUES (?,?,?,?,?,?)", [(n, *row) for n, row in enumerate(values)])
        theirs = [row[0] for row in duck.execute(f"SELECT {expression} FROM t ORDER BY n").fetchall()]
    assert ours == theirs
    lite = sqlite3.connect(":memory:")
    lite.execute("PRAGMA case_sensitive_like = ON")
    lite.execute("CREATE TABLE t (n INT, a INT, b INT, c INT, s TEXT, u TEXT)")
    lite.executemany("INSERT INTO t VALUES (?,?,?,?,?,?)", [(n, *row) for n, row in enumerate(values)])
    found = [row[0] for row in lite.execute(f"SELECT {expression} FROM t ORDER BY n").fetchall()]
    lite.close()
    assert ours == [None if cell is None else bool(cell) for cell in found]


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        kind(text)
    except errors.WindvaneError as error:
        assert error.kind in {"spec", "unsupported", "missing"}
        assert error.hint


WORDS = [
    "a",
    "b",
    "t",
    "(",
    ")",
    "+",
    "-",
    "*",
    "/",
    "AND",
    "NOT",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "1",
    "'x'",
    ",",
    "IN",
    "lower",
    "cast",
    "AS",
    "int64",
    "::",
    "IS",
    "NULL",
    "LIKE",
    "BETWEEN",
    "sum",
    "DISTINCT",
    "SELECT",
    "FROM",
    ";",
]


@given(st.lists(st.sampled_from(WORDS), max_size=14))
@settings(max_examples=300, deadline=None)
def test_any_words_are_an_expression_or_an_error(words: list[str]) -> None:
    try:
        kind(" ".join(words))
    except errors.WindvaneError as error:
        assert error.kind in {"spec", "unsupported", "missing"}


# The bridge --------------------------------------------------------------------------------------------------------

EVERY_TYPE: Row = {
    "boolean": [True, False, None],
    "int16": [-32768, 32767, None],
    "int32": [-(2**31), 2**31 - 1, None],
    "int64": [-(2**63), 2**63 - 1, None],
    "float32": [1.5, -0.25, None],
    "float64": [1e300, 0.1, None],
    "decimal(15,2)": ["-9999999999999.99", "0.01", None],
    "decimal(38,10)": ["-9999999999999999999999999999.9999999999", "1.0000000001", None],
    "text": ["", "äöü \u0000 🙂", None],
    "binary": ["\\x00ff", "\\x", None],
    "date": ["0001-01-01", "9999-12-31", None],
    "time": ["00:00:00", "23:59:59.999999", None],
    "timestamp": ["1969-12-31 23:59:59.999999", "2262-04-12 00:00:00", None],
    "timestamptz": ["1970-01-01T00:00:00Z", "2024-02-29T12:00:00+02:00", None],
    "json": ['{"a": [1, 2]}', "null", None],
    "uuid": ["00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000", None],
}


@pytest.mark.parametrize("name", list(EVERY_TYPE))
def test_every_type_groups_and_deduplicates(name: str) -> None:
    values = EVERY_TYPE[name] * 2
    base = {"schema": fields({"k": name}), "rows": [{"k": value} for value in values], "others": {}}
    steps = [{"aggregate": {"by": "k", "measures": {"n": "count(*)", "c": "count(k)", "d": "count(distinct k)"}}}]
    grouped = json.loads(_core.transform_rows(json.dumps({**base, "steps": steps})))
    assert [row["n"] for row in grouped["rows"]] == [2, 2, 2]
    assert [row["d"] for row in grouped["rows"]] == [1, 1, 0]
    assert grouped["numbers"] == [1, 2, 3]
    assert grouped["filtered"] == 3
    kept = json.loads(
        _core.transform_rows(json.dumps({**base, "steps": [{"deduplicate": {"on": "k", "keep": "last"}}]}))
    )
    assert kept["numbers"] == [4, 5, 6]
    assert [row["k"] for row in kept["rows"]] == [row["k"] for row in grouped["rows"]]
