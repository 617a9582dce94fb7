"""The verbs that reshape, order, look at neighbours and take text apart: the same rows as DuckDB or plain Python."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
import types
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane import _core, errors

Row = dict[str, Any]
Step = dict[str, Any]

KINDS = {"k": "text", "a": "int64", "b": "int64", "d": "decimal(9,2)", "f": "float64", "t": "text"}
SMALL = st.none() | st.integers(-3, 3)
CELLS = st.fixed_dictionaries(
    {
        "k": st.none() | st.sampled_from(["x", "y", "z"]),
        "a": SMALL,
        "b": SMALL,
        "d": st.none() | st.integers(-999, 999).map(lambda cents: f"{cents / 100:.2f}"),
        "f": st.none() | st.integers(-8, 8).map(lambda eighths: eighths / 8),
        "t": st.none() | st.sampled_from(["", "a-b", "a-b-c", "q", "ü-1"]),
    }
)
DATA = st.lists(CELLS, max_size=25)


def fields(columns: dict[str, str]) -> list[Row]:
    return [{"name": name, "type": kind, "nullable": True} for name, kind in columns.items()]


def transform(steps: list[Step], rows: list[Row], columns: dict[str, str] = KINDS, **others: Any) -> Row:
    request = {
        "schema": fields(columns),
        "rows": rows,
        "steps": steps,
        "others": {name: {"schema": fields(kinds), "rows": data} for name, (kinds, data) in others.items()},
    }
    answer = json.loads(_core.transform_rows(json.dumps(request)))
    assert len(rows) + answer["added"] == len(answer["rows"]) + answer["filtered"] + len(answer["rejected"])
    return answer


def names(answer: Row) -> list[str]:
    return [field["name"] for field in answer["schema"]]


def tuples(answer: Row) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names(answer)) for row in answer["rows"]]


def refused(steps: list[Step], path: str, said: str, columns: dict[str, str] = KINDS, **others: Any) -> None:
    with pytest.raises(errors.WindvaneError) as caught:
        transform(steps, [], columns, **others)
    assert caught.value.hint
    assert caught.value.place.get("path") == path
    assert re.search(said, f"{caught.value} {caught.value.hint}")


SQL_TYPES = {"int64": "BIGINT", "text": "VARCHAR", "float64": "DOUBLE", "date": "DATE", "boolean": "BOOLEAN"}


def duck(query: str, rows: list[Row], columns: dict[str, str] = KINDS, **others: Any) -> list[tuple[Any, ...]]:
    """The query over `input` (with the row's place as `n`); decimals as text, as our rows have them."""
    with duckdb.connect() as connection:
        for name, (kinds, data) in {"input": (columns, rows), **others}.items():
            declared = ", ".join(f'"{c}" {SQL_TYPES.get(kind, kind)}' for c, kind in kinds.items())
            connection.execute(f"CREATE TABLE {name} (n INT, {declared})")
            for place, row in enumerate(data):
                marks = ", ".join("?" for _ in range(len(kinds) + 1))
                connection.execute(f"INSERT INTO {name} VALUES ({marks})", [place, *(row.get(c) for c in kinds)])
        return [
            tuple(str(v) if type(v).__name__ == "Decimal" else v for v in row)
            for row in connection.execute(query).fetchall()
        ]


# Window -------------------------------------------------------------------------------------------------------------

FUNCTIONS = [
    "row_number()",
    "rank()",
    "dense_rank()",
    "lag(b)",
    "lag(a + b, 2)",
    "lead(t, 1)",
    "first_value(d)",
    "last_value(d)",
    "sum(a)",
    "sum(d)",
    "sum(f)",
    "count(*)",
    "count(t)",
    "min(t)",
    "max(d)",
    "avg(f)",
]


@pytest.mark.parametrize("frame", ["running", "whole"])
@given(rows=DATA, functions=st.lists(st.sampled_from(FUNCTIONS), min_size=1, max_size=4, unique=True))
@settings(max_examples=60, deadline=None)
def test_window_is_that_of_sql(frame: str, rows: list[Row], functions: list[str]) -> None:
    columns = {f"w{at}": function for at, function in enumerate(functions)}
    step = {"window": {"partition_by": "k", "order_by": ["a desc"], "frame": frame, "columns": columns}}
    until = "CURRENT ROW" if frame == "running" else "UNBOUNDED FOLLOWING"

    def over(function: str) -> str:
        # Ranks know ties; for the rest the source's order breaks them.
        tie = "" if "rank()" in function else ", n"
        rows_between = "" if "(" in function and "rank" in function else f"ROWS BETWEEN UNBOUNDED PRECEDING AND {until}"
        return f"{function} OVER (PARTITION BY k ORDER BY a DESC NULLS LAST{tie} {rows_between})"

    wanted = ", ".join(f"{over(function)} AS {name}" for name, function in columns.items())
    got = transform([step, {"select": list(columns)}], rows)
    assert tuples(got) == duck(f"SELECT {wanted} FROM input ORDER BY n", rows)


def test_window_names_its_mistakes() -> None:
    def window(**settings: Any) -> list[Step]:
        return [{"filter": "a > 0"}, {"window": settings}]

    refused(window(columns={"total": "sum(amount)"}), "steps[1].window.columns.total", "does not exist")
    refused(window(columns={"r": "rank()"}), "steps[1].window.columns.r", "order_by")
    refused(window(columns={"r": "rnk()"}, order_by="a"), "steps[1].window.columns.r", "row_number")
    refused(window(columns={"r": "lag(a, b)"}), "steps[1].window.columns.r", "whole number")
    refused(window(columns={"r": "row_number()"}, order_by="kk"), "steps[1].window.order_by", "Did you mean 'k'")
    refused(window(columns={"r": "sum(a) + 1"}, order_by="a"), "steps[1].window.columns.r", "running form")


def test_running_total_out_of_range_fails_clearly() -> None:
    rows = [{"a": 2**63 - 1}, {"a": 1}]
    with pytest.raises(errors.WindvaneError, match="out of range of int64"):
        transform([{"window": {"order_by": "k", "columns": {"s": "sum(a)"}}}], rows)


def test_window_rejects_the_rows_whose_argument_fails() -> None:
    rows = [{"a": 1, "b": 0}, {"a": 4, "b": 2}]
    answer = transform([{"window": {"columns": {"s": "sum(a / b)"}}}], rows)
    assert [row["s"] for row in answer["rows"]] == [2.0]
    assert (answer["rejected"][0]["row"], answer["rejected"][0]["column"]) == (1, "s")


# Sort, fill ---------------------------------------------------------------------------------------------------------


@given(rows=DATA, limit=st.none() | st.integers(0, 10))
@settings(max_examples=60, deadline=None)
def test_sort_is_that_of_sql(rows: list[Row], limit: int | None) -> None:
    got = transform([{"sort": {"by": ["k", "d desc", "f"], **({} if limit is None else {"limit": limit})}}], rows)
    order = "k NULLS LAST, d DESC NULLS LAST, f NULLS LAST, n"
    wanted = duck(f"SELECT n + 1 FROM input ORDER BY {order} LIMIT {25 if limit is None else limit}", rows)
    assert got["numbers"] == [n for (n,) in wanted]


@given(rows=DATA)
@settings(max_examples=60, deadline=None)
def test_fill_from_other_rows_is_that_of_sql(rows: list[Row]) -> None:
    place = {"partition_by": "k", "order_by": "b"}
    steps = [
        {
            "fill": {
                "a": {"from": "previous", **place},
                "t": {"from": "next", **place},
                "f": {"from": "mean", "partition_by": "k"},
                "d": {"from": "max"},
                "b": 0,
            }
        },
        {"select": ["a", "t", "f", "d", "b"]},
    ]
    over = "PARTITION BY k ORDER BY coalesce(b, 0), n"
    query = f"""SELECT coalesce(a, last_value(a IGNORE NULLS) OVER ({over} ROWS UNBOUNDED PRECEDING)),
        coalesce(t, first_value(t IGNORE NULLS) OVER ({over} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)),
        coalesce(f, avg(f) OVER (PARTITION BY k)), coalesce(d, max(d) OVER ()), coalesce(b, 0) FROM input ORDER BY n"""
    assert tuples(transform(steps, rows)) == duck(query, rows)


def test_fill_refuses_a_mean_that_is_not_of_the_type() -> None:
    refused([{"fill": {"a": {"from": "mean"}}}], "steps[0].fill.a", "mean of a int64")
    got = transform([{"fill": {"d": {"from": "mean"}}}], [{"d": "0.01"}, {"d": "0.02"}, {"d": None}])
    assert got["rows"][2]["d"] == "0.02"


# Pivot, unpivot, explode --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregate", ["sum", "min", "max", "count", "avg", "first"])
@given(rows=DATA)
@settings(max_examples=40, deadline=None)
def test_pivot_is_that_of_sql(aggregate: str, rows: list[Row]) -> None:
    value = "f" if aggregate == "avg" else "d"
    settings_ = {"by": "a", "column": "k", "values": ["z", "x"], "value": value, "aggregate": aggregate}
    got = transform([{"pivot": settings_}], rows)
    assert names(got) == ["a", "z", "x"]
    call = {"first": f"arg_min({value}, n)"}.get(aggregate, f"{aggregate}({value})")
    if aggregate == "first":
        call = f"(list({value} ORDER BY n))[1]"
        one = "{call} FILTER (WHERE k = '{v}')"
        one = f"(list({value} ORDER BY n) FILTER (WHERE k = '{{v}}'))[1]"
    else:
        one = f"{call} FILTER (WHERE k = '{{v}}')"
    query = f"SELECT a, {one.format(v='z')}, {one.format(v='x')} FROM input GROUP BY a ORDER BY min(n)"
    assert tuples(got) == duck(query, rows)
    assert got["filtered"] == len(rows) - len(got["rows"])


def test_pivot_names_its_mistakes() -> None:
    base = {"by": "a", "column": "k", "values": ["x"], "value": "d"}
    refused([{"pivot": {**base, "column": "kk"}}], "steps[0].pivot.column", "Did you mean 'k'")
    refused([{"pivot": {**base, "names": ["p", "q"]}}], "steps[0].pivot.names", "1 values and 2 names")
    refused([{"pivot": {**base, "column": "b", "values": ["x"]}}], "steps[0].pivot.values[0]", "not an int64")
    refused([{"pivot": {**base, "value": "t"}}], "steps[0].pivot", "needs a number")
    refused([{"pivot": {**base, "names": ["a"]}}], "steps[0].pivot.values[0]", "there twice")


@given(rows=DATA)
@settings(max_examples=60, deadline=None)
def test_unpivot_is_that_of_sql(rows: list[Row]) -> None:
    got = transform([{"unpivot": {"keep": ["k"], "columns": ["b", "d", "a"], "name": "which"}}], rows)
    assert names(got) == ["k", "which", "value"]
    parts = [f"SELECT n, {at} AS m, k, '{c}', {c}::DECIMAL(21,2) FROM input" for at, c in enumerate("bda")]
    wanted = duck(f"SELECT * EXCLUDE (n, m) FROM ({' UNION ALL '.join(parts)}) ORDER BY n, m", rows)
    assert tuples(got) == wanted
    assert got["added"] == 2 * len(rows)


def test_unpivot_refuses_columns_of_no_common_type() -> None:
    refused([{"unpivot": {"columns": ["a", "t"]}}], "steps[0].unpivot.columns", "'a' is int64 and 't' is text")


@given(rows=st.lists(st.none() | st.lists(st.none() | st.integers(-5, 5), max_size=4), max_size=10))
@settings(max_examples=60, deadline=None)
def test_explode_keeps_every_row(rows: list[list[int | None] | None]) -> None:
    table = [{"id": at, "j": None if row is None else json.dumps(row)} for at, row in enumerate(rows)]
    got = transform([{"explode": {"column": "j", "type": "int64"}}], table, {"id": "int64", "j": "json"})
    wanted = [(at, element) for at, row in enumerate(rows) for element in (row or [None])]
    assert tuples(got) == wanted
    assert got["added"] == len(wanted) - len(rows)


def test_explode_sends_what_is_no_array_to_quarantine_once() -> None:
    table = [{"id": 1, "j": "[1, 2]"}, {"id": 2, "j": "{}"}, {"id": 3, "j": '[1, "x", "y"]'}, {"id": 4, "j": "oops"}]
    got = transform([{"explode": {"column": "j", "type": "int64"}}], table, {"id": "int64", "j": "text"})
    assert tuples(got) == [(1, 1), (1, 2)]
    assert [(r["row"], r["reason"]) for r in got["rejected"]] == [
        (2, "'{}' is not a JSON array"),
        (3, "'x' is not an int64"),
        (4, "'oops' is not a JSON array"),
    ]


def test_rows_that_were_added_keep_the_number_of_their_source() -> None:
    got = transform(
        [{"unpivot": {"columns": ["a", "b"]}}, {"filter": "value > 1"}], [{"a": 1, "b": 2}, {"a": 3, "b": 0}]
    )
    assert got["numbers"] == [1, 2]


# Flatten, split, mask -----------------------------------------------------------------------------------------------


def test_flatten_takes_declared_places_and_keeps_digits() -> None:
    rows = [
        {"j": '{"address": {"city": "Köln \\u00e9"}, "price": 12345678901234567.89, "tags": ["p", {"x": 1}]}'},
        {"j": '{"address": null, "price": null}'},
        {"j": None},
        {"j": '{"address": {"city": 7}, "price": "1.10"}'},
        {"j": '{"price": "abc"}'},
        {"j": "{"},
    ]
    step = {
        "flatten": {
            "column": "j",
            "fields": {"city": "address.city", "price": "price", "tag": "tags.0", "rest": "tags.1"},
            "types": {"price": "decimal(19,2)", "rest": "json"},
        }
    }
    got = transform([step, {"drop": ["j"]}], rows, {"j": "text"})
    assert names(got) == ["city", "price", "rest", "tag"]
    assert tuples(got) == [
        ("Köln é", "12345678901234567.89", '{"x": 1}', "p"),
        (None, None, None, None),
        (None, None, None, None),
        ("7", "1.10", None, None),
    ]
    assert [(r["row"], r["column"], r["reason"]) for r in got["rejected"]] == [
        (5, "price", "'abc' is not a decimal(19,2)"),
        (6, "j", "'{' is not JSON"),
    ]
    refused([{"flatten": {"column": "k", "fields": {"c": "a..b"}}}], "steps[0].flatten.fields.c", "not a place")
    refused(
        [{"flatten": {"column": "k", "fields": {"city": "x"}, "types": {"citi": "text"}}}],
        "steps[0].flatten.types.citi",
        "Did you mean 'city'",
    )


@given(rows=DATA)
@settings(max_examples=40, deadline=None)
def test_split_is_that_of_python(rows: list[Row]) -> None:
    got = transform([{"split": {"column": "t", "by": "-", "into": ["p", "q"]}}, {"select": ["p", "q"]}], rows)
    wanted = []
    for row in rows:
        parts = [None, None] if row["t"] is None else [*row["t"].split("-", 1), None][:2]
        wanted.append(tuple(parts))
    assert tuples(got) == wanted
    pattern = r"^(?<first>\w)-(?<second>.*)$"
    got = transform([{"split": {"column": "t", "pattern": pattern}}, {"select": ["first", "second"]}], rows)
    found = [re.match(pattern.replace("?<", "?P<"), row["t"] or "") for row in rows]
    assert tuples(got) == [(m["first"], m["second"]) if m else (None, None) for m in found]


def test_split_names_its_mistakes() -> None:
    refused([{"split": {"column": "a", "by": "-", "into": ["p"]}}], "steps[0].split.column", "not text")
    refused([{"split": {"column": "t", "by": "-", "into": ["k"]}}], "steps[0].split.into", "there twice")
    refused([{"split": {"column": "t", "pattern": "("}}], "steps[0].split.pattern", "regular expression")
    refused([{"split": {"column": "t"}}], "steps[0].split", "needs `by`")


def test_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = dict.fromkeys(("h", "r", "l", "e", "c"), "text") | {"n": "int64"}
    how = {"h": "hash", "r": "redact", "l": "last4", "e": "email", "c": "clear", "n": "hash"}
    rows = [
        {"h": "Ada", "r": "x", "l": "4111111111111111", "e": "ada@example.org", "c": "gone", "n": 42},
        {"h": None, "r": "", "l": "1234567", "e": "nobody", "c": None, "n": None},
    ]
    monkeypatch.delenv("WINDVANE_MASK_KEY", raising=False)
    with pytest.raises(errors.WindvaneError, match="WINDVANE_MASK_KEY"):
        transform([{"mask": {"columns": how}}], rows, columns)
    monkeypatch.setenv("WINDVANE_MASK_KEY", "short")
    with pytest.raises(errors.WindvaneError, match="too short") as caught:
        transform([{"mask": {"columns": how}}], rows, columns)
    assert "short'" not in str(caught.value)
    for key in ("k" * 16, "long" * 40):
        monkeypatch.setenv("WINDVANE_MASK_KEY", key)

        def hashed(text: str, key: str = key) -> str:
            return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()

        got = transform([{"mask": {"columns": how}}], rows, columns)
        assert tuples(got) == [
            (hashed("Ada"), "***", "****1111", "a***@example.org", None, hashed("42")),
            (None, "***", "****", "***", None, None),
        ]
    refused([{"mask": {"columns": {"aa": "hash"}}}], "steps[0].mask.columns.aa", "Did you mean 'a'")
    refused([{"mask": {"columns": {"a": "email"}}}], "steps[0].mask.columns.a", "no address")


# SQL ----------------------------------------------------------------------------------------------------------------

CUSTOMERS = ({"key": "text", "name": "text", "a": "int64"}, [
    {"key": "x", "name": "Xenia", "a": 1},
    {"key": "y", "name": "Yves", "a": None},
])  # fmt: skip

QUERIES = [
    "SELECT a, b AS c, d FROM input WHERE a > 0",
    "SELECT * FROM input",
    "SELECT DISTINCT k, a FROM input ORDER BY k, a",
    "SELECT k, sum(d) AS total, count(*) AS rows FROM input GROUP BY k ORDER BY k",
    "SELECT upper(k) AS u, max(a) - min(a) AS span FROM input GROUP BY upper(k) HAVING count(*) > 1 ORDER BY 1",
    "SELECT a AS g, count(distinct b) AS n FROM input GROUP BY 1 ORDER BY n DESC, g",
    "SELECT k, a FROM input ORDER BY a DESC, b, k LIMIT 3",
    "SELECT CASE WHEN a > b THEN 'more' WHEN a = b THEN 'same' END AS how, CAST(a AS text) AS x FROM input",
    "SELECT input.a, c.name FROM input JOIN customers c ON input.k = c.key ORDER BY input.a, c.name, input.b",
    "SELECT i.b, c.name, c.a AS other FROM input AS i LEFT JOIN customers AS c ON (c.key = i.k) WHERE i.b IS NOT NULL",
    "SELECT c.name, sum(i.d) AS s FROM input i JOIN customers c ON c.key = i.k GROUP BY c.name ORDER BY s, c.name",
    "SELECT coalesce(name, 'none') AS who, count(*) AS n FROM input LEFT JOIN customers ON k = key GROUP BY who"
    " ORDER BY who",
    "SELECT k FROM input GROUP BY k HAVING sum(a) > 0 ORDER BY k",
    "SELECT i.a, c.name FROM input i LEFT JOIN customers c USING (a) WHERE b > 0",
]


def lifted(query: str) -> str:
    """DuckDB's input has the place as a column, and its nulls go where ours go."""
    query = query.replace("SELECT * FROM input", "SELECT * EXCLUDE (n) FROM input")
    return query if "ORDER BY" in query or "GROUP BY" in query else f"{query} ORDER BY n"


@pytest.mark.parametrize("query", QUERIES)
@given(rows=DATA)
@settings(max_examples=25, deadline=None)
def test_sql_is_that_of_duckdb(query: str, rows: list[Row]) -> None:
    got = transform([{"sql": query}], rows, customers=CUSTOMERS)
    theirs = lifted(query)
    if "customers" in query and "ORDER BY n" in theirs:
        theirs = theirs.replace("ORDER BY n", "ORDER BY i.n")
    wanted = duck(theirs, rows, customers=CUSTOMERS)
    ours = tuples(got)
    assert (ours if "LIMIT" not in query else sorted(ours, key=repr)) == (
        wanted if "LIMIT" not in query else sorted(wanted, key=repr)
    )


REFUSED_SQL = [
    ("DELETE FROM input", "query"),
    ("SELECT a FROM input; SELECT 1", "several statements"),
    ("SELECT a FROM other", "called 'input'"),
    ("SELECT aa FROM input", "Did you mean 'a'"),
    ("SELECT a + 1 FROM input", "has no name"),
    ("SELECT a FROM input UNION SELECT b FROM input", "UNION"),
    ("WITH x AS (SELECT 1) SELECT a FROM input", "beyond SELECT"),
    ("SELECT a FROM input OFFSET 3", "OFFSET"),
    ("SELECT a FROM input FOR UPDATE", "beyond SELECT"),
    ("SELECT a, row_number() OVER () AS n FROM input", "OVER"),
    ("SELECT a FROM input WHERE a IN (SELECT 1)", "subquery"),
    ("SELECT a FROM (SELECT 1) x", "behind FROM"),
    ("SELECT a FROM input, customers", "list of tables"),
    ("SELECT a FROM input RIGHT JOIN customers ON k = key", "inner nor left"),
    ("SELECT b FROM input JOIN customers ON k > key", "join condition"),
    ("SELECT b FROM input JOIN nowhere ON k = key", "not among the inputs"),
    ("SELECT a FROM input JOIN customers ON k = key", "column of 'input' and of 'customers'"),
    ("SELECT key FROM input LEFT JOIN customers ON k = key", "key"),
    ("SELECT b, b FROM input", "selected twice"),
    ("SELECT a, sum(b) AS s FROM input GROUP BY k", "neither grouped by nor aggregated"),
    ("SELECT DISTINCT a FROM input ORDER BY b", "DISTINCT"),
    ("SELECT a FROM input ORDER BY a NULLS FIRST", "NULLS FIRST"),
    ("SELECT read_csv('/etc/passwd') AS x FROM input", "not known"),
    ("SELECT a INTO x FROM input", "beyond SELECT"),
    ("", "empty"),
]


@pytest.mark.parametrize(("query", "said"), REFUSED_SQL)
def test_sql_that_is_not_ours_is_refused_before_anything_runs(query: str, said: str) -> None:
    refused([{"sql": query}], "steps[0].sql", said, customers=CUSTOMERS)


# Python -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def functions() -> Any:
    module = types.ModuleType("windvane_test_functions")

    def doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch({"a": pc.multiply(batch["a"], 2), "t": batch["t"].cast(pa.large_string())})

    def positive(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.filter(pc.greater(batch["a"], 0))

    def forgetful(batch: pa.RecordBatch) -> pa.RecordBatch:
        return positive(batch).drop_columns(["windvane_row"])

    def more(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.concat_batches([batch, batch])

    def wrong(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch({"a": pa.array(["x"] * batch.num_rows), "t": batch["t"]})

    def renumbered(batch: pa.RecordBatch) -> pa.RecordBatch:
        at = batch.schema.get_field_index("windvane_row")
        return batch.set_column(at, "windvane_row", pa.array([99] * batch.num_rows, pa.int64()))

    def broken(_: pa.RecordBatch) -> pa.RecordBatch:
        raise ValueError("no luck")

    def nothing(_: pa.RecordBatch) -> str:
        return "nothing"

    for function in (doubled, positive, forgetful, more, wrong, renumbered, broken, nothing):
        setattr(module, function.__name__, function)
    sys.modules[module.__name__] = module
    yield module.__name__
    del sys.modules[module.__name__]


def python(function: str) -> list[Step]:
    return [{"python": {"object": f"windvane_test_functions:{function}", "schema": {"a": "int64", "t": "text"}}}]


ROWS = [{"a": 1, "t": "p"}, {"a": -1, "t": None}, {"a": 3, "t": "q"}]


def test_python_function_gets_and_gives_batches(functions: str) -> None:
    assert functions
    got = transform(python("doubled"), ROWS)
    assert tuples(got) == [(2, "p"), (-2, None), (6, "q")]
    got = transform(python("positive"), ROWS)
    assert (tuples(got), got["numbers"], got["filtered"]) == ([(1, "p"), (3, "q")], [1, 3], 1)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("forgetful", "windvane_row"),
        ("more", "got 3 rows and returned 6"),
        ("wrong", "returned 'a' as"),
        ("renumbered", "changed the column"),
        ("broken", "ValueError: no luck"),
        ("nothing", "failed"),
        ("absent", "has no attribute"),
    ],
)
def test_python_function_that_breaks_its_word(functions: str, function: str, said: str) -> None:
    assert functions
    with pytest.raises(errors.WindvaneError, match=said) as caught:
        transform(python(function), ROWS)
    assert caught.value.hint


def test_python_is_checked_before_anything_runs() -> None:
    refused([{"python": {"object": "a b:c", "schema": {"x": "text"}}}], "steps[0].python.object", "package.module")
    refused([{"python": {"object": "m:f", "schema": {}}}], "steps[0].python.schema", "no column")
