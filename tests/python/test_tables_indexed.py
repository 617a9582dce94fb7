"""Indexes and counters of a source's table: taken over on request by a table that is made, and what is left out is said."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, write_spec
from windvane import errors

if TYPE_CHECKING:
    from pathlib import Path

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

ASKED = {"indexes": True, "counters": True}
ORDERS = """
CREATE SCHEMA a; CREATE SCHEMA b;
CREATE TYPE a.mood AS ENUM ('good', 'bad');
CREATE FUNCTION a.code() RETURNS text LANGUAGE sql AS 'SELECT ''x''::text';
CREATE FUNCTION a.short(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT left($1, 2)';
CREATE TABLE a.orders (
  id serial PRIMARY KEY, no bigint GENERATED ALWAYS AS IDENTITY (START 100), "E mail" varchar(40), city text COLLATE "C",
  tags int[], doc jsonb, raw json, paid boolean NOT NULL DEFAULT false, code text DEFAULT a.code(), mood a.mood DEFAULT 'good',
  boss int REFERENCES a.orders);
INSERT INTO a.orders ("E mail", city, tags, doc, raw, paid)
  SELECT 'U' || g || '@x', 'c' || g % 3, ARRAY[g], '{"a": 1}', '{"b":  2, "a": 1}', g % 2 = 0 FROM generate_series(1, 20) g;
CREATE UNIQUE INDEX orders_mail ON a.orders (lower("E mail"));
CREATE INDEX orders_city ON a.orders (city COLLATE "POSIX" DESC NULLS LAST, id) INCLUDE (paid) WITH (fillfactor = 70);
CREATE INDEX orders_open ON a.orders (city text_pattern_ops) WHERE NOT paid;
CREATE INDEX orders_tags ON a.orders USING gin (tags);
CREATE INDEX orders_doc ON a.orders USING gin (doc jsonb_path_ops);
CREATE INDEX orders_own ON a.orders (a.short(city));
CREATE COLLATION a.mine (locale = 'C');
CREATE INDEX orders_mine ON a.orders (city COLLATE a.mine);
ALTER TABLE a.orders ADD CONSTRAINT orders_no UNIQUE (no);
ALTER TABLE a.orders ADD CONSTRAINT orders_out EXCLUDE USING btree (no WITH =)
"""
DEFINITIONS = """
SELECT c.relname::text, replace(pg_get_indexdef(i.indexrelid), %s, '') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = %s::regclass AND NOT i.indisprimary ORDER BY 1
"""
TAKEN = ["orders_city", "orders_doc", "orders_mail", "orders_no", "orders_open", "orders_tags"]


def spec(folder: Path, name: str = "t", **more: Any) -> Path:
    mode = more.pop("mode", "replace")
    source = {"postgres": {"connection": "db", "schema": "a"}}
    target = {"postgres": {"connection": "db", "schema": "b", "mode": mode}}
    return write_spec(folder, name, source=source, target=target, **{"keep": ASKED, **more})


def made(postgres: Server, statements: str) -> str:
    database = str(postgres.database())
    postgres.execute(statements, database=database)
    return database


def definitions(postgres: Server, database: str, schema: str, table: str = "orders") -> dict[str, str]:
    return dict(postgres.query(DEFINITIONS, f" ON {schema}.", f"{schema}.{table}", database=database))


def left_out(path: Path, world: dict[str, Any]) -> list[str]:
    plan = wv.plan(path, rules_only=True, write=False, **world)
    return list(plan["outputs"][0]["declared"]["left_out"])


class TestPostgres:
    @pytest.mark.parametrize("strategy", ["staged", "fused", "pushdown"])
    def test_as_the_source_has_them_run_after_run(self, tmp_path: Path, postgres: Server, strategy: str) -> None:
        database = made(postgres, ORDERS)
        path = spec(tmp_path, datasets={"orders": {"strategy": strategy}})
        world = outside(tmp_path, db=postgres.url(database))
        wanted = {name: words for name, words in definitions(postgres, database, "a").items() if name in TAKEN}
        for run in ("r1", "r2"):
            sums = move(path, run=run, **world)["reconciliation"]
            assert (sums["loaded"], sums["quarantined"]) == (20, 0)
            assert definitions(postgres, database, "b") == wanted

    def test_what_is_not_taken_is_said(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        world = outside(tmp_path, db=postgres.url(database))
        said = left_out(spec(tmp_path), world)
        for words in (
            "'orders_own': it names functions",
            "'orders_mine': it names functions",
            "'orders_out': it is an exclusion",
            "default of 'code', a.code()",
        ):
            assert any(words in line for line in said), (words, said)
        assert any("foreign key (boss) to 'orders'" in line for line in said), said
        said = left_out(spec(tmp_path, "u", keep={}), world)
        assert any("orders_mail" in line and "keep: {indexes: true}" in line for line in said), said
        assert any("counter of 'id'" in line and "keep: {counters: true}" in line for line in said), said
        said = left_out(spec(tmp_path, "v", keep={"indexes": False, "counters": False}), world)
        assert not any("index" in line or "counter" in line for line in said), said

    def test_json_stays_as_it_is_written(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        assert move(spec(tmp_path), **outside(tmp_path, db=postgres.url(database)))["reconciliation"]["loaded"] == 20
        kind = "SELECT pg_typeof(raw)::text, pg_typeof(doc)::text FROM b.orders LIMIT 1"
        assert postgres.query(kind, database=database) == [("json", "jsonb")]

    def test_counters_go_on(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        path = spec(tmp_path)
        world = outside(tmp_path, db=postgres.url(database))
        add = "INSERT INTO b.orders (paid) VALUES (true) RETURNING id, no"
        assert move(path, run="r1", **world)["reconciliation"]["loaded"] == 20
        assert postgres.query(add, database=database) == [(21, 120)]
        postgres.execute("INSERT INTO a.orders (id, paid) VALUES (77, true)", database=database)
        assert move(path, run="r2", **world)["reconciliation"]["loaded"] == 21
        assert postgres.query(add, database=database) == [(78, 121)]

    def test_renamed_columns_take_plain_indexes_along(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        path = spec(tmp_path, steps=[{"rename": {"no": "number", "E mail": "mail"}}, {"drop": ["tags"]}])
        world = outside(tmp_path, db=postgres.url(database))
        said = left_out(path, world)
        assert any("'orders_mail'" in line and "which is 'mail' at the target" in line for line in said), said
        assert any("'orders_tags'" in line and "not loaded" in line for line in said), said
        assert move(path, **world)["reconciliation"]["loaded"] == 20
        there = definitions(postgres, database, "b")
        assert set(there) == set(TAKEN) - {"orders_mail", "orders_tags"}
        assert there["orders_no"].endswith("(number)")

    @pytest.mark.parametrize("mode", ["append", "merge", "history"])
    def test_rows_of_other_modes_may_repeat(self, tmp_path: Path, postgres: Server, mode: str) -> None:
        database = made(postgres, ORDERS)
        path = spec(tmp_path, mode=mode)
        world = outside(tmp_path, db=postgres.url(database))
        assert any("UNIQUE of the index 'orders_no'" in line for line in left_out(path, world))
        for run in ("r1", "r2"):
            assert move(path, run=run, **world)["reconciliation"]["quarantined"] == 0
        there = definitions(postgres, database, "b")
        assert "UNIQUE" not in there["orders_no"]
        assert "WHERE (NOT paid)" in there["orders_open"]

    def test_a_table_that_is_there_is_said_to_lack_them(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        world = outside(tmp_path, db=postgres.url(database))
        bare, asked = spec(tmp_path, keep={}), spec(tmp_path, "u")
        move(bare, **world)

        def lacks() -> list[str]:
            plan = wv.plan(asked, rules_only=True, write=False, **world)
            said = [decision for decision in plan["decisions"] if "`keep` asks for" in decision["question"]]
            return [line for decision in said for line in decision["proposal"]["lacks"]]

        assert lacks() == [f"the index '{name}'" for name in TAKEN] + [
            f"the counter of '{name}'" for name in ("id", "no")
        ]
        postgres.execute("CREATE INDEX other ON b.orders USING gin (tags)", database=database)
        assert "the index 'orders_tags'" not in lacks()
        postgres.execute("DROP TABLE b.orders", database=database)
        assert lacks() == []
        move(asked, run="r2", **world)
        assert lacks() == []

    def test_an_index_that_comes_is_no_other_work(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        world = outside(tmp_path, db=postgres.url(database))
        path = spec(tmp_path, keep={})
        first = wv.plan(path, rules_only=True, write=False, **world)
        postgres.execute("CREATE INDEX another ON a.orders (code)", database=database)
        second = wv.plan(path, rules_only=True, write=False, **world)
        assert first["work"] == second["work"]

    def test_what_the_target_cannot_build_ends_the_load_with_a_way_out(self, tmp_path: Path, postgres: Server) -> None:
        own = """
        CREATE SCHEMA a; CREATE TABLE a.t (id int PRIMARY KEY, n int); INSERT INTO a.t VALUES (1, 2);
        CREATE OPERATOR CLASS a.mine FOR TYPE int USING btree AS
          OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
        CREATE INDEX special ON a.t (n a.mine)
        """
        database, other = made(postgres, own), str(postgres.database())
        world = outside(tmp_path, db=postgres.url(database), other=postgres.url(other))
        source, target = {"postgres": {"connection": "db", "schema": "a"}}, {"postgres": {"connection": "other"}}
        path = write_spec(tmp_path, "t", source=source, target=target, keep=ASKED)
        with pytest.raises(errors.MissingError, match="the index 'special' cannot be made") as caught:
            move(path, **world)
        assert "keep: {indexes: false}" in str(caught.value.hint)
        assert postgres.query("SELECT to_regclass('public.t')", database=other) == [(None,)]
        path = write_spec(tmp_path, "t", source=source, target=target)
        assert move(path, **world)["reconciliation"]["loaded"] == 1

    def test_a_taken_name_is_another_one_and_stays(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS + "; CREATE TABLE b.orders_city (n int)")
        path = spec(tmp_path)
        world = outside(tmp_path, db=postgres.url(database))
        move(path, run="r1", **world)
        first = definitions(postgres, database, "b")
        assert len(first) == len(TAKEN)
        assert "orders_city" not in first
        move(path, run="r2", **world)
        assert definitions(postgres, database, "b") == first

    def test_a_row_that_breaks_an_index_is_refused_alone(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        path = spec(tmp_path)
        world = outside(tmp_path, db=postgres.url(database))
        wv.plan(path, rules_only=True, **world)
        postgres.execute(
            "DROP INDEX a.orders_mail; UPDATE a.orders SET \"E mail\" = 'U1@X' WHERE id = 7", database=database
        )
        for run in ("r1", "r2"):
            sums = wv.run(path, run=run, **world)["reconciliation"]
            assert (sums["loaded"], sums["quarantined"]) == (19, 1)
        assert "orders_mail" in definitions(postgres, database, "b")

    def test_what_others_hang_on_the_table_stays(self, tmp_path: Path, postgres: Server) -> None:
        database = made(postgres, ORDERS)
        path = spec(tmp_path)
        world = outside(tmp_path, db=postgres.url(database))
        move(path, run="r1", **world)
        by_hand = """
        CREATE INDEX by_hand ON b.orders (code); CREATE VIEW b.seen AS SELECT id, city FROM b.orders;
        CREATE TABLE b.items (order_id int REFERENCES b.orders (id)); INSERT INTO b.items VALUES (1), (20)
        """
        postgres.execute(by_hand, database=database)
        before = definitions(postgres, database, "b")
        postgres.execute("UPDATE a.orders SET city = 'new'; DELETE FROM a.orders WHERE id = 5", database=database)
        assert move(path, run="r2", **world)["reconciliation"]["loaded"] == 19
        assert definitions(postgres, database, "b") == before
        assert postgres.query("SELECT count(*), min(city) FROM b.seen", database=database) == [(19, "new")]
        kept = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'b.orders'::regclass"
        assert postgres.query(kept, database=database) == [(1,)]
        # A row that somebody refers to cannot go: nothing does, and the error says so.
        postgres.execute("DELETE FROM a.orders WHERE id = 1", database=database)
        with pytest.raises(errors.DataError, match="foreign key"):
            move(path, run="r3", **world)
        assert postgres.query("SELECT count(*) FROM b.orders", database=database) == [(19,)]


MYSQL_ORDERS = """
CREATE TABLE orders (
  id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, mail varchar(40) NOT NULL, city varchar(20), body text,
  UNIQUE KEY mail (mail), KEY city (city, id), KEY beginning (body(10)), FULLTEXT KEY words (body))
"""
MYSQL_INDEXES = """
SELECT INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, INDEX_TYPE FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'orders' ORDER BY 1, 3
"""


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_mysql_to_mysql(tmp_path: Path, mariadb: MariadbServer, strategy: str) -> None:
    here, there = mariadb.database(), mariadb.database()
    mariadb.execute(MYSQL_ORDERS, database=here)
    mariadb.execute("INSERT INTO orders (mail, city, body) VALUES ('a', 'x', 'one'), ('b', 'x', 'two')", database=here)
    path = write_spec(
        tmp_path,
        "t",
        source={"mysql": {"connection": "here"}},
        target={"mysql": {"connection": "there"}},
        keep=ASKED,
        datasets={"orders": {"strategy": strategy}},
    )
    world = outside(tmp_path, here=mariadb.url(here), there=mariadb.url(there))
    assert move(path, run="r1", **world)["reconciliation"]["loaded"] == 2
    assert mariadb.query(MYSQL_INDEXES, database=there) == mariadb.query(MYSQL_INDEXES, database=here)
    mariadb.execute("CREATE INDEX by_hand ON orders (city)", database=there)
    mariadb.execute("INSERT INTO orders (mail) VALUES ('c')", database=there)
    assert mariadb.query("SELECT max(id) FROM orders", database=there) == [(3,)]
    assert move(path, run="r2", **world)["reconciliation"]["loaded"] == 2
    assert "by_hand" in {row[0] for row in mariadb.query(MYSQL_INDEXES, database=there)}
    mariadb.execute("INSERT INTO orders (mail) VALUES ('d')", database=there)
    assert mariadb.query("SELECT max(id) FROM orders", database=there) == [(4,)]


SQLITE_ORDERS = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, "a (b" TEXT, paid INTEGER);
CREATE INDEX "by (city" ON orders ("a (b" COLLATE NOCASE DESC);
CREATE UNIQUE INDEX unpaid ON orders (lower("a (b"), id) WHERE paid = 0;
INSERT INTO orders VALUES (1, 'a', 'x', 0), (2, 'b', 'X', 1);
"""


def sqlite_indexes(path: Path) -> dict[str, str | None]:
    with sqlite3.connect(path) as file:
        return dict(file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))


