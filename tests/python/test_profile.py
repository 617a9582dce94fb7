"""The figures of a profile are those that polars computes, whatever the data holds."""

from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
import sys
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import windvane as wv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from windvane import _core, profile_html


def profile(data: Any, **request: Any) -> dict[str, Any]:
    return json.loads(_core.profile_stream(data, json.dumps({"dataset": "d", **request})))


def column(data: Any, name: str = "x") -> dict[str, Any]:
    (found,) = [c for c in profile(data)["columns"] if c["name"] == name]
    return found


def close(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is None and b is None
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9 * max(1.0, abs(a), abs(b)))


INTEGERS = st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=60)
FLOATS = st.lists(
    st.none() | st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0]), max_size=60
)
TEXTS = st.lists(st.none() | st.text(max_size=12), max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=INTEGERS)
def test_integers(values: list[int | None]) -> None:
    series = pl.Series("x", values, dtype=pl.Int64)
    found = column(series.to_frame())
    assert found["nulls"] == series.null_count()
    assert (found["distinct"], found["distinct_exact"]) == (series.drop_nulls().n_unique(), True)
    assert found["min"] == (None if series.min() is None else str(series.min()))
    assert found["max"] == (None if series.max() is None else str(series.max()))
    assert close(found["mean"], series.mean())
    assert close(found["std"], series.std())
    present = series.drop_nulls()
    for rank, value in found["quantiles"].items():
        assert close(value, present.quantile(float(rank), "linear"))
    if present.len():
        assert sum(found["histogram"]["counts"]) == present.len()
        counts = {entry["value"]: entry["count"] for entry in found["top"]}
        want = {str(row["x"]): row["count"] for row in present.value_counts().to_dicts()}
        assert all(want[value] == count for value, count in counts.items())
        assert sorted(counts.values(), reverse=True) == sorted(want.values(), reverse=True)[:10]


@settings(max_examples=150, deadline=None)
@given(values=FLOATS)
def test_floats_with_nan_and_infinities(values: list[float | None]) -> None:
    series = pl.Series("x", values, dtype=pl.Float64)
    found = column(series.to_frame())
    present = series.drop_nulls()
    finite = present.filter(present.is_finite())
    assert found["nulls"] == series.null_count()
    assert found["distinct"] == len({"nan" if math.isnan(v) else v for v in present})
    assert close(found["mean"], finite.mean())
    assert close(found["std"], finite.std())
    numbers = [v for v in present if not math.isnan(v)]
    assert (found["min"] is None) == (not numbers)
    if numbers:
        assert float(found["min"]) == min(numbers)
        assert float(found["max"]) == max(numbers)
    if finite.len():
        assert sum(found["histogram"]["counts"]) == finite.len()


@settings(max_examples=100, deadline=None)
@given(values=TEXTS)
def test_texts(values: list[str | None]) -> None:
    found = column(pa.table({"x": pa.array(values, pa.string())}))
    present = [v for v in values if v is not None]
    assert found["nulls"] == len(values) - len(present)
    assert found["distinct"] == len(set(present))
    if present:
        lengths = [len(v) for v in present]
        assert found["lengths"]["min"] == min(lengths)
        assert found["lengths"]["max"] == max(lengths)
        assert close(found["lengths"]["mean"], sum(lengths) / len(lengths))
        assert found["min"] == min(present, key=str.encode)
        assert found["max"] == max(present, key=str.encode)
    for share in (found["semantic_confidence"],):
        assert 0 <= share <= 1


