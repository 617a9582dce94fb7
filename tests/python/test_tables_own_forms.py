"""Texts for a PostgreSQL column of a type without a counterpart: what the server only writes in a form of its own is loaded, what it refuses or
would change goes to quarantine row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pipelines import move, outside, write_spec
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.postgres import Server

# Type; texts and what the server shows of them; texts that go to quarantine.
CASES: list[tuple[str, dict[str, str], list[str]]] = [
    (
        "interval",
        {"1 day": "P1D", "P1DT2H": "P1DT2H", "01:30:00": "PT1H30M", "0.25 s": "PT0.25S"},
        ["xyz", "0.1234567 s", "1.05 years"],
    ),
    ("interval(0)", {"2 days": "P2D"}, ["0.7 s"]),
    ("timetz", {"12:00+02": "12:00:00+02", "13:00:00.5+00": "13:00:00.5+00"}, ["noon", "12:00:00.0000001+00"]),
    ("macaddr", {"08-00-2B-01-02-04": "08:00:2b:01:02:04"}, ["08-00"]),
    ("inet", {"2001:DB8::1": "2001:db8::1/128", "10.0.0.1": "10.0.0.1/32"}, ["10.0.0"]),
    ("tsvector", {"a b": "'a' 'b'", "c": "'c'"}, []),
    ("int4range", {"[2,3]": "[2,4)", "[1,5)": "[1,5)"}, ["[3,2]"]),
    ("daterange", {"[2026-01-01,2026-01-02]": "[2026-01-01,2026-01-03)"}, ["[2026-01-01 10:00,2026-01-03)"]),
    ("int[]", {"{1, 2}": "{1,2}", "{}": "{}"}, ["{1"]),
    ("text[]", {"{ a , b }": "{a,b}", '{"a"}': "{a}"}, ["{a"]),
    ("timestamptz[]", {"{2026-01-01}": '{"2026-01-01 00:00:00+00"}'}, ["{soon}"]),
    ("real[]", {"{0.5, 1}": "{0.5,1}"}, ["{16777217}", "n/a"]),
    ("numeric(5,2)[]", {"{1.5}": "{1.50}"}, ["{1.005}"]),
    ("point", {"(1, 2)": "(1,2)"}, ["(0.12345678901234567891,2)", "here"]),
    ("money", {"12.50": "$12.50"}, ["12.505", "n/a"]),
    ("pct", {"1.5": "1.50"}, ["99.999", "n/a", "12E1"]),
]
MODES = ["append", "replace", "merge", "history"]
EVERY_WAY = ("interval", "real[]")


def cases() -> Iterator[tuple[Any, ...]]:
    """Every type in every mode; some of them on every way."""
    for case in CASES:
        for mode in MODES:
            yield (mode, "staged", *case)
            if case[0] in EVERY_WAY or mode == "merge":
                yield (mode, "fused", *case)
            if case[0] in EVERY_WAY:
                yield (mode, "pushdown", *case)


VERSIONS = ", valid_from timestamptz NOT NULL, valid_to timestamptz, is_current boolean NOT NULL"


def spec(folder: Path, mode: str, strategy: str, values: list[str], **more: Any) -> Path:
    rows = [json.dumps({"id": at, "c": value}) for at, value in enumerate(values)]
    (folder / "t.jsonl").write_text("\n".join(rows))
    key = {"key": "id"} if mode in ("merge", "history") else {}
    return write_spec(
        folder,
        "forms",
        source={"jsonl": {"path": "t.jsonl"}},
        target={"postgres": {"connection": "db", "mode": mode}},
        datasets={"t": {"strategy": strategy, "adopt": True, **key}},
        steps=[{"cast": {"id": "int64", "c": "text"}}],
        **more,
    )


def home(postgres: Server, kind: str, mode: str) -> str:
    database = str(postgres.database())
    postgres.execute("CREATE DOMAIN pct AS numeric(5,2) CHECK (value < 100)", database=database)
    versions = VERSIONS if mode == "history" else ""
    postgres.execute(f"CREATE TABLE t (id bigint, c {kind}{versions})", database=database)
    return database


def quarantined(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    lines = [line for file in record["outputs"][0]["quarantine"] for line in Path(file).read_text().splitlines()]
    return {entry["record"]["c"]: (entry["column"], entry["reason"]) for entry in map(json.loads, lines)}


def shown(postgres: Server, database: str) -> list[str]:
    sql = "SET intervalstyle = iso_8601; SET lc_monetary = 'C'; SET timezone = 'UTC'; SELECT c::text FROM t ORDER BY id"
    return [row[0] for row in postgres.query(sql, database=database)]


@pytest.mark.parametrize(("mode", "strategy", "kind", "good", "bad"), list(cases()))
def test_own_forms(
    tmp_path: Path, postgres: Server, mode: str, strategy: str, kind: str, good: dict[str, str], bad: list[str]
) -> None:
    database = home(postgres, kind, mode)
    world = outside(tmp_path, db=postgres.url(database))
    record = move(spec(tmp_path, mode, strategy, [*good, *bad]), **world)
    sums = record["reconciliation"]
    assert (sums["loaded"], sums["quarantined"], sums["balanced"]) == (len(good), len(bad), True)
    assert shown(postgres, database) == list(good.values())
    assert set(quarantined(record)) == set(bad)
    # What is there is known as it was loaded: a retry adds nothing, and a run that is done again has nothing to mend.
    for _ in range(2):
        assert move(spec(tmp_path, mode, strategy, [*good, *bad]), **world)["reconciliation"]["loaded"] == len(good)
        assert shown(postgres, database) == list(good.values())


@pytest.mark.parametrize("verify", ["rows", "content"])
def test_a_value_that_would_change_is_told_with_its_column(tmp_path: Path, postgres: Server, verify: str) -> None:
    database = home(postgres, "real[]", "append")
    path = spec(tmp_path, "append", "staged", ["{1}", "{16777217}"], verify=verify)
    told = quarantined(move(path, **outside(tmp_path, db=postgres.url(database))))
    reason = "the value does not fit real[] at the target, it would come back as '{1.6777216e+07}'"
    assert told == {"{16777217}": ("c", reason)}


def test_a_load_that_takes_every_row_names_the_first(tmp_path: Path, postgres: Server) -> None:
    database = home(postgres, "real[]", "append")
    path = spec(tmp_path, "append", "staged", ["{1}", "{16777217}"], errors={"rows": "fail"})
    with pytest.raises(WindvaneError, match="real") as caught:
        move(path, **outside(tmp_path, db=postgres.url(database)))
    assert caught.value.place["row"] == 2
    assert postgres.query("SELECT count(*) FROM t", database=database) == [(0,)]


def test_lists_of_numbers(tmp_path: Path, postgres: Server) -> None:
    database = home(postgres, "real[]", "append")
    postgres.execute("ALTER TABLE t ADD n numeric(5,2)[]", database=database)
    rows = ['{"id": 1, "c": [0.5], "n": [1.5]}', '{"id": 2, "c": [16777217]}', '{"id": 3, "n": [1.005]}']
    path = spec(tmp_path, "append", "staged", [])
    (tmp_path / "t.jsonl").write_text("\n".join(rows))
    text = json.loads(path.read_text())
    text["steps"] = [{"cast": {"id": "int64", "c": "json", "n": "json"}}]
    path.write_text(json.dumps(text))
    record = move(path, **outside(tmp_path, db=postgres.url(database)))
    assert (record["reconciliation"]["loaded"], record["reconciliation"]["quarantined"]) == (1, 2)
    assert postgres.query("SELECT c::text, n::text FROM t", database=database) == [("{0.5}", "{1.50}")]


def test_what_a_trigger_changes_is_refused_still(tmp_path: Path, postgres: Server) -> None:
    database = home(postgres, "interval", "append")
    body = "BEGIN new.c := new.c + interval '1 day'; RETURN new; END"
    postgres.execute(f"CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS $${body}$$", database=database)
    postgres.execute("CREATE TRIGGER up BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION up()", database=database)
    with pytest.raises(WindvaneError, match="not the ones that were sent"):
        move(spec(tmp_path, "append", "staged", ["1 day"]), **outside(tmp_path, db=postgres.url(database)))
    assert postgres.query("SELECT count(*) FROM t", database=database) == [(0,)]


@pytest.mark.parametrize("strategy", ["staged", "fused"])
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_a_value_that_a_trigger_changes_is_named(tmp_path: Path, postgres: Server, mode: str, strategy: str) -> None:
    """Where the rows wait beside the table they are compared row by row."""
    database = home(postgres, "interval", mode)
    postgres.execute("ALTER TABLE t ADD PRIMARY KEY (id)", database=database)
    body = "BEGIN IF new.id = 1 THEN new.c := new.c + interval '1 day'; END IF; RETURN new; END"
    postgres.execute(f"CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS $${body}$$", database=database)
    postgres.execute("CREATE TRIGGER up BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION up()", database=database)
    with pytest.raises(WindvaneError, match="column 'c' has 'P2D' there") as caught:
        path = spec(tmp_path, mode, strategy, ["2 hours", "1 day", "3 hours"])
        move(path, **outside(tmp_path, db=postgres.url(database)))
    assert caught.value.place["row"] == 2
    assert postgres.query("SELECT count(*) FROM t", database=database) == [(0,)]
