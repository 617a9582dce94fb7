"""How every database takes rows: one suite of the write modes, parametrised over connectors.

A test module subclasses :class:`ConformanceModes` and gives two fixtures: ``home`` (as in ``conformance``) and
``execute``, which runs a statement of plain SQL in the home's database::

    class TestPostgresModes(ConformanceModes):
        @pytest.fixture
        def home(self, ...) -> Home: ...

        @pytest.fixture
        def execute(self, ...) -> Callable[[str], None]: ...

What a mode does, in one place:

``append``   the rows are added.
``replace``  the rows become the whole content; what hangs on the table (indexes, views, grants) stays.
``merge``    by key: new rows are inserted, changed ones updated, equal ones left alone; columns of the table that the load
             does not bring stay as they are. ``absent: delete`` deletes rows whose key the load does not have.
``history``  by key: the table has ``valid_from``, ``valid_to`` and ``is_current`` behind our columns. A changed row ends its
             current version and gets a new one that begins where the old one ends. ``absent: delete`` ends versions.

A row with a null in its key is refused, as is every row after the first with the same key, and what a constraint of the
table does not take. Refused rows are named by their place in the load, from 0; the others are loaded. With
``refused: fail`` nothing is. A second load with the same id answers the first one's receipt, ``already`` apart.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from conformance import BATCH_ROWS, Fields, Home, Row, call, column, ordered
from pipelines import move, outside, write_spec
from windvane.errors import ConflictError, DataError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ITEMS: Fields = [column("id", "int64", nullable=False), column("name", "text"), column("amount", "decimal(10,2)")]
VERSIONS: Fields = [
    *ITEMS,
    column("valid_from", "timestamptz"),
    column("valid_to", "timestamptz"),
    column("is_current", "boolean"),
]


def item(number: int, name: str | None = None, amount: str | None = "1.00") -> Row:
    return {"id": number, "name": f"n{number}" if name is None else name, "amount": amount}


def changes(inserted: int = 0, updated: int = 0, deleted: int = 0, unchanged: int = 0) -> dict[str, int]:
    return {"inserted": inserted, "updated": updated, "deleted": deleted, "unchanged": unchanged}


def places(loaded: dict[str, Any]) -> list[int]:
    """Where the refused rows stood in the load."""
    return [row["at"] for row in loaded.get("refused", [])]


def same_receipt(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**one, "already": None} == {**other, "already": None}


LOADER = "import sys; from windvane import _core; _core.load_rows(sys.stdin.read())"
"""A process of its own, to be killed."""


class Loads:
    """Loads of one dataset, in the order of their ids."""

    def __init__(self, home: Home, dataset: str = "items", **more: Any) -> None:
        self.home, self.dataset, self.more = home, dataset, more

    def __call__(self, load_id: str, rows: list[Row], **more: Any) -> dict[str, Any]:
        asked = {"mode": "merge", "key": ["id"], **self.more, **more}
        fields = asked.pop("fields", ITEMS)
        return self.home.load(self.dataset, fields, rows, load_id=load_id, **asked)

    def rows(self, fields: Fields = ITEMS) -> list[Row]:
        answer = self.home.read(self.dataset, schema=fields)
        assert answer["rejected"] == []
        return ordered(answer["rows"])


class ConformanceModes:
    """The suite. ``home`` and ``execute`` come from the subclass."""

    CONSTRAINED: ClassVar[str] = (
        "CREATE TABLE items (id BIGINT NOT NULL, name VARCHAR(20) NOT NULL, amount DECIMAL(10,2),"
        " PRIMARY KEY (id), CONSTRAINT one_name UNIQUE (name), CONSTRAINT positive CHECK (amount >= 0))"
    )
    """A table of the user's with a constraint of each common kind, in the database's own words."""

    # ------------------------------------------------------------------------------------------------------- merge

    def test_merge_inserts_updates_and_leaves_alone(self, home: Home) -> None:
        load = Loads(home)
        first = load("one", [item(1), item(2), item(3)])
        assert (first["rows"], first["changes"]) == (3, changes(inserted=3))
        second = load("two", [item(2), item(3, "other"), item(4)])
        assert (second["rows"], second["changes"]) == (3, changes(inserted=1, updated=1, unchanged=1))
        assert load.rows() == ordered([item(1), item(2), item(3, "other"), item(4)])

    def test_merge_sees_nulls_as_values(self, home: Home) -> None:
        load = Loads(home)
        load("one", [item(1, amount=None), item(2, amount=None), item(3)])
        again = load("two", [item(1, amount=None), item(2, amount="2.00"), item(3, amount=None)])
        assert again["changes"] == changes(updated=2, unchanged=1)
        assert load.rows() == ordered([item(1, amount=None), item(2, amount="2.00"), item(3, amount=None)])

    def test_merge_deletes_what_is_absent_when_asked(self, home: Home) -> None:
        load = Loads(home)
        load("one", [item(1), item(2), item(3)])
        assert load("two", [item(3, "x"), item(4)], absent="delete")["changes"] == changes(1, 1, 2, 0)
        assert load.rows() == ordered([item(3, "x"), item(4)])
        assert load("three", [])["changes"] == changes()
        assert load("four", [], absent="delete")["changes"] == changes(deleted=2)
        assert load.rows() == []

    def test_merge_by_several_columns(self, home: Home) -> None:
        load = Loads(home, key=["id", "name"])
        load("one", [item(1, "a"), item(1, "b"), item(2, "a")])
        again = load("two", [item(1, "b", "5.00"), item(2, "b")])
        assert again["changes"] == changes(inserted=1, updated=1)
        assert load.rows() == ordered([item(1, "a"), item(1, "b", "5.00"), item(2, "a"), item(2, "b")])

    def test_merge_of_keys_alone(self, home: Home) -> None:
        load = Loads(home, fields=[column("id", "int64")])
        load("one", [{"id": 1}, {"id": 2}])
        assert load("two", [{"id": 2}, {"id": 3}])["changes"] == changes(inserted=1, unchanged=1)
        assert load.rows([column("id", "int64")]) == [{"id": 1}, {"id": 2}, {"id": 3}]

    def test_merge_keeps_columns_it_does_not_bring_and_adds_new_ones(self, home: Home) -> None:
        load = Loads(home)
        load("one", [item(1), item(2)])
        slim = [column("id", "int64"), column("name", "text"), column("colour", "text")]
        load("two", [{"id": 1, "name": "x", "colour": "red"}], fields=slim)
        fields = [*ITEMS, column("colour", "text")]
        assert load.rows(fields) == ordered([{**item(1, "x"), "colour": "red"}, {**item(2), "colour": None}])

    def test_merge_into_a_table_without_a_unique_key(self, home: Home, execute: Callable[[str], None]) -> None:
        execute("CREATE TABLE items (id BIGINT, name VARCHAR(20), amount DECIMAL(10,2))")
        load = Loads(home)
        load("one", [item(1), item(2), item(3)])
        again = load("two", [item(2), item(3, "other"), item(4)], absent="delete")
        assert again["changes"] == changes(inserted=1, updated=1, deleted=1, unchanged=1)
        assert load.rows() == ordered([item(2), item(3, "other"), item(4)])

    def test_merge_of_many_rows(self, home: Home) -> None:
        load = Loads(home)
        count = BATCH_ROWS + 100
        load("one", [item(number) for number in range(count)])
        changed = [item(number, "changed") for number in range(0, count, 10)]
        new = [item(count + number) for number in range(50)]
        again = load("two", [*changed, *new, item(1)])
        assert again["changes"] == changes(inserted=len(new), updated=len(changed), unchanged=1)
        expected = {row["id"]: row for row in [*(item(number) for number in range(count)), *changed, *new]}
        assert load.rows() == ordered(list(expected.values()))

    @pytest.mark.parametrize("mode", ["merge", "history"])
    @pytest.mark.parametrize("key", [[], ["nothing"]])
    def test_a_load_by_key_needs_its_key(self, home: Home, mode: str, key: list[str]) -> None:
        with pytest.raises(SpecError):
            Loads(home, mode=mode, key=key)("one", [item(1)])
        assert "items" not in home.datasets()

    # ------------------------------------------------------------------------------------------- nulls and duplicates

    @pytest.mark.parametrize("mode", ["merge", "history"])
    def test_a_null_in_the_key_is_refused(self, home: Home, mode: str) -> None:
        load = Loads(home, mode=mode, key=["id", "name"])
        rows = [item(1), {**item(2), "name": None}, item(3), {**item(4), "id": None}]
        loaded = load("one", rows)
        assert loaded["rows"] == 2
        assert places(loaded) == [1, 3]
        assert [row["column"] for row in loaded["refused"]] == ["name", "id"]
        assert load.rows() == ordered([item(1), item(3)])
        with pytest.raises(DataError):
            load("two", rows, refused="fail")

    @pytest.mark.parametrize("mode", ["merge", "history"])
    def test_of_one_key_the_first_row_is_taken(self, home: Home, mode: str) -> None:
        load = Loads(home, mode=mode)
        load("one", [item(1), item(5)])
        rows = [item(1, "a"), item(2), item(1, "b"), item(1, "a"), item(5), item(5, "late")]
        loaded = load("two", rows)
        assert loaded["rows"] == 3
        assert places(loaded) == [2, 3, 5]
        assert "id" in loaded["refused"][0]["reason"]
        current = load.rows(VERSIONS) if mode == "history" else load.rows()
        seen = [
            {name: row[name] for name in ("id", "name", "amount")} for row in current if row.get("is_current", True)
        ]
        assert ordered(seen) == ordered([item(1, "a"), item(2), item(5)])

    def test_the_first_row_is_taken_though_it_changes_nothing(self, home: Home) -> None:
        load = Loads(home)
        load("one", [item(1), item(5)])
        loaded = load("two", [item(5), item(6), item(5, "late")])
        assert (loaded["changes"], places(loaded)) == (changes(inserted=1, unchanged=1), [2])
        assert load.rows() == ordered([item(1), item(5), item(6)])

    def test_duplicates_fail_a_load_that_may_refuse_nothing(self, home: Home) -> None:
        load = Loads(home)
        load("one", [item(1)])
        with pytest.raises(DataError) as caught:
            load("two", [item(7), item(8), item(7, "again")], refused="fail")
        assert "id" in str(caught.value)
        assert load.rows() == [item(1)]

    # ---------------------------------------------------------------------------------------------------- the ledger

    @pytest.mark.parametrize("mode", ["append", "replace", "merge", "history"])
    def test_the_second_load_of_an_id_answers_the_first_receipt(self, home: Home, mode: str) -> None:
        load = Loads(home, mode=mode)
        load("zero", [item(1), item(2)])
        rows = [item(2, "x"), item(3), item(3, "twice"), {**item(4), "id": None}]
        one = load("one", rows)
        before = load.rows()
        load("two", [item(9)])
        between = load.rows()
        again = load("one", rows)
        assert again["already"] is True
        assert same_receipt(again, one)
        assert load.rows() == between
        assert between != before

    @pytest.mark.parametrize("mode", ["merge", "history"])
    @pytest.mark.parametrize("wrong", [{"rows": 3}, {"checksum": "0" * 32}])
    def test_unexpected_content_changes_nothing(self, home: Home, mode: str, wrong: Row) -> None:
        load = Loads(home, mode=mode)
        load("one", [item(1), item(2)])
        with pytest.raises(DataError):
            load("two", [item(2, "x"), item(3)], expected=wrong, absent="delete")
        assert load.rows() == ordered([item(1), item(2)])
        assert load("two", [item(2, "x"), item(3)])["already"] is False

    @pytest.mark.parametrize("mode", ["append", "replace", "merge", "history"])
    @pytest.mark.parametrize("verify", ["auto", "content", "rows"])
    def test_every_way_to_verify(self, home: Home, mode: str, verify: str) -> None:
        load = Loads(home, mode=mode, verify=verify)
        assert load("one", [item(1), item(2)])["rows"] == 2
        loaded = load("two", [item(2), item(3)])
        assert loaded["rows"] == 2
        assert ("checksum" in loaded) == (verify != "rows")

    @pytest.mark.parametrize("mode", ["append", "replace", "merge", "history"])
    def test_rows_that_flow_once(self, home: Home, mode: str) -> None:
        load = Loads(home, mode=mode, flowing=True)
        load("one", [item(1), item(2)])
        loaded = load("two", [item(2, "x"), item(3)])
        assert loaded["rows"] == 2
        assert len(loaded["checksum"]) == 32

    # ------------------------------------------------------------------------------------------------------- history

    def test_history_over_several_loads(self, home: Home) -> None:
        load = Loads(home, mode="history")
        assert load("one", [item(1), item(2), item(3)])["changes"] == changes(inserted=3)
        assert load("two", [item(1), item(2, "b"), item(4)])["changes"] == changes(1, 1, 0, 1)
        third = load("three", [item(2, "c"), item(4)], absent="delete")
        assert third["changes"] == changes(updated=1, deleted=2, unchanged=1)
        assert load("four", [item(1), item(2, "c")])["changes"] == changes(inserted=1, unchanged=1)
        versions = load.rows(VERSIONS)
        by_key = {
            key: sorted((row for row in versions if row["id"] == key), key=lambda row: row["valid_from"])
            for key in (1, 2, 3, 4)
        }
        assert [row["name"] for row in by_key[2]] == ["n2", "b", "c"]
        assert [row["is_current"] for row in by_key[2]] == [False, False, True]
        assert [row["valid_to"] for row in by_key[2]] == [by_key[2][1]["valid_from"], by_key[2][2]["valid_from"], None]
        assert [(row["name"], row["is_current"]) for row in by_key[1]] == [("n1", False), ("n1", True)]
        assert by_key[1][0]["valid_to"] < by_key[1][1]["valid_from"]
        assert [(row["is_current"], row["valid_to"] is None) for row in by_key[3]] == [(False, False)]
        assert [(row["is_current"], row["valid_to"]) for row in by_key[4]] == [(True, None)]
        # The versions of one load begin and end at one time.
        assert by_key[3][0]["valid_to"] == by_key[1][0]["valid_to"] == by_key[2][2]["valid_from"]

    def test_a_late_rerun_of_a_history_changes_nothing(self, home: Home) -> None:
        load = Loads(home, mode="history")
        load("one", [item(1)])
        load("two", [item(1, "b")])
        before = load.rows(VERSIONS)
        assert load("one", [item(1)])["already"] is True
        assert load.rows(VERSIONS) == before

    @pytest.mark.parametrize("name", ["valid_from", "valid_to", "is_current"])
    def test_a_history_of_rows_with_a_column_of_its_own_is_refused(self, home: Home, name: str) -> None:
        with pytest.raises(SpecError) as caught:
            home.load("items", [*ITEMS, column(name, "text")], [], mode="history", key=["id"])
        assert name in str(caught.value)

    def test_a_history_into_a_table_that_is_none_is_a_conflict(self, home: Home) -> None:
        load = Loads(home)
        load("one", [item(1)], mode="append")
        with pytest.raises(ConflictError):
            load("two", [item(1, "b")], mode="history")
        assert load.rows() == [item(1)]

    def test_names_that_look_like_a_template_are_only_names(self, home: Home) -> None:
        fields = [column("{from}", "int64", nullable=False), column("{to}", "text"), column("{}", "text")]
        load = Loads(home, fields=fields, key=["{from}"])
        load("one", [{"{from}": 1, "{to}": "a", "{}": "b"}])
        second = load("two", [{"{from}": 1, "{to}": "c", "{}": "b"}, {"{from}": 2, "{to}": "a", "{}": None}])
        assert second["changes"] == changes(inserted=1, updated=1)

    # ------------------------------------------------------------------------------------- what constraints refuse

    REFUSED: ClassVar[list[tuple[Row, str]]] = [
        ({"id": 3, "name": None, "amount": "1.00"}, "name"),
        ({"id": 4, "name": "n1", "amount": "1.00"}, "one_name"),
        ({"id": 5, "name": "n5", "amount": "-1.00"}, "positive"),
    ]
    """Rows that break a constraint of ``CONSTRAINED`` beside ``item(1)``, and what the reason must name."""

    @pytest.mark.parametrize("mode", ["append", "replace", "merge"])
    def test_rows_that_break_a_constraint_are_refused_and_the_others_loaded(
        self, home: Home, execute: Callable[[str], None], mode: str
    ) -> None:
        execute(self.CONSTRAINED)
        load = Loads(home, mode=mode)
        good = [item(number) for number in (1, 2, 10, 11)]
        rows = [good[0], self.REFUSED[0][0], good[1], self.REFUSED[1][0], good[2], self.REFUSED[2][0], good[3]]
        loaded = load("one", rows)
        assert loaded["rows"] == 4
        assert places(loaded) == [1, 3, 5]
        for told, (_, named) in zip(loaded["refused"], self.REFUSED, strict=True):
            assert named in f"{told['column']} {told['reason']}"
            assert "\n" not in told["reason"]
        assert load.rows() == ordered(good)
        assert loaded["checksum"] == Loads(home, "others", mode="replace")("x", good)["checksum"]
        assert same_receipt(load("one", rows), loaded)
        assert load.rows() == ordered(good)

    @pytest.mark.parametrize("mode", ["append", "replace", "merge"])
    def test_a_broken_constraint_fails_a_load_that_may_refuse_nothing(
        self, home: Home, execute: Callable[[str], None], mode: str
    ) -> None:
        execute(self.CONSTRAINED)
        load = Loads(home, mode=mode, refused="fail")
        load("one", [item(1)])
        for number, (row, named) in enumerate(self.REFUSED):
            with pytest.raises(DataError) as caught:
                load(f"bad{number}", [item(1), item(2), row] if mode != "append" else [item(2), item(6), row])
            assert named in str(caught.value)
            assert "items" in str(caught.value)
            assert load.rows() == [item(1)]

    def test_primary_keys_against_the_table_and_within_the_load(
        self, home: Home, execute: Callable[[str], None]
    ) -> None:
        execute(self.CONSTRAINED)
        load = Loads(home, mode="append")
        load("one", [item(1), item(2)])
        loaded = load("two", [item(3), item(2, "other"), item(4), item(3, "again")])
        assert (loaded["rows"], places(loaded)) == (2, [1, 3])
        assert load.rows() == ordered([item(1), item(2), item(3), item(4)])

    def test_few_refused_among_many(self, home: Home, execute: Callable[[str], None]) -> None:
        execute(self.CONSTRAINED)
        count = BATCH_ROWS + 50
        bad = {0, 777, BATCH_ROWS - 1, BATCH_ROWS, count - 1}
        rows = [item(number, amount="-1.00" if number in bad else "1.00") for number in range(count)]
        load = Loads(home, mode="append")
        loaded = load("one", rows)
        assert (loaded["rows"], places(loaded)) == (count - len(bad), sorted(bad))
        assert load.rows() == ordered([row for number, row in enumerate(rows) if number not in bad])

    def test_all_rows_refused(self, home: Home, execute: Callable[[str], None]) -> None:
        execute(self.CONSTRAINED)
        load = Loads(home, mode="append")
        loaded = load("one", [item(number, amount="-1.00") for number in range(20)])
        assert (loaded["rows"], places(loaded)) == (0, list(range(20)))
        assert load.rows() == []

    def test_refused_rows_that_flow_are_a_clear_error(self, home: Home, execute: Callable[[str], None]) -> None:
        """They cannot be read again to find out which ones; a connector that can tell all the same may load the rest."""
        execute(self.CONSTRAINED)
        load = Loads(home, mode="append", flowing=True)
        try:
            loaded = load("one", [item(1), self.REFUSED[0][0]])
        except (ConflictError, DataError) as error:
            assert error.hint
            assert load.rows() == []
        else:
            assert (loaded["rows"], places(loaded)) == (1, [1])
            assert load.rows() == [item(1)]

    @pytest.mark.parametrize("mode", ["append", "replace", "merge"])
    def test_more_refused_rows_than_allowed_load_nothing(
        self, home: Home, execute: Callable[[str], None], mode: str
    ) -> None:
        execute(self.CONSTRAINED)
        load = Loads(home, mode=mode)
        load("one", [item(1)])
        # The old row's name is what one of the bad rows takes.
        old = [] if mode == "append" else [item(1)]
        rows = [*old, item(2), item(10), *(row for row, _ in self.REFUSED)]
        with pytest.raises(DataError, match="refuses 3 rows where 2 may be refused") as caught:
            load("two", rows, most_refused=2)
        assert "items" in str(caught.value)
        assert caught.value.hint
        assert load.rows() == [item(1)]
        assert load("two", rows, most_refused=3)["rows"] == len(rows) - 3

    def test_more_keys_twice_than_allowed_load_nothing(self, home: Home) -> None:
        load = Loads(home)
        load("one", [item(1)])
        rows = [item(2), item(2, "other"), item(3), item(3, "other")]
        with pytest.raises(DataError, match="where 1 may be refused"):
            load("two", rows, most_refused=1)
        assert load.rows() == [item(1)]
        assert places(load("two", rows, most_refused=2)) == [1, 3]

    @pytest.mark.parametrize("strategy", ["staged", "fused"])
    def test_refused_rows_count_against_what_may_go_to_quarantine(
        self, home: Home, execute: Callable[[str], None], tmp_path: Path, strategy: str
    ) -> None:
        execute(self.CONSTRAINED)
        amounts = ["oops"] * 2 + ["-1.00"] * 3 + ["1.00"] * 15
        lines = [f"{number},n{number},{amount}\n" for number, amount in enumerate(amounts)]
        (tmp_path / "items.csv").write_text("id,name,amount\n" + "".join(lines))
        [(kind, place)] = home.target.items()

        def moved(run: str, most: float) -> Any:
            spec = write_spec(
                tmp_path,
                "items",
                source={"csv": {"path": "items.csv"}},
                target={kind: {**place, "mode": "append"}},
                steps=[{"cast": {"id": "int64", "name": "text", "amount": "decimal(10,2)"}}],
                errors={"max_quarantined": most},
                datasets={"items": {"strategy": strategy}},
            )
            return move(spec, run, **outside(tmp_path, **home.connections))

        load = Loads(home)
        with pytest.raises(DataError) as caught:
            moved("r1", 0.24)
        assert "5 of 20 rows went to quarantine, a share of 0.2500 where 0.24 is allowed" in str(caught.value)
        assert caught.value.hint is not None
        assert "positive" in caught.value.hint
        assert load.rows() == []
        for _ in range(2):
            sums = moved("r2", 0.25)["reconciliation"]
            assert (sums["rows_in"], sums["loaded"], sums["quarantined"], sums["balanced"]) == (20, 15, 5, True)
            assert sums["checksum_source"] == sums["checksum_target"]
            assert load.rows() == ordered([item(number) for number in range(5, 20)])

    # ---------------------------------------------------------------------------------------- kills and concurrency

    @pytest.mark.parametrize("mode", ["append", "replace", "merge", "history"])
    def test_concurrent_loads_with_one_id_load_once(self, home: Home, mode: str) -> None:
        load = Loads(home, mode=mode)
        load("zero", [item(1), item(2)])
        rows = [item(number, "new") for number in range(2, 500)]
        barrier = threading.Barrier(4)

        def once() -> dict[str, Any]:
            barrier.wait()
            return load("same", rows)

        with ThreadPoolExecutor(4) as pool:
            answers = [future.result() for future in [pool.submit(once) for _ in range(4)]]
        assert sorted(answer["already"] for answer in answers) == [False, True, True, True]
        assert all(same_receipt(answer, answers[0]) for answer in answers)

    def test_concurrent_merges_all_come_through(self, home: Home) -> None:
        load = Loads(home)
        load("zero", [item(number, "old") for number in range(100)])
        barrier = threading.Barrier(4)

        def once(number: int) -> dict[str, Any]:
            barrier.wait()
            mine = [item(key, f"by{number}") for key in range(50 * number, 50 * number + 100)]
            return load(f"load{number}", mine)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(once, range(4)))
        assert all(answer["rows"] == 100 for answer in answers)
        rows = {row["id"]: row["name"] for row in load.rows()}
        assert sorted(rows) == list(range(250))
        for key, name in rows.items():
            assert name in {f"by{number}" for number in range(4) if 50 * number <= key < 50 * number + 100}

    @pytest.mark.parametrize("mode", ["append", "replace", "merge", "history"])
    def test_a_killed_load_is_as_if_it_had_never_begun_or_is_done(self, home: Home, mode: str) -> None:
        """Killed at random times; the next attempt finishes it exactly once."""
        load = Loads(home, mode=mode)
        load("zero", [item(number) for number in range(1_000)])
        rows = [item(number, "new") for number in range(500, 4_500)]
        asked = {"schema": ITEMS, "rows": rows, "mode": mode, "key": ["id"], "load_id": "killed"}
        request = json.dumps(home.request(target=home.target, dataset="items", **asked))
        for _ in range(3):
            before = load.rows()
            child = subprocess.Popen(
                [sys.executable, "-c", LOADER], stdin=subprocess.PIPE, env={**os.environ}, text=True
            )
            assert child.stdin is not None
            child.stdin.write(request)
            child.stdin.close()
            time.sleep(random.uniform(0.05, 0.8))
            child.kill()
            child.wait()
            assert len(load.rows()) in {len(before), len(self.expected_after(mode, rows))}
        call("load_rows", json.loads(request))
        assert load.rows() == ordered(self.expected_after(mode, rows))

    @staticmethod
    def expected_after(mode: str, rows: list[Row]) -> list[Row]:
        old = [item(number) for number in range(1_000)]
        if mode == "replace":
            return rows
        if mode == "merge":
            return [*old[:500], *rows]
        return [*old, *rows]
