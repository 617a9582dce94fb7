"""MySQL and MariaDB over TLS: our own session reads there as it does in the clear.

Which of the two read the server's log tells: the driver sets its letters when it begins, we do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conformance import Home, call, column
from services.certificates import Authority
from services.mariadb import Server, binaries, server
from sql_homes import mysql_home, refused
from test_connectors_mysql import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 130_000
"""Enough for several sessions and, of one, for several batches."""
BIG = [column("id", "int64"), column("line", "int32"), column("amount", "int64")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def encrypted(mariadb: Server, authority: Authority) -> Iterator[Server]:
    program = binaries()
    assert program is not None
    with server(program, authority, log_output="TABLE") as running:
        yield running


@pytest.fixture(scope="module")
def database(encrypted: Server) -> str:
    name = encrypted.database()
    encrypted.execute("CREATE TABLE big (id BIGINT, line INT, amount BIGINT, PRIMARY KEY (id, line))", database=name)
    encrypted.execute(f"INSERT INTO big SELECT seq DIV 2, seq % 2, seq FROM seq_1_to_{ROWS}", database=name)
    encrypted.execute("ANALYZE TABLE big", database=name)
    return name


def home(there: Server, database: str, query: str, user: str = "root") -> Home:
    return mysql_home(there, database, query=query, user=user)


def readers(there: Server, reading: Home) -> set[tuple[bool, bool]]:
    """Of the sessions that read the table whole: whether each was ours, and whether it was encrypted."""
    there.execute("SET GLOBAL general_log = ON")
    asked = {"locator": "big", "kind": "table", "schema": BIG}
    rows = call("read_rows", reading.request(source=reading.source, **asked))["rows"]
    there.execute("SET GLOBAL general_log = OFF")
    assert [row["amount"] for row in rows] == list(range(1, ROWS + 1))
    said: dict[int, list[str]] = {}
    for thread, text in there.query("SELECT thread_id, argument FROM mysql.general_log ORDER BY event_time"):
        said.setdefault(thread, []).append(text.decode() if isinstance(text, bytes) else text)
    there.execute("TRUNCATE mysql.general_log")
    sessions = ["\n".join(texts) for texts in said.values()]
    return {
        # The driver says it too, before us.
        (text.upper().count("SET NAMES") == 1, "using SSL/TLS" in text)
        for text in sessions
        if "SELECT `id`" in text and "`amount`" in text
    }


class TestRows:
    @pytest.mark.parametrize("mode", ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"])
    def test_our_own_session_reads_in_every_mode(
        self, encrypted: Server, database: str, authority: Authority, mode: str
    ) -> None:
        root = f"&ssl-ca={authority.certificate}" if mode.startswith("VERIFY") else ""
        assert readers(encrypted, home(encrypted, database, f"?ssl-mode={mode}{root}")) == {(True, mode != "DISABLED")}

    def test_every_type_is_as_in_the_clear(self, encrypted: Server) -> None:
        name = encrypted.database()
        columns = ", ".join(f"c{at} {declared} NULL" for at, (declared, _, _) in enumerate(TYPES))
        encrypted.execute(f"CREATE TABLE every (id INT PRIMARY KEY, {columns}, a_date DATE)", database=name)
        for row in range(2):
            values = ", ".join(values[min(row, len(values) - 1)][0] for _, _, values in TYPES)
            encrypted.execute(f"INSERT INTO every VALUES ({row}, {values}, '2024-00-00')", database=name)
        encrypted.execute("INSERT INTO every (id) VALUES (2)", database=name)
        plain = home(encrypted, name, "?ssl-mode=DISABLED").read("every")
        assert home(encrypted, name, "?ssl-mode=REQUIRED").read("every") == plain
        assert (len(plain["rows"]), len(plain["rejected"])) == (1, 2)


class TestWhoIsThere:
    def test_a_certificate_of_our_own_is_shown(self, encrypted: Server, database: str, authority: Authority) -> None:
        encrypted.execute("CREATE USER certified@'127.0.0.1' REQUIRE SUBJECT '/CN=certified'")
        encrypted.execute(f"GRANT SELECT ON {database}.* TO certified@'127.0.0.1'")
        encrypted.execute("GRANT RELOAD ON *.* TO certified@'127.0.0.1'")
        signed = authority.sign("certified")
        query = f"?ssl-mode=REQUIRED&ssl-cert={signed.certificate}&ssl-key={signed.key}"
        assert readers(encrypted, home(encrypted, database, query, "certified")) == {(True, True)}

    def test_another_name_or_another_authority_is_refused(
        self, encrypted: Server, database: str, authority: Authority, tmp_path: Path
    ) -> None:
        there = home(encrypted, database, f"?ssl-mode=VERIFY_IDENTITY&ssl-ca={authority.certificate}")
        named = {"db": there.connections["db"].replace("127.0.0.1", "localhost")}
        refused("unavailable", "test_connection", {"source": there.source, "connections": named})
        other = Authority.new(tmp_path)
        there = home(encrypted, database, f"?ssl-mode=VERIFY_CA&ssl-ca={other.certificate}")
        refused("unavailable", "test_connection", there.request(source=there.source))

    def test_a_server_without_tls(self, mariadb: Server, database: str) -> None:
        there = home(mariadb, database, "?ssl-mode=REQUIRED")
        refused("unavailable", "test_connection", there.request(source=there.source))
