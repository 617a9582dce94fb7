"""The conformance battery: one small table through a target in every mode, and what must be true afterwards.

Every run is compared cell by cell with what Python says the target must hold, read by somebody else than the engine
(sqlite3, psycopg2, PyMySQL, PyArrow, json). ``make mutants`` plants faults and wants them caught here
(``scripts/mutants.py``), so that no check stands for nothing.

``battery.py TARGET CASE...``: runs cases and prints a JSON object: case to what is wrong with it, or null. Where the
target's server is stands in ``WINDVANE_BATTERY``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

FILES = ("parquet", "jsonl", "csv")
DATABASES = ("sqlite", "postgres", "mysql")
TARGETS = (*FILES, *DATABASES)
MODES = ("replace", "append", "merge", "absent", "history")
WAYS = ("staged", "fused")
LONG = "a long text " * 400
# id, name, note, amount, status
Row = tuple[int, "str | None", "str | None", "str | None", str]
Held = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """What is tried on a target."""

    mode: str
    way: str

    def __str__(self) -> str:
        return f"{self.mode}-{self.way}"


def cases(target: str) -> list[Case]:
    """Every mode that the target has, in every way; of ``rules``, every one of them."""
    if target == "rules":
        import battery_rules

        return battery_rules.cases()
    modes = [mode for mode in MODES if mode != "history" or target in DATABASES]
    ways = (*WAYS, "pushdown") if target == "postgres" else WAYS
    return [Case(mode, way) for mode in modes for way in ways]


def first() -> list[Row]:
    """Nulls, empty and long texts, decimals; one row that a check refuses and one that a filter drops."""
    rows: list[Row] = [
        (1, "one", "n1", "1.50", "done"),
        (2, None, "n2", "-0.01", "done"),
        (3, "", "n3", None, "done"),
        (4, LONG, None, "99999999.99", "done"),
        (5, "Zoë 'quoted', \"twice\"\n\\n", "", "0.00", "done"),
        (6, "refused", "n6", "-5000.00", "done"),
        (7, "filtered", "n7", "7.00", "void"),
    ]
    return rows + [(n, f"name {n}", f"note {n}", f"{n}.25", "done") for n in range(10, 40)]


def second() -> list[Row]:
    """The same table a day later: rows changed, gone and new."""
    rows = [row for row in first() if row[0] not in (2, 11)]
    rows = [(*row[:2], "changed", *row[3:]) if row[0] in (1, 20) else row for row in rows]
    return [*rows, (50, "new", "", "50.50", "done")]


def third() -> list[Row]:
    """Once more one of each."""
    return [(*row[:2], "again", *row[3:]) if row[0] == 21 else row for row in second()] + [
        (51, "newer", None, "51.00", "done")
    ]


def fourth() -> list[Row]:
    """And a last one."""
    return [*third(), (52, "", "newest", "-52.00", "done")]


def meant(rows: list[Row]) -> Held:
    """The rows that get through the filter and the check."""
    kept = [row for row in rows if row[4] == "done" and (row[3] is None or Decimal(row[3]) > -1000)]
    return [(*row[:3], None if row[3] is None else Decimal(row[3])) for row in kept]


def aside(rows: list[Row]) -> list[Row]:
    """Those that the check refuses. While there are any, no row of the target is taken for absent."""
    return [row for row in rows if row[4] == "done" and row[3] is not None and Decimal(row[3]) <= -1000]


class Wrong(Exception):
    """What the battery found."""


def agree(what: str, wanted: Any, found: Any) -> None:
    if wanted != found:
        raise Wrong(f"{what}: {_short(wanted)} was meant, {_short(found)} is there")


def _short(value: Any) -> str:
    return str(value)[:200]


def same_rows(what: str, wanted: Held, found: Held) -> None:
    """As bags: no row lost, doubled or altered."""
    left, right = sorted(map(repr, wanted)), sorted(map(repr, found))
    if left != right:
        only = [row for row in right if row not in left] or [row for row in left if row not in right]
        shown = f", such as {only[0][:160]}" if only else ""
        raise Wrong(f"{what}: {len(left)} rows were meant, {len(right)} are there{shown}")


class Place:
    """A target, and a reader of it that is not the engine's."""

    def __init__(self, target: str, folder: Path, url: str | None) -> None:
        self.target, self.folder, self.url = target, folder, url

    def spec(self) -> dict[str, Any]:
        if self.target in FILES:
            return {self.target: {"path": "lake"}}
        return {self.target: {"path": "out.db"} if self.target == "sqlite" else {"connection": "db"}}

    def query(self, sql: str) -> Held:
        if self.target == "sqlite":
            with contextlib.closing(sqlite3.connect(self.folder / "out.db")) as file:
                rows = file.execute(sql).fetchall()
                file.commit()
                return rows
        with contextlib.closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return [tuple(row) for row in rows]

    def _connect(self) -> Any:
        assert self.url is not None
        if self.target == "postgres":
            import psycopg2

            return psycopg2.connect(self.url)
        import pymysql
        from sqlalchemy.engine import make_url

        at = make_url(self.url)
        return pymysql.connect(host=at.host, port=at.port or 3306, user=at.username, database=at.database)

    def rows(self, *, current: bool = False) -> Held:
        """What is there, or what of a history is current."""
        if self.target in FILES:
            return self._of_files()
        where = " WHERE is_current" if current else ""
        rows = self.query(f"SELECT id, name, note, amount FROM items{where}")
        return [
            (int(row[0]), *row[1:3], None if row[3] is None else Decimal(str(row[3])) + Decimal("0.00")) for row in rows
        ]

    def _of_files(self) -> Held:
        folder = self.folder / "lake" / "items"
        try:
            manifest = json.loads((folder / "_manifest.json").read_text())
        except FileNotFoundError:
            return []
        parts = [folder / part["path"] for part in manifest["parts"]]
        rows = [row for part in parts for row in self._of_file(part)]
        number = lambda value: None if value is None else Decimal(str(value)) + Decimal("0.00")  # noqa: E731
        return [(int(row["id"]), row["name"], row["note"], number(row["amount"])) for row in rows]

    def _of_file(self, part: Path) -> list[dict[str, Any]]:
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet

        if self.target == "parquet":
            return pyarrow.parquet.read_table(part).to_pylist()
        if self.target == "jsonl":
            return [json.loads(line) for line in part.read_text().split("\n") if line]
        convert = pyarrow.csv.ConvertOptions(
            column_types={"name": pa.string(), "note": pa.string(), "amount": pa.decimal128(12, 2)},
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        )
        parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        return pyarrow.csv.read_csv(part, convert_options=convert, parse_options=parse).to_pylist()

    def spoil(self) -> None:
        """From now on the target alters what it is given."""
        if self.target == "postgres":
            self.query(
                "CREATE FUNCTION spoil() RETURNS trigger AS $$ BEGIN NEW.name := 'spoilt'; RETURN NEW; END $$ "
                "LANGUAGE plpgsql; CREATE TRIGGER spoil BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION spoil()"
            )
        elif self.target == "mysql":
            self.query("CREATE TRIGGER spoil BEFORE INSERT ON items FOR EACH ROW SET NEW.name = 'spoilt'")
        else:
            self.query(
                "CREATE TRIGGER spoil AFTER INSERT ON items BEGIN "
                "UPDATE items SET name = 'spoilt' WHERE rowid = new.rowid; END"
            )

    def mend(self) -> None:
        self.query("DROP TRIGGER spoil" + (" ON items" if self.target == "postgres" else ""))


