"""One stream from source to target does what the stages do: the same rows, counts, quarantine and receipts."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from patience import until
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import WindvaneError

ROWS = 40_000


def orders(folder: Path, rows: int = ROWS) -> Path:
    path = folder / "orders.csv"
    lines = ["id,customer,amount,day"]
    for n in range(rows):
        amount = "oops" if n % 10_007 == 5 else f"{n % 1000}.{n % 100:02d}"
        lines.append(f"{n},{n % 50},{amount},2024-01-{n % 28 + 1:02d}")
    path.write_text("\n".join(lines) + "\n")
    (folder / "customers.csv").write_text("customer,country\n" + "".join(f"{n},C{n % 7}\n" for n in range(40)))
    return path


STEPS = [
    {"cast": {"amount": "decimal(10,2)"}},
    {"filter": "id % 3 <> 0"},
    {"derive": {"double": "amount * 2"}},
    {"join": {"with": "customers", "on": "customer"}},
]
CHECKS: list[dict[str, Any]] = [{"not_null": "country"}, {"unique": "id"}]


def spec(folder: Path, name: str, strategy: str, **more: Any) -> Path:
    settings = {"strategy": strategy, "steps": STEPS, "checks": CHECKS, **more.pop("orders", {})}
    return write_spec(
        folder,
        name,
        source={"csv": {"path": "*.csv"}},
        target={"parquet": {"path": f"out-{name}"}},
        datasets={"orders": settings, "customers": {"load": False}},
        **more,
    )


def lines(record: Any) -> list[dict[str, Any]]:
    found = []
    for file in record["outputs"][0]["quarantine"]:
        found += [json.loads(line) for line in Path(file).read_text().splitlines()]
    return sorted(found, key=lambda line: (line["stage"], line["row"]))


def test_it_equals_the_stages(tmp_path: Path) -> None:
    orders(tmp_path)
    staged = move(spec(tmp_path, "staged", "staged"), **outside(tmp_path))
    fused = move(spec(tmp_path, "fused", "fused"), **outside(tmp_path))
    assert [step["step"] for step in fused["steps"]] == ["orders.move"]
    ours, theirs = fused["outputs"][0], staged["outputs"][0]
    for key in ("rows_in", "loaded", "filtered", "quarantined", "checksum_source", "checksum_target"):
        assert ours[key] == theirs[key], key
    assert ours["quarantined"] > 0 < ours["filtered"]
    assert fused["reconciliation"]["balanced"]
    assert parquet_rows(tmp_path / "out-fused" / "orders") == parquet_rows(tmp_path / "out-staged" / "orders")
    assert lines(fused) == lines(staged)


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_many_frames_keep_their_order(tmp_path: Path, strategy: str) -> None:
    """Frames are worked on by several threads: rows, numbers and even sums of floats are as if one had done it."""
    rows = 150_000
    weight = [(n * 7919 % 1013) / 7 - 40 for n in range(rows)]
    kinds = ["", "x", "a text of more than sixteen letters", "a text of more than sixteen lettres", "ünïcode"]
    lines = [f"{n},{kinds[n * n % 5]},{weight[n]!r},{n % 11 - 5}" for n in range(rows)]
    (tmp_path / "rows.csv").write_text("id,kind,weight,divisor\n" + "\n".join(lines) + "\n")
    world = outside(tmp_path)
    row_wise = [{"filter": "id % 7 <> 3"}, {"derive": {"part": "id % divisor"}}]
    grouped = [
        *row_wise,
        {"aggregate": {"by": ["kind", "divisor"], "measures": {"weight": "sum(weight)", "rows": "count(*)"}}},
    ]
    for name, steps in (("each", row_wise), ("groups", grouped)):
        path = write_spec(
            tmp_path,
            name,
            source={"csv": {"path": "rows.csv"}},
            target={"parquet": {"path": f"out-{name}"}},
            datasets={"rows": {"strategy": strategy, "steps": steps}},
            errors={"rows": "quarantine", "max_quarantined": 0.5},
        )
        output = move(path, **world)["outputs"][0]
        assert output["rows_in"] == rows
        refused = [json.loads(line)["row"] for line in Path(output["quarantine"][0]).read_text().splitlines()]
        assert refused == [n + 1 for n in range(rows) if n % 7 != 3 and n % 11 == 5]
    kept = [n for n in range(rows) if n % 7 != 3 and n % 11 != 5]
    assert [row["id"] for row in parquet_rows(tmp_path / "out-each" / "rows")] == kept
    sums: dict[tuple[str | None, int], list[float]] = {}
    for n in kept:
        group = sums.setdefault((kinds[n * n % 5] or None, n % 11 - 5), [-0.0, 0])
        group[0] += weight[n]
        group[1] += 1
    found = [
        ((row["kind"], row["divisor"]), [row["weight"], row["rows"]])
        for row in parquet_rows(tmp_path / "out-groups" / "rows")
    ]
    assert found == list(sums.items())


def test_again_does_it_again_and_gives_the_same_receipt(tmp_path: Path) -> None:
    orders(tmp_path)
    path = spec(tmp_path, "fused", "fused")
    first = move(path, **outside(tmp_path))["outputs"][0]
    again = move(path, **outside(tmp_path))["outputs"][0]
    assert not first["already"]
    assert not again["already"]
    assert (first["attempt"], again["attempt"]) == (1, 2)
    assert {**again, "quarantine": [], "attempt": 1} == {**first, "quarantine": []}


def test_again_on_another_machine_counts_again(tmp_path: Path) -> None:
    orders(tmp_path)
    path = spec(tmp_path, "fused", "fused")
    wv.plan(path, rules_only=True, **outside(tmp_path))
    first = move(path, **outside(tmp_path))["outputs"][0]
    world = {**outside(tmp_path), "staging": str(tmp_path / "elsewhere")}
    again = move(path, **world)["outputs"][0]
    counts = ("rows_in", "loaded", "filtered", "quarantined", "checksum_source", "load_id", "bytes")
    assert {key: again[key] for key in counts} == {key: first[key] for key in counts}
    orders(tmp_path, rows=ROWS + 30)
    world["staging"] = str(tmp_path / "a third")
    # The run had ended: run again it does the work again, of what the source has now.
    assert move(path, **world)["outputs"][0]["rows_in"] == ROWS + 30


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"errors": {"max_quarantined": 0.0001}}, "a share of"),
        ({"errors": {"rows": "fail"}}, "a row breaks a check: country must not be null"),
        ({"orders": {"checks": [{"rows": {"max": 3}}]}}, "rows are left to load"),
        (
            {"orders": {"checks": [{"accepted": {"column": "country", "values": ["C1"]}}]}, "errors": {"rows": "fail"}},
            "country",
        ),
    ],
)
def test_what_must_not_be_loaded_leaves_the_target_as_it_was(tmp_path: Path, more: Any, message: str) -> None:
    orders(tmp_path)
    before = move(spec(tmp_path, "fused", "fused"), **outside(tmp_path))
    assert before["status"] == "success"
    rows = parquet_rows(tmp_path / "out-fused" / "orders")
    with pytest.raises(WindvaneError, match=message):
        move(spec(tmp_path, "fused", "fused", **more), run="r2", **outside(tmp_path))
    assert parquet_rows(tmp_path / "out-fused" / "orders") == rows
    assert not [path for path in (tmp_path / "out-fused" / "orders").iterdir() if path.name.startswith(".staging")]


def test_a_step_that_needs_all_rows(tmp_path: Path) -> None:
    orders(tmp_path)
    whole = [{"aggregate": {"by": "customer", "measures": {"n": "count(*)", "last": "max(id)"}}}]
    results = [
        move(spec(tmp_path, name, name, orders={"steps": whole, "checks": []}), **outside(tmp_path))["outputs"][0]
        for name in ("staged", "fused")
    ]
    assert results[0]["checksum_target"] == results[1]["checksum_target"]
    assert results[0]["filtered"] == results[1]["filtered"] > 0


def test_what_does_not_fit_into_memory_is_spilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders(tmp_path)
    steps = [
        *STEPS[:3],
        {"deduplicate": {"on": ["customer", "amount"], "keep": "last"}},
        {"sort": {"by": ["day", "double desc"]}},
        {"aggregate": {"by": ["customer", "day"], "measures": {"n": "count(*)", "total": "sum(double)"}}},
    ]
    settings = {"steps": steps, "checks": []}
    wanted = move(spec(tmp_path, "staged", "staged", orders=settings), **outside(tmp_path))["outputs"][0]
    monkeypatch.setenv("WINDVANE_MEMORY", "100KB")
    path = spec(tmp_path, "fused", "fused", orders=settings)
    got = move(path, **outside(tmp_path))["outputs"][0]
    for key in ("rows_in", "loaded", "filtered", "quarantined", "checksum_source"):
        assert got[key] == wanted[key], key
    assert parquet_rows(tmp_path / "out-fused" / "orders") == parquet_rows(tmp_path / "out-staged" / "orders")
    assert not list(tmp_path.rglob("*.spill"))
    # Where the rows would go is a file.
    [folder] = (tmp_path / "staging" / "fused.runs").glob("r1.*")
    blocked = folder.with_name(folder.name.replace("r1.", "r2."))
    blocked.mkdir()
    (blocked / "orders.spill").write_text("")
    with pytest.raises(WindvaneError, match="cannot be spilled"):
        move(path, run="r2", **outside(tmp_path))


def narrow(folder: Path, amounts: list[str]) -> Path:
    """From a Parquet file of which the steps need two columns; its note is damaged once the plan is made."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = len(amounts)
    columns = {
        "id": list(range(rows)),
        "amount": amounts,
        "note": [f"note {n}" for n in range(rows)],
        "shop": [f"s{n % 3}" for n in range(rows)],
    }
    pq.write_table(pa.table(columns), folder / "sales.parquet")
    pq.write_table(
        pa.table({"shop": ["s0", "s1", "s2"], "place": ["a", "b", "c"], "more": [1, 2, 3]}), folder / "shops.parquet"
    )
    steps = [
        {"derive": {"n": "CAST(amount AS int64)"}},
        {"drop": ["note"]},
        {"join": {"with": "shops", "on": "shop"}},
        {"aggregate": {"by": "place", "measures": {"total": "sum(n)"}}},
    ]
    return write_spec(
        folder,
        "narrow",
        source={"parquet": {"path": "*.parquet"}},
        target={"parquet": {"path": "out"}},
        errors={"rows": "quarantine", "max_quarantined": 0.5},
        datasets={
            "sales": {
                "strategy": "fused",
                "steps": steps,
                "checks": [{"references": {"column": "place", "dataset": "shops"}}],
            },
            "shops": {"load": False},
        },
    )


