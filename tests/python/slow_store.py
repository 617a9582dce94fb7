"""A slow way to an object store."""

from __future__ import annotations

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

EVERY = ("GET", "PUT", "POST", "DELETE", "HEAD")


class Quiet(ThreadingHTTPServer):
    """A killed client is no news."""

    def handle_error(self, *_: Any) -> None:
        pass


class Slow:
    """A way to the server that passes some requests on slowly, so that a kill finds work at every place."""

    def __init__(self, port: int, seconds: float, slowly: Collection[str] = ("PUT", "POST")) -> None:
        outer = self
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.requests.append((self.command, self.path))
                outer.headers.append(dict(self.headers.items()))
                time.sleep(seconds if self.command in slowly else 0)
                inner = http.client.HTTPConnection("127.0.0.1", port)
                inner.request(self.command, self.path, body, dict(self.headers.items()))
                answer = inner.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"transfer-encoding", "connection", "content-length", "server", "date"}:
                        self.send_header(name, value)
                length = answer.getheader("content-length") if self.command == "HEAD" else str(len(content))
                self.send_header("content-length", length or "0")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
