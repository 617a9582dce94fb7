"""Foreign keys of a source's tables: made on request, whatever is loaded first, and in nobody's way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from patience import until
from pipelines import move, outside, write_spec
from windvane import errors

if TYPE_CHECKING:
    from pathlib import Path

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

SHOP = """
CREATE SCHEMA a; CREATE SCHEMA b;
CREATE TABLE a.zones (id int PRIMARY KEY, head int, code text UNIQUE);
CREATE TABLE a.clients (id int PRIMARY KEY, zone int REFERENCES a.zones ON DELETE SET NULL, boss int REFERENCES a.clients);
CREATE TABLE a.bills (
  id int PRIMARY KEY, client int NOT NULL REFERENCES a.clients DEFERRABLE INITIALLY DEFERRED,
  code text REFERENCES a.zones (code) ON UPDATE CASCADE);
ALTER TABLE a.zones ADD CONSTRAINT "zone's head" FOREIGN KEY (head) REFERENCES a.clients;
INSERT INTO a.zones VALUES (1, NULL, 'n'), (2, NULL, 's');
INSERT INTO a.clients VALUES (1, 1, 3), (2, 2, 1), (3, NULL, NULL);
UPDATE a.zones SET head = 2;
INSERT INTO a.bills VALUES (10, 1, 'n'), (11, 3, NULL);
"""
KEYS = """
SELECT c.relname::text || '.' || k.conname, replace(pg_get_constraintdef(k.oid), %s, '') FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.connamespace = %s::regnamespace ORDER BY 1
"""
ALL = {
    "clients.clients_boss_fkey",
    "clients.clients_zone_fkey",
    "bills.bills_client_fkey",
    "bills.bills_code_fkey",
    "zones.zone's head",
}


def keys(postgres: Server, database: str, schema: str = "b") -> dict[str, str]:
    return dict(postgres.query(KEYS, f"{schema}.", schema, database=database))


def made(postgres: Server, statements: str = SHOP) -> str:
    database = str(postgres.database())
    postgres.execute(statements, database=database)
    return database


def spec(folder: Path, name: str = "t", **more: Any) -> Path:
    source: dict[str, Any] = {"postgres": {"connection": "db", "schema": "a", **more.pop("source", {})}}
    target = {"postgres": {"connection": "db", "schema": "b", "mode": more.pop("mode", "replace")}}
    keep = {"foreign_keys": True, "indexes": True}
    return write_spec(folder, name, source=source, target=target, **{"keep": keep, **more})


def warnings(record: Any) -> list[str]:
    return [line for output in record["outputs"] for line in output.get("warnings", [])]


def loaded_once(folder: Path, postgres: Server) -> tuple[str, Path, dict[str, Any]]:
    """A database whose tables have been loaded with their keys, the spec and the world of its runs."""
    database = made(postgres)
    path, world = spec(folder), outside(folder, db=postgres.url(database))
    move(path, run="r1", **world)
    return database, path, world


@pytest.mark.parametrize("strategy", ["staged", "fused", "pushdown"])
def test_cycles_and_self_references_run_after_run(tmp_path: Path, postgres: Server, strategy: str) -> None:
    database = made(postgres)
    chosen = {name: {"strategy": strategy} for name in ("zones", "clients", "bills")}
    path = spec(tmp_path, datasets=chosen)
    world = outside(tmp_path, db=postgres.url(database))
    wanted = keys(postgres, database, "a")
    assert set(wanted) == ALL
    sums = move(path, run="r1", **world)["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (7, 0)
    assert keys(postgres, database) == wanted
    # Rows come, and others go that were referred to.
    changes = """
    INSERT INTO a.clients VALUES (4, 1, 2); INSERT INTO a.bills VALUES (12, 4, 's'); DELETE FROM a.bills WHERE id = 10;
    UPDATE a.clients SET boss = 4; UPDATE a.zones SET head = 4; DELETE FROM a.clients WHERE id IN (1, 2)
    """
    postgres.execute(changes, database=database)
    for run in ("r2", "r3"):
        record = move(path, run=run, **world)
        assert (record["reconciliation"]["loaded"], record["reconciliation"]["quarantined"]) == (6, 0)
        assert keys(postgres, database) == wanted


@pytest.mark.parametrize("first", ["bills", "zones", "clients"])
@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_the_order_of_loads_does_not_matter(tmp_path: Path, postgres: Server, first: str, mode: str) -> None:
    database = made(postgres)
    world = outside(tmp_path, db=postgres.url(database))
    everything = spec(tmp_path, mode=mode)
    wanted = keys(postgres, database, "a")
    if mode == "merge":
        # A unique index is none there.
        del wanted["bills.bills_code_fkey"]
    order = [first, *sorted({"bills", "zones", "clients"} - {first})]
    for run in ("r1", "r2"):
        for name in order:
            (tmp_path / name).mkdir(exist_ok=True)
            alone = {other: {"load": False} for other in order if other != name}
            one = spec(tmp_path / name, mode=mode, datasets=alone)
            assert move(one, run=f"{run}{name}", **world)["reconciliation"]["quarantined"] == 0
        move(everything, run=run, **world)
        assert keys(postgres, database) == wanted
        if run == "r1":
            more = "INSERT INTO a.clients VALUES (7, 1, 1); INSERT INTO a.bills VALUES (70, 7, 's')"
            postgres.execute(more, database=database)


def test_a_violated_key_is_told_and_stops_nobody(tmp_path: Path, postgres: Server) -> None:
    database = made(postgres)
    path = spec(tmp_path, datasets={"clients": {"steps": [{"filter": "id <> 3"}]}})
    world = outside(tmp_path, db=postgres.url(database))
    for run in ("r1", "r2"):
        record = move(path, run=run, **world)
        assert record["reconciliation"]["loaded"] == 6
        there = keys(postgres, database)
        assert set(there) == ALL
        assert there["bills.bills_client_fkey"].endswith("NOT VALID")
        assert not there["bills.bills_code_fkey"].endswith("NOT VALID")
        said = [line for line in warnings(record) if "bills_client_fkey" in line]
        assert any("(client) of 1 rows refers to nothing in 'clients'" in line for line in said), record
    move(spec(tmp_path), run="r3", **world)
    assert not any(words.endswith("NOT VALID") for words in keys(postgres, database).values())


def test_a_kill_between_leaves_them_to_the_next_load(tmp_path: Path, postgres: Server) -> None:
    database, path, world = loaded_once(tmp_path, postgres)
    wanted = keys(postgres, database)
    # As a kill would: taken away for a load that never ended.
    postgres.execute(
        "ALTER TABLE b.bills DROP CONSTRAINT bills_client_fkey, DROP CONSTRAINT bills_code_fkey", database=database
    )
    move(path, run="r1", **world)
    move(path, run="r2", **world)
    assert keys(postgres, database) == wanted


def test_a_kill_in_the_middle_of_a_load(tmp_path: Path, postgres: Server) -> None:
    database, path, world = loaded_once(tmp_path, postgres)
    wanted = keys(postgres, database)
    slow = """
    CREATE FUNCTION b.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE INSERT ON b.clients FOR EACH ROW EXECUTE FUNCTION b.slow()
    """
    postgres.execute(slow, database=database)
    killed = (
        "import json, sys, windvane as wv; wv.run(sys.argv[1], run='r2', rules_only=True, **json.loads(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", killed, str(path), json.dumps(world)])
    asleep = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    until(lambda: bool(postgres.query(asleep, database=database)))
    process.kill()
    process.wait()
    assert len(keys(postgres, database)) < len(wanted)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    postgres.query(end, database=database)
    postgres.execute("DROP TRIGGER slow ON b.clients", database=database)
    fresh = outside(tmp_path / "fresh", db=postgres.url(database))
    (tmp_path / "fresh").mkdir()
    assert move(path, run="r3", **fresh)["reconciliation"]["loaded"] == 7
    assert keys(postgres, database) == wanted


def test_a_load_that_fails_makes_them_again(tmp_path: Path, postgres: Server) -> None:
    database, path, world = loaded_once(tmp_path, postgres)
    wanted = keys(postgres, database)
    no = """
    CREATE FUNCTION b.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''42501'', MESSAGE = ''no''; END';
    CREATE TRIGGER no BEFORE INSERT ON b.clients FOR EACH ROW EXECUTE FUNCTION b.no()
    """
    postgres.execute(no, database=database)
    with pytest.raises(errors.WindvaneError):
        move(path, run="r2", **world)
    assert keys(postgres, database) == wanted


def test_loads_of_both_sides_at_once(tmp_path: Path, postgres: Server) -> None:
    database = made(postgres)
    everything = spec(tmp_path)
    world = outside(tmp_path, db=postgres.url(database))
    move(everything, run="r1", **world)
    wanted = keys(postgres, database)
    names = ("zones", "clients", "bills")

    def again(name: str) -> list[int]:
        (tmp_path / name).mkdir()
        alone = spec(tmp_path / name, datasets={other: {"load": False} for other in names if other != name})
        mine = {**world, "store": f"sqlite:///{tmp_path}/{name}.db", "staging": str(tmp_path / name / "staging")}
        records = [move(alone, run=f"{name}{turn}", **mine) for turn in range(6)]
        return [record["reconciliation"]["quarantined"] for record in records]

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(again, names)) == [[0] * 6] * 3
    move(everything, run="r2", **world)
    assert keys(postgres, database) == wanted


def test_a_long_reader_is_waited_for_and_holds_up_no_other(tmp_path: Path, postgres: Server) -> None:
    database, path, world = loaded_once(tmp_path, postgres)
    wanted = keys(postgres, database)
    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(postgres.query, "SELECT pg_sleep(14) FROM b.clients WHERE id = 1", database=database)
        time.sleep(1)
        load = pool.submit(move, path, run="r2", **world)
        longest = 0.0
        while not reader.done():
            begun = time.monotonic()
            postgres.query("SELECT count(*) FROM b.clients", database=database)
            longest = max(longest, time.monotonic() - begun)
            time.sleep(0.1)
        assert load.result()["reconciliation"]["quarantined"] == 0
    assert longest < 6
    assert keys(postgres, database) == wanted


def test_keys_of_others_are_never_touched(tmp_path: Path, postgres: Server) -> None:
    database = made(postgres)
    tables = """
    CREATE TABLE b.clients (id int PRIMARY KEY, zone int, boss int);
    ALTER TABLE b.clients ADD CONSTRAINT clients_boss_fkey FOREIGN KEY (boss) REFERENCES b.clients;
    COMMENT ON CONSTRAINT clients_boss_fkey ON b.clients IS 'mine'
    """
    postgres.execute(tables, database=database)
    path = spec(tmp_path)
    world = outside(tmp_path, db=postgres.url(database))
    oid = "SELECT oid::text FROM pg_constraint WHERE conname = 'clients_boss_fkey' AND connamespace = 'b'::regnamespace"
    before = postgres.query(oid, database=database)
    for run in ("r1", "r2"):
        assert move(path, run=run, **world)["reconciliation"]["loaded"] == 7
        assert postgres.query(oid, database=database) == before
        assert set(keys(postgres, database)) == ALL


def test_what_another_pipeline_loads(tmp_path: Path, postgres: Server) -> None:
    database = made(postgres)
    world = outside(tmp_path, db=postgres.url(database))
    bills = spec(tmp_path, "bills", source={"tables": ["bills"]})
    rest = spec(tmp_path, "rest", source={"tables": ["clients", "zones"]}, keep={"indexes": True})
    record = move(bills, run="r1", **world)
    assert any("has no table 'clients'" in line for line in warnings(record)), record
    move(rest, run="r1", **world)
    assert keys(postgres, database) == {}
    move(bills, run="r2", **world)
    assert set(keys(postgres, database)) == {"bills.bills_client_fkey", "bills.bills_code_fkey"}
    # The other pipeline takes them away and makes them again; what is not wanted any more goes.
    postgres.execute(
        "UPDATE a.zones SET head = 3; UPDATE a.clients SET boss = 3; DELETE FROM a.clients WHERE id = 2",
        database=database,
    )
    assert move(rest, run="r2", **world)["reconciliation"]["quarantined"] == 0
    assert set(keys(postgres, database)) == {"bills.bills_client_fkey", "bills.bills_code_fkey"}
    move(spec(tmp_path, "bills", source={"tables": ["bills"]}, keep={}), run="r3", **world)
    assert keys(postgres, database) == {}


def test_the_plan_names_them(tmp_path: Path, postgres: Server) -> None:
    database = made(postgres)
    world = outside(tmp_path, db=postgres.url(database))

    def declared(path: Path) -> dict[str, Any]:
        plan = wv.plan(path, rules_only=True, write=False, **world)
        return {output["name"]: output["declared"] for output in plan["outputs"]}

    renamed = {"clients": {"to": "people", "steps": [{"rename": {"id": "no"}}]}, "zones": {"mode": "append"}}
    found = declared(spec(tmp_path, datasets=renamed))
    first = found["bills"]["references"][0]
    assert (first["table"], first["columns"], first["ref_columns"]) == ("people", ["client"], ["no"])
    assert first["rest"] == "DEFERRABLE INITIALLY DEFERRED"
    assert any("(code) to 'zones'" in line and "mode: append" in line for line in found["bills"]["left_out"])
    found = declared(spec(tmp_path, keep={"key": False, "foreign_keys": True}))
    assert any("(id) is no key of 'clients'" in line for line in found["bills"]["left_out"]), found
    found = declared(spec(tmp_path, keep={}))
    assert any("keep: {foreign_keys: true}" in line for line in found["bills"]["left_out"]), found
    found = declared(spec(tmp_path, steps=[], keep={"foreign_keys": False}))
    assert not any("foreign" in line for line in found["bills"].get("left_out", [])), found
    asked = wv.plan(spec(tmp_path), rules_only=True, write=False, **world)
    bare = wv.plan(spec(tmp_path, keep={"indexes": True}), rules_only=True, write=False, **world)
    assert asked["work"] != bare["work"]


def test_append_and_history(tmp_path: Path, postgres: Server) -> None:
    database = made(postgres)
    world = outside(tmp_path, db=postgres.url(database))
    path = spec(tmp_path, datasets={"bills": {"mode": "append"}, "zones": {"mode": "history"}})
    for run in ("r1", "r2"):
        assert move(path, run=run, **world)["reconciliation"]["quarantined"] == 0
        assert set(keys(postgres, database)) == {"bills.bills_client_fkey", "clients.clients_boss_fkey"}


def test_where_the_word_means_nothing(tmp_path: Path, postgres: Server, mariadb: MariadbServer) -> None:
    database, there = made(postgres), mariadb.database()
    world = outside(tmp_path, db=postgres.url(database), my=mariadb.url(there))
    source = {"postgres": {"connection": "db", "schema": "a"}}
    path = write_spec(tmp_path, "m", source=source, target={"mysql": {"connection": "my"}}, keep={"foreign_keys": True})
    said = [problem["message"] for problem in wv.check(path)["problems"]]
    assert said == [
        "'foreign_keys' means nothing here: foreign keys go from PostgreSQL to PostgreSQL, and the target is mysql"
    ]
    path = write_spec(tmp_path, "m", source=source, target={"mysql": {"connection": "my"}})
    plan = wv.plan(path, rules_only=True, write=False, **world)
    lines = [line for output in plan["outputs"] for line in output["declared"]["left_out"]]
    assert any("from PostgreSQL to PostgreSQL only" in line for line in lines), lines
