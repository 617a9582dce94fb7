"""The fast ways through files give what the careful ones give: CSV many rows at a time, CSV on several threads, numbers
by their digits, Parquet by several threads."""

from __future__ import annotations

import datetime as dt
import gzip
import random
import re
import tempfile
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance import call, column
from hypothesis import given, settings
from hypothesis import strategies as st
from windvane.errors import DataError

Answer = dict[str, Any]

FORMAT = {"encoding": "utf-8", "delimiter": ",", "quote": '"', "header_rows": 1, "nulls": ["NA"]}
# An escape that is nowhere written: every record then goes the careful way.
CAREFUL = {**FORMAT, "escape": "\x01"}

CELLS = [
    *[
        "",
        " ",
        "NA",
        '"NA"',
        "x",
        "é",
        "日本",
        '""',
        '" "',
        '"a,b"',
        '"a\nb"',
        '"a\r\nb"',
        '"say ""hi"""',
        '"open',
        'a"b',
    ],
    *['"a"b', ' "sp"', "0", "-0", "7", "007", "+3", "-5", " 12 ", "12345678", "123456789", "-99999999999999999"],
    *["123456789012345678", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "32767", "32768"],
    *["3.14", "-0.05", ".5", "5.", "1.239", "1.230", "12345678901234.56", "1e5", "NaN", "true", "F", "yes"],
    *["2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31", "2024-13-01", "2024-1-1", "12:30", "12:30:59.5"],
    *["2024-02-29T12:30:00", "2024-02-29 12:30:00.123456", "2024-02-29T12:30:00Z", "2024-02-29T12:30:00+02:00"],
    *["\\x00ff", "\\x0", '{"a":1}', "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "a\0b", "\t", "1\xa0"],
]
KINDS = ["text", "int16", "int32", "int64", "float32", "float64", "decimal(18,2)", "decimal(38,2)", "decimal(4,0)"]
KINDS += ["boolean", "date", "time", "timestamp", "timestamptz", "binary", "json", "uuid"]

cells = st.sampled_from(CELLS) | st.integers(-(10**19), 10**19).map(str) | st.decimals(allow_nan=False).map(str)
bad_bytes = st.sampled_from([b"\xff", b"\xc3", b"caf\xe9"])
rows = st.lists(st.lists(cells.map(str.encode) | bad_bytes, min_size=1, max_size=5).map(b",".join), max_size=30)
ends = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])


def read(path: Path, text_format: Answer, fields: list[Answer]) -> Answer:
    request = {"source": {"csv": {"path": str(path)}}, "locator": path.name, "kind": "csv", "base": str(path.parent)}
    return call("read_rows", {**request, "format": text_format, "schema": fields})


