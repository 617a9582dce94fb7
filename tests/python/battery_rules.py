"""The conformance battery of what is no matter of a target: guards, drift, the store, quarantine tables, prune, masks.

Each rule is a function that does harm and says what must have come of it, staged and fused. ``make mutants`` plants the
fault that it is there for. Faults of Python code (prune) are put in by :func:`spoil_python`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

from battery import Case, Wrong, agree

WAYS = ("staged", "fused")
# Faults that are not in the engine's sources.
PYTHON = {"prunes_early"}


class Trial:
    """A pipeline from a CSV file or a SQLite table into a SQLite file, in a folder of its own."""

    def __init__(self, folder: Path, way: str) -> None:
        self.folder, self.way = folder, way
        self.settings: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.source: dict[str, Any] = {"csv": {"path": "items.csv"}}
        self.store = "store.db"

    def csv(self, *lines: str) -> None:
        (self.folder / "items.csv").write_text("\n".join(lines) + "\n")

    def rows(self, count: int, *, first: int = 0) -> None:
        self.csv("id,note,amount", *(f"{n},note {n},{n}" for n in range(first, first + count)))

    def table(self, declared: str, *rows: tuple[Any, ...]) -> None:
        self.source = {"sqlite": {"path": "source.db", "tables": ["items"]}}
        with contextlib.closing(sqlite3.connect(self.folder / "source.db")) as file:
            file.execute("DROP TABLE IF EXISTS items")
            file.execute(f"CREATE TABLE items ({declared})")
            for row in rows:
                file.execute(f"INSERT INTO items VALUES ({', '.join('?' * len(row))})", row)
            file.commit()

    def world(self) -> dict[str, Any]:
        place = self.folder
        return {"store": f"sqlite:///{place}/{self.store}", "staging": str(place / "staging"), "roots": [str(place)]}

    def run(self, run: str = "r1", **more: Any) -> dict[str, Any]:
        import windvane as wv

        spec = self.folder / "rules.windvane.json"
        target = {"sqlite": {"path": "out.db"}}
        document = {"pipeline": "rules", "source": self.source, "target": target, **self.more}
        document["datasets"] = {"items": {"strategy": self.way, **self.settings}}
        spec.write_text(json.dumps(document))
        record: dict[str, Any] = wv.run(spec, run=run, rules_only=True, **self.world(), **more)
        return record

    def plan(self) -> None:
        """From now on there is a plan file."""
        import windvane as wv

        wv.plan(self.folder / "rules.windvane.json", rules_only=True, **self.world())

    def there(self, columns: str = "id", table: str = "items") -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.folder / "out.db")) as file:
            return file.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()

    def refused(self, run: str, words: str, columns: str = "*", **more: Any) -> None:
        """The run ends with an error that says the words, and leaves the target alone."""
        from windvane.errors import WindvaneError

        before = self.there(columns)
        try:
            self.run(run, **more)
        except WindvaneError as error:
            if words not in str(error):
                raise Wrong(f"{words!r} is not in: {error}") from None
        else:
            raise Wrong(f"{run} is a success where it must be refused ({words})")
        agree("what is there after a refused run", before, self.there(columns))

    def passes(self, run: str, guard: str, rows: int) -> None:
        """What is refused can be let pass, which stands in the record."""
        record = self.run(run, allow=[guard])
        agree("what was let pass", [guard], [one["guard"] for one in record["passed"]])
        agree("rows after it", rows, len(self.there()))


def quarantined(trial: Trial) -> None:
    trial.settings = {"steps": [{"cast": {"amount": "int64"}}]}
    trial.rows(20)
    trial.run()
    trial.csv("id,note,amount", *(f"{n},note {n},{'x' if n % 2 else n}" for n in range(20)))
    trial.refused("r2", "rows went to quarantine")
    trial.passes("r2", "quarantined", 10)


def rows(trial: Trial) -> None:
    trial.rows(100)
    trial.run()
    trial.rows(10)
    trial.refused("r2", "where there were 100 before")
    trial.passes("r2", "rows", 10)


def emptied(trial: Trial) -> None:
    trial.rows(10)
    trial.run()
    trial.csv("id,note,amount", *(f"{n},,{n}" for n in range(10)))
    trial.refused("r2", "had values at the target")
    trial.passes("r2", "emptied_columns", 10)


def lost(trial: Trial) -> None:
    trial.rows(10)
    trial.run()
    trial.csv("alpha,beta", *(f"{n},{n}" for n in range(10)))
    trial.refused("r2", "none of the 3 known columns")


def format_(trial: Trial) -> None:
    trial.rows(10)
    trial.run()
    trial.csv("id;note;amount", *(f"{n};note {n};{n}" for n in range(10)))
    trial.refused("r2", "not written as planned")


def adopted(trial: Trial) -> None:
    trial.rows(10)
    with contextlib.closing(sqlite3.connect(trial.folder / "out.db")) as file:
        file.execute("CREATE TABLE items (id INTEGER, note TEXT, amount INTEGER)")
        file.execute("INSERT INTO items VALUES (1, 'by hand', 1)")
        file.commit()
    trial.refused("r1", "windvane has not loaded")
    trial.settings = {"adopt": True}
    trial.run()
    agree("rows after it was adopted", 10, len(trial.there()))


def gone(trial: Trial) -> None:
    trial.rows(10)
    trial.run()
    trial.csv("id,note", *(f"{n},note {n}" for n in range(10)))
    trial.refused("r2", "column 'amount' (int64) is gone")


def renamed(trial: Trial) -> None:
    trial.csv("id,order_status", *(f"{n},done" for n in range(10)))
    trial.run()
    trial.csv("id,status", *(f"{n},done" for n in range(10)))
    trial.refused("r2", "likely the same")


def fresh(trial: Trial) -> None:
    trial.rows(3)
    trial.run()
    trial.plan()
    trial.csv("id,note,amount,extra", "0,a,1,7", "1,b,2,8", "2,c,3,9")
    trial.run("r2")
    agree("the values of a new column", [(0, 7), (1, 8), (2, 9)], trial.there("id, extra"))


def retyped(trial: Trial) -> None:
    trial.table("id INTEGER PRIMARY KEY, amount INTEGER", (1, 10), (2, 20))
    trial.run()
    trial.table("id INTEGER PRIMARY KEY, amount TEXT", (1, "10"), (2, "20"))
    trial.refused("r2", "column 'amount' was int64 and is text")


def rekeyed(trial: Trial) -> None:
    trial.settings = {"mode": "merge"}
    trial.table("id INTEGER PRIMARY KEY, code INTEGER NOT NULL", (1, 10), (2, 20))
    trial.run()
    trial.table("id INTEGER NOT NULL, code INTEGER PRIMARY KEY", (1, 10), (2, 20))
    trial.refused("r2", "the primary key was (id)")


def aside(trial: Trial) -> None:
    """The quarantine table has each refused row once, also after a second try, and further ones when they are others."""
    trial.settings = {"steps": [{"cast": {"amount": "int64"}}]}
    trial.more = {"quarantine": {"table": "refused"}, "guard": {"quarantined": 1}}
    trial.csv("id,note,amount", "1,a,1", "2,b,many", "3,c,more")
    wanted = [("items", "r1", 2, "amount", "many"), ("items", "r1", 3, "amount", "more")]
    columns = '"dataset", "run", "row", "column", raw'
    for run in ("r1", "r1"):
        trial.run(run)
        found = [(*row[:4], json.loads(row[4])["amount"]) for row in trial.there(columns, "refused")]
        agree("the quarantine table", wanted, sorted(found))


def replayed(trial: Trial) -> None:
    """Mended rows come once, in whatever company, and go with their run when that is done again."""
    trial.settings = {"steps": [{"cast": {"amount": "int64"}}]}
    target = {"sqlite": {"path": "out.db", "mode": "append", "load_id": True}}
    trial.more = {"target": target, "guard": {"quarantined": 1}}
    trial.csv("id,note,amount", "1,a,1", "2,b,many", "3,c,more")
    (aside,) = trial.run()["outputs"][0]["quarantine"]
    first, second = (json.loads(line) for line in Path(aside).read_text().splitlines())
    first["source"]["amount"] = second["source"]["amount"] = "7"
    mended = trial.folder / "mended.jsonl"
    mended.write_text(json.dumps(first) + "\n")
    trial.run(replay=mended)
    mended.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    trial.refused("r1", "were loaded already", "id", replay=mended)
    agree("what was replayed", [(1,), (2,)], trial.there())
    trial.rows(5)
    trial.run()
    agree("the run done again", [(n,) for n in range(5)], trial.there())


def history(trial: Trial) -> None:
    """The store knows the run, its end and its load."""
    from windvane._call import call

    trial.rows(10)
    trial.run()
    store = trial.world()["store"]
    (run,) = call("runs", store=store, pipeline="rules", limit=10)["runs"]
    agree("the run in the store", ("rules/r1", "succeeded"), (run["id"], run["status"]))
    loads = call("ledger", store=store, pipeline="rules", limit=10)["ledger"]
    agree("the loads in the store", [("r1", "items", 10)], [(one["run"], one["output"], one["rows"]) for one in loads])


def again(trial: Trial) -> None:
    """A run that had ended is done again, and so is one that only the target's ledger knows, which says how often it was done."""
    tries = ((10, "store.db"), (12, "store.db"), (14, "new.db"), (15, "new.db"))
    for attempt, (count, store) in enumerate(tries, 1):
        trial.store = store
        trial.rows(count)
        record = trial.run()
        agree(f"{count} rows at the source with {store}", count, len(trial.there()))
        agree("which doing of the run it is", attempt, record["outputs"][0]["attempt"])