def test_every_type_is_written_in_its_canonical_form() -> None:
    table = pa.table(
        {
            "b": pa.array([True, None, False]),
            "m": pa.array([Decimal("-0.05"), Decimal("12.30"), None], pa.decimal128(10, 2)),
            "d": pa.array([dt.date(1815, 6, 18), dt.date(2024, 2, 29), None]),
            "t": pa.array([1_704_164_645_600_000, None, None], pa.timestamp("us")),
            "z": pa.array([dt.datetime(1969, 7, 20, 20, 17, tzinfo=dt.UTC), None, None], pa.timestamp("us", "UTC")),
            "o": pa.array([dt.time(23, 59, 59), dt.time(0, 0, 1), None], pa.time64("us")),
            "f": pa.array([0.1, 100.0, None], pa.float32()),
            "y": pa.array([b"\x00\xff", b"\x01", None]),
        }
    )
    found = {c["name"]: (c["type"], c["min"], c["max"]) for c in profile(table)["columns"]}
    assert found == {
        "b": ("boolean", "false", "true"),
        "m": ("decimal(10,2)", "-0.05", "12.30"),
        "d": ("date", "1815-06-18", "2024-02-29"),
        "t": ("timestamp", "2024-01-02T03:04:05.600", "2024-01-02T03:04:05.600"),
        "z": ("timestamptz", "1969-07-20T20:17:00Z", "1969-07-20T20:17:00Z"),
        "o": ("time", "00:00:01", "23:59:59"),
        "f": ("float32", "0.1", "100.0"),
        "y": ("binary", "00ff", "01"),
    }


def test_an_empty_table_has_no_figures_and_no_keys() -> None:
    found = profile(pa.table({"x": pa.array([], pa.int64())}))
    assert (found["rows"], found["exact"], found["keys"]) == (0, True, [])
    assert found["columns"][0]["min"] is None
    assert found["columns"][0]["feature_type"] == "empty"


def test_keys_are_claimed_of_all_rows_only() -> None:
    table = pa.table({"id": [3, 1, 2], "twice": [1, 1, 2], "holes": [1, None, 2]})
    assert profile(table)["keys"] == [["id"]]
    sampled = profile(table, limit=2)
    assert (sampled["rows"], sampled["exact"], sampled["keys"]) == (2, False, [])
    assert profile(table, limit=3)["exact"] is True


def test_many_values_are_estimated_and_a_key_is_still_proved() -> None:
    rows = 300_000
    shuffled = [(i * 7919) % 40_009 for i in range(rows)]
    table = pa.table({"id": range(rows), "many": shuffled, "text": [f"k{i:07}" for i in range(rows)]})
    found = profile(table)
    columns = {c["name"]: c for c in found["columns"]}
    assert found["keys"] == [["id"], ["text"]]
    assert columns["many"]["distinct_exact"] is False
    assert abs(columns["many"]["distinct"] - 40_009) < 40_009 * 0.04
    assert close(columns["id"]["mean"], (rows - 1) / 2)
    for rank, value in columns["id"]["quantiles"].items():
        assert abs(value / rows - float(rank)) < 0.02
    assert sum(columns["id"]["histogram"]["counts"]) == rows
    again = profile(table)
    assert again == found, "the same rows give the same profile"


def test_a_frequent_value_among_very_many_is_found() -> None:
    values = [f"v{i}" if i % 3 else "often" for i in range(120_000)]
    found = column(pa.table({"x": values}))
    assert found["top"][0]["value"] == "often"
    assert abs(found["top"][0]["count"] - 40_000) < 400


