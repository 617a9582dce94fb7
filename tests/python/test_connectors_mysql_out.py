"""MySQL and MariaDB as a source: two ways to the same rows, several sessions in one snapshot, parts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pymysql
import pytest
from conformance import Home, Row, call, column
from sql_homes import mysql_home, refused
from test_connectors_mysql import TYPES

if TYPE_CHECKING:
    from services.mariadb import Server

ROWS = 130_000
"""Enough for several sessions and, of one, for several batches."""
BIG = [column("id", "int64"), column("line", "int32"), column("amount", "int64")]


@pytest.fixture
def database(mariadb: Server) -> str:
    return mariadb.database()


@pytest.fixture
def large(mariadb: Server, database: str) -> str:
    """A table of pairs whose amounts are 0 in sum."""
    table = "CREATE TABLE big (id BIGINT, line INT, amount BIGINT NOT NULL, PRIMARY KEY (id, line))"
    mariadb.execute(table, database=database)
    fill = f"INSERT INTO big SELECT seq DIV 2 * 10, seq % 2, IF(seq % 2, 5, -5) FROM seq_1_to_{ROWS}"
    mariadb.execute(fill, database=database)
    mariadb.execute("ANALYZE TABLE big", database=database)
    return database


def by_the_driver(mariadb: Server, database: str) -> Home:
    """Of sockets in the file system our own session knows nothing."""
    ((path,),) = mariadb.query("SELECT @@socket")
    return mysql_home(mariadb, database, query=f"?socket={path}")


def big(home: Home, **more: Any) -> Row:
    asked = {"locator": "big", "kind": "table", "schema": BIG, **more}
    return call("read_rows", home.request(source=home.source, **asked))


def locks(mariadb: Server) -> int:
    """How many times a lock on tables was given back: once in every read by several sessions."""
    ((_, count),) = mariadb.query("SHOW GLOBAL STATUS LIKE 'Com_unlock_tables'")
    return int(count)


class TestBothWays:
    def test_every_type_and_every_refusal_is_the_same(self, mariadb: Server, database: str) -> None:
        columns = ", ".join(f"c{at} {declared} NULL" for at, (declared, _, _) in enumerate(TYPES))
        odd = "a_date DATE NULL, a_datetime DATETIME NULL, a_time TIME NULL, a_flag TINYINT(1) NULL"
        mariadb.execute(f"CREATE TABLE every (id INT PRIMARY KEY, {columns}, {odd})", database=database)
        for row in range(2):
            values = ", ".join(values[min(row, len(values) - 1)][0] for _, _, values in TYPES)
            mariadb.execute(f"INSERT INTO every VALUES ({row}, {values}, NULL, NULL, NULL, NULL)", database=database)
        wrong = {
            "a_date": "'2024-00-00'",
            "a_datetime": "'0000-00-00 00:00:00'",
            "a_time": "'-01:00:00'",
        }
        mariadb.execute("INSERT INTO every (id) VALUES (2)", database=database)
        for row, (name, value) in enumerate(wrong.items(), start=3):
            mariadb.execute(f"INSERT INTO every (id, {name}) VALUES ({row}, {value})", database=database)
        ours = mysql_home(mariadb, database).read("every")
        assert ours == by_the_driver(mariadb, database).read("every")
        assert [row["id"] for row in ours["rows"]] == [0, 1, 2]
        assert [(row["row"], row["column"]) for row in ours["rejected"]] == list(enumerate(wrong, start=4))
        for at, (_, _, values) in enumerate(TYPES):
            wanted = values[0][1]
            got = ours["rows"][0][f"c{at}"]
            assert got == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)

    def test_a_text_that_is_not_utf8_is_refused_in_the_same_words(self, mariadb: Server, database: str) -> None:
        mariadb.execute("CREATE TABLE texts (id INT PRIMARY KEY, x VARBINARY(5))", database=database)
        mariadb.execute("INSERT INTO texts VALUES (1, 'a'), (2, x'ff'), (3, NULL)", database=database)
        asked = {"locator": "texts", "kind": "table", "schema": [column("id", "int32"), column("x", "text")]}
        homes = (mysql_home(mariadb, database), by_the_driver(mariadb, database))
        ours, theirs = (call("read_rows", home.request(source=home.source, **asked)) for home in homes)
        assert ours == theirs
        assert [row["x"] for row in ours["rows"]] == ["a", None]
        assert ours["rejected"][0]["reason"] == "the text is not UTF-8"

    @pytest.mark.parametrize("size", [250, 251, 65_535, 65_536, 0xFF_FFFF - 30, 0xFF_FFFF, 20_000_000])
    def test_values_of_any_length(self, mariadb: Server, database: str, size: int) -> None:
        """One that fills packets of the protocol exactly, too."""
        ((before,),) = mariadb.query("SELECT @@GLOBAL.max_allowed_packet")
        mariadb.execute("SET GLOBAL max_allowed_packet = 64 << 20")
        try:
            mariadb.execute("CREATE TABLE wide (id INT PRIMARY KEY, x LONGTEXT)", database=database)
            mariadb.execute(f"INSERT INTO wide VALUES (1, REPEAT('é', {size} DIV 2)), (2, 'b')", database=database)
            rows = mysql_home(mariadb, database).read("wide")["rows"]
        finally:
            mariadb.execute(f"SET GLOBAL max_allowed_packet = {before}")
        assert rows[0]["x"] == "é" * (size // 2)
        assert rows[1] == {"id": 2, "x": "b"}

    def test_users_with_and_without_passwords(self, mariadb: Server, large: str) -> None:
        for user, password in [("plain", ""), ("secret", "p@ss:w/rd é")]:
            mariadb.execute(f"CREATE USER IF NOT EXISTS {user}@'127.0.0.1' IDENTIFIED BY '{password}'")
            mariadb.execute(f"GRANT SELECT ON {large}.* TO {user}@'127.0.0.1'")
        for user, password in [("plain", ""), ("secret", quote("p@ss:w/rd é", safe=""))]:
            where = {"mysql": {"connection": "db"}}
            home = Home(target=where, source=where, connections={"db": mariadb.url(large, user, password)})
            # Neither may lock tables: one session reads.
            before = locks(mariadb)
            assert len(big(home)["rows"]) == ROWS
            assert locks(mariadb) == before


class TestTogether:
    """Several sessions, one snapshot."""

    def test_every_row_once_in_the_order_of_the_key(self, mariadb: Server, large: str) -> None:
        before = locks(mariadb)
        answer = big(mysql_home(mariadb, large))
        alone = big(mysql_home(mariadb, large), limit=ROWS + 1)
        assert locks(mariadb) == before + 1
        assert answer == alone
        assert answer["numbers"] == list(range(1, ROWS + 1))
        keys = [(row["id"], row["line"]) for row in answer["rows"]]
        assert keys == sorted(set(keys))
        assert len(keys) == ROWS

    def test_a_writer_between_the_sessions_is_seen_whole_or_not_at_all(self, mariadb: Server, large: str) -> None:
        done, failures = threading.Event(), []
        first, last = 0, ROWS // 2 * 10

        def write() -> None:
            place = {"host": "127.0.0.1", "port": mariadb.port, "user": "root", "database": large}
            try:
                with pymysql.connect(**place, autocommit=False) as connection, connection.cursor() as cursor:
                    while not done.is_set():
                        cursor.execute("UPDATE big SET amount = amount + 1 WHERE id = %s", (last,))
                        cursor.execute("UPDATE big SET amount = amount - 1 WHERE id = %s", (first,))
                        cursor.execute("INSERT INTO big VALUES (-1, 0, 7), (%s, 0, -7)", (last + 1,))
                        connection.commit()
                        cursor.execute("DELETE FROM big WHERE id IN (-1, %s)", (last + 1,))
                        connection.commit()
            except pymysql.Error as error:
                failures.append(error)

        ((ends,),) = mariadb.query(f"SELECT COUNT(*) FROM big WHERE id IN ({first}, {last})", database=large)
        assert ends == 2
        writer = threading.Thread(target=write)
        writer.start()
        seen = set()
        try:
            for _ in range(4):
                before = locks(mariadb)
                rows = big(mysql_home(mariadb, large))["rows"]
                assert locks(mariadb) == before + 1
                assert sum(row["amount"] for row in rows) == 0
                extra = [row["id"] for row in rows if row["id"] in (-1, last + 1)]
                assert extra in ([], [-1, last + 1])
                assert len(rows) == ROWS + len(extra)
                seen.add(rows[0]["amount"] if not extra else rows[1]["amount"])
        finally:
            done.set()
            writer.join()
        assert failures == []
        assert len(seen) > 1

    def test_an_open_transaction_is_not_waited_for(self, mariadb: Server, large: str) -> None:
        """No lock then: one session reads what was committed."""
        place = {"host": "127.0.0.1", "port": mariadb.port, "user": "root", "database": large}
        with pymysql.connect(**place, autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE big SET amount = 1000 WHERE id < 100")
            rows = big(mysql_home(mariadb, large))["rows"]
            connection.rollback()
        assert len(rows) == ROWS
        assert max(row["amount"] for row in rows) == 5
        # Nobody holds a lock afterwards.
        mariadb.execute("UPDATE big SET amount = 6 WHERE id = 10 AND amount = 5", database=large)

    def test_a_refused_row_has_its_number_of_the_whole_read(self, mariadb: Server, large: str) -> None:
        mariadb.execute("ALTER TABLE big ADD COLUMN day DATE", database=large)
        last = ROWS // 2 * 10
        mariadb.execute(f"UPDATE big SET day = '0000-00-00' WHERE id = {last}", database=large)
        mariadb.execute("ANALYZE TABLE big", database=large)
        answer = big(mysql_home(mariadb, large), schema=[*BIG, column("day", "date")])
        assert [row["row"] for row in answer["rejected"]] == [ROWS]


# ------------------------------------------------------------------------------------------------ parts


def split(home: Home, parts: int, **more: Any) -> list[Row]:
    asked = {"locator": "big", "kind": "table", "schema": BIG, "parts": parts, **more}
    return call("split_rows", home.request(source=home.source, **asked))["parts"]


KEYS = {
    "bigint": "CAST(seq AS SIGNED) - 1500",
    "smallint unsigned": "seq",
    "bigint unsigned": "18446744073709551615 - seq",
    "date": "DATE'2020-01-01' + INTERVAL seq DAY",
}


class TestParts:
    @pytest.mark.parametrize("kind", KEYS)
    @pytest.mark.parametrize("parts", [2, 5])
    def test_every_row_once_although_rows_come_and_go(
        self, mariadb: Server, database: str, kind: str, parts: int
    ) -> None:
        mariadb.execute(f"CREATE TABLE big (id BIGINT, k {kind} PRIMARY KEY)", database=database)
        fill = "INSERT INTO big SELECT seq, {} FROM seq_{}"
        mariadb.execute(fill.format(KEYS[kind], "1000_to_2000"), database=database)
        home = mysql_home(mariadb, database)
        found = split(home, parts)
        assert [next(iter(part)) for part in found] == ["keys"] * parts
        for numbers in ["1_to_999", "2001_to_3000"]:
            mariadb.execute(fill.format(KEYS[kind], numbers), database=database)
        ids: list[int] = []
        for part in found:
            answer = big(home, schema=BIG[:1], part=part)
            assert answer["numbers"] == list(range(1, len(answer["rows"]) + 1))
            ids += [row["id"] for row in answer["rows"]]
        assert sorted(ids) == list(range(1, 3_001))

    def test_what_cannot_be_split(self, mariadb: Server, database: str) -> None:
        home = mysql_home(mariadb, database)
        mariadb.execute("CREATE TABLE big (id BIGINT, line VARCHAR(5) PRIMARY KEY)", database=database)
        mariadb.execute("INSERT INTO big VALUES (1, 'a'), (2, 'b')", database=database)
        assert split(home, 4) == []
        mariadb.execute("CREATE OR REPLACE TABLE big (id BIGINT PRIMARY KEY)", database=database)
        assert split(home, 4) == []
        mariadb.execute("INSERT INTO big VALUES (9223372036854775807), (1), (-9223372036854775808)", database=database)
        assert split(home, 1) == []
        parts = split(home, 4)
        assert len(parts) == 4
        ids = [row["id"] for part in parts for row in big(home, schema=BIG[:1], part=part)["rows"]]
        assert sorted(ids) == [-(2**63), 1, 2**63 - 1]

    def test_a_missing_table_is_missing(self, mariadb: Server, database: str) -> None:
        home = mysql_home(mariadb, database)
        asked = {"locator": "nothing", "kind": "table", "schema": BIG, "parts": 2}
        refused("missing", "split_rows", home.request(source=home.source, **asked))
