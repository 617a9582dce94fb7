"""A table that is made at the target takes over what its source declares; a table that is there keeps what it has."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, write_spec

if TYPE_CHECKING:
    from pathlib import Path

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

STRATEGIES = ["staged", "fused"]
PEOPLE = """
CREATE SCHEMA a; CREATE SCHEMA b;
CREATE TABLE a.people (
  id integer PRIMARY KEY, name varchar(12) NOT NULL, code char(3), amount numeric(12,2) NOT NULL DEFAULT 0,
  score numeric, at timestamp(3) DEFAULT now(), flags integer[], kept boolean NOT NULL DEFAULT true, note text);
COMMENT ON TABLE a.people IS 'who ''they'' are'; COMMENT ON COLUMN a.people.name IS 'as \\ on the passport';
INSERT INTO a.people SELECT g, 'n' || g, 'ab', g * 1.25, g / 3.0, '2024-01-01', ARRAY[g, NULL], true, NULL
  FROM generate_series(1, 20) g
"""

COLUMNS = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
       col_description(a.attrelid, a.attnum)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
KEY = """
SELECT array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS p (n, o)
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.n ORDER BY p.o)
FROM pg_constraint k WHERE k.conrelid = %s::regclass AND k.contype = 'p'
"""


def postgres_source(postgres: Server, statements: str) -> str:
    database = postgres.database()
    postgres.execute(statements, database=database)
    return str(database)


def columns(postgres: Server, database: str, table: str) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in postgres.query(COLUMNS, table, database=database)}


def postgres_spec(folder: Path, name: str = "t", **more: Any) -> Path:
    place = more.pop("mode", None)
    target = {"connection": "db", "schema": "b", **({"mode": place} if place else {})}
    source = {"postgres": {"connection": "db", "schema": "a"}}
    return write_spec(folder, name, source=source, target={"postgres": target}, **more)


class TestPostgres:
    @pytest.mark.parametrize("strategy", [*STRATEGIES, "pushdown", "partitioned"])
    def test_everything_of_an_untouched_table(self, tmp_path: Path, postgres: Server, strategy: str) -> None:
        database = postgres_source(postgres, PEOPLE)
        how = {"partitions": 3} if strategy == "partitioned" else {"strategy": strategy}
        path = postgres_spec(tmp_path, datasets={"people": how})
        world = outside(tmp_path, db=postgres.url(database))
        for run in ("r1", "r2"):
            sums = move(path, run=run, **world)["reconciliation"]
            assert (sums["loaded"], sums["quarantined"]) == (20, 0)
            assert columns(postgres, database, "b.people") == columns(postgres, database, "a.people")
            assert postgres.query(KEY, "b.people", database=database) == [(["id"],)]
            said = postgres.query("SELECT obj_description('b.people'::regclass)", database=database)
            assert said == [("who 'they' are",)]
        both = [postgres.query(f"SELECT * FROM {home}.people ORDER BY id", database=database) for home in "ab"]
        assert both[0] == both[1]

    def test_names_change_and_computed_columns_have_nothing(self, tmp_path: Path, postgres: Server) -> None:
        database = postgres_source(postgres, PEOPLE)
        steps = [
            {"rename": {"id": "person", "name": "full"}},
            {"derive": {"twice": "amount * 2"}},
            {"set": {"where": "code = 'ab'", "values": {"code": "'abcdef'"}}},
            {"drop": ["score", "flags"]},
        ]
        path = postgres_spec(tmp_path, steps=steps)
        world = outside(tmp_path, db=postgres.url(database))
        plan = wv.plan(path, rules_only=True, write=False, **world)
        declared = plan["outputs"][0]["declared"]
        assert declared["primary_key"] == ["person"]
        assert any("'code'" in line for line in declared["left_out"]), declared["left_out"]
        assert move(path, **world)["reconciliation"]["loaded"] == 20
        there = columns(postgres, database, "b.people")
        assert there["full"] == ("character varying(12)", True, None, "as \\ on the passport")
        assert there["twice"][1:3] == (False, None)
        assert there["code"][0] == "text"
        assert postgres.query(KEY, "b.people", database=database) == [(["person"],)]

    @pytest.mark.parametrize(
        ("steps", "mode"),
        [
            ([{"drop": ["id"]}], "replace"),
            ([{"aggregate": {"by": ["code"], "measures": {"n": "count(*)"}}}], "replace"),
            ([], "append"),
        ],
    )
    def test_a_key_that_rows_could_break_is_left_and_said(
        self, tmp_path: Path, postgres: Server, steps: list[Any], mode: str
    ) -> None:
        database = postgres_source(postgres, PEOPLE)
        path = postgres_spec(tmp_path, steps=steps, mode=mode)
        world = outside(tmp_path, db=postgres.url(database))
        plan = wv.plan(path, rules_only=True, write=False, **world)
        assert any("primary key" in line for line in plan["outputs"][0]["declared"]["left_out"])
        for run in ("r1", "r2"):
            sums = move(path, run=run, **world)["reconciliation"]
            assert sums["quarantined"] == 0
        assert postgres.query(KEY, "b.people", database=database) == []

    def test_words_of_the_spec(self, tmp_path: Path, postgres: Server) -> None:
        database = postgres_source(postgres, PEOPLE)
        words = {"key": False, "not_null": False, "types": False, "defaults": False, "comments": False}
        path = postgres_spec(tmp_path, keep=words, datasets={"people": {"keep": {"not_null": True}}})
        move(path, **outside(tmp_path, db=postgres.url(database)))
        there = columns(postgres, database, "b.people")
        assert there["name"] == ("text", True, None, None)
        assert postgres.query(KEY, "b.people", database=database) == []

    def test_a_plan_file_is_enough_and_one_without_it_still_works(self, tmp_path: Path, postgres: Server) -> None:
        database = postgres_source(postgres, PEOPLE)
        world = outside(tmp_path, db=postgres.url(database))
        path = postgres_spec(tmp_path)
        wv.plan(path, rules_only=True, **world)
        text = wv.explain(tmp_path / "t.plan.json")
        assert "the primary key (id)" in text
        assert "name: `character varying(12)`, not null" in text
        assert wv.run(path, run="r1", **world)["reconciliation"]["loaded"] == 20
        assert postgres.query(KEY, "b.people", database=database) == [(["id"],)]

    def test_counters_and_computed_columns(self, tmp_path: Path, postgres: Server) -> None:
        made = """
        CREATE SCHEMA a; CREATE SCHEMA b;
        CREATE TABLE a.t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, x int, y int GENERATED ALWAYS AS (x * 2) STORED);
        INSERT INTO a.t (x) SELECT g FROM generate_series(1, 5) g
        """
        database = postgres_source(postgres, made)
        path = postgres_spec(tmp_path)
        world = outside(tmp_path, db=postgres.url(database))
        left = wv.plan(path, rules_only=True, write=False, **world)["outputs"][0]["declared"]["left_out"]
        assert sum("counter" in line for line in left) == 2
        assert sum("expression" in line for line in left) == 1
        assert move(path, **world)["reconciliation"]["loaded"] == 5
        there = columns(postgres, database, "b.t")
        assert [there[name][:3] for name in ("id", "n", "y")] == [
            ("integer", True, None),
            ("integer", True, None),
            ("integer", False, None),
        ]


MYSQL_PEOPLE = """
CREATE TABLE people (
  id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(12) NOT NULL COMMENT 'as it''s written',
  code char(3) CHARACTER SET latin1 COLLATE latin1_general_cs, amount decimal(12,2) NOT NULL DEFAULT 0.50,
  mood enum('good','bad') DEFAULT 'good', at timestamp NULL DEFAULT CURRENT_TIMESTAMP, big bigint unsigned, bits bit(5),
  small tinyint(1), body text, doc json) COMMENT = 'who they are'
