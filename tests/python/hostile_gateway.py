"""A service that looks like a model and behaves like a bad day: each request gets the next answer of a script."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Reply:
    """One answer: a chat completion around ``content``, or a raw body."""

    content: str | None = None
    refusal: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: str | None = None
    silent: bool = False
    # Sent without a length, piece by piece, until the caller has enough.
    pieces: Callable[[], Iterator[bytes]] | None = None

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw.encode()
        if self.status != 200:
            error = {
                "message": "no; your key sk-test-0123456789abcdef is odd",
                "type": "x",
                "param": None,
                "code": None,
            }
            return json.dumps({"error": error}).encode()
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        return json.dumps(
            {
                "id": "c1",
                "object": "chat.completion",
                "created": 1,
                "model": "scripted",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
            }
        ).encode()


def says(document: Any) -> Reply:
    """An answer of the right outer shape with this JSON inside."""
    return Reply(content=json.dumps(document))


class Gateway:
    """The running service: its settings for a request, and what it was asked."""

    def __init__(self, url: str, asked: list[dict[str, Any]], released: threading.Event) -> None:
        self.url = url
        self.asked = asked
        self.released = released

    def settings(self, **changes: Any) -> dict[str, Any]:
        base = {"base_url": self.url, "api_key": "sk-test-0123456789abcdef", "model": "scripted", "timeout_seconds": 10}
        return {**base, **changes}

    def sent(self) -> str:
        """Everything that left the house."""
        return json.dumps(self.asked)


@contextmanager
def hostile(*script: Reply) -> Iterator[Gateway]:
    """Serves the script; the last reply is repeated."""
    asked: list[dict[str, Any]] = []
    released = threading.Event()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                reply = script[min(len(asked), len(script) - 1)]
                asked.append(body)
            self.close_connection = True
            if reply.silent:
                released.wait(30)
                return
            if reply.pieces is not None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                with suppress(OSError):
                    for piece in reply.pieces():
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                return
            data = reply.body()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Gateway(f"http://127.0.0.1:{server.server_address[1]}/v1", asked, released)
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()
