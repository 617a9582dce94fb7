"""Nothing is lost silently: every row is loaded, filtered or in quarantine with the reason, and can be replayed."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import DataError

MESSY = """id,day,amount,status
1,2024-01-05,10.00,open
2,31/02/2024,11.00,open
3,2024-01-07,oops,open
4,2024-01-08,13.00,closed
4,2024-01-09,14.00,open
5,2024-01-10,-5.00,open
6,2024-01-11
"""


def messy(folder: Path, **more: Any) -> Path:
    (folder / "rows.csv").write_text(MESSY)
    return write_spec(
        folder,
        "rows",
        source={"csv": {"path": "rows.csv"}},
        target={"parquet": {"path": "lake"}},
        steps=[
            {"cast": {"day": "date", "amount": "decimal(10,2)"}},
            {"filter": "status = 'open'"},
        ],
        checks=[{"unique": "id"}, {"range": {"column": "amount", "min": 0}}],
        **more,
    )


def lines(record: Any) -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in record["outputs"][0]["quarantine"] for line in Path(path).read_text().splitlines()
    ]


def test_each_row_is_accounted_for_with_its_reason(tmp_path: Path) -> None:
    record = move(messy(tmp_path), **outside(tmp_path))
    sums = record["reconciliation"]
    assert (sums["rows_in"], sums["loaded"], sums["filtered"], sums["quarantined"]) == (7, 2, 1, 4)
    assert sums["balanced"]
    assert sums["checksum_source"] == sums["checksum_target"]
    assert [row["id"] for row in parquet_rows(tmp_path / "lake" / "rows")] == [1, 4]
    told = {line["row"]: (line["stage"], line["reason"]) for line in lines(record)}
    assert told[2][0] == "transform"
    assert "31/02/2024" in told[2][1]
    assert "oops" in told[3][1]
    assert told[6] == ("validate", told[6][1])
    assert "amount" in told[6][1]
    assert told[7][0] == "extract"


def test_quarantine_outlives_staging_and_holds_the_source_row(tmp_path: Path) -> None:
    record = move(messy(tmp_path), **outside(tmp_path))
    assert not list((tmp_path / "staging").rglob("*.parquet"))
    by_row = {line["row"]: line for line in lines(record)}
    assert by_row[2]["source"] == {"id": "2", "day": "31/02/2024", "amount": "11.00", "status": "open"}
    assert by_row[6]["source"]["amount"] == "-5.00"


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_a_row_that_was_mended_where_nobody_reads_it_is_told(tmp_path: Path, strategy: str) -> None:
    spec = messy(tmp_path, datasets={"rows": {"strategy": strategy}})
    (line,) = [line for line in lines(move(spec, **outside(tmp_path))) if "oops" in line["reason"]]
    assert line["source"]["amount"] == "oops"
    file = tmp_path / "mended.jsonl"

    def replayed(record: Any, source: Any) -> Any:
        # Columns in another order are the same row.
        row = {key: source[key] for key in reversed(source)}
        file.write_text(json.dumps({**line, "record": record, "source": row}) + "\n")
        return wv.run(spec, rules_only=True, replay=file, **outside(tmp_path))["reconciliation"]

    wrong, right = line["source"], {**line["source"], "amount": "12.00"}
    with pytest.raises(DataError, match=r"`record` was changed, and `source` was not, in 1 line\(s\)") as told:
        replayed({**line["record"], "amount": "12.00"}, wrong)
    assert told.value.place["line"] == 1
    assert "source" in (told.value.hint or "")
    with pytest.raises(DataError, match="'oops' is not a decimal") as told:
        replayed(line["record"], wrong)
    assert told.value.place["row"] == 1, "nothing was mended"
    assert replayed({**line["record"], "amount": "12.00"}, right)["loaded"] == 1


def test_mended_rows_are_replayed_once(tmp_path: Path) -> None:
    spec = messy(tmp_path)
    record = move(spec, **outside(tmp_path))
    mended = tmp_path / "mended.jsonl"
    chosen = [line for line in lines(record) if line["row"] in {2, 3}]
    for line in chosen:
        line["source"].update(day="2024-02-28", amount="12.34")
    mended.write_text("\n".join(json.dumps(line) for line in chosen))
    for _ in range(2):
        again = wv.run(spec, rules_only=True, replay=mended, **outside(tmp_path))
        assert again["reconciliation"]["loaded"] == 2
    rows = parquet_rows(tmp_path / "lake" / "rows")
    assert sorted(row["id"] for row in rows) == [1, 2, 3, 4]
    assert {str(row["amount"]) for row in rows if row["id"] in {2, 3}} == {"12.34"}


def test_too_many_bad_rows_load_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="quarantine"):
        move(messy(tmp_path, errors={"max_quarantined": 0.5}), **outside(tmp_path))
    assert not (tmp_path / "lake" / "rows" / "_manifest.json").exists()


def test_the_first_bad_row_fails_the_run_when_asked_to(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        move(messy(tmp_path, errors={"rows": "fail"}), **outside(tmp_path))
    assert caught.value.place["row"]


def test_a_run_that_is_done_again_keeps_the_quarantine_of_each_attempt(tmp_path: Path) -> None:
    spec = messy(tmp_path)
    first = move(spec, **outside(tmp_path))["outputs"][0]
    (tmp_path / "rows.csv").write_text(MESSY.replace("10.00", "99.00"))
    again = move(spec, **outside(tmp_path))["outputs"][0]
    assert [str(row["amount"]) for row in parquet_rows(tmp_path / "lake" / "rows")] == ["99.00", "14.00"]
    assert set(first["quarantine"]).isdisjoint(again["quarantine"])
    assert all(Path(file).exists() for file in [*first["quarantine"], *again["quarantine"]])


CELLS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters='\r\n",\x00'), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30), limit=st.integers(-5, 5))
def test_any_rows_balance(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], limit: int) -> None:
    folder = tmp_path_factory.mktemp("balance")
    (folder / "rows.csv").write_text("a,b\n" + "".join(f'"{a}","{b}"\n' for a, b in rows))
    spec = write_spec(
        folder,
        "rows",
        source={"csv": {"path": "rows.csv", "encoding": "utf-8"}},
        target={"sqlite": {"path": "lake.db"}},
        steps=[{"cast": {"a": "text", "b": "text"}}, {"derive": {"n": "length(a)"}}, {"filter": f"n > {limit}"}],
        checks=[{"not_null": "b"}],
    )
    sums = move(spec, **outside(folder))["reconciliation"]
    assert sums["rows_in"] == len(rows)
    assert sums["rows_in"] == sums["loaded"] + sums["filtered"] + sums["quarantined"]
    assert sums["checksum_source"] == sums["checksum_target"]


@pytest.mark.parametrize("way", ["staged", "fused"])
def test_a_retry_after_the_commit_still_tells_of_the_quarantine(tmp_path: Path, way: str) -> None:
    """Killed between the commit and the quarantine table: the retry names the files and fills the table."""
    (tmp_path / "rows.csv").write_text(MESSY)
    spec = write_spec(
        tmp_path,
        "rows",
        source={"csv": {"path": "rows.csv"}},
        target={"sqlite": {"path": "lake.db"}},
        steps=[{"cast": {"day": "date", "amount": "decimal(10,2)"}}],
        datasets={"rows": {"strategy": way}},
        quarantine={"table": "refused"},
    )
    first = move(spec, **outside(tmp_path))
    with contextlib.closing(sqlite3.connect(tmp_path / "lake.db")) as file:
        before = file.execute('SELECT "row", reason FROM refused ORDER BY 1').fetchall()
        file.execute("DROP TABLE refused")
        file.commit()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as file:
        file.execute("UPDATE runs SET status = 'running', finished_at = NULL")
        file.commit()
    again = move(spec, **outside(tmp_path))
    assert again["outputs"][0]["already"]
    assert lines(again) == lines(first)
    assert before
    with contextlib.closing(sqlite3.connect(tmp_path / "lake.db")) as file:
        assert file.execute('SELECT "row", reason FROM refused ORDER BY 1').fetchall() == before
