"""A table that is there: the plan compares with it at once, and the load says all that does not fit together."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import windvane as wv
from pipelines import move, outside, write_spec
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

ROWS = "id,amount,count,note\n1,1.50,7,a\n2,123456789.00,8,b\n3,2.25,3000000000,c\n"


def spec(folder: Path, target: dict[str, Any], **more: Any) -> Path:
    (folder / "items.csv").write_text(ROWS)
    steps = [{"cast": {"id": "int64", "amount": "decimal(18,2)", "count": "int64", "note": "text"}}]
    return write_spec(folder, "t", source={"csv": {"path": "items.csv"}}, target=target, steps=steps, **more)


def there(postgres: Server, columns: str) -> str:
    database = postgres.database()
    postgres.execute(f"CREATE TABLE items ({columns})", database=database)
    return str(database)


POSTGRES = {"postgres": {"connection": "db"}}
NARROW = "id integer, amount numeric(8,2), count integer, note varchar(5)"


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_all_casts_at_once_and_rows_that_do_not_fit_are_put_aside(
    tmp_path: Path, postgres: Server, strategy: str
) -> None:
    database = there(postgres, NARROW)
    path = spec(tmp_path, POSTGRES, datasets={"items": {"strategy": strategy}})
    world = outside(tmp_path, db=postgres.url(database))
    steps = wv.plan(path, rules_only=True, write=False, **world)["outputs"][0]["steps"]
    assert steps[-1]["step"] == {"cast": {"id": "int32", "amount": "decimal(8,2)", "count": "int32"}}
    assert "numeric(8,2)" in steps[-1]["reason"]
    record = move(path, **world)
    assert (record["reconciliation"]["loaded"], record["reconciliation"]["quarantined"]) == (1, 2)
    assert postgres.query("SELECT id FROM items", database=database) == [(1,)]


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_the_same_file_again_alters_nothing(tmp_path: Path, postgres: Server, mode: str) -> None:
    database = there(postgres, "id int PRIMARY KEY, amount numeric(10,2)")
    postgres.execute("CREATE VIEW seen AS SELECT amount FROM items", database=database)
    (tmp_path / "items.csv").write_text("id,amount\n1,5.5\n2,6.25\n")
    target = {"postgres": {"connection": "db", "mode": mode}}
    dataset = {"adopt": True, **({"key": "id"} if mode == "merge" else {})}
    path = write_spec(
        tmp_path, "again", source={"csv": {"path": "items.csv"}}, target=target, datasets={"items": dataset}
    )
    world = outside(tmp_path, db=postgres.url(database))
    types = (
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0"
    )
    before = postgres.query(types, database=database)
    for run in ("r1", "r2", "r3"):
        assert move(path, run, **world)["reconciliation"]["loaded"] == 2
        assert postgres.query(types, database=database) == before


def test_casts_of_mysql(tmp_path: Path, mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute("CREATE TABLE items (id int, amount decimal(8,2), count int, note varchar(5))", database=database)
    path = spec(tmp_path, {"mysql": {"connection": "db"}})
    sums = move(path, **outside(tmp_path, db=mariadb.url(database)))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (1, 2)


def test_what_no_cast_mends_is_said_together(tmp_path: Path, postgres: Server) -> None:
    columns = (
        "id bytea, amount bytea, count integer, note text, owner text NOT NULL, made int GENERATED ALWAYS AS (1) STORED"
    )
    database = there(postgres, columns)
    path = spec(tmp_path, POSTGRES)
    world = outside(tmp_path, db=postgres.url(database))
    plan = wv.plan(path, rules_only=True, write=False, **world)
    told = [decision for decision in plan["decisions"] if decision["agent"] == "target"]
    assert [sorted(decision["proposal"]["columns"]) for decision in told] == [["amount", "id", "owner"]]
    with pytest.raises(WindvaneError) as caught:
        move(path, **world)
    for name in ("id", "amount", "owner"):
        assert f"'{name}'" in str(caught.value)
    assert postgres.query("SELECT count(*) FROM items", database=database) == [(0,)]


def test_columns_are_added_only_under_evolve(tmp_path: Path, postgres: Server) -> None:
    database = there(postgres, "id bigint, amount numeric(18,2)")
    world = outside(tmp_path, db=postgres.url(database))
    path = spec(tmp_path, POSTGRES, drift="freeze")
    with pytest.raises(WindvaneError) as caught:
        move(path, **world)
    assert "'count'" in str(caught.value)
    assert "'note'" in str(caught.value)
    assert "evolve" in (caught.value.hint or "")
    path = spec(tmp_path, POSTGRES)
    plan = wv.plan(path, rules_only=True, write=False, **world)
    (told,) = (decision for decision in plan["decisions"] if decision["agent"] == "target")
    assert (told["accepted"], told["proposal"]) == (True, {"columns": ["count", "note"]})
    assert move(path, **world)["reconciliation"]["loaded"] == 3


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_texts_in_char_columns(tmp_path: Path, postgres: Server, mode: str) -> None:
    database = there(postgres, "id bigint PRIMARY KEY, amount numeric(18,2), count bigint, note char(4)")
    path = spec(
        tmp_path,
        {"postgres": {"connection": "db", "mode": mode}},
        datasets={"items": {"key": "id"}} if mode == "merge" else {},
    )
    world = outside(tmp_path, db=postgres.url(database))
    assert move(path, **world)["reconciliation"]["loaded"] == 3
    if mode != "append":
        assert move(path, run="r2", **world)["reconciliation"]["loaded"] == 3
    assert postgres.query("SELECT note FROM items ORDER BY id", database=database) == [("a   ",), ("b   ",), ("c   ",)]


ODD = """
CREATE SCHEMA a; CREATE SCHEMA b; CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN short AS varchar(5) CHECK (value <> 'x');
CREATE TABLE a.t (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, tm time, n numeric(10,2), open numeric, big numeric,
  i interval, addr inet, cash money, r int4range, ar int[], m mood, s short, by bytea, plain date, c char(4));
