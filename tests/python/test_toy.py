"""What adding a connector costs: the toy of ``tests/toy`` is added to a copy of the workspace by the table in ARCHITECTURE.md.

Its own files, and three that are touched; the compiler names what is missing in between. The first time takes a minute or two
(our crates below the connectors, unoptimised, are compiled once more; those of others are there), later ones some seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "toy"
# The toy's own: where each of its files goes.
OWN = {
    "Cargo.toml": "crates/toy/Cargo.toml",
    "src/lib.rs": "crates/toy/src/lib.rs",
    "settings.rs": "crates/core/src/spec/kinds/toy.rs",
    "flow.rs": "crates/connectors/tests/toy.rs",
}
KINDS = "crates/core/src/spec/kinds/mod.rs"
MANIFEST = "crates/connectors/Cargo.toml"
DOOR = "crates/connectors/src/lib.rs"
# What is touched: a line, and what stands behind it from now on.
TOUCHED = {
    KINDS: [
        ("pub mod sqlite;\n", "pub mod toy;\n"),
        ("        Hook(hook::HookSource) = hook::SOURCE,\n", "        Toy(toy::ToySource) = toy::SOURCE,\n"),
        ("        Python(python::PythonTarget) = python::TARGET,\n", "        Toy(toy::ToyTarget) = toy::TARGET,\n"),
    ],
    MANIFEST: [("windvane-http.workspace = true\n", 'windvane-toy = { path = "../toy" }\n')],
    DOOR: [
        (
            "            Source::Hook(source) => Self::of(PythonConnector::open_hook(source, context)?),\n",
            "            Source::Toy(source) => Self::of(windvane_toy::Toy::open_source(source)),\n",
        ),
        (
            "            Target::Python(target) => Self::of(PythonConnector::open_target(target, context)?),\n",
            "            Target::Toy(target) => Self::of(windvane_toy::Toy::open_target(target)),\n",
        ),
    ],
}
VERSION = 'version = "0.1.0"\n'
# Who may name a kind, beside its own file: where it is opened, and who makes a source of what it has in hand.
NAMING = {
    DOOR,
    "crates/connect/src/address.rs",
    "crates/run/src/extract/drift/format.rs",
    "crates/run/src/orchestrator/replay.rs",
}


def written(path: Path, content: bytes) -> None:
    """Writes what is not there already: cargo judges by the times of files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)


def copy(place: Path) -> None:
    """The workspace as it is, and the toy's own files; what is there and the same keeps its time."""
    manifest = (ROOT / "Cargo.toml").read_text()
    members = re.findall(r'"([\w-]+)(?:/\*)?"', manifest.partition("members = [")[2].partition("]")[0])
    listed = ["Cargo.toml", "Cargo.lock", "build.rs", "src", *members, "python/windvane/spec.schema.json"]
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *listed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    kept = {place / name for name in names if (ROOT / name).is_file()} | {place / own for own in OWN.values()}
    for stale in {path for path in place.rglob("*") if path.is_file()} - kept:
        stale.unlink()
    for name in names:
        if (ROOT / name).is_file() and name not in {*TOUCHED, "Cargo.toml", "Cargo.lock"}:
            written(place / name, (ROOT / name).read_bytes())
    for name, own in OWN.items():
        written(place / own, (TOY / name).read_bytes())
    # Under another version: cargo tells crates of one target folder by name and version, and these must never be taken for ours.
    assert manifest.count(VERSION) == 1
    written(place / "Cargo.toml", manifest.replace(VERSION, 'version = "0.0.1"\n').encode())
    shutil.copy(ROOT / "Cargo.lock", place / "Cargo.lock")


def touch(place: Path, names: set[str]) -> None:
    """These of the touched files with their insertions, the others without."""
    for name, insertions in TOUCHED.items():
        text = (ROOT / name).read_text()
        for anchor, line in insertions if name in names else []:
            assert text.count(anchor) == 1, f"{name}: {anchor!r}"
            text = text.replace(anchor, anchor + line)
        written(place / name, text.encode())


def cargo(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The features of the whole product, so that the crates of others are those that it was built of; ours unoptimised."""
    ours = ["windvane", *(f"windvane-{crate.name}" for crate in (place / "crates").iterdir())]
    quick = [f"--config=profile.release.package.{name}.opt-level=0" for name in ours]
    packages = ["--package=windvane", "--package=windvane-connectors"]
    return subprocess.run(
        ["cargo", "test", "--release", "--offline", *packages, *quick, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(900)
def test_a_connector_is_three_touched_files_beside_its_own() -> None:
    target = os.environ.get("CARGO_TARGET_DIR")
    if not target:
        pytest.skip(
            "`make test` says where the engine was built (CARGO_TARGET_DIR); elsewhere all of it would be compiled"
        )
    place = Path(target) / "toy-workspace"
    copy(place)
    # With its line in the list of kinds alone, the compiler says what is missing and where.
    touch(place, {KINDS})
    missing = cargo(place, "--test=toy", "--no-run").stderr
    assert re.findall(r"error\[E0004\].*?`&\w+::Toy\(_\)` not covered", missing), missing
    assert set(re.findall(r"--> (\S+?):\d+:\d+", missing)) >= {DOOR}, missing
    touch(place, set(TOUCHED))
    moved = cargo(place, "--test=toy")
    assert moved.returncode == 0, moved.stderr + moved.stdout
    assert "1 passed" in moved.stdout
    assert len(TOUCHED) <= 3


def test_the_table_names_what_the_toy_touches() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| a connector |"))
    assert [name for name in TOUCHED if f"`{name.removeprefix('crates/')}`" not in row] == []


def test_nobody_else_asks_which_kind_it_is() -> None:
    kinds = re.findall(r"^        (\w+)\(\w+::\w+\) = ", (ROOT / KINDS).read_text(), flags=re.MULTILINE)
    assert len(kinds) > 15
    named = re.compile(rf"\b(?:Source|Target)::(?:{'|'.join(kinds)})\b")
    own = (ROOT / KINDS).parent
    files = [path for home in ("crates/*/src", "src") for path in ROOT.glob(f"{home}/**/*.rs") if path.parent != own]
    assert {str(path.relative_to(ROOT)) for path in files if named.search(path.read_text())} == NAMING
