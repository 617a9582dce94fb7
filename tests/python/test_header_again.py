"""A header that a CSV file repeats among its rows is no row: it goes to quarantine, and makes no text of numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "id,name,amount"


def lines(first: int, last: int) -> list[str]:
    return [f"{at},n{at},{at}.50" for at in range(first, last)]


def spec(folder: Path, strategy: str = "staged", **csv: Any) -> Path:
    return write_spec(
        folder,
        "shop",
        source={"csv": {"path": "t.csv", **csv}},
        target={"parquet": {"path": "lake"}},
        datasets={"t": {"strategy": strategy}},
        guard={"quarantined": 0.1},
    )


def held(folder: Path) -> list[tuple[Any, ...]]:
    return sorted((row["id"], row["name"], str(row["amount"])) for row in parquet_rows(folder / "lake" / "t"))


FORMS = {
    "plain": lambda lines: lines,
    "quoted": lambda lines: [",".join(f'"{cell}"' for cell in line.split(",")) for line in lines],
    "one quoted": lambda lines: [line.replace("name", '"name"') for line in lines],
    "blanks": lambda lines: [line.replace(HEAD, "id, name ,amount") for line in lines],
    "semicolons": lambda lines: [line.replace(",", ";") for line in lines],
    "line ends": lambda lines: [f"{line}\r" for line in lines],
    "comments": lambda lines: ["# made by hand", *lines],
}


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("form", FORMS)
def test_a_header_among_the_rows(tmp_path: Path, form: str, strategy: str, *, planned: bool) -> None:
    path = spec(tmp_path, strategy, **({"comment": "#"} if form == "comments" else {}))
    text = FORMS[form]([HEAD, *lines(1, 30), HEAD, *lines(30, 60)])
    (tmp_path / "t.csv").write_text("\n".join(text) + "\n")
    if planned:
        wv.plan(path, rules_only=True, **outside(tmp_path))
    record = move(path, **outside(tmp_path))
    assert {name: record["reconciliation"][name] for name in ("rows_in", "loaded", "quarantined")} == {
        "rows_in": 60,
        "loaded": 59,
        "quarantined": 1,
    }
    assert held(tmp_path) == [(at, f"n{at}", f"{at}.50") for at in range(1, 60)]
    files = list((tmp_path / "staging").rglob("*quarantine*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [(row["row"], row["reason"].split(":")[0]) for row in rows] == [(30, "the header again")]


def test_at_the_ends_twice_and_in_a_large_file(tmp_path: Path) -> None:
    """Where threads read stretches of it."""
    many = lines(1, 900_000)
    text = [HEAD, HEAD, *many[:500_000], HEAD, HEAD, *many[500_000:], HEAD]
    (tmp_path / "t.csv").write_text("\n".join(text) + "\n")
    record = move(spec(tmp_path), **outside(tmp_path))
    assert (record["reconciliation"]["loaded"], record["reconciliation"]["quarantined"]) == (899_999, 4)
    rows = parquet_rows(tmp_path / "lake" / "t")
    assert sum(row["id"] for row in rows) == 900_000 * 899_999 // 2


def test_too_many_headers_stop(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join([HEAD, *[line for one in lines(1, 30) for line in (one, HEAD)]]) + "\n")
    with pytest.raises(wv.errors.DataError, match="the header again"):
        move(spec(tmp_path), **outside(tmp_path))


@pytest.mark.parametrize("text", ["status\nnew\nstatus\nold\n", "id,status\n1,status\nid,new\n"])
def test_a_value_that_is_called_as_its_column(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    record = move(spec(tmp_path), **outside(tmp_path))
    assert record["reconciliation"]["quarantined"] == 0
    assert record["reconciliation"]["loaded"] == len(text.split()) - 1
