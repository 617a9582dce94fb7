"""A proxy that shows each message of PostgreSQL's protocol to a hook before it passes: what happens meanwhile, happens
exactly there."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

ASK_FOR_TLS = 80877103


@dataclass
class Session:
    """One connection: its number, and what the hooks note about it."""

    number: int
    copies: int = 0
    done: set[int] = field(default_factory=set)


class MessageProxy:
    """``up`` and ``down`` get the session, the message's tag and its body."""

    def __init__(
        self,
        upstream: int,
        up: Callable[[Session, bytes, bytes], None] | None = None,
        down: Callable[[Session, bytes, bytes], None] | None = None,
    ) -> None:
        self._upstream, self._up, self._down = upstream, up, down
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.close()

    @staticmethod
    def _spawn(target: object, *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            for number in range(1, 1000):
                client, _ = self._listener.accept()
                # Small, so that who reads slowly is felt.
                server = socket.socket()
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
                server.connect(("127.0.0.1", self._upstream))
                self._ends += [client, server]
                session = Session(number)
                self._spawn(self._pump, session, client, server, self._up, True)
                self._spawn(self._pump, session, server, client, self._down, False)

    @staticmethod
    def _pump(session: Session, one: socket.socket, other: socket.socket, hook: object, begins: bool) -> None:
        stream = one.makefile("rb")
        with contextlib.suppress(OSError, struct.error):
            while begins:
                head = stream.read(4)
                body = stream.read(struct.unpack("!i", head)[0] - 4)
                begins = body[:4] == struct.pack("!i", ASK_FOR_TLS)
                if begins:
                    one.sendall(b"N")
                else:
                    other.sendall(head + body)
            while len(head := stream.read(5)) == 5:
                body = stream.read(struct.unpack("!i", head[1:])[0] - 4)
                if hook is not None:
                    hook(session, head[:1], body)  # type: ignore[operator]
                other.sendall(head + body)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
