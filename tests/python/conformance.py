"""What every connector must do: one suite, parametrised over connectors.

A test module subclasses :class:`Conformance` and gives a ``home`` fixture::

    class TestParquet(Conformance):
        @pytest.fixture
        def home(self, tmp_path: Path) -> Home:
            return Home(target={"parquet": {"path": "lake"}}, source={"files": {"path": "lake"}}, base=str(tmp_path))

The doors under test are ``windvane._core.load_rows``, ``read_rows``, ``datasets`` and ``test_connection``. They speak
JSON rows: integers, floats and booleans are JSON's own (NaN and the infinities are the texts ``NaN``, ``Infinity``,
``-Infinity``); decimals are texts with their digits; dates, times and timestamps are ISO texts; binary is a
backslash, ``x`` and hexadecimal digits; a JSON column holds its value as it is; null is null.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from windvane import _core
from windvane.errors import DataError, MissingError, WindvaneError

Row = dict[str, Any]
Fields = list[dict[str, Any]]

BATCH_ROWS = 16_384
"""As ``connectors::BATCH_ROWS``."""


@dataclass(frozen=True)
class Home:
    """A place that can be written through ``target`` and read through ``source``, empty at the start of each test."""

    target: dict[str, Any]
    source: dict[str, Any]
    base: str | None = None
    roots: list[str] = field(default_factory=list)
    connections: dict[str, str] = field(default_factory=dict)
    keeps_not_a_number: bool = True
    """SQLite stores NaN as null."""
    keeps_infinity: bool = True
    """MySQL has no such numbers."""

    def request(self, **more: Any) -> dict[str, Any]:
        return {"base": self.base, "roots": self.roots, "connections": self.connections, **more}

    def load(self, dataset: str, fields: Fields, rows: list[Row], **more: Any) -> dict[str, Any]:
        # A load id names one load of one dataset; databases keep all of them in one ledger.
        asked = {"mode": "replace", "load_id": f"load{dataset.encode().hex()}", **more}
        return call("load_rows", self.request(target=self.target, dataset=dataset, schema=fields, rows=rows, **asked))

    def read(self, dataset: str, **more: Any) -> dict[str, Any]:
        return call("read_rows", self.request(source=self.source, dataset=dataset, **more))

    def rows(self, dataset: str) -> list[Row]:
        """All rows, in an order that does not depend on the connector's."""
        answer = self.read(dataset)
        assert answer["rejected"] == []
        return ordered(answer["rows"])

    def datasets(self) -> dict[str, dict[str, Any]]:
        """By name; a place that holds nothing yet may also be called missing."""
        try:
            return {found["name"]: found for found in call("datasets", self.request(source=self.source))["datasets"]}
        except MissingError:
            return {}


