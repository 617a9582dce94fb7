"""The verbs, as functions: the same names, arguments and documents as the shell's."""

from __future__ import annotations

import getpass
import glob as globbing
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windvane._call import call, call_showing
from windvane.errors import MissingError, WindvaneError, of_record
from windvane.nouns import Approval, Catalog, Compaction, Diagnosis, Mapping_, Plan, Problems, Profile, Relations, Run
from windvane.run_context import allowed, run_context
from windvane.settings import is_address, store_url, without_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_log = logging.getLogger(__name__)


def check(
    *paths: str | Path,
    environment: str | None = None,
    roots: Iterable[str | Path] = (),
    connect: bool = False,
    **outside: Any,
) -> Problems:
    """Reads specs (files, folders, globs) and returns every mistake with its place: ``{ok, problems}``.

    With ``connect`` the sources are looked at too: unknown datasets and columns, types that do not fit. Nothing is
    written, and a source has 30 seconds. ``outside`` are ``connections`` and ``params``, as for :func:`plan`.
    """
    roots = list(roots)
    found = call("check", paths=_expanded(paths), environment=environment, roots=allowed(Path.cwd(), roots)[1:])
    if connect:
        wrong = {problem["file"] for problem in found["problems"]}
        for file in found["files"]:
            if file not in wrong:
                found["problems"] += _connected(Path(file), environment, {**outside, "roots": roots})
        found["problems"].sort(key=lambda problem: (problem["file"], problem["line"], problem["column"]))
        found["ok"] = not found["problems"]
    return Problems(found)


def _connected(path: Path, environment: str | None, outside: dict[str, Any]) -> list[dict[str, Any]]:
    """What is wrong with a spec in the light of its sources; that one cannot be reached is a problem too."""
    try:
        outside = _spec_context(path, environment, outside)
        found: list[dict[str, Any]] = call("check_connected", world=outside, spec=str(path), environment=environment)[
            "problems"
        ]
    except WindvaneError as error:
        place = {"file": str(path), "line": 1, "column": 1, "path": "", **error.place}
        return [{**place, "kind": error.kind, "message": error.args[0], "hint": error.hint}]
    return found


def needs(
    path: str | Path,
    *,
    environment: str | None = None,
    roots: Iterable[str | Path] = (),
    store: str | None = None,
    connections: Mapping[str, str] | None = None,
    host: str | None = None,
) -> dict[str, Any]:
    """What a caller must bring for a spec or a plan, and of a plan what it loads and which outputs wait for others.

    A plan may also lie in the staging place (its address, with the connection's id in it) or in the store
    (``store:ID``).
    """
    found: dict[str, Any]
    text = str(path)
    if is_address(text) or text.startswith("store:"):
        staging = text.rpartition("/plans/")[0] or None
        outside = run_context(
            Path.cwd(), store=store, connections=connections, staging=staging, rests=staging is not None
        )
        found = call("needs", path=without_connection(text)[0], environment=None, world=outside)
        return {**found, "staging": staging or found["staging"]}
    planner = Path(text).parent.name
    if planner.startswith("on-") and not Path(text).exists():
        message = (
            f"planned on {planner[3:]}'s disk at {text}; this is {host or socket.gethostname()}, which does not see it"
        )
        hint = "Set [windvane] staging to a shared folder or s3://bucket/folder (gs://, az://) on all workers, or "
        hint += "[windvane] store to a PostgreSQL database; then clear the run"
        raise MissingError(message, kind="missing", hint=hint)
    found = call("needs", path=text, environment=environment, roots=[str(Path(root).absolute()) for root in roots])
    return found


def discover(source: str, *, connections: Mapping[str, str] | None = None) -> Catalog:
    """What exists at a path, a URL or ``conn:ID``: datasets, columns, keys, sizes."""
    return Catalog(call("discover", world=_outside(source, connections), source=source))


def compact(
    target: str | Path | Mapping[str, Any], dataset: str, *, connections: Mapping[str, str] | None = None
) -> Compaction:
    """Joins the small files of a loaded dataset into larger ones; its rows stay what they are.

    Args:
        target: The folder or address that the dataset was loaded into, or a target as a spec writes it
            (``{"parquet": {"path": "s3://bucket/lake", "connection": "store"}}``).
        dataset: The dataset's name.
        connections: URLs of connections by id; those not given come from the environment.

    """
    # The files say themselves what they are; the kind only opens the folder.
    place = {"parquet": {"path": str(target)}} if isinstance(target, str | Path) else dict(target)
    ids = [settings["connection"] for settings in place.values() if settings.get("connection")]
    outside = run_context(Path.cwd(), ids=ids, connections=connections, rests=False)
    known = {key: outside[key] for key in ("base", "connections")}
    return Compaction(call("compact", target=place, dataset=dataset, **known))


