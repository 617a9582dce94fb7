"""The URIs of assets: in everybody's schemes, the same while parsing and in a run, without secrets."""

from __future__ import annotations

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow_windvane import assets

URLS = {
    "pg": "postgresql://ann:p%40ss@db.example.org/shop?sslmode=require",
    "pg6": "postgresql://ann@[::1]:5555/shop",
    "my": "mysql://ann:secret@db.example.org:3307/shop",
    "lite": "sqlite:///srv/w.db",
}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"postgres": {"connection": "pg"}}, "postgres://db.example.org:5432/shop/public/orders"),
        ({"postgres": {"connection": "pg6", "schema": "x"}}, "postgres://[::1]:5555/shop/x/orders"),
        ({"mysql": {"connection": "my"}}, "mysql://db.example.org:3307/shop/orders"),
        ({"mysql": {"connection": "my", "database": "other"}}, "mysql://db.example.org:3307/other/orders"),
        ({"sqlite": {"connection": "lite"}}, "file:///srv/w.db/orders"),
        ({"sqlite": {"path": "w.db"}}, "file:///home/lake/w.db/orders"),
        ({"parquet": {"path": "out/./x"}}, "file:///home/lake/out/x/orders"),
        ({"csv": {"path": "/srv/out"}}, "file:///srv/out/orders"),
        ({"parquet": {"path": "s3a://bucket/a b/"}}, "s3://bucket/a%20b/orders"),
        ({"parquet": {"path": "gs://bucket"}}, "gs://bucket/orders"),
        ({"jsonl": {"path": "lake/{{ ds }}"}}, "file:///home/lake/lake/2026-11-21/orders"),
    ],
)
def test_each_kind_of_place(target: dict, expected: str) -> None:
    rendered = {"lake/{{ ds }}": "lake/2026-11-21"}
    found = assets.uri(target, "orders", home="/home/lake", urls=URLS, rendered=rendered)
    assert found == expected
    # Airflow takes it as it is.
    assert Asset(found).uri == expected


def test_while_parsing_no_connection_is_looked_up() -> None:
    assert assets.declared("p", {"postgres": {"connection": "pg"}}, ["orders"], "/h") == [AssetAlias("windvane/p")]
    assert assets.declared("p", {"parquet": {"path": "lake"}}, [], "/h") == [AssetAlias("windvane/p")]
    known = assets.declared("p", {"parquet": {"path": "lake"}}, ["a", "b"], "/h")
    assert [asset.uri for asset in known] == ["file:///h/lake/a", "file:///h/lake/b"]
