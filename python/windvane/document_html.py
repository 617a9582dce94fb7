"""Plans and runs as HTML for notebooks. Names come from data: everything is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from windvane.profile_html import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TALL = "max-height:32em;overflow:auto;white-space:pre-wrap;color:inherit;background:none"


def plan(document: Mapping[str, Any], explained: str) -> str:
    """What a plan loads, what waits for a person, and each step with its reason.

    Args:
        document: The plan.
        explained: The same as ``windvane explain`` says it.

    """
    outputs = [
        (
            output["name"],
            output["dataset"],
            output["mode"],
            ", ".join(output.get("key", ())),
            len(output["schema"]),
            len(output["steps"]),
            len(output["checks"]),
        )
        for output in document["outputs"]
    ]
    waits = [one for one in document["decisions"] if one.get("waits") and not one.get("decided")]
    head = ("output", "into", "mode", "key", "columns", "steps", "checks")
    return _page(
        f"Plan of {document['pipeline']}",
        f"{document['id']} · {len(waits)} proposals wait for a person",
        _table(head, outputs),
        _lines(one["question"] for one in waits),
        f'<details><summary>each step and why</summary><pre style="{_TALL}">{escape(explained)}</pre></details>',
    )


def run(document: Mapping[str, Any]) -> str:
    """What became of the rows, an output a line, and what people should know.

    Args:
        document: The record of the run.

    """
    counts = ("rows_in", "added", "loaded", "filtered", "quarantined")
    outputs = [
        (one["output"], one["dataset"], *(f"{one[name]:,}" for name in counts), "already" if one["already"] else "")
        for one in document["outputs"]
    ]
    told = [f"{one['output']}: {what}" for one in document["outputs"] for what in one.get("warnings", ())]
    told += [f"let pass ({one['guard']}): {one['dataset']}: {one['saw']}" for one in document.get("passed", ())]
    told += [f"drift: {one['dataset']}: {one['what']}" for one in document.get("drift", ())]
    told += [f"failed: {one['output']}: {one['message']}" for one in document.get("failed", ())]
    told += document.get("degraded", ())
    sums = document["reconciliation"]
    added = f" + {sums['added']:,} added" if sums["added"] else ""
    went = " + ".join(f"{sums[name]:,} {name}" for name in counts[2:])
    balance = f"{sums['rows_in']:,} rows in{added} = {went}"
    return _page(
        f"Run {document['run']} of {document['pipeline']}: {document['status']}",
        balance,
        _table(("output", "into", *(name.replace("_", " ") for name in counts), ""), outputs),
        _lines(told),
    )


def _page(title: str, below: str, *body: str) -> str:
    head = f'<h3>{escape(title)}</h3><p class="wv-sub">{escape(below)}</p>'
    return f'<div class="wv"><style>{STYLE}</style>{head}{"".join(body)}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _lines(told: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in told)
    return f"<ul>{items}</ul>" if items else ""
