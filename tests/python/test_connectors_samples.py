"""The sample databases that lie beside the project, found and read whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sql_homes import postgres_home

if TYPE_CHECKING:
    from services.postgres import Server


@pytest.fixture
def database(postgres: Server) -> str:
    """A new, empty database of the throwaway server."""
    return postgres.database()


# ------------------------------------------------------------------------------------------------------- the samples

SAMPLES = {
    "chinook": ("chinook", "Chinook_PostgreSql.sql"),
    "northwind": ("northwind-pg", "northwind_pg.sql"),
    "pagila": ("pagila", "pagila_pg.sql"),
    "world": ("world-pg", "world_pg.sql"),
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_database_is_found_and_read_whole(
    postgres: Server, shared_data: Path, tmp_path: Path, sample: str
) -> None:
    folder, script = SAMPLES[sample]
    source = shared_data / "05a-relational-databases" / folder
    database = postgres.database()
    lines = (source / script).read_bytes().splitlines(keepends=True)
    # A script that makes its own database would leave ours.
    kept = [
        line for line in lines if not line.lstrip(b"\xef\xbb\xbf").startswith((b"DROP DAT", b"CREATE DAT", b"\\c "))
    ]
    (tmp_path / script).write_bytes(b"".join(kept))
    postgres.script(tmp_path / script, database)
    truth = json.loads((source / "truth.json").read_text())
    home = postgres_home(postgres, database)
    found = home.datasets()
    tables = {name: item for name, item in found.items() if item["kind"] == "table" and item["primary_key"] is not None}
    for table in truth:
        item = tables[table["table"]]
        assert [field["name"] for field in item["fields"]] == [field["name"] for field in table["columns"]]
        assert [field["nullable"] for field in item["fields"]] == [field["nullable"] for field in table["columns"]]
        assert item["primary_key"] == table["primary_key"]
        keys = [(key["columns"], key["ref_dataset"], key["ref_columns"]) for key in item["foreign_keys"]]
        expected = [(key["columns"], key["ref_table"], key["ref_columns"]) for key in table["foreign_keys"]]
        assert sorted(keys) == sorted(expected), table["table"]
        answer = home.read(table["table"])
        assert answer["rejected"] == []
        assert len(answer["rows"]) == table["rows"], table["table"]
