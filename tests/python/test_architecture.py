"""The house: rooms of one crate import only rooms above them, third-party crates stay in their crates, files stay small.

The order of the crates is the compiler's business: no crate can name one that its `Cargo.toml` does not.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
CRATES = ROOT / "crates"
MAX_LINES, MEDIAN_LINES = 600, 130

# Which of our crates may build on which crate of others.
THIRD_PARTY = {
    "pyo3": {"."},
    "pyo3-arrow": {"."},
    "sqlx": {"store", "sql"},
    "async-openai": {"llm"},
    "reqwest": {"llm", "http", "connect"},
    "rustls": {"llm", "http", "connect", "sql"},
    "tokio-rustls": {"sql"},
    "webpki-roots": {"sql"},
    "tower": {"llm"},
    "petgraph": {"plan"},
    "saphyr-parser": {"core"},
    "croner": {"core"},
    "sqlparser": {"engine", "agents"},
    "datasketches": {"know"},
    "object_store": {"connect"},
    "parquet": {"files", "run"},
}
# The same for rooms, where a crate has several.
THIRD_PARTY_ROOMS = {"saphyr_parser": "spec", "croner": "spec", "datasketches": "profile"}
# Crates that are one room: their modules are no rooms.
ROOMS = ("core", "know", "run")
ALONE = {"reqwest", "rustls", "tokio-rustls", "webpki-roots", "object_store", "tokio", "parquet", "sqlx"}


def rooms(crate: str) -> list[str]:
    page = (CRATES / crate / "src" / "lib.rs").read_text()
    return re.findall(r"^(?:pub )?mod (\w+);", page, flags=re.MULTILINE)


def code(path: Path) -> str:
    """The file without comments and strings: words in prose import nothing."""
    text = re.sub(r"//[^\n]*", "", path.read_text())
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


def back_edges(sources: dict[str, list[tuple[str, str]]], order: list[str]) -> list[str]:
    """Imports of a room by a room above it. ``sources``: room to (file, code)."""
    found = []
    for room, files in sources.items():
        allowed = set(order[: order.index(room) + 1])
        for name, text in files:
            # `use crate::{a, b}` as well as `crate::a::b`.
            named = set(re.findall(r"\bcrate::(\w+)", text))
            for group in re.findall(r"\bcrate::\{([^;]*?)\};", text, flags=re.DOTALL):
                named |= set(re.findall(r"(?:^|,)\s*(\w+)", group))
            found += [f"{name}: {room} imports {other}" for other in sorted((named & set(order)) - allowed)]
    return found


def sources(crate: str) -> dict[str, list[tuple[str, str]]]:
    files: dict[str, list[tuple[str, str]]] = {room: [] for room in rooms(crate)}
    home = CRATES / crate / "src"
    for path in sorted(home.rglob("*.rs")):
        room = path.relative_to(home).parts[0].removesuffix(".rs")
        if room != "lib":
            files[room].append((str(path.relative_to(ROOT)), code(path)))
    return files


def dependencies(crate: str) -> set[str]:
    text = (CRATES / crate / "Cargo.toml").read_text()
    return set(re.findall(r"^([\w-]+)\.workspace = true", text.partition("[dependencies]")[2], flags=re.MULTILINE))


def tracked(*endings: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in listed if name.endswith(endings) and (ROOT / name).exists()]


@pytest.mark.parametrize("crate", ROOMS)
def test_no_room_imports_a_room_below_it(crate: str) -> None:
    assert back_edges(sources(crate), rooms(crate)) == []


def test_the_check_itself_finds_a_back_edge() -> None:
    order = ["error", "schema", "spec"]
    guilty = {"schema": [("schema/mod.rs", "use crate::spec::Spec;")], "spec": [("s", "use crate::{error, schema};")]}
    assert back_edges(guilty, order) == ["schema/mod.rs: schema imports spec"]


@pytest.mark.parametrize("package", sorted(THIRD_PARTY))
def test_third_party_crates_stay_in_their_crates(package: str) -> None:
    users = {path.name for path in CRATES.iterdir() if package in dependencies(path.name)}
    if package in dependencies(".."):
        users.add(".")
    assert users == THIRD_PARTY[package]


@pytest.mark.parametrize("package", sorted(THIRD_PARTY_ROOMS))
def test_third_party_crates_stay_in_their_rooms(package: str) -> None:
    offenders = [
        name
        for crate in ROOMS
        for room, files in sources(crate).items()
        if room != THIRD_PARTY_ROOMS[package]
        for name, text in files
        if re.search(rf"(?:\buse |[^:\w]){package}::", text)
    ]
    assert offenders == []


def test_files_are_short() -> None:
    lengths = {str(path): len(path.read_text().splitlines()) for path in tracked(".rs", ".py")}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
    assert median(lengths.values()) <= MEDIAN_LINES


def test_every_crate_and_room_says_what_it_is_for() -> None:
    pages = [ROOT / "src" / "lib.rs", *CRATES.glob("*/src/lib.rs"), *CRATES.glob("*/src/*/mod.rs")]
    assert len(pages) > len(list(CRATES.iterdir()))
    assert [str(page) for page in pages if not page.read_text().startswith("//!")] == []


def test_architecture_names_every_crate_and_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    names = [path.name for path in CRATES.iterdir()] + [room for crate in ROOMS for room in rooms(crate)]
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("crate", sorted(path.name for path in CRATES.iterdir()))
def test_every_crate_with_logic_has_rust_tests(crate: str) -> None:
    inside = [path for path in (CRATES / crate / "src").rglob("*.rs") if "#[test]" in path.read_text()]
    outside = [path for path in (CRATES / crate / "tests").rglob("*.rs") if "#[test]" in path.read_text()]
    assert inside or outside
    # A library without tests inside is not compiled a second time for them.
    assert ("\ntest = false\n" in (CRATES / crate / "Cargo.toml").read_text()) is not bool(inside)


def test_nothing_heavy_is_imported_at_module_level() -> None:
    heavy = re.compile(r"^(?:import|from) (polars|pandas|pyarrow|windvane\._core)\b", re.MULTILINE)
    homes = {"python", "airflow_provider", "dags"}
    product = [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in homes]
    assert product
    assert [str(path) for path in product if heavy.search(path.read_text())] == []


def test_crates_that_must_stand_once_do() -> None:
    # The lock file also lists what optional features would bring; the tree is what is built.
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    versions = {tuple(line.split()[:2]) for line in tree if line}
    alone = sorted(name for name, _ in versions if name.startswith("arrow") or name in ALONE)
    assert alone
    assert alone == sorted(set(alone))


def test_no_two_test_files_have_one_name() -> None:
    # One run could not import both.
    names = [path.name for path in tracked(".py") if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))
