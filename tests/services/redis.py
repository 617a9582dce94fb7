"""A throwaway Redis server."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from services.process import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator


def binary() -> Path | None:
    """The server program."""
    program = shutil.which("redis-server")
    return Path(program) if program else None


@contextlib.contextmanager
def server(program: Path) -> Iterator[str]:
    """The URL of a new server that keeps everything in memory."""
    port = free_port()

    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(7).startswith(b"+PONG")
        return False

    with tempfile.TemporaryDirectory(prefix="wv-redis-") as home:
        command = [
            program,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            home,
        ]
        with running(command, Path(home) / "log", ready):
            yield f"redis://127.0.0.1:{port}/0"
