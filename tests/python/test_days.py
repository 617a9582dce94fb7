"""Days that an earlier load has read: what few values leave open is read as before, and what cannot be told stops the run. Without a plan file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import windvane as wv
from pipelines import move, outside, parquet_rows, write_spec
from windvane.errors import ConflictError, DataError, WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

ISO = "{y:04d}-{m:02d}-{d:02d}"
FIRST = "{d:02d}/{m:02d}/{y:04d}"
OTHERS = {
    "ambiguous": (FIRST, range(1, 9)),
    "iso": (ISO, range(1, 29)),
    "dots": ("{d:02d}.{m:02d}.{y:04d}", range(1, 29)),
    "short": ("{d:02d}/{m:02d}/24", range(1, 29)),
    "one digit": ("{d}/{m}/{y:04d}", range(1, 9)),
}


def days(form: str, of: range, *, first: int, count: int = 30) -> list[tuple[int, str, str]]:
    """Ids, days as they are written, and as they are meant."""
    all_days = [(first + at, of[at % len(of)], at % 8 + 1) for at in range(count)]
    return [(at, form.format(y=2024, m=m, d=d), ISO.format(y=2024, m=m, d=d)) for at, d, m in all_days]


class Case:
    """A pipeline of one CSV file of days into one kind of target."""

    def __init__(
        self, folder: Path, kind: str, mode: str, server: Any = None, *, strategy: str = "staged", **more: Any
    ) -> None:
        self.folder, self.kind, self.server, self.runs = folder, kind, server, 0
        target: dict[str, Any] = {"sqlite": {"path": "w.db"}, "parquet": {"path": "lake"}}.get(
            kind, {"connection": "db"}
        )
        key = {"key": "id"} if mode in ("merge", "history") else {}
        more.setdefault("guard", {"quarantined": 0.1, "rows": 0})
        self.spec = write_spec(
            folder,
            "shop",
            source={"csv": {"path": "t.csv"}},
            target={kind: {**target, "mode": mode}},
            datasets={"t": {**key, "strategy": strategy, **more.pop("dataset", {})}},
            **more,
        )
        self.world = outside(folder)
        if server is not None:
            self.database = server.database()
            self.world = outside(folder, db=server.url(self.database))

    def run(self, rows: list[Any], *, head: str = "id,day") -> Any:
        lines = [",".join(str(cell) for cell in row[:2]) for row in rows]
        (self.folder / "t.csv").write_text("\n".join([head, *lines]) + "\n")
        self.runs += 1
        return move(self.spec, f"r{self.runs}", **self.world)

    def forget(self) -> None:
        """The store is lost; the target's ledger is not."""
        self.world["store"] = f"sqlite:///{self.folder}/store{self.runs}.db"

    def held(self) -> dict[int, str]:
        if self.kind == "parquet":
            return {row["id"]: str(row["day"]) for row in parquet_rows(self.folder / "lake" / "t")}
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.folder / "w.db")) as db:
                return {row[0]: str(row[1]) for row in db.execute("SELECT id, day FROM t")}
        return {row[0]: str(row[1]) for row in self.server.query("SELECT id, day FROM t", database=self.database)}

    def type(self) -> str:
        if self.kind == "parquet":
            import pyarrow.parquet as pq

            manifest = json.loads((self.folder / "lake" / "t" / "_manifest.json").read_text())
            types = [
                pq.read_schema(self.folder / "lake" / "t" / part["path"]).field("day").type
                for part in manifest["parts"]
            ]
            assert len(set(types)) == 1
            return {"date32[day]": "date", "timestamp[us]": "timestamp", "time64[us]": "time"}.get(
                str(types[0]), str(types[0])
            )
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.folder / "w.db")) as db:
                return str(next(row[2] for row in db.execute("PRAGMA table_info(t)") if row[1] == "day")).lower()
        ask = "SELECT data_type FROM information_schema.columns WHERE table_name = 't' AND column_name = 'day'"
        asked = ask if self.kind == "postgres" else f"{ask} AND table_schema = '{self.database}'"
        return str(self.server.query(asked, database=self.database)[0][0])


TARGETS = ["sqlite", "parquet", "postgres", "mysql"]


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> tuple[str, Any]:
    servers = {"postgres": "postgres", "mysql": "mariadb"}
    server = request.getfixturevalue(servers[request.param]) if request.param in servers else None
    return request.param, server