def profile(
    source: Any,
    *,
    table: str | None = None,
    sample: int | None = None,
    connections: Mapping[str, str] | None = None,
    reveal: bool = False,
) -> Profile:
    """The figures of one dataset: a path, a URL, ``conn:ID`` (``#table``), or anything with ``__arrow_c_stream__``.

    Personal values (e-mail addresses, telephones, names, …) are marks such as ``[email]``, unless ``reveal``.
    """
    if hasattr(source, "__arrow_c_stream__"):
        import json

        from windvane import _core

        request = json.dumps({"dataset": table or type(source).__name__, "limit": sample, "reveal": reveal})
        return Profile(json.loads(_core.profile_stream(source, request)))
    address = str(source)
    outside = _outside(address, connections)
    return Profile(call("profile", world=outside, source=address, table=table, sample=sample, reveal=reveal))


def personal(text: str, kinds: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """What in a text is personal: ``[{kind, start, end, confidence}]``, in characters, in the order of the text.

    Without ``kinds`` all that is likely (``confidence`` at least 0.5), without overlaps. With them whatever may be one
    of these, however weak its form: nine digits alone are a ``us_passport`` with 0.1, near the word *passport* with
    0.6. What a number's check digit calls wrong is never found. An unknown kind is a :class:`ValueError`.
    """
    if kinds is None:
        return list(call("personal", text=text))
    from windvane import _core

    wanted, known = list(kinds), _core.personal_kinds()
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise ValueError(f"no kinds of personal values: {', '.join(unknown)}; there are {', '.join(known)}")
    return list(call("personal", text=text, kinds=wanted))


def relations(
    source: str | Path | Mapping[str, Any],
    *,
    tables: Iterable[str] | None = None,
    sample: int | None = None,
    connections: Mapping[str, str] | None = None,
) -> Relations:
    """``{datasets, foreign_keys, inclusions}``: a source's datasets with their ranked keys, and what refers to what.

    Args:
        source: A folder, a URL or ``conn:ID``, whose rows are read; or a catalog (what :func:`discover` returns, or
            ``{"datasets": [{"name", "fields": [{"name", "type"}], "primary_key"}]}``), of which names and types
            alone are judged.
        tables: Only these datasets.
        sample: So many rows of each are read; what is said of values is then not exact.
        connections: URLs of connections by id; those not given come from the environment.

    A foreign key is ``{dataset, columns, ref_dataset, ref_columns, confidence, declared, coverage, exact}``: what the
    source declares comes first (confidence 1), then guesses, the surest first. ``coverage`` is the share of the
    different values that occur in the key, ``exact`` whether it was counted over all of them. ``inclusions`` are the
    columns whose values all occur in a key, whatever they are called.

    """
    if not isinstance(source, str | Path):
        wanted = None if tables is None else set(tables)
        datasets = [
            {
                "name": dataset["name"],
                "fields": [{"name": field["name"], "type": field["type"]} for field in _fields(dataset["fields"])],
                "primary_key": dataset.get("primary_key") or [],
            }
            for dataset in source["datasets"]
            if wanted is None or dataset["name"] in wanted
        ]
        return Relations(call("relations_of_names", datasets=datasets))
    address = str(source)
    names = None if tables is None else list(tables)
    return Relations(
        call("relations", world=_outside(address, connections), source=address, tables=names, sample=sample)
    )


def _fields(fields: Any) -> list[dict[str, Any]]:
    """A catalog's schema holds its fields one level deeper."""
    listed: list[dict[str, Any]] = fields["fields"] if isinstance(fields, dict) else fields
    return listed


def keep_profile(profile: Mapping[str, Any], reference: str, *, store: str | Path | None = None) -> None:
    """Keeps a profile in the store under a reference: its newest one counts."""
    event = {"run": f"profile/{reference}", "kind": "profile", "document": dict(profile)}
    call("store_put", store=store_url(store), put={"event": event})


def kept_profile(reference: str, *, store: str | Path | None = None) -> Profile:
    """The profile that was kept under a reference (``ProfileOperator`` returns it)."""
    events = call("events", store=store_url(store), run=f"profile/{reference}")["events"]
    if not events:
        raise MissingError(f"the store keeps no profile {reference!r}", kind="missing")
    return Profile(events[-1]["document"])


def map(  # noqa: A001 - the contract's name
    source: str, target: str, *, connections: Mapping[str, str] | None = None, rules_only: bool = False
) -> Mapping_:
    """Which column of the source belongs to which column of the target, how sure, and why."""
    outside = run_context(Path.cwd(), ids=[*_ids(source), *_ids(target)], connections=connections, rests=False)
    return Mapping_(call("map", world=outside, source=source, target=target, rules_only=rules_only))


def plan(
    spec: str | Path,
    *,
    words: str | None = None,
    rules_only: bool = False,
    environment: str | None = None,
    write: bool = True,
    plan_file: str | Path | None = None,
    reviewed: bool = True,
    staged: bool = False,
    **outside: Any,
) -> Plan:
    """Looks at the sources, lets agents propose, and builds the plan file beside the spec (``write=False``: not).

    ``reviewed=False`` is for a plan that is run before a person has seen it: checks that nobody wrote only count.
    ``staged``: ``plan_file`` counts from the staging place.
    """
    path = Path(spec)
    return Plan(
        call(
            "plan",
            world=_spec_context(path, environment, {**outside, "rests": staged}),
            spec=str(path),
            environment=environment,
            words=words,
            rules_only=rules_only,
            write=write,
            plan_file=str(plan_file) if plan_file else None,
            staged=staged,
            unreviewed=not reviewed,
        )
    )


def approve(
    spec_or_plan: str | Path,
    *,
    proposals: Iterable[str] = (),
    every: bool = False,
    reject: bool = False,
    by: str | None = None,
    environment: str | None = None,
    roots: Iterable[str | Path] = (),
) -> Approval:
    """Writes a person's decision about proposals that wait into the plan file; with neither of them named, lists them.

    ``proposals`` are ids as this lists them, ``every`` means all that wait. What is approved becomes a step or check of
    the plan; what is rejected is left out for good. Words that were not understood change nothing either way: the
    decision says that the plan is right as it stands. ``by`` is who decides, by default the user of this process.
    """
    return Approval(
        call(
            "approve",
            path=str(spec_or_plan),
            environment=environment,
            roots=allowed(Path(spec_or_plan).absolute().parent, roots),
            proposals=list(proposals),
            every=every,
            approved=not reject,
            by=by or _person(),
        )
    )


def _person() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "unknown"


def diff(old: str | Path, new: str | Path) -> list[dict[str, str]]:
    """What differs between two plan files: ``[{place, what}]``."""
    differences: list[dict[str, str]] = call("diff", old=str(old), new=str(new))["differences"]
    return differences


def explain(plan_file: str | Path, *, code: bool = False) -> str:
    """Each step of a plan file and why, as Markdown; with ``code`` the same plan as polars code."""
    text: str = call("explain", plan=str(plan_file), code=code)["text"]
    return text


def run(
    spec_or_plan: str | Path,
    *,
    run: str | None = None,
    rules_only: bool = False,
    environment: str | None = None,
    replay: str | Path | None = None,
    progress: Callable[[Mapping[str, Any]], object] | None = None,
    allow: Iterable[str] = (),
    **outside: Any,
) -> Run:
    """Moves the data in this process: plans when needed, then every stage. The same ``run`` never loads twice.

    ``replay`` names a quarantine file whose (mended) records are moved instead of the source's rows. ``progress`` is
    told about once a second how far the work is (see :mod:`windvane.progress`). ``params`` fill in the spec's
    templates: ``{"ds": "2026-11-21"}``; ``home`` is the folder that the target's relative path means. ``allow`` names
    guards that this run lets pass (:data:`windvane.guards.NAMES`). An output that fails does not stop the others; the
    error that is raised then carries the record of the whole run as ``record``.
    """
    path = Path(spec_or_plan)
    record = Run(
        call_showing(
            "run",
            progress,
            world=_spec_context(path, environment, {**outside, "allow": allow}),
            path=str(path),
            run=run,
            environment=environment,
            rules_only=rules_only,
            replay=without_connection(str(replay))[0] if replay else None,
        )
    )
    for what in record["degraded"]:
        # With no logging set up, Python shows a warning on stderr.
        _log.warning("%s", what)
    if record["status"] != "success":
        raise of_record(record.to_dict())
    return record


def reasons(
    files: Iterable[str | Path], *, staging: str | None = None, connections: Mapping[str, str] | None = None
) -> list[str]:
    """The most frequent reasons in quarantine files, a line each with an example row; personal values are marks.

    ``staging`` and ``connections`` open an object store in which they lie.
    """
    named = [str(file) for file in files]
    away = any(is_address(file) for file in named)
    try:
        outside = run_context(Path.cwd(), staging=staging, connections=connections) if away else None
        lines: list[str] = call("reasons", files=named, world=outside)["lines"]
    except WindvaneError:
        # It only explains.
        return []
    return lines


def diagnose(text: str) -> Diagnosis:
    """What an error text means and what to do about it."""
    return Diagnosis(call("diagnose", text=text))


def schema(noun: str) -> dict[str, Any]:
    """The JSON Schema of a document."""
    document: dict[str, Any] = call("schema", noun=noun)
    return document


def _spec_context(path: Path, environment: str | None, outside: dict[str, Any]) -> dict[str, Any]:
    base = path.absolute().parent
    roots = allowed(base, outside.pop("roots", ()))
    needed = needs(path, environment=environment, roots=roots)
    staging = outside.pop("staging", None) or needed["staging"]
    return run_context(base, ids=needed["connections"], roots=roots, staging=staging, **outside)


def _outside(source: str, connections: Mapping[str, str] | None) -> dict[str, Any]:
    return run_context(Path.cwd(), ids=_ids(source), connections=connections, rests=False)


def _ids(address: str) -> list[str]:
    return [address.removeprefix("conn:").split("#")[0]] if address.startswith("conn:") else []


def _expanded(paths: Iterable[str | Path]) -> list[str]:
    found: list[str] = []
    for path in paths:
        matches = sorted(globbing.glob(str(path))) if any(mark in str(path) for mark in "*?[") else []  # noqa: PTH207
        found.extend(matches or [str(path)])
    return found
