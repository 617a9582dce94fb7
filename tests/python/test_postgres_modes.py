"""PostgreSQL as a target: the suite of the write modes, and what only it has."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from conformance import column
from conformance_modes import ITEMS, VERSIONS, ConformanceModes, Loads, changes, item, places, same_receipt
from pipelines import move, outside, write_spec
from sql_homes import postgres_home
from windvane.errors import ConflictError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance import Home
    from services.postgres import Server


@pytest.fixture
def database(postgres: Server) -> str:
    return postgres.database()


@pytest.fixture
def home(postgres: Server, database: str) -> Home:
    return postgres_home(postgres, database)


@pytest.fixture
def execute(postgres: Server, database: str) -> Callable[[str], None]:
    def run(sql: str) -> None:
        postgres.execute(sql, database=database)

    return run


@pytest.fixture
def query(postgres: Server, database: str) -> Callable[[str], list[tuple[Any, ...]]]:
    def run(sql: str) -> list[tuple[Any, ...]]:
        return postgres.query(sql, database=database)

    return run


class TestPostgresModes(ConformanceModes):
    @pytest.fixture
    def home(self, home: Home) -> Home:
        return home

    @pytest.fixture
    def execute(self, execute: Callable[[str], None]) -> Callable[[str], None]:
        return execute


class TestRefusedRows:
    """Every way in which a table can refuse a row."""

    @pytest.mark.parametrize(
        ("declared", "ours", "bad", "named"),
        [
            ("text CONSTRAINT filled NOT NULL", "text", None, "value"),
            ("text CONSTRAINT alone UNIQUE", "text", "x", "alone"),
            ("text CONSTRAINT alone UNIQUE DEFERRABLE INITIALLY DEFERRED", "text", "x", "alone"),
            ("int CONSTRAINT low CHECK (value < 10)", "int32", 10, "low"),
            ("int CONSTRAINT known REFERENCES known (id)", "int32", 9, "known"),
            ("int CONSTRAINT known REFERENCES known (id) DEFERRABLE INITIALLY DEFERRED", "int32", 9, "known"),
            ("int4range, CONSTRAINT apart EXCLUDE USING gist (value WITH &&)", "text", "[3,5)", "apart"),
            ("varchar(3)", "text", "long", "too long"),
            ("char(3)", "text", "long", "too long"),
            ("mood", "text", "angry", "mood"),
            ("positive", "int32", -1, "positive"),
            ("positive", "text", "-1", "positive"),
            ("inet", "text", "10.0.0.300", "inet"),
            ("interval", "text", "a while", "interval"),
            ("int[]", "text", "{1,b}", "integer"),
            ("bit(3)", "text", "1010", "bit"),
            ("text", "text", "zero \x00", "character 0"),
        ],
    )
    @pytest.mark.parametrize("mode", ["append", "replace", "merge"])
    def test_a_row_is_refused_and_the_others_are_loaded(
        self, home: Home, execute: Any, query: Any, mode: str, declared: str, ours: str, bad: object, named: str
    ) -> None:
        execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
        execute("CREATE DOMAIN positive AS int CHECK (value > 0)")
        execute("CREATE TABLE known (id int PRIMARY KEY)")
        execute("INSERT INTO known VALUES (1), (2)")
        execute(f"CREATE TABLE items (id bigint PRIMARY KEY, value {declared})")
        good = {"text": ["x", "y"], "int32": [1, 2]}[ours]
        for word, values in {
            "mood": ["sad", "happy"],
            "range": ["[1,2)", "[2,4)"],
            "positive": [1, 2],
            "char(3)": ["abc", "xyz"],
            "inet": ["10.0.0.1", "::1"],
            "interval": ["1 day", "02:00:00"],
            "int[]": ["{1,2}", "{}"],
            "bit(3)": ["101", "000"],
        }.items():
            if declared.startswith(word) or word in declared[:10]:
                good = [str(value) for value in values] if ours == "text" else values
        fields = [column("id", "int64"), column("value", ours)]
        rows = [
            {"id": 1, "value": good[0]},
            {"id": 2, "value": good[1]},
            {"id": 3, "value": bad},
            {"id": 4, "value": bad},
        ]
        if "known" in declared or "low" in declared or mode == "merge":
            rows = [*rows, {"id": 5, "value": None}]
        if "NOT NULL" in declared:
            rows = rows[:4]
        load = Loads(home, mode=mode, fields=fields)
        loaded = load("one", rows)
        assert places(loaded) == [2, 3]
        assert loaded["rows"] == len(rows) - 2
        for told in loaded["refused"]:
            assert named in f"{told['column']} {told['reason']}"
        kept = [row["id"] for row in rows if row["id"] not in {3, 4}]
        assert query("SELECT array_agg(id ORDER BY id) FROM items") == [(kept,)]
        assert same_receipt(load("one", rows), loaded)
        with pytest.raises(DataError) as caught:
            load("two", rows[2:3], refused="fail", mode="append")
        assert named in str(caught.value) or bad == "zero \x00"
        assert query("SELECT count(*) FROM items") == [(len(kept),)]

    def test_an_error_names_table_constraint_and_row(self, home: Home, execute: Any) -> None:
        execute("CREATE TABLE known (id int PRIMARY KEY)")
        execute("CREATE TABLE items (id bigint, parent int CONSTRAINT has_parent REFERENCES known (id))")
        fields = [column("id", "int64"), column("parent", "int32")]
        rows = [{"id": 1, "parent": None}, {"id": 2, "parent": 7}, {"id": 3, "parent": 8}]
        with pytest.raises(DataError) as caught:
            Loads(home, mode="append", fields=fields)("one", rows, refused="fail")
        assert {"items", "has_parent", "row 2"} <= {
            word for word in ["items", "has_parent", "row 2"] if word in str(caught.value)
        }

    def test_rows_that_refer_to_later_rows_are_not_refused(self, home: Home, execute: Any, query: Any) -> None:
        execute("CREATE TABLE items (id bigint PRIMARY KEY, parent bigint REFERENCES items, n int CHECK (n > 0))")
        fields = [column("id", "int64"), column("parent", "int64"), column("n", "int32")]
        load = Loads(home, mode="append", fields=fields)
        chain = [{"id": number, "parent": number + 1, "n": 1} for number in range(1, 9)]
        bad = {"id": 50, "parent": 1, "n": -1}
        orphans = [{"id": 60, "parent": 50, "n": 1}, {"id": 61, "parent": 60, "n": 1}]
        loaded = load("one", [*chain, bad, *orphans, {"id": 9, "parent": None, "n": 1}])
        assert places(loaded) == [8, 9, 10]
        assert query("SELECT count(*) FROM items") == [(9,)]

    def test_a_trigger_may_refuse_rows(self, home: Home, execute: Any) -> None:
        execute("CREATE TABLE items (id bigint, name text, amount numeric(10,2))")
        execute(
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF new.name = 'bad' THEN RAISE EXCEPTION 'not here'; END IF; RETURN new; END $$"
        )
        execute("CREATE TRIGGER look BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION look()")
        loaded = Loads(home, mode="append")("one", [item(1), item(2, "bad"), item(3)])
        assert (loaded["rows"], places(loaded), loaded["refused"][0]["reason"]) == (2, [1], "not here")

    def test_many_refused_among_many(self, home: Home, execute: Any, query: Any) -> None:
        execute("CREATE TABLE items (id bigint PRIMARY KEY, name text, amount numeric(10,2) CHECK (amount > 0))")
        rows = [item(number // 2, amount="0.00" if number % 7 == 0 else "1.00") for number in range(20_000)]
        taken: set[int] = set()
        bad = []
        for place, row in enumerate(rows):
            if row["amount"] == "0.00" or row["id"] in taken:
                bad.append(place)
            else:
                taken.add(row["id"])
        loaded = Loads(home, mode="append")("one", rows)
        assert places(loaded) == bad
        assert query("SELECT count(*) FROM items") == [(len(taken),)]

    def test_names_that_look_like_sql_are_only_names(self, home: Home, query: Any, execute: Any) -> None:
        hostile = '$windvane$; DROP TABLE "x"; --'
        execute(
            f'CREATE TABLE items (id bigint PRIMARY KEY, "{hostile.replace(chr(34), chr(34) * 2)}" int CHECK (id > 0))'
        )
        fields = [column("id", "int64"), column(hostile, "int32")]
        load = Loads(home, fields=fields)
        assert places(load("one", [{"id": 1, hostile: 1}, {"id": -1, hostile: 1}])) == [1]
        assert load("two", [{"id": 1, hostile: 2}])["changes"] == changes(updated=1)

    def test_the_whole_way_into_quarantine(
        self, postgres: Server, database: str, execute: Any, query: Any, tmp_path: Path
    ) -> None:
        execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(5), amount numeric(10,2) CHECK (amount >= 0))"
        )
        (tmp_path / "orders.csv").write_text(
            "id,note,amount\n1,a,1.00\n2,toolong,2.00\n3,c,-3.00\n1,d,4.00\n5,e,5.00\n"
        )
        spec = write_spec(
            tmp_path,
            "orders",
            source={"csv": {"path": "orders.csv"}},
            target={"postgres": {"connection": "db", "mode": "append"}},
            steps=[{"cast": {"id": "int64", "note": "text", "amount": "decimal(10,2)"}}],
        )
        world = outside(tmp_path, db=postgres.url(database))
        record = move(spec, **world)
        sums = record["reconciliation"]
        assert (sums["rows_in"], sums["loaded"], sums["quarantined"], sums["balanced"]) == (5, 2, 3, True)
        assert sums["checksum_source"] == sums["checksum_target"]
        assert query("SELECT id FROM orders ORDER BY id") == [(1,), (5,)]
        told = [
            json.loads(line)
            for path in record["outputs"][0]["quarantine"]
            for line in Path(path).read_text().splitlines()
        ]
        assert [(line["stage"], line["row"]) for line in told] == [("load", 2), ("load", 3), ("load", 4)]
        assert "too long" in told[0]["reason"]
        assert "orders_amount_check" in told[1]["reason"]
        assert "orders_pkey" in told[2]["reason"]


class TestTables:
    """What hangs on a table stays, and odd tables work or say why not."""

    def test_enums_domains_and_types_without_a_word_here_take_their_text(self, home: Home, execute: Any) -> None:
        execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
        execute("CREATE TYPE place AS (x int, name text)")
        execute("CREATE DOMAIN code AS varchar(4)")
        execute("CREATE DOMAIN amount AS numeric(10,2) CHECK (value >= 0)")
        values = {
            "m": ("mood", "happy"),
            "p": ("place", "(1,two)"),
            "c": ("code", "abcd"),
            "i": ("interval", "P1DT2H"),
            "n": ("inet", "10.0.0.1/8"),
            "a": ("int[]", "{1,NULL,3}"),
            "t": ("text[]", '{a,"b c"}'),
            "r": ("int4range", "[1,5)"),
            "x": ("xml", "<a/>"),
            "z": ("timetz", "12:00:00+02"),
            "b": ("bit(3)", "101"),
        }
        listed = ", ".join(f"{name} {declared}" for name, (declared, _) in values.items())
        execute(f"CREATE TABLE items (id bigint PRIMARY KEY, money amount, {listed})")
        fields = [column("id", "int64"), column("money", "decimal(10,2)"), *(column(name, "text") for name in values)]
        full = {"id": 1, "money": "1.50", **{name: text for name, (_, text) in values.items()}}
        empty = {"id": 2, "money": None, **dict.fromkeys(values)}
        for mode in ["append", "replace", "merge"]:
            load = Loads(home, mode=mode, fields=fields)
            assert load(mode, [full, empty])["rows"] == 2
            assert load.rows(fields) == [full, empty]
        again = Loads(home, fields=fields)("again", [full, {**empty, "m": "sad"}])
        assert again["changes"] == changes(updated=1, unchanged=1)

    @pytest.mark.parametrize("identity", ["ALWAYS", "BY DEFAULT"])
    @pytest.mark.parametrize("mode", ["append", "replace", "merge"])
    def test_identity_generated_and_default_columns(
        self, home: Home, execute: Any, query: Any, identity: str, mode: str
    ) -> None:
        execute(
            f"CREATE TABLE items (id bigint GENERATED {identity} AS IDENTITY PRIMARY KEY, name text,"
            " amount numeric(10,2), twice numeric GENERATED ALWAYS AS (amount * 2) STORED, made int DEFAULT 7)"
        )
        load = Loads(home, mode=mode)
        load("one", [item(10), item(11)])
        assert query("SELECT id, twice, made FROM items ORDER BY id") == [(10, 2, 7), (11, 2, 7)]
        load("two", [{"name": "x"}], mode="append", fields=[column("name", "text")])
        assert query("SELECT count(*), count(DISTINCT id) FROM items") == [(3, 3)]

    @pytest.mark.parametrize("mode", ["append", "replace", "merge", "history"])
    def test_partitioned_tables(self, home: Home, execute: Any, query: Any, mode: str) -> None:
        more = ", valid_from timestamptz, valid_to timestamptz, is_current boolean" if mode == "history" else ""
        execute(f"CREATE TABLE items (id bigint, name text, amount numeric(10,2){more}) PARTITION BY RANGE (id)")
        execute("CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (10)")
        execute("CREATE TABLE high PARTITION OF items FOR VALUES FROM (10) TO (20)")
        load = Loads(home, mode=mode)
        load("one", [item(1), item(11)])
        loaded = load("two", [item(2), item(11, "new"), item(99)])
        assert (loaded["rows"], places(loaded)) == (2, [2])
        told = {"merge": changes(1, 1, 0, 0), "history": changes(1, 1, 0, 0)}
        assert loaded.get("changes") == told.get(mode)
        assert query("SELECT count(*) FROM high WHERE name = 'new'") == [(1,)]

    def test_replace_of_a_table_that_others_refer_to_goes_by_that_key(
        self, home: Home, execute: Any, query: Any
    ) -> None:
        execute("CREATE TABLE items (id bigint PRIMARY KEY, name text, amount numeric(10,2))")
        execute("CREATE TABLE parts (item bigint REFERENCES items ON DELETE CASCADE)")
        load = Loads(home, mode="replace", key=[])
        load("one", [item(1), item(2), item(3)])
        execute("INSERT INTO parts VALUES (1), (3)")
        assert "changes" not in load("two", [item(1, "new"), item(4)])
        assert query("SELECT id, name FROM items ORDER BY id") == [(1, "new"), (4, "n4")]
        assert query("SELECT item FROM parts") == [(1,)]
        with pytest.raises(ConflictError):
            load("three", [{"name": "x"}], fields=[column("name", "text")])

    def test_a_replace_keeps_sequences_views_triggers_and_grants(self, home: Home, execute: Any, query: Any) -> None:
        execute("CREATE TABLE items (id bigint, name text, amount numeric(10,2), nr serial)")
        execute("CREATE VIEW seen AS SELECT id, nr FROM items")
        execute("CREATE INDEX by_name ON items (name)")
        execute("CREATE TABLE log (n bigint)")
        execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (1); RETURN NULL; END $$"
        )
        execute("CREATE TRIGGER note AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION note()")
        execute("GRANT SELECT ON items TO PUBLIC")
        load = Loads(home, mode="replace")
        load("one", [item(1), item(2)])
        load("two", [item(3)])
        assert query("SELECT id, nr FROM seen") == [(3, 3)]
        assert query("SELECT count(*) FROM log") == [(3,)]
        assert query("SELECT count(*) FROM pg_indexes WHERE tablename = 'items'") == [(1,)]

    def test_appended_rows_in_old_pages_are_found(self, home: Home, execute: Any) -> None:
        """The free space map sends them there: the short look at the new pages is not enough."""
        load = Loads(home, mode="append")
        load("one", [item(number) for number in range(5_000)])
        execute("DELETE FROM items WHERE id < 4900")
        execute("VACUUM items")
        assert load("two", [item(number) for number in range(10_000, 10_500)])["rows"] == 500
        assert load("three", [item(number) for number in range(20_000, 26_000)])["rows"] == 6_000
        assert len(load.rows()) == 6_600

    def test_a_merge_into_keys_that_stand_twice_is_an_error(self, home: Home, execute: Any, query: Any) -> None:
        execute("CREATE TABLE items (id bigint, name text, amount numeric(10,2))")
        execute("INSERT INTO items VALUES (1, 'a', 1), (1, 'b', 1)")
        for verify in ["content", "rows"]:
            with pytest.raises(DataError):
                Loads(home, verify=verify)(verify, [item(1), item(2)])
        assert query("SELECT count(*) FROM items") == [(2,)]

    def test_a_partial_or_expression_index_is_no_key(self, home: Home, execute: Any) -> None:
        execute("CREATE TABLE items (id bigint, name text, amount numeric(10,2))")
        execute("CREATE UNIQUE INDEX ON items (id) WHERE amount > 5")
        execute("CREATE UNIQUE INDEX ON items ((id + 1))")
        load = Loads(home)
        load("one", [item(1), item(2)])
        assert load("two", [item(1, "x"), item(3)])["changes"] == changes(1, 1)

    def test_a_history_has_one_current_version_a_key(self, home: Home, execute: Any, query: Any) -> None:
        Loads(home, mode="history")("one", [item(1)])
        with pytest.raises(psycopg2.errors.UniqueViolation):
            execute("INSERT INTO items VALUES (1, 'x', 1, now(), NULL, true)")
        assert query("SELECT count(*) FROM items WHERE is_current") == [(1,)]

    def test_histories_that_waited_for_each_other_follow_each_other(self, home: Home) -> None:
        load = Loads(home, mode="history")
        load("zero", [item(1, "v")])
        threads = [threading.Thread(target=load, args=(f"l{n}", [item(1, f"v{n}")])) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        versions = sorted(load.rows(VERSIONS), key=lambda row: row["valid_from"])
        assert len(versions) == 6
        for one, next_one in itertools.pairwise(versions):
            assert one["valid_from"] < one["valid_to"] == next_one["valid_from"]

    def test_readers_and_writers_of_other_rows_are_not_kept_waiting_by_a_merge(
        self, postgres: Server, database: str, home: Home
    ) -> None:
        load = Loads(home)
        load("one", [item(number) for number in range(10)])
        with contextlib.closing(psycopg2.connect(postgres.url(database))) as other, other.cursor() as cursor:
            cursor.execute("UPDATE items SET name = 'mine' WHERE id = 9")
            assert load("two", [item(1, "x")])["changes"] == changes(updated=1)
            other.commit()

    def test_a_ledger_of_an_earlier_version_goes_on(self, home: Home, execute: Any, query: Any) -> None:
        load = Loads(home, mode="append")
        one = load("one", [item(1)])
        execute("ALTER TABLE windvane_loads DROP COLUMN receipt")
        assert same_receipt(load("one", [item(1)]), one)
        assert load("two", [item(2)])["already"] is False
        assert query("SELECT count(receipt) FROM windvane_loads") == [(1,)]

    @pytest.mark.parametrize("mode", ["merge", "history"])
    def test_json_and_special_floats_are_compared_by_value(self, home: Home, mode: str) -> None:
        fields = [column("id", "int64"), column("doc", "json"), column("x", "float64")]
        load = Loads(home, mode=mode, fields=fields)
        rows = [{"id": 1, "doc": {"a": 1, "b": [None]}, "x": "NaN"}, {"id": 2, "doc": None, "x": "Infinity"}]
        load("one", rows)
        assert load("two", rows)["changes"] == changes(unchanged=2)
        assert load("three", [{**rows[0], "doc": {"a": 2}}])["changes"] == changes(updated=1)

    def test_a_json_column_can_be_merged(self, home: Home, execute: Any) -> None:
        execute("CREATE TABLE items (id bigint PRIMARY KEY, doc json, short char(5))")
        fields = [column("id", "int64"), column("doc", "json"), column("short", "text")]
        load = Loads(home, fields=fields)
        rows = [{"id": 1, "doc": {"a": 1}, "short": "ab   "}]
        load("one", rows)
        assert load("two", rows)["changes"] == changes(unchanged=1)
        assert load("three", [{**rows[0], "doc": [1]}])["changes"] == changes(updated=1)


def test_versions_are_documented() -> None:
    assert [field["name"] for field in VERSIONS[len(ITEMS) :]] == ["valid_from", "valid_to", "is_current"]
