"""Whatever a model proposes, a run loads exactly what the words say, or nothing before a person has decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from hostile_gateway import hostile, says
from pipelines import outside, parquet_rows, write_spec
from windvane.errors import ConflictError

Row = dict[str, Any]
Rows = list[Row]

STATUSES = ["complete"] * 5 + ["cancelled", "open", "in transit", "hot and cold", "paid"]


def orders(count: int = 400, repeats: int = 8) -> Rows:
    """A few repeated keys, missing countries, columns that are called like the grammar's words."""
    return [
        {
            "order_id": n if n >= repeats else n + repeats,
            "status": STATUSES[n % 10],
            "country": None if n % 40 == 7 else ["DE", "FR", "US"][n % 3],
            "amount": f"{n}.50",
            "note": f"note {n}",
            "drop_date": f"2024-01-{n % 28 + 1:02}",
            "only_active": ["yes", "perhaps"][n % 2],
            "duplicate_of": n % 50,
            "customer_id": n % 340,
        }
        for n in range(count)
    ]


def write(folder: Path, rows: Rows, intent: str | None = None) -> Path:
    lines = [",".join(rows[0]), *(",".join("" if cell is None else str(cell) for cell in row.values()) for row in rows)]
    (folder / "orders.csv").write_text("\n".join(lines) + "\n")
    more = {"intent": intent} if intent else {}
    target = {"parquet": {"path": "lake"}}
    return write_spec(folder, "orders", source={"csv": {"path": "orders.csv"}}, target=target, **more)


def keys(rows: Rows) -> list[tuple[Any, ...]]:
    """What tells the rows apart, whatever their types have become."""
    return sorted((str(row.get("note")), str(row.get("status"))) for row in rows)


def outcome(spec: Path, **world: Any) -> Rows | None:
    """The rows that were loaded; nothing when the run waits."""
    try:
        wv.run(spec, run="r1", **outside(spec.parent), **world)
    except ConflictError as error:
        assert "wait for a person" in str(error)
        assert not (spec.parent / "lake" / "orders").exists()
        return None
    return parquet_rows(spec.parent / "lake" / "orders")


def proposal(change: dict[str, Any]) -> dict[str, Any]:
    return {"output": "orders", "change": change, "confidence": 1.0, "evidence": ["The user wants it."]}


def step(**written: Any) -> dict[str, Any]:
    return proposal({"step": written})


def check(**written: Any) -> dict[str, Any]:
    return proposal({"check": written})


FILTERS = [
    "status = 'complete' AND order_id = 1",
    "nullif(status, 'complete') = status",
    "status <> 'complete'",
    "status = 'complete' OR status = 'open'",
    "status = 'complete' OR order_id > 0",
    "lower(status) = 'complete'",
    "status >= 'complete'",
    "coalesce(status, 'complete') = 'complete'",
    "status = 'Complete'",
    "order_id = 1",
    "amount > 100",
    "country = 'DE'",
    "country IS NULL",
    "status = 'cancelled'",
    "NOT status = 'open'",
    "order_id IS NULL",
    "status = country",
    "length(note) > 7",
]
HOSTILE = [
    *(step(filter=text) for text in FILTERS),
    step(deduplicate={"on": ["status"]}),
    step(deduplicate={"on": ["customer_id"]}),
    step(deduplicate={"on": ["order_id"], "keep": "last"}),
    step(drop=["note"]),
    step(drop=["amount", "country"]),
    step(select=["order_id", "note", "status"]),
    step(rename={"status": "state"}),
    step(rename={"note": "status_note", "country": "land"}),
    step(set={"values": {"status": "'complete'"}, "where": "status = 'cancelled'"}),
    step(derive={"status": "'complete'"}),
    step(mask={"columns": {"note": "redact"}}),
    step(fill={"country": "DE"}),
    step(sort={"by": ["order_id"], "limit": 10}),
    step(aggregate={"by": ["status"], "measures": {"n": "count(*)"}}),
    check(unique=["customer_id"]),
    check(unique=["status"]),
    check(not_null=["country"]),
    check(accepted={"column": "status", "values": ["complete"]}),
    check(expression="order_id = 1"),
]


