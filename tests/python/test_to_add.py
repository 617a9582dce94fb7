"""The table "To add X, touch these files" of ARCHITECTURE.md is true: what it names exists, and who matches all of a kind is named."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CRATES = ROOT / "crates"
# The word of a row, and the enum that what it adds is a variant of.
ENUMS = {
    "a step": "Step",
    "a format of files": "FoundKind",
    "a load mode": "Mode",
    "a check": "Check",
    "an error kind": "Kind",
    "a guard": "Guard",
}


def expanded(text: str) -> list[str]:
    """``a/{b,c}.rs`` as ``a/b.rs`` and ``a/c.rs``."""
    head, brace, rest = text.partition("{")
    if not brace:
        return [text]
    names, _, tail = rest.partition("}")
    return [one for name in names.split(",") for one in expanded(f"{head}{name}{tail}")]


def rows() -> dict[str, set[str]]:
    """What is to be added, to the files that its row names."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = text.partition("## To add X, touch these files")[2].partition("\n## ")[0]
    found = {}
    for line in section.splitlines():
        if line.startswith("| a"):
            word, cells = line.removeprefix("| ").split(" | ", 1)
            names = [name for code in re.findall(r"`([^`]+)`", cells) for name in expanded(code)]
            found[word] = {name for name in names if "/" in name and "<" not in name}
    return found


@cache
def code() -> dict[str, str]:
    return {str(path.relative_to(CRATES)): path.read_text() for path in sorted(CRATES.glob("*/src/**/*.rs"))}


def matching(enum: str) -> set[str]:
    """The files that name every variant of an enum: they match it without a default arm."""
    ((home, body),) = [
        (name, found[1])
        for name, text in code().items()
        if (found := re.search(rf"^pub enum {enum} {{\n(.*?)\n}}", text, re.DOTALL | re.MULTILINE))
    ]
    variants = re.findall(r"^    (\w+)\b[^\n]*,$", body, flags=re.MULTILINE)
    assert len(variants) > 3, enum
    return {home} | {
        name for name, text in code().items() if all(re.search(rf"\b{enum}::{variant}\b", text) for variant in variants)
    }


def test_what_it_names_exists() -> None:
    homes = (CRATES, ROOT, ROOT / "airflow_provider")
    assert len(rows()) == 11
    missing = {
        (word, name)
        for word, names in rows().items()
        for name in names
        if not any((home / name).exists() for home in homes)
    }
    assert missing == set()


@pytest.mark.parametrize("word", sorted(ENUMS))
def test_who_matches_all_of_them_is_named(word: str) -> None:
    assert matching(ENUMS[word]) - rows()[word] == set()
