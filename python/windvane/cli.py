"""The shell: the verbs as commands, with the documents and exit codes of the contract.

Exit codes: 0 done, 1 the thing asked about is not well, 2 the request was wrong, 3 the outside failed,
4 waits for a person (a proposal that only a person may accept), 130 interrupted. With ``--json`` the document is the
only thing on stdout; everything for people goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windvane import __version__, api, guards, progress, pruning
from windvane.errors import MissingError, SpecError, WindvaneError
from windvane.shell import doctor, history, show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OUTSIDE = {"auth", "unavailable", "timeout", "throttled"}
_REQUEST = {"spec", "missing", "unsupported"}

Command = tuple["Callable[[argparse.Namespace], Any]", "Callable[[Any], str]", "Callable[[Any], bool]"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    perform, render, well = _COMMANDS[options.command]
    try:
        document = perform(options)
    except WindvaneError as error:
        return _failed(error, as_json=options.json)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    _show(json.dumps(_plain(document), indent=2, ensure_ascii=False) if options.json else render(document))
    if options.command == "plan" and show.waiting(document):
        return 4
    if options.command == "approve" and document["waits"]:
        return 4
    return 0 if well(document) else 1


def _show(text: str) -> None:
    """Prints; who reads no further (``| head``) has read enough."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python would say it again when it closes the stream at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(error: WindvaneError, *, as_json: bool) -> int:
    if as_json:
        document = {**(error.record or {}), "error": {"message": error.args[0], **error.to_dict()}}
        _show(json.dumps(document, indent=2, ensure_ascii=False))
    elif error.record and error.record["outputs"]:
        _show(show.run(error.record))
    print(f"windvane: {error.kind}: {error}", file=sys.stderr)
    if error.kind in _OUTSIDE:
        return 3
    return 2 if error.kind in _REQUEST else 1


def _plain(document: Any) -> Any:
    return document.to_dict() if hasattr(document, "to_dict") else document


def _planned(options: argparse.Namespace) -> Any:
    return api.plan(
        options.spec,
        words=options.words,
        rules_only=options.rules_only,
        environment=options.environment,
        write=not options.dry,
        roots=options.root,
        params=_pairs(options.param),
    )


def _approved(options: argparse.Namespace) -> Any:
    return api.approve(
        options.path,
        proposals=options.proposal,
        every=options.all,
        reject=options.reject,
        by=options.by,
        environment=options.environment,
        roots=options.root,
    )


def _ran(options: argparse.Namespace) -> Any:
    try:
        return api.run(
            options.path,
            run=options.run,
            rules_only=options.rules_only,
            environment=options.environment,
            replay=options.replay,
            progress=progress.terminal(),
            interval=options.interval,
            allow=options.allow,
            roots=options.root,
            params=_pairs(options.param),
            staging=options.staging,
        )
    finally:
        progress.clear_line()


def _diagnosed(options: argparse.Namespace) -> Any:
    if options.file == "-":
        return api.diagnose(sys.stdin.read())
    try:
        text = Path(options.file).read_text(errors="replace")
    except OSError as error:
        raise MissingError(
            f"{options.file}: the log cannot be read: {error.strerror}",
            kind="missing",
            hint="Name a file, or - for what comes on stdin",
        ) from error
    return api.diagnose(text)


def _profiled(options: argparse.Namespace) -> Any:
    settings = {"table": options.table, "sample": options.sample, "reveal": options.reveal}
    if options.source != "-":
        return api.profile(options.source, **settings)
    # What comes is told by its first bytes, as a file's ending would.
    first = sys.stdin.buffer.read(4096)
    ending = ".parquet" if first.startswith(b"PAR1") else ".jsonl" if first.lstrip()[:1] in {b"{", b"["} else ".csv"
    with tempfile.TemporaryDirectory(prefix="windvane-") as folder:
        path = Path(folder, f"stdin{ending}")
        with path.open("wb") as file:
            file.write(first)
            shutil.copyfileobj(sys.stdin.buffer, file)
        return api.profile(path, **settings)


