"""A TCP proxy that misbehaves as networks do: slow, narrow, cut, deaf in one direction, or silent.

Faults are set while it runs and hold for every connection, also for those that are open. ``up`` is from the client to
the server, ``down`` the way back. Jitter comes from a seed.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

UP, DOWN = "up", "down"
BOTH = frozenset({UP, DOWN})
CHUNK = 16 << 10
# Small, so that a proxy that reads no more soon makes its peer wait.
WINDOW = 64 << 10
TICK = 0.02


@dataclass(frozen=True)
class Fault:
    """What is wrong. Nothing by default.

    ``after`` counts the bytes of one connection in the direction ``counts``; ``word`` waits for these bytes on the way up
    instead, and lets them pass.
    """

    latency: float = 0.0
    """Seconds on average that each piece takes longer, in either direction."""
    bandwidth: float | None = None
    """Bytes a second, each direction of each connection for itself."""
    reset: bool = False
    """Ends the connection with RST."""
    mute: frozenset[str] = frozenset()
    """Directions in which nothing is taken from the sender any more, while the connection stays."""
    after: int = 0
    counts: str = DOWN
    word: bytes = b""
    only_once: bool = False
    """Connections that are made after the first one was hit are spared."""


@dataclass(eq=False)
class _Link:
    client: socket.socket
    server: socket.socket
    spared: bool
    passed: dict[str, int] = field(default_factory=lambda: {UP: 0, DOWN: 0})
    heard: bytes = b""
    hit: bool = False

    def cut(self) -> None:
        """RST to both ends."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Wakes the thread that waits for this end; close alone would not.
            with contextlib.suppress(OSError):
                end.close()


class FaultProxy:
    """Listens on ``port`` of the loopback and forwards to a server, as far as the fault lets it."""

    def __init__(
        self, upstream: int, fault: Fault | None = None, *, host: str = "127.0.0.1", seed: int = 20261121
    ) -> None:
        self.fault = fault or Fault()
        self.hits = 0
        self.connections = 0
        self._upstream = (host, upstream)
        self._random = random.Random(seed)
        self._links: list[_Link] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._listener.listen(64)
        self._listener.settimeout(TICK)
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._listener.close()
        for link in self._links:
            link.cut()

    def calm(self) -> None:
        """No fault any more; connections that were hit are cut."""
        self.fault = Fault()
        for link in self._links:
            if link.hit:
                link.cut()

    def passed(self, direction: str) -> int:
        """Bytes of all connections so far."""
        return sum(link.passed[direction] for link in self._links)

    @staticmethod
    def _spawn(target: object, *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream, timeout=5)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.settimeout(TICK)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, server, spared=self.fault.only_once and self.hits > 0)
            self._links.append(link)
            self.connections += 1
            self._spawn(self._pump, link, UP)
            self._spawn(self._pump, link, DOWN)

    def _pump(self, link: _Link, direction: str) -> None:
        source, sink = (link.client, link.server) if direction == UP else (link.server, link.client)
        while not self._stopping.is_set():
            if self._due(link, direction) and direction in self.fault.mute:
                time.sleep(TICK)
                continue
            try:
                data = source.recv(self._room(link, direction))
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                # An end that goes away goes away for the other one too, also when that one is not listened to.
                with contextlib.suppress(OSError):
                    sink.shutdown(socket.SHUT_WR)
                return
            self._delay(len(data))
            if direction == UP and self.fault.word:
                link.heard = (link.heard + data)[-len(data) - len(self.fault.word) :]
                if self.fault.word in link.heard:
                    self._hit(link)
            try:
                self._send(sink, data)
            except OSError:
                return
            link.passed[direction] += len(data)
            if self._due(link, direction) and self.fault.reset:
                link.cut()
                return

    def _room(self, link: _Link, direction: str) -> int:
        """How much may pass before the fault is due."""
        fault = self.fault
        acts = fault.reset or fault.mute
        if link.spared or not acts or fault.word or direction != fault.counts:
            return CHUNK
        left = fault.after - link.passed[direction]
        return max(1, min(CHUNK, left)) if left > 0 else CHUNK

    def _due(self, link: _Link, direction: str) -> bool:
        """Whether the fault has struck this connection."""
        fault = self.fault
        if link.spared or not (fault.reset or fault.mute):
            return False
        if not link.hit and not fault.word and link.passed[fault.counts] >= fault.after:
            self._hit(link)
        return link.hit

    def _hit(self, link: _Link) -> None:
        with self._lock:
            if not link.hit and not link.spared:
                link.hit = True
                self.hits += 1

    def _delay(self, size: int) -> None:
        fault = self.fault
        pause = fault.latency * self._random.uniform(0.5, 1.5)
        if fault.bandwidth:
            pause += size / fault.bandwidth
        if pause:
            time.sleep(pause)

    def _send(self, sink: socket.socket, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._stopping.is_set():
            try:
                rest = rest[sink.send(rest) :]
            except TimeoutError:
                continue
