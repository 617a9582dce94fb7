"""Kinds of values that files lose in other tools: each is read cell by cell and compared with an independent reader."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance import call, column

Answer = dict[str, Any]


def look(path: Path, kind: str = "csv", **options: Any) -> Answer:
    (found,) = call("datasets", {"source": {kind: {"path": str(path), **options}}})["datasets"]
    return found


def read(path: Path, kind: str = "csv", *, schema: Any = None, **options: Any) -> Answer:
    found = look(path, kind, **options)
    more = {"schema": schema} if schema else {}
    return call("read_rows", {"source": {kind: {"path": str(path), **options}}, "dataset": found["name"], **more})


def write(tmp_path: Path, content: str, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return path


def kind_of(tmp_path: Path, values: list[str]) -> str:
    path = write(tmp_path, "k,v\n" + "".join(f"a{at},{value}\n" for at, value in enumerate(values)))
    return {field["name"]: field["type"] for field in look(path)["fields"]}["v"]


# --- one column


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_empty_line_of_one_column_is_a_null(tmp_path: Path, end: str) -> None:
    path = write(tmp_path, end.join(["v", "1", "", "3"]))
    answer = read(path)
    assert [row["v"] for row in answer["rows"]] == [1, None, 3]
    assert answer["numbers"] == [1, 2, 3]
    assert look(path)["rows"] == 3
    path = write(tmp_path, end.join(["v", "", "1", "", "", "3", "", ""]))
    assert [row["v"] for row in read(path)["rows"]] == [None, 1, None, None, 3, None]


def test_many_empty_lines_across_stretches(tmp_path: Path) -> None:
    values = ["" if at % 3 == 0 else f"{at:030d}x" for at in range(500_000)]
    path = write(tmp_path, "v\n" + "\n".join(values) + "\n")
    rows = call(
        "read_rows",
        {"source": {"csv": {"path": str(path)}}, "dataset": "data", "schema": [column("v", "text")], "limit": 450_000},
    )["rows"]
    assert [row["v"] or "" for row in rows] == values[:450_000]


def test_empty_lines_of_two_columns_are_no_rows(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, "a,b\n1,2\n\n3,4\n\n"))["rows"]) == 2


@pytest.mark.parametrize(
    ("kind", "values"),
    [("int64", [1, None, 3, None]), ("date", ["2024-01-02", None]), ("text", ["a", None, "", "b", None])],
)
def test_what_we_write_of_one_column_comes_back(tmp_path: Path, kind: str, values: list[Any]) -> None:
    (tmp_path / "lake").mkdir()
    request = {
        "target": {"csv": {"path": "lake"}},
        "base": str(tmp_path),
        "roots": [str(tmp_path)],
        "dataset": "one",
        "schema": [column("v", kind)],
        "rows": [{"v": value} for value in values],
        "mode": "replace",
        "load_id": "l1",
    }
    call("load_rows", request)
    (part,) = (tmp_path / "lake" / "one").rglob("*.csv")
    again = read(part, schema=[column("v", kind)])
    assert [row["v"] for row in again["rows"]] == values
    seen = duckdb.sql(f"SELECT count(*) FROM read_csv('{part}', header=true, columns={{'v': 'VARCHAR'}})").fetchall()
    assert seen == [(len(values),)]
    if kind != "text":
        assert pl.read_csv(part).height == len(values)
        assert "\n\n" not in part.read_text()


# --- numbers


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["12E3", "120E2"], "text"),
        (["1e5", "2e7"], "text"),
        (["1.5e-3", "2.75E+10"], "float64"),
        (["1.5e-3", "1e5", "3"], "float64"),
        (["1.5e-3", "12E3"], "text"),
        (["1E+05", "2.5"], "float64"),
        (["+5", "7"], "text"),
        (["007", "12"], "text"),
        (["1_000"], "text"),
        (["0x1F"], "text"),
        (["1.10", "2.25"], "decimal(18,2)"),
        (["12345678901234567890"], "decimal(38,0)"),
        (["1" * 40], "text"),
        (["0.12345678901234567891"], "decimal(38,20)"),
        (["-0", "1"], "float64"),
        (["1e400", "2.5"], "text"),
        (["1", "2"], "int64"),
        # Behind 1.9 comes 1.10: versions, not amounts.
        (["1.1", "1.2", "1.9", "1.10"], "text"),
        (["1.5", "2.25"], "decimal(18,2)"),
        (["1", "2.50", "3.25"], "decimal(18,2)"),
        (["2", "2.50"], "decimal(18,2)"),
        (["1.", "2.", "10."], "text"),
    ],
)
def test_a_number_type_gives_the_characters_back(tmp_path: Path, values: list[str], kind: str) -> None:
    assert kind_of(tmp_path, values) == kind
    if kind == "text":
        assert [row["v"] for row in read(tmp_path / "data.csv")["rows"]] == values


@pytest.mark.parametrize("written", ["1e400", "-1e400", "1e-400"])
def test_a_number_beyond_a_double_is_put_aside(tmp_path: Path, written: str) -> None:
    path = write(tmp_path, f'{{"v": 1.5}}\n{{"v": {written}}}\n{{"v": 0.0}}\n', "data.jsonl")
    answer = read(path, "jsonl", schema=[column("v", "float64")])
    assert [row["v"] for row in answer["rows"]] == [1.5, 0.0]
    assert answer["rejected"][0]["reason"] == f"'{written}' is not a number that a float can hold"


@pytest.mark.parametrize("name", ["version", "sourceVersion", "release_no"])
def test_a_version_is_text_by_its_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f"{name},n\n1.1,1\n1.2,2\n")
    assert look(path)["fields"][0]["type"] == "text"


# --- quotes


@pytest.mark.parametrize("end", ["\t", ","])
@pytest.mark.parametrize("written", ['"Up" (2009)', '"p" "q"', '"x"y"', '"a""b" c', '5" disk', 'the "Alien"'])
def test_quotes_that_wrap_no_field_are_text(tmp_path: Path, end: str, written: str) -> None:
    rows = [f"{at}{end}plain {at}" for at in range(20)]
    rows.insert(7, f"7{end}{written}")
    rows.insert(9, f'9{end}"quoted{end}and whole"')
    answer = read(write(tmp_path, "\n".join([f"id{end}title", *rows, ""])))
    titles = [row["title"] for row in answer["rows"]]
    assert titles[7] == written
    assert titles[9] == f"quoted{end}and whole"
    assert len(titles) == 22
    assert not answer["rejected"]


def test_text_behind_a_quoted_delimiter_is_put_aside(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,name\n1,Ann\n2,"Smith, John" Jr\n3,"Smith, Jane"\n')
    answer = read(path)
    assert [row["name"] for row in answer["rows"]] == ["Ann", "Smith, Jane"]
    (refused,) = answer["rejected"]
    assert "goes on behind a closing quote" in refused["reason"]


# --- backslashes


def test_one_value_does_not_make_the_backslash_an_escape(tmp_path: Path) -> None:
    rows = [[str(at), f"C:\\new\\{at}", f'a "b" {at}'] for at in range(200)]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["id", "path", "note"], *rows])
    path = write(tmp_path, out.getvalue() + '"200","x","say \\"hi\\""\n')
    assert look(path)["format"]["escape"] is None
    answer = read(path)
    assert [[str(row["id"]), row["path"], row["note"]] for row in answer["rows"]] == rows
    (refused,) = answer["rejected"]
    assert refused["row"] == 201
    assert "escape" in refused["reason"]


def test_a_backslash_escapes_everything_it_escapes(tmp_path: Path) -> None:
    rows = [["1", 'say "hi"', "Surname, First"], ["2", "a\nb", "C:\\x"], ["3", 'q"', "z"]]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\", lineterminator="\n")
    writer.writerows([["id", "a", "b"], *rows])
    path = write(tmp_path, out.getvalue().replace("Surname,", "Surname\\,"))
    assert look(path)["format"]["escape"] == "\\"
    assert [[str(row["id"]), row["a"], row["b"]] for row in read(path)["rows"]] == rows


def test_given_words_of_a_csv_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path, "# made by hand\nid;n\n1;'a\\'b'\n# more\n2;-\n")
    answer = read(path, delimiter=";", quote="'", escape="\\", comment="#", nulls=["-"])
    assert answer["rows"] == [{"id": 1, "n": "a'b"}, {"id": 2, "n": None}]


def test_what_mysql_writes_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path, "id\tnote\tn\n1\ta\\tb\t5\n2\tline\\nbreak\t\\N\n3\t\\N\t7\n4\t\t8\n5\tc\\\\d\t9\n6\tx\\\ty\t1\n"
    )
    answer = read(path)
    assert answer["rejected"] == []
    assert [(row["note"], row["n"]) for row in answer["rows"]] == [
        ("a\tb", 5), ("line\nbreak", None), (None, 7), ("", 8), ("c\\d", 9), ("x\ty", 1),
    ]  # fmt: skip


def test_a_long_field_is_called_long(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,v\n1,"' + "x" * (9 << 20) + '"\n2,b\n')
    answer = read(path)
    assert [row["id"] for row in answer["rows"]] == [2]
    assert "longer than 8 MiB" in answer["rejected"][0]["reason"]


# --- Parquet


def parquet(tmp_path: Path, **columns: Any) -> Path:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_nested_and_wide_types_are_read(tmp_path: Path) -> None:
    wide = Decimal("1234567890123456789012345678901234567890.12")
    path = parquet(
        tmp_path,
        id=pa.array([1, 2]),
        list=pa.array([[1, None], None], pa.list_(pa.int64())),
        large=pa.array([["a"], []], pa.large_list(pa.string())),
        fixed=pa.array([[1.5, 2.0], [0.0, 1.0]], pa.list_(pa.float64(), 2)),
        struct=pa.array([{"a": 'q"', "b": [True]}, {"a": None, "b": []}]),
        map=pa.array([[("x", 1)], []], pa.map_(pa.string(), pa.int32())),
        duration=pa.array([timedelta(seconds=90), None], pa.duration("us")),
        wide=pa.array([wide, None], pa.decimal256(42, 2)),
        half=pa.array([1.5, None], pa.float32()).cast(pa.float16()),
        large_whole=pa.array([2**64 - 1, 0], pa.uint64()),
        words=pa.array(["a", "b"]).dictionary_encode(),
        nothing=pa.nulls(2),
        bytes=pa.array([b"ab", b"cd"], pa.binary(2)),
    )
    kinds = {field["name"]: field["type"] for field in look(path, "parquet")["fields"]}
    assert {name for name, kind in kinds.items() if kind == "json"} == {"list", "large", "fixed", "struct", "map"}
    first, second = read(path, "parquet")["rows"]
    assert {name: first[name] for name in ("list", "map", "struct", "fixed", "large")} == {
        "list": [1, None],
        "map": {"x": 1},
        "struct": {"a": 'q"', "b": [True]},
        "fixed": [1.5, 2.0],
        "large": ["a"],
    }
    assert (second["list"], second["large"], second["map"]) == (None, [], {})
    assert second["struct"] == {"a": None, "b": []}
    assert first["wide"] == str(wide)
    assert first["duration"] == "PT90S"
    assert str(first["large_whole"]) == str(2**64 - 1)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([86_399_999_999_999], pa.time64("ns")),
        pa.array([1_700_000_000_000_000_001], pa.timestamp("ns")),
        pa.array([1_700_000_000_000_000_001], pa.timestamp("ns")).dictionary_encode(),
    ],
)
def test_nothing_is_cut_in_silence(tmp_path: Path, values: Any) -> None:
    path = parquet(tmp_path, id=pa.array([1, 2]), t=pa.concat_arrays([values, pa.nulls(1, values.type)]))
    answer = read(path, "parquet")
    assert answer["rows"] == [{"id": 2, "t": None}]
    (refused,) = answer["rejected"]
    assert (refused["row"], refused["column"]) == (1, "t")
    assert "finer than a microsecond" in refused["reason"]
    assert read(path, "parquet", schema=[column("id", "int64")])["rows"] == [{"id": 1}, {"id": 2}]


def test_fine_times_that_fit_come_whole(tmp_path: Path) -> None:
    path = parquet(tmp_path, t=pa.array([86_399_999_999_000, None], pa.time64("ns")))
    assert [row["t"] for row in read(path, "parquet")["rows"]] == ["23:59:59.999999", None]


def test_int96_beyond_the_nanoseconds_of_64_bits(tmp_path: Path) -> None:
    moments = [datetime(1, 1, 1), datetime(1500, 6, 7, 8, 9, 10, 11), datetime(2024, 1, 2), datetime(9999, 12, 31)]  # noqa: DTZ001
    path = tmp_path / "old.parquet"
    table = pa.table({"t": pa.array([*moments, None], pa.timestamp("us"))})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    got = [row["t"] for row in read(path, "parquet")["rows"]]
    assert [moment and datetime.fromisoformat(moment) for moment in got] == [*moments, None]
    fine = pa.table({"t": pa.array([None, 1000, 1, 2000], pa.timestamp("ns"))})
    pq.write_table(fine, path, use_deprecated_int96_timestamps=True)
    answer = read(path, "parquet")
    assert answer["numbers"] == [1, 2, 4]
    assert [(one["row"], one["column"]) for one in answer["rejected"]] == [(3, "t")]


# --- the shell


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "store.db"))


def shell(*words: str, given: bytes = b"", closed: bool = False) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "windvane", *words]
    if not closed:
        return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)
    script = " ".join(f"'{word}'" for word in command) + " | true; exit ${PIPESTATUS[0]}"
    return subprocess.run(["/bin/bash", "-c", script], capture_output=True, check=False, timeout=60)


def test_profile_reads_what_comes(tmp_path: Path) -> None:
    answer = shell("profile", "-", "--json", given=b"id,name\n1,a\n2,b\n")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["rows"] == 2
    assert json.loads(shell("profile", "-", "--json", given=b'{"a": 1}\n').stdout)["columns"][0]["name"] == "a"
    path = parquet(tmp_path, id=pa.array([1, 2, 3]))
    assert json.loads(shell("profile", "-", "--json", given=path.read_bytes()).stdout)["rows"] == 3


@pytest.mark.parametrize("words", [("schema", "spec"), ("doctor",), ("schema", "plan", "--json")])
def test_a_reader_that_stops_is_no_fault(words: tuple[str, ...]) -> None:
    answer = shell(*words, closed=True)
    assert b"Traceback" not in answer.stderr
    assert b"BrokenPipe" not in answer.stderr
