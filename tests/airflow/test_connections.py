"""Airflow connections become the engine's URLs, or are refused."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection
from windvane_provider.connections import address_urls, engine_url, engine_urls


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


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="has the type 'oracle'; windvane reads mariadb, mysql, postgres, postgresql, sqlite"
    ):
        engine_url(connection(conn_type="oracle", host="db"))


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
