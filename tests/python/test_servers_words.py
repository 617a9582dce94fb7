"""What a connection says is followed or refused; what a server calls a value is what arrives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import windvane as wv
from conformance import Home
from pipelines import move, outside, parquet_rows, write_spec
from sql_homes import mysql_home, postgres_home, refused
from windvane.connections import engine_url

if TYPE_CHECKING:
    from pathlib import Path

    from services.mariadb import Server as MariadbServer
    from services.postgres import Server


def names(home: Home) -> set[str]:
    return set(home.datasets())


def socket_of(postgres: Server) -> str:
    ((folder,),) = postgres.query("SHOW unix_socket_directories")
    return str(folder)


def of_url(url: str, **place: Any) -> Home:
    source = {next(iter(place), "postgres"): {"connection": "db", **next(iter(place.values()), {})}}
    return Home(target=source, source=source, connections={"db": url})


class TestPostgresConnections:
    def test_a_folder_of_sockets(self, postgres: Server) -> None:
        database = postgres.database()
        postgres.execute("CREATE TABLE t AS SELECT 1 AS id", database=database)
        folder = socket_of(postgres)
        airflow = {
            "conn_type": "postgres",
            "host": folder,
            "login": "postgres",
            "schema": database,
            "port": postgres.port,
        }
        for url in (
            f"postgresql://postgres@{quote(folder, safe='')}:{postgres.port}/{database}",
            f"postgresql://postgres@/{database}?host={quote(folder, safe='')}&port={postgres.port}",
            engine_url(json.dumps(airflow)),
        ):
            home = of_url(url)
            assert names(home) == {"t"}
            assert home.rows("t") == [{"id": 1}]

    @pytest.mark.parametrize(
        "query",
        ["?options=-csearch_path%3Db%2Cpublic", "?options=-c%20search_path%3Db", "?search_path=b", "?currentSchema=b"],
    )
    def test_a_search_path_says_which_table_is_meant(self, postgres: Server, query: str) -> None:
        database = postgres.database()
        postgres.execute("CREATE TABLE t AS SELECT 'public' AS home", database=database)
        postgres.execute("CREATE SCHEMA b; CREATE TABLE b.t AS SELECT 'b' AS home", database=database)
        assert postgres_home(postgres, database, query=query).rows("t") == [{"home": "b"}]
        assert postgres_home(postgres, database, query=query, schema="public").rows("t") == [{"home": "public"}]

    @pytest.mark.parametrize("query", ["?service=x", "?target_session_attrs=read-write", "?iam=true", "?sslcrl=x"])
    def test_what_cannot_be_followed_is_refused(self, postgres: Server, query: str) -> None:
        home = postgres_home(postgres, postgres.database(), query=query)
        error = refused("unsupported", "datasets", home.request(source=home.source))
        assert query[1:].split("=", maxsplit=1)[0] in str(error)


class TestMysqlConnections:
    def test_a_socket_of_airflows(self, mariadb: MariadbServer) -> None:
        database = mariadb.database()
        mariadb.execute("CREATE TABLE t (id INT)", database=database)
        ((path,),) = mariadb.query("SELECT @@socket")
        home = of_url(f"mysql://root@nowhere.invalid/{database}?unix_socket={quote(path, safe='')}", mysql={})
        assert names(home) == {"t"}

    @pytest.mark.parametrize("query", ["?init_command=x", "?read_default_file=x", "?ssl=%7B%22ca%22%3A%22x%22%7D"])
    def test_what_cannot_be_followed_is_refused(self, mariadb: MariadbServer, query: str) -> None:
        home = mysql_home(mariadb, mariadb.database(), query=query)
        refused("unsupported", "datasets", home.request(source=home.source))


class TestSchemas:
    def test_all_that_may_be_read(self, postgres: Server) -> None:
        database = postgres.database()
        for statement in (
            "CREATE SCHEMA sales",
            "CREATE TABLE sales.orders (id int)",
            "CREATE SCHEMA hr",
            "CREATE TABLE hr.people (id int)",
            "CREATE TABLE sales.secret (id int)",
            "DO $$ BEGIN CREATE ROLE lister LOGIN PASSWORD 'pw'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            "GRANT USAGE ON SCHEMA sales TO lister",
            "GRANT SELECT ON sales.orders TO lister",
        ):
            postgres.execute(statement, database=database)
        url = postgres.url(database)
        listed = wv.discover(url)
        assert [found["name"] for found in listed["datasets"]] == ["hr.people", "sales.orders", "sales.secret"]
        reader = of_url(postgres.url(database, "lister", "pw"), postgres={"schema": "*"})
        assert names(reader) == {"sales.orders"}
        assert names(postgres_home(postgres, database, tables=["sales.orders"])) == {"sales.orders"}

    def test_an_empty_schema_beside_full_ones_is_said(self, postgres: Server) -> None:
        database = postgres.database()
        postgres.execute("CREATE SCHEMA sales; CREATE TABLE sales.orders (id int)", database=database)
        home = postgres_home(postgres, database)
        error = refused("missing", "datasets", home.request(source=home.source))
        assert "sales (1)" in (error.hint or "")


def test_addresses_and_amounts_of_postgres(postgres: Server) -> None:
    database = postgres.database()
    postgres.execute("CREATE TABLE t (id int, ip inet, net cidr, cost money)", database=database)
    postgres.execute(
        "INSERT INTO t VALUES (1, '10.0.0.1', '10.0.0.1', 1000.01), (2, '10.0.0.1/8', '10.0.0.0/8', -0.5), (3, NULL, NULL, NULL)",
        database=database,
    )
    home = postgres_home(postgres, database)
    rows = sorted(home.rows("t"), key=lambda row: row["id"])
    assert [row["ip"] for row in rows] == ["10.0.0.1", "10.0.0.1/8", None]
    assert [row["net"] for row in rows] == ["10.0.0.1/32", "10.0.0.0/8", None]
    assert [row["cost"] for row in rows] == ["1000.01", "-0.50", None]
    fields = home.datasets()["t"]["fields"]
    for mode in ("append", "replace", "merge"):
        postgres.execute(f"CREATE TABLE {mode}_t (LIKE t)", database=database)
        home.load(f"{mode}_t", fields, rows, mode=mode, key=["id"] if mode == "merge" else [])
        assert postgres.query(f"SELECT * FROM {mode}_t ORDER BY id", database=database) == postgres.query(
            "SELECT * FROM t ORDER BY id", database=database
        )


def test_a_tinyint_is_a_number_when_it_holds_one(tmp_path: Path, mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute("CREATE TABLE t (id INT PRIMARY KEY, flag TINYINT(1), stars TINYINT(1))", database=database)
    mariadb.execute("INSERT INTO t VALUES (1, 0, 2), (2, 1, -1), (3, NULL, 9)", database=database)
    home = mysql_home(mariadb, database)
    types = {field["name"]: field["type"] for field in home.datasets()["t"]["fields"]}
    assert (types["flag"], types["stars"]) == ("boolean", "int16")
    path = write_spec(
        tmp_path,
        "t",
        source={"mysql": {"connection": "db", "tables": ["t"]}},
        target={"sqlite": {"path": "t.db"}},
        steps=[{"cast": {"flag": "int16"}}],
    )
    sums = move(path, **outside(tmp_path, db=mariadb.url(database)))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (3, 0)


LEGAL = {
    "a": ("date", ["infinity", "0044-03-15 BC", "10000-01-01"]),
    "b": ("timestamp", ["-infinity", "0001-12-31 23:59:59.5 BC", "294276-12-31 23:59:59"]),
    "c": ("time", ["24:00:00", "12:00:00", "00:00:00"]),
}


def test_a_cast_to_text_reads_postgres_own_text(tmp_path: Path, postgres: Server) -> None:
    database = postgres.database()
    postgres.execute("CREATE TABLE t (id int, a date, b timestamp, c time)", database=database)
    for number in range(3):
        row = [number, *(texts[number] for _, texts in LEGAL.values())]
        postgres.execute("INSERT INTO t VALUES (%s, %s, %s, %s)", *row, database=database)
    path = write_spec(
        tmp_path,
        "t",
        source={"postgres": {"connection": "db", "tables": ["t"]}},
        target={"sqlite": {"path": "t.db"}},
        steps=[{"cast": dict.fromkeys(LEGAL, "text")}],
    )
    sums = move(path, **outside(tmp_path, db=postgres.url(database)))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (3, 0)
    where = {"sqlite": {"path": "t.db"}}
    rows = sorted(Home(target=where, source=where, base=str(tmp_path)).rows("t"), key=lambda row: row["id"])
    assert [[row[name] for row in rows] for name in LEGAL] == [texts for _, texts in LEGAL.values()]
    # Without the cast, the quarantine shows the server's words.
    home = postgres_home(postgres, database)
    shown = [row["record"] for row in home.read("t")["rejected"]]
    assert [row["a"] for row in shown] == LEGAL["a"][1]
    assert [row["b"] for row in shown] == LEGAL["b"][1]


def test_a_cast_to_text_reads_mysqls_own_text(tmp_path: Path, mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute("CREATE TABLE t (id INT PRIMARY KEY, a DATE, b DATETIME, c TIME)", database=database)
    mariadb.query("INSERT INTO t VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '-838:59:59')", database=database)
    path = write_spec(
        tmp_path,
        "t",
        source={"mysql": {"connection": "db", "tables": ["t"]}},
        target={"sqlite": {"path": "t.db"}},
        steps=[{"cast": {"a": "text", "b": "text", "c": "text"}}],
    )
    sums = move(path, **outside(tmp_path, db=mariadb.url(database)))["reconciliation"]
    assert (sums["loaded"], sums["quarantined"]) == (1, 0)
    where = {"sqlite": {"path": "t.db"}}
    assert Home(target=where, source=where, base=str(tmp_path)).rows("t") == [
        {"id": 1, "a": "0000-00-00", "b": "0000-00-00 00:00:00", "c": "-838:59:59"}
    ]


def test_columns_that_are_hidden_from_a_star_are_read(tmp_path: Path, mariadb: MariadbServer) -> None:
    database = mariadb.database()
    mariadb.execute("CREATE TABLE items (id int PRIMARY KEY, secret int INVISIBLE DEFAULT 3)", database=database)
    mariadb.execute("INSERT INTO items (id, secret) VALUES (1, 7), (2, 8)", database=database)
    source = {"mysql": {"connection": "db", "tables": ["items"]}}
    spec = write_spec(tmp_path, "hidden", source=source, target={"parquet": {"path": "lake"}})
    move(spec, **outside(tmp_path, db=mariadb.url(database)))
    rows = sorted(parquet_rows(tmp_path / "lake" / "items"), key=lambda row: row["id"])
    assert rows == [{"id": 1, "secret": 7}, {"id": 2, "secret": 8}]
