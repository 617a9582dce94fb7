"""Specs: every mistake located, all at once; environments; round trips; hostile documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane import _core
from windvane.errors import SpecError

EXAMPLES = sorted((Path(__file__).parents[2] / "dags").glob("*.windvane.*"))

SOUND = """\
pipeline: orders
source:
  csv: {path: data}
target:
  parquet: {path: lake}
"""


def problems_of(folder: Path, text: str | bytes, name: str = "a.windvane.yaml", **options: Any) -> list[dict[str, Any]]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found: list[dict[str, Any]] = json.loads(_core.check(json.dumps({"paths": [str(path)], **options})))["problems"]
    for problem in found:
        assert problem["file"] == str(path)
    return found


def normal_of(folder: Path, text: str, name: str = "a.windvane.yaml", **options: Any) -> dict[str, Any]:
    path = folder / name
    path.write_text(text)
    document: dict[str, Any] = json.loads(_core.normalize(json.dumps({"path": str(path), **options})))
    return document


def places(found: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    return [(problem["line"], problem["column"], problem["path"]) for problem in found]


# Lines below SOUND (which has five), and what is found: line, column, path, words of the message, words of the hint.
MISTAKES = [
    ("scheduel: '@daily'", 6, 1, "scheduel", "unknown key 'scheduel'", "Did you mean 'schedule'?"),
    ("zzz: 1", 6, 1, "zzz", "unknown key 'zzz'", "Known keys are catchup, checks"),
    ("strategy: fused", 6, 1, "strategy", "unknown key 'strategy'", "datasets: {NAME: {strategy: …}}"),
    ("key: id", 6, 1, "key", "unknown key 'key'", "datasets: {NAME: {key: …}}"),
    ("max_quarantined: 1", 6, 1, "max_quarantined", "unknown key 'max_quarantined'", "errors: {max_quarantined: …}"),
    ("schedule: '@dayly'", 6, 11, "schedule", "not a preset", "Did you mean '@daily'?"),
    ("schedule: '61 * * * *'", 6, 11, "schedule", "not a cron expression", "five fields"),
    ("schedule: '* * * *'", 6, 11, "schedule", "4 fields", "five fields"),
    ("schedule: 5", 6, 11, "schedule", "expected text, found a number", "quotes"),
    ("start_date: 2024-02-30", 6, 13, "start_date", "not a day of the calendar", "2024-01-31"),
    ("start_date: 30.01.2024", 6, 13, "start_date", "'30.01.2024' is not valid here", "YYYY-MM-DD"),
    ("catchup: yes", 6, 10, "catchup", "expected true or false, found text", "Did you mean true?"),
    ("catchup: true\nschedule: '@daily'", 6, 1, "catchup", "needs 'start_date'", "Add 'start_date'"),
    ("owner:", 6, 1, "owner", "key 'owner' has no value", "Give it a value"),
    ("owner: a\nowner: b", 7, 1, "owner", "the first is on line 6, column 1", "Delete one"),
    ("retries: 101", 6, 10, "retries", "from 0 to 100", "How often"),
    ("retries: 1.5", 6, 10, "retries", "expected a whole number, found a number with a fraction", "How often"),
    ("retries: '3'", 6, 10, "retries", "expected a whole number, found text", "Delete the quotes"),
    ("retries: 007", 6, 10, "retries", "starts with a zero", "quotes"),
    ("tags: shop", 6, 7, "tags", "expected a list, found text", "brackets"),
    ("tags: [a, b, a]", 6, 14, "tags[2]", "the first is on line 6, column 8", "Delete one"),
    ("tags: [é, 'ü', é]", 6, 16, "tags[2]", "tag 'é' stands here a second time", "Delete one"),
    ("drift: evolv", 6, 8, "drift", "'evolv' is not one of evolve, freeze", "Did you mean 'evolve'?"),
    ("errors: {max_quarantined: 1.5}", 6, 27, "errors.max_quarantined", "from 0 to 1", "share of rows"),
    ("sources: {a: {csv: {path: b}}}", 6, 1, "sources", "exclude each other", "Delete one"),
    ("steps: {filter: a}", 6, 8, "steps", "expected a list, found a map", None),
    ("steps:\n- filtr: a", 7, 3, "steps[0].filtr", "unknown word 'filtr'", "Did you mean 'filter'?"),
    ("steps:\n- filter", 7, 3, "steps[0]", "expected a map with one of", "'filter: …'"),
    ("steps:\n- join:\n  with: b\n  on: c", 8, 3, "steps[0].with", "cannot stand beside 'join'", "Indent it"),
    ("steps:\n- {drop: [a], select: [b]}", 7, 15, "steps[0].select", "exactly one of them", "own place"),
    ("steps:\n- {}", 7, 3, "steps[0]", "the map is empty", "Write one of select"),
    ("steps:\n-", 7, 2, "steps[0]", "there is no value here", "Expected a map with one of"),
    ("steps:\n- select: []", 7, 11, "steps[0].select", "no columns", "Add one"),
    ("steps:\n- select: [a, a]", 7, 15, "steps[0].select[1]", "second time", "Delete one"),
    ("steps:\n- filter: ' '", 7, 11, "steps[0].filter", "empty", "Write something"),
    ("steps:\n- rename: {a: c, b: c}", 7, 21, "steps[0].rename.b", "column 'a' gets this name too", "another"),
    ("steps:\n- cast: {a: int}", 7, 13, "steps[0].cast.a", "'int' is not valid here", "A column's type"),
    ("steps:\n- cast: {a: 'decimal(50,2)'}", 7, 13, "steps[0].cast.a", "'decimal(50,2)' is not a type", "38 digits"),
    ("steps:\n- parse: {columns: [a], to: int64, formats: ['%Y']}", 7, 29, "steps[0].parse.to", "date, time", "cast"),
    ("steps:\n- parse: {columns: [a], to: date}", 7, 10, "steps[0].parse", "'formats' is missing", "strftime"),
    (
        "steps:\n- parse: {columns: [a], to: float64, formats: ['%Y']}",
        7,
        47,
        "steps[0].parse.formats",
        "no format",
        "out",
    ),
    (
        "steps:\n- parse: {columns: [a], to: date, formats: ['%Q']}",
        7,
        45,
        "steps[0].parse.formats[0]",
        "strftime",
        "%d",
    ),
    ("steps:\n- parse: {columns: [a], to: date, formats: []}", 7, 44, "steps[0].parse.formats", "empty", "strftime"),
    ("steps:\n- join: {with: b}", 7, 9, "steps[0].join", "key 'on' is missing", "A column"),
    ("steps:\n- join: {with: b, on: []}", 7, 23, "steps[0].join.on", "the list is empty", "Add an entry"),
    ("steps:\n- join: {with: b, on: {}}", 7, 23, "steps[0].join.on", "expected text or a list, found a map", "column"),
    ("steps:\n- join: {with: b, on: a, how: outer}", 7, 31, "steps[0].join.how", "not one of left, inner", "Known"),
    ("steps:\n- fill: {a: [1]}", 7, 13, "steps[0].fill.a", "expected one value", "number"),
    ("checks:\n- matches: {column: a, pattern: '('}", 7, 33, "checks[0].matches.pattern", "unclosed group", "quotes"),
    (
        "checks:\n- matches: {column: a, pattern: '(a{1000}){1000}'}",
        7,
        33,
        "checks[0].matches.pattern",
        "it is too large",
        "quotes",
    ),
    ("checks:\n- range: {column: a}", 7, 10, "checks[0].range", "'min' and 'max' is missing", "Add"),
    ("checks:\n- range: {column: a, min: 2, max: 1}", 7, 35, "checks[0].range.max", "less than", "Swap"),
    ("checks:\n- rows: {min: -1}", 7, 15, "checks[0].rows.min", "of at least 0", None),
    ("checks:\n- accepted: {column: a, values: []}", 7, 33, "checks[0].accepted.values", "no values", "Add one"),
    ("checks:\n- accepted: {column: a, values: [1, 1]}", 7, 37, "checks[0].accepted.values[1]", "second time", None),
    ("datasets: {a: {to: x}, b: {to: x}}", 6, 32, "datasets.b.to", "same place as dataset 'a'", "another 'to'"),
    ("datasets: {'a.b': {form: x}}", 6, 20, 'datasets["a.b"].form', "unknown key 'form'", "'from'"),
    ("environments: {'a b': {}}", 6, 16, 'environments["a b"]', "cannot name an environment", "letters"),
    ("owner: !!python/object a", 6, 8, "owner", "tag 'tag:yaml.org,2002:!python/object'", "delete it"),
    ("<<: {a: b}", 6, 1, "", "merge keys", "Repeat"),
    ("? [a]\n: b", 6, 3, "", "a key must be text", None),
    ("retries: 99999999999999999999", 6, 10, "retries", "more digits", "quotes"),
    ("retry_delay: .nan", 6, 14, "retry_delay", "not a number that a spec can hold", "quotes"),
    ("owner: *nobody", 6, 8, "owner", "not valid YAML", "indentation"),
    ("tags: [a", 7, 1, "tags[1]", "not valid YAML", "indentation"),
    ("steps:\n- {verb: sort, by: [a]}", 7, 4, "steps[0].verb", "unknown word 'verb'", "Write sort: {by: [a]}"),
    ("steps:\n- {verb: filter, by: a}", 7, 4, "steps[0].verb", "unknown word 'verb'", "Write filter: …"),
    ("---\npipeline: b", 6, 1, "", "a second document", "one pipeline per file"),
]


@pytest.mark.parametrize(
    ("more", "line", "column", "path", "message", "hint"), MISTAKES, ids=[case[0][:40] for case in MISTAKES]
)
def test_a_mistake_is_found_where_it_is(
    tmp_path: Path, more: str, line: int, column: int, path: str, message: str, hint: str | None
) -> None:
    found = problems_of(tmp_path, SOUND + more + "\n")
    at = [problem for problem in found if (problem["line"], problem["column"], problem["path"]) == (line, column, path)]
    assert at, found
    assert message in at[0]["message"], at
    if hint is not None:
        assert hint in (at[0]["hint"] or ""), at


# Whole documents: text, and all places.
DOCUMENTS = [
    ("", [(1, 1, "")]),
    ("# nothing\n", [(1, 1, "")]),
    ("[]\n", [(1, 1, "")]),
    ("pipeline\n", [(1, 1, "")]),
    ("source: {csv: {path: a}}\n", [(1, 1, ""), (1, 1, "")]),
    ("pipeline: a b\nsource: {csv: {path: a}}\ntarget: {parquet: {path: b}}\n", [(1, 11, "pipeline")]),
    ("pipeline: a\nsource: {csv: {path: /etc}}\ntarget: {parquet: {path: b}}\n", [(2, 22, "source.csv.path")]),
    ("pipeline: a\nsource: {csv: {path: b/../..}}\ntarget: {parquet: {path: ..}}\n",
     [(2, 22, "source.csv.path"), (3, 26, "target.parquet.path")]),
    ("pipeline: a\nsource: {csv: {path: 's3://k:hush@b'}}\ntarget: {parquet: {path: b}}\n", [(2, 22, "source.csv.path")]),
    ("pipeline: a\nsource: {sqlite: {tables: [b]}}\ntarget: {sqlite: {path: b, connection: c}}\n",
     [(2, 18, "source.sqlite"), (3, 28, "target.sqlite.connection")]),
    (("pipeline: a\nsource: {csv: {path: a, delimiter: ;;, encoding: utf-9}}\n"
      "target: {csv: {path: b, compression: snappy}}\n"),
     [(2, 36, "source.csv.delimiter"), (2, 50, "source.csv.encoding"), (3, 38, "target.csv.compression")]),
    (("pipeline: a\nsource: {postgres: {connection: c, tables: [s.t]}}\ntarget: {parquet: {path: b}}\n"
     "datasets: {t: {}, u: {from: v}, w: {from: s.t}}\nsteps: [{join: {with: z, on: a}}]\n"),
     [(4, 29, "datasets.u.from"), (5, 23, "steps[0].join.with")]),
    (("pipeline: a\nsources: {s: {postgres: {connection: c, tables: [t]}}, f: {files: {path: d}}}\n"
     "target: {parquet: {path: b}}\ndatasets: {s.t: {}, s.u: {}, t: {}, f.any: {}}\n"),
     [(4, 21, 'datasets["s.u"]'), (4, 30, "datasets.t")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DOCUMENTS)
def test_all_mistakes_of_a_document(tmp_path: Path, text: str, expected: list[tuple[int, int, str]]) -> None:
    assert places(problems_of(tmp_path, text)) == expected


def test_many_mistakes_are_found_at_once_and_in_order(tmp_path: Path) -> None:
    alone = [case for case in MISTAKES if "steps:\n" in case[0] and case[0].count("\n") == 1]
    text = SOUND + "steps:\n" + "\n".join(case[0].split("\n")[1] for case in alone) + "\n"
    found = problems_of(tmp_path, text)
    for index, (_, _, column, path, message, _) in enumerate(alone):
        place = (7 + index, column, path.replace("steps[0]", f"steps[{index}]"))
        assert any(p == place and message in f["message"] for p, f in zip(places(found), found, strict=True)), place
    assert [(p["line"], p["column"]) for p in found] == sorted((p["line"], p["column"]) for p in found)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_unknown_key_is_found_at_every_level(example: Path, tmp_path: Path) -> None:
    text = example.read_text()
    maps: list[yaml.MappingNode] = []

    def walk(node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            maps.append(node)
            for _, value in node.value:
                walk(value)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                walk(item)

    walk(yaml.compose(text, Loader=yaml.BaseLoader))
    assert len(maps) > 3
    for node in maps:
        at = node.start_mark
        if node.flow_style:
            changed = text[: at.index + 1] + "zzqzz: 1, " + text[at.index + 1 :]
            line, column = at.line + 1, at.column + 2
        else:
            changed = text[: at.index] + "zzqzz: 1\n" + " " * at.column + text[at.index :]
            line, column = at.line + 1, at.column + 1
        found = problems_of(tmp_path, changed, example.name)
        if found:
            assert [p for p in found if p["line"] == line and column <= p["column"] <= column + 7], (
                line,
                column,
                found,
            )
        else:
            # A map whose keys are the user's own (columns): there it must arrive.
            assert "zzqzz" in json.dumps(normal_of(tmp_path, changed, example.name)["spec"])


def test_secrets_are_refused_and_never_repeated(tmp_path: Path) -> None:
    text = """\
