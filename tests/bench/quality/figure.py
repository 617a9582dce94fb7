"""One figure of one kind of knowledge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Figure:
    """``value`` of ``of`` cases; met when it is at least ``bar``."""

    metric: str
    value: float
    of: int
    bar: float | None = None

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"  bar {self.bar:g} {'met' if self.value >= self.bar else 'MISSED'}"
        return f"{self.metric}={self.value:.4f} n={self.of}{bar}"


@dataclass
class Counts:
    """Right answers, wrong ones, and those that are missing."""

    right: int = 0
    wrong: int = 0
    missing: int = 0

    def add(self, found: Iterable[object], truth: Iterable[object]) -> None:
        found, truth = set(found), set(truth)
        self.right += len(found & truth)
        self.wrong += len(found - truth)
        self.missing += len(truth - found)

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missing)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missing)