def _differs(options: argparse.Namespace) -> Any:
    differences = api.diff(options.old, options.new)
    return {"schema": "windvane/diff/v1", "differences": differences}


def _compacted(options: argparse.Namespace) -> Any:
    target, _, dataset = options.target.rpartition("#")
    if not target or not dataset:
        raise SpecError("the dataset is missing; write TARGET#dataset", kind="spec")
    place = {"parquet": {"path": target, "connection": options.connection}} if options.connection else target
    return api.compact(place, dataset)


def _pairs(given: Sequence[str]) -> dict[str, str]:
    """``name=value`` of each ``--param``."""
    pairs = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name.strip() and equals):
            raise SpecError(f"--param {one!r} is not NAME=VALUE", kind="spec", hint="For example --param ds=2026-11-21")
        pairs[name.strip()] = value
    return pairs


def _always(_: Any) -> bool:
    return True


_COMMANDS: dict[str, Command] = {
    "check": (
        lambda o: api.check(
            *o.specs, environment=o.environment, roots=o.root, connect=o.connect, params=_pairs(o.param)
        ),
        show.problems,
        lambda document: bool(document["ok"]),
    ),
    "discover": (lambda o: api.discover(o.source), show.catalog, _always),
    "compact": (_compacted, show.compaction, _always),
    "profile": (
        _profiled,
        show.profile,
        _always,
    ),
    "map": (lambda o: api.map(o.source, o.target, rules_only=o.rules_only), show.mapping, _always),
    "plan": (_planned, show.plan, _always),
    "approve": (_approved, show.approval, _always),
    "diff": (_differs, show.differences, lambda document: not document["differences"]),
    "explain": (lambda o: {"text": api.explain(o.plan, code=o.code)}, lambda document: str(document["text"]), _always),
    "run": (_ran, show.run, lambda document: document["status"] == "success"),
    "diagnose": (_diagnosed, show.diagnosis, _always),
    "schema": (lambda o: api.schema(o.noun), lambda document: json.dumps(document, indent=2), _always),
    "doctor": (lambda o: doctor.examine(o.staging), show.doctor, lambda document: bool(document["ok"])),
    "prune": (
        lambda o: pruning.prune(*o.specs, staging=o.staging, keep=o.keep, dry_run=o.dry_run, environment=o.environment),
        show.pruned,
        lambda document: not document["failed"],
    ),
    "runs": (lambda o: history.rows("runs", o.pipeline), show.rows, _always),
    "decisions": (lambda o: history.rows("decisions", o.pipeline), show.rows, _always),
    "ledger": (lambda o: history.rows("ledger", o.pipeline), show.rows, _always),
    "catalog": (lambda o: history.search(" ".join(o.words)), show.rows, _always),
}


def _diff(diff: argparse.ArgumentParser) -> None:
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")


def _approve(approve: argparse.ArgumentParser) -> argparse.ArgumentParser:
    approve.add_argument("path", metavar="SPEC_OR_PLAN")
    approve.add_argument("--proposal", action="append", default=[], metavar="ID", help="this one; repeatable")
    approve.add_argument("--all", action="store_true", help="all that wait")
    approve.add_argument("--reject", action="store_true", help="decide against them")
    approve.add_argument("--by", metavar="NAME", help="who decides; by default you")
    return approve


def _prune(prune: argparse.ArgumentParser) -> None:
    prune.add_argument("specs", nargs="*", metavar="SPEC_OR_PLAN", help="whose own staging is looked through too")
    prune.add_argument("--environment", metavar="NAME", help="which of the specs' environments")
    prune.add_argument("--keep", metavar="DAYS", help="days after a run's end; WINDVANE_KEEP, else 7")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")


