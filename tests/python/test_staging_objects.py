"""Staging in an object store: workers that share no disk, kills, second tries, what lies there afterwards, pruning."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, write_spec
from slow_store import EVERY, Slow
from windvane import cli, stages
from windvane.errors import AuthError, MissingError, WindvaneError
from windvane.shell import doctor

if TYPE_CHECKING:
    from services.s3 import Server

ROWS = 40
MODES = {"replace": {}, "append": {}, "merge": {"key": "id"}, "history": {"key": "id"}}

STAGE = """
import json, os, sys, threading, time
from windvane import stages
asked = json.load(sys.stdin)
if asked["die_after"] is not None:
    threading.Thread(target=lambda: (time.sleep(asked["die_after"]), os.kill(os.getpid(), 9)), daemon=True).start()
print(json.dumps(getattr(stages, asked["verb"])(*asked["given"], **asked["named"])))
"""


class Workers:
    """Each call runs on a machine of its own: another home, another folder for temporary files, another name."""

    def __init__(self, folder: Path, world: dict[str, Any]) -> None:
        self.folder, self.world, self.count = folder, world, 0

    def __call__(self, verb: str, *given: Any, die_after: float | None = None, **named: Any) -> Any:
        self.count += 1
        home = self.folder / f"worker{self.count}"
        (home / "tmp").mkdir(parents=True)
        named = {"host": f"worker-{self.count}", **self.world, **named}
        done = subprocess.run(
            [sys.executable, "-c", STAGE],
            input=json.dumps({"verb": verb, "given": given, "named": named, "die_after": die_after}),
            env={**os.environ, "HOME": str(home), "TMPDIR": str(home / "tmp")},
            capture_output=True,
            text=True,
            check=False,
        )
        left = [path for path in home.rglob("*") if path.is_file()]
        if done.returncode == -signal.SIGKILL:
            return None
        assert done.returncode == 0, done.stderr
        assert not left, "a worker keeps something on its own disk"
        return json.loads(done.stdout)

    def run(self, spec: Path, run: str) -> dict[str, Any]:
        """Every stage, each on another worker."""
        base = {"run": run, "base": str(spec.parent)}
        plan = self("plan", str(spec), run=run)["plan_file"]
        assert plan.startswith("s3://store@")
        receipts = []
        for output in ["orders"]:
            pieces = self("split", plan, output, **base)
            extracted = [self("extract", plan, output, piece=piece, **base) for piece in pieces]
            transformed = self("transform", plan, output, extracted, **base)
            verdict = self("validate", plan, output, transformed, extracted, **base)
            receipts.append(self("load", plan, output, verdict, **base))
        record: dict[str, Any] = self("record", plan, receipts, **base)
        return record


def sqlite_rows(path: Path, table: str) -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def _spec(folder: Path, mode: str = "replace", **more: Any) -> Path:
    lines = "".join(f"{number},{number % 3},{'x' if number == 7 else number * 10}\n" for number in range(ROWS))
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "orders.csv").write_text(f"id,kind,amount\n{lines}")
    (folder / "in" / "kinds.csv").write_text("kind,name\n0,zero\n1,one\n")
    dataset = {
        "strategy": "staged",
        "mode": mode,
        **MODES[mode],
        "partitions": 3,
        "steps": [{"cast": {"amount": "int64"}}],
        "checks": [{"references": {"column": "kind", "dataset": "kinds"}}],
        **more.pop("dataset", {}),
    }
    return write_spec(
        folder,
        "shop",
        source={"csv": {"path": str(folder / "in")}},
        target={"sqlite": {"path": str(folder / "shop.db")}},
        datasets={"orders": dataset, "kinds": {"load": False}},
        **more,
    )


def _place(s3: Server) -> tuple[str, str]:
    bucket = s3.bucket()
    return bucket, f"s3://store@{bucket}/deep/staging"


def _world(folder: Path, s3: Server, place: str) -> dict[str, Any]:
    return {**outside(folder, store=s3.connection()), "staging": place, "roots": [str(folder)]}


# Of 40 rows 13 have a kind that does not exist, and the row 7, whose kind does, has no number.
LOADED = ROWS - 13 - 1


@pytest.mark.parametrize("mode", MODES)
def test_every_stage_on_another_worker(s3: Server, tmp_path: Path, mode: str) -> None:
    bucket, place = _place(s3)
    workers = Workers(tmp_path, _world(tmp_path, s3, place))
    spec = _spec(tmp_path, mode)
    record = workers.run(spec, "r1")
    assert record["reconciliation"] == {
        **record["reconciliation"],
        "loaded": LOADED,
        "quarantined": 14,
        "balanced": True,
    }
    assert len(sqlite_rows(tmp_path / "shop.db", "orders")) == LOADED
    files = record["outputs"][0]["quarantine"]
    assert all(file.startswith(f"s3://{bucket}/deep/staging/shop.runs/r1.1/") for file in files)
    lines = [json.loads(line) for file in files for line in s3.get(bucket, file.split("/", 3)[3]).splitlines()]
    assert len(lines) == 14
    assert all("source" in line or line["stage"] == "extract" for line in lines)
    # Staged rows go with the run's end, quarantine and the plan stay.
    assert [key for key in s3.keys(bucket) if key.endswith(".parquet")] == []
    # The same run again, on yet other workers.
    again = workers.run(spec, "r1")
    assert again["reconciliation"]["loaded"] == LOADED
    assert len(sqlite_rows(tmp_path / "shop.db", "orders")) == LOADED


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_a_whole_run_and_a_replay_by_address(s3: Server, tmp_path: Path, strategy: str) -> None:
    bucket, place = _place(s3)
    world = _world(tmp_path, s3, place)
    spec = _spec(tmp_path, "append", dataset={"strategy": strategy, "checks": [], "partitions": 1})
    record = move(spec, **world)
    (file,) = record["outputs"][0]["quarantine"]
    assert file.startswith(f"s3://{bucket}/deep/staging/")
    assert "source" in json.loads(s3.get(bucket, file.split("/", 3)[3]))
    mended = s3.get(bucket, file.split("/", 3)[3]).replace(b'"x"', b'"70"')
    s3.put(bucket, file.split("/", 3)[3], mended)
    for _ in range(2):
        replayed = wv.run(spec, replay=file, rules_only=True, **world)
        assert replayed["reconciliation"]["loaded"] == 1
    assert len(sqlite_rows(tmp_path / "shop.db", "orders")) == ROWS
    with pytest.raises(MissingError, match="no such quarantine file"):
        wv.run(spec, replay=f"{file}.not", rules_only=True, **world)


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_stages_that_are_killed_are_done_again(s3: Server, tmp_path: Path, mode: str) -> None:
    """Each stage is killed a little later every time until it comes through; then the next one on another worker."""
    bucket, place = _place(s3)
    slow = Slow(s3.port, 0.08, EVERY)
    world = _world(tmp_path, s3, place)
    world["connections"] = {"store": s3.connection(port=slow.port)}
    workers = Workers(tmp_path, world)
    spec = _spec(tmp_path, mode, dataset={"partitions": 1})
    base, killed = {"run": "r1", "base": str(tmp_path)}, 0

    def until_done(verb: str, *given: Any, **named: Any) -> Any:
        nonlocal killed
        wait = 0.35
        while (done := workers(verb, *given, die_after=wait, **named)) is None:
            killed += 1
            wait += 0.35
        return done

    plan = workers("plan", str(spec), run="r1")["plan_file"]
    extracted = until_done("extract", plan, "orders", **base)
    transformed = until_done("transform", plan, "orders", extracted, **base)
    verdict = until_done("validate", plan, "orders", transformed, extracted, **base)
    receipt = until_done("load", plan, "orders", verdict, **base)
    record = workers("record", plan, [receipt], **base)
    slow.server.shutdown()
    assert killed >= 4
    assert record["reconciliation"]["balanced"]
    rows = sqlite_rows(tmp_path / "shop.db", "orders")
    assert sorted(row["id"] for row in rows) == [n for n in range(ROWS) if n % 3 != 2 and n != 7]
    # What is there is whole: no half of a file has a name.
    for file in record["outputs"][0]["quarantine"]:
        lines = s3.get(bucket, file.split("/", 3)[3]).splitlines()
        assert all(json.loads(line) for line in lines)


def test_prune_by_address(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, place = _place(s3)
    world = _world(tmp_path, s3, place)
    spec = _spec(tmp_path)
    for run in ("r1", "r2"):
        move(spec, run, **world)
    for run in ("r1", "r9"):
        stages.plan(str(spec), run=run, **world)
    s3.put(bucket, "deep/other/keep.txt", b"x")
    s3.put(bucket, "deep/staging/keep.txt", b"x")
    before = s3.keys(bucket)
    known = {key: world[key] for key in ("store", "staging", "connections")}
    assert wv.prune(**known)["removed"] == []
    tried = wv.prune(keep=0, dry_run=True, **known)
    assert {(one["pipeline"], one["run"]) for one in tried["removed"]} == {("shop", "r1"), ("shop", "r2")}
    assert all(one["path"].startswith(f"s3://{bucket}/deep/staging/") for one in tried["removed"])
    assert s3.keys(bucket) == before
    monkeypatch.setenv("WINDVANE_CONN_STORE", s3.connection())
    monkeypatch.setenv("WINDVANE_STORE", world["store"])
    assert cli.main(["prune", "--staging", place, "--keep", "0"]) == 0
    # A plan younger than an hour of a run that nobody knows stays, as does what is not ours.
    stays = ["deep/other/keep.txt", "deep/staging/keep.txt", "deep/staging/plans/shop.r9.plan.json"]
    assert s3.keys(bucket) == stays


def test_prune_finds_the_staging_that_a_spec_names(s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, place = _place(s3)
    world = _world(tmp_path, s3, place)
    move(_spec(tmp_path, staging=place), "r1", **{**world, "staging": None})
    monkeypatch.setenv("WINDVANE_CONN_STORE", s3.connection())
    monkeypatch.setenv("WINDVANE_STAGING", str(tmp_path / "unused"))
    left = s3.keys(bucket)
    assert any(".runs/" in key for key in left), left
    tried = wv.prune(keep=0, dry_run=True, store=world["store"])
    assert [one["run"] for one in tried["removed"]] == ["r1"]
    assert s3.keys(bucket) == left
    wv.prune(keep=0, store=world["store"])
    assert not [key for key in s3.keys(bucket) if ".runs/" in key]


def test_doctor_says_what_is_wrong_at_once(s3: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bucket, place = _place(s3)
    monkeypatch.setenv("WINDVANE_CONN_STORE", s3.connection())
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "store.db"))

    def found(place: str) -> dict[str, Any]:
        findings = {one["what"]: one for one in doctor.examine(place)["findings"]}
        return dict(findings["staging"])

    good = found(place)
    assert good["ok"], good
    assert "connection 'store'" in good["found"]
    assert s3.keys(bucket) == []
    bad = found("s3://store@no-such-bucket/x")
    assert not bad["ok"]
    assert "NoSuchBucket" in bad["found"]
    assert "no such bucket" in bad["hint"]
    undefined = found("s3://nobody@bucket/x")
    assert not undefined["ok"]
    assert "connection 'nobody' is not defined" in undefined["found"]
    for scheme in ("ftp", "hdfs", "file"):
        assert not found(f"{scheme}://bucket/x")["ok"]
    with pytest.raises(MissingError, match="cannot be used"):
        move(_spec(tmp_path), **_world(tmp_path, s3, "s3://store@no-such-bucket/x"))
    # Before anything was read or loaded.
    assert not (tmp_path / "shop.db").exists()


class Refusing:
    """Answers every request with 403 and remembers it: Google's and Microsoft's servers cannot be had here."""

    def __init__(self) -> None:
        seen: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def refuse(self) -> None:
                seen.append((self.command, self.path))
                self.send_response(403)
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = refuse  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.seen = seen
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http%3A%2F%2F127.0.0.1%3A{self.server.server_port}"


@pytest.mark.parametrize(
    ("place", "connection", "asked"),
    [
        ("gs://other@bucket/rests", "google-cloud-platform:///?token=tok&base_url={url}", "/bucket/"),
        ("az://other@box/rests", "wasb://acct:a2V5@/?endpoint_url={url}", "/box/rests/"),
        ("abfs://other@box/rests", "wasb://acct:a2V5@/?endpoint_url={url}", "/box/rests/"),
    ],
)
def test_other_stores_are_asked_at_once(tmp_path: Path, place: str, connection: str, asked: str) -> None:
    refusing = Refusing()
    world = {**outside(tmp_path, other=connection.format(url=refusing.url)), "staging": place}
    with pytest.raises(AuthError, match="cannot be used") as caught:
        move(_spec(tmp_path), **world)
    refusing.server.shutdown()
    assert "a2V5" not in str(caught.value)
    assert "CONNECTION@bucket" in str(caught.value.hint)
    assert asked in refusing.seen[0][1]


def test_a_worker_that_stages_elsewhere_is_told(s3: Server, tmp_path: Path) -> None:
    _, place = _place(s3)
    world = _world(tmp_path, s3, place)
    spec = _spec(tmp_path, dataset={"partitions": 1})
    wv.plan(spec, rules_only=True, **world)
    plan, base = str(tmp_path / "shop.plan.json"), {"run": "r1", "base": str(tmp_path)}
    extracted = stages.extract(plan, "orders", **base, **world)
    for other in (f"{place}2", str(tmp_path / "staging")):
        with pytest.raises(WindvaneError) as caught:
            stages.transform(plan, "orders", extracted, **base, **{**world, "staging": other})
        assert any(one["uri"] in str(caught.value) for one in extracted["inputs"].values())
        assert "[windvane] staging" in str(caught.value.hint)