def window(trial: Trial) -> None:
    """Every row once, run after run, and with a new store."""
    trial.settings = {"mode": "append", "incremental": {"column": "id"}}
    for run, count, store in (("r1", 10, "store.db"), ("r2", 15, "store.db"), ("r3", 20, "new.db")):
        trial.store = store
        trial.rows(count)
        trial.run(run)
        agree(f"after {run}", [(n,) for n in range(count)], trial.there())


def days(*ends: int) -> dict[str, Any]:
    return {"interval": tuple(f"2024-03-{day:02d}T00:00:00Z" for day in ends)}


def by_interval(trial: Trial) -> None:
    trial.settings = {"mode": "append", "incremental": {"column": "at", "by": "interval"}}
    trial.csv("id,at", *(f"{day},2024-03-{day:02d}T12:00:00Z" for day in range(1, 8)))
    trial.run("r1", **days(1, 4))


def overlap(trial: Trial) -> None:
    """What one run has appended, no other does."""
    by_interval(trial)
    trial.refused("r2", "has loaded the rows from", **days(3, 6))
    trial.run("r2", **days(4, 6))
    agree("rows of both", [(day,) for day in range(1, 6)], trial.there())


def inside(trial: Trial) -> None:
    """A run that is done again deletes its own rows and no others."""
    by_interval(trial)
    with contextlib.closing(sqlite3.connect(trial.folder / "out.db")) as file:
        file.execute("UPDATE items SET id = 99 WHERE id = 2")
        file.commit()
    trial.csv("id,at", *(f"{day},2024-03-{day:02d}T11:00:00Z" for day in range(1, 8)))
    trial.refused("r1", "but not the same ones", **days(1, 4))


