"""Files in an object store: the conformance suite on S3, what a load leaves in the bucket, races and dead loads."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane
from conformance import Conformance, Home, call, column
from pipelines import move, outside, write_spec
from slow_store import Slow
from windvane.errors import (
    AuthError,
    ConflictError,
    MissingError,
    SpecError,
    UnavailableError,
    UnsupportedError,
    WindvaneError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.s3 import Server

Answer = dict[str, Any]
IDS = [column("id", "int64")]


def home_in(s3: Server, kind: str, compression: str | None = None, **more: Any) -> Home:
    address = f"s3://{s3.bucket()}/lake"
    target = {"path": address, "connection": "store", **({"compression": compression} if compression else {}), **more}
    source = {"files": {"path": address, "connection": "store"}}
    return Home(target={kind: target}, source=source, connections={"store": s3.connection()})


def bucket_of(home: Home) -> str:
    path: str = home.source["files"]["path"]
    return path.split("/")[2]


class TestParquet(Conformance):
    @pytest.fixture
    def home(self, s3: Server) -> Home:
        return home_in(s3, "parquet")


class TestCsv(Conformance):
    @pytest.fixture(params=[None, "gzip"])
    def home(self, s3: Server, request: pytest.FixtureRequest) -> Home:
        return home_in(s3, "csv", request.param)


class TestJsonl(Conformance):
    @pytest.fixture(params=[None, "zstd"])
    def home(self, s3: Server, request: pytest.FixtureRequest) -> Home:
        return home_in(s3, "jsonl", request.param)


def source(s3: Server, bucket: str, path: str, kind: str = "files", **more: Any) -> Answer:
    settings = {"path": f"s3://{bucket}/{path}", "connection": "store", **more}
    return {"source": {kind: settings}, "connections": {"store": s3.connection()}}


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def test_folders_globs_and_names(s3: Server) -> None:
    bucket = s3.bucket()
    text = b"x,y\n1,2\n"
    for name in ["in/b.csv", "in/a.tsv", "in/c.csv.gz", "in/notes.md", "in/_private.csv", "in/deep/z.csv"]:
        s3.put(bucket, name, gzip.compress(text) if name.endswith("gz") else text)

    def names(path: str, kind: str = "files", **more: Any) -> list[str]:
        return [found["name"] for found in call("datasets", source(s3, bucket, path, kind, **more))["datasets"]]

    assert names("in") == ["a", "b", "c"]
    assert names("in/*.csv") == ["b"]
    assert names("in/**/*.csv") == ["b", "z"]
    assert names("in/notes.md", "csv") == ["notes"]
    with pytest.raises(MissingError) as caught:
        names("in/*.parquet")
    assert caught.value.hint
    with pytest.raises(MissingError):
        call("datasets", source(s3, "no-such-bucket", "in"))


def test_the_bucket_holds_what_the_manifest_says(s3: Server) -> None:
    home = home_in(s3, "parquet")
    for load_id in ["one", "two"]:
        home.load("items", IDS, [{"id": 1}, {"id": 2}], load_id=load_id)
    keys = s3.keys(bucket_of(home))
    manifest = json.loads(s3.get(bucket_of(home), "lake/items/_manifest.json"))
    (part,) = manifest["parts"]
    assert keys == ["lake/items/_manifest.json", f"lake/items/{part['path']}"]
    assert part["path"].startswith("part-two.")
    assert [done["load_id"] for done in manifest["loads"]] == ["one", "two"]
    # An earlier load that comes again is done already, and changes nothing.
    assert home.load("items", IDS, [{"id": 9}], load_id="one")["already"] is True
    assert home.rows("items") == [{"id": 1}, {"id": 2}]


def test_a_large_file_goes_up_in_parts_and_comes_down_in_ranges(s3: Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    table = pa.table({"id": range(300_000), "noise": [os.urandom(32).hex() for _ in range(300_000)]})
    s3.put(bucket, "in/big.parquet", parquet(table, row_group_size=20_000))
    answer = call("read_rows", {**source(s3, bucket, "in"), "dataset": "big", "schema": IDS})
    assert answer["rows"] == [{"id": number} for number in range(300_000)]
    home = home_in(s3, "csv")
    fields = [column("id", "int64"), column("noise", "text")]
    rows = [{"id": number, "noise": os.urandom(200).hex()} for number in range(30_000)]
    assert home.load("big", fields, rows)["bytes"] > 9 << 20
    assert home.rows("big") == sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def test_concurrent_appends_lose_nothing(s3: Server) -> None:
    home = home_in(s3, "parquet")

    def append(number: int) -> None:
        home.load("log", IDS, [{"id": number}], mode="append", load_id=f"load{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(12)))
    assert sorted(row["id"] for row in home.rows("log")) == list(range(12))
    assert len(s3.keys(bucket_of(home))) == 13


def test_concurrent_attempts_of_one_load_are_one_load(s3: Server) -> None:
    home = home_in(s3, "parquet")

    def append(_: int) -> Answer:
        return home.load("log", IDS, [{"id": 1}], mode="append", load_id="same")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(append, range(4)))
    assert home.rows("log") == [{"id": 1}]
    assert len({answer["checksum"] for answer in answers}) == 1
    assert len(s3.keys(bucket_of(home))) == 2


@pytest.fixture
def slow(s3: Server) -> Iterator[Slow]:
    way = Slow(s3.port, 0.15)
    yield way
    way.server.shutdown()


LOAD_AND_DIE = """
import os, sys, threading, time
from windvane import _core
request, delay = sys.stdin.read(), float(sys.argv[1])
threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), 9)), daemon=True).start()
_core.load_rows(request)
"""


@pytest.mark.parametrize("mode", ["append", "replace", "merge"])
def test_a_load_killed_anywhere_is_as_if_it_never_was(
    s3: Server, slow: Slow, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_in(s3, "parquet")
    fields = [column("id", "int64"), column("text", "text")]
    home.load("items", fields, [{"id": -1, "text": "before"}], load_id="before")
    before = home.rows("items")
    killed = 0
    for attempt in range(8):
        rows = [{"id": number, "text": f"{attempt} {number}"} for number in range(50)]
        asked = {"target": home.target, "dataset": "items", "schema": fields, "rows": rows, "mode": mode, "key": ["id"]}
        request = home.request(**asked, load_id=f"load{attempt}")
        request["connections"] = {"store": s3.connection(port=slow.port)}
        done = subprocess.run(
            [sys.executable, "-c", LOAD_AND_DIE, str(0.15 + attempt * 0.1)],
            input=json.dumps(request),
            text=True,
            check=False,
        )
        killed += done.returncode == -signal.SIGKILL
        wanted = {"append": before + rows, "replace": rows, "merge": [*rows, {"id": -1, "text": "before"}]}[mode]
        assert len(home.rows("items")) in {len(before), len(wanted)}
        call("load_rows", home.request(**asked, load_id=f"load{attempt}"))
        before = home.rows("items")
        assert before == sorted(wanted, key=lambda row: json.dumps(row, sort_keys=True))
    assert killed > 0
    # What the dead ones left is nobody's once their leases are old; the next load removes it.
    monkeypatch.setenv("WINDVANE_LEASE_SECONDS", "1")
    time.sleep(2.5)
    home.load("items", fields, [], mode="append", load_id="last")
    manifest = json.loads(s3.get(bucket_of(home), "lake/items/_manifest.json"))
    wanted_keys = {"lake/items/_manifest.json"} | {f"lake/items/{part['path']}" for part in manifest["parts"]}
    assert set(s3.keys(bucket_of(home))) == wanted_keys


def test_the_files_of_a_running_load_are_left_alone(s3: Server) -> None:
    home = home_in(s3, "parquet")
    bucket = bucket_of(home)
    running = "lake/items/part-other.0123456789abcdef.parquet"
    s3.put(bucket, "lake/items/_leases/0123456789abcdef", b"other")
    s3.put(bucket, running, b"half")
    home.load("items", IDS, [{"id": 1}])
    assert home.rows("items") == [{"id": 1}]
    assert running in s3.keys(bucket)


def test_files_of_others_are_never_hidden_or_replaced(s3: Server) -> None:
    home = home_in(s3, "csv")
    s3.put(bucket_of(home), "lake/items/part-0.csv", b"id\n1\n")
    for mode in ["replace", "append"]:
        with pytest.raises(ConflictError) as caught:
            home.load("items", IDS, [{"id": 2}], mode=mode)
        assert caught.value.hint
    assert s3.keys(bucket_of(home)) == ["lake/items/part-0.csv"]


def test_a_store_that_is_away_says_so_and_keeps_the_secret(s3: Server) -> None:
    home = home_in(s3, "parquet")
    url = s3.connection(port=1)
    with pytest.raises(UnavailableError) as caught:
        call(
            "load_rows",
            {
                **home.request(target=home.target),
                "connections": {"store": url},
                "dataset": "x",
                "schema": IDS,
                "rows": [{"id": 1}],
                "load_id": "a",
            },
        )
    text = f"{caught.value} {caught.value.hint}"
    assert "MDENG" not in text
    assert "AKIAEXAMPLE" not in text


def test_connections_that_do_not_fit_are_refused(s3: Server) -> None:
    bucket = s3.bucket()
    for url in ["postgresql://u:hush@h/d", "aws://k:hush@/?role_arn=x", "wasb://a:hush@/"]:
        with pytest.raises(WindvaneError) as caught:
            call("datasets", {**source(s3, bucket, "x"), "connections": {"store": url}})
        assert caught.value.kind in {"spec", "unsupported"}
        assert "hush" not in str(caught.value)
    for path in ["s3://key:hush@bucket/x", "s3:///x", "ftp://host/x", "https://bucket/x"]:
        with pytest.raises((SpecError, UnsupportedError)) as refused:
            call("datasets", {"source": {"files": {"path": path}}})
        assert "hush" not in str(refused.value)


def test_the_environment_speaks_where_no_connection_is_named(s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket()
    s3.put(bucket, "in/a.csv", b"x\n1\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    (found,) = windvane.discover(f"s3://{bucket}/in")["datasets"]
    assert (found["name"], found["rows"]) == ("a", 1)


class Recorder:
    """Answers every request with 403 and remembers it: Google's and Microsoft's servers cannot be had here."""

    def __init__(self) -> None:
        outer = self
        self.seen: list[tuple[str, str, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            def pass_on(self) -> None:
                outer.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                self.send_response(403)
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http%3A%2F%2F127.0.0.1%3A{self.server.server_port}"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    seen = Recorder()
    yield seen
    seen.server.shutdown()


@pytest.mark.parametrize(
    ("path", "connection", "asked", "header", "value"),
    [
        (
            "gs://bucket/in",
            "google-cloud-platform:///?token=tok&base_url={url}",
            "/bucket",
            "authorization",
            "Bearer tok",
        ),
        ("az://box/in", "wasb://acct:a2V5@/?endpoint_url={url}", "/box", "authorization", "SharedKey acct:"),
        ("az://box/in", "wasb://acct@/?sas_token=sv%3D1%26sig%3Ds&endpoint_url={url}", "sig=s", "x-ms-version", "20"),
        (
            "abfss://box@acct.dfs.core.windows.net/in",
            "wasb://:a2V5@/?endpoint_url={url}",
            "/box",
            "authorization",
            "SharedKey acct:",
        ),
    ],
)
def test_addresses_and_credentials_make_the_right_requests(
    recorder: Recorder, path: str, connection: str, asked: str, header: str, value: str
) -> None:
    request = {"source": {"files": {"path": path, "connection": "store"}}}
    with pytest.raises(AuthError):
        call("datasets", {**request, "connections": {"store": connection.format(url=recorder.url)}})
    method, target, headers = recorder.seen[0]
    assert method == "GET"
    assert asked in target
    assert headers[header].startswith(value)


def test_a_pipeline_from_a_store_into_a_store(s3: Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    s3.put(bucket, "in/sales.csv", b"id,day,amount\n1,2026-11-20,1.50\n2,2026-11-21,2.50\n3,2026-11-21,oops\n")
    place = {"path": f"s3://{bucket}/in", "connection": "store"}
    lake = {"path": f"s3://{bucket}/lake", "connection": "store", "partition_by": ["day"]}
    spec = write_spec(tmp_path, "lake", source={"csv": place}, target={"parquet": lake})
    world = outside(tmp_path, store=s3.connection())
    for run in ("r1", "r1", "r2"):
        record = move(spec, run, **world)
        assert record["reconciliation"]["balanced"]
        assert record["outputs"][0]["loaded"] == 3
    days = {key.split("/")[2] for key in s3.keys(bucket) if key.startswith("lake/sales/day=")}
    assert days == {"day=2026-11-20", "day=2026-11-21"}
