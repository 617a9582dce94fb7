"""Trains the tagger of personal values: ``python scripts/train_personal.py [--half A|B] [--out FILE]``.

Needs numpy and Faker (development only) and a built windvane, whose own features are used. Learns from sentences made
here (``scripts/personal``) and from those of ``--cases`` (06b of the shared data), of which ``--half`` holds a half of
the *patterns* back: a sentence that follows a pattern seen in training says nothing. Writes numbers only.
"""

# ruff: noqa: PLR2004 - how often a sentence is written in which way

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from personal.learning import LABELS, Chain
from personal.sentences import nothing, said
from personal.values import Values
from windvane import _core  # noqa: TID253 - a script of development, which needs the built module

ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "data" / "06b-presidio-research"
THEIRS = {
    "PERSON": "person_name",
    "GPE": "location",
    "LOCATION": "location",
    "STREET_ADDRESS": "street_address",
    "ADDRESS": "street_address",
    "ZIP_CODE": "street_address",
    "ORGANIZATION": "organisation",
    "NRP": "nationality",
    "TITLE": "title",
    "PREFIX": "title",
    "AGE": "age",
    "DATE_TIME": "date_time",
}

Sentence = tuple[str, list[tuple[int, int, str]]]


def made(values: Values, pattern: str) -> Sentence:
    """A pattern with values in its slots."""
    text, spans = "", []
    for part in re.split(r"(\{\w+\})", pattern):
        if part.startswith("{"):
            value, kind = values.of(part[1:-1])
            if kind:
                spans.append((len(text), len(text) + len(value), kind))
            text += value
        else:
            text += part
    dice = values.dice.random()
    if dice < 0.06:
        text = text.lower() if len(text.lower()) == len(text) else text
    elif dice < 0.09:
        text = text.upper() if len(text.upper()) == len(text) else text
    return text, spans


def generated(count: int, seed: int) -> list[Sentence]:
    """Sentences of our own; one in six has another beside it, one in ten says nothing personal."""
    values, patterns, plain = Values(seed), said(), nothing()
    dice, found = random.Random(seed), []
    for _ in range(count):
        if dice.random() < 0.12:
            found.append(made(values, dice.choice(plain)))
            continue
        text, spans = made(values, dice.choice(patterns))
        if dice.random() < 0.2:
            more, others = made(values, dice.choice(patterns if dice.random() < 0.6 else plain))
            start = len(text) + 1
            spans += [(start + first, start + last, kind) for first, last, kind in others]
            text = f"{text}{dice.choice((' ', chr(10)))}{more}"
        found.append((text, spans))
    return found


def shared(folder: Path, half: str | None) -> tuple[list[Sentence], list[Sentence]]:
    """Sentences to learn from, and those whose patterns are in the other half."""
    mine: list[Sentence] = []
    others: list[Sentence] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            case = json.loads(line)
            spans = [
                (span["start_position"], span["end_position"], THEIRS.get(span["entity_type"], "personal_number"))
                for span in case["spans"]
            ]
            pattern = re.sub(r"\{+\w+\}+|\W+", " ", case["masked"]).lower()
            side = "AB"[hashlib.sha256(" ".join(pattern.split()).encode()).digest()[0] % 2]
            (mine if half in (None, side) else others).append((case["text"], spans))
    return mine, others


def case(sentence: Sentence) -> tuple[Any, Any]:
    """Rows and labels of the words of a sentence."""
    text, spans = sentence
    rows, labels = [], []
    for start, end, features in _core.personal_tokens(text):
        kind = next((kind for first, last, kind in spans if start < last and first < end), "")
        rows.append(features)
        labels.append(LABELS.index(kind))
    return np.array(rows, np.int64), np.array(labels, np.int64)


def measured(chain: Chain, cases: list[tuple[Any, Any]], name: str) -> None:
    """F2 over words, personal or not, at several thresholds: the tagger alone."""
    likely = np.concatenate([chain.personal(rows) for rows, _ in cases])
    truth = np.concatenate([labels for _, labels in cases]) > 0
    for least in (0.2, 0.3, 0.4, 0.5):
        found = likely >= least
        right = (found & truth).sum()
        precision, recall = right / max(1, found.sum()), right / max(1, truth.sum())
        print(
            f"{name} at {least}: P {precision:.4f} R {recall:.4f} "
            f"F2 {5 * precision * recall / (4 * precision + recall):.4f}"
        )


def main() -> None:
    """Learns, says how well the other half goes, writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--half", choices=["A", "B", "none"], help="learn from this half of the shared patterns only")
    parser.add_argument("--count", type=int, default=9_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.15)
    parser.add_argument("--out", type=Path, default=ROOT / "crates" / "know" / "src" / "personal" / "tagger.bin")
    options = parser.parse_args()
    mine, others = shared(options.cases, options.half)
    sentences = generated(options.count, 7) + mine * 2
    learnt = [(rows, labels) for rows, labels in map(case, sentences) if len(rows)]
    chain = Chain()
    chain.learn(learnt, options.rounds, options.rate, 7)
    for name, part in (("learnt", mine), ("kept back", others)):
        if part:
            measured(chain, [(rows, labels) for rows, labels in map(case, part) if len(rows)], name)
    options.out.write_bytes(chain.written())


if __name__ == "__main__":
    main()
