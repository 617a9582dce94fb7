"""What a load would take away, judged on every kind of target: fewer rows, emptied columns, rows of somebody else."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import windvane
import windvane.errors
from pipelines import outside, write_spec
from windvane.errors import ConflictError, DataError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "id,price,note"


def rows(count: int, note: str = "n") -> list[str]:
    return [f"{row},{row * 10},{note}" for row in range(count)]


class Place:
    """A CSV file, and one kind of target for it."""

    def __init__(self, folder: Path, kind: str, url: str | None) -> None:
        self.folder, self.kind, self.url = folder, kind, url
        self.runs = 0
        places = {"sqlite": {"path": "out.db"}, "parquet": {"path": "lake"}, "csv": {"path": "lake"}}
        self.target: dict[str, Any] = places.get(kind, {"connection": "db"})

    def give(self, lines: list[str], head: str = HEAD) -> None:
        (self.folder / "orders.csv").write_text("\n".join([head, *lines]) + "\n")

    def run(
        self,
        *allow: str,
        target: dict[str, Any] | None = None,
        orders: dict[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        self.runs += 1
        document = {
            "pipeline": "shop",
            "source": {"csv": {"path": "orders.csv"}},
            "target": {self.kind: {**self.target, **(target or {})}},
            # As it is planned anew for each run, the types are said: an empty column would be another.
            "steps": [{"cast": {"id": "int64", "price": "int64", "note": "text"}}],
            "datasets": {"orders": orders or {}},
            **more,
        }
        spec = self.folder / "shop.windvane.json"
        spec.write_text(json.dumps(document))
        where = {
            "store": f"sqlite:///{self.folder}/store.db",
            "staging": self.folder / "staging",
            "connections": {"db": self.url} if self.url else {},
        }
        return windvane.run(spec, run=f"r{self.runs}", rules_only=True, allow=allow, **where)

    def ask(self, sql: str) -> Any:
        if self.kind == "sqlite":
            with sqlite3.connect(self.folder / "out.db") as base:
                done = base.execute(sql)
                return done.fetchone()[0] if done.description else None
        if self.kind == "postgres":
            import psycopg2

            with psycopg2.connect(self.url) as session, session.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchone()[0] if cursor.description else None
        raise NotImplementedError(self.kind)

    def held(self) -> int:
        if self.kind in ("parquet", "csv"):
            manifest = json.loads((self.folder / "lake" / "orders" / "_manifest.json").read_text())
            return sum(part["rows"] for part in manifest["parts"])
        return int(self.ask("select count(*) from orders"))


KINDS = ("sqlite", "parquet", "csv", "postgres")


@pytest.fixture(params=KINDS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    url = request.getfixturevalue("postgres_database") if request.param == "postgres" else None
    return Place(tmp_path, request.param, url)


@pytest.mark.parametrize("way", ["staged", "fused"])
def test_fewer_rows_than_before(place: Place, way: str) -> None:
    orders = {"strategy": way}
    place.give(rows(1000))
    assert place.run(orders=orders)["reconciliation"]["loaded"] == 1000
    place.give(rows(499))
    with pytest.raises(DataError, match="499 rows are left to load where there were 1000 before") as caught:
        place.run(orders=orders)
    assert "--allow rows" in str(caught.value)
    assert place.held() == 1000
    place.give([])
    with pytest.raises(DataError, match="no row is left to load where there were 1000 before"):
        place.run(orders=orders)
    assert place.held() == 1000
    place.give(rows(500))
    place.run(orders=orders)
    assert place.held() == 500
    place.give(rows(3))
    run = place.run("rows", orders=orders)
    assert [one["guard"] for one in run["passed"]] == ["rows"]
    assert place.held() == 3
    # What a person let pass is what later runs are compared with.
    place.run(orders=orders)
    place.give(rows(1))
    place.run(orders=orders, guard={"rows": 0})
    assert place.held() == 1


@pytest.mark.parametrize("way", ["staged", "fused"])
def test_a_column_that_had_values(place: Place, way: str) -> None:
    orders = {"strategy": way}
    place.give(rows(50))
    place.run(orders=orders)
    place.give(rows(50, note=""))
    with pytest.raises(DataError, match="the column 'note' had values at the target and now has none") as caught:
        place.run(orders=orders)
    assert "--allow emptied_columns" in str(caught.value)
    place.run("emptied_columns", orders=orders)
    assert place.held() == 50
    # It is empty now, so that it may stay so.
    place.run(orders=orders)


# Files keep no history.
@pytest.mark.parametrize(
    ("place", "mode"),
    [*((kind, "merge") for kind in KINDS), *((kind, "history") for kind in ("sqlite", "postgres"))],
    indirect=["place"],
)
def test_what_deletes_by_key_is_judged_too(place: Place, mode: str) -> None:
    orders = {"key": "id", "absent": "delete"}
    place.give(rows(100))
    place.run(target={"mode": mode}, orders=orders)
    place.give(rows(10))
    with pytest.raises(DataError, match="10 rows are left to load where there were 100 before"):
        place.run(target={"mode": mode}, orders=orders)
    place.give(rows(100, note=""))
    with pytest.raises(DataError, match="the column 'note'"):
        place.run(target={"mode": mode}, orders=orders)
    assert place.held() == 100


def test_what_only_adds_may_be_small(place: Place) -> None:
    place.give(rows(100))
    for mode, orders in (("append", {}), ("merge", {"key": "id"})):
        to = {"to": f"orders_{mode}", **orders}
        place.give(rows(100))
        place.run(target={"mode": mode}, orders=to)
        place.give(rows(2, note="late"))
        place.run(target={"mode": mode}, orders=to)
        place.give([])
        with pytest.raises(DataError, match="no row is left to load"):
            place.run(target={"mode": mode}, orders=to)


def test_a_window_may_be_empty(place: Place) -> None:
    orders = {"key": "id", "incremental": {"column": "id"}, "to": "windows"}
    place.give(rows(100))
    place.run(target={"mode": "merge"}, orders=orders)
    assert place.run(target={"mode": "merge"}, orders=orders)["reconciliation"]["loaded"] <= 1
    place.give([*rows(100), "100,5,"])
    place.run(target={"mode": "merge"}, orders=orders)


def test_rows_of_somebody_else(place: Place) -> None:
    place.give(rows(5))
    if place.kind in ("parquet", "csv"):
        folder = place.folder / "lake" / "orders"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"id": [1, 2]}), folder / "theirs.parquet")
        with pytest.raises(ConflictError, match="which windvane did not write"):
            place.run()
        return
    place.ask("create table orders (id bigint, price bigint, note text)")
    place.run(orders={"to": "other"})
    place.run()
    assert place.held() == 5
    place.ask("create table theirs (id bigint, price bigint, note text)")
    place.ask("insert into theirs values (1, 2, 'x')")
    with pytest.raises(ConflictError, match="the target holds 1 rows that windvane has not loaded") as caught:
        place.run(orders={"to": "theirs"})
    assert "adopt: true" in str(caught.value)
    with pytest.raises(ConflictError, match="has not loaded"):
        place.run(orders={"to": "theirs", "key": "id", "absent": "delete"}, target={"mode": "merge"})
    assert place.ask("select count(*) from theirs") == 1
    place.run(orders={"to": "theirs", "adopt": True})
    assert place.ask("select count(*) from theirs") == 5
    # From then on it is windvane's.
    place.run(orders={"to": "theirs"})
    place.ask("create table more (id bigint, price bigint, note text)")
    place.ask("insert into more values (1, 2, 'x')")
    place.run(orders={"to": "more"}, target={"adopt": True})


def test_what_the_target_makes_is_judged_too(tmp_path: Path, postgres_database: str) -> None:
    place = Place(tmp_path, "postgres", postgres_database)
    orders = {"strategy": "pushdown"}
    more = {"orders": orders, "steps": []}
    place.give(rows(100))
    place.run(**more)
    place.give(rows(20))
    with pytest.raises(DataError, match="20 rows are left to load where there were 100 before"):
        place.run(**more)
    assert place.held() == 100
    place.run("rows", **more)
    assert place.held() == 20


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("way", ["staged", "fused"])
def test_quarantine_is_a_table_too(tmp_path: Path, request: pytest.FixtureRequest, kind: str, way: str) -> None:
    place = Place(tmp_path, kind, request.getfixturevalue("postgres_database") if kind == "postgres" else None)
    more: dict[str, Any] = {"quarantine": {"table": "refused"}, "orders": {"strategy": way}}
    place.give([*rows(30), "30,x,n", "31,y,n"])
    run = place.run(**more)
    assert run["reconciliation"]["quarantined"] == 2
    count = "select count(*) from refused"
    assert place.ask(count) == 2
    place.runs -= 1
    place.run(**more)
    assert place.ask(count) == 2
    assert place.ask("select min(\"row\") from refused where dataset = 'orders' and run = 'r1'") == 31
    assert place.ask('select max("column") from refused') == "price"
    assert "'y' is not" in place.ask("select max(reason) from refused")
    assert json.loads(place.ask("select min(raw) from refused"))["price"] == "x"
    assert place.ask("select count(*) from refused where time is null") == 0
    place.give([*rows(30), *(f"{row},z,n" for row in range(30, 40))])
    for _ in range(2):
        with pytest.raises(DataError, match="10 of 40 rows went to quarantine"):
            place.run(**more)
        place.runs -= 1
    assert place.ask(count) == 12
    assert place.held() == 30


def test_quarantine_never_goes_into_a_table_that_is_for_something_else(tmp_path: Path) -> None:
    """It added eight columns to a table of the user's, and the refused rows to the dataset's own."""
    (tmp_path / "s.csv").write_text("id,v\n" + "".join(f"{n},a\n" for n in range(40)) + "x,b\n")
    spec = {
        "source": {"csv": {"path": "s.csv"}},
        "target": {"sqlite": {"path": "out.db"}},
        "datasets": {"s": {"steps": [{"cast": {"id": "int64"}}]}},
    }

    def ask(sql: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(tmp_path / "out.db")) as file, file:
            return file.execute(sql).fetchall()

    def run(name: str, table: str) -> Any:
        path = write_spec(tmp_path, name, **spec, quarantine={"table": table})
        return windvane.run(path, run="r1", rules_only=True, **outside(tmp_path))

    for table in ("s", "S"):
        with pytest.raises(windvane.errors.SpecError, match="'s' is loaded into this table"):
            run("same", table)
    ask("CREATE TABLE mine (a INTEGER)")
    ask("INSERT INTO mine VALUES (1)")
    with pytest.raises(windvane.errors.ConflictError, match="is no quarantine table: it has no column 'dataset'"):
        run("other", "mine")
    assert ask("SELECT * FROM mine") == [(1,)]
    assert ask("SELECT name FROM sqlite_master WHERE name = 's'") == []
    assert run("good", "refused")["reconciliation"]["quarantined"] == 1
    assert run("good", "refused")["reconciliation"]["quarantined"] == 1
    assert ask('SELECT dataset, "row" FROM refused') == [("s", 41)]


def test_files_keep_no_quarantine_table(tmp_path: Path) -> None:
    place = Place(tmp_path, "parquet", None)
    place.give(rows(3))
    with pytest.raises(windvane.errors.UnsupportedError, match="a target of parquet keeps no quarantine table"):
        place.run(quarantine={"table": "refused"})
