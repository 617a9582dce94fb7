"""What a target must hold after a run, by the rules alone: nothing here knows the engine.

``replace``, ``merge`` and ``history`` hold the source as it was at the last try that did the work; so do the rows of one
run in appended files and in appended tables with a column that says which load a row is from. Other appended tables hold
what the first try loaded: a later one with other rows is refused. An incremental run has a window of its own, the same in
every try.
"""

from __future__ import annotations

import copy
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# id, name, amount, version
Row = tuple[int, "str | None", float, int]
Rows = dict[int, Row]


@dataclass
class Source:
    """A table that grows, changes and shrinks; ``version`` only ever goes up."""

    seed: random.Random
    rows: Rows = field(default_factory=dict)
    next_id: int = 0
    version: int = 0

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.rows[self.next_id] = self._row(self.next_id)
            self.next_id += 1

    def change(self, count: int) -> None:
        for number in self.seed.sample(sorted(self.rows), min(count, len(self.rows))):
            self.rows[number] = self._row(number)

    def shrink(self, count: int) -> None:
        for number in self.seed.sample(sorted(self.rows), min(count, len(self.rows) // 4)):
            del self.rows[number]

    def keep_newest(self, count: int) -> None:
        self.rows = {number: self.rows[number] for number in sorted(self.rows)[-count:]}

    def _row(self, number: int) -> Row:
        self.version += 1
        name = None if number % 11 == 0 else "" if number % 13 == 0 else f'nämé {number % 97}, "{self.version % 7}"\n'
        return (number, name, number % 1000 / 4 + self.version % 3, self.version)


@dataclass
class Held:
    """What a target holds; ``bag`` is what is compared."""

    mode: str
    # Of replace and merge; of a history every version of a row, the last one is current.
    versions: dict[int, list[Row]] = field(default_factory=dict)
    # Of append: run to its rows.
    runs: dict[str, Rows] = field(default_factory=dict)
    # Of incremental loads: run to what it reads, above and up to.
    windows: dict[str, tuple[int, int]] = field(default_factory=dict)

    def bag(self) -> Counter[Any]:
        if self.mode == "append":
            return Counter(row for rows in self.runs.values() for row in rows.values())
        if self.mode == "history":
            return Counter((row, row is all_[-1]) for all_ in self.versions.values() for row in all_)
        return Counter(all_[-1] for all_ in self.versions.values())


@dataclass(frozen=True)
class Outcome:
    """One way that a try may end by the rules."""

    status: str
    held: Held


@dataclass(frozen=True)
class Rules:
    """Those of one mode and way on one kind of target."""

    mode: str
    incremental: bool
    # Whether the rows of one run can be told from those of others.
    tells: bool

    def read(self, held: Held, run: str, source: Rows) -> tuple[Held, Rows]:
        """What a try of the run reads, with the window that it has from then on."""
        held = copy.deepcopy(held)
        if not self.incremental:
            return held, source
        if run not in held.windows:
            low = max((high for _, high in held.windows.values()), default=-1)
            held.windows[run] = (low, max([low, *(row[3] for row in source.values())]))
        low, high = held.windows[run]
        # By key, rows at the lower end are read again.
        by_key = self.mode != "append"
        return held, {
            number: row for number, row in source.items() if low < row[3] <= high or (by_key and row[3] == low)
        }

    def done(self, held: Held, run: str, source: Rows) -> Held:
        """After a try that did the work."""
        held, rows = self.read(held, run, source)
        if self.mode == "append":
            held.runs[run] = dict(rows)
        elif self.mode == "replace":
            held.versions = {number: [row] for number, row in rows.items()}
        else:
            for number, row in rows.items():
                known = held.versions.setdefault(number, [])
                if not known or known[-1] != row:
                    known.append(row)
        return held

    def again(self, held: Held, run: str, source: Rows) -> list[Outcome]:
        """A try of a run that had ended."""
        done = Outcome("success", self.done(held, run, source))
        if self.mode != "append" or self.tells:
            return [done]
        _, rows = self.read(held, run, source)
        if rows == held.runs[run]:
            return [Outcome("success", held)]
        # The rows of a window may be told from others by it.
        return [Outcome("conflict", held), *([done] if self.incremental else [])]
