"""A declared length that the source has outgrown: without a plan file, the table that we made gets longer, too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pipelines import move, outside, write_spec

if TYPE_CHECKING:
    from services.postgres import Server


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("mode", ["replace", "append", "merge", "history"])
def test_a_length_that_the_source_has_outgrown(
    tmp_path: Path, postgres: Server, postgres_database: str, mode: str, strategy: str
) -> None:
    def sql(statement: str) -> None:
        postgres.execute(statement, database=postgres_database.rsplit("/", 1)[1])

    sql("CREATE SCHEMA shop")
    sql("CREATE TABLE shop.t (id int4 PRIMARY KEY, v varchar(12))")
    sql("INSERT INTO shop.t SELECT g, 'v' FROM generate_series(1, 10) g")
    spec = write_spec(
        tmp_path,
        "grows",
        source={"postgres": {"connection": "warehouse", "schema": "shop", "tables": ["t"]}},
        target={"postgres": {"connection": "warehouse", "schema": "lake", "mode": mode}},
        datasets={"t": {"strategy": strategy}},
    )
    world = outside(tmp_path, warehouse=postgres_database)
    move(spec, "r1", **world)
    sql("ALTER TABLE shop.t ALTER v TYPE varchar(40)")
    sql("INSERT INTO shop.t VALUES (11, repeat('x', 30))")
    record = move(spec, "r2", **world)
    assert record["reconciliation"]["quarantined"] == 0
    rows = postgres.query("SELECT v FROM lake.t WHERE id = 11", database=postgres_database.rsplit("/", 1)[1])
    assert [row[0] for row in rows] == ["x" * 30]
