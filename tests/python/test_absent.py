"""`absent: delete`: a row that is in quarantine is not absent."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pipelines import move, outside, parquet_rows, write_spec

HEADER = "id,price,qty\n"
GOOD = "".join(f"{n},{n}.5,{n}\n" for n in range(1, 31))


class Home:
    """A target and how many rows of it are current."""

    def __init__(self, kind: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self.kind, self.folder = kind, folder
        self.database = ""
        self.server: Any = None
        if kind in ("postgres", "mysql"):
            self.server = request.getfixturevalue("postgres" if kind == "postgres" else "mariadb")
            self.database = self.server.database()
        paths = {"sqlite": "w.db", "parquet": "lake"}
        self.target = {kind: {"path": paths[kind]} if kind in paths else {"connection": "db"}}
        self.world = outside(folder, **({"db": self.server.url(self.database)} if self.server else {}))

    def ids(self, where: str) -> list[int]:
        if self.kind == "parquet":
            return sorted(row["id"] for row in parquet_rows(self.folder / "lake" / "t"))
        sql = f"SELECT id FROM t{where} ORDER BY id"
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.folder / "w.db")) as file:
                return [row[0] for row in file.execute(sql)]
        return [row[0] for row in self.server.query(sql, database=self.database)]


WAYS = [
    (kind, strategy, mode)
    for kind, strategies in {
        "sqlite": ("staged", "fused"),
        "postgres": ("staged", "fused", "pushdown"),
        "mysql": ("staged", "fused"),
        "parquet": ("staged", "fused"),
    }.items()
    for strategy in strategies
    for mode in (("merge",) if kind == "parquet" else ("merge", "history"))
]


@pytest.mark.parametrize(("kind", "strategy", "mode"), WAYS)
def test_nothing_is_deleted_while_rows_are_in_quarantine(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, strategy: str, mode: str
) -> None:
    home = Home(kind, tmp_path, request)
    file = tmp_path / "t.csv"
    file.write_text(HEADER + GOOD)
    dataset = {"key": "id", "mode": mode, "absent": "delete", "strategy": strategy}
    checks = [{"range": {"column": "qty", "max": 100}}]
    spec = write_spec(
        tmp_path,
        "absent",
        source={"csv": {"path": "t.csv"}},
        target=home.target,
        datasets={"t": {**dataset, "checks": checks}},
    )
    current = " WHERE is_current" if mode == "history" else ""
    move(spec, "r1", **home.world)
    everybody = list(range(1, 31))
    # A slip, a check and a key that nobody can read; row 30 is really gone.
    lines = GOOD.splitlines()[:29]
    for at, bad in ((4, "5,5.5,500"), (9, ",10.5,10"), *([] if strategy == "pushdown" else [(7, "8,n/a,8")])):
        file.write_text(HEADER + "\n".join([*lines[:at], bad, *lines[at + 1 :]]) + "\n")
        record = move(spec, f"r-{at}", **home.world)
        assert record["reconciliation"]["quarantined"] == 1
        assert home.ids(current) == everybody
        assert any("a row that could not be read is not absent" in one for one in record["outputs"][0]["warnings"])
    file.write_text(HEADER + "\n".join(lines) + "\n")
    move(spec, "r9", **home.world)
    assert home.ids(current) == everybody[:-1]