def call(verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """One call through the doorway: a JSON document in, a JSON document out."""
    answer: dict[str, Any] = json.loads(getattr(_core, verb)(json.dumps(request)))
    return answer


def column(name: str, kind: str, *, nullable: bool = True) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": nullable}


def ordered(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


ALL_TYPES: Fields = [
    column("a_boolean", "boolean"),
    column("an_int16", "int16"),
    column("an_int32", "int32"),
    column("an_int64", "int64"),
    column("a_float32", "float32"),
    column("a_float64", "float64"),
    column("a_decimal", "decimal(38,10)"),
    column("money", "decimal(15,2)"),
    column("a_text", "text"),
    column("a_binary", "binary"),
    column("a_date", "date"),
    column("a_time", "time"),
    column("a_timestamp", "timestamp"),
    column("a_timestamptz", "timestamptz"),
    column("a_json", "json"),
    column("a_uuid", "uuid"),
]

ORDINARY: Row = {
    "a_boolean": True,
    "an_int16": 7,
    "an_int32": 70_000,
    "an_int64": 7_000_000_000,
    "a_float32": 1.5,
    "a_float64": 0.1,
    "a_decimal": "12.3400000000",
    "money": "1234.50",
    "a_text": "hello",
    "a_binary": "\\x00ff10",
    "a_date": "2024-02-29",
    "a_time": "12:34:56.123456",
    "a_timestamp": "2024-02-29T12:34:56.123456",
    "a_timestamptz": "2024-02-29T12:34:56.123456Z",
    "a_json": {"name": "Zoë", "tags": [1, 2.5, None, True], "empty": {}},
    "a_uuid": "123e4567-e89b-12d3-a456-426614174000",
}

LOWEST: Row = {
    "a_boolean": False,
    "an_int16": -(2**15),
    "an_int32": -(2**31),
    "an_int64": -(2**63),
    "a_float32": -3.4028235e38,
    "a_float64": -1.7976931348623157e308,
    "a_decimal": "-9999999999999999999999999999.9999999999",
    "money": "-9999999999999.99",
    "a_text": "",
    "a_binary": "\\x",
    "a_date": "0001-01-01",
    "a_time": "00:00:00",
    "a_timestamp": "0001-01-01T00:00:00",
    "a_timestamptz": "0001-01-01T00:00:00Z",
    "a_json": [],
    "a_uuid": "00000000-0000-0000-0000-000000000000",
}

HIGHEST: Row = {
    "a_boolean": True,
    "an_int16": 2**15 - 1,
    "an_int32": 2**31 - 1,
    "an_int64": 2**63 - 1,
    "a_float32": 3.4028235e38,
    "a_float64": 1.7976931348623157e308,
    "a_decimal": "9999999999999999999999999999.9999999999",
    "money": "9999999999999.99",
    "a_text": "\U0001f980 ünï\u202ecode 表 'single' \"double\" \\back; -- comment",
    "a_binary": "\\xffffffff",
    "a_date": "9999-12-31",
    "a_time": "23:59:59.999999",
    "a_timestamp": "9999-12-31T23:59:59.999999",
    "a_timestamptz": "9999-12-31T23:59:59.999999Z",
    "a_json": {"nested": {"deep": [[[]]]}},
    "a_uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff",
}

NULLS: Row = dict.fromkeys((item["name"] for item in ALL_TYPES), None)

TEXTS = [
    "plain",
    "",
    None,
    " leading and trailing ",
    "comma,semicolon;tab\tpipe|",
    'quote " inside',
    '"quoted"',
    '"',
    "line one\nline two",
    "carriage\r\nreturn\rlone",
    "control \x01\x07\x1b\x7f",
    "NULL",
    "null",
    "NA",
    "\\N",
    "\\",
    "true",
    "0012",
    "1e5",
    "2024-01-01",
    "'; drop table x; --",
    "=1+1",
    "\ufeffmark",
    "e\u0301 is not é",
    "\u2028line separator",
    "a" * 100_000,
]

AWKWARD_NAMES = [
    'a"b; drop table x',
    "two words",
    "Ünï表",
    "select",
    "per%cent",
    "semi;colon",
    "quote'd",
    "back`tick",
    "-dash",
    "$1",
    "a.b",
]


class Conformance:
    """The suite. ``home`` comes from the subclass."""

    def test_the_connection_test_passes(self, home: Home) -> None:
        assert call("test_connection", home.request(target=home.target))["ok"] is True

    def test_every_type_comes_back_as_it_went(self, home: Home) -> None:
        rows = [ORDINARY, LOWEST, HIGHEST, NULLS]
        loaded = home.load("everything", ALL_TYPES, rows)
        assert loaded["rows"] == len(rows)
        assert loaded["already"] is False
        assert len(loaded["checksum"]) == 32
        assert home.rows("everything") == ordered(rows)

    def test_types_are_kept(self, home: Home) -> None:
        home.load("everything", ALL_TYPES, [ORDINARY])
        found = {item["name"]: item["type"] for item in home.datasets()["everything"]["fields"]}
        assert list(found) == [item["name"] for item in ALL_TYPES]
        exact = {"an_int64", "a_float64", "a_decimal", "money", "a_text", "a_date", "a_timestamp"}
        assert {name: kind for name, kind in found.items() if name in exact} == {
            item["name"]: item["type"] for item in ALL_TYPES if item["name"] in exact
        }

    def test_special_floats_come_back(self, home: Home) -> None:
        values: list[Any] = [5e-324, 1e-7, 123456789.123456789, 1e22]
        if home.keeps_infinity:
            values += ["Infinity", "-Infinity"]
        if home.keeps_not_a_number:
            values.append("NaN")
        rows = [{"x": value} for value in values]
        home.load("floats", [column("x", "float64")], rows)
        assert home.rows("floats") == ordered(rows)

    def test_every_text_comes_back_as_it_went(self, home: Home) -> None:
        rows = [{"id": number, "text": text} for number, text in enumerate(TEXTS)]
        home.load("texts", [column("id", "int64", nullable=False), column("text", "text")], rows)
        assert home.rows("texts") == ordered(rows)

    def test_a_single_column_keeps_nulls_and_empty_texts(self, home: Home) -> None:
        rows: list[Row] = [{"only": None}, {"only": ""}, {"only": "x"}, {"only": None}, {"only": "\n"}]
        home.load("single", [column("only", "text")], rows)
        assert home.rows("single") == ordered(rows)

    def test_append_adds_once_a_load(self, home: Home) -> None:
        fields = [column("id", "int64")]
        first = home.load("log", fields, [{"id": 1}, {"id": 2}], mode="append", load_id="one")
        second = home.load("log", fields, [{"id": 2}, {"id": 3}], mode="append", load_id="two")
        assert (first["already"], second["already"]) == (False, False)
        assert home.rows("log") == [{"id": 1}, {"id": 2}, {"id": 2}, {"id": 3}]
        again = home.load("log", fields, [{"id": 2}, {"id": 3}], mode="append", load_id="two")
        assert again["already"] is True
        assert {key: again[key] for key in ("rows", "checksum", "load_id")} == {
            key: second[key] for key in ("rows", "checksum", "load_id")
        }
        assert home.rows("log") == [{"id": 1}, {"id": 2}, {"id": 2}, {"id": 3}]

    def test_replace_replaces_once_a_load(self, home: Home) -> None:
        fields = [column("id", "int64"), column("name", "text")]
        home.load("items", fields, [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], load_id="one")
        home.load("items", fields, [{"id": 3, "name": None}], load_id="two")
        assert home.rows("items") == [{"id": 3, "name": None}]
        assert home.load("items", fields, [{"id": 3, "name": None}], load_id="two")["already"] is True
        assert home.rows("items") == [{"id": 3, "name": None}]

    def test_replace_may_change_the_columns(self, home: Home) -> None:
        home.load("items", [column("id", "int64")], [{"id": 1}], load_id="one")
        home.load("items", [column("name", "text")], [{"name": "a"}], load_id="two")
        assert home.rows("items") == [{"name": "a"}]

    def test_an_empty_dataset_keeps_its_columns(self, home: Home) -> None:
        assert home.load("nothing", ALL_TYPES, [])["rows"] == 0
        assert home.rows("nothing") == []
        assert [item["name"] for item in home.datasets()["nothing"]["fields"]] == [item["name"] for item in ALL_TYPES]

    def test_an_empty_replace_empties(self, home: Home) -> None:
        fields = [column("id", "int64")]
        home.load("items", fields, [{"id": 1}], load_id="one")
        home.load("items", fields, [], load_id="two")
        assert home.rows("items") == []

    @pytest.mark.parametrize("mode", ["replace", "append"])
    @pytest.mark.parametrize("wrong", [{"rows": 3}, {"checksum": "0" * 32}])
    def test_unexpected_content_is_never_visible(self, home: Home, mode: str, wrong: Row) -> None:
        fields = [column("id", "int64")]
        before = home.load("items", fields, [{"id": 1}], load_id="one")
        with pytest.raises(DataError):
            home.load("items", fields, [{"id": 8}, {"id": 9}], mode=mode, load_id="two", expected=wrong)
        assert home.rows("items") == [{"id": 1}]
        right = home.load("items", fields, [{"id": 8}, {"id": 9}], mode=mode, load_id="two")
        assert right["already"] is False
        assert right["checksum"] != before["checksum"]

    def test_an_unexpected_first_load_leaves_nothing(self, home: Home) -> None:
        with pytest.raises(DataError):
            home.load("items", [column("id", "int64")], [{"id": 1}], expected={"rows": 2})
        assert "items" not in home.datasets()

    def test_the_checksum_is_of_the_content(self, home: Home) -> None:
        fields = [column("id", "int64"), column("name", "text")]
        rows = [{"id": number, "name": f"n{number}"} for number in range(10)]
        one = home.load("forward", fields, rows)
        two = home.load("backward", fields, rows[::-1])
        other = home.load("other", fields, [{**row, "name": "x"} for row in rows])
        assert one["checksum"] == two["checksum"] != other["checksum"]

    @pytest.mark.parametrize("name", AWKWARD_NAMES)
    def test_awkward_names_are_only_names(self, home: Home, name: str) -> None:
        home.load("x", [column("id", "int64")], [{"id": 1}])
        fields = [column(name, "int64"), column("other", "text")]
        dataset = name.replace(".", "_")  # A dot divides schema and table.
        rows = [{name: 1, "other": "a"}, {name: None, "other": None}]
        home.load(dataset, fields, rows)
        assert home.rows(dataset) == ordered(rows)
        home.load(dataset, fields, rows[:1], mode="append", load_id="two")
        assert home.rows(dataset) == ordered([*rows, rows[0]])
        assert home.rows("x") == [{"id": 1}]
        assert set(home.datasets()) == {"x", dataset}

    def test_names_that_differ_in_case_never_mix(self, home: Home) -> None:
        home.load("Orders", [column("id", "int64")], [{"id": 1}], load_id="one")
        try:
            home.load("orders", [column("id", "int64")], [{"id": 2}], load_id="two")
        except WindvaneError as error:
            assert error.kind in {"conflict", "unsupported", "spec"}
            assert error.hint
        else:
            assert home.rows("orders") == [{"id": 2}]
        assert home.rows("Orders") == [{"id": 1}]

    def test_columns_that_differ_in_case_never_mix(self, home: Home) -> None:
        fields = [column("Id", "int64"), column("id", "int64")]
        try:
            home.load("items", fields, [{"Id": 1, "id": 2}])
        except WindvaneError as error:
            assert error.kind in {"conflict", "unsupported", "spec"}
            assert error.hint
            assert "items" not in home.datasets()
        else:
            assert home.rows("items") == [{"Id": 1, "id": 2}]

    def test_a_missing_dataset_is_said_to_be_missing(self, home: Home) -> None:
        home.load("items", [column("id", "int64")], [{"id": 1}])
        with pytest.raises(MissingError) as caught:
            home.read("itemz")
        assert caught.value.hint

    def test_a_dataset_that_went_away_is_said_to_be_missing(self, home: Home) -> None:
        home.load("items", [column("id", "int64")], [{"id": 1}])
        found = home.datasets()["items"]
        gone = found["locator"].replace("items", "gone")
        more = {"locator": gone, "kind": found["kind"], "schema": found["fields"]}
        with pytest.raises(MissingError) as caught:
            call("read_rows", home.request(source=home.source, **more))
        assert caught.value.hint

    def test_many_columns(self, home: Home) -> None:
        fields = [column(f"c{number}", "int64" if number % 2 else "text") for number in range(200)]
        rows = [{f"c{number}": row * number if number % 2 else f"t{row}" for number in range(200)} for row in range(50)]
        home.load("wide", fields, rows)
        assert home.rows("wide") == ordered(rows)

    @pytest.mark.parametrize("count", [1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS])
    def test_sizes_around_a_batch(self, home: Home, count: int) -> None:
        fields = [column("id", "int64", nullable=False), column("text", "text")]
        rows = [{"id": number, "text": None if number % 7 == 0 else f"t{number}"} for number in range(count)]
        assert home.load("sized", fields, rows)["rows"] == count
        answer = home.read("sized")
        assert sorted(answer["rows"], key=lambda row: row["id"]) == rows
        assert answer["numbers"] == list(range(1, count + 1))

    def test_a_limit_is_honoured(self, home: Home) -> None:
        home.load("items", [column("id", "int64")], [{"id": number} for number in range(100)])
        assert len(home.read("items", limit=7)["rows"]) == 7
        assert home.read("items", limit=0)["rows"] == []

    def test_a_wanted_column_that_is_not_there_is_null(self, home: Home) -> None:
        home.load("items", [column("id", "int64"), column("name", "text")], [{"id": 1, "name": "a"}])
        answer = home.read("items", schema=[column("name", "text"), column("later", "int64")])
        assert answer["rows"] == [{"name": "a", "later": None}]

    def test_datasets_are_sorted_and_counted(self, home: Home) -> None:
        for name in ["b", "c", "a"]:
            home.load(name, [column("id", "int64")], [{"id": 1}, {"id": 2}])
        listed = call("datasets", home.request(source=home.source))["datasets"]
        assert [found["name"] for found in listed] == ["a", "b", "c"]
        for found in listed:
            assert found["rows"] == 2 or not found["rows_exact"]
