"""Files as source and target: the conformance suite, messy CSV, and loads that are killed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conformance import Conformance, Home, call, column
from hypothesis import given, settings
from hypothesis import strategies as st

from windvane.errors import ConflictError, DataError, MissingError, SpecError, UnsupportedError, WindvaneError

Answer = dict[str, Any]


def home_of(tmp_path: Path, kind: str, compression: str | None = None) -> Home:
    target = {"path": "lake", **({"compression": compression} if compression else {})}
    return Home(target={kind: target}, source={"files": {"path": "lake"}}, base=str(tmp_path), roots=[str(tmp_path)])


class TestParquet(Conformance):
    @pytest.fixture(params=[None, "none", "snappy"])
    def home(self, tmp_path: Path, request: pytest.FixtureRequest) -> Home:
        return home_of(tmp_path, "parquet", request.param)


class TestCsv(Conformance):
    @pytest.fixture(params=[None, "gzip", "zstd"])
    def home(self, tmp_path: Path, request: pytest.FixtureRequest) -> Home:
        return home_of(tmp_path, "csv", request.param)


class TestJsonl(Conformance):
    @pytest.fixture(params=[None, "gzip", "zstd"])
    def home(self, tmp_path: Path, request: pytest.FixtureRequest) -> Home:
        return home_of(tmp_path, "jsonl", request.param)


def look(path: Path, **options: Any) -> Answer:
    """The one dataset of a CSV source."""
    (found,) = call("datasets", {"source": {"csv": {"path": str(path), **options}}})["datasets"]
    return found


def read(path: Path, kind: str = "csv", *, options: Answer | None = None, **more: Any) -> Answer:
    (found,) = call("datasets", {"source": {kind: {"path": str(path), **(options or {})}}})["datasets"]
    return call("read_rows", {"source": {kind: {"path": str(path), **(options or {})}}, "dataset": found["name"], **more})


def write(tmp_path: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def types(found: Answer) -> dict[str, str]:
    return {item["name"]: item["type"] for item in found["fields"]}


PEOPLE = "id;name;born\n1;Zoë;2001-02-03\n2;Ángel;\n3;Łukasz;1999-12-31\n"


@pytest.mark.parametrize(
    ("encoding", "detected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16le"),
        ("utf-16-le", "utf-16le"),
        ("utf-16-be", "utf-16be"),
    ],
)
def test_unicode_encodings_are_detected(tmp_path: Path, encoding: str, detected: str) -> None:
    path = write(tmp_path, PEOPLE.encode(encoding))
    assert look(path)["format"]["encoding"] == detected
    assert [row["name"] for row in read(path)["rows"]] == ["Zoë", "Ángel", "Łukasz"]


def test_latin_1_is_detected(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n1,Zoë\n2,Ángel Muñoz\n3,Søren Françoise\n".encode("latin-1"))
    assert look(path)["format"]["encoding"] == "windows-1252"
    assert [row["name"] for row in read(path)["rows"]] == ["Zoë", "Ángel Muñoz", "Søren Françoise"]


def test_a_given_encoding_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n1,Žižka\n".encode("iso-8859-2"))
    assert read(path, options={"encoding": "iso-8859-2"})["rows"] == [{"id": 1, "name": "Žižka"}]
    with pytest.raises(SpecError) as caught:
        read(path, options={"encoding": "klingon"})
    assert caught.value.hint


def test_a_stray_byte_costs_its_row_only(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n1,Zoë\n2,Ána\n3,".encode() + b"Fran\xe7ois\n4,\xc3\xa9mile\n")
    answer = read(path)
    assert look(path)["format"]["encoding"] == "utf-8"
    assert [row["id"] for row in answer["rows"]] == [1, 2, 4]
    assert answer["numbers"] == [1, 2, 4]
    (refused,) = answer["rejected"]
    assert refused["row"] == 3
    assert "bytes" in refused["reason"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":", "^", "~"])
def test_delimiters_are_detected(tmp_path: Path, delimiter: str) -> None:
    lines = [["id", "name", "price"], ["1", "pen", "1.50"], ["2", "ink", "22.00"], ["3", "pad", "3.25"]]
    path = write(tmp_path, "".join(delimiter.join(line) + "\n" for line in lines))
    found = look(path)
    assert found["format"]["delimiter"] == delimiter
    assert types(found)["id"] == "int64"
    assert read(path)["rows"][1] == {"id": 2, "name": "ink", "price": "22.00"}


def test_commas_in_texts_do_not_win_over_the_delimiter(tmp_path: Path) -> None:
    rows = "".join(f"{number};Street {number}, Town;{number},50\n" for number in range(20))
    found = look(write(tmp_path, "id;address;price\n" + rows))
    assert found["format"]["delimiter"] == ";"
    assert list(types(found)) == ["id", "address", "price"]


def test_a_single_column_stays_one(tmp_path: Path) -> None:
    path = write(tmp_path, "started\n2024-01-01 10:00:00\n2024-01-02 11:30:00\n")
    assert types(look(path)) == {"started": "timestamp"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_quoted_newlines(tmp_path: Path, end: str) -> None:
    text = end.join(["id,note", f'1,"two{end}lines"', '2,"say ""hi"", ok"', "", "3,", ""])
    answer = read(write(tmp_path, text))
    assert answer["rows"] == [
        {"id": 1, "note": f"two{end}lines"},
        {"id": 2, "note": 'say "hi", ok'},
        {"id": 3, "note": None},
    ]
    assert answer["rejected"] == []


def test_backslash_escapes_and_single_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,note\n1,"a \\"quoted\\" word"\n2,"plain, yes"\n')
    assert look(path)["format"]["escape"] == "\\"
    assert [row["note"] for row in read(path)["rows"]] == ['a "quoted" word', "plain, yes"]
    path = write(tmp_path, "id,note\n1,'a, b'\n2,'c, d'\n3,'e'\n", "single.csv")
    assert look(path)["format"]["quote"] == "'"
    assert [row["note"] for row in read(path)["rows"]] == ["a, b", "c, d", "e"]


def test_empty_and_null_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,text,number\n1,,""\n2,"",5\n3,NA,NA\n')
    schema = [column("id", "int64"), column("text", "text"), column("number", "int64")]
    answer = read(path, options={"nulls": ["NA"]}, schema=schema)
    assert answer["rows"] == [
        {"id": 1, "text": None, "number": None},
        {"id": 2, "text": "", "number": 5},
        {"id": 3, "text": None, "number": None},
    ]


def test_ragged_rows_are_put_aside(tmp_path: Path) -> None:
    answer = read(write(tmp_path, "a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12\n"))
    assert [row["a"] for row in answer["rows"]] == [1, 10]
    assert [(refused["row"], refused["record"]) for refused in answer["rejected"]] == [
        (2, {"_raw": "4,5"}),
        (3, {"_raw": "6,7,8,9"}),
    ]
    assert answer["rejected"][0]["reason"] == "2 fields where 3 are expected"


def test_an_unclosed_quote_costs_one_row(tmp_path: Path) -> None:
    rows = "".join(f"{number},ok\n" for number in range(3, 100))
    answer = read(write(tmp_path, 'id,name\n1,ok\n2,"never closed\n' + rows))
    assert [row["id"] for row in answer["rows"]] == [1, *range(3, 100)]
    (refused,) = answer["rejected"]
    assert refused["row"] == 2
    assert "quote" in refused["reason"]
    assert refused["record"] == {"_raw": '2,"never closed'}


def test_an_unclosed_quote_before_a_quoted_row_costs_one_row(tmp_path: Path) -> None:
    rows = "".join(f'{number},"ok"\n' for number in range(3, 100))
    answer = read(write(tmp_path, 'id,name\n1,ok\n2,"never closed\n' + rows))
    assert [row["id"] for row in answer["rows"]] == [1, *range(3, 100)]
    assert [refused["row"] for refused in answer["rejected"]] == [2]


def test_values_that_do_not_fit_are_put_aside_with_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path, "id,day\n1,2024-02-29\n2,31/02/2024\nx,2024-01-01\n")
    answer = read(path, schema=[column("id", "int64"), column("day", "date")])
    assert answer["rows"] == [{"id": 1, "day": "2024-02-29"}]
    assert answer["rejected"] == [
        {
            "row": 2,
            "column": "day",
            "reason": "'31/02/2024' is not a date",
            "record": {"id": "2", "day": "31/02/2024"},
        },
        {
            "row": 3,
            "column": "id",
            "reason": "'x' is not a whole number",
            "record": {"id": "x", "day": "2024-01-01"},
        },
    ]


def test_without_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, "1,pen,2024-01-01\n2,ink,2024-01-02\n")
    found = look(path)
    assert found["format"]["header_rows"] == 0
    assert types(found) == {"column_1": "int64", "column_2": "text", "column_3": "date"}
    assert len(read(path)["rows"]) == 2
    given_header = look(path, header=True)
    assert list(types(given_header)) == ["1", "pen", "2024-01-01"]


def test_years_as_header(tmp_path: Path) -> None:
    found = look(write(tmp_path, "2019,2020,2021\n1,2,3\n4,5,6\n"))
    assert list(types(found)) == ["2019", "2020", "2021"]


def test_header_names_are_made_unique(tmp_path: Path) -> None:
    path = write(tmp_path, " a ,a,,a\nx,y,z,w\n")
    assert list(types(look(path))) == ["a", "a_2", "column_3", "a_3"]
    assert read(path)["rows"] == [{"a": "x", "a_2": "y", "column_3": "z", "a_3": "w"}]


@pytest.mark.parametrize("name", ["data.csv.gz", "data.csv"])
def test_gzip_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    two_members = gzip.compress(b"id,name\n1,a\n") + gzip.compress(b"2,b\n")
    path = write(tmp_path, two_members, name)
    assert look(path)["name"] == "data"
    assert [row["id"] for row in read(path)["rows"]] == [1, 2]


def test_zstd(tmp_path: Path) -> None:
    home = home_of(tmp_path, "csv", "zstd")
    home.load("items", [column("id", "int64")], [{"id": 1}])
    (part,) = (tmp_path / "lake" / "items").glob("part-*.csv.zst")
    plain = write(tmp_path, part.read_bytes(), "copy.csv.zst")
    assert read(plain)["rows"] == [{"id": 1}]


def test_a_cut_gzip_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(os.urandom(1000).hex().encode())[:-300], "data.csv.gz")
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.hint
    assert "data.csv.gz" in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n\n\n", "\ufeff"])
def test_empty_files(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)
    found = look(path)
    assert (found["rows"], found["rows_exact"], found["fields"]) == (0, True, [])
    assert read(path)["rows"] == []


def test_header_only(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name\n")
    assert types(look(path)) == {"id": "text", "name": "text"}
    assert look(path)["rows"] == 0
    assert read(path)["rows"] == []


def test_nul_bytes_cost_their_row(tmp_path: Path) -> None:
    answer = read(write(tmp_path, b"id,name\n1,a\n2,b\x00c\n3,d\n" + b"\x00" * 5000))
    assert [row["id"] for row in answer["rows"]] == [1, 3]
    assert [refused["row"] for refused in answer["rejected"]] == [2, 4]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_line_of_ten_megabytes_is_refused(tmp_path: Path, quote: str) -> None:
    path = write(tmp_path, f"id,name\n1,a\n2,{quote}{'x' * 10_000_000}\n3,c\n")
    answer = read(path)
    assert [row["id"] for row in answer["rows"]] == [1, 3]
    (refused,) = answer["rejected"]
    assert refused["row"] == 2
    assert len(refused["record"]["_raw"]) <= 64 << 10


def test_a_delimiter_of_two_characters_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a||b\n1||2\n")
    with pytest.raises(SpecError):
        look(path, delimiter="||")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | st.text(alphabet='a1,;\t|"\'\\\r\n\x00é ', max_size=200).map(str.encode))
def test_any_bytes_are_read_and_every_row_is_accounted(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), content)
        for kind, name in [("csv", "data.csv"), ("jsonl", "data.jsonl"), ("parquet", "data.parquet")]:
            path = write(Path(folder), content, name)
            try:
                answer = read(path, kind)
            except WindvaneError as error:
                assert error.kind in {"data", "unsupported"}, error  # noqa: PT017
                assert error.hint  # noqa: PT017
                continue
            met = sorted([*answer["numbers"], *(refused["row"] for refused in answer["rejected"])])
            assert met == list(range(1, len(met) + 1))
            assert len(answer["rows"]) == len(answer["numbers"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20) | st.none(), st.integers(-(2**63), 2**63 - 1) | st.none()), max_size=20))
def test_what_pythons_csv_writes_is_read(rows: list[tuple[str | None, int | None]]) -> None:
    import csv  # noqa: PLC0415

    clean = [(None if not text or "\0" in text else text, number) for text, number in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
                writer.writerow(["text", "number", "last"])
                writer.writerows((text, number, "x") for text, number in clean)
        except UnicodeEncodeError:
            return
        options = {"encoding": "utf-8", "delimiter": ",", "quote": '"', "header": True}
        schema = [column("text", "text"), column("number", "int64")]
        answer = read(path, options=options, schema=schema)
        expected = [{"text": text or "", "number": number} for text, number in clean]
        assert [{**row, "text": row["text"] or ""} for row in answer["rows"]] == expected


def test_json_lines_have_types(tmp_path: Path) -> None:
    lines = [
        {"i": 1, "f": 1.5, "b": True, "s": "x", "d": "2024-01-01", "t": "2024-01-01T10:00:00Z", "o": {"k": [1]}, "m": 1},
        {"i": 2, "f": 2, "b": None, "s": "", "d": "2024-01-02", "t": None, "o": [], "m": "one", "late": 3},
    ]
    path = write(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), "data.jsonl")
    (found,) = call("datasets", {"source": {"jsonl": {"path": str(path)}}})["datasets"]
    assert types(found) == {
        "i": "int64",
        "f": "float64",
        "b": "boolean",
        "s": "text",
        "d": "date",
        "t": "timestamptz",
        "o": "json",
        "m": "text",
        "late": "int64",
    }
    answer = read(path, "jsonl")
    assert answer["rows"] == [
        {**lines[0], "m": "1", "late": None},
        {**lines[1], "f": 2.0, "m": "one"},
    ]


def test_broken_json_lines_are_put_aside(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": 1}\n{"a": \n\n[1]\n7\n{"a": "\xff"}\n{"a": "x"}\n{"a": 2}', "data.jsonl")
    answer = read(path, "jsonl", schema=[column("a", "int64")])
    assert answer["rows"] == [{"a": 1}, {"a": 2}]
    assert answer["numbers"] == [1, 7]
    assert [refused["row"] for refused in answer["rejected"]] == [2, 3, 4, 5, 6]
    assert answer["rejected"][0]["record"] == {"_raw": '{"a": '}


def test_numbers_of_json_keep_their_digits(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": 12345678901234567890.123456789}\n', "data.jsonl")
    answer = read(path, "jsonl", schema=[column("a", "decimal(38,9)")])
    assert answer["rows"] == [{"a": "12345678901234567890.123456789"}]


def test_a_json_array(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([{"a": 1}, {"a": 2}, 3], indent=2), "data.json")
    answer = read(path, "files")
    assert answer["rows"] == [{"a": 1}, {"a": 2}]
    assert [refused["row"] for refused in answer["rejected"]] == [3]


def test_one_json_object_over_many_lines_is_one_row(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"a": 1, "b": {"c": [1]}}, indent=2), "data.json")
    assert read(path, "files")["rows"] == [{"a": 1, "b": {"c": [1]}}]


def test_parquet_of_others(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "small": pa.array([1, 2], pa.uint8()),
            "big": pa.array([2**64 - 1, None], pa.uint64()),
            "word": pa.array(["a", "b"]).dictionary_encode(),
            "at": pa.array([0, 1_000], pa.timestamp("ns")),
            "zoned": pa.array([0, 1], pa.timestamp("ms", tz="Europe/Berlin")),
        }
    )
    path = tmp_path / "data.parquet"
    pq.write_table(table, path)
    answer = read(path, "parquet")
    assert answer["rows"][1] == {
        "small": 2,
        "big": None,
        "word": "b",
        "at": "1970-01-01T00:00:00.000001",
        "zoned": "1970-01-01T00:00:00.001Z",
    }
    assert answer["rows"][0]["big"] == "18446744073709551615"


def test_broken_parquet_is_a_data_error(tmp_path: Path) -> None:
    path = write(tmp_path, b"PAR1 and then nothing PAR1", "data.parquet")
    with pytest.raises(DataError) as caught:
        read(path, "parquet")
    assert "data.parquet" in str(caught.value)


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
    for path in ["../outside/secret.csv", str(outside), "link.csv", "folder", "folder/secret.csv", "../outside/*.csv", "*.csv"]:
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
    home.load("log", [column("id", "int64"), column("more", "text")], [{"id": 2, "more": "x"}], mode="append", load_id="two")
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
    assert not list(folder.glob(".staging-*"))


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
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", LOAD_AND_DIE, str(attempt * 0.002)], input=request, text=True, check=False
        )
        killed += done.returncode == -signal.SIGKILL
        wanted = (before if mode == "append" else []) + rows
        seen = home.rows("items")
        assert len(seen) in {len(before), len(wanted)}
        home.load("items", fields, rows, mode=mode, load_id=load_id)
        after = home.rows("items")
        assert len(after) == len(wanted)
        assert not list((tmp_path / "lake" / "items").glob(".staging-*"))
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
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], input=request, text=True, check=True, stdout=subprocess.PIPE
    )
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
