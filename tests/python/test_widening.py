"""Values that outgrow their planned type: the column and the target widen together, or the run stops and says so."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError

if TYPE_CHECKING:
    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

HEADER = "id,place,amount,day\n"
OLD = [f"{number},{20_000 + number},{number}.5,2024-01-01" for number in range(1, 101)]
NEW = [
    *[f"{number},{20_000 + number},{number}.5,2024-01-01" for number in range(101, 151)],
    "151,W9 3RG,8540.09,2024-01-02 10:30:00",
    "152,02139,7.25,2024-01-03",
]
"""A code and a padded one among whole numbers, a finer amount, a day with a time."""


class Case:
    """A pipeline of one CSV or JSON file into one target."""

    def __init__(self, folder: Path, target: dict[str, Any], *, planned: bool, mode: str, strategy: str, **more: Any):
        self.folder = folder
        self.write([*OLD])
        (name, where), *_ = target.items()
        settings = {"strategy": strategy, "mode": mode, **({"key": "id"} if mode in {"merge", "history"} else {})}
        self.spec = write_spec(
            folder,
            "places",
            source={"csv": {"path": "places.csv"}},
            target={name: where},
            datasets={"places": settings},
            **more,
        )
        self.world = outside(folder)

    def write(self, rows: list[str]) -> None:
        (self.folder / "places.csv").write_text(HEADER + "\n".join(rows) + "\n")


@pytest.fixture(params=["planned", "unplanned"])
def planned(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "planned")


@pytest.fixture(params=["staged", "fused"])
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def loaded_twice(case: Case, *, planned: bool) -> Any:
    """Without a plan file the run plans with what widens, and reads what is of another kind."""
    if planned:
        wv.plan(case.spec, rules_only=True, **case.world)
    move(case.spec, "r1", **case.world)
    case.write([*OLD, *NEW] if "append" not in case.spec.read_text() else NEW)
    record = move(case.spec, "r2", **case.world)
    told = " ".join(note["what"] for note in record["drift"])
    assert "'place' was int64 and needs text: 2 values" in told
    verb = "needs" if planned else "is"
    assert f"'amount' was decimal(18,1) and {verb} decimal(19,2)" in told
    assert f"'day' was date and {verb} timestamp" in told
    assert record["reconciliation"]["quarantined"] == 0
    return record


def narrow_again(case: Case) -> None:
    """What has widened stays wide when the values would fit again."""
    case.write(OLD)
    record = move(case.spec, "r3", allow=["rows"], **case.world)
    assert record["reconciliation"]["quarantined"] == 0


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_folders_widen(tmp_path: Path, kind: str, mode: str, strategy: str, planned: bool) -> None:
    case = Case(tmp_path, {kind: {"path": "lake"}}, planned=planned, mode=mode, strategy=strategy)
    loaded_twice(case, planned=planned)
    folder = tmp_path / "lake" / "places"
    manifest = json.loads((folder / "_manifest.json").read_text())
    types = {field["name"]: field["type"] for field in manifest["columns"]}
    assert types["place"] == "text"
    assert sum(part["rows"] for part in manifest["parts"]) == 152
    assert {part["path"] for part in manifest["parts"]} == {path.name for path in folder.glob("part-*")}
    if kind == "parquet":
        rows = {row["id"]: row for row in parquet_rows(folder)}
        assert rows[1]["place"] == "20001"
        assert rows[151]["place"] == "W9 3RG"
        assert rows[152]["place"] == "02139"
        assert str(rows[151]["amount"]) == "8540.09"
        assert rows[1]["day"] == datetime.fromisoformat("2024-01-01T00:00:00")
        assert rows[151]["day"] == datetime.fromisoformat("2024-01-02T10:30:00")
    narrow_again(case)


@pytest.mark.parametrize("mode", ["replace", "append", "merge", "history"])
def test_sqlite_widens(tmp_path: Path, mode: str, strategy: str, planned: bool) -> None:
    case = Case(tmp_path, {"sqlite": {"path": "w.db"}}, planned=planned, mode=mode, strategy=strategy)
    loaded_twice(case, planned=planned)
    with sqlite3.connect(tmp_path / "w.db") as database:
        rows = dict(database.execute("SELECT id, place FROM places").fetchall())
        types = dict(database.execute("SELECT name, type FROM pragma_table_info('places')").fetchall())
    assert len(rows) == 152
    assert (rows[1], rows[151], rows[152]) == ("20001", "W9 3RG", "02139")
    assert types["place"] == "TEXT"
    assert types["amount"] == "DECIMAL_TEXT(19,2)"
    narrow_again(case)


@pytest.mark.parametrize("mode", ["replace", "append", "merge", "history"])
def test_postgres_widens(
    tmp_path: Path, postgres: Server, postgres_database: str, mode: str, strategy: str, planned: bool
) -> None:
    target = {"postgres": {"connection": "warehouse"}}
    case = Case(tmp_path, target, planned=planned, mode=mode, strategy=strategy)
    case.world["connections"] = {"warehouse": postgres_database}
    loaded_twice(case, planned=planned)
    rows = dict(postgres.query("SELECT id, place FROM places", database=postgres_database.rsplit("/", 1)[1]))
    assert len(rows) == 152
    assert (rows[1], rows[151], rows[152]) == ("20001", "W9 3RG", "02139")
    narrow_again(case)


@pytest.mark.parametrize("mode", ["replace", "append", "merge", "history"])
def test_mysql_widens(
    tmp_path: Path, mariadb: MariadbServer, mysql_database: str, mode: str, strategy: str, planned: bool
) -> None:
    target = {"mysql": {"connection": "warehouse"}}
    case = Case(tmp_path, target, planned=planned, mode=mode, strategy=strategy)
    case.world["connections"] = {"warehouse": mysql_database}
    loaded_twice(case, planned=planned)
    rows = dict(mariadb.query("SELECT id, place FROM places", database=mysql_database.rsplit("/", 1)[1]))
    assert len(rows) == 152
    assert (rows[1], rows[151], rows[152]) == ("20001", "W9 3RG", "02139")
    narrow_again(case)


@pytest.mark.parametrize("policy", ["freeze", "fail", {"types": "freeze", "columns": "evolve"}])
def test_other_policies_stop_and_name_all_columns(tmp_path: Path, strategy: str, policy: Any, planned: bool) -> None:
    case = Case(
        tmp_path, {"parquet": {"path": "lake"}}, planned=planned, mode="replace", strategy=strategy, drift=policy
    )
    if planned:
        wv.plan(case.spec, rules_only=True, **case.world)
    move(case.spec, "r1", **case.world)
    before = parquet_rows(tmp_path / "lake" / "places")
    case.write([*OLD, *NEW])
    with pytest.raises(ConflictError, match="'amount' was .*; .*'day' was .*; .*'place' was") as caught:
        move(case.spec, "r2", **case.world)
    assert "(first: row 151, 'W9 …')" in str(caught.value)
    assert parquet_rows(tmp_path / "lake" / "places") == before
    if planned:
        proposal = json.loads((tmp_path / "places.plan.proposed.json").read_text())
        types = {field["name"]: field["type"] for field in proposal["inputs"][0]["schema"]}
        assert types == {"id": "int64", "place": "text", "amount": "decimal(19,2)", "day": "timestamp"}


def test_quarantine_says_so(tmp_path: Path, strategy: str) -> None:
    case = Case(
        tmp_path, {"parquet": {"path": "lake"}}, planned=True, mode="replace", strategy=strategy, drift="quarantine"
    )
    wv.plan(case.spec, rules_only=True, **case.world)
    case.write([*OLD, *NEW])
    record = move(case.spec, "r1", **case.world)
    assert record["reconciliation"]["quarantined"] == 2
    assert "go to quarantine, as `drift` says" in " ".join(note["what"] for note in record["drift"])


def test_a_slip_is_no_drift(tmp_path: Path, strategy: str, planned: bool) -> None:
    case = Case(tmp_path, {"parquet": {"path": "lake"}}, planned=planned, mode="replace", strategy=strategy)
    wv.plan(case.spec, rules_only=True, **case.world)
    case.write([*OLD, "101,n/a,1.5,2024-01-01", "102,1,free,2024-01-01", "103,1,1.5,31/02/2024"])
    record = move(case.spec, "r1", **case.world)
    assert record["reconciliation"] == {**record["reconciliation"], "loaded": 100, "quarantined": 3}


def test_steps_that_want_the_number_stop_the_run(tmp_path: Path, strategy: str) -> None:
    more = {"steps": [{"derive": {"next": "place + 1"}}]}
    case = Case(tmp_path, {"parquet": {"path": "lake"}}, planned=True, mode="replace", strategy=strategy, **more)
    wv.plan(case.spec, rules_only=True, **case.world)
    move(case.spec, "r1", **case.world)
    case.write([*OLD, *NEW])
    with pytest.raises(ConflictError, match="steps do not fit the wider types"):
        move(case.spec, "r2", **case.world)


def test_beyond_the_sample_of_the_plan(tmp_path: Path, strategy: str) -> None:
    """The plan looks at a part of a large file only: what it has not seen widens in the first run."""
    rows = [f"{number},{number},{number}.5,2024-01-01" for number in range(1, 40_001)]
    case = Case(tmp_path, {"parquet": {"path": "lake"}}, planned=True, mode="replace", strategy=strategy)
    case.write([*rows, *NEW])
    record = move(case.spec, "r1", **case.world)
    assert record["reconciliation"]["loaded"] == len(rows) + len(NEW)
    places = {row["place"] for row in parquet_rows(tmp_path / "lake" / "places")}
    assert {"W9 3RG", "02139"} <= places


def test_pieces_stop_before_the_load(tmp_path: Path) -> None:
    case = Case(tmp_path, {"parquet": {"path": "lake"}}, planned=True, mode="replace", strategy="staged")
    folder = tmp_path / "in"
    folder.mkdir()
    for part in range(3):
        rows = [f"{number},{number},1.5,2024-01-01" for number in range(part * 100, part * 100 + 100)]
        (folder / f"{part}.csv").write_text(HEADER + "\n".join(rows) + "\n")
    spec = write_spec(
        tmp_path,
        "pieces",
        source={"csv": {"path": "in/*.csv", "as_dataset": "places"}},
        target={"parquet": {"path": "lake"}},
        datasets={"places": {"partitions": 3}},
    )
    wv.plan(spec, rules_only=True, **case.world)
    (folder / "2.csv").write_text(HEADER + "\n".join(NEW) + "\n")
    with pytest.raises(ConflictError, match="'place' was int64 and needs text"):
        move(spec, "r1", **case.world)


def test_a_view_over_the_column_is_told(tmp_path: Path, postgres: Server, postgres_database: str) -> None:
    target = {"postgres": {"connection": "warehouse"}}
    case = Case(tmp_path, target, planned=False, mode="merge", strategy="staged")
    case.world["connections"] = {"warehouse": postgres_database}
    move(case.spec, "r1", **case.world)
    postgres.execute("CREATE VIEW seen AS SELECT place FROM places", database=postgres_database.rsplit("/", 1)[1])
    case.write([*OLD, *NEW])
    with pytest.raises(wv.errors.WindvaneError, match="view") as caught:
        move(case.spec, "r2", **case.world)
    assert "Widen the column by hand" in (caught.value.hint or "")
    assert len(postgres.query("SELECT * FROM places", database=postgres_database.rsplit("/", 1)[1])) == 100


def test_a_table_of_integers_widens_with_its_source(tmp_path: Path, postgres: Server, postgres_database: str) -> None:
    def sql(statement: str) -> None:
        postgres.execute(statement, database=postgres_database.rsplit("/", 1)[1])

    sql("CREATE SCHEMA shop")
    sql("CREATE TABLE shop.t (id int4 PRIMARY KEY, n int4, v varchar(10))")
    sql("INSERT INTO shop.t SELECT g, g, 'v' FROM generate_series(1, 10) g")
    spec = write_spec(
        tmp_path,
        "grows",
        source={"postgres": {"connection": "warehouse", "schema": "shop", "tables": ["t"]}},
        target={"postgres": {"connection": "warehouse", "schema": "lake", "mode": "merge"}},
    )
    world = outside(tmp_path, warehouse=postgres_database)
    move(spec, "r1", **world)
    sql("ALTER TABLE shop.t ALTER n TYPE int8, ALTER v TYPE varchar(40)")
    sql("INSERT INTO shop.t VALUES (11, 5000000000, repeat('x', 30))")
    move(spec, "r2", **world)
    rows = postgres.query("SELECT n, v FROM lake.t WHERE id = 11", database=postgres_database.rsplit("/", 1)[1])
    assert rows == [(5_000_000_000, "x" * 30)]
