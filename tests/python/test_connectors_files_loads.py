"""Which files are meant, what a load leaves in its folder, and loads that are refused, raced or killed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conformance import call, column
from test_connectors_files import home_of, write
from windvane.errors import ConflictError, MissingError, SpecError, UnsupportedError

Answer = dict[str, Any]


def listed(tmp_path: Path, path: str, kind: str = "files", **more: Any) -> list[str]:
    request = {"source": {kind: {"path": path, **more}}, "base": str(tmp_path)}
    return [found["name"] for found in call("datasets", request)["datasets"]]


def test_folders_globs_and_names(tmp_path: Path) -> None:
    for name in ["b.csv", "a.tsv", "c.csv.gz", "d.jsonl", "notes.md", ".hidden.csv", "_private.csv", "e.CSV"]:
        write(tmp_path, gzip.compress(b"x,y\n1,2\n") if name.endswith("gz") else "x,y\n1,2\n", name)
    assert listed(tmp_path, ".") == ["a", "b", "c", "d", "e"]
    assert listed(tmp_path, ".", "csv") == ["a", "b", "c", "e"]
    assert listed(tmp_path, "*.csv") == ["b"]
    assert listed(tmp_path, "notes.md", "csv") == ["notes"]
    assert listed(tmp_path, "[ab].*") == ["a", "b"]
    with pytest.raises(MissingError) as caught:
        listed(tmp_path, "*.parquet")
    assert caught.value.hint


def test_a_name_with_glob_characters_is_a_name(tmp_path: Path) -> None:
    write(tmp_path, "x\n1\n", "a[1].csv")
    assert listed(tmp_path, "a[1].csv") == ["a[1]"]
    assert listed(tmp_path, ".") == ["a[1]"]
    assert call("read_rows", {"source": {"files": {"path": "."}}, "base": str(tmp_path), "dataset": "a[1]"})["rows"]


def test_datasets_of_the_same_stem_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, "x\n1\n", "a.csv")
    write(tmp_path, '{"x": 1}\n', "a.jsonl")
    assert listed(tmp_path, ".") == ["a.csv", "a.jsonl"]


def test_several_files_as_one(tmp_path: Path) -> None:
    write(tmp_path, "id,name\n1,a\n2,b\n", "one.csv")
    write(tmp_path, "name;id;extra\nc;3;1.5\nbroken\nd;4;2.5\n", "two.csv")
    request = {"source": {"csv": {"path": "*.csv", "as_dataset": "all"}}, "base": str(tmp_path)}
    (found,) = call("datasets", request)["datasets"]
    assert (found["name"], found["rows"], found["rows_exact"]) == ("all", 5, True)
    answer = call("read_rows", {**request, "dataset": "all"})
    assert [(row["id"], row["name"]) for row in answer["rows"]] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert [row["extra"] for row in answer["rows"]] == [None, None, "1.5", "2.5"]
    assert answer["numbers"] == [1, 2, 3, 5]
    assert [refused["row"] for refused in answer["rejected"]] == [4]


def test_paths_outside_the_roots_are_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    write(outside, "x\n1\n", "secret.csv")
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "folder").symlink_to(outside)
    (inside / "dangling").symlink_to(outside / "later")
    context = {"base": str(inside), "roots": [str(inside)]}
    for path in [
        "../outside/secret.csv",
        str(outside),
        "link.csv",
        "folder",
        "folder/secret.csv",
        "../outside/*.csv",
        "*.csv",
    ]:
        with pytest.raises(SpecError) as caught:
            call("datasets", {"source": {"files": {"path": path}}, **context})
        assert caught.value.hint, path
    for path in ["../outside/lake", "folder/lake", "dangling", "new/../../outside"]:
        with pytest.raises(SpecError):
            load = {"dataset": "x", "schema": [], "rows": [], "load_id": "a"}
            call("load_rows", {"target": {"parquet": {"path": path}}, **load, **context})
    assert sorted(os.listdir(outside)) == ["secret.csv"]


def test_dataset_names_do_not_leave_the_folder(tmp_path: Path) -> None:
    home = home_of(tmp_path, "csv")
    for name in ["../escape", "..", ".", "/etc", "a/b", ".hidden", "_manifest.json"]:
        home.load(name, [column("id", "int64")], [{"id": 1}])
        assert home.rows(name) == [{"id": 1}]
    assert os.listdir(tmp_path) == ["lake"]
    assert all((tmp_path / "lake" / name).is_dir() for name in os.listdir(tmp_path / "lake"))


def test_compression_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    for kind, compression in [("csv", "snappy"), ("jsonl", "snappy"), ("parquet", "gzip")]:
        with pytest.raises(UnsupportedError):
            home_of(tmp_path, kind, compression).load("x", [column("id", "int64")], [])


def test_files_of_others_are_never_hidden_or_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "items"
    folder.mkdir(parents=True)
    mine = write(folder, "id\n1\n", "part-0.csv")
    home = home_of(tmp_path, "csv")
    for mode in ["replace", "append"]:
        with pytest.raises(ConflictError) as caught:
            home.load("items", [column("id", "int64")], [{"id": 2}], mode=mode)
        assert caught.value.hint
    assert mine.read_text() == "id\n1\n"
    assert not (folder / "_manifest.json").exists()


def test_append_may_add_columns_but_not_change_types(tmp_path: Path) -> None:
    home = home_of(tmp_path, "csv")
    home.load("log", [column("id", "int64")], [{"id": 1}], load_id="one")
    home.load(
        "log", [column("id", "int64"), column("more", "text")], [{"id": 2, "more": "x"}], mode="append", load_id="two"
    )
    assert home.rows("log") == [{"id": 1, "more": None}, {"id": 2, "more": "x"}]
    with pytest.raises(ConflictError):
        home.load("log", [column("id", "text")], [{"id": "x"}], mode="append", load_id="three")


def test_the_manifest_is_the_contract(tmp_path: Path) -> None:
    home = home_of(tmp_path, "parquet")
    loaded = home.load("items", [column("id", "int64")], [{"id": 1}, {"id": 2}], load_id="one")
    folder = tmp_path / "lake" / "items"
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert manifest["schema"] == "windvane/manifest/v1"
    assert manifest["dataset"] == "items"
    assert manifest["parts"] == [
        {
            "path": "part-one.parquet",
            "rows": 2,
            "bytes": (folder / "part-one.parquet").stat().st_size,
            "checksum": loaded["checksum"],
            "load_id": "one",
        }
    ]
    (folder / "part-stranger.parquet").write_bytes((folder / "part-one.parquet").read_bytes())
    assert len(home.rows("items")) == 2
    assert visible(folder) == ["_manifest.json", "part-one.parquet", "part-stranger.parquet"]


def visible(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def test_replaced_parts_and_staging_are_gone(tmp_path: Path) -> None:
    home = home_of(tmp_path, "jsonl")
    for load_id in ["one", "two", "three"]:
        home.load("items", [column("id", "int64")], [{"id": 1}], load_id=load_id)
    folder = tmp_path / "lake" / "items"
    assert visible(folder) == ["_manifest.json", "part-three.jsonl"]
    assert not list(tmp_path.rglob("*staging*"))


def test_concurrent_appends_lose_nothing(tmp_path: Path) -> None:
    home = home_of(tmp_path, "parquet")

    def append(number: int) -> None:
        home.load("log", [column("id", "int64")], [{"id": number}], mode="append", load_id=f"load{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(24)))
    assert sorted(row["id"] for row in home.rows("log")) == list(range(24))


LOAD_AND_DIE = """
import json, os, sys, threading, time
from windvane import _core
request, delay = sys.stdin.read(), float(sys.argv[1])
threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), 9)), daemon=True).start()
_core.load_rows(request)
"""


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_load_killed_anywhere_is_as_if_it_never_was(tmp_path: Path, mode: str) -> None:
    home = home_of(tmp_path, "parquet")
    fields = [column("id", "int64"), column("text", "text")]
    home.load("items", fields, [{"id": -1, "text": "before"}], load_id="before")
    rows = [{"id": number, "text": f"text {number}"} for number in range(5_000)]
    asked = {"target": home.target, "dataset": "items", "schema": fields, "rows": rows, "mode": mode}
    before: list[Answer] = home.rows("items")
    killed = 0
    for attempt in range(20):
        load_id = f"load{attempt}"
        request = json.dumps(home.request(**asked, load_id=load_id))
        done = subprocess.run(
            [sys.executable, "-c", LOAD_AND_DIE, str(attempt * 0.002)], input=request, text=True, check=False
        )
        killed += done.returncode == -signal.SIGKILL
        wanted = (before if mode == "append" else []) + rows
        # What is not complete yet lies outside of the dataset's folder.
        assert not [path for path in (tmp_path / "lake" / "items").iterdir() if path.is_dir()]
        seen = home.rows("items")
        assert len(seen) in {len(before), len(wanted)}
        home.load("items", fields, rows, mode=mode, load_id=load_id)
        after = home.rows("items")
        assert len(after) == len(wanted)
        assert not list(tmp_path.rglob("*staging*"))
        before = after
    parts = visible(tmp_path / "lake" / "items")
    assert len(parts) == (22 if mode == "append" else 2)
    assert killed > 0


LOAD_WITH_LITTLE_ROOM = """
import resource, sys
from windvane import _core
from windvane.errors import WindvaneError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    _core.load_rows(sys.stdin.read())
except WindvaneError as error:
    print(error.kind, bool(error.hint))
