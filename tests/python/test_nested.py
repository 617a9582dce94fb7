"""Lists, structs, maps, durations and wide decimals: native where both sides have them, JSON or text elsewhere."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane as wv
from pipelines import move, outside, write_spec
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

    from services.postgres import Server

STRATEGIES = pytest.mark.parametrize("strategy", ["staged", "fused"])
WIDE = Decimal("12345678901234567890123456789012345678901234567.123")
INSTANT = datetime(2024, 1, 1, 12, 0, 0, 100_000, UTC)


def table() -> pa.Table:
    inner = pa.struct([("a", pa.int64()), ("b c", pa.list_(pa.float64()))])
    columns: dict[str, tuple[pa.DataType, list[Any]]] = {
        "id": (pa.int64(), [1, 2, 3]),
        "ints": (pa.list_(pa.int32()), [[1, 2, None], [], None]),
        "words": (pa.list_(pa.string()), [['a"b', None, ""], ["null"], None]),
        "amounts": (pa.list_(pa.decimal128(10, 2)), [[Decimal("1.50"), Decimal("-99999999.99")], [], None]),
        "instants": (pa.list_(pa.timestamp("us", "UTC")), [[INSTANT, None], [], None]),
        "days": (pa.list_(pa.date32()), [[date(2024, 2, 29)], [], None]),
        "bytes": (pa.list_(pa.binary()), [[b"\x00\xff"], [b""], None]),
        "person": (inner, [{"a": 2**62 + 1, "b c": [0.1, 1e300]}, {"a": None, "b c": None}, None]),
        "deep": (pa.list_(pa.list_(inner)), [[[{"a": 1, "b c": []}], []], [], None]),
        "tags": (pa.map_(pa.string(), pa.int32()), [[("x", 1), ("y", None)], [("x", 1), ("x", 2)], None]),
        "took": (pa.duration("us"), [timedelta(days=1, microseconds=1), timedelta(seconds=-1.5), None]),
        "wide": (pa.decimal256(50, 3), [WIDE, -WIDE, None]),
    }
    return pa.table({name: pa.array(values, kind) for name, (kind, values) in columns.items()})


def source(tmp_path: Path, rows: pa.Table, **more: Any) -> dict[str, Any]:
    path = tmp_path / "in" / "rows.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(rows, path)
    return {"source": {"parquet": {"path": str(path)}}, **more}


def lake(tmp_path: Path, name: str = "rows") -> pa.Table:
    folder = tmp_path / "lake" / name
    parts = json.loads((folder / "_manifest.json").read_text())["parts"]
    return pa.concat_tables([pq.read_table(folder / part["path"]) for part in parts])


def to_lake(tmp_path: Path, rows: pa.Table, run: str = "r1", **more: Any) -> Any:
    words = source(tmp_path, rows)
    spec = write_spec(tmp_path, "p", **words, target={"parquet": {"path": "lake", **more.pop("target", {})}}, **more)
    return move(spec, run=run, **outside(tmp_path))


def inner(data_type: pa.DataType) -> Any:
    """The type without the names of its fields, which are not part of it."""
    if pa.types.is_list(data_type):
        return ["list", inner(data_type.value_type)]
    if pa.types.is_map(data_type):
        return ["map", inner(data_type.key_type), inner(data_type.item_type)]
    if pa.types.is_struct(data_type):
        return {field.name: inner(field.type) for field in data_type}
    return str(data_type)


@STRATEGIES
def test_parquet_to_parquet_keeps_every_type(tmp_path: Path, strategy: str) -> None:
    record = to_lake(tmp_path, table(), datasets={"rows": {"strategy": strategy, "steps": [{"filter": "id > 0"}]}})
    assert record["reconciliation"]["balanced"]
    assert record["reconciliation"]["loaded"] == 3
    assert record["reconciliation"]["quarantined"] == 0
    there = lake(tmp_path)
    assert {field.name: inner(field.type) for field in there.schema} == {
        field.name: inner(field.type) for field in table().schema
    }
    assert there.to_pylist() == table().to_pylist()
    (part,) = (tmp_path / "lake" / "rows").rglob("*.parquet")
    assert duckdb.sql(f"SELECT sum(len(ints)), max(person.a) FROM '{part}'").fetchall() == [(3, 2**62 + 1)]


def test_what_was_written_is_a_source_again(tmp_path: Path) -> None:
    to_lake(tmp_path, table())
    spec = write_spec(
        tmp_path, "again", source={"parquet": {"path": str(tmp_path / "lake")}}, target={"parquet": {"path": "second"}}
    )
    assert move(spec, **outside(tmp_path))["reconciliation"]["balanced"]
    (part,) = (tmp_path / "second" / "rows").rglob("*.parquet")
    assert pq.read_table(part).to_pylist() == table().to_pylist()


def test_the_plan_says_what_is_inside(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, "p", **source(tmp_path, table()), target={"parquet": {"path": "lake"}})
    plan = wv.plan(spec, rules_only=True, **outside(tmp_path)).to_dict()
    shapes = {field["name"]: field.get("shape") for field in plan["inputs"][0]["schema"]}
    assert shapes["ints"] == "list<int32>"
    assert shapes["person"] == 'struct<a: int64, "b c": list<float64>>'
    assert shapes["tags"] == "map<text, int32>"
    assert shapes["took"] == "duration(us)"
    assert shapes["wide"] == "decimal(50,3)"
    assert shapes["id"] is None


@STRATEGIES
def test_parquet_to_postgres(tmp_path: Path, postgres: Server, strategy: str) -> None:
    database = postgres.database()
    spec = write_spec(
        tmp_path,
        "p",
        **source(tmp_path, table()),
        target={"postgres": {"connection": "db"}},
        datasets={"rows": {"strategy": strategy}},
    )
    record = move(spec, **outside(tmp_path, db=postgres.url(database)))
    assert record["reconciliation"]["balanced"]
    assert record["reconciliation"]["loaded"] == 3
    kinds = dict(
        postgres.query(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'rows'::regclass AND attnum > 0",
            database=database,
        )
    )
    assert kinds["ints"] == "integer[]"
    assert kinds["words"] == "text[]"
    assert kinds["amounts"] == "numeric(10,2)[]"
    assert kinds["instants"] == "timestamp with time zone[]"
    assert kinds["days"] == "date[]"
    assert kinds["bytes"] == "bytea[]"
    assert {kinds[name] for name in ("person", "deep", "tags")} == {"jsonb"}
    (row,) = postgres.query(
        "SELECT ints, words, amounts::text[], instants[1] = '2024-01-01 12:00:00.1Z', days::text[], bytes[1] = '\\x00ff', "
        "(person->>'a')::int8, took, wide FROM rows WHERE id = 1",
        database=database,
    )
    assert list(row) == [
        [1, 2, None],
        ['a"b', None, ""],
        ["1.50", "-99999999.99"],
        True,
        ["2024-02-29"],
        True,
        2**62 + 1,
        "PT86400.000001S",
        str(WIDE),
    ]
    nothing = postgres.query("SELECT ints IS NULL, tags IS NULL FROM rows WHERE id = 3", database=database)
    assert list(nothing[0]) == [True, True]


ARRAYS = """
CREATE TABLE arrays (id int PRIMARY KEY, ints int[], words varchar(5)[], amounts numeric(10,2)[], ids uuid[],
  moments timestamptz[], bits boolean[], doubles float8[]);