def every(_: Row) -> bool:
    return True


def status(*wanted: str) -> Callable[[Row], bool]:
    return lambda row: row["status"] in wanted


def no_status(*gone: str) -> Callable[[Row], bool]:
    return lambda row: row["status"] not in gone


ALL_COLUMNS = list(orders(1)[0])


def without(*gone: str) -> list[str]:
    return [name for name in ALL_COLUMNS if name not in gone]


# What the words say, and whether the rules must understand it: then the rows and columns; else it waits.
WORDS: list[tuple[str, Callable[[Row], bool] | None, list[str]]] = [
    ("completed orders", status("complete"), ALL_COLUMNS),
    ("only completed orders", status("complete"), ALL_COLUMNS),
    ("completed orders only, please", status("complete"), ALL_COLUMNS),
    ("cancelled orders excluded", no_status("cancelled"), ALL_COLUMNS),
    ("cancelled orders are excluded", no_status("cancelled"), ALL_COLUMNS),
    ("cancelled orders must not be included", no_status("cancelled"), ALL_COLUMNS),
    ("all orders except cancelled ones", no_status("cancelled"), ALL_COLUMNS),
    ("everything but cancelled orders", no_status("cancelled"), ALL_COLUMNS),
    ("without cancelled orders", no_status("cancelled"), ALL_COLUMNS),
    ("do not load paid orders", no_status("paid"), ALL_COLUMNS),
    ("orders that are not open", no_status("open"), ALL_COLUMNS),
    ("paid orders should be left out", no_status("paid"), ALL_COLUMNS),
    ("orders with status 'hot and cold'", status("hot and cold"), ALL_COLUMNS),
    ("only orders where status = 'in transit'", status("in transit"), ALL_COLUMNS),
    ("do not drop the amount", every, ALL_COLUMNS),
    ("never drop the drop date", every, ALL_COLUMNS),
    ("keep the note", every, ALL_COLUMNS),
    ("the note must be kept", every, ALL_COLUMNS),
    ("the amount is not to be dropped", every, ALL_COLUMNS),
    ("cancelled orders included", every, ALL_COLUMNS),
    ("all orders", every, ALL_COLUMNS),
    ("orders as they are", every, ALL_COLUMNS),
    ("duplicates are fine", every, ALL_COLUMNS),
    ("do not keep only_active", every, without("only_active")),
    ("without the drop_date column", every, without("drop_date")),
    ("the drop date is not needed", every, without("drop_date")),
    ("everything except duplicate_of", every, without("duplicate_of")),
    ("completed orders without the only_active column", status("complete"), without("only_active")),
    ("drop the 'drop_date'", every, without("drop_date")),
    ("daily orders for finance", every, ALL_COLUMNS),
    ("no nulls in country", every, ALL_COLUMNS),
    ("country is unique", every, ALL_COLUMNS),
    # These can mean something else, or nothing that is there.
    ("no duplicates, and the amount in euros", None, []),
    ("drop the note, but keep the note", None, []),
    ("not without cancelled orders", every, ALL_COLUMNS),
    ("only the amount", None, []),
    ("one row per customer", None, []),
    ("one row per status", None, []),
    ("shipped orders", None, []),
    ("completed orders and those of last year", None, []),
    ("all but one", None, []),
    ("orders with amount over 100000", None, []),
    ("drop only what is not needed", None, []),
    ("keep completed", None, []),
]