@pytest.mark.parametrize("store", ["kept", "lost"])
@pytest.mark.parametrize(
    ("target", "mode"),
    [
        (kind, mode)
        for kind in TARGETS
        for mode in ("append", "merge", "replace", "history")
        # Files keep no history.
        if (kind, mode) != ("parquet", "history")
    ],
    indirect=["target"],
)
def test_days_stay_days(tmp_path: Path, target: tuple[str, Any], mode: str, store: str) -> None:
    kind, server = target
    case = Case(tmp_path, kind, mode, server, strategy="fused" if store == "lost" else "staged")
    rows = days(FIRST, range(1, 29), first=0)
    meant = {at: day for at, _, day in rows}
    case.run(rows)
    assert (case.held(), case.type()) == (meant, "date")
    for at, (form, of) in enumerate(OTHERS.values(), 1):
        if store == "lost":
            case.forget()
        rows = days(form, of, first=100 * at)
        record = case.run(rows)
        assert record["reconciliation"]["quarantined"] == 0
        fresh = {number: day for number, _, day in rows}
        meant = fresh if mode == "replace" else meant | fresh
        assert (case.held(), case.type()) == (meant, "date"), form


@pytest.mark.parametrize("store", ["kept", "lost"])
@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_the_month_may_stand_first(tmp_path: Path, kind: str, store: str) -> None:
    case = Case(tmp_path, kind, "append")
    form = "{m:02d}/{d:02d}/{y:04d}"
    rows = days(form, range(1, 29), first=0) + days(form, range(1, 9), first=100)
    case.run(rows[:30])
    if store == "lost":
        case.forget()
    case.run(rows[30:])
    assert (case.held(), case.type()) == ({at: day for at, _, day in rows}, "date")


@pytest.mark.parametrize("store", ["kept", "lost"])
@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_the_other_order_stops(tmp_path: Path, kind: str, store: str) -> None:
    case = Case(tmp_path, kind, "append")
    rows = days(FIRST, range(1, 29), first=0)
    case.run(rows)
    if store == "lost":
        case.forget()
    # One value tells, all others could be read wrongly.
    other = [*days("{m:02d}/{d:02d}/{y:04d}", range(1, 9), first=100), (200, "01/13/2024", "")]
    with pytest.raises(
        ConflictError, match="column 'day' was read as %d/%m/%Y, and has values now that only read as %m/%d/%Y"
    ):
        case.run(other)
    assert (case.held(), case.type()) == ({at: day for at, _, day in rows}, "date")


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_what_nobody_can_tell_stops(tmp_path: Path, kind: str) -> None:
    """The column is there as days that a step of the user's has read, and the step is gone: which order it had is not known."""
    step = {"parse": {"columns": ["day"], "to": "date", "formats": ["%d/%m/%Y"]}}
    case = Case(tmp_path, kind, "append", dataset={"steps": [step]})
    rows = days(FIRST, range(1, 9), first=0)
    case.run(rows)
    case.spec.write_text(json.dumps({**json.loads(case.spec.read_text()), "datasets": {"t": {}}}))
    with pytest.raises(ConflictError, match="read as %d/%m/%Y and as %m/%d/%Y alike") as caught:
        case.run(days(FIRST, range(1, 9), first=100))
    assert "parse: {columns: [day], to: date, formats: ['%d/%m/%Y']}" in str(caught.value)
    assert (case.held(), case.type()) == ({at: day for at, _, day in rows}, "date")
    # Days that speak for themselves are days, and the step is the way out.
    more = days(ISO, range(1, 29), first=200)
    case.run(more)
    case.spec.write_text(json.dumps({**json.loads(case.spec.read_text()), "datasets": {"t": {"steps": [step]}}}))
    last = days(FIRST, range(1, 9), first=300)
    case.run(last)
    assert (case.held(), case.type()) == ({at: day for at, _, day in rows + more + last}, "date")


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
@pytest.mark.parametrize("share", [1, 20, 30])
def test_what_is_no_day_is_refused_row_by_row(tmp_path: Path, kind: str, share: int) -> None:
    """Words among the days make no text of a column of days: few go to quarantine, many stop the load, also at the dry run."""
    case = Case(tmp_path, kind, "append")
    rows = days(FIRST, range(1, 29), first=0)
    case.run(rows)
    more = days(FIRST, range(1, 29), first=100)
    mixed = [(at, "n/d" if place < share else day, meant) for place, (at, day, meant) in enumerate(more)]
    meant = {at: day for at, _, day in rows}
    if share == 1:
        assert case.run(mixed)["reconciliation"]["quarantined"] == 1
        meant |= {at: day for at, _, day in more[1:]}
    else:
        with pytest.raises((DataError, ConflictError)):
            case.run(mixed)
    assert (case.held(), case.type()) == (meant, "date")


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_no_day_at_all(tmp_path: Path, kind: str) -> None:
    case = Case(tmp_path, kind, "append")
    rows = days(FIRST, range(1, 29), first=0)
    case.run(rows)
    case.run([(at, "") for at in range(100, 110)])
    assert case.held() == {at: day for at, _, day in rows} | dict.fromkeys(range(100, 110), "None")
    assert case.type() == "date"
    more = days(FIRST, range(1, 9), first=200)
    case.run(more)
    assert case.held()[207] == more[7][2]