def damage(path: Path, column: str) -> None:
    import pyarrow.parquet as pq

    about = pq.ParquetFile(path).metadata.row_group(0)
    [chunk] = [about.column(n) for n in range(about.num_columns) if about.column(n).path_in_schema == column]
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)


def test_columns_that_no_step_needs_are_not_read(tmp_path: Path) -> None:
    path = narrow(tmp_path, ["10", "20", "5", "1"])
    wv.plan(path, rules_only=True, **outside(tmp_path))
    damage(tmp_path / "sales.parquet", "note")
    damage(tmp_path / "shops.parquet", "more")
    done = wv.run(tmp_path / "narrow.plan.json", run="r1", **outside(tmp_path))
    assert [step["step"] for step in done["steps"]] == ["sales.move"]
    rows = [{"place": "a", "total": 11}, {"place": "b", "total": 20}, {"place": "c", "total": 5}]
    assert parquet_rows(tmp_path / "out" / "sales") == rows


def test_a_refused_row_is_not_shown_when_it_cannot_be_shown_whole(tmp_path: Path) -> None:
    path = narrow(tmp_path, ["10", "zero", "5", "1"])
    wv.plan(path, rules_only=True, **outside(tmp_path))
    damage(tmp_path / "sales.parquet", "note")
    with pytest.raises(WindvaneError, match=r"sales\.parquet"):
        wv.run(tmp_path / "narrow.plan.json", run="r1", **outside(tmp_path))
    assert not (tmp_path / "out" / "sales" / "_manifest.json").exists()


