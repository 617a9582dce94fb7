"""Plans: the same bytes on every run, refused when they no longer fit, with the reason and the way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import windvane as wv
from pipelines import outside, write_spec
from windvane._call import call
from windvane.errors import ConflictError, MissingError, SpecError, UnavailableError, WindvaneError

ORDERS = "id,customer,amount,day\n" + "".join(f"{n},{n % 7},{n}.50,2024-01-{n % 28 + 1:02d}\n" for n in range(1, 101))
CUSTOMERS = "customer,country\n" + "".join(f"{n},{'DE' if n % 2 else 'FR'}\n" for n in range(7))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "orders.csv").write_text(ORDERS)
    (tmp_path / "data" / "customers.csv").write_text(CUSTOMERS)
    return tmp_path


JOIN = {"join": {"with": "customers", "on": "customer"}}


def spec(shop: Path, **more: Any) -> Path:
    steps = more.pop("steps", [JOIN, {"filter": "amount > 10"}])
    target = {"parquet": {"path": "lake"}}
    return write_spec(shop, "shop", source={"csv": {"path": "data"}}, target=target, steps=steps, **more)


def planned(path: Path, shop: Path, **more: Any) -> Any:
    return wv.plan(path, rules_only=True, **outside(shop), **more)


def test_the_same_input_gives_the_same_bytes(shop: Path) -> None:
    path = spec(shop)
    texts = set()
    for seed in range(5):
        planned(path, shop) if seed == 0 else subprocess.run(
            [sys.executable, "-m", "windvane", "plan", str(path), "--rules-only", "--json"],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed), "WINDVANE_STORE": str(shop / f"store{seed}.db")},
        )
        texts.add((shop / "shop.plan.json").read_bytes())
    assert len(texts) == 1


def test_what_is_joined_to_is_not_loaded(shop: Path) -> None:
    plan = planned(spec(shop), shop)
    assert [output["name"] for output in plan["outputs"]] == ["orders"]
    assert plan["outputs"][0]["reads"] == ["customers"]
    assert [field["name"] for field in plan["outputs"][0]["schema"]] == ["id", "customer", "amount", "day", "country"]


def test_every_decision_says_who_and_why(shop: Path) -> None:
    plan = planned(spec(shop, steps=[]), shop)
    assert plan["decisions"]
    for decision in plan["decisions"]:
        assert decision["by"] == "rules"
        assert decision["reason"]
        assert 0 <= decision["confidence"] <= 1
    accepted = [one["proposal"] for one in plan["decisions"] if one["accepted"]]
    assert any("unique" in json.dumps(proposal) for proposal in accepted)


def test_a_changed_plan_file_is_refused(shop: Path) -> None:
    path = spec(shop)
    planned(path, shop)
    file = shop / "shop.plan.json"
    file.write_text(file.read_text().replace('"amount > 10"', '"amount > 99"'))
    with pytest.raises(SpecError, match="not what its id") as caught:
        wv.run(file, **outside(shop))
    assert "windvane plan" in (caught.value.hint or "")


def test_a_plan_of_another_spec_is_refused(shop: Path) -> None:
    planned(spec(shop), shop)
    changed = spec(shop, steps=[{"filter": "amount > 20"}])
    with pytest.raises(ConflictError, match="the spec has changed") as caught:
        wv.run(changed, rules_only=True, **outside(shop))
    assert "windvane plan" in (caught.value.hint or "")


def test_a_new_schedule_needs_no_new_plan(shop: Path) -> None:
    planned(spec(shop), shop)
    assert wv.run(spec(shop, schedule="@daily"), rules_only=True, **outside(shop))["status"] == "success"


def test_a_plan_of_another_engine_is_refused(shop: Path) -> None:
    path = spec(shop)
    plan = planned(path, shop).to_dict()
    file = shop / "shop.plan.json"
    # Another version writes another id as well: what is tested is the refusal of the version.
    from hashlib import sha256

    plan["engine"], plan["id"] = "0.9.0", ""
    plan["id"] = sha256(json.dumps(plan, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()[:16]
    file.write_text(json.dumps(plan))
    with pytest.raises(ConflictError, match=r"built by windvane 0\.9\.0"):
        wv.run(path, rules_only=True, **outside(shop))


def test_a_plan_of_another_environment_is_refused(shop: Path) -> None:
    path = spec(shop, environments={"prod": {"target": {"parquet": {"path": "prod"}}}})
    planned(path, shop, environment="prod")
    assert (shop / "shop.prod.plan.json").exists()
    (shop / "shop.plan.json").write_bytes((shop / "shop.prod.plan.json").read_bytes())
    with pytest.raises(ConflictError, match="environment|was built for 'prod'"):
        wv.run(path, rules_only=True, **outside(shop))
    record = wv.run(path, rules_only=True, environment="prod", **outside(shop))
    assert record["status"] == "success"
    assert (shop / "prod" / "orders" / "_manifest.json").exists()


def test_diff_says_what_changed_and_nothing_else(shop: Path) -> None:
    path = spec(shop)
    planned(path, shop, plan_file=shop / "old.plan.json")
    assert wv.diff(shop / "old.plan.json", shop / "old.plan.json") == []
    planned(
        spec(shop, steps=[JOIN, {"filter": "amount > 10"}, {"drop": ["day"]}]), shop, plan_file=shop / "new.plan.json"
    )
    said = {(one["place"], one["what"]) for one in wv.diff(shop / "old.plan.json", shop / "new.plan.json")}
    assert ("outputs.orders.schema", "column 'day' (date) is gone") in said
    assert any(place == "outputs.orders.steps" and what == "now: leave out day" for place, what in said)


def test_explain_names_each_step_and_why(shop: Path) -> None:
    planned(spec(shop), shop)
    text = wv.explain(shop / "shop.plan.json")
    assert "written in the spec" in text
    assert "amount > 10" in text
    assert "rules" in text
    assert "add all its columns from customers by the same customer" in text
    assert '{"' not in text, "sentences, not JSON"


def test_explain_as_code_is_polars_that_runs_and_gives_what_is_loaded(shop: Path) -> None:
    steps = [
        JOIN,
        {"filter": "amount > 10 AND country LIKE 'D%'"},
        {"derive": {"month": "date_trunc('month', day)", "gross": "amount * 1.19"}},
        {"sql": "SELECT country, customer, sum(gross) AS gross, count(*) AS n FROM input GROUP BY country, customer"},
        {"sort": {"by": ["n desc", "customer"]}},
    ]
    planned(spec(shop, steps=steps), shop)
    text = wv.explain(shop / "shop.plan.json", code=True)
    shell = subprocess.run(
        [sys.executable, "-m", "windvane", "explain", "--code", str(shop / "shop.plan.json")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert shell.stdout.strip() == text.strip()
    program: dict[str, Any] = {}
    exec(compile(text, "plan", "exec"), program)
    kinds = {input_["name"]: input_["schema"] for input_ in json.loads((shop / "shop.plan.json").read_text())["inputs"]}
    frames = []
    for name in ("orders", "customers"):
        frame = pl.scan_csv(shop / "data" / f"{name}.csv", try_parse_dates=True)
        decimals = [f for f in kinds[name] if f["type"].startswith("decimal")]
        frames.append(frame.with_columns(pl.col(f["name"]).cast(pl.Decimal(18, 2)) for f in decimals))
    loaded = program["load_orders"](*frames).collect()
    run = wv.run(shop / "shop.plan.json", rules_only=True, **outside(shop))
    assert run["status"] == "success"
    files = [str(file) for file in (shop / "lake").rglob("*.parquet")]
    assert loaded.rows() == pl.read_parquet(files).rows()
    assert loaded.height == 3


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([JOIN, {"filter": "amout > 10"}], "amout"),
        ([JOIN, {"select": ["id", "nope"]}], "nope"),
        ([JOIN, {"derive": {"x": "day + amount"}}], "steps"),
        ([{"join": {"with": "custmers", "on": "customer"}}], "custmers"),
    ],
)
def test_steps_that_do_not_fit_are_refused_before_anything_runs(shop: Path, steps: list[Any], message: str) -> None:
    with pytest.raises((SpecError, MissingError), match=message):
        planned(spec(shop, steps=steps), shop)
    assert not (shop / "lake").exists()


def test_a_dead_source_trips_its_own_breaker_only(tmp_path: Path, postgres_database: str) -> None:
    sources = {"a": {"postgres": {"connection": "alive"}}, "b": {"postgres": {"connection": "dead"}}}
    path = write_spec(tmp_path, "two", sources=sources, target={"parquet": {"path": "lake"}})
    world = outside(tmp_path, alive=postgres_database, dead="postgresql://me@127.0.0.1:1/shop")
    for _ in range(5):
        with pytest.raises(UnavailableError):
            wv.plan(path, rules_only=True, **world)
    phases = [
        next(iter(call("breaker_state", store=world["store"], name=f"connection:{name}")["phase"]))
        for name in ("alive", "dead")
    ]
    assert phases == ["closed", "open"]


def test_rows_that_steps_make_are_accounted_for_from_source_to_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    rows = ['1;"[1, 2, 3]"', '2;"[]"', '3;"oops"', '4;"[5]"', "5;"]
    (tmp_path / "data" / "things.csv").write_text("id;tags\n" + "\n".join(rows) + "\n")
    (tmp_path / "data" / "names.csv").write_text("id;name\n1;one\n2;two\n4;four\n5;five\n")
    (tmp_path / "own_functions.py").write_text(
        "import pyarrow.compute as pc\n\n\ndef upper(batch):\n"
        "    at = batch.schema.get_field_index('name')\n"
        "    batch = batch.set_column(at, 'name', pc.utf8_upper(batch['name']))\n"
        "    return batch.filter(pc.not_equal(batch['name'], 'FIVE'))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    steps = [
        {"sql": "SELECT i.id, n.name, i.tags FROM input i JOIN names n ON n.id = i.id ORDER BY i.id"},
        {"explode": {"column": "tags", "type": "int64"}},
        {"python": {"object": "own_functions:upper", "schema": {"id": "int64", "name": "text", "tags": "int64"}}},
    ]
    path = write_spec(
        tmp_path,
        "things",
        source={"csv": {"path": "data", "delimiter": ";"}},
        target={"parquet": {"path": "lake"}},
        steps=steps,
        errors={"rows": "quarantine", "max_quarantined": 0.5},
    )
    plan = planned(path, tmp_path)
    assert [(output["name"], output["reads"]) for output in plan["outputs"]] == [("things", ["names"])]
    run = wv.run(path, rules_only=True, **outside(tmp_path))
    assert run["status"] == "success"
    sums = run["reconciliation"]
    # Row 3 has no name; 1 became three rows; 5 is left out by the function.
    assert (sums["rows_in"], sums["added"], sums["loaded"], sums["filtered"], sums["quarantined"]) == (5, 2, 5, 2, 0)
    assert sums["balanced"]
    files = [str(file) for file in (tmp_path / "lake").rglob("*.parquet")]
    assert pl.read_parquet(files).rows() == [
        (1, "ONE", 1),
        (1, "ONE", 2),
        (1, "ONE", 3),
        (2, "TWO", None),
        (4, "FOUR", 5),
    ]


def test_pushdown_is_checked_when_the_plan_is_built(shop: Path) -> None:
    pushed = {"orders": {"strategy": "pushdown"}}
    with pytest.raises(WindvaneError, match="only a postgres target"):
        planned(spec(shop, steps=[], datasets=pushed), shop)
    postgres = {"postgres": {"connection": "warehouse"}}
    world = {**outside(shop), "connections": {"warehouse": "postgresql://nobody@localhost:1/none"}}
    path = write_spec(
        shop, "shop", source={"csv": {"path": "data"}}, target=postgres, steps=[JOIN, {"derive": {"u": "upper(country)"}}],
        datasets=pushed,
    )  # fmt: skip
    with pytest.raises(WindvaneError, match="locale") as caught:
        wv.plan(path, rules_only=True, **world)
    assert caught.value.place["path"] == "steps[1].derive"
    write_spec(shop, "shop", source={"csv": {"path": "data"}}, target=postgres, steps=[JOIN], datasets=pushed)
    plan = wv.plan(path, rules_only=True, **world)
    assert 'FROM pg_temp."raw_orders"' in plan["outputs"][0]["strategy"]["sql"]
    write_spec(
        shop, "shop", source={"csv": {"path": "data"}}, target=postgres,
        steps=[{"python": {"object": "m:f", "schema": {"a": "text"}}}], datasets=pushed,
    )  # fmt: skip
    with pytest.raises(WindvaneError, match="verb python has no form in SQL") as caught:
        wv.plan(path, rules_only=True, **world)
    assert caught.value.place["path"] == "steps[0].python"


@pytest.mark.parametrize(
    ("step", "place", "said"),
    [
        ({"split": {"column": "t", "by": "-"}}, "steps[0].split.by", "needs 'into'"),
        ({"split": {"column": "t", "by": "-", "pattern": "(?<a>.)"}}, "steps[0].split.pattern", "exclude each other"),
        ({"split": {"column": "t", "pattern": "("}}, "steps[0].split.pattern", "regular expression"),
        ({"pivot": {"by": "a", "column": "k", "values": [], "value": "v"}}, "steps[0].pivot.values", "empty"),
        (
            {"pivot": {"by": "a", "column": "k", "values": ["x"], "names": ["p", "q"], "value": "v"}},
            "steps[0].pivot.names",
            "1 values and 2 names",
        ),
        ({"pivot": {"by": "a", "column": "k", "values": ["x"]}}, "steps[0].pivot", "value"),
        ({"window": {"columns": {"n": " "}}}, "steps[0].window.columns.n", "empty"),
        (
            {"window": {"order_by": ["a", "a"], "columns": {"n": "row_number()"}}},
            "steps[0].window.order_by[1]",
            "second",
        ),
        ({"fill": {"a": {"from": "prev"}}}, "steps[0].fill.a.from", "previous"),
        ({"fill": {"a": [1]}}, "steps[0].fill.a", "list"),
        ({"unpivot": {"columns": []}}, "steps[0].unpivot.columns", "empty"),
        ({"mask": {"columns": {"a": "hsh"}}}, "steps[0].mask.columns.a", "hash"),
        ({"sql": ""}, "steps[0].sql", "empty"),
        ({"python": {"object": "a:b", "schema": {"x": "strnig"}}}, "steps[0].python.schema.x", "not"),
        ({"sort": {"by": "a", "limit": -1}}, "steps[0].sort.limit", "0"),
        ({"windw": {}}, "steps[0]", "window"),
    ],
)
def test_verbs_are_checked_in_the_spec_where_the_mistake_is(
    tmp_path: Path, step: dict[str, Any], place: str, said: str
) -> None:
    path = write_spec(
        tmp_path, "x", source={"csv": {"path": "data"}}, target={"parquet": {"path": "lake"}}, steps=[step]
    )
    problems = wv.check(path, roots=[tmp_path])["problems"]
    assert problems
    assert any(
        str(one["path"]).startswith(place) and said in f"{one['message']} {one.get('hint')}" for one in problems
    ), problems
