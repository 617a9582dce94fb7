"""`windvane check` without a connection: expressions and the columns that steps leave, every mistake at its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import outside, write_spec
from windvane import _core
from windvane.errors import SpecError

HEAD = """\
pipeline: orders
source:
  csv: {path: orders.csv}
target:
  sqlite: {path: out.db}
"""


def found(folder: Path, text: str) -> list[tuple[int, int, str, str]]:
    path = folder / "a.windvane.yaml"
    path.write_text(HEAD + text)
    problems = json.loads(_core.check(json.dumps({"paths": [str(path)]})))["problems"]
    return [(one["line"], one["column"], one["path"], f"{one['message']} | {one['hint']}") for one in problems]


@pytest.mark.parametrize(
    ("steps", "place", "words"),
    [
        ('- filter: "amout > 1 and"', "steps[0].filter", "is not an expression"),
        ('- filter: "id > and"', "steps[0].filter", "'and' stands where a column or a value should"),
        ('- filter: "id = in"', "steps[0].filter", "'in' stands where"),
        ('- filter: "id > select"', "steps[0].filter", "'select' stands where"),
        ('- filter: "and"', "steps[0].filter", "is not an expression"),
        ('- filter: "not"', "steps[0].filter", "is not an expression"),
        ('- derive: {x: "id + or"}', "steps[0].derive.x", "is not an expression"),
        ('- filter: "uper(name) = 1"', "steps[0].filter", "Did you mean upper?"),
        ('- filter: "sum(amount) > 1"', "steps[0].filter", "no meaning for a single row"),
        ('- filter: "id in (select id from other)"', "steps[0].filter", "subquery"),
        ('- filter: "o.id = 1"', "steps[0].filter", "names a table"),
        ('- filter: "cast(a as wibble) = 1"', "steps[0].filter", "wibble"),
        ('- derive: {x: "round(a, 1, 2)"}', "steps[0].derive.x", "'round' takes 1 to 2 arguments and got 3"),
        ('- derive: {x: "lower()"}', "steps[0].derive.x", "'lower' takes 1 argument and got 0"),
        ('- derive: {x: "coalesce()"}', "steps[0].derive.x", "'coalesce' takes 1 or more arguments and got 0"),
        ('- set: {where: "a >", values: {b: "1"}}', "steps[0].set.where", "is not an expression"),
        ('- set: {where: "a > 1", values: {b: "nope(1)"}}', "steps[0].set.values.b", "'nope' is not known"),
        ('- aggregate: {by: id, measures: {n: "count(*) +"}}', "steps[0].aggregate.measures.n", "is not an expression"),
        ('- aggregate: {by: id, measures: {n: "id"}}', "steps[0].aggregate.measures.n", "aggregates nothing"),
        ('- window: {order_by: id, columns: {n: "lag(a, 1, 2)"}}', "steps[0].window.columns.n", "'lag' takes 1 to 2"),
        ('- window: {order_by: id, columns: {n: "rankk()"}}', "steps[0].window.columns.n", "'rankk' is not known"),
        ('- sql: "selec * from input"', "steps[0].sql", "is not a query"),
        ("- sort: [id]", "steps[0].sort", "Write sort: {by: [id]}"),
        ("- sort: id", "steps[0].sort", "Write sort: {by: id}"),
        ("- select: {columns: [id, name]}", "steps[0].select", "Write select: [id, name]"),
        ("- filter: {status: complete}", "steps[0].filter", "expected text, found a map"),
    ],
)
def test_a_step_that_no_columns_could_make_right(tmp_path: Path, steps: str, place: str, words: str) -> None:
    [(line, column, path, text)] = found(tmp_path, f"steps:\n  {steps}\n")
    assert (line, path) == (7, place)
    assert column > 1
    assert words in text


@pytest.mark.parametrize(
    ("steps", "place", "words"),
    [
        (["drop: [a]", 'filter: "A > 1"'], "steps[1].filter", "`drop` (step 1) drops it"),
        (["rename: {a: b}", "cast: {a: int64}"], "steps[1].cast.a", "renames it to 'b'"),
        (["select: [a, b]", 'derive: {x: "c + 1"}'], "steps[1].derive.x", "`select` (step 1) leaves"),
        (["select: [amount]", "sort: {by: amout desc}"], "steps[1].sort.by", "Did you mean 'amount'?"),
        (['aggregate: {by: a, measures: {n: "count(*)"}}', "drop: [c]"], "steps[1].drop", "`aggregate` (step 1)"),
        (["unpivot: {keep: [id], columns: [a, b]}", "deduplicate: {on: a}"], "steps[1].deduplicate.on", "`unpivot`"),
        (["pivot: {by: id, column: k, values: [x], value: v}", "mask: {columns: {k: hash}}"], "steps[1].mask.columns.k", ""),
        (["drop: [a]", "join: {with: o, on: a}"], "steps[1].join.on", "drops it"),
        (["drop: [j]", "flatten: {column: j, fields: {x: y}}"], "steps[1].flatten.column", "drops it"),
    ],
)  # fmt: skip
def test_a_step_that_uses_what_an_earlier_one_took_away(
    tmp_path: Path, steps: list[str], place: str, words: str
) -> None:
    [(line, _, path, text)] = found(tmp_path, "steps:\n" + "".join(f"  - {step}\n" for step in steps))
    assert (line, path) == (8, place)
    assert words in text


@pytest.mark.parametrize(
    "steps",
    [
        ["drop: [a]", 'derive: {a: "1"}', 'filter: "a > 1"'],
        ["rename: {a: b, b: a}", 'filter: "a > 1 and b > 1"'],
        ["drop: [a]", "join: {with: o, on: id}", 'filter: "a > 1"'],
        ["select: [id]", "join: {with: o, on: id, take: [id, x]}", 'filter: "x > 1 and id_right > 1"'],
        ["select: [id]", 'sql: "select a, b from input"', 'filter: "b > 1"'],
        ["select: [line]", 'split: {column: line, pattern: "(?<y>\\\\d+)-(?<m>\\\\d+)"}', "cast: {y: int32, m: int32}"],
        ["select: [id]", 'filter: "ID > 1"'],
        ['filter: "trim(a) = extract(year from b)::text or substring(a from 2 for 3) like \'x%\'"'],
        ['derive: {x: "case when a is null then ceil(b) else floor(c) end", y: "try_cast(a as int)"}'],
        ['window: {order_by: t desc, columns: {r: "rank()", s: "sum(x)", n: "count(*)", l: "lag(x)"}}', "sort: {by: r desc}"],
        ['aggregate: {by: [a], measures: {n: "count(distinct b) * 2", m: "round(avg(c), 2)"}}', "sort: {by: [n desc, a]}"],
    ],
)  # fmt: skip
def test_what_may_be_right_is_let_pass(tmp_path: Path, steps: list[str]) -> None:
    assert found(tmp_path, "steps:\n" + "".join(f"  - {step}\n" for step in steps)) == []


def test_all_at_once_with_checks_datasets_and_environments(tmp_path: Path) -> None:
    text = """\