"""

LOAD_AS_NOBODY = """
import os, sys
from windvane import _core
from windvane.errors import WindvaneError
if os.geteuid() == 0:
    os.setuid(65534)
try:
    _core.load_rows(sys.stdin.read())
except WindvaneError as error:
    print(error.kind, bool(error.hint))
"""


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(("script", "said"), [(LOAD_WITH_LITTLE_ROOM, "unavailable"), (LOAD_AS_NOBODY, "auth")])
def test_a_disk_that_refuses_leaves_the_target_as_it_was(tmp_path: Path, kind: str, script: str, said: str) -> None:
    home = home_of(tmp_path, kind)
    fields = [column("id", "int64"), column("text", "text")]
    home.load("items", fields, [{"id": 1, "text": "before"}], load_id="before")
    rows = [{"id": number, "text": os.urandom(20).hex()} for number in range(2_000)]
    asked = {"target": home.target, "dataset": "items", "schema": fields, "rows": rows, "load_id": "after"}
    folder = tmp_path / "lake" / "items"
    folder.chmod(0o555 if said == "auth" else 0o755)
    request = json.dumps(home.request(**asked))
    done = subprocess.run([sys.executable, "-c", script], input=request, text=True, check=True, stdout=subprocess.PIPE)
    folder.chmod(0o755)
    assert done.stdout.split() == [said, "True"]
    assert home.rows("items") == [{"id": 1, "text": "before"}]
    assert visible(folder) == ["_manifest.json", f"part-before.{kind}"]


def test_a_source_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        call("test_connection", {"source": {"files": {"path": "nowhere"}}, "base": str(tmp_path)})
    write(tmp_path, "x\n1\n")
    assert call("test_connection", {"source": {"files": {"path": "."}}, "base": str(tmp_path)})["ok"]
    with pytest.raises(SpecError):
        call("test_connection", {"target": {"csv": {"path": "data.csv/sub"}}, "base": str(tmp_path)})


def test_requests_are_closed() -> None:
    for request in [{}, {"source": {"files": {"path": "."}}, "target": {"csv": {"path": "."}}}, {"sauce": 1}]:
        with pytest.raises(SpecError):
            call("datasets", request)
