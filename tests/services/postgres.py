"""A throwaway PostgreSQL server."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from services.process import as_user, folder, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.certificates import Authority

USER = "postgres"


def binaries() -> Path | None:
    """Where the server's programs are: the newest of Debian's, or those on the path."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if packaged:
        return packaged[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass(frozen=True)
class Server:
    """A running server; the superuser needs no password."""

    port: int
    programs: Path
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str = "postgres", user: str = USER, password: str = "", query: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}{query}"

    def database(self) -> str:
        """The name of a new, empty database."""
        name = f"test{next(self.counter)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def query(self, sql: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        with contextlib.closing(psycopg2.connect(self.url(database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []

    def execute(self, sql: str, *values: Any, database: str = "postgres") -> None:
        self.query(sql, *values, database=database)

    def sessions(self, database: str) -> int:
        """How many sessions of ours the database has. (A store that a test put into another one keeps its own.)"""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'windvane' AND datname = %s"
        return int(self.query(sql, database)[0][0])

    def script(self, path: Path, database: str) -> None:
        """Runs an SQL file as ``psql`` does, COPY blocks and all."""
        command = [self.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=0", "-d", self.url(database), "-f", path]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def server(programs: Path, authority: Authority | None = None) -> Iterator[Server]:
    """A new server with an empty data folder. The server refuses root, so it runs as its own user then.

    With an authority it speaks TLS too, and its role ``certified`` comes in with a certificate of that name only.
    """
    with folder("wv-pg-", USER) as home:
        port = free_port()
        data = home / "data"
        command = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["--no-sync", "--no-instructions"]
        subprocess.run(
            [str(part) for part in command], check=True, stdout=subprocess.DEVNULL, cwd=home, **as_user(USER)
        )
        # The superuser comes in without a password, everybody else needs theirs.
        rules = "local all all trust\nhost all postgres 127.0.0.1/32 trust\n"
        rules += "hostssl all certified 127.0.0.1/32 cert\nhostnossl all certified all reject\n" if authority else ""
        rules += "host all all 127.0.0.1/32 scram-sha-256\n"
        (data / "pg_hba.conf").write_text(rules)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": home,
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "64MB",
            "max_connections": 100,
            "timezone": "America/New_York",
        }
        if authority is not None:
            authority.into(data)
            settings |= {"ssl": "on", "ssl_ca_file": authority.certificate.name}
        command = [programs / "postgres", "-D", data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]

        def ready() -> bool:
            check = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
            return subprocess.run(check, check=False).returncode == 0

        with running(command, home / "log", ready, stop=signal.SIGINT, cwd=home, **as_user(USER)):
            yield Server(port=port, programs=programs)
