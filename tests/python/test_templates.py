"""What each run fills in, words that mean nothing, where targets land: what `check` says, and what runs do."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import windvane
from windvane import cli
from windvane.errors import SpecError

HEAD = "pipeline: days\nsource:\n  csv: {path: '%s'%s}\ntarget:\n  parquet: {path: lake}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINDVANE_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("WINDVANE_STAGING", str(tmp_path / "staging"))
    for day, ids in (("2026-11-01", [1, 2]), ("2026-11-02", [3, 4, 5])):
        (tmp_path / "data" / day).mkdir(parents=True)
        rows = "".join(f"{number},{day}\n" for number in ids) + "99,2000-01-01\n"
        (tmp_path / "data" / day / "orders.csv").write_text(f"id,day\n{rows}")
        (tmp_path / f"orders_{day}.csv").write_text(f"id,day\n{rows}")
    return tmp_path


def spec(folder: Path, path: str, more: str = "", tail: str = "") -> Path:
    file = folder / "days.windvane.yaml"
    file.write_text(HEAD % (path, more) + tail)
    return file


def loaded(folder: Path, dataset: str = "orders") -> list[int]:
    (part,) = (folder / dataset).glob("part-*.parquet")
    return sorted(pq.read_table(part).column("id").to_pylist())


def said(file: Path) -> dict[str, str]:
    return {
        problem["path"]: f"{problem['message']} / {problem['hint']}" for problem in windvane.check(file)["problems"]
    }


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize(
    ("path", "more"),
    [("data/{{ ds }}/*.csv", ""), ("data/{{ ds }}", ""), ("orders_{{ ds }}.csv", ", as_dataset: orders")],
)
def test_a_plan_is_for_every_run(folder: Path, path: str, more: str, planned: bool) -> None:
    file = spec(folder, path, more, "steps:\n  - filter: \"day = '{{ ds }}'\"\n")
    assert windvane.check(file)["ok"]
    if planned:
        plan = windvane.plan(file, rules_only=True, params={"ds": "2026-11-01"})
        assert "2026-11-01" not in json.dumps([plan["sources"], plan["inputs"][0]["locator"], plan["outputs"]])
    for day, ids in (("2026-11-01", [1, 2]), ("2026-11-02", [3, 4, 5])):
        run = windvane.run(file, run=day, rules_only=True, params={"ds": day})
        assert run["reconciliation"]["filtered"] == 1
        assert loaded(folder / "lake") == ids


def test_what_airflow_has_rendered_is_taken_as_it_is(folder: Path) -> None:
    text = "data/{{ macros.ds_add(ds, 1) }}/*.csv"
    file = spec(folder, text)
    windvane.run(file, run="1", rules_only=True, rendered={text: "data/2026-11-02/*.csv"})
    assert loaded(folder / "lake") == [3, 4, 5, 99]
    with pytest.raises(SpecError, match="only Airflow can fill in"):
        windvane.run(file, run="2", rules_only=True, params={"ds": "2026-11-02"})


def test_a_run_without_the_value_names_it_and_the_flag(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = spec(folder, "data/{{ ds }}/*.csv")
    assert cli.main(["run", str(file), "--param", "day=1"]) == 2
    told = capsys.readouterr().err
    assert "nothing says what 'ds' is in 'data/{{ ds }}/*.csv' (given: day)" in told
    assert "--param ds=VALUE" in told
    assert cli.main(["run", str(file), "--param", "ds"]) == 2
    assert cli.main(["run", str(file), "--rules-only", "--param", "ds=2026-11-01"]) == 0


def test_a_value_that_nothing_asks_for_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = spec(folder, "data/{{ ds }}/*.csv")
    for verb in ("run", "plan"):
        assert cli.main([verb, str(file), "--rules-only", "--param", "ds=2026-11-01", "--param", "dss=1"]) == 2
        told = capsys.readouterr().err
        assert "--param dss: no template has this name; there are ds" in told
        assert "Did you mean 'ds'?" in told


def test_what_is_filled_in_stays_in_the_allowed_folders(folder: Path) -> None:
    file = spec(folder, "data/{{ ds }}/*.csv")
    with pytest.raises(SpecError, match="outside the folders"):
        windvane.run(file, run="1", rules_only=True, params={"ds": "../../.."})


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("source: {csv: {path: 'x_{{ ds }}.csv'}}", "source.csv.path", "Add 'as_dataset: NAME'"),
        ("source: {csv: {path: '${HOME}/x.csv'}}", "source.csv.path", "written for a shell"),
        ("source: {csv: {path: '$HOME/x.csv'}}", "source.csv.path", "written for a shell"),
        ("source: {csv: {path: '~/x.csv'}}", "source.csv.path", "written for a shell"),
        ("source: {sqlite: {path: x.db, tables: ['cust*']}}", "source.sqlite.tables[0]", "patterns mean nothing here"),
        ("source: {postgres: {connection: c, schema: '{{ env }}'}}", "source.postgres.schema", "'environments'"),
        ("source: {mysql: {connection: c, database: '${DB}'}}", "source.mysql.database", "written for a shell"),
        ("source: {csv: {path: x.csv}}\nintent: 'load for {{ region }}'", "intent", "nothing fills it in here"),
        ("source: {csv: {path: x.csv}}\nintent: 'rows of ${DAY}'", "intent", "written for a shell"),
        ("source: {csv: {path: 's3:/bucket/x.csv'}}", "source.csv.path", "a slash is missing"),
    ],
)
def test_words_that_mean_nothing_are_refused(tmp_path: Path, text: str, place: str, part: str) -> None:
    file = tmp_path / "a.windvane.yaml"
    file.write_text(f"pipeline: a\n{text}\ntarget: {{parquet: {{path: lake}}}}\n")
    assert part in said(file)[place]


def test_a_template_in_a_step_that_is_no_filter_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.windvane.yaml"
    file.write_text(
        "pipeline: a\nsource: {csv: {path: x.csv}}\ntarget: {parquet: {path: lake}}\n"
        "steps:\n  - derive: {day: \"'{{ ds }}'\"}\ndatasets:\n  x: {to: 'x_{{ ds }}'}\n"
    )
    assert set(said(file)) == {"steps[0].derive.day", "datasets.x.to"}


def test_a_number_with_a_zero_in_front_is_one_mistake_with_one_way_out(tmp_path: Path) -> None:
    file = tmp_path / "a.windvane.yaml"
    file.write_text("pipeline: a\nretries: 010\nsource: {csv: {path: x.csv}}\ntarget: {parquet: {path: lake}}\n")
    (problem,) = windvane.check(file)["problems"]
    assert (problem["line"], problem["column"]) == (2, 10)
    assert problem["hint"] == "Write 10 if it is a number, or put it in quotes if it is text"


def test_a_schedule_has_a_time_zone(tmp_path: Path) -> None:
    file = tmp_path / "a.windvane.yaml"
    text = "pipeline: a\ntimezone: {}\nsource: {{csv: {{path: x.csv}}}}\ntarget: {{parquet: {{path: lake}}}}\n"
    file.write_text(text.format("Europe/Stockolm"))
    assert "Did you mean 'Europe/Stockholm'?" in said(file)["timezone"]
    file.write_text(text.format("Europe/Stockholm"))
    assert windvane.check(file)["ok"]


def test_two_specs_of_one_name_are_found_by_check(tmp_path: Path) -> None:
    text = "pipeline: a\nsource: {csv: {path: x.csv}}\ntarget: {parquet: {path: lake}}\n"
    for name in ("one", "two"):
        (tmp_path / f"{name}.windvane.yaml").write_text(text)
    (problem,) = windvane.check(tmp_path)["problems"]
    assert problem["file"].endswith("two.windvane.yaml")
    assert "exists already, in " in problem["message"]
    assert windvane.check(tmp_path / "one.windvane.yaml")["ok"]


def test_a_path_outside_names_the_flags(tmp_path: Path) -> None:
    file = tmp_path / "a.windvane.yaml"
    file.write_text("pipeline: a\nsource: {csv: {path: ../x.csv}}\ntarget: {parquet: {path: lake}}\n")
    hint = said(file)["source.csv.path"]
    for way in ("--root FOLDER", "WINDVANE_ROOTS", "[windvane] roots"):
        assert way in hint


@pytest.mark.parametrize("target", ["parquet: {path: lake}", "sqlite: {path: lake/out.db}"])
def test_a_relative_target_lands_in_the_home(folder: Path, tmp_path: Path, target: str) -> None:
    file = spec(folder, "data/2026-11-01/*.csv")
    file.write_text(file.read_text().replace("parquet: {path: lake}", target))
    home = tmp_path / "elsewhere"
    windvane.run(file, run="1", rules_only=True, home=home)
    assert any((home / "lake").iterdir())
    assert not (folder / "lake").exists()
    with pytest.raises(SpecError, match="lies in a DAG bundle"):
        windvane.run(file, run="2", rules_only=True, read_only=[folder])


def test_personal_values_are_shown_on_request_only(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    rows = "".join(f"{number},person{number}@example.org,note {number}\n" for number in range(20))
    file.write_text(f"id,email,note\n{rows}21,ann@example.org,ask bob@example.org\n22,b@example.org,eve@example.org\n")
    shown = windvane.profile(file)
    text = json.dumps(shown.to_dict())
    assert "@example.org" not in text.replace("ask bob@example.org", "")
    assert "[email]" in text
    assert "@example.org" not in shown._repr_html_().replace("ask bob@example.org", "")
    assert "@example.org" in json.dumps(windvane.profile(file, reveal=True).to_dict())
    assert {column["name"]: column["pii"] for column in shown["columns"]}["email"]
