"""The hooks read their connection and can be tested from the UI."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from airflow_windvane.hooks.llm import LlmHook

if TYPE_CHECKING:
    from collections.abc import Iterator


class Gateway(BaseHTTPRequestHandler):
    """Lists one model to whoever brings the key."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer sk-right":
            self.send_error(401, "Unauthorized")
            return
        body = json.dumps({"data": [{"id": "small"}]}).encode() if self.path == "/v1/models" else b"not json"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def hook(monkeypatch: pytest.MonkeyPatch, **fields: object) -> LlmHook:
    monkeypatch.setenv("AIRFLOW_CONN_GATE", json.dumps({"conn_type": "windvane_llm", **fields}))
    return LlmHook("gate")


def test_the_gateway_as_the_engine_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"model": "small", "timeout": 5}
    gate = hook(monkeypatch, host="https://models.example.org/v1/", password="sk-1", extra=extra)
    assert gate.get_conn() == {
        "base_url": "https://models.example.org/v1",
        "api_key": "sk-1",
        "model": "small",
        "timeout_seconds": 5.0,
    }


def test_a_good_gateway(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    gate = hook(monkeypatch, host=f"{address}/v1", password="sk-right", extra={"model": "small"})
    assert gate.test_connection() == (True, "The gateway answers and lists 1 models.")


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"path": "/v1", "password": "sk-wrong"}, "401 Unauthorized"),
        ({"path": "/v2", "password": "sk-right"}, "JSONDecodeError"),
        ({"path": "/v1", "password": "sk-right", "extra": {"model": "huge"}}, "does not list the model 'huge'"),
    ],
)
def test_a_bad_gateway(monkeypatch: pytest.MonkeyPatch, address: str, fields: dict, part: str) -> None:
    path = fields.pop("path")
    good, message = hook(monkeypatch, host=address + path, **fields).test_connection()
    assert not good
    assert part in message
    assert "sk-" not in message


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    good, message = hook(monkeypatch, host="http://127.0.0.1:1/v1").test_connection()
    assert not good
    assert message.startswith("The gateway does not answer")


@pytest.mark.parametrize("host", ["", "models.example.org", "file:///etc/passwd"])
def test_a_base_url_is_needed(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    good, message = hook(monkeypatch, host=host).test_connection()
    assert not good
    assert "needs a base URL" in message
