"""The files that are made from the engine's types are those that are committed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from windvane import _core, generate
from windvane.errors import SpecError

PACKAGE = Path(__file__).parents[2] / "python" / "windvane"


def test_the_committed_schema_is_fresh() -> None:
    assert generate.main(["--check", "--folder", str(PACKAGE)]) == 0


def test_a_stale_schema_is_noticed_and_mended(tmp_path: Path) -> None:
    (tmp_path / "spec.schema.json").write_text(
        (PACKAGE / "spec.schema.json").read_text().replace("pipeline", "pipelin")
    )
    assert generate.main(["--check", "--folder", str(tmp_path)]) == 1
    assert generate.main(["--folder", str(tmp_path)]) == 0
    assert generate.main(["--check", "--folder", str(tmp_path)]) == 0


@pytest.mark.parametrize("noun", ["spec", "plan", "profile", "catalog", "decision", "problem", "graph", "folder"])
def test_every_document_has_a_schema(noun: str) -> None:
    schema = json.loads(_core.schema(json.dumps({"noun": noun})))
    assert schema["type"] == "object"
    assert schema["$id"].endswith(f"/{noun}/v1.json")


def test_an_unknown_document() -> None:
    with pytest.raises(SpecError, match="no document 'poem'"):
        _core.schema(json.dumps({"noun": "poem"}))
