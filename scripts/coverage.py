"""``make coverage``: which lines of our Rust the Rust tests reach, and which the Python suite does.

Only our own crates are instrumented. Processes count into mapped files, so that those that are killed count too; what
stands in ``python/`` and ``airflow_provider/`` is not looked at. Arguments are pytest's (``tests/python/test_x.py``),
with ``--rust`` the Rust tests alone, with ``--report`` what was counted before.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("CACHE") or Path.home() / ".cache" / "windvane")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or CACHE / "target")
HOME = CACHE / "coverage"
# They hold what moves rows, and what says whether a load may be seen.
CORE = ("core", "connect", "files", "sql", "engine")


def main() -> int:
    """Build, run, print."""
    given = [word for word in sys.argv[1:] if word not in ("--rust", "--report")]
    failed = 0
    if "--report" not in sys.argv:
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.mkdir(parents=True)
        failed |= _rust()
        failed |= 0 if "--rust" in sys.argv else _python(given)
    kinds = {"rust": ["rust"], "python": ["python"], "both": ["rust", "python"]}
    _print({kind: _lines(names) for kind, names in kinds.items()})
    return failed


def _environment(name: str) -> dict[str, str]:
    """One file of counters for each program, which all its processes count into."""
    return {
        **os.environ,
        "CARGO_TARGET_DIR": str(TARGET),
        "RUSTC_WORKSPACE_WRAPPER": str(ROOT / "scripts" / "coverage_rustc.sh"),
        "LLVM_PROFILE_FILE": str(HOME / name / "%m%c.profraw"),
    }


def _plain() -> list[str]:
    """Our crates are optimised little: the build is short, and no test waits. Lines are counted before that."""
    crates = ["windvane", "windvane-fuzz", *(f"windvane-{folder.name}" for folder in (ROOT / "crates").iterdir())]
    return [word for name in sorted(crates) for word in ("--config", f"profile.release.package.{name}.opt-level=1")]


def _rust() -> int:
    # The whole workspace, as in `make rust-test`: with fewer crates others have other features, and are built anew.
    command = ["cargo", "test", "--release", "--locked", "--workspace", "--no-fail-fast", *_plain()]
    told = _run([*command, "--no-run", "--message-format=json"], _environment("build"), stdout=subprocess.PIPE).stdout
    built = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    programs = [one["executable"] for one in built if one.get("executable") and one["profile"]["test"]]
    (HOME / "rust.objects").write_text("\n".join(programs))
    return subprocess.run([*command, "--quiet"], cwd=ROOT, env=_environment("rust"), check=False).returncode


def _python(tests: list[str]) -> int:
    wheels, package = HOME / "dist", HOME / "package"
    maturin = str(Path(sys.executable).with_name("maturin"))
    build = [maturin, "build", "--release", "--locked", "--quiet", "--interpreter", sys.executable, *_plain()]
    _run([*build, "--out", str(wheels)], _environment("build"))
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(package)
    (HOME / "python.objects").write_text(str(next(package.rglob("_core*.so"))))
    path = f"{package}:{ROOT / 'airflow_provider'}"
    command = [sys.executable, "-m", "pytest", *tests]
    return subprocess.run(command, cwd=ROOT, env={**_environment("python"), "PYTHONPATH": path}, check=False).returncode


def _run(
    command: list[str], environment: dict[str, str], stdout: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, text=True, stdout=stdout)


def _tool(name: str) -> str:
    """The compiler's own LLVM, which alone understands what it writes."""
    sysroot = subprocess.check_output(["rustc", "--print", "sysroot"], text=True, cwd=ROOT).strip()
    found = next(Path(sysroot).glob(f"lib/rustlib/*/bin/{name}"), None)
    if found is None:
        raise SystemExit(f"{name} is not there: rustup component add llvm-tools")
    return str(found)


def _lines(names: list[str]) -> dict[str, tuple[int, int]] | None:
    """Crate to its lines and how many of them ran; nothing where nothing was counted."""
    counted = [str(raw) for name in names for raw in (HOME / name).glob("*.profraw")]
    programs = [line for name in names for line in _listed(name)]
    if not counted or not programs:
        return None
    merged = HOME / f"{'-'.join(names)}.profdata"
    _run([_tool("llvm-profdata"), "merge", "--sparse", *counted, "-o", str(merged)], dict(os.environ))
    objects = [word for program in programs[1:] for word in ("--object", program)]
    export = [_tool("llvm-cov"), "export", "--summary-only", f"--instr-profile={merged}", programs[0], *objects]
    files = json.loads(_run(export, dict(os.environ), stdout=subprocess.PIPE).stdout)["data"][0]["files"]
    total, ran = Counter[str](), Counter[str]()
    for one in files:
        place = Path(one["filename"])
        if place.is_relative_to(ROOT) and "tests" not in place.parts and "fuzz" not in place.parts:
            parts = place.relative_to(ROOT).parts
            crate = parts[1] if parts[0] == "crates" else "py"
            total[crate] += one["summary"]["lines"]["count"]
            ran[crate] += one["summary"]["lines"]["covered"]
    return {crate: (total[crate], ran[crate]) for crate in total}


def _listed(name: str) -> list[str]:
    path = HOME / f"{name}.objects"
    return path.read_text().splitlines() if path.exists() else []


def _print(by: dict[str, dict[str, tuple[int, int]] | None]) -> None:
    """A line a crate: its lines, and the share of them that ran under each kind of tests."""
    crates = sorted({crate for lines in by.values() for crate in lines or {}})
    print("".join(f"{word:>10}" for word in ("crate", "lines", *by)))
    groups = [*((crate, [crate]) for crate in crates), ("core five", list(CORE)), ("all", crates)]
    for name, members in groups:
        sums = [_sum(lines, members) for lines in by.values()]
        shares = [f"{100 * ran / total:>8.1f} %" if total else f"{'-':>10}" for total, ran in sums]
        print(f"{name:>10}{max(total for total, _ in sums):>10}{''.join(shares)}")


def _sum(lines: dict[str, tuple[int, int]] | None, members: list[str]) -> tuple[int, int]:
    known = [(lines or {}).get(crate, (0, 0)) for crate in members]
    return sum(total for total, _ in known), sum(ran for _, ran in known)


if __name__ == "__main__":
    raise SystemExit(main())
