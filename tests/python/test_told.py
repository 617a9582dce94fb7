"""What the engine tells beside its answers reaches Python's logging, and no personal value stands in what is shown."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import windvane as wv
from pipelines import outside, write_spec
from windvane.errors import DataError


def test_a_warning_of_the_engine_reaches_logging(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orders.csv").write_text("id,amount\n1,2\n2,3\n")
    spec = write_spec(tmp_path, "orders", source={"csv": {"path": "orders.csv"}}, target={"parquet": {"path": "lake"}})
    (tmp_path / "no-folder").write_text("a file")
    monkeypatch.setenv("WINDVANE_STORE", f"sqlite:///{tmp_path}/no-folder/store.db")
    caplog.set_level(logging.DEBUG, "windvane")
    wv.plan(spec, rules_only=True, staging=str(tmp_path / "staging"))
    told = [one for one in caplog.records if one.name == "windvane" and one.levelno == logging.WARNING]
    assert [one for one in told if "the store is given up" in one.getMessage()], caplog.text


def test_without_logging_a_warning_goes_to_stderr_once(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,amount\n1,2\n2,3\n")
    write_spec(tmp_path, "orders", source={"csv": {"path": "orders.csv"}}, target={"parquet": {"path": "lake"}})
    (tmp_path / "no-folder").write_text("a file")
    known = {**os.environ, "WINDVANE_STORE": f"sqlite:///{tmp_path}/no-folder/store.db", "HOME": str(tmp_path)}
    for command in ("plan", "run"):
        shell = [sys.executable, "-m", "windvane", command, "orders.windvane.json", "--rules-only"]
        done = subprocess.run(shell, capture_output=True, text=True, cwd=tmp_path, env=known, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("given up") == 1, done.stderr


TEXTS = [
    ("call bob@example.org tomorrow", "call [email] tomorrow"),
    ("<bob@example.org>, or (ann@example.com).", "<[email]>, or ([email])."),
    ("contact=bob@example.org;phone=+44 20 7946 0958", "contact=[email];phone=[phone]"),
    ("card 4111 1111 1111 1111 was refused", "card [credit_card] was refused"),
    ("from DE89 3704 0044 0532 0130 00 to", "from [iban] to"),
    ("ip 192.168.17.4!", "ip [ipv4]!"),
    ("ring +49 30 901820 now", "ring [phone] now"),
]


@pytest.mark.parametrize(("text", "masked"), TEXTS)
def test_personal_values_inside_free_text_are_marks(text: str, masked: str) -> None:
    table = pa.table({"id": range(40), "note": [text, "nothing here"] * 20})
    profile = wv.profile(table)
    (note,) = [column for column in profile["columns"] if column["name"] == "note"]
    shown = [top["value"] for top in note["top"]]
    assert masked in shown
    assert "example" not in json.dumps(profile.to_dict())
    revealed = wv.profile(table, reveal=True)
    assert text in json.dumps(revealed.to_dict(), ensure_ascii=False)


def test_texts_without_personal_values_stay() -> None:
    texts = ["order 4711 of 2024-01-05, 3 items", "12 345 678 units", "a.b.c", "see https://example.org/a?b=c", "10:30"]
    table = pa.table({"id": range(50), "note": texts * 10})
    (note,) = [column for column in wv.profile(table)["columns"] if column["name"] == "note"]
    assert {top["value"] for top in note["top"]} == set(texts)


def test_the_reasons_stand_below_the_message_with_an_example_each(tmp_path: Path) -> None:
    lines = ["id,amount,placed,email,note"]
    for n in range(1, 201):
        amount = f"x{n}" if n % 2 == 0 else f"{n}.50"
        placed = "31/31/2024" if n % 5 == 1 else "2024-01-05"
        lines.append(f"{n},{amount},{placed},p{n}@example.org,write to q{n}@example.org")
    (tmp_path / "orders.csv").write_text("\n".join(lines) + "\n")
    steps = [
        {"cast": {"amount": "decimal(10,2)"}},
        {"parse": {"columns": ["placed"], "to": "date", "formats": ["%Y-%m-%d"]}},
    ]
    csv = {"csv": {"path": "orders.csv"}}
    spec = write_spec(
        tmp_path, "orders", source=csv, target={"parquet": {"path": "lake"}}, steps=steps, guard={"quarantined": 0.1}
    )
    with pytest.raises(DataError) as refused:
        wv.run(spec, run="r1", rules_only=True, **outside(tmp_path))
    told = str(refused.value).splitlines()
    assert "rows went to quarantine" in told[0]
    assert told[1].strip().startswith("100 rows: amount: '…' is not")
    assert "such as row " in told[1]
    assert "email=[hidden]" in told[1] or "email='[email]'" in told[1]
    assert told[2].strip().startswith("20 rows: placed: ")
    assert "@example" not in str(refused.value)
    files = [str(path) for path in (tmp_path / "staging").rglob("*.quarantine.jsonl")]
    assert wv.api.reasons(files) == [line.strip() for line in told[1:3]]
    raw = "".join(Path(file).read_text() for file in files)
    assert "@example" in raw, "quarantine itself keeps the rows as they are, to be mended"