pipeline: a
source: {postgres: {connection: "postgresql://joe:hunter2@db/x"}}
target: {sqlite: {connection: "joe:hunter2@db"}}
environments:
  prod: {target: {sqlite: {connection: null, path: "sqlite://joe:hunter2@db"}}}
"""
    found = problems_of(tmp_path, text)
    assert [place[2] for place in places(found)] == [
        "source.postgres.connection", "target.sqlite.connection", "environments.prod.target.sqlite.path",
    ]  # fmt: skip
    assert "hunter2" not in json.dumps(found)


def test_roots_allow_more_folders(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    text = "pipeline: a\nsource: {csv: {path: ../data}}\ntarget: {parquet: {path: b}}\n"
    assert places(problems_of(inner, text)) == [(2, 22, "source.csv.path")]
    assert problems_of(inner, text, roots=[str(tmp_path)]) == []


OVERLAID = (
    SOUND
    + """\
schedule: "@daily"
tags: [a, b]
errors: {rows: fail, max_quarantined: 0.5}
environments:
  dev:
    schedule: null
    tags: [c]
    target: {parquet: {mode: append}}
    errors: {max_quarantined: 0.1}
  prod:
    source: {postgres: {connection: shop}}
    target: {postgres: {connection: lake}}
"""
)


def test_an_overlay_merges_maps_and_replaces_lists_and_tags(tmp_path: Path) -> None:
    plain = normal_of(tmp_path, OVERLAID)
    dev = normal_of(tmp_path, OVERLAID, environment="dev")["spec"]
    prod = normal_of(tmp_path, OVERLAID, environment="prod")
    assert set(plain["spec"]["environments"]) == {"dev", "prod"}
    assert "schedule" not in dev
    assert dev["tags"] == ["c"]
    assert dev["target"] == {"parquet": {"path": "lake", "mode": "append"}}
    assert dev["errors"] == {"rows": "fail", "max_quarantined": 0.1}
    assert prod["spec"]["source"] == {"postgres": {"connection": "shop"}}
    assert prod["spec"]["target"] == {"postgres": {"connection": "lake"}}
    assert prod["connections"] == ["lake", "shop"]
    assert len({plain["hash"], prod["hash"], normal_of(tmp_path, OVERLAID, environment="dev")["hash"]}) == 3


def test_mistakes_of_overlays_are_found_in_the_overlay(tmp_path: Path) -> None:
    text = (
        SOUND
        + """\
