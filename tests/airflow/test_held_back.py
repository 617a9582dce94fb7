"""What joins to a dataset that is refused is not loaded, whether the datasets have groups of their own or are mapped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from test_run import run

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dags

SPEC = """\
pipeline: {name}
source:
  csv: {{path: data/*.csv}}
target:
  parquet: {{path: "lake/{name}"}}
datasets:
  buys: {{key: id, STRATEGY steps: [{{join: {{with: customers, on: cid, take: [country]}}}}]}}
  again: {{from: buys, key: id, STRATEGY steps: [{{join: {{with: customers, on: cid, take: [country]}}}}]}}
  customers: {{key: cid, STRATEGY}}
  orders: {{key: id, STRATEGY}}
  people: {{load: false}}
"""


def give(dags: Dags, customers: int, buys: int) -> None:
    rows = [f"{number},c{number},SE" for number in range(customers)]
    (dags.data / "customers.csv").write_text("\n".join(["cid,cname,country", *rows]) + "\n")
    rows = [f"{number},{number % 10}" for number in range(buys)]
    (dags.data / "buys.csv").write_text("\n".join(["id,cid", *rows]) + "\n")
    (dags.data / "orders.csv").write_text("id,amount\n" + "".join(f"{number},1\n" for number in range(buys)))


def count(lake: Path) -> int:
    manifest: dict[str, Any] = json.loads((lake / "_manifest.json").read_text())
    return sum(part["rows"] for part in manifest["parts"])


@pytest.mark.parametrize(
    ("kind", "strategy"), [("mapped", "staged"), ("groups", "staged"), ("groups", "fused"), ("wide", "fused")]
)
def test_what_joins_to_a_refused_dataset_is_not_loaded(bundled: Dags, kind: str, strategy: str) -> None:
    from windvane import plan

    name = f"held_{kind}_{strategy}"
    last = "move" if strategy == "fused" else "load"
    text = SPEC.replace("STRATEGY", f"strategy: {strategy},").replace(",}}", "}}")
    if kind == "wide":
        # More datasets than have groups.
        text += "".join(f"  more{number}: {{{{from: orders, strategy: fused}}}}\n" for number in range(16))
    spec = bundled.spec(name, text)
    give(bundled, 10, 50)
    if kind != "mapped":
        plan(spec, rules_only=True)
    state, tasks = run(bundled)
    assert state == "success"
    lake = bundled.lake / name
    give(bundled, 2, 60)
    state, tasks = run(bundled)
    assert state == "failed"
    states = {key: ti.state for key, ti in tasks.items()}
    if kind == "groups":
        assert states[f"customers.{last}", -1] == "failed"
        assert states[f"buys.{last}", -1] == states[f"again.{last}", -1] == "upstream_failed"
        assert states[f"orders.{last}", -1] == "success"
    else:
        # By name: again, buys, customers, (more,) orders.
        loads = [state for (task, _), state in sorted(states.items()) if task == f"datasets.{last}"]
        assert loads[:3] == ["failed"] * 3
        assert set(loads[3:]) == {"success"}
    assert states["record", -1] == "failed"
    assert count(lake / "buys") == count(lake / "again") == 50
    assert count(lake / "orders") == 60
    # Mended, all of it is loaded.
    give(bundled, 10, 60)
    assert run(bundled)[0] == "success"
    assert count(lake / "buys") == count(lake / "again") == 60
