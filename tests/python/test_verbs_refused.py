"""What a step cannot do is told at its place before anything runs, and SELECT in all forms that we take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from test_verbs import DATA, KINDS, duck, names, refused, transform, tuples

Row = dict[str, Any]
Step = dict[str, Any]

OTHER = ({"k": "text", "n": "int64"}, [])
PIVOT = {"by": "a", "column": "k", "values": ["x"], "value": "b"}

REFUSED: list[tuple[Step, str, str]] = [
    ({"rename": {"a": ""}}, "rename.a", "needs a name"),
    ({"derive": {"": "a"}}, "derive", "needs a name"),
    ({"fill": {"a": "x"}}, "fill.a", "'x' is not an int64"),
    ({"fill": {"a": {"from": "previous", "order_by": "kk"}}}, "fill.a.order_by", "Did you mean 'k'"),
    ({"parse": {"columns": ["k"], "to": "int64", "formats": ["%d"]}}, "parse.to", "not parsed to int64"),
    ({"parse": {"columns": ["k"], "to": "date", "formats": []}}, "parse.formats", "no format"),
    ({"parse": {"columns": ["k"], "to": "float64", "formats": ["%d"]}}, "parse.formats", "a number has no format"),
    ({"set": {"where": "a > 0", "values": {"a": "k"}}}, "set.values.a", "gives text for a column of int64"),
    ({"aggregate": {"by": [], "measures": {}}}, "aggregate", "makes no column"),
    ({"aggregate": {"by": "kk", "measures": {}}}, "aggregate.by", "Did you mean 'k'"),
    ({"deduplicate": {"on": []}}, "deduplicate.on", "needs a key"),
    ({"deduplicate": {"on": "k", "order_by": ["bb"]}}, "deduplicate.order_by", "Did you mean 'b'"),
    ({"join": {"with": "other", "on": []}}, "join.on", "needs a key"),
    ({"join": {"with": "other", "on": "kk"}}, "join.on", "Did you mean 'k'"),
    ({"pivot": {**PIVOT, "by": "kk"}}, "pivot.by", "Did you mean 'k'"),
    ({"pivot": {**PIVOT, "value": "bb"}}, "pivot.value", "Did you mean 'b'"),
    ({"pivot": {**PIVOT, "values": []}}, "pivot.values", "known before anything runs"),
    ({"unpivot": {"columns": []}}, "unpivot.columns", "needs columns"),
    ({"unpivot": {"columns": ["a", "a"]}}, "unpivot.columns", "there twice"),
    ({"unpivot": {"columns": ["aa"]}}, "unpivot.columns", "Did you mean 'a'"),
    ({"explode": {"column": "a"}}, "explode.column", "is int64 and not json"),
    ({"flatten": {"column": "a", "fields": {"x": "y"}}}, "flatten.column", "is int64 and not json"),
    ({"flatten": {"column": "kk", "fields": {"x": "y"}}}, "flatten.column", "Did you mean 'k'"),
    ({"flatten": {"column": "t", "fields": {}}}, "flatten.fields", "makes no column"),
    ({"flatten": {"column": "t", "fields": {"z": "b"}, "types": {"q": "text"}}}, "flatten.types.q", "Name one of"),
    ({"split": {"column": "kk", "by": "-", "into": ["x"]}}, "split.column", "Did you mean 'k'"),
    ({"split": {"column": "t", "by": "", "into": ["x"]}}, "split.by", "the separator is empty"),
    ({"split": {"column": "t", "by": "-", "into": []}}, "split.into", "Name the new columns"),
    ({"split": {"column": "t", "pattern": "abc"}}, "split.pattern", "Name its groups"),
    ({"mask": {"columns": {}}}, "mask.columns", "names no column"),
    ({"sort": {"by": []}}, "sort.by", "needs a column"),
    ({"sort": {"by": "kk"}}, "sort.by", "Did you mean 'k'"),
    ({"window": {"columns": {}}}, "window.columns", "makes no column"),
    ({"window": {"columns": {"x": "lag()"}}}, "window.columns.x", "are not what it takes"),
    ({"window": {"columns": {"x": "row_number(a)"}}}, "window.columns.x", "are not what it takes"),
    ({"window": {"columns": {"x": "lag(a, 'x')"}}}, "window.columns.x", "not a whole number"),
    ({"window": {"columns": {"x": "lag(DISTINCT a)"}}}, "window.columns.x", "are not what it takes"),
    ({"window": {"order_by": "a", "columns": {"x": "count(DISTINCT a)"}}}, "window.columns.x", "no running form"),
    ({"python": {"object": "m:f", "schema": {"windvane_row": "int64"}}}, "python.schema.windvane_row", "own column"),
]


@pytest.mark.parametrize(("step", "path", "said"), REFUSED, ids=[str(step) for step, _, _ in REFUSED])
def test_a_step_that_cannot_be_is_told_at_its_place(step: Step, path: str, said: str) -> None:
    refused([step], f"steps[0].{path}", said, other=OTHER)


def test_a_window_whose_measure_fails_takes_the_rows_of_its_group_away() -> None:
    rows = [{"k": "x", "a": 1}, {"k": "y", "a": 2}, {"k": "x", "a": 3}]
    step = {"window": {"partition_by": "k", "frame": "whole", "columns": {"q": "sum(a) / (count(*) - 2)"}}}
    got = transform([step, {"select": ["k", "q"]}], rows)
    assert tuples(got) == [("y", -2.0)]
    assert [(r["row"], r["column"], "division by zero" in r["reason"]) for r in got["rejected"]] == [
        (1, "q", True),
        (3, "q", True),
    ]


def test_a_value_that_the_common_type_does_not_hold_stays_out() -> None:
    columns = {"a": "int64", "d": "decimal(38,20)"}
    got = transform([{"unpivot": {"columns": ["a", "d"]}}], [{"a": 1, "d": "0.5"}, {"a": 10**18, "d": "1"}], columns)
    assert [row["value"] for row in got["rows"][:2]] == [f"1.{'0' * 20}", f"0.5{'0' * 19}"]
    assert [(r["row"], r["column"], "out of range" in r["reason"]) for r in got["rejected"]] == [(2, "a", True)]


# SELECT -------------------------------------------------------------------------------------------------------------

CUSTOMERS = ({"key": "text", "name": "text", "a": "int64"}, [
    {"key": "x", "name": "Xenia", "a": 1},
    {"key": "y", "name": "Yves", "a": 2},
    {"key": "x", "name": "Xaver", "a": 2},
])  # fmt: skip
TAGS = ({"name": "text", "tag": "text"}, [{"name": "Xenia", "tag": "one"}, {"name": "Yves", "tag": "two"}])

QUERIES = [
    "SELECT i.k, i.a FROM input i ORDER BY i.a DESC, i.k, n",
    "SELECT c.*, i.b FROM input i JOIN customers c ON i.k = c.key AND i.a = c.a ORDER BY c.name, i.b",
    "SELECT i.b, c.name FROM input i LEFT JOIN customers c ON i.k = c.key AND (i.a = c.a) ORDER BY i.b, c.name",
    "SELECT c.name, t.tag FROM input i JOIN customers c ON i.k = c.key AND i.a = c.a JOIN tags t ON t.name = c.name"
    " ORDER BY c.name",
    "SELECT k AS kk, sum(a) AS s FROM input GROUP BY k HAVING k > 'x' AND sum(a) > 0 ORDER BY kk",
    "SELECT count(*) AS rows, k FROM input GROUP BY k ORDER BY count(*) DESC, k LIMIT 2",
    "SELECT k, a FROM input ORDER BY 2 DESC, 1, n",
    "SELECT a AS b, b AS a FROM input ORDER BY b DESC, a",
    "SELECT a FROM input ORDER BY a ASC NULLS LAST LIMIT ALL",
    "SELECT 1 AS one, 'x' AS x FROM input",
]


@pytest.mark.parametrize("query", QUERIES)
@given(rows=DATA)
@settings(max_examples=25, deadline=None)
def test_select_is_that_of_duckdb(query: str, rows: list[Row]) -> None:
    got = transform([{"sql": query.removesuffix(", n")}], rows, customers=CUSTOMERS, tags=TAGS)
    assert tuples(got) == duck(query.replace("c.*", "c.* EXCLUDE (n)"), rows, customers=CUSTOMERS, tags=TAGS)


def test_a_star_with_a_table_has_its_columns_alone() -> None:
    got = transform([{"sql": "SELECT i.* FROM input i JOIN tags t ON i.t = t.name"}], [], tags=TAGS)
    assert names(got) == list(KINDS)


REFUSED_SQL = [
    ("SELECT DISTINCT ON (k) k, a FROM input", "DISTINCT ON"),
    ("SELECT z.* FROM input i", "no table 'z'"),
    ("SELECT z.b FROM input i JOIN customers c ON i.k = c.key", "no table 'z' in this query.*Tables are c, i"),
    ("SELECT b FROM input WHERE i.a = 1", "no table 'i' in this query.*Tables are input"),
    ("SELECT a FROM input ORDER BY a USING >", "USING"),
    ("SELECT a FROM input ORDER BY 9", "ORDER BY 9"),
    ("SELECT a FROM input ORDER BY 0", "ORDER BY 0"),
    ("SELECT a FROM input LIMIT a", "LIMIT a"),
    ("SELECT a FROM input LIMIT -1", "LIMIT -1"),
    ("SELECT i.b FROM input i GLOBAL JOIN customers c ON i.k = c.key", "GLOBAL JOIN"),
    ("SELECT c.name FROM input c JOIN customers c ON c.k = c.key", "'c' is there twice"),
    ("SELECT i.b FROM input i JOIN customers c", "a join without a condition"),
    ("SELECT i.b FROM input i NATURAL JOIN customers c", "a join without a condition"),
    ("SELECT i.b FROM input i JOIN customers c ON i.k = 'x'", "the join condition"),
    ("SELECT i.b FROM input i JOIN customers c ON c.key = c.name", "the join condition"),
    ("SELECT i.b FROM input i JOIN customers c ON i.k = c.key OR i.a = c.a", "the join condition"),
    ("SELECT c.name FROM input i LEFT JOIN customers c ON i.k = c.name", "keeps the first table's key"),
    ("SELECT b FROM input TABLESAMPLE (10)", "behind FROM"),
    ("SELECT b FROM f(1)", "behind FROM"),
    ("SELECT sum(a) AS s FROM input GROUP BY ALL", "GROUP BY ALL"),
    ("SELECT sum(a) AS s FROM input GROUP BY ROLLUP (k)", "ROLLUP and CUBE"),
    ("SELECT k, sum(a) AS s FROM input GROUP BY CUBE (k)", "ROLLUP and CUBE"),
    ("SELECT k, sum(a) AS s FROM input GROUP BY GROUPING SETS ((k), ())", "ROLLUP and CUBE"),
    ("SELECT k, sum(a) AS s FROM input GROUP BY 5", "GROUP BY 5"),
    ("SELECT sum(a) AS s FROM input GROUP BY zz", "'zz' does not exist"),
    ("SELECT b FROM input HAVING TRUE", "neither grouped by|aggregates nothing"),
    ("SELECT 1 AS one FROM input HAVING TRUE", "a HAVING that aggregates nothing"),
    ("VALUES (1)", "UNION, VALUES"),
]


@pytest.mark.parametrize(("query", "said"), REFUSED_SQL, ids=[query for query, _ in REFUSED_SQL])
def test_select_in_other_forms_is_refused(query: str, said: str) -> None:
    refused([{"sql": query}], "steps[0].sql", f"(?s){said}", customers=CUSTOMERS, tags=TAGS)
