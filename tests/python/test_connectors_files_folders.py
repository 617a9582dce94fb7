"""Folders of files as datasets: partitions, several files a load, merges, ranges, parts, compaction, full disks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane
from conformance import Home, call, column, ordered
from test_connectors_objects import bucket_of, home_in
from windvane.errors import ConflictError, DataError, SpecError, UnsupportedError, WindvaneError

if TYPE_CHECKING:
    from services.s3 import Server

Answer = dict[str, Any]
FIELDS = [column("id", "int64"), column("day", "date"), column("country", "text"), column("amount", "decimal(10,2)")]
BY = ["day", "country"]


@pytest.fixture(params=["parquet", "csv", "jsonl"])
def local(tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    return local_home(tmp_path, request.param)


def local_home(tmp_path: Path, kind: str = "parquet") -> Home:
    return Home(
        target={kind: {"path": "lake"}}, source={"files": {"path": "lake"}}, base=str(tmp_path), roots=[str(tmp_path)]
    )


@pytest.fixture(params=["local", "s3"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    if request.param == "local":
        return local_home(tmp_path)
    return home_in(request.getfixturevalue("s3"), "parquet")


def manifest_of(home: Home, dataset: str, s3: Server | None = None) -> Answer:
    if home.base is None:
        assert s3 is not None
        found: Answer = json.loads(s3.get(bucket_of(home), f"lake/{dataset}/_manifest.json"))
        return found
    return json.loads((Path(home.base) / "lake" / dataset / "_manifest.json").read_text())


def sales(count: int, countries: list[str | None], first: int = 0) -> list[Answer]:
    return [
        {
            "id": number,
            "day": f"2026-11-{number % 3 + 20}",
            "country": countries[number % len(countries)],
            "amount": f"{number}.50",
        }
        for number in range(first, first + count)
    ]


ODD = ["CZ", "a/b", "50%", "x=y", "", None, "__HIVE_DEFAULT_PARTITION__", "Žďár nad Sázavou", "a:b*c?", "."]


def test_partitions_come_back_as_they_went(local: Home) -> None:
    rows = sales(60, ODD)
    loaded = local.load("sales", FIELDS, rows, partition_by=BY)
    assert loaded["rows"] == 60
    assert local.rows("sales") == ordered(rows)
    assert [item["type"] for item in local.datasets()["sales"]["fields"]] == [item["type"] for item in FIELDS]
    parts = [part["path"] for part in manifest_of(local, "sales")["parts"]]
    assert len(parts) == 30
    assert any(path.startswith("day=2026-11-20/country=CZ/part-") for path in parts)
    assert any("/country=__HIVE_DEFAULT_PARTITION__/" in path for path in parts)
    more = sales(10, ["DE"], first=100)
    local.load("sales", FIELDS, more, partition_by=BY, mode="append", load_id="two")
    assert local.rows("sales") == ordered(rows + more)
    local.load("sales", FIELDS, more, partition_by=BY, load_id="three")
    assert local.rows("sales") == ordered(more)
    folder = Path(local.base or "") / "lake" / "sales"
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "_manifest.json", "day=2026-11-20", "day=2026-11-21", "day=2026-11-22",
    ]  # fmt: skip


def test_nothing_is_written_or_removed_behind_a_link(tmp_path: Path) -> None:
    """A reader would refuse it: it may lead outside of the folders that may be used."""
    home = local_home(tmp_path)
    home.load("sales", FIELDS, sales(6, ["CZ"]), partition_by=BY)
    lake, elsewhere = tmp_path / "lake" / "sales", tmp_path / "elsewhere"
    moved = lake / "day=2026-11-21"
    moved.rename(elsewhere)
    moved.symlink_to(elsewhere)
    before = sorted(path.name for path in elsewhere.rglob("*"))
    for mode, load_id in (("append", "two"), ("replace", "three")):
        with pytest.raises(WindvaneError) as caught:
            home.load("sales", FIELDS, sales(6, ["CZ"], first=100), partition_by=BY, mode=mode, load_id=load_id)
        assert "symbolic link" in str(caught.value)
    assert sorted(path.name for path in elsewhere.rglob("*")) == before


def test_partitions_in_a_store(s3: Server) -> None:
    home = home_in(s3, "parquet")
    rows = sales(60, ODD)
    home.load("sales", FIELDS, rows, partition_by=BY)
    assert home.rows("sales") == ordered(rows)
    assert home.load("none", FIELDS, [], partition_by=BY)["rows"] == 0
    assert home.load("none", FIELDS, [], partition_by=BY)["already"] is True
    assert home.rows("none") == []


def test_others_read_our_partitions(tmp_path: Path) -> None:
    home = local_home(tmp_path)
    rows = sales(30, ["CZ", "DE"])
    home.load("sales", FIELDS, rows, partition_by=BY)
    table = pq.ParquetDataset(tmp_path / "lake" / "sales").read()
    assert sorted(table["id"].to_pylist()) == list(range(30))
    assert set(table["country"].to_pylist()) == {"CZ", "DE"}


def test_partitions_of_others_are_read(tmp_path: Path) -> None:
    for day in (1, 2):
        for shop in (7, 12):
            folder = tmp_path / "in" / "sales" / f"day=2026-11-0{day}" / f"shop={shop}"
            folder.mkdir(parents=True)
            extra = {"more": pa.array(["x"])} if day == 2 else {}
            kind = pa.int32() if day == 1 else pa.int64()
            pq.write_table(pa.table({"id": pa.array([day * shop], kind), **extra}), folder / "any.parquet")
    request = {"source": {"files": {"path": "in"}}, "base": str(tmp_path)}
    (found,) = call("datasets", request)["datasets"]
    assert (found["name"], found["rows"]) == ("sales", 4)
    assert {field["name"]: field["type"] for field in found["fields"]} == {
        "id": "int64", "more": "text", "day": "date", "shop": "int64",
    }  # fmt: skip
    rows = call("read_rows", {**request, "dataset": "sales"})["rows"]
    assert ordered(rows) == ordered(
        [
            {"id": day * shop, "more": "x" if day == 2 else None, "day": f"2026-11-0{day}", "shop": shop}
            for day in (1, 2)
            for shop in (7, 12)
        ]
    )
    direct = {"source": {"parquet": {"path": "in/sales"}}, "base": str(tmp_path)}
    (again,) = call("datasets", direct)["datasets"]
    assert (again["name"], again["rows"]) == ("sales", 4)


def test_more_partitions_than_open_files(tmp_path: Path) -> None:
    home = local_home(tmp_path)
    fields = [column("id", "int64"), column("k", "int64")]
    rows = [{"id": number, "k": number * 7919 % 400} for number in range(20_000)]
    home.load("many", fields, rows, partition_by=["k"])
    assert home.rows("many") == ordered(rows)
    assert len(manifest_of(home, "many")["parts"]) == 400
    with pytest.raises(UnsupportedError) as caught:
        home.load("more", fields, [{"id": number, "k": number} for number in range(1_001)], partition_by=["k"])
    assert caught.value.hint
    assert "more" not in home.datasets()


def test_columns_that_cannot_be_folders_are_refused(tmp_path: Path) -> None:
    home = local_home(tmp_path)
    fields = [column("id", "int64"), column("x", "float64")]
    for by in (["x"], ["gone"], ["id", "x"], ["id", "id"]):
        with pytest.raises((SpecError, UnsupportedError)):
            home.load("items", fields, [{"id": 1, "x": 1.0}], partition_by=by)
    with pytest.raises(SpecError):
        home.load("items", fields[:1], [{"id": 1}], partition_by=["id"])


def test_large_loads_roll_to_several_files(home: Home, s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDVANE_PART_BYTES", "200000")
    fields = [column("id", "int64"), column("noise", "text")]
    rows = [{"id": number, "noise": os.urandom(40).hex()} for number in range(300_000 // 2)]
    loaded = home.load("big", fields, rows)
    manifest = manifest_of(home, "big", s3)
    assert len(manifest["parts"]) > 1
    assert sum(part["rows"] for part in manifest["parts"]) == loaded["rows"] == len(rows)
    assert home.rows("big") == ordered(rows)
    assert home.load("big", fields, [])["already"] is True


def test_a_merge_updates_and_adds(home: Home, s3: Server) -> None:
    fields = [column("id", "int64"), column("name", "text")]
    home.load("people", fields, [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], mode="append", load_id="one")
    home.load("people", fields, [{"id": 3, "name": "c"}], mode="append", load_id="two")
    untouched = manifest_of(home, "people", s3)["parts"][1]
    rows = [{"id": 2, "name": "B"}, {"id": 4, "name": "d"}]
    done = home.load("people", fields, rows, mode="merge", key=["id"], load_id="three")
    assert done["changes"] == {"inserted": 1, "updated": 1, "deleted": 0, "unchanged": 0}
    merged = [{"id": 1, "name": "a"}, {"id": 2, "name": "B"}, {"id": 3, "name": "c"}, {"id": 4, "name": "d"}]
    assert home.rows("people") == merged
    assert untouched in manifest_of(home, "people", s3)["parts"]
    again = home.load("people", fields, rows, mode="merge", key=["id"], load_id="three")
    assert (again["already"], again["changes"]) == (True, done["changes"])
    # A load that was merged away is still known.
    assert home.load("people", fields, [], mode="append", load_id="one")["already"] is True
    whole = [{"id": 1, "name": "a"}, {"id": 4, "name": "D"}, {"id": 9, "name": None}]
    done = home.load("people", fields, whole, mode="merge", key=["id"], absent="delete", load_id="four")
    assert done["changes"] == {"inserted": 1, "updated": 1, "deleted": 2, "unchanged": 1}
    assert home.rows("people") == whole


def test_a_merge_into_nothing_and_into_partitions(home: Home) -> None:
    rows = sales(40, ["CZ", "DE"])
    done = home.load("sales", FIELDS, rows, mode="merge", key=["id"], partition_by=["country"], load_id="one")
    assert done["changes"]["inserted"] == 40
    moved = [{**row, "country": "FR"} for row in rows[:5]]
    done = home.load("sales", FIELDS, moved, mode="merge", key=["id"], load_id="two")
    assert done["changes"] == {"inserted": 0, "updated": 5, "deleted": 0, "unchanged": 0}
    assert home.rows("sales") == ordered(moved + rows[5:])


def test_merges_that_cannot_be_are_refused(tmp_path: Path) -> None:
    home = local_home(tmp_path)
    fields = [column("id", "int64"), column("name", "text")]
    home.load("people", fields, [{"id": 1, "name": "a"}], load_id="one")
    more = {"mode": "merge", "key": ["id"], "load_id": "two"}
    refused = home.load("people", fields, [{"id": None, "name": "b"}], **{**more, "load_id": "none"})["refused"]
    assert len(refused) == 1
    with pytest.raises(ConflictError):
        home.load("people", fields[:1], [{"id": 1}], **more)
    with pytest.raises(SpecError):
        home.load("people", fields, [{"id": 1, "name": "b"}], **{**more, "key": []})
    with pytest.raises(UnsupportedError):
        home.load("people", fields, [{"id": 1, "name": "b"}], **{**more, "mode": "history"})
    assert home.rows("people") == [{"id": 1, "name": "a"}]


def test_rows_within_ranges(home: Home) -> None:
    rows = sales(100, ["CZ", "DE", None])
    home.load("sales", FIELDS, rows, partition_by=["country"])

    def within(column: str, kind: str, *, nulls: bool = False, **ends: Any) -> list[Answer]:
        limits = {end: {"value": value, "inclusive": inclusive} for end, (value, inclusive) in ends.items()}
        asked = {"column": column, "data_type": kind, "nulls": nulls, **limits}
        narrow = [FIELDS[0]]
        return sorted(row["id"] for row in home.read("sales", within=[asked], schema=narrow)["rows"])

    wanted = [row["id"] for row in rows]
    assert within("id", "int64", **{"from": ("10", True), "to": ("20", False)}) == list(range(10, 20))
    assert within("day", "date", **{"from": ("2026-11-22", True)}) == [n for n in wanted if n % 3 == 2]
    assert within("country", "text", to=("CZ", True)) == [n for n in wanted if n % 3 == 0]
    assert within("country", "text", nulls=True, to=("CZ", True)) == [n for n in wanted if n % 3 != 1]
    assert within("id", "int64", **{"from": ("500", True)}) == []
    with pytest.raises(SpecError):
        within("id", "int64", **{"from": ("x", True)})


@pytest.mark.parametrize("where", ["local", "s3"])
def test_row_groups_are_passed_over_and_parts_are_the_whole(s3: Server, tmp_path: Path, where: str) -> None:
    table = pa.table({"id": pa.array(range(1_000), pa.int64())})
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in" / "items.parquet", row_group_size=100)
    request: Answer = {"source": {"files": {"path": "in"}}, "base": str(tmp_path)}
    if where == "s3":
        bucket = s3.bucket()
        s3.put(bucket, "in/items.parquet", (tmp_path / "in" / "items.parquet").read_bytes())
        settings = {"path": f"s3://{bucket}/in", "connection": "store"}
        request = {"source": {"files": settings}, "connections": {"store": s3.connection()}}
    limit = {"column": "id", "data_type": "int64", "nulls": False, "from": {"value": "250", "inclusive": True},
             "to": {"value": "520", "inclusive": False}}  # fmt: skip
    answer = call("read_rows", {**request, "dataset": "items", "within": [limit]})
    assert [row["id"] for row in answer["rows"]] == list(range(250, 520))
    assert answer["numbers"] == list(range(251, 521))
    path = call("datasets", request)["datasets"][0]["locator"]
    seen: list[int] = []
    for groups in [(0, 3), (3, 9), (9, 2**40)]:
        part = {"file": {"path": path, "groups": groups}}
        seen += [row["id"] for row in call("read_rows", {**request, "dataset": "items", "part": part})["rows"]]
    assert seen == list(range(1_000))


def test_compaction_keeps_the_rows(home: Home, s3: Server) -> None:
    fields = [column("id", "int64"), column("name", "text")]
    for number in range(6):
        rows = [{"id": number, "name": f"n{number}"}]
        home.load(
            "log",
            fields if number else fields[:1],
            rows if number else [{"id": 0}],
            mode="append",
            load_id=f"l{number}",
        )
    before = home.rows("log")
    done = windvane.compact(absolute(home), "log", connections=home.connections)
    assert (done["files_before"], done["files_after"], done["rows"]) == (6, 1, 6)
    assert home.rows("log") == before
    assert len(manifest_of(home, "log", s3)["parts"]) == 1
    assert home.load("log", fields, [], mode="append", load_id="l3")["already"] is True
    assert windvane.compact(absolute(home), "log", connections=home.connections)["files_after"] == 1
    home.load("parted", FIELDS, sales(12, ["CZ", "DE"]), partition_by=["country"], load_id="a")
    home.load("parted", FIELDS, sales(12, ["CZ", "DE"]), mode="append", load_id="b")
    done = windvane.compact(absolute(home), "parted", connections=home.connections)
    assert (done["files_before"], done["files_after"]) == (4, 2)
    assert home.rows("parted") == ordered(sales(12, ["CZ", "DE"]) * 2)


def absolute(home: Home) -> Answer:
    settings = dict(home.target["parquet"])
    if home.base:
        settings["path"] = str(Path(home.base) / settings["path"])
    return {"parquet": settings}


def test_compaction_at_the_shell(tmp_path: Path) -> None:
    home = local_home(tmp_path)
    for number in range(3):
        home.load("log", FIELDS[:1], [{"id": number}], mode="append", load_id=f"l{number}")
    command = [sys.executable, "-m", "windvane", "compact", "lake#log", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["files_after"] == 1


SMALL_DISK = """
import json, os, subprocess, sys
from windvane import _core
from windvane.errors import WindvaneError
try:
    _core.load_rows(sys.stdin.read())