class Trial:
    """A case at work on a place."""

    def __init__(self, case: Case, place: Place) -> None:
        self.case, self.place = case, place
        self.held: Held = []
        self.before: Held = []
        self.versions = 0
        settings: dict[str, Any] = {"mode": "merge" if case.mode == "absent" else case.mode, "strategy": case.way}
        if case.mode in ("merge", "absent", "history"):
            settings["key"] = "id"
        if case.mode == "absent":
            settings["absent"] = "delete"
        document = {
            "pipeline": "battery",
            "source": {"sqlite": {"path": "source.db", "tables": ["items"]}},
            "target": place.spec(),
            "guard": {"quarantined": 1},
            "steps": [
                {"filter": "status = 'done'"},
                {"cast": {"amount": "decimal(12,2)"}},
                {"select": ["id", "name", "note", "amount"]},
            ],
            "checks": [{"range": {"column": "amount", "min": -1000}}],
            "datasets": {"items": settings},
        }
        self.spec = place.folder / "battery.windvane.json"
        self.spec.write_text(json.dumps(document))

    def give(self, rows: list[Row]) -> None:
        """What the source holds."""
        with contextlib.closing(sqlite3.connect(self.place.folder / "source.db")) as file:
            file.execute("DROP TABLE IF EXISTS items")
            file.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, note TEXT, amount TEXT, status TEXT)")
            file.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?)", rows)
            file.commit()

    def world(self) -> dict[str, Any]:
        folder = self.place.folder
        return {
            "store": f"sqlite:///{folder}/store.db",
            "staging": str(folder / "staging"),
            "connections": {"db": self.place.url} if self.place.url else {},
            "roots": [str(folder)],
        }

    def run(self, run: str) -> dict[str, Any]:
        import windvane as wv

        record: dict[str, Any] = wv.run(self.spec, run=run, rules_only=True, **self.world())
        return record

    def expect(self, rows: list[Row]) -> None:
        """What the target must hold once these rows are loaded."""
        self.before = self.held
        fresh = meant(rows)
        if self.case.mode == "replace" or (self.case.mode == "absent" and not aside(rows)):
            self.held = fresh
        elif self.case.mode == "append":
            self.held = [*self.held, *fresh]
        else:
            keys = {row[0] for row in fresh}
            known = {row[0]: row for row in self.held}
            self.versions += sum(known.get(row[0]) != row for row in fresh)
            self.held = [row for row in self.held if row[0] not in keys] + fresh

    def there(self) -> Held:
        """All rows of the target; none where there is no table."""
        try:
            return self.place.rows()
        except Exception:
            return []

    def look(self, when: str) -> None:
        same_rows(when, self.held, self.place.rows(current=self.case.mode == "history"))
        if self.case.mode == "history":
            agree(f"{when}, versions", self.versions, len(self.place.rows()))

    def account(self, record: dict[str, Any], rows: list[Row]) -> None:
        """The record says what became of every row, and the quarantine shows those that it has."""
        (told,) = record["outputs"]
        void = sum(row[4] == "void" for row in rows)
        bad = [row[0] for row in aside(rows)]
        wanted = {"rows_in": len(rows), "loaded": len(meant(rows)), "filtered": void, "quarantined": len(bad)}
        agree("the record", wanted, {name: told[name] for name in wanted})
        lines = [json.loads(line) for path in told["quarantine"] for line in Path(path).read_text().splitlines()]
        agree("the quarantine", bad, [int(line["record"]["id"]) for line in lines])
        if not told["already"]:
            agree("the checksums", told["checksum_source"], told["checksum_target"])

    def round(self, run: str, rows: list[Row]) -> None:
        from windvane.errors import WindvaneError

        self.give(rows)
        before = self.there()
        try:
            record = self.run(run)
        except WindvaneError as error:
            same_rows(f"{run} is refused and must leave no trace", before, self.there())
            raise error from None
        self.expect(rows)
        self.account(record, rows)
        self.look(f"after {run}")
        if self.place.target in DATABASES:
            known = self.place.query("SELECT facts FROM windvane_loads")
            agree(f"the target's ledger knows {run}", True, any(f'"{run}"' in str(row) for row in known))

    def again(self, run: str, rows: list[Row]) -> None:
        """A second try of a run that has ended does the day again: in a database, rows that are only added stay as they
        are, or it is refused; a folder's manifest knows the parts of the first try, which give way.
        """
        from windvane.errors import ConflictError

        self.give(rows)
        if self.case.mode == "append" and self.place.target in DATABASES:
            with contextlib.suppress(ConflictError):
                self.run(run)
        else:
            if self.case.mode == "append":
                self.held = self.before
            self.expect(rows)
            self.run(run)
        self.look(f"after the second try of {run}")

    def dropped(self, run: str, rows: list[Row]) -> None:
        """What the ledger says is believed after a look at the table."""
        self.place.query("DROP TABLE items")
        self.held, self.versions = [], 0
        self.expect(rows)
        self.run(run)
        self.look(f"after {run} was loaded, dropped and run again")

    def spoilt(self, run: str, rows: list[Row]) -> None:
        """A target that alters rows is found out before anything becomes visible."""
        from windvane.errors import WindvaneError

        self.give(rows)
        self.place.spoil()
        try:
            self.run(run)
        except WindvaneError:
            pass
        else:
            raise Wrong(f"{run} is a success although the target altered its rows")
        finally:
            self.place.mend()
        self.look(f"after {run}, whose rows the target altered")

    def killed(self, run: str, rows: list[Row]) -> None:
        """`kill -9` somewhere: whatever is there, the same run makes it whole."""
        self.give(rows)
        code = "import json, sys, windvane as wv; print('go', flush=True)\n"
        code += "wv.run(sys.argv[1], run=sys.argv[2], rules_only=True, **json.loads(sys.argv[3]))"
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(self.spec), run, json.dumps(self.world())],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.15)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        self.expect(rows)
        self.run(run)
        self.look(f"after {run}, which was killed")

    def perform(self) -> None:
        self.round("r1", first())
        self.again("r1", first())
        if self.case.mode == "absent":
            self.round("r1b", [row for row in first() if row not in aside(first()) and row[0] not in (3, 12)])
        self.round("r2", second())
        self.again("r2", third())
        if self.place.target in DATABASES:
            self.spoilt("r3", fourth())
        if self.case.mode == "append":
            self.killed("r3", fourth())
        else:
            self.round("r3", fourth())
        if self.place.target in DATABASES:
            self.dropped("r3", fourth())