MOMENTS = {
    "ambiguous": ("{:02d}/{:02d}/2024 10:30:00", range(1, 9), " 10:30:00"),
    "iso": ("2024-{1:02d}-{0:02d} 10:30:00", range(1, 29), " 10:30:00"),
    "iso with T": ("2024-{1:02d}-{0:02d}T10:30:00.500", range(1, 29), " 10:30:00.500"),
    "days": ("{:02d}/{:02d}/2024", range(1, 9), " 00:00:00"),
}


@pytest.mark.parametrize("store", ["kept", "lost"])
def test_moments_stay_moments(tmp_path: Path, target: tuple[str, Any], store: str) -> None:
    kind, server = target
    case = Case(tmp_path, kind, "append", server)
    case.run([(at, f"{at % 28 + 1:02d}/{at % 8 + 1:02d}/2024 08:00:00") for at in range(30)])
    was = case.type()
    assert was != "text"
    for at, (form, of, clock) in enumerate(MOMENTS.values(), 1):
        if store == "lost":
            case.forget()
        rows = [(at * 100 + n, form.format(of[n % len(of)], n % 8 + 1)) for n in range(30)]
        assert case.run(rows)["reconciliation"]["quarantined"] == 0
        wanted = f"2024-{29 % 8 + 1:02d}-{of[29 % len(of)]:02d}{clock}"
        assert (case.held()[at * 100 + 29].replace("T", " ").replace(".500000", ".500"), case.type()) == (wanted, was)


def test_days_that_get_a_time_widen(tmp_path: Path) -> None:
    """Nothing of a value is cut off: the column becomes one of moments, as `evolve` has it."""
    case = Case(tmp_path, "parquet", "append")
    case.run(days(FIRST, range(1, 29), first=0))
    case.run([(at, f"{at - 99:02d}/02/2024 10:30:00") for at in range(100, 108)])
    assert case.type() == "timestamp"
    assert (case.held()[0], case.held()[107]) == ("2024-01-01 00:00:00", "2024-02-08 10:30:00")


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_times_stay_times(tmp_path: Path, kind: str) -> None:
    case = Case(tmp_path, kind, "append")
    case.run([(at, f"{at % 24}:{at:02d}:00") for at in range(30)])
    was = case.type()
    case.run([(at, f"{at % 14 + 10}:{at - 100:02d}:30") for at in range(100, 130)])
    assert (case.held()[129], case.type(), was) == ("13:29:30", "time", "time")


