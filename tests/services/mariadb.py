"""A throwaway MariaDB server."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql

from services.process import as_user, folder, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.certificates import Authority

USER = "mysql"


def binaries() -> Path | None:
    """The server program, when its setup program is there too."""
    program = shutil.which("mariadbd") or shutil.which("/usr/sbin/mariadbd")
    return Path(program) if program and shutil.which("mariadb-install-db") else None


@dataclass(frozen=True)
class Server:
    """A running server; root needs no password."""

    port: int
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str = "mysql", user: str = "root", password: str = "", query: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"mysql://{user}{secret}@127.0.0.1:{self.port}/{database}{query}"

    def database(self) -> str:
        """The name of a new, empty database, whose tables take every letter."""
        name = f"test{next(self.counter)}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def query(self, sql: str, *values: Any, database: str = "mysql") -> list[tuple[Any, ...]]:
        """One statement in a session that takes everything: zero dates too."""
        with (
            contextlib.closing(
                pymysql.connect(
                    host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True, charset="utf8mb4"
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SET sql_mode = '', time_zone = '+00:00'")
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def execute(self, sql: str, *values: Any, database: str = "mysql") -> None:
        self.query(sql, *values, database=database)


@contextlib.contextmanager
def server(program: Path, authority: Authority | None = None, **settings: Any) -> Iterator[Server]:
    """A new server with an empty data folder. The server refuses root, so it runs as its own user then.

    With an authority it speaks TLS too.
    """
    with folder("wv-my-", USER) as home:
        port = free_port()
        data = home / "data"
        setup = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        setup += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
        subprocess.run(
            setup, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home, **as_user(USER)
        )
        asked = {
            "datadir": data,
            "port": port,
            "bind-address": "127.0.0.1",
            "socket": home / "s.sock",
            "pid-file": home / "pid",
            "innodb-flush-log-at-trx-commit": 0,
            "innodb-buffer-pool-size": "64M",
            "default-time-zone": "-05:00",
            **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        if authority is not None:
            signed = authority.into(home)
            trusted = home / authority.certificate.name
            asked |= {"ssl-cert": signed.certificate, "ssl-key": signed.key, "ssl-ca": trusted}
        command = [program, "--no-defaults", "--skip-name-resolve"]
        command += [f"--{name}={value}" for name, value in asked.items()]
        running_server = Server(port=port)

        def ready() -> bool:
            try:
                running_server.query("SELECT 1")
            except pymysql.Error:
                return False
            return True

        with running(command, home / "log", ready, cwd=home, **as_user(USER)):
            yield running_server