@pytest.mark.parametrize(("words", "kept", "columns"), WORDS, ids=[words for words, *_ in WORDS])
@pytest.mark.parametrize("model", [False, True], ids=["rules", "a hostile model"])
def test_a_run_loads_what_the_words_say_or_waits(
    words: str, kept: Callable[[Row], bool] | None, columns: list[str], *, model: bool, tmp_path: Path
) -> None:
    rows = orders()
    spec = write(tmp_path, rows, words)
    if model:
        with hostile(says({"proposals": HOSTILE})) as gateway:
            loaded = outcome(spec, gateway=gateway.settings())
            assert gateway.asked
    else:
        loaded = outcome(spec, rules_only=True)
    if kept is None:
        assert loaded is None, "a person must decide"
        return
    assert loaded is not None
    assert sorted(loaded[0]) == sorted(columns)
    if "note" in columns:
        assert keys(loaded) == keys([row for row in rows if kept(row)])


@pytest.mark.parametrize("wanted", HOSTILE, ids=[str(one["change"])[:60] for one in HOSTILE])
def test_a_model_alone_takes_nothing(wanted: dict[str, Any], tmp_path: Path) -> None:
    rows = orders()
    with hostile(says({"proposals": [wanted]})) as gateway:
        loaded = outcome(write(tmp_path, rows), gateway=gateway.settings())
        plan = wv.plan(tmp_path / "orders.windvane.json", **outside(tmp_path), gateway=gateway.settings())
    assert loaded is not None
    assert keys(loaded) == keys(rows)
    assert sorted(loaded[0]) == sorted(ALL_COLUMNS)
    (told,) = [one for one in plan["decisions"] if one["by"] == "model" and one["proposal"] == wanted["change"]]
    assert told["accepted"] is False
    assert told["waits"] is True


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("completed orders", step(filter="status = 'complete' AND order_id = 1")),
        ("completed orders", step(filter="nullif(status, 'complete') = status")),
        ("one row per order", step(deduplicate={"on": ["status"]})),
        ("all orders", step(rename={"status": "state"})),
        ("one row per order", check(unique=["customer_id"])),
    ],
)
def test_the_proposals_that_were_seen(words: str, wanted: dict[str, Any], tmp_path: Path) -> None:
    rows = orders()
    with hostile(says({"proposals": [wanted]})) as gateway:
        loaded = outcome(write(tmp_path, rows, words), gateway=gateway.settings())
    assert loaded is not None, "the rules know what these words say"
    assert sorted(loaded[0]) == sorted(ALL_COLUMNS)
    if words == "completed orders":
        assert keys(loaded) == keys([row for row in rows if row["status"] == "complete"])
    elif words == "all orders":
        assert keys(loaded) == keys(rows)
    else:
        assert sorted(row["order_id"] for row in loaded) == sorted({row["order_id"] for row in rows})


def test_an_effect_beyond_what_the_words_imply_waits(tmp_path: Path) -> None:
    """Each distinct row stands four times: so many are no mistake, whatever "no duplicates" says."""
    rows = [row for row in orders(100, repeats=0) for _ in range(4)]
    assert outcome(write(tmp_path, rows, "no duplicates"), rules_only=True) is None
    plan = wv.plan(tmp_path / "orders.windvane.json", rules_only=True, **outside(tmp_path))
    (told,) = [one for one in plan["decisions"] if one.get("waits")]
    assert "refused by the dry run: it leaves 100 of 400 sampled rows" in told["reason"]
    assert "that the words imply" in told["reason"]
    wv.approve(tmp_path / "orders.windvane.json", every=True)
    loaded = outcome(tmp_path / "orders.windvane.json", rules_only=True)
    assert loaded is not None
    assert len(loaded) == 100


def test_an_effect_within_the_range_is_done(tmp_path: Path) -> None:
    rows = orders(repeats=0)
    doubled = [*rows, *rows[:20]]
    loaded = outcome(write(tmp_path, doubled, "no duplicates"), rules_only=True)
    assert loaded is not None
    assert keys(loaded) == keys(rows)


def test_what_the_sample_does_not_show_waits(tmp_path: Path) -> None:
    """Of a long file the first rows are tried: none of them is left, although the profile knows of some."""
    rows = sorted(orders(3000, repeats=0), key=lambda row: row["status"] == "paid")
    assert outcome(write(tmp_path, rows, "only paid orders"), rules_only=True) is None