steps:
  - filter: "a >"
checks:
  - expression: "b <"
datasets:
  orders:
    key: gone
    steps:
      - drop: [gone]
      - filter: "nope(1)"
    checks:
      - not_null: gone
environments:
  dev:
    steps:
      - filter: "c ="
"""
    problems = found(tmp_path, text)
    assert [path for _, _, path, _ in problems] == [
        "steps[0].filter",
        "checks[0].expression",
        "datasets.orders.key",
        "datasets.orders.steps[1].filter",
        "datasets.orders.checks[0].not_null",
        "environments.dev.steps[0].filter",
    ]
    assert [line for line, *_ in problems] == [7, 9, 12, 15, 17, 21]


def _planned(folder: Path, text: str) -> dict[str, Any]:
    (folder / "orders.csv").write_text("id,amount\n1,2\n")
    path = folder / "a.windvane.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(SpecError) as caught:
        wv.plan(path, rules_only=True, **outside(folder))
    return caught.value.place


def test_plan_tells_the_same_places(tmp_path: Path) -> None:
    place = _planned(tmp_path, 'steps:\n  - filter: "amout > 1"\n')
    assert (place["line"], place["path"]) == (7, "steps[0].filter")
    text = 'steps:\n  - drop: [id]\ndatasets:\n  orders:\n    steps:\n      - filter: "amout > 1"\n'
    place = _planned(tmp_path, text)
    assert (place["line"], place["path"]) == (11, "datasets.orders.steps[0].filter")
    place = _planned(tmp_path, "checks:\n  - range: {column: amout, min: 1}\n")
    assert (place["line"], place["path"]) == (7, "checks[0]")


KEYED = HEAD.replace("out.db}", "out.db, mode: merge}")


@pytest.mark.parametrize(
    ("settings", "path", "words"),
    [
        ("absent: delete", "datasets.orders.absent", "all other rows would be deleted"),
        ("absent: delete, mode: history", "datasets.orders.absent", "all other rows would be deleted"),
        (
            'steps: [{aggregate: {by: id, measures: {n: "count(*)"}}}]',
            "datasets.orders.steps[0].aggregate",
            "in the place of those over all rows",
        ),
        (
            'steps: [{filter: "id > 1"}, {sql: "select id, count(*) as n from input group  by id"}]',
            "datasets.orders.steps[1].sql",
            "in the place of those over all rows",
        ),
    ],
)
def test_what_takes_the_new_rows_for_all_rows(tmp_path: Path, settings: str, path: str, words: str) -> None:
    """The second run of such a pipeline left its own two rows of ten, and said success."""
    read = "incremental: {column: at}"
    where = tmp_path / "a.windvane.yaml"
    where.write_text(f"{KEYED}datasets:\n  orders: {{key: id, {read}, {settings}}}\n")
    [problem] = wv.check(where)["problems"]
    assert (problem["line"], problem["path"]) == (7, path)
    assert words in problem["message"]
    with pytest.raises(SpecError, match=words):
        wv.run(where, run="r1", rules_only=True, **outside(tmp_path))


def test_all_rows_may_be_folded_and_intervals_too(tmp_path: Path) -> None:
    fold = 'steps: [{aggregate: {by: id, measures: {n: "count(*)"}}}]'
    where = tmp_path / "a.windvane.yaml"
    for settings in (fold, f"{fold}, absent: delete", f"{fold}, incremental: {{column: at, by: interval}}"):
        where.write_text(f"{KEYED}datasets:\n  orders: {{key: id, {settings}}}\n")
        assert wv.check(where)["problems"] == []


@pytest.mark.parametrize(
    ("source", "target", "feeds"),
    [
        ("csv: {path: '**/*.csv', as_dataset: all}", "csv: {path: out}", True),
        ("files: {path: '**/*', as_dataset: all}", "parquet: {path: out, mode: append}", True),
        ("csv: {path: 'lake/*/*.csv', as_dataset: all}", "csv: {path: ./lake}", True),
        ("csv: {path: 's3://b/lake/**/*.csv', as_dataset: all}", "csv: {path: 's3://b/lake'}", True),
        ("csv: {path: lake}", "csv: {path: ./lake/}", True),
        ("files: {path: lake}", "parquet: {path: in/../lake}", True),
        ("csv: {path: lake}", "csv: {path: link}", True),
        ("files: {path: link/}", "jsonl: {path: lake}", True),
        ("csv: {path: 's3://b/lake/'}", "csv: {path: 's3://b/lake'}", True),
        ("files: {path: 'lake/*'}", "csv: {path: lake}", True),
        ("files: {path: 'link/*'}", "csv: {path: lake}", True),
        ("csv: {path: lake/all, as_dataset: all}", "csv: {path: lake}", True),
        ("csv: {path: lake/all}", "csv: {path: lake}", False),
        ("csv: {path: lake}", "parquet: {path: lake}", False),
        ("csv: {path: lake/orders.csv}", "csv: {path: lake}", False),
        ("csv: {path: 'in/*.csv'}", "csv: {path: in}", False),
        ("csv: {path: '**/*.csv'}", "parquet: {path: out}", False),
        ("csv: {path: 'raw/**/*.csv'}", "csv: {path: lake}", False),
        ("csv: {path: '{{ ds }}/*.csv'}", "csv: {path: lake}", False),
    ],
)
def test_a_pipeline_does_not_read_what_it_wrote(tmp_path: Path, source: str, target: str, *, feeds: bool) -> None:
    """One row became two, four, eight."""
    where = tmp_path / "a.windvane.yaml"
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to("lake")
    where.write_text(f"pipeline: orders\nsource:\n  {source}\ntarget:\n  {target}\n")
    found = [(one["line"], one["path"], one["message"]) for one in wv.check(where)["problems"]]
    assert [(line, path.rsplit(".", 1)[-1], "reads its own target" in text) for line, path, text in found] == (
        [(5, "path", True)] if feeds else []
    )


def test_a_mistake_of_shape_hides_no_other(tmp_path: Path) -> None:
    text = 'steps:\n- sort: [id]\n- filter: "id >"\n- derive: {a: "foo(id)"}\n- filter: \'"and" > 1 and "end" > end\'\n'
    places = [path for _, _, path, _ in found(tmp_path, text)]
    assert places == ["steps[0].sort", "steps[1].filter", "steps[2].derive.a"]


@pytest.mark.parametrize("where", ["target", "dataset"])
def test_files_keep_no_history(tmp_path: Path, where: str) -> None:
    target = {"path": "lake", **({"mode": "history"} if where == "target" else {})}
    datasets = {"t": {"key": "id", **({"mode": "history"} if where == "dataset" else {})}}
    spec = write_spec(tmp_path, "h", source={"csv": {"path": "t.csv"}}, target={"parquet": target}, datasets=datasets)
    problems = json.loads(_core.check(json.dumps({"paths": [str(spec)]})))["problems"]
    assert [problem["message"] for problem in problems] == ["files do not keep a history"]