NUMBERS = {
    "comma": (["1.50", "22.75"], ["1,50", "22,75"]),
    "thousands": (["1234.50", "22.75"], ["1.234,50", "22,75"]),
    "points": (["1234.50", "22.75"], ["1,234.50", "1,022.75"]),
    "whole": (["1234", "22"], ["1,234", "22,750"]),
    "signs": (["10.00", "-30.00"], ["(10.00)", "20.00-"]),
    "truths": (["true", "false"], ["2", "N/A"]),
    "truths of numbers": (["1", "0"], ["true", "false"]),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("mode", ["append", "replace"])
@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_other_spellings_of_numbers_stop(tmp_path: Path, kind: str, mode: str, name: str) -> None:
    """What the column's type cannot read does not make text of it."""
    before, after = NUMBERS[name]
    case = Case(tmp_path, kind, mode)
    case.run([(at, f'"{before[at % 2]}"') for at in range(20)])
    held, was = case.held(), case.type()
    assert was != "text"
    with pytest.raises((DataError, ConflictError)):
        case.run([(at, f'"{after[at % 2]}"') for at in range(20, 40)])
    assert (case.held(), case.type()) == (held, was)


@pytest.mark.parametrize(("words", "meant"), [(("yes", "no"), True), (("1", "0"), True), (("T", "f"), True)])
def test_truths_in_other_words(tmp_path: Path, words: tuple[str, str], meant: bool) -> None:
    case = Case(tmp_path, "parquet", "append")
    case.run([(at, "true" if at % 2 else "false") for at in range(20)])
    case.run([(at, words[at % 2]) for at in range(20, 40)])
    assert (case.held()[20], case.held()[21]) == (str(meant), str(not meant))


@pytest.mark.parametrize("store", ["kept", "lost"])
@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_days_that_were_iso_and_are_written_otherwise(tmp_path: Path, kind: str, store: str) -> None:
    case = Case(tmp_path, kind, "append")
    rows = days(ISO, range(1, 29), first=0)
    case.run(rows)
    for at, (form, of) in enumerate([(FIRST, range(1, 29)), (ISO, range(1, 29)), (FIRST, range(1, 9))], 1):
        if store == "lost":
            case.forget()
        more = days(form, of, first=100 * at)
        record = case.run(more)
        assert record["reconciliation"]["quarantined"] == 0
        if at == 1:
            told = [note["what"] for note in record["drift"]]
            assert told == ["column 'day' (date) is written otherwise now"]
        rows += more
        assert (case.held(), case.type()) == ({at: day for at, _, day in rows}, "date")


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_iso_days_and_then_an_order_that_nobody_knows(tmp_path: Path, kind: str) -> None:
    case = Case(tmp_path, kind, "append")
    rows = days(ISO, range(1, 29), first=0)
    case.run(rows)
    more = days(FIRST, range(1, 9), first=100)
    with pytest.raises(ConflictError, match="which is the day and which the month cannot be told"):
        case.run(more)
    step = {"parse": {"columns": ["day"], "to": "date", "formats": ["%d/%m/%Y", "%Y-%m-%d"]}}
    case.spec.write_text(json.dumps({**json.loads(case.spec.read_text()), "datasets": {"t": {"steps": [step]}}}))
    case.run(more)
    last = days(ISO, range(1, 29), first=200)
    case.run(last)
    assert (case.held(), case.type()) == ({at: day for at, _, day in rows + more + last}, "date")


@pytest.mark.parametrize(("form", "slip"), [(ISO, "01/02/2024"), (FIRST, "01/13/2024")])
def test_one_slip_among_many_goes_to_quarantine(tmp_path: Path, form: str, slip: str) -> None:
    case = Case(tmp_path, "parquet", "append")
    case.run(days(form, range(1, 29), first=0))
    record = case.run([*days(form, range(1, 29), first=100, count=60), (200, slip)])
    assert record["reconciliation"]["quarantined"] == 1
    assert case.type() == "date"


@pytest.mark.parametrize("store", ["kept", "lost"])
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "sqlite"])
def test_days_of_other_sources(tmp_path: Path, kind: str, store: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    case = Case(tmp_path, "parquet", "append")
    place = tmp_path / f"t.{kind}"
    case.spec.write_text(json.dumps({**json.loads(case.spec.read_text()), "source": {kind: {"path": place.name}}}))
    meant = {}
    for at, (form, of) in enumerate(
        [(FIRST, range(1, 29)), (FIRST, range(1, 9)), (ISO, range(1, 29)), (FIRST, range(1, 9))]
    ):
        rows = days(form, of, first=100 * at)
        given = [{"id": number, "day": text} for number, text, _ in rows]
        if kind == "jsonl":
            place.write_text("".join(json.dumps(row) + "\n" for row in given))
        elif kind == "parquet":
            pq.write_table(pa.Table.from_pylist(given), place)
        else:
            with closing(sqlite3.connect(place)) as db:
                db.executescript("DROP TABLE IF EXISTS t; CREATE TABLE t (id INTEGER, day TEXT)")
                db.executemany("INSERT INTO t VALUES (:id, :day)", given)
                db.commit()
        case.runs += 1
        if store == "lost":
            case.forget()
        move(case.spec, f"r{at}", **case.world)
        meant |= {number: day for number, _, day in rows}
        assert (case.held(), case.type()) == (meant, "date")


def test_a_plan_file_reads_days_as_they_were_read(tmp_path: Path) -> None:
    case = Case(tmp_path, "sqlite", "append")
    case.run(days(FIRST, range(1, 29), first=0))
    (tmp_path / "t.csv").write_text(
        "id,day\n" + "".join(f"{at},{day}\n" for at, day, _ in days(FIRST, range(1, 9), first=100))
    )
    wv.plan(case.spec, rules_only=True, **case.world)
    case.run(days(FIRST, range(1, 9), first=100))
    assert (case.held()[101], case.type()) == ("2024-02-02", "date")
    case.forget()
    (tmp_path / "t.csv").write_text("id,day\n" + "".join(f"{at},01/{at}/2024\n" for at in range(13, 20)))
    with pytest.raises(ConflictError, match="was read as %d/%m/%Y"):
        wv.plan(case.spec, rules_only=True, **case.world)


def test_texts_where_a_source_declared_days_stop(tmp_path: Path) -> None:
    """A Parquet file says what its columns are: another type is a change of the source, whatever the texts say."""
    import datetime as dt

    import pyarrow as pa
    import pyarrow.parquet as pq

    case = Case(tmp_path, "parquet", "append")
    case.spec.write_text(
        json.dumps({**json.loads(case.spec.read_text()), "source": {"parquet": {"path": "t.parquet"}}})
    )
    pq.write_table(pa.table({"id": [1, 2], "day": [dt.date(2024, 1, 2), dt.date(2024, 1, 3)]}), tmp_path / "t.parquet")
    move(case.spec, "r1", **case.world)
    pq.write_table(pa.table({"id": [3, 4], "day": ["13/01/2024", "14/01/2024"]}), tmp_path / "t.parquet")
    with pytest.raises(ConflictError, match="column 'day' was date and is text"):
        move(case.spec, "r2", **case.world)
    assert case.held() == {1: "2024-01-02", 2: "2024-01-03"}


def test_lines_of_json_that_were_iso(tmp_path: Path) -> None:
    case = Case(tmp_path, "parquet", "append")
    case.spec.write_text(json.dumps({**json.loads(case.spec.read_text()), "source": {"jsonl": {"path": "t.jsonl"}}}))
    meant = {}
    for at, (form, of) in enumerate([(ISO, range(1, 29)), (FIRST, range(1, 29)), (FIRST, range(1, 9))]):
        rows = days(form, of, first=100 * at)
        (tmp_path / "t.jsonl").write_text("".join(json.dumps({"id": n, "day": text}) + "\n" for n, text, _ in rows))
        move(case.spec, f"r{at}", **case.world)
        meant |= {number: day for number, _, day in rows}
        assert (case.held(), case.type()) == (meant, "date")


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
@pytest.mark.parametrize("known", [ISO, FIRST, "{d:02d}/{m:02d}/24"])
def test_a_year_that_stands_first_is_no_day(tmp_path: Path, kind: str, known: str) -> None:
    """`24/10/15` is a day of October 2024 or of 2015: where one number stands first and many stand last, it is the year."""
    case = Case(tmp_path, kind, "append")
    first = days(known, range(1, 29), first=0)
    case.run(first)
    before = case.held()
    with pytest.raises(WindvaneError):
        case.run(days("24/{m:02d}/{d:02d}", range(1, 29), first=100))
    assert case.held() == before


def test_a_year_that_stands_first_in_a_first_run_is_text(tmp_path: Path) -> None:
    case = Case(tmp_path, "sqlite", "append")
    case.run(days("24/{m:02d}/{d:02d}", range(1, 29), first=0))
    assert case.held()[0] == "24/01/01"
    case = Case(tmp_path, "parquet", "append")
    case.run(days("{d:02d}/{m:02d}/24", range(1, 29), first=0))
    assert case.held()[0] == "2024-01-01"


def test_days_of_birth_have_many_years(tmp_path: Path) -> None:
    case = Case(tmp_path, "sqlite", "append")
    rows = [(at, f"{at % 28 + 1:02d}/{at % 12 + 1:02d}/{at % 60 + 40}", "") for at in range(60)]
    case.run(rows)
    before = case.held()
    case.run([(100 + at, f"{at % 2 + 13:02d}/05/8{at}", "") for at in range(6)])
    assert case.type().lower() == "date"
    assert case.held()[0] == before[0]
    assert [case.held()[100 + at][5:] for at in range(6)] == ["05-13", "05-14"] * 3