def test_a_refused_row_is_shown_whole_though_few_columns_are_needed(tmp_path: Path) -> None:
    path = narrow(tmp_path, ["10", "zero", "5", "1"])
    done = move(path, **outside(tmp_path))
    assert [step["step"] for step in done["steps"]] == ["sales.move"]
    rows = [{"place": "a", "total": 11}, {"place": "c", "total": 5}]
    assert parquet_rows(tmp_path / "out" / "sales") == rows
    [line] = lines(done)
    whole = {"id": "1", "amount": "zero", "note": "note 1", "shop": "s1"}
    assert (line["record"], line["source"]) == (whole, whole)
    assert done["outputs"][0]["quarantined"] == 1


def test_databases(tmp_path: Path, postgres_database: str) -> None:
    orders(tmp_path)
    world = outside(tmp_path, warehouse=postgres_database)
    into = write_spec(
        tmp_path,
        "into",
        source={"csv": {"path": "orders.csv"}},
        target={"postgres": {"connection": "warehouse"}},
        datasets={"orders": {"strategy": "fused"}},
    )
    first = move(into, **world)["outputs"][0]
    across = write_spec(
        tmp_path,
        "across",
        source={"postgres": {"connection": "warehouse", "tables": ["orders"]}},
        target={"sqlite": {"path": "out.db"}},
        datasets={"orders": {"strategy": "fused"}},
    )
    second = move(across, **world)["outputs"][0]
    assert first["loaded"] == second["loaded"] == second["rows_in"] > ROWS - 10
    assert first["checksum_target"] == second["checksum_target"]