@settings(max_examples=200, deadline=None)
@given(rows, ends, st.lists(st.sampled_from(KINDS), min_size=3, max_size=3), st.booleans())
def test_messy_rows_are_the_same_on_both_ways(lines: list[bytes], end: bytes, kinds: list[str], last: bool) -> None:
    fields = [column(name, kind) for name, kind in zip(["c", "a", "not there"], kinds, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        path.write_bytes(end.join([b"a,b,c", *lines]) + (end if last else b""))
        fast = read(path, FORMAT, fields)
        assert fast == read(path, CAREFUL, fields)
    met = sorted([*fast["numbers"], *(refused["row"] for refused in fast["rejected"])])
    assert met == list(range(1, len(met) + 1))


def left_over() -> list[str]:
    """Threads of this process that should have ended."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            names.append((task / "comm").read_text().strip())
    return [name for name in names if name.startswith("windvane-")]


def none_is_left_over() -> None:
    """They end by themselves, when they get a core."""
    begun = time.monotonic()
    while left_over():
        assert time.monotonic() - begun < 60, left_over()
        time.sleep(0.01)


def test_rows_of_several_threads_are_those_of_one(tmp_path: Path) -> None:
    """12 MB of rows, many of which hold line ends, quotes and errors; compressed files are read by one thread."""
    choice = random.Random(7)
    pool = [cell for cell in CELLS if cell not in {'"open', "a\0b"}]
    long = ['"' + "line, end\n" * 40 + '"', "plain " * 60, '"' + 'he said ""no""\r\n' * 30 + '"']
    lines = [f"{at},{choice.choice(pool)},{choice.choice(long)}" for at in range(30_000)]
    lines[12_345] = '7,"open,x'
    content = "\n".join(["id,cell,long", *lines]).encode()
    assert len(content) > 10 << 20
    (tmp_path / "plain.csv").write_bytes(content)
    (tmp_path / "marked.csv").write_bytes(b"\xef\xbb\xbf" + content)
    (tmp_path / "packed.csv").write_bytes(gzip.compress(content, 1))
    for kind in ["text", "decimal(18,2)"]:
        fields = [column("id", "int64"), column("cell", kind)]
        by_one = read(tmp_path / "packed.csv", FORMAT, fields)
        assert len(by_one["rows"]) + len(by_one["rejected"]) > 29_000
        assert (len(by_one["rejected"]) > 10_000) is (kind != "text")
        for way in ["plain.csv", "marked.csv"]:
            assert read(tmp_path / way, FORMAT, fields) == by_one
        assert read(tmp_path / "packed.csv", CAREFUL, fields) == by_one
    none_is_left_over()


def test_a_text_of_many_stretches_is_one_cell(tmp_path: Path) -> None:
    """Line ends inside quotes for longer than a thread reads at a time: what it supposes is wrong, what it gives is not."""
    inner = "1,2\n" * (1_500_000)
    content = f'a,b\n1,2\n3,"{inner}"\n' + "5,6\n" * 900_000
    path = tmp_path / "data.csv"
    path.write_text(content)
    answer = read(path, FORMAT, [column("a", "int64")])
    assert answer["rejected"] == []
    assert len(answer["rows"]) == 900_002
    assert [row["a"] for row in answer["rows"][:3]] == [1, 3, 5]
    assert answer["numbers"][-1] == 900_002


def oracle(text: str, kind: str) -> Any:
    """What a text means, written down a second time; ``None`` is no value."""
    text = text.strip()
    if kind == "int64":
        # What a number would not give back (`007`, `+5`) is none.
        fits = re.fullmatch(r"-?(0|[1-9][0-9]*)", text) and -(2**63) <= int(text) < 2**63
        return int(text) if fits else None
    if kind == "date":
        # The calendar has a year 0, Python's has not.
        text, year = (f"2000{text[4:]}", "0000") if text.startswith("0000") else (text, text[:4])
        try:
            return (
                year + str(dt.date.fromisoformat(text))[4:]
                if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII)
                else None
            )
        except ValueError:
            return None
    if not re.fullmatch(r"-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)", text):
        return None
    value = Decimal(text)
    fits = value == round(value, 2) and abs(value) < Decimal(10) ** 16
    return value if fits else None


numbers = st.from_regex(r"[ ]?[+-]?[0-9]{0,20}(\.[0-9]{0,4})?", fullmatch=True)
days = st.from_regex(r"[0-9]{4}-[0-3][0-9]-[0-4][0-9]", fullmatch=True) | st.dates().map(str)


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers | days | st.sampled_from(["1:2", "12/34", "1;2", "/", ":", "1.2.3", "--1"]), max_size=40))
def test_digits_mean_what_they_say(texts: list[str]) -> None:
    texts = [text for text in texts if text.strip()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        path.write_text("".join(f"{text}\n" for text in ["value", *texts]))
        for kind in ["int64", "date", "decimal(18,2)"]:
            answer = read(path, FORMAT, [column("value", kind)])
            expected = [oracle(text, kind) for text in texts]
            found: list[Any] = [None] * len(texts)
            for number, row in zip(answer["numbers"], answer["rows"], strict=True):
                found[number - 1] = Decimal(row["value"]) if kind.startswith("decimal") else row["value"]
            assert found == expected
            assert sorted(one["row"] for one in answer["rejected"]) == [
                at for at, value in enumerate(expected, 1) if value is None
            ]


def test_parquet_of_many_row_groups_keeps_its_order(tmp_path: Path) -> None:
    count = 50_000
    table = pa.table({"id": range(count), "word": [f"w{at % 7}" for at in range(count)], "x": [0.5] * count})
    pq.write_table(table, tmp_path / "data.parquet", row_group_size=3_000)
    request = {"source": {"parquet": {"path": str(tmp_path / "data.parquet")}}, "dataset": "data"}
    answer = call("read_rows", {**request, "schema": [column("word", "text"), column("id", "int64")]})
    assert answer["numbers"] == list(range(1, count + 1))
    assert answer["rows"] == [{"word": f"w{at % 7}", "id": at} for at in range(count)]
    assert len(call("read_rows", {**request, "limit": 4_000})["rows"]) == 4_000


def test_a_broken_row_group_is_an_error_and_not_a_hang(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"id": range(100_000)}), path, row_group_size=10_000, use_dictionary=False)
    where = pq.ParquetFile(path).metadata.row_group(6).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[where : where + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(DataError):
        call("read_rows", {"source": {"parquet": {"path": str(path)}}, "dataset": "data"})
    none_is_left_over()
