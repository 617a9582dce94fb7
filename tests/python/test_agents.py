"""What the agents answer by rules: mappings, proposals, diagnoses; what the guard and redaction let through."""

from __future__ import annotations

import csv
import json
import re
import string
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from windvane import _core

# Beside the project, wherever its worktree stands.
SHARED = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents]
DATA = next((folder for folder in SHARED if folder.exists()), SHARED[3])


def fields(**types: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": data_type, "nullable": True} for name, data_type in types.items()]


def mapped(source: list[dict[str, Any]], target: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return json.loads(_core.map_schemas(json.dumps({"source": source, "target": target, **more})))


def profile(table: pa.Table, name: str = "d") -> dict[str, Any]:
    return json.loads(_core.profile_stream(table, json.dumps({"dataset": name})))


def columns_of(measured: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": c["name"], "type": c["type"], "nullable": True} for c in measured["columns"]]


def diagnose(text: str, **more: Any) -> dict[str, Any]:
    return json.loads(_core.diagnose(json.dumps({"text": text, **more})))


# The mapper.

NAMES = st.text(st.sampled_from(string.ascii_letters + string.digits + "_ .-äß名稱\"'"), max_size=14)
TYPES = st.sampled_from(["int64", "text", "date", "decimal(10,2)", "boolean", "timestamptz", "uuid", "float32"])
SCHEMAS = st.dictionaries(NAMES, TYPES, max_size=8)


@settings(max_examples=200, deadline=None)
@given(source=SCHEMAS, target=SCHEMAS)
def test_a_mapping_is_one_to_one_sure_and_complete(source: dict[str, str], target: dict[str, str]) -> None:
    found = mapped(fields(**source), fields(**target))
    pairs = [(m["source"], m["target"]) for m in found["mappings"]]
    assert len({s for s, _ in pairs}) == len({t for _, t in pairs}) == len(pairs)
    assert all(0 <= m["confidence"] <= 1 for m in found["mappings"])
    assert all(0 <= c["confidence"] <= 1 for listed in found["candidates"].values() for c in listed)
    assert {s for s, _ in pairs} | set(found["unmapped_source"]) == set(source)
    assert {t for _, t in pairs} | set(found["unmapped_target"]) == set(target)
    for m in found["mappings"]:
        assert (m["transformation"] is None) == (m["kind"] == "direct")
    assert all(0 <= d["confidence"] <= 1 for d in found["decisions"])
    assert found == mapped(fields(**source), fields(**target)), "the same schemas give the same mapping"


@settings(max_examples=80, deadline=None)
@given(schema=SCHEMAS)
def test_a_schema_maps_to_itself(schema: dict[str, str]) -> None:
    assume(all(any(c.isalnum() for c in name) for name in schema))
    words = ["".join(c for c in name.lower() if c.isalnum()) for name in schema]
    assume(len(set(words)) == len(words))
    found = mapped(fields(**schema), fields(**schema))
    assert all(m["source"] == m["target"] and m["kind"] == "direct" for m in found["mappings"])
    assert len(found["mappings"]) == len(schema)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("customerId", "customer_id"),
        ("cust_id", "customer_id"),
        ("qty", "quantity"),
        ("dob", "date_of_birth"),
        ("EmailAddress", "email_address"),
        ("zip_code", "postal_code"),
        ("created_at", "creation_date"),
        ("telephone", "phone_number"),
        ("HTTPStatus", "http_status"),
        ("orders", "order"),
    ],
)
def test_names_that_mean_the_same(source: str, target: str) -> None:
    decoys = {"shipping_weight": "text", "is_open": "text"}
    found = mapped(fields(**{source: "text"}, **decoys), fields(**{target: "text"}, colour="text"))
    assert [m["source"] for m in found["mappings"] if m["target"] == target] == [source]


def test_another_type_needs_a_cast() -> None:
    (found,) = mapped(fields(amount="text"), fields(amount="decimal(10,2)"))["mappings"]
    assert (found["kind"], found["transformation"]) == ("transformed", 'CAST("amount" AS decimal(10,2))')
    (wider,) = mapped(fields(n="int32"), fields(n="int64"))["mappings"]
    assert wider["kind"] == "direct"


def test_values_tell_what_names_do_not() -> None:
    left = profile(pa.table({"c1": ["DE", "FR", "US"] * 9, "c2": ["a@b.example", "c@d.example", "e@f.example"] * 9}))
    right = profile(
        pa.table({"mail": ["x@y.example", "z@y.example", "v@w.example"] * 9, "land": ["FR", "DE", "US"] * 9})
    )
    found = mapped(columns_of(left), columns_of(right), source_profile=left, target_profile=right)
    assert {(m["source"], m["target"]) for m in found["mappings"]} == {("c1", "land"), ("c2", "mail")}


# The planner.


def proposals(
    tables: dict[str, pa.Table], words: str | None = None, keys: dict[str, list[str]] | None = None, **spec: Any
) -> list[dict[str, Any]]:
    datasets, profiles = [], {}
    for name, table in tables.items():
        profiles[name] = profile(table, name)
        datasets.append(
            {
                "name": name,
                "source": "source",
                "locator": name,
                "kind": "table",
                "rows": table.num_rows,
                "rows_exact": True,
                "bytes": None,
                "fields": columns_of(profiles[name]),
                "primary_key": (keys or {}).get(name, []),
                "foreign_keys": [],
            }
        )
    document = {
        "spec": {"pipeline": "p", "source": {"sqlite": {"path": "x"}}, "target": {"parquet": {"path": "y"}}, **spec},
        "catalog": {"datasets": datasets},
        "profiles": profiles,
        "words": words,
    }
    found = json.loads(_core.propose(json.dumps(document)))["proposals"]
    assert all(0 <= p["decision"]["confidence"] <= 1 for p in found)
    assert all(p["decision"]["evidence"] for p in found)
    return found


def accepted(found: list[dict[str, Any]], output: str = "orders") -> list[dict[str, Any]]:
    return [p["change"] for p in found if p["decision"]["accepted"] and p["output"] == output]


def orders(rows: int = 60, **columns: list[Any]) -> pa.Table:
    return pa.table({"order_id": list(range(rows)), "status": ["complete", "open", "void"] * (rows // 3), **columns})


def test_a_key_is_unique_and_present() -> None:
    found = accepted(proposals({"orders": orders()}))
    assert {"check": {"unique": ["order_id"]}} in found
    assert {"check": {"not_null": ["order_id"]}} in found


def test_a_declared_key_is_taken_at_its_word() -> None:
    table = pa.table({"a": [1, 1, 2], "b": [1, 2, 1]})
    assert {"check": {"unique": ["a", "b"]}} in accepted(proposals({"orders": table}, keys={"orders": ["a", "b"]}))


def test_a_nearly_unique_key_is_left_to_a_person() -> None:
    ids = [*range(199), 0]
    found = proposals({"orders": pa.table({"order_id": ids})})
    (unique,) = [p for p in found if "unique" in p["change"].get("check", {})]
    assert unique["decision"]["accepted"] is False
    assert "writes it into the spec" in unique["decision"]["reason"]


def test_a_join_may_repeat_a_key() -> None:
    tables = {"orders": orders(), "lines": pa.table({"order_id": [1, 1]})}
    found = proposals(tables, steps=[{"join": {"with": "lines", "on": "order_id"}}])
    assert {p["output"] for p in found} == {"orders"}
    assert {"check": {"unique": ["order_id"]}} not in accepted(found)


def test_few_rows_prove_nothing() -> None:
    assert proposals({"orders": pa.table({"order_id": [1, 2, 3]})}) == []


def test_dates_are_parsed_when_no_guess_is_needed() -> None:
    clear = [f"{i % 28 + 1:02}/{i % 12 + 1:02}/2024" for i in range(60)]
    vague = [f"{i % 12 + 1:02}/{i % 11 + 1:02}/2024" for i in range(60)]
    found = proposals({"orders": orders(shipped=clear, billed=vague)})
    steps = [p["change"]["step"] for p in found if "step" in p["change"]]
    assert steps == [{"parse": {"columns": ["shipped"], "to": "date", "formats": ["%d/%m/%Y"]}}]


def test_what_the_spec_handles_is_left_alone() -> None:
    clear = [f"{i % 28 + 1:02}/{i % 12 + 1:02}/2024" for i in range(60)]
    steps = [{"parse": {"columns": ["shipped"], "to": "date", "formats": ["%m/%d/%Y"]}}]
    assert not [p for p in proposals({"orders": orders(shipped=clear)}, steps=steps) if "step" in p["change"]]


FILTER = {"step": {"filter": "\"status\" = 'complete'"}}


@pytest.mark.parametrize(
    ("words", "filtered"),
    [
        ("Completed orders with the status.", True),
        # There is no such column: what was meant by these words nobody knows.
        ("Completed orders with the country.", False),
        ("Only complete ones.", True),
        ("Orders that are not completed orders.", False),
        ("No completed orders.", False),
        ("A complete copy of everything.", False),
        ("The complete history.", False),
        (None, False),
    ],
)
def test_words_filter_only_when_they_say_so(words: str | None, filtered: bool) -> None:
    assert (FILTER in accepted(proposals({"orders": orders()}, words))) is filtered


def test_a_word_that_fits_two_columns_is_left_to_a_person() -> None:
    table = orders(payment=["complete", "due", "late"] * 20)
    found = proposals({"orders": table}, "Completed orders.")
    assert not [p for p in found if "step" in p["change"]]


@pytest.mark.parametrize("words", ["no personal data", "Without any personal data.", "anonymised", "remove PII"])
def test_personal_columns_are_dropped_on_request(words: str) -> None:
    table = orders(email=[f"p{i}@x.example" for i in range(60)], first_name=["Ada", "Bo", "Cy"] * 20)
    assert {"step": {"drop": ["email", "first_name"]}} in accepted(proposals({"orders": table}, words))
    assert not [c for c in accepted(proposals({"orders": table}, "with personal data")) if "step" in c]


def test_one_row_per_order() -> None:
    table = pa.table({"order_id": [*range(58), 1, 2], "n": range(60)})
    lines = pa.table({"line_id": range(60), "order_id": [i // 3 for i in range(60)]})
    found = proposals({"orders": table, "order_lines": lines}, "One row per order.")
    assert {"step": {"deduplicate": {"on": ["order_id"]}}} in accepted(found)
    assert not [c for c in accepted(found, "order_lines") if "step" in c], "its order_id is no key"


# The doctor.


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("", {"sqlstate": "23505"}, ("unique_violation", "quarantine", False)),
        ("ERROR: could not serialize access (SQLSTATE 40001)", {}, ("concurrency", "retry", True)),
        ("", {"http_status": 503}, ("service_unavailable", "retry", True)),
        ("429 Client Error: Too Many Requests for url: http://x", {}, ("throttled", "retry", True)),
        ("401 Client Error: Unauthorized for url: http://x", {}, ("authentication", "escalate", False)),
        ("connection to server at 10.0.0.1 failed: Connection refused", {}, ("connection", "retry", True)),
        ("FATAL: password authentication failed for user", {}, ("authentication", "escalate", False)),
        ("[Errno 28] No space left on device", {}, ("resource_limit", "adjust", False)),
        ("'utf-8' codec can't decode byte 0xe9", {}, ("encoding", "quarantine", False)),
        ('relation "orders" does not exist', {}, ("missing_object", "adjust", False)),
        ("gronk", {"kind": "timeout"}, ("timeout", "retry", True)),
        ("gronk", {}, ("unknown", "escalate", False)),
        ("", {}, ("unknown", "escalate", False)),
    ],
)
def test_a_failure_is_named_and_treated(text: str, more: dict[str, Any], expected: tuple[str, str, bool]) -> None:
    found = diagnose(text, **more)
    assert (found["class"], found["action"], found["retryable"]) == expected
    assert found["retryable"] == (found["delay"] > 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RuntimeError: boom", "unknown"),
        ("the bedroom is red", "unknown"),
        ("KeyError: 'room'", "code_error"),
        ("KeyError: 'bedroom'", "code_error"),
        ("broom and zoom", "unknown"),
        ("EmergeError: x", "unknown"),
        ("container was OOMKilled", "resource_limit"),
        ("killed: oom", "resource_limit"),
        ("httpx.ReadTimeout", "timeout"),
        ("acme.SlowGatewayTimeout: after 3 tries", "timeout"),
        ("read_timeout reached", "timeout"),
    ],
)
def test_words_are_matched_not_letters(text: str, expected: str) -> None:
    assert diagnose(text)["class"] == expected


LINE = "[2024-01-01T00:00:00.000+0000] {taskinstance.py:1} "


@pytest.mark.parametrize(
    "text",
    [
        f"{LINE}INFO - Starting\n{LINE}INFO - timeout=30, retries=3\n{LINE}INFO - Task exited with return code 0",
        "INFO loaded 100 rows, 0 errors, 0 failed\nINFO done",
        "INFO retrying after connection refused\nINFO connected\nINFO finished",
        "WARNING slow query, timeout is near\nINFO finished successfully",
        '{"level": "info", "event": "the bedroom table is loaded"}',
        "run r1: success, 0.52 s in stages",
        "2024-01-01 10:00:00 DEBUG permission denied errors: 0\n2024-01-01 10:00:01 INFO ok",
    ],
)
def test_a_log_without_an_error_is_no_error(text: str) -> None:
    found = diagnose(text)
    assert (found["class"], found["action"], found["retryable"]) == ("no_error", "skip", False)


def test_the_error_lines_of_a_log_decide() -> None:
    text = f"{LINE}INFO - permission denied is handled\n{LINE}ERROR - deadlock detected\n{LINE}INFO - timeout=3"
    assert diagnose(text)["class"] == "concurrency"
    assert diagnose("WARNING: connection refused")["class"] == "connection"


KINDS = {
    "spec": {"configuration"},
    "data": {"malformed_data", "refused"},
    "auth": {"authentication"},
    "missing": {"missing_object", "missing_file"},
    "unsupported": {"unsupported"},
    "conflict": {"schema_mismatch", "object_state", "refused"},
    "budget": {"quota"},
    "unavailable": {"service_unavailable"},
    "timeout": {"timeout"},
    "throttled": {"throttled"},
    "cancelled": {"cancelled"},
    "internal": {"internal"},
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_error_of_our_own_is_known_by_its_kind(kind: str) -> None:
    from windvane.errors import from_core

    message = "the frobnicator permission denied timeout already exists"
    error = from_core(
        kind=kind, message=message, hint="Try again", stage=None, retryable=False, retry_after=None, place="{}"
    )
    name = type(error).__name__
    texts = [
        f"windvane: {kind}: {error}",
        f"windvane.errors.{name}: {error}",
        f'Traceback (most recent call last):\n  File "x.py", line 1, in y\nwindvane.errors.{name}: {error}',
        f"{LINE}ERROR - Task failed\nAirflowFailException: {name}: {error}",
        json.dumps({"error": {"message": message, **error.to_dict()}}, indent=2),
    ]
    for text in texts:
        found = diagnose(text)
        assert found["class"] in KINDS[kind], text
        assert found["retryable"] is (kind in {"unavailable", "timeout", "throttled"})
        assert found["action"] != "skip"


ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "src").rglob("*.rs"), *(ROOT / "crates").rglob("*.rs")]
CONSTRUCTED = re.compile(
    r"Error::(?:(spec|data|missing|unsupported|internal)\(|new\(\s*Kind::(\w+),)\s*(?:format!\(\s*)?\"((?:[^\"\\]|\\.)*)\"",
    re.DOTALL,
)


def own_messages() -> list[tuple[str, str]]:
    found = set()
    for file in SOURCES:
        for kind, named, text in CONSTRUCTED.findall(file.read_text()):
            filled = re.sub(r"\{[^}]*\}", "thing", re.sub(r"\\\n\s*", "", text).replace('\\"', '"'))
            if sum(letter.isalpha() for letter in re.sub(r"\{[^}]*\}", "", text)) >= 16:
                found.add(((kind or named).lower(), " ".join(filled.split())))
    return sorted(found)


def test_every_message_of_our_own_is_known_even_without_its_kind() -> None:
    messages = own_messages()
    assert len(messages) > 400
    kinds: dict[str, set[str]] = {}
    for kind, text in messages:
        kinds.setdefault(text, set()).add(kind)
    wrong = []
    for kind, text in messages:
        allowed = set().union(*(KINDS[one] for one in kinds[text]))
        for shown in (text, f"windvane: {kind}: {text}"):
            found = diagnose(shown)
            if found["class"] not in allowed:
                wrong.append((kind, shown, found["class"]))
    assert not wrong


def test_a_source_that_has_changed_is_no_duplicate() -> None:
    found = diagnose("the source has changed: column 'status' is gone")
    assert (found["class"], found["action"]) == ("schema_mismatch", "adjust")


def test_a_traceback_is_read_at_its_end() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/x/timeout_connection.py", line 3, in retry_permission_denied\n'
        '    run()\npsycopg2.errors.NotNullViolation: null value in column "name"\n'
    )
    found = diagnose(text)
    assert found["class"] == "not_null_violation"
    assert "NotNullViolation" in found["evidence"][0]


def test_the_outside_says_how_long_to_wait() -> None:
    assert diagnose("HTTP status 429, Retry-After: 17")["delay"] == 17
    assert diagnose("", http_status=429, retry_after=3.5)["delay"] == 3.5


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=400))
def test_any_text_gets_a_diagnosis(text: str) -> None:
    found = diagnose(text)
    assert 0 <= found["confidence"] <= 1
    assert found["action"] in {"retry", "skip", "adjust", "quarantine", "escalate"}