def test_sqlite_to_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as file:
        file.executescript(SQLITE_ORDERS)
    path = write_spec(
        tmp_path,
        "t",
        source={"sqlite": {"path": "a.db"}},
        target={"sqlite": {"path": "b.db"}},
        keep=ASKED,
        datasets={"orders": {"to": "copied"}},
    )
    for run in ("r1", "r2"):
        assert move(path, run=run, **outside(tmp_path))["reconciliation"]["loaded"] == 2
        there = sqlite_indexes(tmp_path / "b.db")
        assert set(there) - {"by_hand"} == {"by (city", "unpaid", "orders_mail_key"}
        assert str(there["unpaid"]).endswith('(lower("a (b"), id) WHERE paid = 0')
        assert '"a (b" COLLATE "NOCASE" DESC' in str(there["by (city"])
        assert ("by_hand" in there) == (run == "r2")
        file = sqlite3.connect(tmp_path / "b.db")
        file.execute("CREATE INDEX IF NOT EXISTS by_hand ON copied (paid)")
        file.close()


def test_across_kinds(tmp_path: Path, postgres: Server, mariadb: MariadbServer) -> None:
    database, there = made(postgres, ORDERS), mariadb.database()
    source = {"postgres": {"connection": "db", "schema": "a"}}
    world = outside(tmp_path, db=postgres.url(database), my=mariadb.url(there))
    drop = [{"drop": ["E mail"]}]
    path = write_spec(tmp_path, "m", source=source, target={"mysql": {"connection": "my"}}, keep=ASKED, steps=drop)
    assert any("'orders_city'" in line and "its own kind of server" in line for line in left_out(path, world))
    for run in ("r1", "r2"):
        assert move(path, run=run, **world)["reconciliation"]["loaded"] == 20
    assert "orders_no" in {row[0] for row in mariadb.query(MYSQL_INDEXES, database=there)}
    mariadb.execute("INSERT INTO orders (no, paid) VALUES (1, 1)", database=there)
    assert mariadb.query("SELECT max(id) FROM orders", database=there) == [(21,)]
    again = wv.plan(path, rules_only=True, write=False, **world)
    assert not any("`keep` asks for" in decision["question"] for decision in again["decisions"])
    back = {"source": {"mysql": {"connection": "my"}}, "target": {"postgres": {"connection": "db", "schema": "c"}}}
    path = write_spec(tmp_path, "p", **back, keep=ASKED)
    for run in ("r1", "r2"):
        assert move(path, run=run, **world)["reconciliation"]["loaded"] == 21
    assert "orders_orders_no" in definitions(postgres, database, "c")
    assert postgres.query("INSERT INTO c.orders (no, paid) VALUES (2, true) RETURNING id", database=database) == [(22,)]
    path = write_spec(tmp_path, "s", source=source, target={"sqlite": {"path": "s.db"}}, keep=ASKED)
    for run in ("r1", "r2"):
        assert move(path, run=run, **world)["reconciliation"]["loaded"] == 20
    assert "orders_no" in sqlite_indexes(tmp_path / "s.db")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"csv": {"path": "in.csv"}}, {"postgres": {"connection": "db"}}),
        ({"postgres": {"connection": "db"}}, {"csv": {"path": "out"}}),
    ],
)
def test_words_that_mean_nothing(tmp_path: Path, source: dict[str, Any], target: dict[str, Any]) -> None:
    (tmp_path / "in.csv").write_text("id\n1\n")
    path = write_spec(
        tmp_path, "t", source=source, target=target, keep={"indexes": True}, datasets={"in": {"keep": ASKED}}
    )
    said = [problem for problem in wv.check(path)["problems"] if "means nothing here" in problem["message"]]
    assert [problem["kind"] for problem in said] == ["unsupported"] * 3
    write_spec(tmp_path, "t", source=source, target=target, keep={"indexes": False})
    assert wv.check(path)["ok"]