def trial(target: str, case: Case, folder: Path, url: str | None) -> str | None:
    """What is wrong; nothing when all is as it must be."""
    if target == "rules":
        import battery_rules

        return battery_rules.trial(case, folder)
    try:
        Trial(case, Place(target, folder, url)).perform()
    except Exception as error:
        kind = "found" if isinstance(error, Wrong) else "refused"
        return f"{kind}: {type(error).__name__ if kind == 'refused' else ''} {str(error).splitlines()[0]}".strip()[:300]
    return None


def fresh(target: str, server: str | None, name: str) -> str | None:
    """The URL of a new database on a server."""
    if server is None or target not in ("postgres", "mysql"):
        return None
    place = Place(target, Path(), server)
    connection = place._connect()
    if target == "postgres":
        connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if target == "mysql" else ""))
    return f"{server.rsplit('/', 1)[0]}/{name}"


def main() -> None:
    target, wanted = sys.argv[1], sys.argv[2:]
    found = {}
    for case in cases(target):
        if str(case) in wanted:
            with tempfile.TemporaryDirectory(prefix="wv-battery-") as folder:
                name = f"b{os.getpid()}_{str(case).replace('-', '_')}"
                url = fresh(target, os.environ.get("WINDVANE_BATTERY"), name)
                found[str(case)] = trial(target, case, Path(folder), url)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