# Redaction.

DIGITS = st.text(string.digits, min_size=7, max_size=16)
LETTERS = st.text(string.ascii_lowercase, min_size=3, max_size=10)
SECRETS = st.one_of(
    st.builds("{}@{}.{}".format, LETTERS, LETTERS, LETTERS),
    DIGITS,
    st.builds("+49 {} {}".format, st.text(string.digits, min_size=3, max_size=3), DIGITS),
    st.sampled_from(
        [
            "4111 1111 1111 1111",
            "5500-0055-5555-5559",
            "DE89370400440532013000",
            "GB82 WEST 1234 5698 7654 32",
            "192.168.13.37",
            "2001:db8:85a3:0:0:8a2e:370:7334",
            "078-05-1120",
            "(030) 901820-77",
            "030 90 18 20 77",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "sk-proj-abcdefgh12345678",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ]
    ),
)
AROUND = st.sampled_from(["", "see ", "(", "to: ", "\n", "value='", '{"k": "', ", then "])
BEHIND = st.sampled_from(["", " now", ")", ".", "\n", "'", '"}', ", and more"])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=st.lists(st.tuples(AROUND, SECRETS, BEHIND), min_size=1, max_size=4))
def test_no_planted_secret_survives(parts: list[tuple[str, str, str]]) -> None:
    text = " ".join(before + secret + after for before, secret, after in parts)
    clean = _core.redact(text)
    for _, secret, _ in parts:
        assert secret not in clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("password=hunter2; x", "password=[secret]; x"),
        ("postgresql://me:pw@db.example/shop", "postgresql://[credentials]@db.example/shop"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [secret]"),
    ],
)
def test_secrets_by_their_context(text: str, clean: str) -> None:
    assert _core.redact(text) == clean