def test_limits_of_mysql(tmp_path: Path, postgres: Server, mariadb: MariadbServer) -> None:
    wide = """
    CREATE TABLE t (id int PRIMARY KEY, a varchar(500), b varchar(500), name varchar(20) UNIQUE, body text);
    CREATE INDEX wide ON t (a, b); CREATE INDEX long ON t (body DESC);
    INSERT INTO t VALUES (1, 'a', 'b', 'x', 'y'), (2, 'a', 'b', 'x ', NULL)
    """
    database, there = made(postgres, wide), mariadb.database()
    world = outside(tmp_path, db=postgres.url(database), my=mariadb.url(there))
    source = {"postgres": {"connection": "db"}}
    path = write_spec(tmp_path, "m", source=source, target={"mysql": {"connection": "my"}}, keep=ASKED)
    said = left_out(path, world)
    assert any("'wide': MySQL's indexes hold" in line for line in said), said
    assert any("UNIQUE of the index 't_name_key'" in line and "blanks" in line for line in said), said
    for run in ("r1", "r2"):
        sums = move(path, run=run, **world)["reconciliation"]
        assert (sums["loaded"], sums["quarantined"]) == (2, 0)
    found = {row[0]: row[1:] for row in mariadb.query(MYSQL_INDEXES.replace("'orders'", "'t'"), database=there)}
    assert set(found) - {"PRIMARY"} == {"t_name_key", "long"}
    assert found["long"][3] == 191
