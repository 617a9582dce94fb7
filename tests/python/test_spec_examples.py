"""The example specs: valid, and never misread when a character is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from windvane import _core
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = sorted((Path(__file__).parents[2] / "dags").glob("*.windvane.*"))

# Keys that the normal form leaves out when they say what holds anyway.
DEFAULTS = {"catchup": "false", "drift": "evolve", "mode": "replace", "how": "left", "keep": "first"}


def check(path: Path) -> list[dict[str, Any]]:
    problems: list[dict[str, Any]] = json.loads(_core.check(json.dumps({"paths": [str(path)]})))["problems"]
    return problems


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every key and every scalar of a document."""
    if path:
        yield path, value if isinstance(value, str) else type(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))


def find(document: Any, path: tuple[Any, ...]) -> tuple[bool, Any]:
    for step in path:
        inside = step in document if isinstance(document, dict) else False
        if isinstance(document, list) and isinstance(step, int):
            inside = step < len(document)
        if inside:
            document = document[step]
        elif isinstance(document, str) and step == 0:
            continue
        else:
            return False, None
    return True, document


def same(written: Any, read: Any) -> bool:
    """Whether a scalar of the text is the scalar of the normal form."""
    if isinstance(written, type):
        return True
    if isinstance(read, bool):
        return written.lower() == str(read).lower()
    if read is None:
        return written in {"~", "null", "Null", "NULL", ""}
    if isinstance(read, (int, float)):
        return float(int(written, 0) if written.startswith(("0x", "0o")) else written) == float(read)
    if isinstance(read, list):
        return read == [written]
    return bool(written == read)


def lost(text: str, normal: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What stands in the text, read by another program, and not in what windvane made of it."""
    missing = []
    for path, value in leaves(yaml.load(text, Loader=yaml.BaseLoader)):
        there, found = find(normal, path)
        omitted = value in {"~", "null", "Null", "NULL"} or DEFAULTS.get(path[-1]) == value or value in (list, dict)
        if not (there and same(value, found)) and not (omitted and not there):
            missing.append((path, value, found))
    return missing


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_valid_and_nothing_of_it_is_lost(example: Path) -> None:
    assert check(example) == []
    normal = json.loads(_core.normalize(json.dumps({"path": str(example)})))
    assert lost(example.read_text(), normal["spec"]) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_deleting_any_character_gives_a_valid_spec_or_located_problems(example: Path, tmp_path: Path) -> None:
    text = example.read_text()
    lines = text.splitlines()
    mutant = tmp_path / example.name
    outcomes = {"valid": 0, "refused": 0}
    for position in range(len(text)):
        mutated = text[:position] + text[position + 1 :]
        mutant.write_text(mutated)
        problems = check(mutant)
        request = json.dumps({"path": str(mutant)})
        if problems:
            try:
                _core.normalize(request)
            except WindvaneError as error:
                assert error.kind != "internal", position
            else:
                # The shape is right; what the steps and checks say is not.
                assert all("steps" in one["path"] or "checks" in one["path"] for one in problems), (position, problems)
            outcomes["refused"] += 1
            for problem in problems:
                assert 1 <= problem["line"] <= len(lines) + 1, (position, problem)
                assert problem["column"] >= 1, (position, problem)
                assert problem["message"], (position, problem)
            continue
        normal = json.loads(_core.normalize(request))
        outcomes["valid"] += 1
        # A reader that has nothing to do with ours sees the same keys and values.
        assert lost(mutated, normal["spec"]) == [], (position, mutated)
    assert outcomes["valid"] > 0
    assert outcomes["refused"] > len(text) / 8


def test_lost_finds_a_key_that_is_left_out() -> None:
    """The judge of the two tests above can fail."""
    assert lost("a: 1\nb: {c: x}", {"a": 1, "b": {}}) == [(("b", "c"), "x", None)]
    assert lost("a: 1", {"a": 2}) == [(("a",), "1", 2)]
    assert lost("steps: [{drop: [a, b]}]", {"steps": [{"drop": ["a", "b"]}]}) == []
