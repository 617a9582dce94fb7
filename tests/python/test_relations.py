"""Keys, dependencies and foreign keys, as a user asks for them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import windvane as wv
from windvane.errors import MissingError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def harbours(tmp_path: Path) -> Path:
    """Three files: boats lie in harbours, and crews tie skippers to boats."""
    rows = "\n".join(f"{at},Harbour {at}" for at in range(101, 131))
    (tmp_path / "harbours.csv").write_text(f"harbour_id,name\n{rows}\n")
    rows = "\n".join(f"{at},{101 + at * 7 % 30},{at % 5 + 4}" for at in range(1, 61))
    (tmp_path / "boats.csv").write_text(f"boat_id,home_harbour_id,length\n{rows}\n")
    rows = "\n".join(f"{boat},{skipper}" for boat in range(1, 61) for skipper in ("Ada", "Kay"))
    (tmp_path / "crews.csv").write_text(f"boat_id,skipper_code\n{rows}\n")
    return tmp_path


def edges(answer: Any) -> set[tuple[Any, ...]]:
    return {
        (key["dataset"], *key["columns"], key["ref_dataset"], *key["ref_columns"]) for key in answer["foreign_keys"]
    }


def test_foreign_keys_are_found_in_files(harbours: Path) -> None:
    found = wv.relations(harbours)
    assert edges(found) == {
        ("boats", "home_harbour_id", "harbours", "harbour_id"),
        ("crews", "boat_id", "boats", "boat_id"),
    }
    for key in found["foreign_keys"]:
        assert (key["coverage"], key["exact"], key["declared"]) == (1.0, True, False)
        assert 0.5 <= key["confidence"] < 1
    first = found["inclusions"][0]
    assert (first["dataset"], first["column"], first["ref_dataset"], first["ref_column"]) == (
        "crews",
        "boat_id",
        "boats",
        "boat_id",
    )
    assert (first["values"], first["exact"]) == (60, True)
    keys = {table["dataset"]: table["keys"][0]["columns"] for table in found["datasets"]}
    assert keys == {"boats": ["boat_id"], "crews": ["boat_id", "skipper_code"], "harbours": ["harbour_id"]}


def test_a_sample_is_said_to_be_one(harbours: Path) -> None:
    found = wv.relations(harbours, tables=["boats", "harbours"], sample=20)
    assert [(table["rows"], table["exact"]) for table in found["datasets"]] == [(20, False), (20, False)]
    assert not any(key["exact"] for key in found["foreign_keys"])
    with pytest.raises(MissingError, match="no dataset 'ships'"):
        wv.relations(harbours, tables=["ships"])


def test_a_catalog_is_judged_by_its_names(harbours: Path) -> None:
    found = wv.relations(wv.discover(str(harbours)))
    assert ("boats", "home_harbour_id", "harbours", "harbour_id") in edges(found)
    assert all(table["rows"] is None for table in found["datasets"])
    assert all(key.get("coverage") is None and not key["exact"] for key in found["foreign_keys"])


def test_what_a_source_declares_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as database:
        database.executescript("""
            CREATE TABLE colours (shade TEXT PRIMARY KEY, warm INTEGER);
            CREATE TABLE sails (sail_id INTEGER PRIMARY KEY, tint TEXT REFERENCES colours (shade));
            INSERT INTO colours VALUES ('red', 1), ('blue', 0);
            INSERT INTO sails VALUES (1, 'red'), (2, 'red');
        """)
    database.close()
    found = wv.relations(file)
    (key,) = found["foreign_keys"]
    assert (key["dataset"], key["columns"], key["ref_dataset"], key["ref_columns"]) == (
        "sails",
        ["tint"],
        "colours",
        ["shade"],
    )
    assert (key["declared"], key["confidence"]) == (True, 1.0)
    profile = wv.profile(file, table="sails")
    assert profile["keys"][0] == ["sail_id"]
    assert profile["candidate_keys"][0]["declared"] is True
    assert [key["ref_columns"] for key in profile["foreign_keys"]] == [["shade"]]


def test_dependencies_are_minimal_and_exact() -> None:
    table = pa.table(
        {"town": ["A", "A", "B", "C"], "land": ["x", "x", "y", "x"], "at": [1, 2, 3, 4], "one": [0, 0, 0, 0]}
    )
    profile = wv.profile(table)
    found = {(tuple(each["columns"]), each["determines"]) for each in profile["dependencies"]}
    assert found == {(("at",), "town"), (("at",), "land"), (("town",), "land"), ((), "one")}
    assert profile["unique"] == [["at"]]
    assert profile["dependencies_exact"] is True
    assert profile.get("dependencies_limit") is None


def test_dependencies_of_a_sample_are_not_exact() -> None:
    table = pa.table({"a": [1, 2, 3], "b": [1, 1, 1]})
    profile = wv.profile(table, sample=2)
    assert profile["dependencies_exact"] is False
    assert "first 2 rows" in profile["dependencies_limit"]


def test_a_large_table_is_looked_at_in_part_and_says_so() -> None:
    rows = 300_000
    table = pa.table({f"c{at}": pa.array([(row * (at + 3)) % 977 for row in range(rows)]) for at in range(4)})
    profile = wv.profile(table)
    assert profile["rows"] == rows
    assert profile["dependencies_exact"] is False
    assert "rows" in profile["dependencies_limit"]