INSERT INTO arrays VALUES
  (1, '{1,NULL,3}', '{"a,b",NULL,"",null}', '{1.50,NULL}', '{00000000-0000-0000-0000-00000000000a}',
   '{"2024-01-01 12:00:00.1+00"}', '{t,f}', '{NaN,Infinity,0.1}'),
  (2, '{}', '{}', '{}', NULL, NULL, NULL, NULL),
  (3, '{{1,2},{3,4}}', NULL, NULL, NULL, NULL, NULL, NULL),
  (4, '[0:1]={5,6}', NULL, NULL, NULL, NULL, NULL, NULL);
"""


@STRATEGIES
def test_postgres_arrays_to_parquet(tmp_path: Path, postgres: Server, strategy: str) -> None:
    database = postgres.database()
    postgres.execute(ARRAYS, database=database)
    spec = write_spec(
        tmp_path,
        "p",
        source={"postgres": {"connection": "db", "tables": ["arrays"]}},
        target={"parquet": {"path": "lake"}},
        datasets={"arrays": {"strategy": strategy}},
    )
    record = move(spec, **outside(tmp_path, db=postgres.url(database)))
    there = lake(tmp_path, "arrays")
    assert inner(there.schema.field("ints").type) == ["list", "int32"]
    assert inner(there.schema.field("amounts").type) == ["list", "decimal128(10, 2)"]
    assert inner(there.schema.field("moments").type) == ["list", "timestamp[us, tz=UTC]"]
    # What no list of numbers holds is put aside with the reason, one by one.
    assert record["reconciliation"]["balanced"]
    assert record["reconciliation"]["quarantined"] == 2
    rows = {row["id"]: row for row in there.to_pylist()}
    assert sorted(rows) == [1, 2]
    assert rows[1]["ints"] == [1, None, 3]
    assert rows[1]["words"] == ["a,b", None, "", None]
    assert rows[1]["amounts"] == [Decimal("1.50"), None]
    assert rows[1]["ids"] == ["00000000-0000-0000-0000-00000000000a"]
    assert rows[1]["moments"] == [INSTANT]
    assert rows[1]["bits"] == [True, False]
    assert str(rows[1]["doubles"]) == "[nan, inf, 0.1]"
    assert rows[2]["ints"] == []


@STRATEGIES
def test_postgres_arrays_to_postgres(tmp_path: Path, postgres: Server, strategy: str) -> None:
    one, two = postgres.database(), postgres.database()
    postgres.execute(ARRAYS, database=one)
    spec = write_spec(
        tmp_path,
        "p",
        source={"postgres": {"connection": "one", "tables": ["arrays"]}},
        target={"postgres": {"connection": "two"}},
        datasets={"arrays": {"strategy": strategy}},
    )
    record = move(spec, **outside(tmp_path, one=postgres.url(one), two=postgres.url(two)))
    assert record["reconciliation"]["loaded"] == 4
    words = "SELECT id, ints::text, words::text, amounts::text, ids::text, moments::text, bits::text, doubles::text FROM arrays ORDER BY id"
    assert postgres.query(words, database=one) == postgres.query(words, database=two)
    kinds = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'arrays'::regclass AND attname = 'ints'"
    assert postgres.query(kinds, database=two) == [("integer[]",)]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_elsewhere_they_are_json(tmp_path: Path, kind: str) -> None:
    words = source(tmp_path, table().select(["id", "ints", "person", "took"]))
    spec = write_spec(tmp_path, "p", **words, target={kind: {"path": "lake"}})
    assert move(spec, **outside(tmp_path))["reconciliation"]["balanced"]
    (part,) = (tmp_path / "lake" / "rows").rglob(f"*.{kind}")
    if kind == "csv":
        with part.open() as lines:
            first = next(csv.DictReader(lines))
        assert json.loads(first["ints"]) == [1, 2, None]
        assert json.loads(first["person"]) == {"a": 2**62 + 1, "b c": [0.1, 1e300]}
    else:
        first = json.loads(part.read_text().splitlines()[0])
        assert first["ints"] == [1, 2, None]
        assert first["took"] == "PT86400.000001S"


@STRATEGIES
def test_another_type_inside_is_a_change_that_breaks(tmp_path: Path, strategy: str) -> None:
    def rows(kind: pa.DataType) -> pa.Table:
        return pa.table({"id": [1, 2], "v": pa.array([[1], [2]], pa.list_(kind))})

    settings = {"rows": {"strategy": strategy}}
    to_lake(tmp_path, rows(pa.int32()), datasets=settings)
    with pytest.raises(WindvaneError) as caught:
        to_lake(tmp_path, rows(pa.float64()), run="r2", datasets=settings)
    assert "column 'v' was list<int32> and is list<float64>" in str(caught.value)
    assert inner(lake(tmp_path).schema.field("v").type) == ["list", "int32"]


def test_files_of_one_dataset_keep_one_type(tmp_path: Path) -> None:
    """An appended load is written in the type that the files have; what does not fit is put aside."""
    lines = [{"id": 1, "v": [1, 2]}, {"id": 2, "v": ["x"]}, {"id": 3, "v": None}]
    to_lake(tmp_path, pa.table({"id": [0], "v": pa.array([[7]], pa.list_(pa.int32()))}), target={"mode": "append"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    spec = write_spec(
        tmp_path,
        "q",
        source={"jsonl": {"path": str(tmp_path / "rows.jsonl")}},
        target={"parquet": {"path": "lake", "mode": "append"}},
    )
    record = move(spec, **outside(tmp_path))
    assert record["reconciliation"]["balanced"]
    assert record["reconciliation"]["quarantined"] == 1
    assert sorted(map(str, lake(tmp_path).column("v").to_pylist())) == ["None", "[1, 2]", "[7]"]


def test_a_column_that_a_step_makes_is_json(tmp_path: Path) -> None:
    rows = pa.table({"id": [1], "v": pa.array([[1]], pa.list_(pa.int32()))})
    to_lake(tmp_path, rows, datasets={"rows": {"steps": [{"derive": {"w": "coalesce(v, v)"}}]}})
    (row,) = lake(tmp_path).to_pylist()
    assert row == {"id": 1, "v": [1], "w": "[1]"}


@STRATEGIES
@pytest.mark.parametrize("step", [{"drop": ["fine"]}, {"select": ["id", "name"]}])
def test_a_column_that_is_left_out_is_never_read(tmp_path: Path, strategy: str, step: dict[str, Any]) -> None:
    rows = pa.table({"id": [1, 2], "fine": pa.array([1, 1001], pa.timestamp("ns")), "name": ["a", None]})
    steps = [{"rename": {"fine": "too_fine"}}, {"drop": ["too_fine"]}] if step == {"drop": ["fine"]} else [step]
    checks = [{"not_null": ["name"]}]
    record = to_lake(tmp_path, rows, datasets={"rows": {"strategy": strategy, "steps": steps, "checks": checks}})
    assert record["reconciliation"]["balanced"]
    assert lake(tmp_path).to_pylist() == [{"id": 1, "name": "a"}]
    assert record["reconciliation"]["quarantined"] == 1


def test_lines_hold_a_null_of_json_and_decimals_as_numbers(tmp_path: Path, postgres: Server) -> None:
    database = postgres.database()
    postgres.execute(
        "CREATE TABLE notes (id int PRIMARY KEY, doc jsonb, old json, amount numeric(38, 10));"
        "INSERT INTO notes VALUES (1, 'null', 'null', 1.10), (2, NULL, NULL, NULL),"
        " (3, '{\"a\": null}', '[null]', -1234567890123456789012345678.0123456789)",
        database=database,
    )
    connection = outside(tmp_path, one=postgres.url(database))
    source = {"postgres": {"connection": "one", "tables": ["notes"]}}
    for mode in ("replace", "append", "merge"):
        settings = {"mode": mode, **({"key": "id"} if mode == "merge" else {})}
        target = {"jsonl": {"path": f"lake-{mode}"}}
        spec = write_spec(tmp_path, mode, source=source, target=target, datasets={"notes": settings})
        assert move(spec, **connection)["reconciliation"]["loaded"] == 3
        (part,) = (tmp_path / f"lake-{mode}" / "notes").rglob("*.jsonl")
        lines = part.read_text().splitlines()
        rows = [json.loads(line, parse_float=Decimal) for line in lines]
        assert [row["doc"] for row in rows] == [None, None, {"a": None}]
        assert [row["old"] for row in rows] == [None, None, [None]]
        assert '"amount":1.1000000000' in lines[0]
        assert rows[2]["amount"] == Decimal("-1234567890123456789012345678.0123456789")
