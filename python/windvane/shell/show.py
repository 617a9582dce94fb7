"""Documents as text for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from windvane import api

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WIDEST = 48


def table(rows: Iterable[Sequence[Any]], head: Sequence[str]) -> str:
    """Rows under a head, columns aligned; long cells are cut with an ellipsis."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[at]) for line in [list(head), *cells]) for at in range(len(head))]
    lines = [head, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", " ")
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def problems(document: Mapping[str, Any]) -> str:
    """One line a mistake, the hint below it; what is no mistake and worth knowing behind them."""
    lines = ["no mistakes"] if document["ok"] else []
    for problem in document["problems"]:
        where = f"{problem['file']}:{problem['line']}:{problem['column']}"
        path = f" at {problem['path']}" if problem["path"] else ""
        lines.append(f"{where}: {problem['message']}{path}")
        if problem.get("hint"):
            lines.append(f"    hint: {problem['hint']}")
    lines.extend(f"{note['file']}: note: {note['message']} at {note['path']}" for note in document.get("notes", []))
    return "\n".join(lines)


def catalog(document: Mapping[str, Any]) -> str:
    """One line a dataset."""
    return table(
        (
            (
                found["name"],
                found["kind"],
                ("" if found["rows_exact"] else "~") + str(found["rows"]) if found["rows"] is not None else "?",
                len(found["fields"]),
                ", ".join(found["primary_key"]),
            )
            for found in document["datasets"]
        ),
        ("dataset", "kind", "rows", "columns", "primary key"),
    )


def profile(document: Mapping[str, Any]) -> str:
    """One line a column."""
    exact = "every row was read" if document["exact"] else "a sample"
    head = f"{document['dataset']}: {document['rows']} rows ({exact}), {document['rejected']} could not be read"
    body = table(
        (
            (
                column["name"],
                column["type"],
                column["semantic_type"] or column["feature_type"],
                column["nulls"],
                ("" if column["distinct_exact"] else "~") + str(column["distinct"]),
                column["min"],
                column["max"],
                column["mean"],
            )
            for column in document["columns"]
        ),
        ("column", "type", "meaning", "nulls", "distinct", "min", "max", "mean"),
    )
    return f"{head}\n\n{body}"


def mapping(document: Mapping[str, Any]) -> str:
    """One line a mapping."""
    return table(
        (
            (found["source"], found["target"], found["confidence"], found["kind"], found["transformation"])
            for found in document["mappings"]
        ),
        ("source", "target", "confidence", "kind", "transformation"),
    )


def plan(document: Mapping[str, Any]) -> str:
    """What would be loaded, and the decisions."""
    body = table(
        (
            (
                output["name"],
                output["dataset"],
                output["mode"],
                len(output["schema"]),
                len(output["steps"]),
                len(output["checks"]),
            )
            for output in document["outputs"]
        ),
        ("output", "into", "mode", "columns", "steps", "checks"),
    )
    waits = waiting(document)
    accepted = sum(decision["accepted"] for decision in document["decisions"])
    refused = len(document["decisions"]) - accepted - len(waits)
    lines = [
        f"plan {document['id']} of {document['pipeline']}\n\n{body}\n",
        f"{accepted} proposals accepted, {refused} refused, {len(waits)} wait for a person",
        *(f"  {decision['question']} {_proposed(decision['proposal'])}{decision['reason']}" for decision in waits),
    ]
    if waits:
        lines.append(
            "Nothing of this is done: `windvane approve SPEC` lists it and decides, `windvane explain PLAN` says more."
        )
    return "\n".join(lines)


def approval(document: Mapping[str, Any]) -> str:
    """What was decided, and what still waits."""
    lines = [f"plan {document['plan']} in {document['plan_file']}"]
    for one in document["decided"]:
        verb = "approved" if one["decided"]["approved"] else "rejected"
        lines.append(f"  {verb}: {_of(one)}{one['what']}")
    if not document["waits"]:
        lines.append("nothing waits for a person")
    for one in document["waits"]:
        stops = "; nothing is loaded before" if one["stops"] else ""
        lines.append(f"  waits: {_of(one)}{one['what']}{stops}")
    return "\n".join(lines)


def _of(one: Mapping[str, Any]) -> str:
    return f"{one['output']}: " if one["output"] else ""


def waiting(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The decisions of a plan that only a person may take, and nobody has taken."""
    return [one for one in document["decisions"] if one.get("waits") and not one.get("decided")]


def _proposed(proposal: Any) -> str:
    """A step or check as the spec would write it; nothing of other proposals."""
    change = proposal if isinstance(proposal, dict) else {}
    written = change.get("step") or change.get("check")
    return f"{json.dumps(written, ensure_ascii=False)}: " if written else ""


def differences(document: Mapping[str, Any]) -> str:
    """One line a difference."""
    found = [f"{difference['place']}: {difference['what']}" for difference in document["differences"]]
    return "\n".join(found) or "no difference"


def run(document: Mapping[str, Any]) -> str:
    """The reconciliation and one line an output."""
    body = table(
        (
            (
                output["output"],
                output["dataset"],
                output["rows_in"],
                output["added"],
                output["loaded"],
                output["filtered"],
                output["quarantined"],
                "already loaded" if output["already"] else "",
            )
            for output in document["outputs"]
        ),
        ("output", "into", "rows in", "added", "loaded", "filtered", "quarantined", ""),
    )
    seconds = sum(step["seconds"] for step in document["steps"])
    where = sorted({path for output in document["outputs"] for path in output["quarantine"]})
    tail = "\n".join(["", "quarantine:", *(f"  {line}" for line in api.reasons(where)), *where]) if where else ""
    outputs = document["outputs"]
    told = [f"warning: {output['output']}: {what}" for output in outputs for what in output.get("warnings", ())]
    told += [f"let pass ({one['guard']}): {one['dataset']}: {one['saw']}" for one in document.get("passed", ())]
    told += [f"drift: {one['dataset']}: {one['what']}" for one in document.get("drift", ())]
    told += [f"failed: {one['output']}: {one['message']}" for one in document.get("failed", ())]
    tail = "\n".join(["", *told]) + tail if told else tail
    return f"run {document['run']}: {document['status']}, {seconds:.2f} s in stages\n\n{body}{tail}"


def diagnosis(document: Mapping[str, Any]) -> str:
    """The class, the cause and what to do."""
    delay = f" after {document['delay']} s" if document.get("delay") else ""
    return f"{document['class']}: {document['cause']}\naction: {document['action']}{delay}"


def compaction(document: Mapping[str, Any]) -> str:
    """What became of the files."""
    return (
        f"{document['dataset']}: {document['files_before']} files ({document['bytes_before']} bytes) are now "
        f"{document['files_after']} ({document['bytes_after']} bytes); {document['rows']} rows were moved, unchanged"
    )


def doctor(document: Mapping[str, Any]) -> str:
    """One line a finding."""
    marks = {True: "ok  ", False: "no  "}
    return "\n".join(
        f"{marks[finding['ok']]} {finding['what']}: {finding['found']}"
        + (f"\n      hint: {finding['hint']}" if finding.get("hint") else "")
        for finding in document["findings"]
    )


def rows(document: Mapping[str, Any]) -> str:
    """Rows of the store, without their documents."""
    found = document["rows"]
    if not found:
        return "nothing yet"
    head = [key for key in found[0] if key != "document"]
    return table(([row[key] for key in head] for row in found), head)


def pruned(document: Mapping[str, Any]) -> str:
    """What went, or would go, and how much."""
    rows = [(one["pipeline"], one["run"], one["why"], one["files"], one["bytes"]) for one in document["removed"]]
    shown = [table(rows, ("pipeline", "run", "why", "files", "bytes"))] if rows else []
    verb = "would be removed" if document["dry_run"] else "removed"
    sums = f"{len(rows)} folders, {document['files']} files, {document['bytes']} bytes {verb}; {document['kept']} kept"
    failed = [f"{one['staging']}: {one['error']}" for one in document["failed"]]
    return "\n".join([*shown, sums, *(f"cannot be looked through: {one}" for one in failed)])
