"""A linear-chain conditional random field over hashed rows, learnt by AdaGrad: the arithmetic of ``tagger.rs``."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

LABELS = [
    "",
    "person_name",
    "location",
    "street_address",
    "organisation",
    "nationality",
    "title",
    "age",
    "date_time",
    "personal_number",
]
ROWS = 1 << 17
# Of the rows of a word, so many are left out at a time: no single one may decide.
LEFT_OUT = 0.25

Case = tuple[Any, Any]


class Chain:
    """Weights of rows, of what follows what, and of what begins."""

    def __init__(self) -> None:
        labels = len(LABELS)
        self.rows = np.zeros((ROWS, labels), np.float32)
        self.follows = np.zeros((labels, labels), np.float32)
        self.begins = np.zeros(labels, np.float32)
        self.past = [np.full_like(part, 1e-2) for part in (self.rows, self.follows, self.begins)]

    def marginals(self, scores: Any) -> tuple[Any, Any]:
        """Shares of each label at each word, and of each pair, summed over the text."""
        size, labels = scores.shape
        words = np.exp(scores - scores.max(1, keepdims=True))
        follows, begins = np.exp(self.follows), np.exp(self.begins)
        forward, backward = np.empty_like(words), np.empty_like(words)
        forward[0] = begins * words[0]
        forward[0] /= forward[0].sum()
        for at in range(1, size):
            here = words[at] * (forward[at - 1] @ follows)
            forward[at] = here / here.sum()
        backward[-1] = 1
        for at in range(size - 2, -1, -1):
            here = follows @ (words[at + 1] * backward[at + 1])
            backward[at] = here / here.sum()
        shares = forward * backward
        shares /= shares.sum(1, keepdims=True)
        pairs = np.zeros((labels, labels))
        if size > 1:
            each = forward[:-1, :, None] * follows[None] * (words[1:] * backward[1:])[:, None, :]
            pairs = (each / each.sum((1, 2), keepdims=True)).sum(0)
        return shares, pairs

    def learn(self, cases: list[Case], rounds: int, rate: float, seed: int) -> None:
        """Goes through the cases ``rounds`` times, in other orders."""
        dice, noise = random.Random(seed), np.random.default_rng(seed)
        for turn in range(rounds):
            dice.shuffle(cases)
            step = rate * (1 - turn / (rounds + 1))
            for rows, labels in cases:
                self._step(rows, labels, step, noise)

    def _step(self, rows: Any, labels: Any, rate: float, noise: Any) -> None:
        kept = (noise.random(rows.shape) >= LEFT_OUT).astype(np.float32) / (1 - LEFT_OUT)
        scores = np.einsum("trl,tr->tl", self.rows[rows], kept)
        shares, pairs = self.marginals(scores)
        slope = -shares
        slope[np.arange(len(labels)), labels] += 1
        changes = kept[:, :, None] * slope[:, None, :]
        flat = rows.ravel()
        unique, inverse = np.unique(flat, return_inverse=True)
        sums = np.zeros((len(unique), len(LABELS)), np.float32)
        np.add.at(sums, inverse, changes.reshape(-1, len(LABELS)))
        sums -= 2e-5 * self.rows[unique]
        self.past[0][unique] += sums * sums
        self.rows[unique] += rate * sums / np.sqrt(self.past[0][unique])
        turns = -pairs
        if len(labels) > 1:
            np.add.at(turns, (labels[:-1], labels[1:]), 1)
        self.past[1] += turns * turns
        self.follows += (rate * turns / np.sqrt(self.past[1])).astype(np.float32)
        self.past[2] += slope[0] * slope[0]
        self.begins += (rate * slope[0] / np.sqrt(self.past[2])).astype(np.float32)

    def personal(self, rows: Any) -> Any:
        """How likely each word is something personal."""
        return 1 - self.marginals(self.rows[rows].sum(1))[0][:, 0]

    def written(self) -> bytes:
        """The file: a factor, what follows what, what begins, and a byte for each row and label."""
        most = float(np.quantile(np.abs(self.rows[self.rows != 0]), 0.9995))
        factor = most / 127
        weights = np.clip(np.rint(self.rows / factor), -127, 127).astype(np.int8)
        head = np.concatenate([[factor], self.follows.ravel(), self.begins]).astype("<f4")
        return head.tobytes() + weights.tobytes()