@pytest.mark.parametrize(
    "text", ["2024-02-29", "29/02/2024", "complete", "12.50", "Aa+ 9+", "order_id", "1234.5678", "2024-02-29T10:11:12"]
)
def test_harmless_text_stays(text: str) -> None:
    assert _core.redact(text) == text


# The guard.


@pytest.mark.parametrize(
    "text", ["a + 1 > b", "lower(a) = 'x'", "CASE WHEN a IS NULL THEN 0 ELSE b END", '"a" IN (1, 2)']
)
def test_plain_expressions_pass(text: str) -> None:
    _core.guard_sql(json.dumps({"expression": {"text": text, "columns": ["a", "b"]}}))


@pytest.mark.parametrize(
    "text",
    [
        "1=1; DROP TABLE x",
        "c = 1",
        "(SELECT 1)",
        "a IN (SELECT b FROM t)",
        "EXISTS (SELECT 1)",
        "pg_sleep(9)",
        "t.a = 1",
        "",
        "a = ",
        "a = 1 --\n; DELETE FROM x",
        "lo_import('/etc/passwd')",
        "a" * 30_000,
        "(" * 100 + "a" + ")" * 100,
    ],
)
def test_other_expressions_do_not(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        _core.guard_sql(json.dumps({"expression": {"text": text, "columns": ["a", "b"]}}))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, count(*) FROM orders GROUP BY a",
        "WITH x AS (SELECT 1 AS one FROM orders) SELECT * FROM x",
        "SELECT * FROM orders UNION ALL SELECT * FROM shop.items;",
        "SELECT * FROM (SELECT a FROM orders) q WHERE a > 1",
    ],
)
def test_reading_statements_pass(text: str) -> None:
    _core.guard_sql(json.dumps({"statement": {"text": text, "tables": ["orders", "shop.items"]}}))


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM orders",
        "SELECT 1 FROM orders; SELECT 2 FROM orders",
        "SELECT * FROM secret",
        "SELECT * INTO x FROM orders",
        "SELECT * FROM orders FOR UPDATE",
        "SELECT pg_read_file('/etc/passwd') FROM orders",
        "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d",
        "SELECT * FROM pg_ls_dir('/')",
        "WITH a AS (SELECT * FROM secret), secret AS (SELECT 1 FROM orders) SELECT * FROM a",
        "SELECT * FROM secret WHERE EXISTS (WITH secret AS (SELECT 1) SELECT 1)",
        "COPY orders TO '/tmp/x'",
        "SELECT a FROM orders WHERE a = (SELECT max(b) FROM secret)",
        "TABLE secret",
        "EXPLAIN DELETE FROM orders",
        "",
        "WITH RECURSIVE r AS (SELECT 1 FROM orders) SELECT * FROM r",
        "SELECT * FROM orders, LATERAL generate_series(1, 9)",
        "INSERT INTO orders VALUES (1)",
        'SELECT * FROM "sec""ret"',
        "SET ROLE admin",
        "DO $$ BEGIN END $$",
    ],
)
def test_other_statements_do_not(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        _core.guard_sql(json.dumps({"statement": {"text": text, "tables": ["orders", "shop.items"]}}))


# Measured on data that the rules were not written for; the floors only catch a collapse.


def needs(path: str) -> Path:
    if not (DATA / path).exists():
        pytest.skip(f"{DATA / path} is absent: nothing is measured")
    return DATA / path


def test_http_defaults_agree_with_airbyte() -> None:
    rows = json.loads(needs("07b-airbyte-failure-types/http_default_mapping.json").read_text())
    for row in rows:
        status = row["http_status_or_exception"]
        if isinstance(status, int):
            assert diagnose("", http_status=status)["retryable"] == (row["response_action"] != "FAIL"), status


def test_real_tracebacks_that_a_retry_helps_are_found() -> None:
    lines = needs("07d-etl-tracebacks/tracebacks.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    right = sum(diagnose(row["traceback"])["retryable"] == (row["suggested_action_group"] == "retry") for row in rows)
    assert right / len(rows) > 0.9


def test_small_real_tables_map_with_few_mistakes() -> None:
    right = given_ = wanted = 0
    for folder in sorted(needs("03e-small-table-pairs").iterdir()):
        if not (folder / "mapping.txt").exists():
            continue
        lines = (folder / "mapping.txt").read_text(encoding="utf-8-sig").splitlines()
        truth = {tuple(part.strip() for part in line.strip()[1:-1].split(", ", 1)) for line in lines if line.strip()}
        measured = []
        for name in ("Table1.csv", "Table2.csv"):
            with (folder / name).open(encoding="utf-8-sig", newline="") as file:
                header, *rows = csv.reader(file)
            texts = {h: [row[i] or None if i < len(row) else None for row in rows] for i, h in enumerate(header)}
            measured.append(profile(pa.table({h: pa.array(v, pa.string()) for h, v in texts.items()})))
        left, right_ = measured
        found = mapped(columns_of(left), columns_of(right_), source_profile=left, target_profile=right_)
        pairs = {(m["source"], m["target"]) for m in found["mappings"]}
        right, given_, wanted = right + len(pairs & truth), given_ + len(pairs), wanted + len(truth)
    assert right / given_ > 0.7
    assert right / wanted > 0.35
