"""The store: the same behaviour on SQLite and PostgreSQL, migrations, many openers, and what it refuses."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from stores import store_at  # noqa: F401 - a fixture
from windvane import _core, errors

SPAWN = multiprocessing.get_context("spawn")


def ask(verb: str, store: str, **request: Any) -> Any:
    return json.loads(getattr(_core, verb)(json.dumps({"store": store, **request})))


def put(store: str, what: str, **fields: Any) -> bool:
    return ask("store_put", store, put={what: fields})["changed"]


def get(store: str, what: str, name: str) -> Any:
    return ask("store_get", store, get={what: name})


# Text that breaks what is not careful: quotes, newlines, beyond the basic plane, a NUL, and numbers at the edge.
ODD = {"text": 'O\'Brien "x"\n\\ ü 🧭 \u0000 $1 ?', "big": 2**63 - 1, "float": 0.1, "none": None, "list": [1, [2]]}


def test_plans_are_kept_once(store_at: str) -> None:  # noqa: F811
    assert get(store_at, "plan", "p1") is None
    put(store_at, "plan", id="p1", pipeline="orders", environment="dev", document=ODD)
    put(store_at, "plan", id="p1", pipeline="orders", environment=None, document={"other": 1})
    plan = get(store_at, "plan", "p1")
    assert plan["document"] == ODD
    assert (plan["pipeline"], plan["environment"]) == ("orders", "dev")
    assert datetime.fromisoformat(plan["created_at"].replace("Z", "+00:00")).tzinfo is not None


def test_runs_start_and_finish(store_at: str) -> None:  # noqa: F811
    for number in range(3):
        put(store_at, "run_started", id=f"r{number}", pipeline="orders", plan="p1", document={"n": number})
    put(store_at, "run_started", id="x", pipeline="other", plan=None, document={})
    put(store_at, "run_finished", id="r1", status="failed", document=ODD)
    run = get(store_at, "run", "r1")
    assert (run["status"], run["document"], run["plan"]) == ("failed", ODD, "p1")
    assert run["finished_at"] >= run["started_at"]
    assert get(store_at, "run", "r2")["finished_at"] is None
    listed = ask("runs", store_at, pipeline="orders", limit=2)["runs"]
    assert [run["id"] for run in listed] == ["r2", "r1"]
    assert len(ask("runs", store_at)["runs"]) == 4
    # A cleared task begins the same run again.
    put(store_at, "run_started", id="r1", pipeline="orders", plan="p2", document={})
    again = get(store_at, "run", "r1")
    assert (again["status"], again["finished_at"], again["plan"]) == ("running", None, "p2")
    assert again["started_at"] == run["started_at"]
    with pytest.raises(errors.MissingError, match="nobody"):
        put(store_at, "run_finished", id="nobody", status="succeeded", document={})


def test_a_load_is_noted_once_and_another_attempt_takes_its_place(store_at: str) -> None:  # noqa: F811
    row = {"load_id": "l1", "run": "r1", "pipeline": "orders", "output": "o", "dataset": "public.o"}
    assert put(store_at, "load", **row, rows=2**40, checksum="c1") is True
    assert put(store_at, "load", **row, rows=2**40, checksum="c1") is False
    for rows, checksum in [(2**40 + 1, "c1"), (2**40, "c2")]:
        assert put(store_at, "load", **row, rows=rows, checksum=checksum) is False
    (noted,) = ask("ledger", store_at, pipeline="orders")["ledger"]
    assert noted == get(store_at, "load", "l1")
    assert (noted["rows"], noted["checksum"]) == (2**40, "c2")


def test_decisions_and_events_keep_their_order(store_at: str) -> None:  # noqa: F811
    decisions = [
        {"agent": "mapper", "question": f"q{number}", "accepted": number % 2 == 0, "document": ODD}
        for number in range(5)
    ]
    put(store_at, "decisions", pipeline="orders", run=None, decisions=decisions)
    put(store_at, "decisions", pipeline="orders", run="r1", decisions=decisions[:1])
    put(store_at, "decisions", pipeline="orders", run="r1", decisions=[])
    found = ask("decisions", store_at, pipeline="orders")["decisions"]
    assert [row["question"] for row in found] == ["q0", "q1", "q2", "q3", "q4", "q0"]
    assert [row["accepted"] for row in found] == [True, False, True, False, True, True]
    assert (found[0]["run"], found[-1]["run"], found[0]["document"]) == (None, "r1", ODD)
    newest = ask("decisions", store_at, pipeline="orders", limit=2)["decisions"]
    assert [row["question"] for row in newest] == ["q4", "q0"]

    for number in range(3):
        put(store_at, "event", run="r1", kind="step", document={"n": number})
    put(store_at, "event", run="r2", kind="step", document={})
    assert [event["document"]["n"] for event in ask("events", store_at, run="r1")["events"]] == [0, 1, 2]


def test_the_catalog_is_replaced_and_searched_by_words(store_at: str) -> None:  # noqa: F811
    def dataset(name: str, *columns: str) -> dict[str, Any]:
        document = {"name": name, "fields": [{"name": column, "type": "int64"} for column in columns]}
        return {"dataset": name, "fingerprint": "f", "document": document}

    def search(words: str) -> list[str]:
        return [row["dataset"] for row in ask("catalog_search", store_at, words=words)["datasets"]]

    shop = [dataset("orders", "customer_id"), dataset("customers", "Straße", "100%"), dataset("gone", "x")]
    put(store_at, "catalog", pipeline="shop", datasets=shop)
    put(store_at, "catalog", pipeline="shop", datasets=shop[:2])
    put(store_at, "catalog", pipeline="crm", datasets=[dataset("people", "customer")])
    assert search("gone") == []
    assert search("CUSTOMER") == ["customers", "people", "orders"], "the name counts first, then pipeline and name"
    assert search("customer_id orders") == ["orders"]
    assert search("customer-id") == search("customer!id") == []
    assert search("STRASSE") == []
    assert search("straße") == search("100%") == ["customers"]
    assert search("%") == ["customers"]
    assert search("fields") == [], "keys of documents are not words"
    assert len(search("")) == 3
    assert search("'; DROP TABLE catalog; --") == []


# --- opening ---------------------------------------------------------------------------------------------------------


def first_open(store: str, number: int, barrier: Any, answers: Any) -> None:
    barrier.wait(timeout=60)
    try:
        put(store, "event", run="r", kind="opened", document={"number": number})
        answers.put("ok")
    except Exception as error:  # the parent must see it
        answers.put(repr(error))


def test_eight_processes_open_a_new_store_at_once(store_at: str) -> None:  # noqa: F811
    barrier, answers = SPAWN.Barrier(8), SPAWN.Queue()
    openers = [SPAWN.Process(target=first_open, args=(store_at, number, barrier, answers)) for number in range(8)]
    for opener in openers:
        opener.start()
    assert [answers.get(timeout=120) for _ in openers] == ["ok"] * 8
    for opener in openers:
        opener.join(timeout=60)
    numbers = {event["document"]["number"] for event in ask("events", store_at, run="r")["events"]}
    assert numbers == set(range(8))


def test_opening_again_changes_nothing(store_at: str) -> None:  # noqa: F811
    first = ask("store_info", store_at)
    put(store_at, "event", run="r", kind="k", document={})
    _core.store_rest()
    assert ask("store_info", store_at) == first
    assert len(ask("events", store_at, run="r")["events"]) == 1
    assert first["version"] >= 1


# A file has no connection to lose.
@pytest.mark.parametrize("store_at", ["postgres"], indirect=True)
def test_a_lost_connection_is_opened_again(store_at: str) -> None:  # noqa: F811
    import psycopg2

    put(store_at, "event", run="r", kind="k", document={})
    connection = psycopg2.connect(store_at)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'windvane'")
    assert cursor.rowcount >= 1
    connection.close()
    assert len(ask("events", store_at, run="r")["events"]) == 1


def test_what_a_column_cannot_hold_is_the_callers_mistake(store_at: str) -> None:  # noqa: F811
    try:
        put(store_at, "event", run="a\0b", kind="k", document={})
    except errors.SpecError as error:
        assert "NUL" in str(error)
    else:
        assert len(ask("events", store_at, run="a\0b")["events"]) == 1


def test_a_store_of_a_newer_windvane_is_refused(store_at: str) -> None:  # noqa: F811
    known = ask("store_info", store_at)["version"]
    _core.store_rest()
    if store_at.startswith("sqlite"):
        connection: Any = sqlite3.connect(store_at.removeprefix("sqlite://"))
        table = "windvane_migrations"
    else:
        import psycopg2

        connection = psycopg2.connect(store_at)
        table = "windvane.windvane_migrations"
    connection.cursor().execute(f"INSERT INTO {table} (version, at) VALUES (999, 'later')")
    connection.commit()
    connection.close()
    with pytest.raises(errors.UnsupportedError, match=f"newer windvane.*999.*{known}") as caught:
        ask("runs", store_at)
    assert "Upgrade" in caught.value.hint


def test_notes_of_loads_from_an_older_store_are_kept(store_at: str) -> None:  # noqa: F811
    """They do not say where they went; a later note of the same load into a known place stands beside."""
    folder = Path(__file__).parents[2] / "crates" / "store" / "src" / "migrations"
    first = [path.read_text() for path in sorted(folder.iterdir())[:3]]
    first.append("CREATE TABLE windvane_migrations (version BIGINT PRIMARY KEY, at TEXT NOT NULL)")
    first += [f"INSERT INTO windvane_migrations VALUES ({version}, 'then')" for version in (1, 2, 3)]
    first.append(
        "INSERT INTO ledger VALUES ('l1', 'd1', 'orders', 'items', 'items', 10, 'c0ffee', '2024-03-01T00:00:00Z')"
    )
    if store_at.startswith("sqlite"):
        with sqlite3.connect(store_at.removeprefix("sqlite://")) as file:
            file.executescript(";".join(first).replace("{identity}", "INTEGER PRIMARY KEY AUTOINCREMENT"))
        file.close()
    else:
        import psycopg2

        with psycopg2.connect(store_at) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA windvane; SET search_path TO windvane")
            cursor.execute(";".join(first).replace("{identity}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"))
        connection.close()
    (row,) = ask("ledger", store_at, pipeline="orders")["ledger"]
    assert (row["load_id"], row["rows"], row["loaded_at"]) == ("l1", 10, "2024-03-01T00:00:00Z")
    assert "target" not in row
    load = {"load_id": "l1", "run": "d1", "pipeline": "orders", "output": "items", "dataset": "items", "checksum": "c"}
    assert not put(store_at, "load", **load, rows=11, target="here")
    assert not put(store_at, "load", **load, rows=12, target="here")
    assert [row["rows"] for row in ask("ledger", store_at, pipeline="orders")["ledger"]] == [12, 10]


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "store.db"
    before = os.umask(0)
    try:
        put(str(path), "event", run="r", kind="k", document={})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert "store.db" in modes
    assert set(modes.values()) == {0o600}


def test_a_deleted_store_is_made_afresh(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    put(str(path), "event", run="r", kind="k", document={})
    for file in tmp_path.iterdir():
        file.unlink()
    assert ask("events", str(path), run="r")["events"] == []
    assert path.exists()


@pytest.mark.parametrize(
    ("store", "error", "words"),
    [
        ("", errors.SpecError, "not a file"),
        (":memory:", errors.SpecError, "not a file"),
        ("mysql://db/x", errors.UnsupportedError, "mysql"),
        ("postgresql://", errors.SpecError, "no host"),
        ("postgresql://user:s3cret@127.0.0.1:1/x", errors.UnavailableError, "postgresql://127.0.0.1:1/x"),
        ("/dev/null/store.db", errors.UnavailableError, "cannot be created"),
    ],
)
def test_what_cannot_be_a_store_is_explained(store: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        ask("runs", store)
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value.__dict__)


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes, and rather long ones. " * 100)
    before = path.read_bytes()
    with pytest.raises(errors.ConflictError, match="not a SQLite database"):
        ask("runs", str(path))
    assert path.read_bytes() == before
