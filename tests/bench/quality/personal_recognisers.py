"""Recognisers of numbers and names (06a): is a value of the kind found where one stands, and none in what looks alike?

``cases.jsonl``: ``entities`` (what is asked for, in Presidio's words), ``text``, ``expected_len``. The product is asked for
these kinds alone, as Presidio's own tests ask one recogniser: whatever may be one counts as found.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import windvane as wv

from tests.bench.quality.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = "06a-presidio-recognizer-cases"

# Where our word is not theirs in small letters.
OURS = {
    "EMAIL_ADDRESS": ["email"],
    "IP_ADDRESS": ["ipv4", "ipv6"],
    "PHONE_NUMBER": ["phone"],
    "IBAN_CODE": ["iban"],
    "PERSON": ["person_name"],
    "LOCATION": ["location", "street_address"],
    "ORGANIZATION": ["organisation"],
    "NRP": ["nationality"],
    "URL": ["url"],
}


def measure(data: Path, wrong: Callable[[str], None]) -> Iterator[Figure]:
    """Accuracy of presence over all texts, and how many of the look-alikes are called a value."""
    cases = [json.loads(line) for path in sorted(data.rglob("*.jsonl")) for line in path.read_text().splitlines()]
    right = alarms = 0
    for case in cases:
        kinds = [kind for entity in case["entities"] for kind in OURS.get(entity, [entity.lower()])]
        try:
            found = wv.personal(case["text"], kinds=kinds)
        except ValueError:  # A kind that we do not know finds nothing.
            found = []
        expected = case["expected_len"] > 0
        right += bool(found) == expected
        alarms += bool(found) and not expected
        if bool(found) != expected:
            wrong(f"{case['entities']} {'missed' if expected else 'invented'}: {case['text'][:100]!r}")
    negatives = sum(case["expected_len"] == 0 for case in cases)
    yield Figure("accuracy of presence", right / max(1, len(cases)), len(cases), 0.95)
    yield Figure("false alarms among look-alikes", alarms / max(1, negatives), negatives)
