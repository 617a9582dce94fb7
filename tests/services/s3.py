"""A throwaway S3: moto's server, with real signatures where a test asks for them."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import itertools
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from services.process import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
SECRET = "wJalr/XUtnFEMI+K7=MDENG"


def installed() -> bool:
    """Whether moto's server is there."""
    return all(importlib.util.find_spec(name) for name in ("moto", "boto3", "flask"))


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connection(self, *, port: int | None = None, secret: str = SECRET) -> str:
        """The URL of an Airflow connection of the type ``aws``."""
        endpoint = quote(f"http://127.0.0.1:{port or self.port}", safe="")
        return f"aws://AKIAEXAMPLE:{quote(secret, safe='')}@/?region_name={REGION}&endpoint_url={endpoint}"

    @functools.cached_property
    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key=SECRET,
        )

    def bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"bucket{next(self.counter)}"
        self.client.create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", []))

    def get(self, bucket: str, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=content)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A new server without buckets; all of it is in memory."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    def ready() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=1):
            return True
        return False

    with tempfile.TemporaryDirectory(prefix="wv-s3-") as home, running(command, Path(home) / "log", ready):
        yield Server(port)
