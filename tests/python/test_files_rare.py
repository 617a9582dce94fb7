"""Files that few have: large objects that are looked at by their ends, columns that differ, damage that is told."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance import Home, call, column
from test_connectors_files import home_of, look, read, types, write
from windvane.errors import DataError, MissingError, SpecError, UnsupportedError, WindvaneError

if TYPE_CHECKING:
    from services.s3 import Server

Answer = dict[str, Any]


def in_store(s3: Server, key: str, content: bytes, kind: str = "files", **more: Any) -> Answer:
    bucket = s3.bucket()
    s3.put(bucket, key, content)
    settings = {"path": f"s3://{bucket}/{key.rsplit('/', 1)[0]}", "connection": "store", **more}
    return {"source": {kind: settings}, "connections": {"store": s3.connection()}}


# --- Objects that are fetched by halves


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_large_text_is_told_by_its_beginning(s3: Server, kind: str) -> None:
    """Its rows are an estimate then, but its columns and its content are not."""
    count = 200_000
    line = '{{"id": {0}, "note": "{1}"}}\n' if kind == "jsonl" else '{0},"{1}"\n'
    head = "" if kind == "jsonl" else "id,note\n"
    content = head + "".join(line.format(10_000_000 + n, "x" * 90) for n in range(count))
    assert len(content) > 16 << 20
    request = in_store(s3, f"in/large.{kind}", content.encode())
    (found,) = call("datasets", request)["datasets"]
    assert types(found) == {"id": "int64", "note": "text"}
    assert (found["rows_exact"], found["bytes"]) == (False, len(content))
    assert abs(found["rows"] - count) < count / 100
    answer = call("read_rows", {**request, "dataset": "large", "limit": 3})
    assert [row["id"] for row in answer["rows"]] == [10_000_000, 10_000_001, 10_000_002]


@pytest.mark.parametrize("name", ["large.csv.gz", "large.csv"])
def test_a_large_text_whose_beginning_says_nothing_is_fetched_whole(s3: Server, name: str) -> None:
    """A single line of sixteen megabytes; a compressed text that is cut cannot be read."""
    rows = "".join(f"{n},{n * 7919 % 1_000_003}\n" for n in range(300_000))
    content = f"id,v\n{rows}"
    stored = gzip.compress(content.encode(), 0) if name.endswith("gz") else content.encode()
    stored += b"" if name.endswith("gz") else b"\n" * (17 << 20)
    request = in_store(s3, f"in/{name}", stored)
    (found,) = call("datasets", request)["datasets"]
    assert types(found) == {"id": "int64", "v": "int64"}


def test_a_parquet_object_with_a_long_end_is_whole(s3: Server, tmp_path: Path) -> None:
    """What a file says of itself takes more than is fetched at once: many groups of many columns."""
    table = pa.table({f"a_column_with_a_long_name_{n}": pa.array([n, n + 1, n + 2, n + 3]) for n in range(300)})
    pq.write_table(table, tmp_path / "wide.parquet", row_group_size=1)
    content = (tmp_path / "wide.parquet").read_bytes()
    assert int.from_bytes(content[-8:-4], "little") > 64 << 10
    request = in_store(s3, "in/wide.parquet", content)
    (found,) = call("datasets", request)["datasets"]
    assert (found["rows"], found["rows_exact"], len(found["fields"])) == (4, True, 300)
    schema = [column(f"a_column_with_a_long_name_{n}", "int64") for n in (7, 299)]
    answer = call("read_rows", {**request, "dataset": "wide", "schema": schema})
    assert [list(row.values()) for row in answer["rows"]] == [[7 + at, 299 + at] for at in range(4)]


def test_an_object_that_only_is_called_parquet_is_told(s3: Server) -> None:
    for content in (b"id,v\n1,2\n" * 20, b"PAR1" + b"x" * 100 + b"\xff\xff\xff\x00PAR1", b"PAR1"):
        request = in_store(s3, "in/odd.parquet", content)
        with pytest.raises(DataError) as caught:
            call("datasets", request)
        assert "odd.parquet" in str(caught.value)
        assert "/tmp" not in str(caught.value)


def test_objects_by_patterns_and_folders(s3: Server) -> None:
    request = in_store(s3, "in/day=2024-01-01/a.csv", b"id\n1\n")
    bucket = request["source"]["files"]["path"].split("/")[2]
    s3.put(bucket, "in/day=2024-01-02/b.csv", b"id\n2\n")

    def at(path: str, **more: Any) -> Answer:
        settings = {**request["source"]["files"], "path": f"s3://{bucket}/{path}"}
        return {**request, "source": {"files": settings}, **more}

    (found,) = call("datasets", at("in"))["datasets"]
    assert types(found) == {"id": "int64", "day": "date"}
    (whole,) = call("datasets", at(""))["datasets"]
    assert whole["name"] == "in"
    # Where folders of values lie at the very top, the bucket is the dataset.
    for key in ("day=2024-01-01/a.csv", "day=2024-01-02/b.csv"):
        s3.put(bucket, f"deep/{key}", b"id\n3\n")
    assert {one["name"] for one in call("datasets", at(""))["datasets"]} == {"in", "deep"}
    with pytest.raises(SpecError, match="is not a glob"):
        call("datasets", at("in/[a"))
    with pytest.raises(WindvaneError, match="different kinds"):
        s3.put(bucket, "deep/day=2024-01-02/c.jsonl", b'{"id": 4}\n')
        call("datasets", at("deep"))


# --- Text


def test_the_letters_of_mysql(tmp_path: Path) -> None:
    lines = [
        "1\ta\\tb",
        "2\ta\\nb",
        "3\ta\\rb",
        "4\ta\\bb",
        "5\ta\\fb",
        "6\ta\\vb",
        "7\ta\\Zb",
        "8\ta\\0b",
        "9\t\\N",
        "10\ta\\qb",
    ]
    answer = read(write(tmp_path, "id\tnote\n" + "\n".join(lines) + "\n"))
    assert [(row["id"], row["note"]) for row in answer["rows"]] == [
        (1, "a\tb"), (2, "a\nb"), (3, "a\rb"), (4, "a\bb"), (5, "a\fb"), (6, "a\vb"), (7, "a\x1ab"), (9, None), (10, "a\\qb"),
    ]  # fmt: skip
    assert [refused["row"] for refused in answer["rejected"]] == [8]


REASONS = {
    "boolean": ("maybe", "is not a boolean"),
    "int16": ("70000", "is not a whole number of 16 bits"),
    "int32": ("3000000000", "is not a whole number of 32 bits"),
    "int64": ("1.5", "is not a whole number"),
    "float32": ("one", "is not a number"),
    "float64": ("1e999", "is not a number that a float can hold"),
    "decimal(4,1)": ("1.25", "is not a decimal number of the planned size"),
    "binary": ("\\x0", "is not hexadecimal after \\x"),
    "date": ("31/02/2024", "is not a date"),
    "time": ("25:00", "is not a time"),
    "timestamp": ("2024-01-01 25:00:00", "is not a timestamp"),
    "timestamptz": ("2024-01-01 10:00:00", "is not a timestamp with a zone"),
    "json": ("{", "is not JSON"),
    "uuid": ("1234", "is not a UUID"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_what_a_value_is_not_is_said_in_words(tmp_path: Path, kind: str) -> None:
    value, reason = REASONS[kind]
    path = write(tmp_path, f"id,v\n1,{value}\n2,\n")
    answer = read(path, schema=[column("id", "int64"), column("v", kind)])
    assert [row["id"] for row in answer["rows"]] == [2]
    (refused,) = answer["rejected"]
    assert (refused["row"], refused["column"], refused["reason"]) == (1, "v", f"'{value}' {reason}")
    assert refused["record"] == {"id": "1", "v": value}


# --- Several files


UNIONS = [
    (pa.int16(), pa.int32(), "int32"),
    (pa.int64(), pa.int16(), "int64"),
    (pa.decimal128(9, 2), pa.decimal128(9, 4), "decimal(11,4)"),
    (pa.decimal128(38, 2), pa.decimal128(20, 10), "decimal(38,10)"),
    (pa.decimal128(9, 2), pa.int32(), "decimal(38,2)"),
    (pa.int64(), pa.decimal128(9, 2), "decimal(38,2)"),
    (pa.float32(), pa.int64(), "float64"),
    (pa.decimal128(9, 2), pa.float32(), "float64"),
    (pa.date32(), pa.timestamp("us"), "timestamp"),
    (pa.timestamp("us"), pa.timestamp("us", tz="UTC"), "text"),
    (pa.bool_(), pa.int16(), "text"),
]


def one_of(data_type: Any) -> Any:
    if pa.types.is_decimal(data_type):
        return pa.array([Decimal(1)], data_type)
    if pa.types.is_temporal(data_type):
        return pa.array([datetime.fromisoformat("2024-01-01")], data_type)
    return pa.array([1], pa.int32()).cast(data_type)


@pytest.mark.parametrize(("one", "other", "kind"), UNIONS, ids=str)
def test_files_of_two_types_have_one_that_holds_both(tmp_path: Path, one: Any, other: Any, kind: str) -> None:
    for name, data_type in (("a", one), ("b", other)):
        pq.write_table(pa.table({"v": one_of(data_type)}), tmp_path / f"{name}.parquet")
    request = {"source": {"parquet": {"path": str(tmp_path), "as_dataset": "all"}}}
    (found,) = call("datasets", request)["datasets"]
    assert types(found) == {"v": kind}
    answer = call("read_rows", {**request, "dataset": "all"})
    assert (len(answer["rows"]), answer["rejected"]) == (2, [])


def test_a_folder_whose_value_is_not_of_the_type_is_told(tmp_path: Path) -> None:
    for day in ("2024-01-01", "soon"):
        (tmp_path / f"day={day}").mkdir()
        write(tmp_path / f"day={day}", "id\n1\n", "a.csv")
    request = {"source": {"files": {"path": str(tmp_path)}}}
    (found,) = call("datasets", request)["datasets"]
    assert types(found) == {"id": "int64", "day": "text"}
    schema = [column("id", "int64"), column("day", "date")]
    with pytest.raises(DataError, match="the folder 'day=soon' holds no date"):
        call("read_rows", {**request, "dataset": found["name"], "schema": schema})


def test_paths_that_name_nothing_are_told(tmp_path: Path) -> None:
    for kind, words in (("csv", "delimited text"), ("jsonl", "JSON lines"), ("parquet", r"Parquet \(.parquet\)")):
        with pytest.raises(MissingError, match=words):
            call("datasets", {"source": {kind: {"path": str(tmp_path)}}})
    with pytest.raises(SpecError, match="is not a glob"):
        call("datasets", {"source": {"files": {"path": f"{tmp_path}/[a"}}})
    with pytest.raises(MissingError, match="no dataset 'people'"):
        call("compact", {"target": {"parquet": {"path": str(tmp_path)}}, "dataset": "people"})


def test_a_parquet_file_that_is_compressed_around_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    write(tmp_path, gzip.compress((tmp_path / "a.parquet").read_bytes()), "b.parquet")
    with pytest.raises(WindvaneError, match="compressed") as caught:
        look_parquet(tmp_path / "b.parquet")
    assert "Parquet" in str(caught.value)


def look_parquet(path: Path) -> Answer:
    (found,) = call("datasets", {"source": {"parquet": {"path": str(path)}}})["datasets"]
    return found


# --- Loads


FIELDS = [column("id", "int64"), column("at", "float64"), column("d", "decimal(9,2)"), column("n", "int32")]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("by", ["at", "d", "n", None])
@pytest.mark.parametrize("choice", ["first", "last"])
def test_of_rows_with_one_key_the_column_says_which(tmp_path: Path, kind: str, by: str | None, choice: str) -> None:
    """A null is before all values; of equal values it is the order of the rows."""
    values = [(1, 2), (1, -3), (1, None), (1, 2), (2, None), (2, None), (3, -1), (3, -2), (4, 0)]
    rows = [
        {
            "id": key,
            "at": v and v / 4,
            "d": None if v is None else f"{v}.50",
            "n": None if v is None else v * 5 + at % 2,
        }
        for at, (key, v) in enumerate(values)
    ]
    places: dict[int, list[int]] = {}
    for at, row in enumerate(rows):
        places.setdefault(row["id"], []).append(at)

    def order(at: int) -> tuple[float, int]:
        value = rows[at][by] if by else 0
        return (float("-inf") if value is None else float(value), at)

    chosen = {(min if choice == "first" else max)(all_, key=order) for all_ in places.values()}
    home = home_of(tmp_path, kind)
    done = home.load("t", FIELDS, rows, mode="merge", key=["id"], on_duplicate=choice, latest_by=by)
    assert {row["at"] for row in done["refused"]} == set(range(len(rows))) - chosen
    assert all(row["superseded"] for row in done["refused"])
    assert {row["id"]: row["at"] for row in home.rows("t")} == {rows[at]["id"]: rows[at]["at"] for at in chosen}


def test_a_row_without_its_key_ends_a_load_that_takes_all(tmp_path: Path) -> None:
    home = home_of(tmp_path, "parquet")
    rows = [{"id": 1, "n": 1}, {"id": None, "n": 2}]
    asked = {"mode": "merge", "key": ["id"], "on_duplicate": "last", "refused": "fail"}
    with pytest.raises(DataError, match="the key column 'id' is null") as caught:
        home.load("t", FIELDS, rows, **asked)
    assert caught.value.place.get("row") == 2
    assert home.datasets() == {}


def manifest(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "t" / "_manifest.json"


def test_a_manifest_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    home = home_of(tmp_path, "parquet")
    home.load("t", FIELDS, [{"id": 1}], load_id="one")
    sound = manifest(tmp_path).read_text()
    known = json.loads(sound)
    outside = {**known, "parts": [{**known["parts"][0], "path": "../other.parquet"}]}
    for text, kind, words in [
        ("{", DataError, "cannot be understood"),
        (
            json.dumps({**known, "schema": "windvane/manifest/99"}),
            UnsupportedError,
            "of the kind 'windvane/manifest/99'",
        ),
        (json.dumps(outside), DataError, "outside its folder"),
    ]:
        manifest(tmp_path).write_text(text)
        for act in (lambda: home.load("t", FIELDS, [{"id": 2}], mode="append", load_id="two"), lambda: home.read("t")):
            with pytest.raises(kind, match=words) as caught:
                act()
            assert "_manifest.json" in str(caught.value)
        assert manifest(tmp_path).read_text() == text
    manifest(tmp_path).write_text(sound)
    assert [row["id"] for row in home.rows("t")] == [1]


def test_manifests_of_before_know_their_loads_by_their_parts(tmp_path: Path) -> None:
    home = home_of(tmp_path, "parquet")
    for at in (1, 2):
        home.load("t", FIELDS, [{"id": at}], mode="append", load_id=f"load{at}")
    known = json.loads(manifest(tmp_path).read_text())
    first = {**known["parts"][0], "path": known["parts"][0]["path"]}
    second = {**known["parts"][1], "load_id": first["load_id"]}
    manifest(tmp_path).write_text(json.dumps({**known, "loads": [], "parts": [first, second]}))
    again = home.load("t", FIELDS, [{"id": 9}], mode="append", load_id="load1")
    assert (again["already"], again["rows"], again.get("checksum")) == (True, 2, None)
    assert [row["id"] for row in home.rows("t")] == [1, 2]


def test_a_key_that_the_target_has_twice_is_one_row_of_the_load(tmp_path: Path) -> None:
    home: Home = home_of(tmp_path, "parquet")
    home.load("t", FIELDS, [{"id": 1, "n": 1}, {"id": 1, "n": 2}, {"id": 2, "n": 3}], load_id="one")
    done = home.load("t", FIELDS, [{"id": 1, "n": 9}], mode="merge", key=["id"], load_id="two")
    assert done["changes"] == {"inserted": 0, "updated": 1, "deleted": 0, "unchanged": 0}
    assert [(row["id"], row["n"]) for row in home.rows("t")] == [(1, 9), (2, 3)]


def test_a_merge_into_rows_without_a_key_is_refused(tmp_path: Path) -> None:
    home: Home = home_of(tmp_path, "parquet")
    home.load("t", FIELDS, [{"id": None, "n": 1}], load_id="one")
    with pytest.raises(DataError, match="the key column 'id' has rows without a value"):
        home.load("t", FIELDS, [{"id": 1}], mode="merge", key=["id"], load_id="two")
    assert [(row["id"], row["n"]) for row in home.rows("t")] == [(None, 1)]


def test_a_large_csv_here_is_told_as_a_small_one(tmp_path: Path) -> None:
    found = look(write(tmp_path, "id,v\n" + "".join(f"{n},x\n" for n in range(30_000))))
    assert (found["rows_exact"], abs(found["rows"] - 30_000) < 3_000) == (False, True)