INSERT INTO a.t VALUES
 (1, 'infinity', '-infinity', 'infinity', '24:00', 'NaN', 'NaN', 1e60, '1 mon -2 days 03:04:05.6', '10.0.0.1', 1000.01, '[1,5)', '{1,NULL}', 'bad', 'ab', '\\x00ff', '2024-01-01', 'ab'),
 (2, '0044-03-15 BC', '0001-01-01 BC', '20000-01-01 00:00+00', '12:00', 1.5, 0.1234567890123, 0.1, '-1 year', '10.0.0.0/8', -0.5, 'empty', '[0:1]={1,2}', 'good', '', '', '2024-01-02', ''),
 (3, '10000-01-01', '294276-12-31 23:59:59', NULL, '00:00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


@pytest.mark.parametrize("strategy", ["staged", "fused", "partitioned"])
@pytest.mark.parametrize("mode", ["replace", "merge", "history"])
def test_values_between_two_postgres_arrive_as_they_were(
    tmp_path: Path, postgres: Server, strategy: str, mode: str
) -> None:
    database = postgres.database()
    postgres.execute(ODD, database=database)
    how: dict[str, Any] = {"partitions": 2} if strategy == "partitioned" else {"strategy": strategy}
    path = write_spec(
        tmp_path,
        "t",
        source={"postgres": {"connection": "db", "schema": "a"}},
        target={"postgres": {"connection": "db", "schema": "b", "mode": mode}},
        datasets={"t": how},
    )
    world = outside(tmp_path, db=postgres.url(database))
    for run in ("r1", "r2"):
        sums = move(path, run=run, **world)["reconciliation"]
        assert (sums["loaded"], sums["quarantined"]) == (3, 0)
    names = ["id", "d", "ts", "tz", "tm", "n", "open", "big", "i", "addr", "cash", "r", "m", "s", "by", "plain", "c"]
    shown = ", ".join(f"{name}::text" for name in names)
    both = [postgres.query(f"SELECT {shown} FROM {home}.t ORDER BY id", database=database) for home in "ab"]
    assert both[0] == both[1]
    kinds = (
        "SELECT attname::text, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
    )
    there, here = (dict(postgres.query(kinds, f"{home}.t", database=database)) for home in "ba")
    assert {name: there[name] for name in names if name != "s"} == {name: here[name] for name in names if name != "s"}


def test_expressions_on_such_a_column_keep_its_type(tmp_path: Path, postgres: Server) -> None:
    database = postgres.database()
    postgres.execute(ODD, database=database)
    path = write_spec(
        tmp_path,
        "t",
        source={"postgres": {"connection": "db", "schema": "a"}},
        target={"postgres": {"connection": "db", "schema": "b"}},
        steps=[{"filter": "plain is null or plain > date '2024-01-01'"}],
    )
    plan = wv.plan(path, rules_only=True, write=False, **outside(tmp_path, db=postgres.url(database)))
    types = {field["name"]: field["type"] for field in plan["inputs"][0]["schema"]}
    assert (types["d"], types["plain"]) == ("text", "date")
    carried = {column["name"] for column in plan["outputs"][0]["declared"]["columns"] if column.get("carried")}
    assert {"d", "ts", "tz", "tm", "n", "big"} <= carried
    assert "plain" not in carried
    assert "carried" not in json.dumps(
        [column for column in plan["outputs"][0]["declared"]["columns"] if column["name"] == "id"]
    )


def test_what_a_check_looks_into_keeps_its_type_and_nothing_else_does(tmp_path: Path, postgres: Server) -> None:
    database = postgres.database()
    postgres.execute(ODD, database=database)
    path = write_spec(
        tmp_path,
        "t",
        source={"postgres": {"connection": "db", "schema": "a"}},
        target={"postgres": {"connection": "db", "schema": "b"}},
        checks=[
            {"expression": "TZ is null or TZ >= timestamptz '2000-01-01T00:00:00Z'"},
            {"range": {"column": "plain", "min": "2020-01-01"}},
        ],
    )
    plan = wv.plan(path, rules_only=True, write=False, **outside(tmp_path, db=postgres.url(database)))
    types = {field["name"]: field["type"] for field in plan["inputs"][0]["schema"]}
    assert (types["tz"], types["plain"], types["n"], types["d"]) == ("timestamptz", "date", "text", "text")


def test_a_type_that_grew_in_a_table_of_ours_widens_and_is_not_cast(tmp_path: Path, postgres: Server) -> None:
    database = postgres.database()
    postgres.execute(
        "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t (id int PRIMARY KEY); INSERT INTO a.t VALUES (1)",
        database=database,
    )
    path = write_spec(
        tmp_path,
        "t",
        source={"postgres": {"connection": "db", "schema": "a"}},
        target={"postgres": {"connection": "db", "schema": "b"}},
    )
    world = outside(tmp_path, db=postgres.url(database))
    move(path, run="r1", **world)
    postgres.execute("ALTER TABLE a.t ALTER id TYPE bigint; INSERT INTO a.t VALUES (3000000000)", database=database)
    sums = move(path, run="r2", **world)["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (2, 0)


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_values_between_two_mysql_arrive_as_they_were(
    tmp_path: Path, mariadb: MariadbServer, strategy: str, mode: str
) -> None:
    here, there = mariadb.database(), mariadb.database()
    mariadb.execute(
        "CREATE TABLE t (id int PRIMARY KEY, d date, dt datetime(3), tm time(2), y year, big bigint unsigned, b bit(9), "
        "e enum('x','y'), s set('p','q'), plain date, num decimal(65,30))",
        database=here,
    )
    mariadb.query(
        "INSERT INTO t VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '838:59:59', 0, 18446744073709551615, b'101010101', 'y', 'p,q', '2024-01-01', 1.5),"
        "(2, '2024-01-01', '2024-01-01 12:00:00.5', '-838:59:59', 2155, 0, b'0', 'x', '', NULL, NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        database=here,
    )
    path = write_spec(
        tmp_path,
        "t",
        source={"mysql": {"connection": "here"}},
        target={"mysql": {"connection": "there", "mode": mode}},
        datasets={"t": {"strategy": strategy}},
    )
    world = outside(tmp_path, here=mariadb.url(here), there=mariadb.url(there))
    for run in ("r1", "r2"):
        sums = move(path, run=run, **world)["reconciliation"]
        assert (sums["loaded"], sums["quarantined"]) == (3, 0)
    shown = "SELECT id, CAST(d AS CHAR), CAST(dt AS CHAR), CAST(tm AS CHAR), y, big, b + 0, e, s, CAST(plain AS CHAR), CAST(num AS CHAR) FROM t ORDER BY id"
    both = [mariadb.query(shown, database=database) for database in (here, there)]
    assert both[0] == both[1]


FLOATS = "id,r,d,n,ts\n1,5,1.25,7,2024-01-01 10:00:00\n2,12345678,123456789012345678.25,12345678901234567,\n"


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_casts_to_floats_and_zones_are_proposed_and_lose_nothing(
    tmp_path: Path, postgres: Server, mariadb: MariadbServer, strategy: str
) -> None:
    homes: dict[str, Any] = {"postgres": postgres, "mysql": mariadb}
    for word, server in homes.items():
        real, stamp = ("real", "timestamptz") if word == "postgres" else ("float", "timestamp NULL")
        database = server.database()
        columns = f"id bigint, r {real}, d double precision, n double precision, ts {stamp}"
        server.execute(f"CREATE TABLE items ({columns})", database=database)
        folder = tmp_path / word
        folder.mkdir()
        (folder / "items.csv").write_text(FLOATS)
        path = write_spec(
            folder,
            "floats",
            source={"csv": {"path": "items.csv"}},
            target={word: {"connection": "db", "mode": "append"}},
            steps=[{"cast": {"id": "int64", "r": "int64", "d": "decimal(20,2)", "n": "int64", "ts": "timestamp"}}],
            datasets={"items": {"strategy": strategy, "guard": {"quarantined": 1}}},
        )
        world = outside(folder, db=server.url(database))
        plan = wv.plan(path, rules_only=True, write=False, **world)
        first, second = plan["outputs"][0]["steps"][-2:]
        assert first["step"] == {"cast": {"r": "decimal(7,0)", "d": "decimal(15,2)", "n": "decimal(15,0)"}}
        assert second["step"] == {"cast": {"r": "float32", "d": "float64", "n": "float64", "ts": "timestamptz"}}
        assert "without time zone here" in second["reason"] or word == "postgres"
        assert "for UTC" in second["reason"]
        sums = move(path, **world)["reconciliation"]
        assert (sums["loaded"], sums["quarantined"]) == (1, 1)
        assert server.query("SELECT id, r, d, n FROM items", database=database) == [(1, 5.0, 1.25, 7.0)]


LETTERS = {
    "c": ["10.5", "10.25", "7"],
    "m": ["2026-03-01T10:00:00", "2026-03-01 10:00", "2026-03-01T10:00:00.5"],
    "z": ["2026-03-01T10:00:00+02:00", "2026-03-01T10:00:00Z", "2026-03-01 10:00:00 UTC"],
    "b": ["TRUE", "false", "True"],
    "t": ["10:00", "11:00:00", "12:30"],
}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_a_file_arrives_letter_by_letter_in_columns_of_text(
    tmp_path: Path, kind: str, asked: bool, strategy: str
) -> None:
    """Because the table's columns are text, or because the spec says so."""
    lines = [",".join(["id", *LETTERS])] + [
        f"{at},{','.join(row)}" for at, row in enumerate(zip(*LETTERS.values(), strict=True))
    ]
    objects = [
        json.dumps({"id": at} | dict(zip(LETTERS, row, strict=True)))
        for at, row in enumerate(zip(*LETTERS.values(), strict=True))
    ]
    (tmp_path / f"t.{kind}").write_text("\n".join(lines if kind == "csv" else objects) + "\n")
    with closing(sqlite3.connect(tmp_path / "w.db")) as file:
        if not asked:
            file.execute(f"CREATE TABLE t (id integer, {', '.join(f'{name} varchar(40)' for name in LETTERS)})")
        file.commit()
    spec = write_spec(
        tmp_path,
        "letters",
        source={kind: {"path": f"t.{kind}"}},
        target={"sqlite": {"path": "w.db", "mode": "append"}},
        datasets={"t": {"strategy": strategy}},
        **({"steps": [{"cast": dict.fromkeys(LETTERS, "text")}]} if asked else {}),
    )
    for run in ("r1", "r2"):
        move(spec, run, **outside(tmp_path))
    with closing(sqlite3.connect(tmp_path / "w.db")) as file:
        rows = file.execute(f"SELECT {', '.join(LETTERS)} FROM t ORDER BY rowid").fetchall()
    assert rows == list(zip(*LETTERS.values(), strict=True)) * 2


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_small_numbers_into_a_tinyint_of_mysql(tmp_path: Path, mariadb: MariadbServer, kind: str) -> None:
    database = mariadb.database()
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, c tinyint(1))", database=database)
    numbers = [1, 2, 0, -1, 127]
    frame = pl.DataFrame({"id": range(5), "c": numbers})
    if kind == "csv":
        frame.write_csv(tmp_path / "t.csv")
    else:
        frame.write_parquet(tmp_path / "t.parquet")
    spec = write_spec(
        tmp_path,
        "tiny",
        source={kind: {"path": f"t.{kind}"}},
        target={"mysql": {"connection": "db", "mode": "merge"}},
        datasets={"t": {"key": "id"}},
    )
    for run in ("r1", "r2"):
        move(spec, run, **outside(tmp_path, db=mariadb.url(database)))
    assert [row[0] for row in mariadb.query("SELECT c FROM t ORDER BY id", database=database)] == numbers
