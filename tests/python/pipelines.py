"""Small helpers of tests that run whole pipelines: write a spec, run it, look at the target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import windvane as wv


def write_spec(folder: Path, name: str, **spec: Any) -> Path:
    """A spec file; JSON is YAML. Small inputs of tests hold more wrong rows than a run lets pass by itself."""
    if "max_quarantined" not in spec.get("errors", {}):
        spec["guard"] = {"quarantined": 1, **spec.get("guard", {})}
    path = folder / f"{name}.windvane.json"
    path.write_text(json.dumps({"pipeline": name, **spec}))
    return path


def outside(folder: Path, **connections: str) -> dict[str, Any]:
    """Store, staging and connections of a test: nothing outside its folder."""
    return {
        "store": f"sqlite:///{folder}/store.db",
        "staging": str(folder / "staging"),
        "connections": connections,
    }


def move(spec: Path, run: str = "r1", **world: Any) -> Any:
    """Plans by rules and runs; the record."""
    return wv.run(spec, run=run, rules_only=True, **world)


def parquet_rows(folder: Path) -> list[dict[str, Any]]:
    """All rows of a Parquet target, as its manifest lists them."""
    import pyarrow.parquet as pq

    manifest = json.loads((folder / "_manifest.json").read_text())
    return [row for part in manifest["parts"] for row in pq.read_table(folder / part["path"]).to_pylist()]
