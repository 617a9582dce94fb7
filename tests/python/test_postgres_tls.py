"""PostgreSQL over TLS: our own session reads there as it does in the clear, and refuses what the driver refuses.

Which of the two read a view tells: the driver sets its time zone when it begins, we do not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from conformance import Home, call, column
from patience import until
from services.between import Between, listening
from services.certificates import Authority
from services.postgres import Server, server
from sql_homes import refused
from test_connectors_postgres_out import ROUND_TRIPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.certificates import Signed

OURS, THE_DRIVER = "America/New_York", "UTC"
ROWS = 40_000
FIELDS = [column("id", "int64"), column("note", "text"), column("amount", "decimal(10,2)")]
TYPES = [
    ("boolean", ["true", "false"]),
    ("smallint", ["-32768"]),
    ("integer", ["2147483647"]),
    ("bigint", ["-9223372036854775808"]),
    ("real", ["1.25"]),
    ("double precision", ["1e-300", "-Infinity"]),
    ("numeric(10,2)", ["-12345678.90", "NaN"]),
    ("text", ["Zoë 表 🦀", ""]),
    ("bytea", ["\\x00ff", ""]),
    ("date", ["0001-01-01", "infinity"]),
    ("time", ["12:34:56.789"]),
    ("timestamp", ["2024-07-01 12:00:00.123456"]),
    ("timestamptz", ["2024-07-01 12:00:00+02"]),
    ("json", ['{"a": [1, null]}']),
    ("jsonb", ['{"a": [1, null]}']),
    ("uuid", ["6ecd8c99-4036-403d-bf84-cf8400f67836"]),
    *ROUND_TRIPS,
]
PASSWORD = "p%:/@ 'w"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def encrypted(postgres: Server, authority: Authority) -> Iterator[Server]:
    with server(postgres.programs, authority) as running:
        yield running


@pytest.fixture(scope="module")
def database(encrypted: Server) -> str:
    name = encrypted.database()
    for sql in [
        "CREATE TABLE big (id bigint, note text, amount numeric(10,2))",
        f"INSERT INTO big SELECT n, repeat('x', 400) || n, n / 100.0 FROM generate_series(1, {ROWS}) n",
        "CREATE VIEW who AS SELECT reset_val AS zone FROM pg_settings WHERE name = 'TimeZone'",
        "CREATE ROLE certified LOGIN",
        "CREATE ROLE guarded LOGIN PASSWORD 'p%:/@ ''w'",
        "GRANT SELECT ON big, who TO certified, guarded",
    ]:
        encrypted.execute(sql, database=name)
    return name


def home(port: int, database: str, query: str, user: str = "postgres", password: str = "") -> Home:
    secret = f":{quote(password, safe='')}" if password else ""
    url = f"postgresql://{user}{secret}@127.0.0.1:{port}/{database}{query}"
    return Home({}, {"postgres": {"connection": "db"}}, connections={"db": url})


def who(there: Home) -> str:
    asked = {"locator": "public.who", "kind": "view", "schema": [column("zone", "text")]}
    return str(call("read_rows", there.request(source=there.source, **asked))["rows"][0]["zone"])


def big(there: Home) -> dict[str, Any]:
    asked = {"locator": "public.big", "kind": "table", "schema": FIELDS}
    return call("read_rows", there.request(source=there.source, **asked))


class TestRows:
    @pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
    def test_a_large_table_is_the_same_in_every_mode(
        self, encrypted: Server, database: str, authority: Authority, mode: str
    ) -> None:
        root = f"&sslrootcert={authority.certificate}" if mode.startswith("verify") else ""
        there = home(encrypted.port, database, f"?sslmode={mode}{root}")
        assert who(there) == OURS
        answer = big(there)
        assert [row["id"] for row in answer["rows"]] == list(range(1, ROWS + 1))
        assert answer["numbers"] == list(range(1, ROWS + 1))
        assert {row["note"] for row in answer["rows"]} == {"x" * 400 + str(n) for n in range(1, ROWS + 1)}

    def test_every_type_is_as_in_the_clear(self, encrypted: Server) -> None:
        name = encrypted.database()
        for sql in [
            "CREATE TYPE mood AS ENUM ('sad', 'happy', 'it''s \"so\" so')",
            "CREATE DOMAIN positive AS int CHECK (value > 0)",
            "CREATE TYPE place AS (x int, name text)",
            f"CREATE TABLE every (id int, {', '.join(f'c{at} {declared}' for at, (declared, _) in enumerate(TYPES))})",
            "INSERT INTO every (id) VALUES (0)",
        ]:
            encrypted.execute(sql, database=name)
        for which in (0, -1):
            values = ", ".join(["%s"] * len(TYPES))
            literals = [literals[which] for _, literals in TYPES]
            encrypted.execute(f"INSERT INTO every VALUES (1, {values})", *literals, database=name)
        plain = home(encrypted.port, name, "?sslmode=disable").read("every")
        assert home(encrypted.port, name, "?sslmode=require").read("every") == plain
        assert len(plain["rows"]) + len(plain["rejected"]) == 3
        assert plain["rejected"]

    def test_one_row_of_many_records(self, encrypted: Server, database: str) -> None:
        """Larger than the buffer, so that one message comes in many pieces."""
        encrypted.execute("CREATE TABLE wide AS SELECT repeat('wide', 1000000) AS note", database=database)
        there = home(encrypted.port, database, "?sslmode=require")
        assert there.read("wide")["rows"] == [{"note": "wide" * 1_000_000}]


class TestWhoIsThere:
    def test_a_certificate_of_our_own_is_shown(self, encrypted: Server, database: str, authority: Authority) -> None:
        signed = authority.sign("certified")
        own = f"&sslcert={signed.certificate}&sslkey={signed.key}"
        assert who(home(encrypted.port, database, f"?sslmode=require{own}", "certified")) == OURS

    def test_the_environment_names_what_the_connection_does_not(
        self, encrypted: Server, database: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signed = authority.sign("certified")
        monkeypatch.setenv("PGSSLCERT", str(signed.certificate))
        monkeypatch.setenv("PGSSLKEY", signed.key.read_text())
        monkeypatch.setenv("PGSSLROOTCERT", str(authority.certificate))
        assert who(home(encrypted.port, database, "?sslmode=verify-full", "certified")) == OURS

    def test_another_name_or_another_authority_is_refused(
        self, encrypted: Server, database: str, authority: Authority
    ) -> None:
        root = f"&sslrootcert={authority.certificate}"
        there = home(encrypted.port, database, f"?sslmode=verify-full{root}")
        named = {"db": there.connections["db"].replace("127.0.0.1", "localhost")}
        refused("unavailable", "test_connection", {"source": there.source, "connections": named})
        there = home(encrypted.port, database, "?sslmode=verify-ca")
        refused("unavailable", "test_connection", there.request(source=there.source))

    @pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
    def test_another_authority_is_refused_by_our_own_session(
        self, encrypted: Server, database: str, authority: Authority, tmp_path: Path, mode: str
    ) -> None:
        """The driver asks first what there is; only then comes the other one, whom it would not have believed either."""
        theirs = Authority.new(tmp_path).sign("server", "IP:127.0.0.1")
        shown = [authority.sign("between", "IP:127.0.0.1"), theirs]
        with listening(Between(encrypted.port, shown)) as between:
            query = f"?sslmode={mode}&sslrootcert={authority.certificate}"
            assert who(home(between.port, database, query)) == THE_DRIVER
            assert between.seen == 3
            assert who(home(between.port, database, "?sslmode=require")) == OURS

    def test_another_name_is_refused_by_our_own_session(
        self, encrypted: Server, database: str, authority: Authority
    ) -> None:
        shown = [authority.sign("between", "IP:127.0.0.1"), authority.sign("elsewhere")]
        for mode, reads in [("verify-full", THE_DRIVER), ("verify-ca", OURS)]:
            with listening(Between(encrypted.port, shown)) as between:
                query = f"?sslmode={mode}&sslrootcert={authority.certificate}"
                assert who(home(between.port, database, query)) == reads


class TestPasswords:
    def test_a_proof_is_bound_to_the_servers_certificate(
        self, encrypted: Server, database: str, authority: Authority
    ) -> None:
        """The driver binds nothing: it logs in through whoever stands between, and we do not."""
        assert who(home(encrypted.port, database, "?sslmode=require", "guarded", PASSWORD)) == OURS
        with listening(Between(encrypted.port, [authority.sign("between", "IP:127.0.0.1")])) as between:
            assert who(home(between.port, database, "?sslmode=require", "guarded", PASSWORD)) == THE_DRIVER
            assert who(home(between.port, database, "?sslmode=require")) == OURS

    @pytest.mark.parametrize("digest", ["sha1", "sha384", "sha512"])
    def test_the_binding_has_the_hash_of_the_signature(
        self, encrypted: Server, database: str, authority: Authority, digest: str
    ) -> None:
        """It is what the server makes of its own certificate, so the server is the judge."""
        signed = authority.sign("server", "IP:127.0.0.1", digest=digest)
        use(encrypted, signed)
        assert who(home(encrypted.port, database, "?sslmode=require", "guarded", PASSWORD)) == OURS
        use(encrypted, authority.sign("server", "IP:127.0.0.1"))


class TestInTheMiddle:
    def test_what_came_in_the_clear_is_not_taken_for_the_servers(
        self, encrypted: Server, database: str, authority: Authority
    ) -> None:
        """An answer to the login that somebody put between the word for TLS and TLS itself."""
        ready = b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I"
        shown = [authority.sign("between", "IP:127.0.0.1")]
        with listening(Between(encrypted.port, shown, says=ready)) as between:
            assert who(home(between.port, database, "?sslmode=require")) == THE_DRIVER
            assert between.seen == 3

    @pytest.mark.parametrize("politely", [True, False])
    @pytest.mark.parametrize("after", [3_000_001, 5_123_457])
    def test_an_end_in_the_middle_of_a_row_is_an_error(
        self, encrypted: Server, database: str, authority: Authority, politely: bool, after: int
    ) -> None:
        shown = [authority.sign("between", "IP:127.0.0.1")]
        with listening(Between(encrypted.port, shown, ends_after=after, politely=politely)) as between:
            there = home(between.port, database, "?sslmode=require")
            asked = {"locator": "public.big", "kind": "table", "schema": FIELDS}
            error = refused("unavailable", "read_rows", there.request(source=there.source, **asked))
            assert error.retryable

    def test_a_reader_that_is_killed_leaves_no_session(self, encrypted: Server, database: str) -> None:
        """Though the server is at work, and TLS had no word of farewell."""
        slow = "CREATE VIEW slow AS SELECT n AS id, pg_sleep(1)::text AS note FROM generate_series(1, 600) n"
        encrypted.execute(slow, database=database)
        there = home(encrypted.port, database, "?sslmode=require")
        asked = {"locator": "public.slow", "kind": "view", "schema": FIELDS[:2]}
        code = "import sys; from windvane import _core; _core.read_rows(sys.argv[1])"
        request = json.dumps(there.request(source=there.source, **asked))
        reader = subprocess.Popen([sys.executable, "-c", code, request])
        active = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%slow%'"
        until(lambda: len(encrypted.query(active)) == 1)
        reader.kill()
        reader.wait()
        until(lambda: encrypted.sessions(database) == 0)


def use(server: Server, signed: Signed) -> None:
    """The server shows another certificate from now on."""
    ((folder,),) = server.query("SHOW data_directory")
    for file in (signed.certificate, signed.key):
        (Path(folder) / file.name).write_bytes(file.read_bytes())
    server.execute("SELECT pg_reload_conf()")