environments:
  dev:
    pipeline: b
    scheduel: x
    target: {parquet: {path: ../.., mod: append}}
  prod:
    sources: {a: {csv: {path: b}}}
    steps: [{filtr: a}]
  none:
"""
    )
    found = problems_of(tmp_path, text)
    assert places(found) == [
        (8, 5, "environments.dev.pipeline"),
        (9, 5, "environments.dev.scheduel"),
        (10, 30, "environments.dev.target.parquet.path"),
        (10, 37, "environments.dev.target.parquet.mod"),
        (12, 5, "environments.prod.sources"),
        (13, 14, "environments.prod.steps[0].filtr"),
        (14, 3, "environments.none"),
    ]
    unknown = problems_of(tmp_path, OVERLAID, environment="prd")
    assert places(unknown) == [(9, 1, "environments")]
    assert unknown[0]["hint"] == "Did you mean 'prod'?"
    assert "no environment 'dev'" in problems_of(tmp_path, SOUND, environment="dev")[0]["message"]


def test_an_overlay_that_deletes_what_is_needed(tmp_path: Path) -> None:
    found = problems_of(tmp_path, SOUND + "environments: {dev: {target: null}}\n")
    assert places(found) == [(1, 1, "")]
    assert "key 'target' is missing (with the overlay of environment 'dev')" in found[0]["message"]


def test_aliases_are_followed_and_bombs_are_refused(tmp_path: Path) -> None:
    text = SOUND + "checks: [{unique: &key [id, day]}, {not_null: *key}]\n"
    assert normal_of(tmp_path, text)["spec"]["checks"][1] == {"not_null": ["id", "day"]}
    laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for level in range(1, 12):
        laughs += f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 9) + "]\n"
    found = problems_of(tmp_path, SOUND + laughs)
    assert any("expand to too much" in problem["message"] for problem in found)
    assert "stands inside" in problems_of(tmp_path, SOUND + "tags: &a [*a]\n")[0]["message"]
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200))
    assert any("expand to too much" in problem["message"] for problem in problems_of(tmp_path, SOUND + chain))


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "a: b\n" * 100_000, "[a, " * 1000, "'" * 99_999,
     "k: &a " * 10_000, "!" * 100_000, "\x00" * 1000, "a: |\n" + " x\n" * 100_000, "{" + "a," * 100_000],
)  # fmt: skip
def test_hostile_documents_end_in_problems(tmp_path: Path, text: str) -> None:
    found = problems_of(tmp_path, text)
    assert found
    assert all(len(problem["message"]) < 1000 for problem in found)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    assert places(problems_of(tmp_path, b"pipeline: a\nowner: \xff\n")) == [(2, 8, "")]
    assert "at most" in problems_of(tmp_path, "#" * (1024 * 1024 + 1))[0]["message"]
    missing = json.loads(_core.check(json.dumps({"paths": [str(tmp_path / "nothing.windvane.yaml")]})))
    assert missing["ok"] is False
    assert missing["problems"][0]["kind"] == "missing"
    assert problems_of(tmp_path, "\ufeff" + SOUND) == []
    assert problems_of(tmp_path, SOUND.replace("\n", "\r\n")) == []


def test_json_with_escapes_beyond_the_first_plane(tmp_path: Path) -> None:
    spec = {
        "pipeline": "a",
        "intent": "a 🦀 \\ud83d\\ude00 ü",
        "source": {"csv": {"path": "b"}},
        "target": {"csv": {"path": "c"}},
    }
    assert normal_of(tmp_path, json.dumps(spec), "a.windvane.json")["spec"] == spec


def test_an_exception_is_the_first_problem(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        normal_of(tmp_path, SOUND + "scheduel: a\nownr: b\n")
    assert caught.value.place == {
        "file": str(tmp_path / "a.windvane.yaml"), "line": 6, "column": 1, "path": "scheduel",
    }  # fmt: skip
    assert caught.value.hint == "Did you mean 'schedule'?"
    assert "1 more" in str(caught.value)


def test_folders_and_globs(tmp_path: Path) -> None:
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    for place in ("b.windvane.yml", "deep/a.windvane.yaml", "deep/.hidden/c.windvane.yaml", "no.yaml"):
        (tmp_path / place).write_text("x: y\n")

    def files(*paths: str) -> list[str]:
        document = json.loads(_core.check(json.dumps({"paths": paths})))
        return sorted({problem["file"] for problem in document["problems"]})

    both = [str(tmp_path / "b.windvane.yml"), str(tmp_path / "deep/a.windvane.yaml")]
    assert files(str(tmp_path)) == both
    assert files(str(tmp_path), *both) == both
    assert files(str(tmp_path / "*.windvane.*")) == both[:1]


# Round trips

names = st.text("abcdefgh_ÄöΩ'\"#:{}[]&*!|>%@`,-? 0123456789", min_size=1, max_size=12).filter(
    # Of another YAML's texts that are numbers in ours: PyYAML writes `0e0` without quotes. Templates mean something.
    lambda text: text.strip() and not re.fullmatch(r"[0-9-]+e[0-9-]+", text) and not re.search(r"{{.*}}|{%.*%}", text)
)
columns = st.lists(names, min_size=1, max_size=3, unique=True)
values = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), names
)
expression = st.sampled_from(["a = 1", "upper(b)", "c IS NOT NULL", "d > 'x: y # z'"])
steps = st.one_of(
    st.fixed_dictionaries({"select": columns}),
    st.fixed_dictionaries({"drop": columns}),
    st.fixed_dictionaries({"filter": expression}),
    st.fixed_dictionaries({"derive": st.dictionaries(names, expression, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"fill": st.dictionaries(names, values, min_size=1, max_size=3)}),
    st.fixed_dictionaries(
        {"cast": st.dictionaries(names, st.sampled_from(["int64", "decimal(15,2)", "uuid"]), min_size=1, max_size=3)}
    ),
    st.fixed_dictionaries(
        {"join": st.fixed_dictionaries({"with": names, "on": columns}, optional={"how": st.just("inner")})}
    ),
)
checks = st.one_of(
    st.fixed_dictionaries({"unique": columns}),
    st.fixed_dictionaries({"not_null": st.one_of(names, columns)}),
    st.fixed_dictionaries({"expression": expression}),
    st.fixed_dictionaries({"range": st.fixed_dictionaries({"column": names, "min": st.integers(-9, 9)})}),
)
places_ = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}", fullmatch=True)
sources = st.one_of(
    st.fixed_dictionaries(
        {"csv": st.fixed_dictionaries({"path": places_}, optional={"delimiter": st.sampled_from(",;|\t")})}
    ),
    st.fixed_dictionaries({"postgres": st.fixed_dictionaries({"connection": st.just("shop.db-1")})}),
)
specs = st.fixed_dictionaries(
    {
        "pipeline": st.from_regex(r"[A-Za-z0-9_.\-]{1,20}", fullmatch=True),
        "source": sources,
        "target": st.fixed_dictionaries({"parquet": st.fixed_dictionaries({"path": places_})}),
    },
    optional={
        "intent": names,
        "schedule": st.sampled_from(["@daily", "@continuous", "0 6 * * 1-5", "*/5 * * * *"]),
        "retries": st.integers(0, 100),
        "retry_delay": st.floats(0, 86400),
        "tags": st.lists(names, max_size=3, unique=True),
        "steps": st.lists(steps, max_size=4),
        "checks": st.lists(checks, max_size=4),
        "drift": st.sampled_from(["evolve", "freeze", "quarantine", "fail"]),
        "environments": st.dictionaries(
            st.sampled_from(["dev", "prod"]), st.fixed_dictionaries({"owner": names}), max_size=2
        ),
    },
)


class Quoted(yaml.SafeDumper):
    """Text that begins as a number in quotes: programs disagree on what `08` means, and a spec refuses it."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        quotes = "'" if data.lstrip("+-")[:1].isdigit() else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=quotes)