def test_the_plan_says_why(tmp_path: Path) -> None:
    orders(tmp_path, rows=10)
    path = write_spec(tmp_path, "small", source={"csv": {"path": "orders.csv"}}, target={"parquet": {"path": "out"}})
    plan = wv.plan(path, rules_only=True, store=outside(tmp_path)["store"])
    assert plan["outputs"][0]["strategy"]["strategy"] == "staged"
    assert "Moves in stages (rules: 10 rows rest cheaply" in wv.explain(tmp_path / "small.plan.json")


SLOW = """
import time
import pyarrow as pa

def trickle():
    def batches():
        for start in range(0, 12_000, 1_000):
            time.sleep(0.2)
            yield pa.record_batch({"id": pa.array(range(start, start + 1_000), pa.int64())})
    return pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches())
"""


def test_progress_counts_up_and_can_stop_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_source.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    trickling = write_spec(
        tmp_path,
        "slow",
        source={"python": {"object": "slow_source:trickle", "as_dataset": "orders"}},
        target={"parquet": {"path": "out"}},
        datasets={"orders": {"strategy": "fused"}},
    )
    seen: list[dict[str, Any]] = []
    move(trickling, progress=seen.append, **outside(tmp_path))
    assert seen, "two seconds of work and no word of it"
    assert [now["rows"] for now in seen] == sorted(now["rows"] for now in seen)
    assert {now["stage"] for now in seen} == {"move"}

    def stop(_: Any) -> None:
        raise RuntimeError("enough")

    threads = threading.active_count()
    with pytest.raises(RuntimeError, match="enough"):
        move(trickling, run="r2", progress=stop, **outside(tmp_path))
    # The threads of the source end by themselves, when they get a core.
    until(lambda: threading.active_count() == threads)
    parts = json.loads((tmp_path / "out" / "orders" / "_manifest.json").read_text())["parts"]
    assert len(parts) == 1