def prune(trial: Trial) -> None:
    """What a run left goes when it is old, not before."""
    import windvane as wv

    trial.settings = {"steps": [{"cast": {"amount": "int64"}}]}
    trial.more = {"guard": {"quarantined": 1}}
    trial.csv("id,note,amount", "1,a,1", "2,b,many")
    record = trial.run()
    (file,) = record["outputs"][0]["quarantine"]
    world = {name: trial.world()[name] for name in ("store", "staging")}
    agree("pruned on the same day", [], wv.prune(**world)["removed"])
    agree("the quarantine is there", True, Path(file).exists())
    agree("pruned after its time", 1, len(wv.prune(keep=0, **world)["removed"]))
    agree("the quarantine is gone", False, Path(file).exists())
    agree("what was loaded", [(1,)], trial.there())


PEOPLE = ("ada.lovelace@example.org", "+46 70 123 45 67", "grace.hopper@example.org", "+46 70 765 43 21")


def masks(trial: Trial) -> None:
    """No personal value in a profile, nor in what goes to a model."""
    import windvane as wv
    from windvane import _core

    mails, phones = PEOPLE[::2], PEOPLE[1::2]
    trial.csv("id,email,phone", *(f"{n},{mails[n % 2]},{phones[n % 2]}" for n in range(20)))
    profile = wv.profile(str(trial.folder / "items.csv"))
    shown = json.dumps(dict(profile), default=str) + profile._repr_html_()
    agree("columns of the profile", True, "phone" in shown)
    agree("personal values in a profile", [], [value for value in PEOPLE if value in shown])
    told = _core.redact(f"write to {PEOPLE[0]} or call {PEOPLE[1]}")
    agree("personal values in what a model is told", [], [value for value in PEOPLE if value in told])


def masked(trial: Trial) -> None:
    """The step that masks leaves no value as it was."""
    trial.settings = {"steps": [{"mask": {"columns": {"email": "redact"}}}]}
    trial.csv("id,email", *(f"{n},{PEOPLE[0]}" for n in range(3)))
    trial.run()
    agree("masked values", [], [row for row in trial.there("id, email") if row[1] == PEOPLE[0]])


RULES = {
    "quarantined": quarantined,
    "rows": rows,
    "emptied": emptied,
    "lost": lost,
    "format": format_,
    "adopted": adopted,
    "gone": gone,
    "renamed": renamed,
    "fresh": fresh,
    "retyped": retyped,
    "rekeyed": rekeyed,
    "aside": aside,
    "replayed": replayed,
    "history": history,
    "again": again,
    "window": window,
    "overlap": overlap,
    "inside": inside,
    "prune": prune,
    "masks": masks,
    "masked": masked,
}


def cases() -> list[Case]:
    return [Case(rule, way) for rule in RULES for way in WAYS]


def spoil_python() -> None:
    """Puts the planted faults of Python code in."""
    from windvane import pruning

    if "prunes_early" in os.environ.get("WINDVANE_FAULT", "").split(","):
        pruning._over = lambda *_: "it was there"  # type: ignore[assignment]


def trial(case: Case, folder: Path) -> str | None:
    """What is wrong; nothing when all is as it must be."""
    spoil_python()
    try:
        RULES[case.mode](Trial(folder, case.way))
    except Exception as error:
        kind = "found:" if isinstance(error, Wrong) else f"refused: {type(error).__name__}"
        return f"{kind} {str(error).splitlines()[0]}"[:300]
    return None
