"""The stages of a run, one call each: what the operators call. Documents in and out are small enough for XCom.

Each takes ``progress``, a callable that is told about once a second how far the stage is.
"""

from __future__ import annotations

import hashlib
import logging
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from windvane import api
from windvane._call import call, call_showing
from windvane.errors import WindvaneError
from windvane.run_context import allowed, chosen_staging, run_context
from windvane.settings import is_address, staging_place, store_url, without_connection

Reference = dict[str, Any]

_log = logging.getLogger(__name__)

# Bytes of a run's name in that of a file; file systems take 255 for the whole.
_LONGEST = 120


def plan(spec_path: str, *, run: str, environment: str | None = None, **outside: Any) -> Reference:
    """Plans a spec for one run: ``{plan, plan_file, outputs, refused}``.

    The plan is written into the staging place. Where that is a folder of this machine, another one may not see it; so
    with a PostgreSQL store ``plan_file`` names the plan there.
    """
    needed = api.needs(spec_path, environment=environment, roots=allowed(".", outside.get("roots", ())))
    place = staging_place(outside.get("staging") or needed["staging"] or chosen_staging())
    # A reader that does not see the file is told by the folder's name which machine has it.
    folder = "plans" if is_address(place) else f"plans/on-{_safe(outside.get('host') or socket.gethostname())}"
    name = f"{folder}/{Path(spec_path).name.split('.')[0]}.{_safe(run)}.plan.json"
    given = {**outside, "staging": place}
    built = api.plan(spec_path, environment=environment, plan_file=name, reviewed=False, staged=True, **given)
    names = [output["name"] for output in built["outputs"]]
    reference = None if is_address(place) else _in_store(built["id"], outside.get("store"))
    refused = {one["output"]: one["message"] for one in built.get("refused", ())}
    return {
        "plan": built["id"],
        "plan_file": reference or f"{place}/{name}",
        "spec": spec_path,
        "outputs": names,
        "refused": refused,
    }


def _in_store(plan: str, store: str | None) -> str | None:
    """How a plan is called in a store that other machines see too, if it is there."""
    url = store_url(store)
    if not url.startswith("postgres"):
        return None
    try:
        found = call("store_get", store=url, get={"plan": plan})
    except WindvaneError as error:
        _log.warning("The store does not keep the plan: %s", error)
        return None
    return f"store:{plan}" if found else None


def split(plan_file: str, output: str, *, run: str, base: str | None = None, **outside: Any) -> list[Reference]:
    """Finds pieces of an output's input that tasks can read side by side."""
    pieces: list[Reference] = _stage("split", plan_file, output, run=run, base=base, outside=outside)["pieces"]
    return pieces


def extract(
    plan_file: str,
    output: str,
    *,
    run: str,
    piece: Mapping[str, Any] | None = None,
    base: str | None = None,
    **outside: Any,
) -> Reference:
    """Reads the inputs of an output, or one piece of them, into staging: ``{inputs: {name: staged}}``."""
    given = {} if piece is None else {"piece": dict(piece)}
    return _stage("extract", plan_file, output, run=run, base=base, outside=outside, **given)


def transform(
    plan_file: str,
    output: str,
    extracted: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    run: str,
    base: str | None = None,
    **outside: Any,
) -> Reference:
    """Applies the planned steps: a staged reference."""
    return _stage("transform", plan_file, output, run=run, base=base, outside=outside, **_inputs(extracted))


def validate(
    plan_file: str,
    output: str,
    transformed: Mapping[str, Any],
    extracted: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    run: str,
    base: str | None = None,
    **outside: Any,
) -> Reference:
    """Judges the rows; those that break a check go to quarantine: a verdict."""
    return _stage(
        "validate",
        plan_file,
        output,
        run=run,
        base=base,
        outside=outside,
        **_inputs(extracted),
        staged=dict(transformed),
    )


def load(
    plan_file: str,
    output: str,
    verdict: Mapping[str, Any] | None = None,
    *,
    extracted: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None,
    run: str,
    base: str | None = None,
    **outside: Any,
) -> Reference:
    """Loads what passed, exactly once: a receipt. Of a push-down: what was ``extracted``, judged at the target."""
    given = {"verdict": dict(verdict or {})} if extracted is None else _inputs(extracted)
    return _stage("load", plan_file, output, run=run, base=base, outside=outside, **given)


def move(plan_file: str, output: str, *, run: str, base: str | None = None, **outside: Any) -> Reference:
    """Extracts, transforms, validates and loads as one stream, exactly once: a receipt."""
    return _stage("move", plan_file, output, run=run, base=base, outside=outside)


def record(
    plan_file: str, receipts: list[Mapping[str, Any]], *, run: str, base: str | None = None, **outside: Any
) -> Reference:
    """Keeps the record of the run in the store and clears its staging: the record. Raises when rows do not balance."""
    document = _stage(
        "record", plan_file, None, run=run, base=base, outside=outside, receipts=[dict(receipt) for receipt in receipts]
    )
    for what in document["degraded"]:
        _log.warning("%s", what)
    return document


def _inputs(extracted: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What one extract gave, or what those of the pieces gave."""
    if isinstance(extracted, Mapping):
        return {"inputs": extracted["inputs"]}
    return {"pieces": [dict(one) for one in extracted]}


def _stage(
    verb: str,
    plan_file: str,
    output: str | None,
    *,
    run: str,
    base: str | None,
    outside: dict[str, Any],
    **given: Any,
) -> Reference:
    elsewhere = is_address(plan_file) or plan_file.startswith("store:")
    folder = base or (Path.cwd() if elsewhere else Path(plan_file).absolute().parent)
    show = outside.pop("progress", None)
    known: dict[str, Any] = {key: outside.get(key) for key in ("store", "connections", "host")}
    needed = api.needs(plan_file, **known)
    staging = outside.pop("staging", None)
    # A plan that was made for the run lies where its rows rest.
    staging = needed["staging"] if is_address(plan_file) else staging or needed["staging"]
    roots = allowed(folder, outside.pop("roots", ()))
    where = run_context(folder, ids=needed["connections"], roots=roots, staging=staging, **outside)
    request = {"world": where, "plan": without_connection(plan_file)[0], "run": run, **given}
    if output is not None:
        request["output"] = output
    reference: Reference = call_showing(verb, show, **request)
    return reference


def _safe(name: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    if len(plain.encode()) <= _LONGEST:
        return plain
    # Cut, and kept apart from names that begin alike.
    cut = plain.encode()[:_LONGEST].decode(errors="ignore")
    return f"{cut}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