def _staging(*commands: argparse.ArgumentParser) -> None:
    help_ = "where rows rest: a folder, or s3://CONNECTION@bucket/folder (gs://, az://); WINDVANE_STAGING"
    for command in commands:
        command.add_argument("--staging", metavar="PLACE", help=help_)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="windvane", description="Self-steering data pipelines.")
    parser.add_argument("--version", action="version", version=f"windvane {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help_text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_text, description=help_text)
        added.add_argument("--json", action="store_true", help="the document on stdout, nothing else")
        return added

    check = command("check", "Reads specs and shows every mistake with its place.")
    check.add_argument("specs", nargs="+", metavar="SPEC")
    check.add_argument("--connect", action="store_true", help="look at the sources too; writes nothing")
    discover = command("discover", "Shows what exists at a source.")
    discover.add_argument("source", metavar="SOURCE", help="a path, a URL or conn:ID")
    compact = command("compact", "Joins the small files of a loaded dataset.")
    compact.add_argument("target", metavar="TARGET#DATASET", help="the folder or address it was loaded into")
    compact.add_argument("--connection", metavar="ID", help="the connection of an object store")
    profile = command("profile", "Measures a dataset in one pass.")
    profile.add_argument("source", metavar="SOURCE", help="a path, a URL, conn:ID, or - for what comes on stdin")
    profile.add_argument("--table")
    profile.add_argument("--sample", type=int, metavar="N", help="the first N rows only")
    profile.add_argument("--reveal", action="store_true", help="show personal values instead of [email], [phone], …")
    mapping = command("map", "Proposes which source column belongs to which target column.")
    mapping.add_argument("source", metavar="SOURCE")
    mapping.add_argument("target", metavar="TARGET")
    plan = command("plan", "Looks at the sources and writes the plan file beside the spec.")
    plan.add_argument("spec", metavar="SPEC")
    plan.add_argument("--words", help="what is wanted, in plain words")
    plan.add_argument("--dry", action="store_true", help="write nothing")
    approve = _approve(command("approve", "Decides about proposals that wait in a plan file; alone, lists them."))
    _diff(command("diff", "Shows what would change between two plans."))
    explain = command("explain", "Tells each step of a plan and why.")
    explain.add_argument("plan", metavar="PLAN")
    explain.add_argument("--code", action="store_true", help="the same plan as polars code")
    run = command("run", "Moves the data in this process.")
    run.add_argument("path", metavar="SPEC_OR_PLAN")
    run.add_argument("--run", help="the run's id; the same id never loads twice")
    run.add_argument("--interval", nargs=2, metavar=("START", "END"), help="the data interval, RFC 3339")
    run.add_argument(
        "--allow", action="append", default=[], metavar="NAME", help=f"let a guard pass once: {', '.join(guards.NAMES)}"
    )
    run.add_argument(
        "--replay",
        metavar="FILE",
        help="load the mended rows of a quarantine file (`source` of each line, else `record`): all or none, each once",
    )
    diagnose = command("diagnose", "Tells what an error means and what to do.")
    diagnose.add_argument("file", nargs="?", default="-", metavar="FILE")
    schema = command("schema", "Prints the JSON Schema of a document.")
    schema.add_argument("noun", help="spec, plan, profile, …")
    _prune(pruned := command("prune", "Removes the staging folders and quarantine of runs that are over."))
    _staging(run, pruned, command("doctor", "Examines what is installed, reachable and writable."))
    for name, what in (("runs", "past runs"), ("decisions", "what agents decided"), ("ledger", "what was loaded")):
        command(name, f"Shows {what}.").add_argument(
            "pipeline", nargs="?" if name == "runs" else None, metavar="PIPELINE"
        )
    catalog = command("catalog", "Searches the datasets that were seen.")
    catalog.add_argument("words", nargs="+", metavar="WORD")
    for with_environment in (check, plan, approve, run):
        with_environment.add_argument("--environment", metavar="NAME", help="which of the spec's environments")
        with_environment.add_argument(
            "--root", action="append", default=[], metavar="FOLDER", help="a folder that the spec's paths may lead to"
        )
    for with_params in (check, plan, run):
        with_params.add_argument(
            "--param", action="append", default=[], metavar="NAME=VALUE", help="what {{ NAME }} in the spec stands for"
        )
    for with_model in (mapping, plan, run):
        with_model.add_argument("--rules-only", action="store_true", help="ask no model")
    return parser
