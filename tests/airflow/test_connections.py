"""Airflow connections become the engine's URLs, or are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow_windvane.connections import address_urls, engine_url, engine_urls


def connection(**fields: object) -> Connection:
    return Connection(conn_id="shop", **fields)


def test_postgres_with_a_password_that_needs_quoting() -> None:
    url = engine_url(
        connection(
            conn_type="postgres",
            host="db.example.org",
            login="me@home",
            password="p/w:d@#?",
            port=5433,
            schema="shop",
            extra='{"sslmode": "require", "cursor": "dictcursor"}',
        )
    )
    assert url == "postgresql://me%40home:p%2Fw%3Ad%40%23%3F@db.example.org:5433/shop?sslmode=require"


def test_postgres_on_an_ipv6_host_without_a_user() -> None:
    assert engine_url(connection(conn_type="postgres", host="::1", schema="shop")) == "postgresql://[::1]/shop"


def test_mysql_with_the_extras_that_the_engine_knows() -> None:
    url = engine_url(
        connection(
            conn_type="mysql",
            host="db",
            login="me",
            password="p@ss",
            schema="shop",
            extra=json.dumps({"ssl_mode": "REQUIRED", "charset": "utf8mb4"}),
        )
    )
    assert url == "mysql://me:p%40ss@db/shop?ssl-mode=REQUIRED"


@pytest.mark.parametrize("field", ["host", "schema"])
def test_sqlite_names_a_file(field: str) -> None:
    assert engine_url(connection(conn_type="sqlite", **{field: "/data/shop.db"})) == "sqlite:///data/shop.db"


def test_an_extra_that_cannot_be_honoured_is_refused_by_name_only() -> None:
    extra = '{"iam": true, "aws_conn_id": "secret-account", "sslmode": ""}'
    with pytest.raises(ValueError, match="'shop' has extras that windvane cannot honour: aws_conn_id, iam") as caught:
        engine_url(connection(conn_type="postgres", host="db", extra=extra))
    assert "secret-account" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        (
            {"host": "api.example.org", "login": "me@home", "password": "p/w"},
            "https://me%40home:p%2Fw@api.example.org/",
        ),
        ({"host": "http://api.example.org/v1", "port": 8080}, "http://api.example.org:8080/v1"),
        ({"host": "api.example.org", "schema": "http"}, "http://api.example.org/"),
        (
            {"host": "https://api.example.org/v1", "extra": '{"X-Key": "a b"}'},
            "https://api.example.org/v1?__extra__=%7B%22X-Key%22%3A+%22a+b%22%7D",
        ),
    ],
)
def test_an_api_is_https_unless_http_is_written(fields: dict[str, Any], url: str) -> None:
    assert engine_url(connection(conn_type="http", **fields)) == url


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"has the type 'oracle'; windvane reads .*http.*postgres.*sqlite"):
        engine_url(connection(conn_type="oracle", host="db"))


def test_object_stores() -> None:
    aws = connection(conn_type="aws", login="AKIA", password="a/b=", extra='{"region_name": "eu-west-1"}')
    assert engine_url(aws) == "aws://AKIA:a%2Fb%3D@/?region_name=eu-west-1"
    google = connection(conn_type="google_cloud_platform", extra='{"keyfile_dict": {"type": "x"}, "num_retries": 5}')
    url = "google-cloud-platform:///?keyfile_dict=%7B%22type%22%3A+%22x%22%7D&num_retries=5"
    assert engine_url(google) == url
    azure = connection(conn_type="wasb", login="acct", password="key==")
    assert engine_url(azure) == "wasb://acct:key%3D%3D@/"
    with pytest.raises(ValueError, match="cannot honour: role_arn"):
        engine_url(connection(conn_type="aws", extra='{"role_arn": "arn:aws:iam::1:role/x"}'))


def test_a_store_connection_is_a_file_or_a_server() -> None:
    assert engine_url(connection(conn_type="windvane_store", host="/var/s.db")) == "sqlite:///var/s.db"
    server = connection(conn_type="windvane_store", host="db", login="w", password="x", schema="wv")
    assert engine_url(server) == "postgresql://w:x@db/wv"


def test_ids_are_resolved_from_the_environment_as_airflow_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "postgres://u:p%40ss@h:5432/d")
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "sqlite:////tmp/lake.db")
    assert engine_urls(["shop", "lake"]) == {
        "shop": "postgresql://u:p%40ss@h:5432/d",
        "lake": "sqlite:///tmp/lake.db",
    }


def test_a_relative_file_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute path"):
        engine_url(connection(conn_type="sqlite", host="shop.db"))


def test_an_address_brings_its_own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "sqlite:////tmp/shop.db")
    assert address_urls("conn:shop#orders", []) == {"shop": "sqlite:///tmp/shop.db"}
    assert address_urls("data/orders.csv", []) == {}
