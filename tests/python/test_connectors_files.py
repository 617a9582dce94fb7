"""Files as source and target: the conformance suite, messy CSV, JSON lines, Parquet of others."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from conformance import Conformance, Home, call, column
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane.errors import DataError, SpecError, WindvaneError

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
    return call(
        "read_rows", {"source": {kind: {"path": str(path), **(options or {})}}, "dataset": found["name"], **more}
    )


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
@given(st.binary(max_size=400) | st.text(alphabet="a1,;\t|\"'\\\r\n\x00é ", max_size=200).map(str.encode))
def test_any_bytes_are_read_and_every_row_is_accounted(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), content)
        for kind, name in [("csv", "data.csv"), ("jsonl", "data.jsonl"), ("parquet", "data.parquet")]:
            path = write(Path(folder), content, name)
            try:
                answer = read(path, kind)
            except WindvaneError as error:
                assert error.kind in {"data", "unsupported"}, error
                assert error.hint
                continue
            met = sorted([*answer["numbers"], *(refused["row"] for refused in answer["rejected"])])
            assert met == list(range(1, len(met) + 1))
            assert len(answer["rows"]) == len(answer["numbers"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20) | st.none(), st.integers(-(2**63), 2**63 - 1) | st.none()), max_size=20))
def test_what_pythons_csv_writes_is_read(rows: list[tuple[str | None, int | None]]) -> None:
    import csv

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
        {
            "i": 1,
            "f": 1.5,
            "b": True,
            "s": "x",
            "d": "2024-01-01",
            "t": "2024-01-01T10:00:00Z",
            "o": {"k": [1]},
            "m": 1,
        },
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
    import pyarrow as pa
    import pyarrow.parquet as pq

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
