"""Two pipelines whose targets are one place: the second does not take away what the first has loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import windvane as wv
from pipelines import outside, parquet_rows, write_spec
from windvane.errors import ConflictError

TARGETS: dict[str, dict[str, Any]] = {
    "files": {"parquet": {"path": "lake"}},
    "sqlite": {"sqlite": {"path": "lake.db"}},
    "postgres": {"postgres": {"connection": "warehouse"}},
    "mysql": {"mysql": {"connection": "warehouse"}},
}


@pytest.fixture(params=sorted(TARGETS))
def place(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, str]]:
    kind = request.param
    if kind in {"postgres", "mysql"}:
        return TARGETS[kind], {"warehouse": request.getfixturevalue(f"{kind}_database")}
    return TARGETS[kind], {}


def spec(folder: Path, name: str, target: dict[str, Any], **more: Any) -> Path:
    own = folder / name
    own.mkdir(exist_ok=True)
    (own / "orders.csv").write_text("id,shop\n" + "".join(f"{n},{name}\n" for n in range(20)))
    return write_spec(own, name, source={"csv": {"path": "orders.csv"}}, target=target, **more)


def ran(path: Path, run: str, folder: Path, connections: dict[str, str]) -> Any:
    return wv.run(path, run=run, rules_only=True, home=folder, **outside(folder, **connections))


@pytest.mark.parametrize("strategy", ["staged", "fused"])
def test_a_second_pipeline_is_refused_until_it_adopts(
    strategy: str, place: tuple[dict[str, Any], dict[str, str]], tmp_path: Path
) -> None:
    target, connections = place
    datasets = {"orders": {"strategy": strategy}}
    north = spec(tmp_path, "north", target, datasets=datasets)
    south = spec(tmp_path, "south", target, datasets=datasets)
    assert ran(north, "r1", tmp_path, connections)["status"] == "success"
    with pytest.raises(ConflictError, match="whose last load was one of the pipeline 'north'") as refused:
        ran(south, "r1", tmp_path, connections)
    assert "adopt: true" in str(refused.value)
    assert ran(north, "r2", tmp_path, connections)["status"] == "success", "its own may go"
    adopting = spec(tmp_path, "south", target, datasets={"orders": {"strategy": strategy, "adopt": True}})
    assert ran(adopting, "r2", tmp_path, connections)["status"] == "success"
    if "parquet" in target:
        assert {row["shop"] for row in parquet_rows(tmp_path / "lake" / "orders")} == {"south"}


def test_what_only_adds_is_welcome(tmp_path: Path) -> None:
    target = {"parquet": {"path": "lake", "mode": "append"}}
    for name in ("north", "south"):
        assert ran(spec(tmp_path, name, target), "r1", tmp_path, {})["status"] == "success"
    assert len(parquet_rows(tmp_path / "lake" / "orders")) == 40
