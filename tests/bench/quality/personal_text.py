"""Personal values in sentences (06b): spans, and words of spans.

Any ``*.jsonl`` with ``text`` and ``spans`` (``entity_type``, ``start_position``, ``end_position``). The published figure (Presidio
.618, tuned .845) is F2 over words, personal or not, whatever the kind: P .685 and R .603 give .618 only with beta 2. That is the
first line here. F1, and spans found exactly with their kind, are harder figures and stand beside it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import windvane as wv

from tests.bench.quality.figure import Counts, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

FOLDER = "06b-presidio-research"

# What their kinds are called here; a number of any kind is one, an address may end in its place.
OURS = {
    "PERSON": {"person_name"},
    "GPE": {"location", "street_address"},
    "LOCATION": {"location", "street_address"},
    "STREET_ADDRESS": {"street_address", "location"},
    "ADDRESS": {"street_address", "location"},
    "ORGANIZATION": {"organisation"},
    "NRP": {"nationality"},
    "TITLE": {"title"},
    "PREFIX": {"title"},
    "AGE": {"age"},
    "DATE_TIME": {"date_time"},
    "PHONE_NUMBER": {"phone"},
    "EMAIL_ADDRESS": {"email"},
    "DOMAIN_NAME": {"url"},
    "IP_ADDRESS": {"ipv4", "ipv6"},
    "IBAN_CODE": {"iban"},
    "ZIP_CODE": {"street_address"},
}


def measure(data: Path, wrong: Callable[[str], None]) -> Iterator[Figure]:
    """One set of figures a file."""
    for path in sorted(data.rglob("*.jsonl")):
        cases = [json.loads(line) for line in path.read_text().splitlines()]
        yield from _figures(path.stem, cases, wrong)


def _figures(name: str, cases: list[dict[str, Any]], wrong: Callable[[str], None]) -> Iterator[Figure]:
    words, spans = Counts(), Counts()
    total = 0
    for case in cases:
        text = case["text"]
        found = wv.personal(text)
        truth = {(span["start_position"], span["end_position"], span["entity_type"]) for span in case["spans"]}
        tokens = [(part.start(), part.end()) for part in re.finditer(r"\w+|[^\w\s]", text)]
        total += len(tokens)
        ours = _covered(tokens, ((one["start"], one["end"]) for one in found))
        theirs = _covered(tokens, ((start, end) for start, end, _ in truth))
        words.add(ours, theirs)
        if ours != theirs:
            lost = [text[start:end] for start, end in sorted(theirs - ours)]
            more = [text[start:end] for start, end in sorted(ours - theirs)]
            wrong(f"{name} {case['id']}: missed {lost}, invented {more} in {text[:160]!r}")
        places = {(one["start"], one["end"]): one["kind"] for one in found}
        exact = {span for span in truth if span[:2] in places and _same(places[span[:2]], span[2])}
        spans.right += len(exact)
        spans.missing += len(truth) - len(exact)
        spans.wrong += len(found) - len(exact)
    precision, recall = words.precision, words.recall
    yield Figure(f"{name} F2 of words", 5 * precision * recall / max(1e-9, 4 * precision + recall), total, 0.88)
    yield Figure(f"{name} F1 of words", words.f1, total)
    yield Figure(f"{name} precision of words", precision, total)
    yield Figure(f"{name} recall of words", recall, total)
    yield Figure(f"{name} F1 of exact spans with kinds", spans.f1, len(cases))


def _covered(tokens: list[tuple[int, int]], spans: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """The words that a span touches; marks alone are nobody's."""
    spans = list(spans)
    return {(start, end) for start, end in tokens if any(start < last and first < end for first, last in spans)}


def _same(kind: str, theirs: str) -> bool:
    """Whether our kind is what they mean; of a number whichever it is."""
    return kind in OURS[theirs] if theirs in OURS else kind not in {other for ours in OURS.values() for other in ours}
