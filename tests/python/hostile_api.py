"""A JSON API in a thread, scripted by a function: what it was asked is kept, what it answers is the script's."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Asked:
    """One request."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: str = ""
    at: float = field(default_factory=time.monotonic)


@dataclass
class Reply:
    """One answer: a document, or a raw body; ``cut``: the connection ends before the body does."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: bool = False


@dataclass
class Api:
    """The running service and what it was asked."""

    port: int
    asked: list[Asked]

    def url(self, login: str = "", path: str = "", query: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}{path}{'?' + query if query else ''}"

    def times(self) -> list[float]:
        return [one.at for one in self.asked]


@contextmanager
def serving(script: Callable[[Asked], Any]) -> Iterator[Api]:
    """Serves what the script says: a :class:`Reply`, or a document."""
    asked: list[Asked] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Asked(split.path, dict(parse_qsl(split.query)), headers, self.rfile.read(length).decode())
            with lock:
                asked.append(one)
                answer = script(one)
            reply = answer if isinstance(answer, Reply) else Reply(answer)
            data = reply.raw if reply.raw is not None else json.dumps(reply.document).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data) + (100 if reply.cut else 0)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Api(server.server_address[1], asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
