"""``make matrix``: the provider on every Airflow and Python that it claims, from wheels, in environments of their own.

Each is resolved with the packages of the day that ``tests/matrix/versions.toml`` names and kept in the cache.
Interpreters are those that uv or pyenv has; one that is not there is named, not skipped in silence.

``matrix.py --only 3.0``: one line of the table; ``--first``: the first interpreter of each line only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ROOT / "tests" / "matrix" / "versions.toml"
TESTS = ROOT / "tests" / "airflow" / "test_every_version.py"
TOOLS = ("pytest", "pytest-timeout", "apache-airflow-providers-standard", "jsonschema")
CACHE = Path(os.environ.get("CACHE") or Path.home() / ".cache" / "windvane")
UV = str(Path(sys.executable).with_name("uv"))


def main() -> int:
    """Make what is missing, run, print the table; fails when a cell fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--first", action="store_true", help="one Python each")
    parser.add_argument("--python", action="append", default=[], metavar="VERSION")
    options = parser.parse_args()
    lines = tomllib.loads(VERSIONS.read_text())["airflow"]
    table: list[tuple[str, str, str, str, float]] = []
    for line in lines:
        if options.only and line["name"] not in options.only:
            continue
        pythons = [version for version in line["pythons"] if not options.python or version in options.python]
        for version in pythons[:1] if options.first else pythons:
            began = time.monotonic()
            installed, outcome = _cell(line, version)
            table.append((line["name"], installed, version, outcome, time.monotonic() - began))
            print(_row(table[-1]), flush=True)
    print("\n" + "\n".join([_row(("airflow", "installed", "python", "outcome", 0.0)), *map(_row, table)]))
    return 1 if any(outcome not in ("passed", "no interpreter") for *_, outcome, _ in table) else 0


def _row(cell: tuple[str, str, str, str, float]) -> str:
    name, installed, version, outcome, seconds = cell
    return f"{name:8} {installed:10} {version:7} {outcome:15} {f'{seconds:.0f} s' if seconds else ''}"


def _cell(line: dict[str, Any], version: str) -> tuple[str, str]:
    """The installed Airflow and how the tests ended."""
    interpreter = _interpreter(version)
    if interpreter is None:
        return "-", "no interpreter"
    place = CACHE / "matrix" / f"{line['name']}-{version}"
    try:
        _make(line, interpreter, place)
    except subprocess.CalledProcessError as error:
        print(error.stderr or error.stdout, file=sys.stderr)
        return "-", "not installable"
    python = place / "bin" / "python"
    said = _run([str(python), "-c", "import importlib.metadata as m; print(m.version('apache-airflow'))"]).stdout
    installed = said.strip()
    tests = [str(python), "-m", "pytest", "-q", "-x", str(TESTS)]
    done = subprocess.run(tests, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-6000:], done.stderr[-2000:], file=sys.stderr)
        return installed, "FAILED"
    return installed, "passed"


def _interpreter(version: str) -> str | None:
    found = subprocess.run(
        [UV, "python", "find", "--no-python-downloads", version], capture_output=True, text=True, check=False
    )
    if found.returncode == 0:
        return found.stdout.strip()
    # Of pyenv, whatever it calls the current one.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    kept = sorted((pyenv / "versions").glob(f"{version}.*/bin/python"))
    return str(kept[-1]) if kept else None


def _make(line: dict[str, Any], interpreter: str, place: Path) -> None:
    """The environment with both wheels: resolved once for one text of the table's line, the wheels anew each time."""
    requirements = place.with_suffix(".in")
    lock = place.with_suffix(".txt")
    key = hashlib.sha256(repr((sorted(line.items()), interpreter, TOOLS, _bounds())).encode()).hexdigest()
    ready = place / ".ready"
    if not ready.exists() or ready.read_text() != key:
        place.parent.mkdir(parents=True, exist_ok=True)
        requirements.write_text("\n".join([line["requires"], *_bounds(), *TOOLS]) + "\n")
        how = ["--resolution", "lowest-direct"] if line.get("lowest") else []
        if line.get("lowest"):
            # The tools are no bound of ours.
            requirements.write_text("\n".join([line["requires"], *_bounds()]) + "\n")
        how += ["--prerelease", "allow"] if line.get("prerelease") else []
        common = [
            "--quiet",
            "--python",
            interpreter,
            "--exclude-newer",
            line["until"],
            "--no-header",
            "--no-emit-index-url",
        ]
        _run([UV, "pip", "compile", *common, *how, str(requirements), "-o", str(lock)])
        _run([UV, "venv", "--quiet", "--clear", "--python", interpreter, str(place)])
        _install(place, "--compile-bytecode", "--requirements", str(lock))
        if line.get("lowest"):
            _install(place, "--exclude-newer", line["until"], "--constraints", str(lock), *TOOLS)
        ready.write_text(key)
    wheels = sorted(str(wheel) for wheel in (CACHE / "dist").glob("*.whl"))
    _install(place, "--reinstall", "--no-deps", "--compile-bytecode", *wheels)
    # The metadata of our wheels must agree with what is installed.
    _run([UV, "pip", "check", "--quiet", "--python", str(place / "bin" / "python")])


def _bounds() -> list[str]:
    """What the provider's wheel asks for, but for windvane itself."""
    asked = tomllib.loads((ROOT / "airflow_provider" / "pyproject.toml").read_text())["project"]["dependencies"]
    return [bound for bound in asked if not bound.startswith("windvane")]


def _install(place: Path, *what: str) -> None:
    _run([UV, "pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *what])


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)


def _environment() -> dict[str, str]:
    """Without another Airflow's settings, and with bytecode, which makes its imports quick."""
    ours = ("AIRFLOW", "_AIRFLOW", "WINDVANE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


if __name__ == "__main__":
    raise SystemExit(main())