Quoted.add_representer(str, Quoted.represent_str)


@settings(max_examples=300, deadline=None)
@given(specs, st.booleans())
def test_what_is_read_reads_back_to_itself(
    tmp_path_factory: pytest.TempPathFactory, spec: dict[str, Any], flow: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    json_text = json.dumps(spec, ensure_ascii=False)
    yaml_text = yaml.dump(spec, Dumper=Quoted, allow_unicode=True, default_flow_style=flow, sort_keys=False)
    first = normal_of(folder, json_text, "r.windvane.json")
    for text in (yaml_text, json.dumps(first["spec"], indent="\t"), yaml.dump(first["spec"], Dumper=Quoted)):
        assert normal_of(folder, text, "r.windvane.yaml") == first
    assert first["spec"]["pipeline"] == spec["pipeline"]
    assert len(first["spec"].get("steps", [])) == len(spec.get("steps", []))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damaged_specs_never_crash(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([path.read_text() for path in EXAMPLES]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(st.text("\n \t:-#{}[]&*!|>%@`,?'\"~<a0\x00\ufeffé", max_size=4)) + text[end:]
    lines = text.splitlines()
    for problem in problems_of(tmp_path_factory.getbasetemp(), text, "d.windvane.yaml"):
        assert problem["kind"] in {"spec", "unsupported"}, (problem, text)
        assert 1 <= problem["line"] <= len(lines) + 2
        assert problem["column"] >= 1


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_never_crashes(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    assert problems_of(tmp_path_factory.getbasetemp(), text, "t.windvane.yaml")


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.from_regex(r"(\*|[0-9]{1,2})(-[0-9]{1,2})?(/[0-9]{1,2})?|MON|JAN|L|[1-5]#[1-5]", fullmatch=True),
        min_size=5,
        max_size=6,
    )
)
def test_a_schedule_that_passes_is_one_that_airflow_takes(
    tmp_path_factory: pytest.TempPathFactory, fields: list[str]
) -> None:
    import croniter

    schedule = " ".join(fields)
    found = problems_of(tmp_path_factory.getbasetemp(), SOUND + f"schedule: '{schedule}'\n", "c.windvane.yaml")
    if not found:
        croniter.croniter(schedule)


def test_the_hash_is_of_what_matters_to_a_plan(tmp_path: Path) -> None:
    """Who runs it, and when, does not matter."""
    first = normal_of(tmp_path, SOUND)["hash"]
    assert len(first) == 16
    same = (
        SOUND
        + "schedule: '@daily'\nowner: a\ntags: [b]\nretries: 1\nretry_delay: 2\nstart_date: 2024-01-01\ncatchup: true\n"
    )
    assert normal_of(tmp_path, same)["hash"] == first
    assert normal_of(tmp_path, SOUND + "environments: {dev: {}}\n")["hash"] == first
    others = [
        "intent: a",
        "drift: fail",
        "errors: {rows: fail}",
        "steps: [{filter: a}]",
        "checks: [{unique: a}]",
        "datasets: {a: {}}",
    ]
    assert len({first, *(normal_of(tmp_path, SOUND + other + "\n")["hash"] for other in others)}) == len(others) + 1