@pytest.mark.parametrize(
    ("name", "values", "semantic", "pii"),
    [
        ("contact", ["anna@example.org", "b.c@sub.example.com", "x_y@z.io"], "email", True),
        ("home", ["https://a.example/x", "http://b.example"], "url", False),
        ("x", ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"], "iban", True),
        ("x", ["4111 1111 1111 1111", "5500005555555559"], "credit_card", True),
        ("x", ["4111 1111 1111 1112", "5500005555555550"], None, False),
        ("x", ["192.168.0.1", "10.0.0.255"], "ipv4", True),
        ("x", ["0e0b1a4e-6b5c-4d1e-9d68-0f3a2b1c4d5e"], "uuid", False),
        ("phone", ["030 1234567", "0171-555 0100"], "phone", True),
        ("country", ["DE", "FR", "US"], "country_code", False),
        ("state", ["CA", "AL", "DE"], None, False),
        ("currency", ["EUR", "USD"], "currency_code", False),
        ("zip", ["10115", "90210"], "postal_code", False),
        ("first_name", ["Ada", "Grace"], "person_name", True),
        ("customerFirstName", ["Ada", "Grace"], "person_name", True),
        ("product_name", ["Chair", "Table"], None, False),
        ("ordered", ["31/12/2023", "01/02/2024"], "date_text", False),
        ("ordered", ["05/06/2023", "01/02/2024"], "date_text", False),
    ],
)
def test_meanings(name: str, values: list[str], semantic: str | None, pii: bool) -> None:
    found = column(pa.table({name: values}), name)
    assert (found["semantic_type"], found["pii"]) == (semantic, pii)


def test_date_formats_are_named_only_when_no_guess_is_needed() -> None:
    def formats(*values: str) -> list[str]:
        return column(pa.table({"x": list(values)})).get("date_formats", [])

    assert formats("31/12/2023", "01/02/2024") == ["%d/%m/%Y"]
    assert formats("12/31/2023", "01/02/2024") == ["%m/%d/%Y"]
    assert formats("05/06/2023", "01/02/2024") == []
    assert formats("31/12/2023", "12/31/2023") == [], "they contradict"
    assert formats("3 Jan 2024", "17 Feb 2023") == ["%d %b %Y"]
    assert formats("123456", "999999") == []


def test_to_be_a_date_is_another_question_than_which_order_it_has() -> None:
    def told(*values: str) -> tuple[str | None, list[str], list[str]]:
        found = column(pa.table({"x": list(values)}))
        return found["semantic_type"], found.get("date_formats", []), found.get("date_orders", [])

    assert told("1/2/1992", "3/4/1993") == ("date_text", [], ["%d/%m/%Y", "%m/%d/%Y"])
    assert told("31/12/2023", "12/31/2023") == ("date_text", [], ["%d/%m/%Y", "%m/%d/%Y"]), "they contradict"
    assert told("1-2-1992", "31-2-1993", "3-4-1992") == (None, [], []), "no month has a 31st of February"
    assert told("31/12/2023", "01/02/2024") == ("date_text", ["%d/%m/%Y"], [])
    assert told("1/2/3", "4/5/6") == (None, [], [])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["1,100.00", "950.25", "12,000.50"], (".", ",", None, False, [], False)),
        (["1.100,00", "950,25", "12.000,50"], (",", ".", None, False, [], False)),
        (["1 341,2", "7,25", "-19,5"], (",", " ", None, False, [], False)),
        (["5,179", "12,340", "1,001"], (".", ",", None, False, [], True)),
        (["5,179", "1,234,567", "801"], (".", ",", None, False, [], False)),
        (["16%", "4%", "n/a", "-3%"], (None, None, None, True, ["n/a"], False)),
        (["$3.2k", "$1,200", "-$40"], (".", ",", "$", False, [], False)),
        (["4,85,873", "12,00,000"], (".", ",", None, False, [], False)),
        (["12", "7.5", "N/A", "3"], (".", None, None, False, ["N/A"], False)),
        (["(1,200.50)", "300.10"], (".", ",", None, False, [], False)),
        (["007", "042", "n/a"], None),
        (["alpha", "5,179", "beta"], None),
        (["5M", "6L", "7XL"], None),
        (["1,2,3", "4,5,6,7"], None),
    ],
)
def test_numbers_in_disguise_are_told_with_their_decimal_mark(values: list[str], told: tuple[Any, ...] | None) -> None:
    found = column(pa.table({"x": values})).get("number_format")
    keys = ("decimal", "grouping", "currency", "percent", "missing", "ambiguous")
    assert (tuple(found[key] for key in keys) if found else None) == told
    assert found is None or 0.9 <= found["confidence"] <= 1 or found["ambiguous"]