"""


def described(mariadb: MariadbServer, database: str) -> list[tuple[Any, ...]]:
    asked = """
    SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME, COLUMN_COMMENT, COLUMN_KEY
    FROM information_schema.COLUMNS WHERE TABLE_NAME = 'people' AND TABLE_SCHEMA = DATABASE() ORDER BY ORDINAL_POSITION
    """
    return list(mariadb.query(asked, database=database))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_mysql_to_mysql(tmp_path: Path, mariadb: MariadbServer, strategy: str) -> None:
    here, there = mariadb.database(), mariadb.database()
    mariadb.execute(MYSQL_PEOPLE, database=here)
    mariadb.execute(
        "INSERT INTO people (name, code, mood, big, bits, small, body, doc) VALUES "
        "('Ann', 'ab', 'bad', 18446744073709551615, b'101', 7, 'x', '[1]'), ('ann', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        database=here,
    )
    path = write_spec(
        tmp_path,
        "t",
        source={"mysql": {"connection": "here"}},
        target={"mysql": {"connection": "there"}},
        datasets={"people": {"strategy": strategy}},
    )
    world = outside(tmp_path, here=mariadb.url(here), there=mariadb.url(there))
    for run in ("r1", "r2"):
        sums = move(path, run=run, **world)["reconciliation"]
        assert (sums["loaded"], sums["quarantined"]) == (2, 0)
    one, other = described(mariadb, here), described(mariadb, there)
    # The counter stays behind; a tinyint that holds numbers is no boolean; JSON is declared as ours.
    loose = {"small", "doc"}
    assert [row for row in other if row[0] not in loose] == [row for row in one if row[0] not in loose]
    said = (
        "SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'people'"
    )
    assert mariadb.query(said, database=there) == [("who they are",)]
    both = [mariadb.query("SELECT * FROM people ORDER BY id", database=database) for database in (here, there)]
    assert both[0] == both[1]


def test_sqlite_to_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as file:
        file.execute(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(12) NOT NULL, amount DECIMAL(10,2) DEFAULT 1.5, "
            "big DECIMAL(30,2), at DATETIME DEFAULT CURRENT_TIMESTAMP)"
        )
        file.execute("INSERT INTO people (name, big) VALUES ('Ann', '1.25'), ('Bob', NULL)")
    path = write_spec(
        tmp_path,
        "t",
        source={"sqlite": {"path": "a.db"}},
        target={"sqlite": {"path": "b.db"}},
        steps=[{"rename": {"id": "no"}}],
    )
    for run in ("r1", "r2"):
        assert move(path, run=run, **outside(tmp_path))["reconciliation"]["loaded"] == 2
    with sqlite3.connect(tmp_path / "b.db") as file:
        rows = {row[1]: row[2:] for row in file.execute("PRAGMA table_info(people)")}
    assert rows["no"] == ("INTEGER", 0, None, 1)
    assert rows["name"] == ("VARCHAR(12)", 1, None, 0)
    assert rows["amount"] == ("DECIMAL(10,2)", 0, "1.5", 0)
    assert rows["big"][0] == "DECIMAL_TEXT(30,2)"
    assert rows["at"][1] == 0
    assert "CURRENT_TIMESTAMP" in rows["at"][2]


def test_across_kinds(tmp_path: Path, postgres: Server, mariadb: MariadbServer) -> None:
    database, there = postgres_source(postgres, PEOPLE), mariadb.database()
    source = {"postgres": {"connection": "db", "schema": "a"}}
    world = outside(tmp_path, db=postgres.url(database), my=mariadb.url(there))
    path = write_spec(tmp_path, "m", source=source, target={"mysql": {"connection": "my"}})
    for run in ("r1", "r2"):
        assert move(path, run=run, **world)["reconciliation"]["loaded"] == 20
    rows = {row[0]: row[1:] for row in described(mariadb, there)}
    assert (rows["id"][1], rows["id"][5]) == ("NO", "PRI")
    assert (rows["name"][0], rows["name"][1], rows["name"][4]) == ("varchar(12)", "NO", "as \\ on the passport")
    path = write_spec(tmp_path, "s", source=source, target={"sqlite": {"path": "s.db"}})
    for run in ("r1", "r2"):
        assert move(path, run=run, **world)["reconciliation"]["loaded"] == 20
    with sqlite3.connect(tmp_path / "s.db") as file:
        found = {row[1]: row[2:] for row in file.execute("PRAGMA table_info(people)")}
    assert found["id"][3] == 1
    assert found["name"][:2] == ("varchar(12)", 1)


def test_files_declare_nothing(tmp_path: Path, postgres: Server) -> None:
    database = postgres.database()
    (tmp_path / "in.csv").write_text("id,name\n1,Ann\n2,Bob\n")
    path = write_spec(tmp_path, "t", source={"csv": {"path": "in.csv"}}, target={"postgres": {"connection": "db"}})
    world = outside(tmp_path, db=postgres.url(database))
    assert "declared" not in json.dumps(wv.plan(path, rules_only=True, write=False, **world)["outputs"])
    assert move(path, **world)["reconciliation"]["loaded"] == 2
