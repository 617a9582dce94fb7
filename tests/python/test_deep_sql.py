"""No text, however long or deep, overflows a stack: the process would end without a word."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from windvane import _core
from windvane.errors import UnsupportedError, WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

CHAINS = [
    " IN ('a')",
    " NOT IN ('a')",
    " LIKE s",
    " NOT ILIKE s",
    " SIMILAR TO s",
    " AT TIME ZONE s",
    " BETWEEN s AND s",
    " IS NULL",
    " NOTNULL",
    " OVERLAPS s",
    " XOR s",
    " REGEXP s",
    " MEMBER OF (s)",
    " COLLATE s",
    " || s",
    "::text",
]
TYPES = [{"name": "s", "type": "text", "nullable": True}]


@pytest.mark.parametrize("chain", CHAINS)
def test_a_long_chain_is_refused(chain: str) -> None:
    text = "s" + chain * (90_000 // len(chain))
    with pytest.raises(WindvaneError, match="operators is too large"):
        _core.expression_type(json.dumps({"expression": text, "schema": TYPES}))
    with pytest.raises(WindvaneError, match="operators is too large"):
        _core.guard_sql(json.dumps({"expression": {"text": text[:20_000], "columns": ["s"]}}))


@pytest.mark.parametrize(
    "text",
    [
        '"then"+' + "then+" * 19_000 + "1",
        "s.when" + "+s.when" * 12_000,
        "s.as" + "+s.as" * 15_000,
        "s" + "::a.when" * 12_000,
        "s" + (" + n.case" + "+n" * 300 + "+n.end") * 100,
        "s" + " IN (s) + then" * 6_000,
        "case + " * 12_000 + "1",
    ],
)
def test_names_that_are_words_of_the_grammar_hide_no_chain(text: str) -> None:
    with pytest.raises(WindvaneError, match="operators is too large"):
        _core.expression_type(json.dumps({"expression": text, "schema": TYPES}))
    with pytest.raises(WindvaneError, match="operators is too large"):
        _core.guard_sql(json.dumps({"expression": {"text": text[:19_999], "columns": ["s"]}}))


@pytest.mark.parametrize("join", [" JOIN input", " LEFT JOIN input", " JOIN input ON true"])
@pytest.mark.parametrize("times", [40, 55, 300, 5_000])
def test_joins_one_in_the_other(join: str, times: int) -> None:
    """The parser goes down with each: with 300 it ended the process."""
    query = "SELECT s FROM input" + join * times
    request = {"schema": TYPES, "rows": [{"s": "a"}], "steps": [{"sql": query}]}
    with pytest.raises(WindvaneError, match="" if times < 60 else "operators is too large"):
        _core.transform_rows(json.dumps(request))


def test_what_stands_beside_each_other_is_no_chain() -> None:
    schema = [*TYPES, {"name": "n", "type": "int64", "nullable": True}]
    branches = " ".join(f"WHEN n BETWEEN {at} AND {at + 1} AND s LIKE 'a%' THEN '{at}'" for at in range(140))
    for text, answer in (
        ("n IN (" + ", ".join(f"-{at}" for at in range(2_000)) + ")", "boolean"),
        (f"CASE {branches} END", "text"),
    ):
        asked = json.dumps({"expression": text, "schema": schema})
        assert json.loads(_core.expression_type(asked))["type"] == answer


def test_a_spec_with_one_is_told_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id,s\n1,a\n")
    for name, step in (("bad", "s" + " LIKE s" * 5_000), ("good", "s = 'a'")):
        spec = {
            "pipeline": name,
            "source": {"csv": {"path": "d.csv"}},
            "target": {"csv": {"path": f"out/{name}"}},
            "steps": [{"filter": step}],
        }
        (tmp_path / f"{name}.windvane.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "windvane", "check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert "operators is too large" in done.stdout + done.stderr


@pytest.mark.parametrize("chain", [" NOTNULL", " IS NULL", " IN ('a')", " OR s LIKE 'a'", " || s"])
def test_the_longest_that_is_allowed_is_answered(chain: str) -> None:
    """Whatever the answer is: the process goes on, and a chain of a sensible length is not called too large."""
    told = {}
    for times in (1201, 1199, 601, 599, 300):
        told[times] = ""
        try:
            _core.expression_type(json.dumps({"expression": "s" + chain * times, "schema": TYPES}))
        except WindvaneError as error:
            told[times] = str(error)
    assert "too large" in told[1201]
    assert "too large" not in told[300]


def test_names_that_are_words_of_sql_are_no_operators() -> None:
    names = ["date", "name", "value", "status", "type", "key"]
    schema = [{"name": name, "type": "text", "nullable": True} for name in names]
    text = " OR ".join(f"{name} = '{at}'" for at in range(50) for name in names)
    assert json.loads(_core.expression_type(json.dumps({"expression": text, "schema": schema})))["type"] == "boolean"


def test_what_is_allowed_fits_a_callers_small_stack() -> None:
    text = "CASE WHEN s = 'a' THEN s ELSE " * 24 + "s" + " END" * 24
    answers: list[str] = []
    before = threading.stack_size(256 << 10)
    try:
        ask = json.dumps({"expression": text, "schema": TYPES})
        thread = threading.Thread(target=lambda: answers.append(_core.expression_type(ask)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert json.loads(answers[0])["type"] == "text"


def test_a_column_with_a_quote_has_its_name_in_a_query() -> None:
    request = {
        "schema": [{"name": 'a"b', "type": "text", "nullable": True}],
        "rows": [{'a"b': "x"}, {'a"b': "y"}],
        "steps": [{"sql": 'SELECT "a""b" AS c, count(*) AS n FROM input WHERE "a""b" <> \'y\' GROUP BY "a""b"'}],
    }
    assert json.loads(_core.transform_rows(json.dumps(request)))["rows"] == [{"c": "x", "n": 1}]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 400 + "a" + ")" * 400,
        "(SELECT s FROM t MATCH_RECOGNIZE(PATTERN(" + "(" * 4000 + "A" + ")" * 4000 + ") DEFINE A AS s))",
    ],
)
def test_brackets_that_nest_too_deep_take_no_stack(text: str) -> None:
    with pytest.raises(UnsupportedError, match="nested too deeply"):
        _core.guard_sql(json.dumps({"expression": {"text": text, "columns": ["a", "b"]}}))