def test_the_feature_type_of_a_column_has_a_probability() -> None:
    rows = 400
    table = pa.table(
        {
            "order_id": [f"ORD-{i:05}" for i in range(rows)],
            "status": [["open", "paid", "void"][i % 3] for i in range(rows)],
            "amount": [round(i * 1.37 % 211, 2) for i in range(rows)],
            "placed": [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(rows)],
            "link": [f"https://example.org/orders/{i}" for i in range(rows)],
            "revenue": [f"${i * 37 + 1000:,}.00" for i in range(rows)],
            "currency": ["EUR"] * rows,
            "nothing": pa.array([None] * rows, pa.string()),
            "paid": [i % 2 == 0 for i in range(rows)],
        }
    )
    found = {c["name"]: c for c in profile(table)["columns"]}
    assert {name: c["feature_type"] for name, c in found.items()} == {
        "order_id": "identifier",
        "status": "categorical",
        "amount": "numeric",
        "placed": "datetime",
        "link": "url",
        "revenue": "embedded-number",
        "currency": "constant",
        "nothing": "empty",
        "paid": "boolean",
    }
    assert all(0 < c["feature_confidence"] <= 1 for c in found.values())


def test_the_feature_type_can_be_asked_with_figures_that_are_known() -> None:
    samples = ["https://example.org/a", "https://example.org/b", ""]
    found = wv.feature_type({"name": "site", "total": 900, "nulls": 3, "distinct": 850, "samples": samples})
    assert found["feature_type"] == "url"
    assert 0.5 < found["confidence"] <= 1
    with pytest.raises(ValueError, match="request"):
        wv.feature_type({"name": "site"})


def test_suspects_carry_their_rows() -> None:
    codes = [f"AB-{i:04}" for i in range(400)]
    codes[123] = "oops"
    amounts = [float(i % 50) for i in range(400)]
    amounts[7] = 99_999.0
    columns = {c["name"]: c["suspects"] for c in profile(pa.table({"code": codes, "amount": amounts}))["columns"]}
    assert [(s["row"], s["value"]) for s in columns["code"]] == [(124, "oops")]
    assert [(s["row"], s["value"]) for s in columns["amount"]] == [(8, "99999")]


MEMORY = """
import json, resource, sys
import pyarrow as pa
from windvane import _core

def batches(count):
    schema = pa.schema([("x", pa.int64()), ("t", pa.string())])
    def some():
        for batch in range(count):
            numbers = [(batch * 10_000 + i) * 2_654_435_761 % 2**31 for i in range(10_000)]
            yield pa.record_batch([pa.array(numbers), pa.array([f"text {n}" for n in numbers])], schema=schema)
    return pa.RecordBatchReader.from_batches(schema, some())

found = json.loads(_core.profile_stream(batches(int(sys.argv[1])), json.dumps({"dataset": "d"})))
print(found["rows"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(batches: int) -> int:
        ended = subprocess.run(
            [sys.executable, "-c", MEMORY, str(batches)], capture_output=True, text=True, check=True, timeout=120
        )
        rows, megabytes = map(int, ended.stdout.split())
        assert rows == batches * 10_000
        return megabytes

    # Beyond 500,000 different values nothing more is held.
    assert peak(180) < peak(60) + 48


def test_html_escapes_what_data_says() -> None:
    hostile = "<script>alert(1)</script>\"'&"
    table = pa.table({hostile: [hostile] * 3, "n": [1, 2, 900]})
    html = profile_html.render({**profile(table), "dataset": hostile})
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert html.startswith("<div")
    assert "personal data" in profile_html.render(profile(pa.table({"email": ["a@b.example", "c@d.example"]})))


def test_a_wrong_request_is_refused() -> None:
    table = pa.table({"x": [1]})
    with pytest.raises(ValueError, match="request"):
        _core.profile_stream(table, json.dumps({"dataset": "d", "limits": 3}))
