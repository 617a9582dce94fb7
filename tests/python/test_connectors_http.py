"""JSON APIs: paging, logins, waits, bad days, nested records; the server is ours and scripted."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from conformance import call
from hostile_api import Api, Asked, Reply, serving
from pipelines import move, outside, parquet_rows, write_spec
from sql_homes import refused
from windvane import _core
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [{"id": number, "name": f"n{number}"} for number in range(1, 24)]
SECRET = "s3cr3t-t0ken"


def source(resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"http": {"connection": "api", "resources": {"orders": {"path": "/orders", **resource}}, **more}}


def asking(api: Api, place: dict[str, Any], url: str | None = None, **more: Any) -> dict[str, Any]:
    return {"source": place, "connections": {"api": url or api.url()}, **more}


def rows(api: Api, place: dict[str, Any], url: str | None = None, dataset: str = "orders", **more: Any) -> Any:
    return call("read_rows", asking(api, place, url, dataset=dataset, **more))


def page(asked: Asked) -> Any:
    number, size = int(asked.params["page"]), int(asked.params.get("per_page", 10))
    return {"data": {"items": RECORDS[(number - 1) * size : number * size]}}


def offset(asked: Asked) -> Any:
    start, size = int(asked.params["offset"]), int(asked.params.get("limit", 10))
    return RECORDS[start : start + size]


def cursor(asked: Asked) -> Any:
    start = int(asked.params.get("cursor", "0x0"), 16)
    after = start + 10
    return {"items": RECORDS[start:after], "meta": {"next": hex(after) if after < len(RECORDS) else None}}


def link(asked: Asked) -> Any:
    start = int(asked.params.get("start", 0))
    after = start + 10
    first, following = '</orders?start=0>; rel="first"', f'</orders?start={after}>; rel="next"'
    return Reply(RECORDS[start:after], headers={"Link": f"{first}, {following}" if after < len(RECORDS) else first})


def next_url(asked: Asked) -> Any:
    start = int(asked.params.get("start", 0))
    following = f"http://{asked.headers['host']}/orders?start={start + 10}"
    return {"items": RECORDS[start : start + 10], "links": {"next": following if start + 10 < len(RECORDS) else ""}}


PAGINGS = {
    "page": (page, {"records": "data.items", "paging": {"page": {"size_param": "per_page", "size": 7}}}),
    "page by default size": (page, {"records": "data.items", "paging": {"page": {}}}),
    "offset": (offset, {"paging": {"offset": {"size_param": "limit", "size": 5}}}),
    "cursor": (cursor, {"records": "items", "paging": {"cursor": {"param": "cursor", "next": "meta.next"}}}),
    "link header": (link, {"paging": "link_header"}),
    "next url": (next_url, {"records": "items", "paging": {"next_url": "links.next"}}),
}


@pytest.mark.parametrize("style", PAGINGS)
def test_every_paging_gives_every_record_once(style: str) -> None:
    script, resource = PAGINGS[style]
    with serving(script) as api:
        answer = rows(api, source(resource))
    assert answer["rows"] == RECORDS
    assert answer["numbers"] == list(range(1, len(RECORDS) + 1))
    assert answer["rejected"] == []


def test_one_page_and_one_record() -> None:
    with serving(lambda _: RECORDS) as api:
        assert rows(api, source({}))["rows"] == RECORDS
    with serving(lambda _: RECORDS[0]) as api:
        assert rows(api, source({}))["rows"] == RECORDS[:1]


def test_discovery_counts_what_it_has_seen_whole() -> None:
    script, resource = PAGINGS["page"]
    with serving(script) as api:
        found = call("datasets", asking(api, source({**resource, "key": ["id"]})))["datasets"]
        assert call("test_connection", asking(api, source(resource))) == {"ok": True}
    assert [(one["name"], one["rows"], one["rows_exact"], one["primary_key"]) for one in found] == [
        ("orders", 23, True, ["id"])
    ]
    assert [(field["name"], field["type"]) for field in found[0]["fields"]] == [("id", "int64"), ("name", "text")]


@pytest.mark.parametrize(
    ("script", "resource", "words"),
    [
        (
            lambda _: {"items": [{"id": 1}], "next": "again"},
            {"paging": {"cursor": {"param": "c", "next": "next"}}},
            "read already",
        ),
        (lambda _: {"items": [{"id": 1}], "next": "/orders"}, {"paging": {"next_url": "next"}}, "read already"),
        (lambda _: {"items": [{"id": 1}]}, {"paging": {"page": {}}}, "same records"),
        (
            lambda one: {"items": [], "next": one.params.get("c", "") + "x"},
            {"paging": {"cursor": {"param": "c", "next": "next"}}},
            "are empty",
        ),
        (lambda one: {"items": [dict(one.params)]}, {"paging": {"page": {}}, "max_pages": 30}, "more than 30 pages"),
    ],
)
def test_paging_never_runs_in_a_circle(script: Any, resource: dict[str, Any], words: str) -> None:
    schema = [{"name": "id", "type": "int64", "nullable": True}]
    request = {"locator": "orders", "kind": "jsonl", "schema": schema}
    with serving(script) as api:
        error = refused("data", "read_rows", asking(api, source({"records": "items", **resource}), **request))
        assert words in str(error)
        assert "orders" in str(error)
        assert len(api.asked) < 40


BASIC = base64.b64encode(b"me:" + SECRET.encode()).decode()


@pytest.mark.parametrize(
    ("auth", "shows"),
    [
        ("bearer", lambda one: one.headers.get("authorization") == f"Bearer {SECRET}"),
        ("basic", lambda one: one.headers.get("authorization") == f"Basic {BASIC}"),
        (None, lambda one: one.headers.get("authorization") == f"Basic {BASIC}"),
        ({"header": "X-Api-Key"}, lambda one: one.headers.get("x-api-key") == SECRET),
        ({"query": "api_key"}, lambda one: one.params.get("api_key") == SECRET),
    ],
)
def test_every_login(auth: Any, shows: Any) -> None:
    more = {"auth": auth} if auth else {}
    with serving(lambda one: RECORDS if shows(one) else Reply({"message": f"x{SECRET} is wrong"}, status=401)) as api:
        assert rows(api, source({}, **more), api.url(f"me:{SECRET}"))["rows"] == RECORDS
        error = refused(
            "auth", "read_rows", asking(api, source({}, **more), api.url(f"me:x{SECRET}"), dataset="orders")
        )
        assert SECRET not in f"{error} {error.hint}"


def test_secret_headers_come_from_the_connection() -> None:
    with serving(lambda one: RECORDS if one.headers.get("x-key") == SECRET else Reply({}, status=403)) as api:
        assert rows(api, source({}), api.url(query=f"X-Key={SECRET}"))["rows"] == RECORDS
        assert rows(api, source({}), api.url(query="__extra__=" + json.dumps({"X-Key": SECRET})))["rows"] == RECORDS


def test_client_credentials_are_asked_for_once_and_again_when_refused() -> None:
    tokens: list[str] = []

    def script(one: Asked) -> Any:
        if one.path == "/token":
            assert one.headers["authorization"] == f"Basic {BASIC}"
            assert "grant_type=client_credentials" in one.body
            assert "scope=read+all" in one.body
            tokens.append(f"token{len(tokens)}")
            return {"access_token": tokens[-1], "expires_in": 3600}
        if one.headers.get("authorization") != f"Bearer {tokens[-1]}" or (
            len(tokens) == 1 and one.params["page"] == "2"
        ):
            return Reply({}, status=401)
        return page(one)

    auth = {"oauth2": {"token_url": "/token", "scope": "read all"}}
    with serving(script) as api:
        place = source(PAGINGS["page by default size"][1], auth=auth)
        assert rows(api, place, api.url(f"me:{SECRET}"))["rows"] == RECORDS
    assert tokens == ["token0", "token1"]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(form: str) -> None:
    def script(_: Asked) -> Any:
        if len(api.asked) == 2:
            value = "1" if form == "seconds" else formatdate(time.time() + 1, usegmt=True)
            return Reply({}, status=429, headers={"Retry-After": value})
        return RECORDS

    with serving(script) as api:
        assert rows(api, source({}))["rows"] == RECORDS
        waited = api.times()[2] - api.times()[1]
    assert waited >= 1.0 if form == "seconds" else waited > 0.05


def test_a_wait_that_is_too_long_is_an_error_that_says_so() -> None:
    with serving(lambda _: Reply({}, status=429, headers={"Retry-After": "3600"})) as api:
        with pytest.raises(WindvaneError) as caught:
            rows(api, source({}))
        assert caught.value.kind == "throttled"
        assert len(api.asked) == 1


def test_a_bad_day_passes() -> None:
    bad = iter([Reply({}, status=500), Reply(RECORDS, cut=True), Reply({}, status=503), Reply({}, status=408)])
    with serving(lambda _: next(bad, RECORDS)) as api:
        assert rows(api, source({}))["rows"] == RECORDS


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(raw=b'[{"id": 1}, {"id"'), "data", "cut short"),
        (Reply(raw=b"<html>hello</html>"), "data", "HTML"),
        (Reply(raw=b"\xff\xfe"), "data", "UTF-8"),
        (Reply(raw=b""), "data", "empty"),
        (Reply("text"), "data", "single value"),
        (Reply({}, status=404), "missing", "404"),
        (Reply({"error": "bad since"}, status=400), "spec", "bad since"),
        (Reply({}, status=302, headers={"Location": "http://localhost:1/x"}), "unsupported", "redirects"),
        (Reply([], headers={"Content-Encoding": "br"}), "unsupported", "br"),
    ],
)
def test_a_broken_answer_is_named(reply: Reply, kind: str, words: str) -> None:
    with serving(lambda _: reply) as api:
        place = source({"params": {"q": SECRET}})
        error = refused(kind, "read_rows", asking(api, place, dataset="orders"))
    assert words in str(error)
    assert "/orders" in str(error)
    assert SECRET not in str(error)


def test_redirects_at_home_and_gzip_are_followed() -> None:
    def script(one: Asked) -> Any:
        if one.path == "/orders":
            return Reply({}, status=307, headers={"Location": "/elsewhere"})
        return Reply(raw=gzip.compress(json.dumps(RECORDS).encode()), headers={"Content-Encoding": "gzip"})

    with serving(script) as api:
        assert rows(api, source({}))["rows"] == RECORDS


def test_secrets_are_not_sent_to_another_host() -> None:
    with serving(lambda _: {"items": [{"id": 1}], "next": "http://localhost:1/orders"}) as api:
        place = source({"records": "items", "paging": {"next_url": "next"}}, auth="bearer")
        error = refused("unsupported", "read_rows", asking(api, place, api.url(f"me:{SECRET}"), dataset="orders"))
    assert "another host" in str(error)


NESTED = [
    {
        "id": 1,
        "customer": {"name": "Ada", "address": {"city": "Rome"}},
        "total": 12345678901234567.89,
        "tags": ["a", "b"],
        "items": [
            {"sku": "x", "price": 1.10, "taxes": [{"rate": 5}, {"rate": 7}]},
            {"sku": "y", "price": 2.5, "taxes": []},
        ],
    },
    {"id": 2, "customer": None, "total": 0.5, "tags": [], "items": []},
    {
        "id": 3,
        "customer": {"name": "Bob"},
        "total": 1,
        "tags": None,
        "items": [{"sku": "z", "price": None, "taxes": [{"rate": 9}]}],
    },
]
RAW = json.dumps(NESTED).replace("1.2345678901234568e+16", "12345678901234567.89").encode()


def test_nested_records_become_columns_and_tables() -> None:
    with serving(lambda _: Reply(raw=RAW)) as api:
        place = source({"key": ["id"]})
        found = {one["name"]: one for one in call("datasets", asking(api, place))["datasets"]}
        assert sorted(found) == ["orders", "orders_items", "orders_items_taxes"]
        assert found["orders_items_taxes"]["primary_key"] == ["_parent_id", "_position_1", "_position"]
        orders = rows(api, place)
        items = rows(api, place, dataset="orders_items")
        taxes = rows(api, place, dataset="orders_items_taxes")
    assert orders["rows"][0] == {
        "id": 1,
        "customer_name": "Ada",
        "customer_address_city": "Rome",
        "total": "12345678901234567.89",
        "tags": ["a", "b"],
    }
    assert [row["customer_name"] for row in orders["rows"]] == ["Ada", None, "Bob"]
    assert [(row["_parent_id"], row["_position"], row["sku"], row["price"]) for row in items["rows"]] == [
        (1, 1, "x", 1.1),
        (1, 2, "y", 2.5),
        (3, 1, "z", None),
    ]
    assert [(row["_parent_id"], row["_position_1"], row["_position"], row["rate"]) for row in taxes["rows"]] == [
        (1, 1, 1, 5),
        (1, 1, 2, 7),
        (3, 1, 1, 9),
    ]


def test_without_a_key_or_with_nested_json_lists_stay() -> None:
    with serving(lambda _: Reply(raw=RAW)) as api:
        plain = call("datasets", asking(api, source({})))["datasets"]
        kept = call("datasets", asking(api, source({"key": ["id"], "nested": "json"})))["datasets"]
        assert rows(api, source({"nested": "json"}))["rows"][2]["customer"] == {"name": "Bob"}
    assert [one["name"] for one in plain] == ["orders"]
    assert {field["name"]: field["type"] for field in plain[0]["fields"]}["items"] == "json"
    assert [field["name"] for field in kept[0]["fields"]] == ["id", "customer", "total", "tags", "items"]


def test_names_that_would_meet_stay_apart() -> None:
    records = [{"a": {"b_c": 1}, "a_b": {"c": 2}, "x": {"y": 3}, "x_y": 4, "p": {"q": 5}}]
    with serving(lambda _: records) as api:
        answer = rows(api, source({}))
    assert answer["rows"] == [{"a": {"b_c": 1}, "a_b": {"c": 2}, "x": {"y": 3}, "x_y": 4, "p_q": 5}]


def test_records_that_do_not_fit_are_rejected_with_the_reason() -> None:
    schema = [{"name": "id", "type": "int64", "nullable": True}]
    request = {"locator": "orders", "kind": "jsonl", "schema": schema}
    with serving(lambda _: [{"id": 1}, {"id": "x"}, "loose", {"id": 4}, {"id": {"deep": 1}}]) as api:
        answer = rows(api, source({}), **request)
    assert (answer["rows"], answer["numbers"]) == ([{"id": 1}, {"id": 4}], [1, 4])
    assert [one["row"] for one in answer["rejected"]] == [2, 3, 5]
    assert all(one["reason"] for one in answer["rejected"])


def test_a_limit_asks_for_no_more_pages_than_it_needs() -> None:
    with serving(page) as api:
        schema = [{"name": "id", "type": "int64", "nullable": True}]
        request = {"locator": "orders", "kind": "jsonl", "schema": schema, "limit": 12}
        answer = rows(api, source(PAGINGS["page by default size"][1]), **request)
        assert len(api.asked) == 2
    assert [row["id"] for row in answer["rows"]] == list(range(1, 13))


def test_newer_records_are_asked_for_and_others_left_out_here() -> None:
    records = [{"id": number, "at": f"2026-01-{number:02}T00:00:00Z"} for number in range(1, 6)]
    # The API includes the day before, as many do.
    script = lambda one: [row for row in records if row["at"] >= one.params.get("since", "")[:8].replace("-03", "-02")]  # noqa: E731
    bound = {
        "column": "at",
        "data_type": "timestamptz",
        "from": {"value": "2026-01-03T00:00:00Z", "inclusive": False},
        "nulls": False,
    }
    with serving(script) as api:
        place = source({"cursor": {"column": "at", "param": "since"}})
        answer = rows(api, place, within=[bound])
        asked = api.asked[-1].params
        narrow = rows(api, place, within=[bound], schema=[{"name": "id", "type": "int64", "nullable": True}])
    assert asked == {"since": "2026-01-03T00:00:00Z"}
    assert [row["id"] for row in answer["rows"]] == [4, 5]
    assert narrow["rows"] == [{"id": 4}, {"id": 5}]


def test_two_processes_share_one_rate(tmp_path: Path) -> None:
    spec = {"source": source(PAGINGS["offset"][1], rate={"requests": 10}), "target": {"sqlite": {"path": "out.db"}}}
    with serving(offset) as api:
        commands = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            path = write_spec(folder, name, **spec)
            world = {**outside(folder, api=api.url()), "store": f"sqlite:///{tmp_path}/store.db"}
            code = f"import windvane as wv; wv.run({str(path)!r}, run='r1', rules_only=True, **{world!r})"
            commands.append(subprocess.Popen([sys.executable, "-c", code]))
        assert [command.wait(120) for command in commands] == [0, 0]
        times = sorted(api.times())
    assert len(times) > 20
    # Together no faster than the rate, but for the way of the first and the last through a busy machine.
    assert times[-1] - times[0] >= (len(times) - 1) / 10 - 0.3
    # Ten a second; some more where requests were held up on their way. Two rates would give twenty.
    assert max(sum(1 for other in times if at <= other < at + 1) for at in times) <= 14


def test_a_whole_run_has_exact_counts_and_a_second_one_doubles_nothing(tmp_path: Path) -> None:
    with serving(lambda _: Reply(raw=RAW)) as api:
        world = outside(tmp_path, api=api.url(f"me:{SECRET}"))
        place = source({"key": ["id"]}, auth="bearer")
        for kind, target in {"lake": {"parquet": {"path": "lake"}}, "db": {"sqlite": {"path": "out.db"}}}.items():
            spec = write_spec(tmp_path, kind, source=place, target=target)
            first = move(spec, **world)
            again = move(spec, **world)
            counts = {one["dataset"]: one["loaded"] for one in first["outputs"]}
            assert counts == {"orders": 3, "orders_items": 3, "orders_items_taxes": 3}
            # A finished run that is run again replaces what it had loaded.
            assert {one["dataset"]: one["loaded"] for one in again["outputs"]} == counts
    lines = parquet_rows(tmp_path / "lake" / "orders")
    assert [str(row["total"]) for row in lines] == ["12345678901234567.89", "0.50", "1.00"]
    assert not any(SECRET in path.read_text(errors="ignore") for path in tmp_path.rglob("*") if path.is_file())


def test_the_shell_reads_an_address() -> None:
    import windvane as wv

    with serving(
        lambda one: {"data": {"items": RECORDS}} if one.params == {"status": "done"} else Reply({}, 404)
    ) as api:
        address = api.url(path="/v1/orders", query="status=done") + "#data.items"
        found = wv.discover(address)["datasets"]
        assert [(one["name"], one["rows"]) for one in found] == [("orders", 23)]
        assert wv.profile(address)["rows"] == 23
        with pytest.raises(WindvaneError) as caught:
            wv.discover(api.url(path="/orders.parquet"))
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "Cookie"])
def test_secrets_do_not_belong_in_a_spec(tmp_path: Path, name: str) -> None:
    spec = write_spec(tmp_path, "p", source=source({}, headers={name: SECRET}), target={"parquet": {"path": "o"}})
    problems = json.loads(_core.check(json.dumps({"paths": [str(spec)]})))["problems"]
    assert [SECRET in json.dumps(one) for one in problems] == [False]


def test_airflows_form_of_a_connection_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    from windvane.connections import resolve

    with serving(lambda one: RECORDS if one.headers.get("x-key") == SECRET else Reply({}, status=403)) as api:
        parts = {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": api.port,
            "schema": "http",
            "extra": {"X-Key": SECRET},
        }
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps(parts))
        assert rows(api, source({}), resolve(["shop_api"])["shop_api"])["rows"] == RECORDS
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", f"http://127.0.0.1:{api.port}/http?X-Key={SECRET}")
        assert rows(api, source({}), resolve(["shop_api"])["shop_api"])["rows"] == RECORDS
        error = refused("unsupported", "datasets", asking(api, source({}), api.url(query="verify=false")))
    assert "verify" in str(error)


def test_a_hook_and_an_object_need_no_address(tmp_path: Path) -> None:
    places = {
        "a": {"hook": {"connection": "own", "tables": ["t"]}},
        "b": {"python": {"object": "m:o"}},
        "c": source({}),
    }
    spec = write_spec(tmp_path, "p", sources=places, target={"parquet": {"path": "out"}})
    assert call("needs", {"path": str(spec)})["connections"] == ["api"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rate": {"requests": 1, "per": 0}}, "`per`"),
        ({"auth": {"header": "two words"}}, "two words"),
        ({"auth": "bearer"}, "no password"),
    ],
)
def test_settings_that_cannot_work_are_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(WindvaneError) as caught:
        call("datasets", {"source": source({}, **more), "connections": {"api": "https://me@localhost:1"}})
    assert words in str(caught.value)
    assert caught.value.hint
