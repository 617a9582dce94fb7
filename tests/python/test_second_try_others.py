"""Second tries of finished runs where the way or the target is another: history, steps at the target, pieces, object stores,
Python callables."""

from __future__ import annotations

import io
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import outside, write_spec
from tries import Case, made
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "mysql"])
@pytest.mark.parametrize("way", ["staged", "fused"])
def test_a_history(tmp_path: Path, kind: str, way: str, request: pytest.FixtureRequest) -> None:
    one = made(tmp_path, kind, "history", way, request, settings={"key": "id"})
    one.source(range(100))
    assert one.run("d1")["status"] == "success"
    for ids in (range(105), range(105), range(3, 108)):
        one.source(ids)
        again = one.run("d1")
        assert again["status"] == "success", again
        assert one.ids() == list(range(ids.stop))
    # A value that has changed gets a version, once.
    text = (tmp_path / "items.csv").read_text().replace("\n50,150.25\n", "\n50,1.25\n")
    (tmp_path / "items.csv").write_text(text)
    for _ in range(2):
        assert one.run("d1")["status"] == "success"
    versions = one.execute("SELECT count(*), sum(CASE WHEN is_current THEN 1 ELSE 0 END) FROM items WHERE id = 50")
    assert [int(count) for count in versions[0]] == [2, 1]


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_steps_at_the_target(tmp_path: Path, mode: str, request: pytest.FixtureRequest) -> None:
    settings = {"steps": [{"derive": {"twice": "amount * 2"}}]}
    one = made(tmp_path, "postgres", mode, "pushdown", request, settings=settings)
    one.source(range(100))
    assert one.run("d1")["status"] == "success"
    one.source(range(105))
    again = one.run("d1")
    if mode == "append":
        assert again["status"] == "failed"
        assert "its source has changed since" in json.dumps(again)
        assert one.ids() == list(range(100))
    else:
        assert again["status"] == "success", again
        assert one.ids() == list(range(105))
    # With another store nobody knows that it had ended, nor that it had not: it is done again.
    one.source(range(110))
    retried = one.run("d1", store="other.db")
    assert retried["status"] == ("failed" if mode == "append" else "success"), retried
    assert one.ids() == list(range(100 if mode == "append" else 110))


@pytest.mark.parametrize("kind", ["sqlite", "parquet", "postgres"])
@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_pieces(tmp_path: Path, kind: str, mode: str, request: pytest.FixtureRequest) -> None:
    one = made(tmp_path, kind, mode, "staged", request, settings={"partitions": 3})
    one.source(range(40_000))
    assert one.run("d1")["status"] == "success"
    one.source(range(40_500))
    again = one.run("d1")
    if mode == "append" and kind != "parquet":
        assert again["status"] == "failed"
        assert one.ids() == list(range(40_000))
        return
    assert again["status"] == "success", again
    assert one.ids() == list(range(40_500))


@pytest.mark.parametrize("way", ["staged", "fused"])
@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_an_object_store(tmp_path: Path, mode: str, way: str, s3: Any) -> None:
    bucket = s3.bucket()
    settings = {"strategy": way, **({"key": "id"} if mode == "merge" else {})}
    spec = write_spec(
        tmp_path, "p", source={"csv": {"path": "items.csv"}}, guard={"rows": 0}, datasets={"items": settings},
        target={"parquet": {"path": f"s3://{bucket}/lake", "connection": "store", "mode": mode}},
    )  # fmt: skip
    one = Case(tmp_path, "parquet", None, spec)
    world = outside(tmp_path, store=s3.connection())

    def ids() -> list[int]:
        import pyarrow.parquet as pq

        parts = json.loads(s3.get(bucket, "lake/items/_manifest.json"))["parts"]
        tables = [pq.read_table(io.BytesIO(s3.get(bucket, f"lake/items/{part['path']}"))) for part in parts]
        return sorted(n for table in tables for n in table.column("id").to_pylist())

    for run, numbers in (("d1", range(100)), ("d2", range(200, 205)), ("d1", range(105)), ("d1", range(60))):
        one.source(numbers)
        assert wv.run(spec, run=run, rules_only=True, **world)["status"] == "success"
    kept = {"replace": range(60), "append": [*range(60), *range(200, 205)], "merge": [*range(105), *range(200, 205)]}
    assert ids() == list(kept[mode])


TAKER = """
    calls = []

    def take(rows, *, load_id, mode, dataset):
        calls.append((load_id, sum(batch.num_rows for batch in rows)))
        return calls[-1][1]
"""


@pytest.fixture
def taker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "taker_of_rows.py").write_text(textwrap.dedent(TAKER))
    monkeypatch.syspath_prepend(str(tmp_path))
    import taker_of_rows

    yield taker_of_rows
    sys.modules.pop("taker_of_rows")


def test_a_callable_is_told_that_it_is_the_same_load(tmp_path: Path, taker: Any) -> None:
    """It has no ledger: what it does with a load id that it knows is up to it."""
    spec = write_spec(
        tmp_path, "p", source={"csv": {"path": "items.csv"}},
        target={"python": {"object": "taker_of_rows:take", "mode": "append"}},
    )  # fmt: skip
    one = Case(tmp_path, "python", None, spec)
    for numbers in (range(10), range(12)):
        one.source(numbers)
        try:
            record = wv.run(spec, run="d1", rules_only=True, **outside(tmp_path))
        except WindvaneError as error:
            pytest.fail(str(error))
        assert record["outputs"][0]["loaded"] == len(numbers)
    assert [rows for _, rows in taker.calls] == [10, 12]
    assert len({load for load, _ in taker.calls}) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "mysql"])
def test_rows_of_several_runs_that_somebody_took_away(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """Every run that is done again notices; of an emptied table each brings its rows back, once."""
    one = made(tmp_path, kind, "append", "staged", request)
    sources = {"d1": range(100), "d2": range(200, 250), "d3": range(300, 310)}
    for run, ids in sources.items():
        one.source(ids)
        assert one.run(run)["status"] == "success"
    one.execute("DELETE FROM items WHERE id IN (5, 210)")
    for run, ids in sources.items():
        one.source(ids)
        again = one.run(run)
        assert again["status"] == "failed", run
        assert "somebody has taken rows away" in json.dumps(again)
    one.empty()
    for _ in range(2):
        for run, ids in sources.items():
            one.source(ids)
            again = one.run(run)
            assert again["status"] == "success", again
    assert one.ids() == [n for ids in sources.values() for n in ids]


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "mysql"])
def test_a_stream_whose_note_is_lost(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Killed between the commit and the record, the store and the staging lost, and the source has grown."""
    one = made(tmp_path, kind, "append", "fused", request)
    one.source(range(100))
    assert one.run("d1")["status"] == "success"
    for path in (tmp_path / "staging").rglob("moved.json"):
        path.unlink()
    # Whether it had ended nobody knows any more: with another source it is refused, with the same it is done.
    one.source(range(105))
    refused = one.run("d1", store="other.db")
    assert refused["status"] == "failed"
    assert "its source has changed since" in json.dumps(refused)
    one.source(range(100))
    retried = one.run("d1", store="third.db")
    assert retried["status"] == "success", retried
    assert retried["outputs"][0]["already"]
    assert (retried["outputs"][0]["rows_in"], retried["outputs"][0]["loaded"]) == (100, 100)
    assert one.ids() == list(range(100))