except WindvaneError as error:
    print(error.kind, bool(error.hint))
"""


@pytest.mark.parametrize("where", ["local", "s3"])
def test_a_full_disk_leaves_the_target_as_it_was(s3: Server, small_disk: Path, where: str) -> None:
    home = local_home(small_disk) if where == "local" else home_in(s3, "parquet")
    fields = [column("id", "int64"), column("noise", "text")]
    home.load("items", fields, [{"id": 1, "noise": "before"}], load_id="before")
    rows = [{"id": number, "noise": os.urandom(60).hex()} for number in range(30_000)]
    request = home.request(target=home.target, dataset="items", schema=fields, rows=rows, load_id="after")
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK],
        input=json.dumps(request),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(small_disk)},
    )
    assert done.stdout.split() == ["unavailable", "True"]
    assert home.rows("items") == [{"id": 1, "noise": "before"}]
    if where == "local":
        assert len(list((small_disk / "lake" / "items").glob("part-*"))) == 1
    assert not list(small_disk.glob("windvane-copies-*"))


def test_rows_that_are_only_counted(local: Home) -> None:
    rows = sales(30, ["CZ", "DE"])
    done = local.load("sales", FIELDS, rows, partition_by=["country"], verify="rows", flowing=True)
    assert (done["rows"], "checksum" in done) == (30, False)
    assert all("checksum" not in part for part in manifest_of(local, "sales")["parts"])
    assert local.rows("sales") == ordered(rows)
    with pytest.raises(DataError):
        local.load("sales", FIELDS, rows, verify="rows", expected={"rows": 31}, load_id="two")
    assert local.load("sales", FIELDS, rows, flowing=True, load_id="three")["checksum"]
    assert local.rows("sales") == ordered(rows)
